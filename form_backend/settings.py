"""The environment, read once at start into a frozen, checked Settings."""

import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

from limits import parse_many

from form_backend import addresses

T = TypeVar("T")
Security = Literal["tls", "starttls", "none"]

SECURITY_OF_SCHEME: dict[str, Security] = {"smtps": "tls", "smtp+starttls": "starttls", "smtp": "none"}
PORT_OF_SCHEME = {"smtps": 465, "smtp+starttls": 587, "smtp": 25}
MOST_CONNECTIONS = 256  # to one relay at once, where its address names no number
RELAY_EXAMPLE = "like smtps://user@mail.example.org:465"
TRUE, FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}


class SettingsError(SystemExit):
    """A setting that is wrong or missing; it ends any command with one sentence on standard error."""

    def __init__(self, variable: str, problem: str) -> None:
        super().__init__(f"{variable} {problem}")


@dataclass(frozen=True)
class Relay:
    """One SMTP server that we hand mail to."""

    host: str
    port: int
    security: Security
    user: str | None
    connections: int | None = None  # how many at once, where the relay allows a client no more


@dataclass(frozen=True)
class Settings:
    """Everything the operator decides; the README's table says what each variable means."""

    secret_key: str
    mail_relays: tuple[Relay, ...]
    mail_password: str | None
    mail_ca_file: Path | None
    mail_from: str
    bounces_to: str
    enquiries_to: tuple[str, ...]
    requests_to: tuple[str, ...]
    mail_deadline: float
    site_dir: Path
    limits_url: str
    person_limit: str
    post_limit: str
    site_limit: str
    token_min_age: float
    trusted_proxies: int
    require_sandbox: bool

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Return the settings that FLASK_* variables give, or end with a SettingsError."""
        variables = _Variables(environ)
        return cls(
            secret_key=variables.secret_key(),
            mail_relays=(relays := variables.items("FLASK_MAIL_RELAYS", _relay)),
            mail_password=variables.password(relays),
            mail_ca_file=variables.read("FLASK_MAIL_CA_FILE", _ca_file, default=""),
            mail_from=variables.read("FLASK_MAIL_FROM", _address),
            bounces_to=variables.read("FLASK_BOUNCES_TO", _address),
            enquiries_to=variables.items("FLASK_ENQUIRIES_TO", _address),
            requests_to=variables.items("FLASK_REQUESTS_TO", _address),
            mail_deadline=variables.read("FLASK_MAIL_DEADLINE", _seconds(least=1, most=25), default="10"),
            site_dir=variables.read("FLASK_SITE_DIR", _folder, default="output"),
            limits_url=variables.read("FLASK_LIMITS_URL", _limits_url, default="memory://"),
            person_limit=variables.read("FLASK_PERSON_LIMIT", _limit, default="10 per hour"),
            post_limit=variables.read("FLASK_POST_LIMIT", _limit, default="60 per hour"),
            site_limit=variables.read("FLASK_SITE_LIMIT", _limit, default="600 per minute"),
            token_min_age=variables.read("FLASK_TOKEN_MIN_AGE", _seconds(least=0, most=3600), default="3"),
            trusted_proxies=variables.read("FLASK_TRUSTED_PROXIES", _count, default="0"),
            require_sandbox=variables.read("FLASK_REQUIRE_SANDBOX", _switch, default="1"),
        )


class _Variables:
    """Read variables by name; what a parser refuses becomes a SettingsError."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ

    def read(self, name: str, parse: Callable[[str], T], default: str | None = None) -> T:
        text = self.environ.get(name, "").strip() or default
        if text is None:
            raise SettingsError(name, "is not set; the README's table of settings says what goes there.")
        try:
            return parse(text)
        except ValueError as error:
            raise SettingsError(name, str(error)) from None

    def items(self, name: str, parse: Callable[[str], T]) -> tuple[T, ...]:
        return self.read(name, lambda text: tuple(parse(item.strip()) for item in text.split(",")))

    def secret_key(self) -> str:
        if "FLASK_SECRET_KEY_FILE" not in self.environ:
            return self.read("FLASK_SECRET_KEY", _secret)
        if "FLASK_SECRET_KEY" in self.environ:
            raise SettingsError(
                "FLASK_SECRET_KEY", "and FLASK_SECRET_KEY_FILE are both set; keep one of them."
            )
        return self.read("FLASK_SECRET_KEY_FILE", lambda path: _secret(_contents(path)))

    def password(self, relays: tuple[Relay, ...]) -> str | None:
        name, users = "FLASK_MAIL_PASSWORD_FILE", [relay.user for relay in relays if relay.user]
        if users:
            return self.read(name, _password)
        if name in self.environ:
            raise SettingsError(name, f"is set but no relay names a user; write {RELAY_EXAMPLE}.")
        return None


def _secret(text: str) -> str:
    if len(text.encode()) < 32 or len(set(text)) < 10:
        raise ValueError(
            "must hold at least 32 bytes of randomness; make one with: "
            'python3 -c "import secrets; print(secrets.token_urlsafe(32))"'
        )
    return text


def _contents(path: str) -> str:
    try:
        text = Path(path).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise ValueError("names a file that cannot be read; check the path and its permissions.") from None
    if not text:
        raise ValueError("names a file that is empty; put the secret there, on one line.")
    return text


def _password(path: str) -> str:
    if not (text := _contents(path)).isascii():
        raise ValueError("names a file with letters outside ASCII; use a password without them.")
    return text


def _relay(text: str) -> Relay:
    try:
        url = urlsplit(text)
        host, port, user = url.hostname or "", url.port, unquote(url.username or "")
        extra = url.path or url.fragment
        usable = host.encode("idna") and port != 0 and user.isascii() and not extra
    except ValueError:  # its text may quote a password
        usable = False
    if not usable or url.scheme not in SECURITY_OF_SCHEME:
        raise ValueError(
            f"must list relays as smtps://, smtp+starttls:// or smtp:// addresses, {RELAY_EXAMPLE}: "
            "the user in ASCII, the port from 1 to 65535."
        )
    if url.password is not None:
        raise ValueError("must not hold a password; put it in the file that FLASK_MAIL_PASSWORD_FILE names.")
    if url.scheme == "smtp" and not _is_loopback(host):
        raise ValueError(
            "may use clear text (smtp://) only to this machine; use smtps:// or smtp+starttls://."
        )
    port, security = port or PORT_OF_SCHEME[url.scheme], SECURITY_OF_SCHEME[url.scheme]
    return Relay(host, port, security, user or None, _connections(url.query))


def _connections(query: str) -> int | None:
    """Return the number in `connections=3`, or None where nothing is said."""
    if not query:
        return None
    number = re.fullmatch(r"connections=([1-9][0-9]{0,2})", query)
    if not number or int(number[1]) > MOST_CONNECTIONS:
        raise ValueError(
            f"may end an address with a number of connections from 1 to {MOST_CONNECTIONS}, and with nothing "
            f"else; write it {RELAY_EXAMPLE}?connections=3."
        )
    return int(number[1])


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _ca_file(path: str) -> Path | None:
    if not path:
        return None
    try:
        text = Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        text = ""
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise ValueError("names no readable file of certificates in PEM form; check the path.")
    return Path(path)


def _address(text: str) -> str:
    try:
        return addresses.deliverable(text)
    except ValueError:
        raise ValueError("must hold plain e-mail addresses, like website@example.org.") from None


def _seconds(least: float, most: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            seconds = float(text)
        except ValueError:
            seconds = -1
        if not least <= seconds <= most:
            raise ValueError(f"must be a number of seconds from {least} to {most}.")
        return seconds

    return parse


def _folder(text: str) -> Path:
    folder = Path(text).absolute()
    if not folder.is_dir():
        raise ValueError("names no folder; build the site there with: make build")
    return folder


def _limits_url(text: str) -> str:
    try:
        url = urlsplit(text)
        usable = url.scheme in ("redis", "rediss") and url.hostname and url.port != 0
        usable = usable and parse_qs(url.query).keys() <= {"ssl_ca_certs"}
    except ValueError:  # its text may quote a password
        usable = False
    if text != "memory://" and not usable:
        raise ValueError(
            "must be memory:// or the address of a Redis or Valkey server, like redis://127.0.0.1:6379/0."
        )
    return text


def _limit(text: str) -> str:
    try:
        parse_many(text)
    except ValueError:
        raise ValueError('must be a limit like "10 per hour"; several are joined by a semicolon.') from None
    return text


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise ValueError("must be a whole number: how many proxies stand in front.")
    return int(text)


def _switch(text: str) -> bool:
    if text.lower() not in TRUE | FALSE:
        raise ValueError("must be 1 (on) or 0 (off).")
    return text.lower() in TRUE
