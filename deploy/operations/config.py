"""/etc/form-backend/setup.toml: all that the operator decides, each key explained, read and checked."""

import difflib
import ipaddress
import json
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

FILE = Path("/etc/form-backend/setup.toml")
LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
Value = str | list[str]


class ConfigError(Exception):
    """The file cannot be used; the sentence says what to do."""


@dataclass(frozen=True)
class Key:
    """One key of the file: its table, its name, and what the operator has to know of it."""

    table: str
    name: str
    explanation: str
    example: Value
    required: bool = True
    valid: Callable[[str], bool] = bool
    default: Value | None = None

    @property
    def full_name(self) -> str:
        """Return the name as the operator would say it."""
        return f"{self.table}.{self.name}".lstrip(".")

    @property
    def nothing(self) -> Value:
        """Return what stands for a key that is left out."""
        return self.default if self.default is not None else type(self.example)()


def _is_host(text: str) -> bool:
    return bool(re.fullmatch(r"(?!-)[a-z0-9-]+(\.[a-z0-9-]+)+", text))


def _is_address(text: str) -> bool:
    return bool(re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", text))


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


def _is_absolute(text: str) -> bool:
    return text.startswith("/")


def _is_ssh_key(text: str) -> bool:
    return bool(re.fullmatch(r"(ssh|ecdsa|sk)-[\w@.-]+ [A-Za-z0-9+/=]+( [^\n\"]*)?", text))


def _is_revision(text: str) -> bool:
    return bool(re.fullmatch(r"[\w][\w./-]*", text))


KEYS = (
    Key(
        "",
        "site",
        "The name that people type. It must lead to this server.",
        "www.imqs.co.za",
        valid=_is_host,
    ),
    Key(
        "",
        "repository",
        "The website's repository, which git can clone here without asking for anything.",
        "https://git.example.org/website.git",
    ),
    Key(
        "",
        "version",
        "The version that runs: a tag, or a commit. A newer one is the upgrade, an earlier one the way back.",
        "v1.0.0",
        valid=_is_revision,
    ),
    Key(
        "certificate",
        "email",
        "Where the certificate authority writes when something is wrong.",
        "it@example.org",
        valid=_is_address,
    ),
    Key(
        "certificate",
        "server",
        "Optional: the certificate authority's ACME address, where it is not Let's Encrypt.",
        LETS_ENCRYPT,
        required=False,
        default=LETS_ENCRYPT,
    ),
    Key(
        "mail",
        "relays",
        "The mail relays, tried in order: smtps://user@host:465 or smtp+starttls://user@host:587.",
        ["smtps://website@mail.example.org:465"],
    ),
    Key("mail", "from", "Our own address, in From.", "website@example.org", valid=_is_address),
    Key(
        "mail",
        "bounces_to",
        "A mailbox that staff read, for bounces.",
        "bounces@example.org",
        valid=_is_address,
    ),
    Key("mail", "enquiries_to", "Who gets enquiries.", ["enquiries@example.org"], valid=_is_address),
    Key(
        "mail",
        "requests_to",
        "Who gets requests to update or delete; the address that the privacy statement names among them.",
        ["requests@example.org"],
        valid=_is_address,
    ),
    Key(
        "mail",
        "password_file",
        "Optional: a file with the relays' password and nothing else, readable by root alone.",
        "/etc/form-backend/mail-password",
        required=False,
        valid=_is_absolute,
    ),
    Key(
        "mail",
        "oauth_token_url",
        "Optional: OAuth 2.0 in place of a password, as Microsoft 365 asks. All four keys, or none.",
        "https://login.example.org/token",
        required=False,
    ),
    Key("mail", "oauth_client_id", "Optional: see oauth_token_url.", "website", required=False),
    Key(
        "mail",
        "oauth_scope",
        "Optional: see oauth_token_url.",
        "https://mail.example.org/.default",
        required=False,
    ),
    Key(
        "mail",
        "oauth_client_secret_file",
        "Optional: see oauth_token_url. A file with the client's secret, readable by root alone.",
        "/etc/form-backend/oauth-secret",
        required=False,
        valid=_is_absolute,
    ),
    Key(
        "mail",
        "ca_file",
        "Optional: the authority that signs the relays' certificates (PEM, with the extension keyUsage).",
        "/etc/form-backend/relay-ca.pem",
        required=False,
        valid=_is_absolute,
    ),
    Key(
        "mail",
        "certificates_file",
        "Optional: the recipients' S/MIME certificates in PEM form; mails to staff are then encrypted.",
        "/etc/form-backend/staff.pem",
        required=False,
        valid=_is_absolute,
    ),
    Key(
        "mail",
        "networks",
        "Optional: networks that the relays' addresses may come from, where a provider changes them often.",
        ["192.0.2.0/24"],
        required=False,
        valid=_is_network,
    ),
    Key(
        "publishing",
        "keys",
        "Optional: public SSH keys that may do one thing here: ask for what is merged to be published.",
        ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI merges"],
        required=False,
        valid=_is_ssh_key,
    ),
    Key(
        "alarm",
        "command",
        "The command that tells you of an alarm, without the relays above; the failed unit's name is added.",
        ["/usr/local/bin/call-me"],
    ),
)
SETTINGS_TABLE = "form_backend"
SETTINGS_EXPLANATION = 'Optional: other settings of the README\'s table, like FLASK_MAIL_DEADLINE = "15".'
OAUTH = ("oauth_token_url", "oauth_client_id", "oauth_scope", "oauth_client_secret_file")


@dataclass(frozen=True)
class Config:
    """What the file says, checked."""

    values: dict[str, Value]
    settings: dict[str, str] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """Return a key's text; empty where it is left out."""
        value = self.values[name]
        assert isinstance(value, str)  # noqa: S101 - parse() saw to it
        return value

    def items(self, name: str) -> list[str]:
        """Return a key's list; empty where it is left out."""
        value = self.values[name]
        assert isinstance(value, list)  # noqa: S101 - parse() saw to it
        return value

    @property
    def hosts(self) -> list[str]:
        """Return the names that the form backend connects to."""
        urls = [*self.items("mail.relays"), self.text("mail.oauth_token_url")]
        urls.append(self.settings.get("FLASK_LIMITS_URL", ""))
        return list(dict.fromkeys(host for url in urls if (host := urlsplit(url).hostname)))


def read(path: Path) -> Config:
    """Return what the file says, or raise a ConfigError."""
    try:
        return parse(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        raise ConfigError(f"{path} is not there.") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ConfigError) as error:
        raise ConfigError(f"{path}: {error}") from None


def parse(text: str) -> Config:
    """Check each key of the file's text."""
    tables = tomllib.loads(text)
    settings = tables.pop(SETTINGS_TABLE, {})
    given = {name: value for name, value in tables.items() if not isinstance(value, dict)}
    for table, content in tables.items():
        if isinstance(content, dict):
            given |= {f"{table}.{name}": value for name, value in content.items()}
    known = {key.full_name: key for key in KEYS}
    for name in given.keys() - known.keys():
        near = difflib.get_close_matches(name, known, 1)
        raise ConfigError(f"{name} is no key of this file.{f' Did you mean {near[0]}?' if near else ''}")
    values = {name: _value(key, given.get(name)) for name, key in known.items()}
    config = Config(values, {name: _setting(name, value) for name, value in settings.items()})
    _check_logins(config)
    return config


def _value(key: Key, given: Any) -> Value:
    if given in (None, "", []):
        if key.required:
            raise ConfigError(f"{key.full_name} is missing. {key.explanation}")
        return key.nothing
    items = given if isinstance(given, list) else [given]
    if type(given) is not type(key.example) or not all(isinstance(item, str) for item in items):
        raise ConfigError(f"{key.full_name} must be written like {_toml(key.example)}.")
    for item in items:
        if not key.valid(item) or not item.isprintable():
            raise ConfigError(f"{key.full_name}: {item!r} cannot be used. {key.explanation}")
    value: Value = given
    return value


def _setting(name: str, value: Any) -> str:
    if not re.fullmatch(r"FLASK_[A-Z_]+|WEB_CONCURRENCY", name):
        raise ConfigError(
            f"{SETTINGS_TABLE}.{name} is no setting of the form backend: see the README's table."
        )
    text = str(value)
    if not text.isprintable():
        raise ConfigError(f"{SETTINGS_TABLE}.{name} must be one line of printable characters.")
    return text


def _check_logins(config: Config) -> None:
    given = [name for name in OAUTH if config.text(f"mail.{name}")]
    if given and len(given) < len(OAUTH):
        missing = next(name for name in OAUTH if name not in given)
        raise ConfigError(f"mail.{missing} is missing: the four oauth keys belong together.")
    users = [relay for relay in config.items("mail.relays") if urlsplit(relay).username]
    if users and not given and not config.text("mail.password_file"):
        raise ConfigError(f"mail.password_file is missing: {users[0]} names a user, who needs a password.")


def _toml(value: Value) -> str:
    return json.dumps(value, ensure_ascii=False)  # TOML's strings and lists of strings are JSON's


def template(answers: dict[str, Value]) -> str:
    """Return the file with every key explained; keys without an answer are there as comments."""
    lines = [
        "# The settings of this server. Change them, then run `website` as root: it does what is needed."
    ]
    table = ""
    for key in KEYS:
        if key.table != table:
            lines += ["", f"[{key.table}]"]
            table = key.table
        given = answers.get(key.full_name)
        line = f"{key.name} = {_toml(given or key.example)}"
        lines += ["", f"# {key.explanation}", line if given else f"# {line}"]
    return "\n".join([*lines, "", f"[{SETTINGS_TABLE}]", f"# {SETTINGS_EXPLANATION}", ""])


def ask(question: Callable[[str], str], say: Callable[[str], None]) -> dict[str, Value]:
    """Ask for each key until its answer can be used; return the answers."""
    answers: dict[str, Value] = {}
    for key in KEYS:
        say(f"\n{key.explanation} Like {_toml(key.example)}.")
        many = isinstance(key.example, list)
        if many:
            say("Several are separated by spaces." if key.valid is not _is_ssh_key else "One key.")
        while True:
            typed = question(f"{key.full_name}: ").strip()
            split = [typed] if key.valid is _is_ssh_key else typed.split()
            try:
                value = _value(key, (split if many else typed) if typed else None)
            except ConfigError as error:
                say(str(error))
            else:
                break
        if typed:
            answers[key.full_name] = value
    return answers
