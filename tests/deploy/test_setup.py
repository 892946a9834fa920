"""deploy/setup: the operator's one file, what is written from it, and what happens when a step fails."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from deploy.operations import addresses, config, files, install
from deploy.operations.config import Config, ConfigError
from deploy.operations.machine import File, Machine, StepError
from tests.parts.processes import ROOT, needs_debian_package

ANALYZE = "/usr/bin/systemd-analyze"
GOOD = """
site = "www.example.org"
repository = "https://git.example.org/website.git"
version = "v1"
[certificate]
email = "it@example.org"
[mail]
relays = ["smtps://website@192.0.2.25:465"]
from = "website@example.org"
bounces_to = "bounces@example.org"
enquiries_to = ["sales@example.org", "office@example.org"]
requests_to = ["requests@example.org"]
password_file = "PASSWORD"
[publishing]
keys = ["ssh-ed25519 AAAAC3Nz merges"]
[alarm]
command = ["/usr/local/bin/call-me", "--when", "100% \\"sure\\" $HOME"]
[form_backend]
FLASK_MAIL_DEADLINE = 15
FLASK_LIMITS_URL = "redis://:se\\\\cret$1@192.0.2.79:6379/0"
"""
OAUTH = """
oauth_token_url = "https://192.0.2.44/token"
oauth_client_id = "website"
oauth_scope = "mail"
oauth_client_secret_file = "/o"
"""
PASSWORD = "/etc/form-backend/mail-password"  # noqa: S105 - where it is


def good(**changed: str) -> Config:
    """Return good settings, with some lines replaced."""
    text = GOOD.replace("PASSWORD", PASSWORD)
    for old, new in changed.items():
        text = re.sub(rf"(?m)^{old} = .*$", lambda _line, new=new: new, text)  # type: ignore[misc]
    return config.parse(text)


@pytest.mark.parametrize(
    ("line", "instead", "sentence"),
    [
        ("site", "", "site is missing. The name that people type."),
        ("site", 'site = "https://www.example.org/"', "site: 'https://www.example.org/' cannot be used"),
        ("site", 'site = "www.example.org; root /etc"', "site: "),
        ("version", 'version = "--upload-pack=x"', "version: "),
        ("version", 'versoin = "v1"', "versoin is no key of this file. Did you mean version?"),
        ("relays", 'relays = "smtps://192.0.2.25"', "mail.relays must be written like ["),
        ("enquiries_to", "enquiries_to = [5]", "mail.enquiries_to must be written like ["),
        ("enquiries_to", 'enquiries_to = ["sales"]', "mail.enquiries_to: 'sales' cannot be used"),
        ("from", 'from = "a@example.org\\nFLASK_X=1"', "mail.from: "),
        ("password_file", "", "mail.password_file is missing: smtps://website@192.0.2.25:465 names a user"),
        ("password_file", 'password_file = "mail-password"', "mail.password_file: "),
        ("password_file", 'oauth_scope = "x"', "mail.oauth_token_url is missing: the four"),
        ("keys", 'keys = ["ssh-ed25519 AAAA\\nssh-rsa BBBB"]', "publishing.keys: "),
        ("command", "command = []", "alarm.command is missing."),
        ("FLASK_MAIL_DEADLINE", 'LD_PRELOAD = "/tmp/x.so"', "form_backend.LD_PRELOAD is no setting"),
        ("FLASK_MAIL_DEADLINE", 'FLASK_X = "1\\nFLASK_Y=2"', "form_backend.FLASK_X must be one line"),
    ],
)
def test_mistakes_in_the_file(line: str, instead: str, sentence: str) -> None:
    """A setting that is missing, unknown or unusable is named, with what goes there."""
    with pytest.raises(ConfigError) as caught:
        good(**{line: instead})

    assert str(caught.value).startswith(sentence)


def test_file_that_is_no_toml(tmp_path: Path) -> None:
    """A file that cannot be read as TOML is named, with the line."""
    (tmp_path / "setup.toml").write_text("site = \n")

    with pytest.raises(ConfigError, match=r"setup\.toml: .*line 1"):
        config.read(tmp_path / "setup.toml")


def test_file_with_every_key_explained() -> None:
    """The file that setup writes names every key with its explanation, and is read back as answered."""
    answers = {key.full_name: key.example for key in config.KEYS}

    text = config.template(answers)

    assert config.parse(text).values == answers
    assert all(f"# {key.explanation}\n" in text for key in config.KEYS)
    assert all(f"# {key.name} = " in config.template({}) for key in config.KEYS)


def test_questions_are_asked_until_answered() -> None:
    """Each key is asked for again until its answer can be used; what is optional may stay empty."""
    answers = {key.full_name: key.example for key in config.KEYS if key.required}
    wrong_first = iter(["no host name"])
    heard: list[str] = []

    def question(asked: str) -> str:
        name = asked.partition(":")[0]
        if name == "site" and (wrong := next(wrong_first, None)):
            return wrong
        given = answers.get(name, "")
        return given if isinstance(given, str) else " ".join(given)

    assert config.ask(question, heard.append) == answers
    assert any(sentence.startswith("site: 'no host name' cannot be used.") for sentence in heard)


def staged(folder: Path, text: str = GOOD, *options: str) -> subprocess.CompletedProcess[str]:
    """Have setup write its files under a folder, and run nothing."""
    root = folder / "root"
    (root / PASSWORD.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
    (root / PASSWORD.lstrip("/")).write_text("the relay's")
    (folder / "setup.toml").write_text(text.replace("PASSWORD", PASSWORD))
    return run_setup("--root", root, "--config", folder / "setup.toml", *options)


def run_setup(*options: str | Path) -> subprocess.CompletedProcess[str]:
    """Run deploy/setup, with nobody there to answer questions."""
    command: list[str | Path] = [sys.executable, ROOT / "deploy/setup", "setup", *options]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def contents(root: Path) -> Mapping[str, str]:
    """Return all files under a folder."""
    return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}


def test_files_are_written_once(tmp_path: Path) -> None:
    """A second run writes nothing anew, an edit only what it is about, and a dry run nothing at all."""
    assert staged(tmp_path).returncode == 0
    first = contents(tmp_path / "root")

    assert staged(tmp_path).returncode == 0
    assert contents(tmp_path / "root") == first

    edited = GOOD.replace("FLASK_MAIL_DEADLINE = 15", "FLASK_MAIL_DEADLINE = 20")
    shown = staged(tmp_path, edited, "--dry-run").stdout
    assert '      -FLASK_MAIL_DEADLINE="15"\n      +FLASK_MAIL_DEADLINE="20"\n' in shown
    assert contents(tmp_path / "root") == first

    staged(tmp_path, edited)
    second = contents(tmp_path / "root")
    assert [name for name in first if first[name] != second[name]] == ["etc/form-backend/environment"]


def test_secrets_are_for_root_alone(tmp_path: Path) -> None:
    """The secret, and settings that may hold a password, are readable by nobody but root."""
    staged(tmp_path)

    modes = {
        name: (tmp_path / "root/etc/form-backend" / name).stat().st_mode & 0o777
        for name in ("secret-key", "environment")
    }
    assert modes == {"secret-key": 0o600, "environment": 0o600}


def test_files_of_the_operator_stay(tmp_path: Path) -> None:
    """A file in the place of one of setup's is left alone, and named with the cure."""
    own = tmp_path / "root/etc/sysctl.d/60-website.conf"
    own.parent.mkdir(parents=True)
    own.write_text("vm.swappiness = 1\n")

    ended = staged(tmp_path)

    assert ended.returncode == 1
    assert ended.stderr.startswith("The step `settings` failed: ")
    assert "Move it away" in ended.stderr
    assert own.read_text() == "vm.swappiness = 1\n"


def test_step_that_fails_is_named(tmp_path: Path) -> None:
    """A step that cannot be taken is named with the cure, and running again goes on from there."""
    ended = staged(tmp_path, GOOD.replace('"PASSWORD"', '"/etc/form-backend/elsewhere"'))

    assert ended.returncode == 1
    assert ended.stderr.startswith("The step `secrets` failed: /etc/form-backend/elsewhere is not there.")
    assert staged(tmp_path).returncode == 0


def test_command_that_fails_is_quoted() -> None:
    """A command that fails is part of the sentence, with its last words."""
    with pytest.raises(StepError, match=r"(?s)`sh -c .*failed:.*no room"):
        Machine().run("sh", "-c", "echo no room >&2; exit 3")


def test_units_with_drop_ins_are_clean(tmp_path: Path) -> None:
    """Systemd finds nothing to complain of in the units as setup leaves them, and reads what was meant."""
    needs_debian_package("systemd", ANALYZE)
    staged(tmp_path)
    units = tmp_path / "root/etc/systemd/system"
    for path in units.rglob("*.*"):
        if path.is_file():
            path.write_text(path.read_text().replace("/srv/website/checkout", str(ROOT)))
    (units / "website-alarm@.service.d/command.conf").write_text(
        files.alarm_drop_in(["/bin/echo", '100% "$HOME"'])
    )
    names = [path.name for path in units.glob("*.*") if path.is_file()]
    names[names.index("website-alarm@.service")] = "website-alarm@publish.service"

    checked = subprocess.run(
        [ANALYZE, "verify", "--man=no", *names],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"SYSTEMD_UNIT_PATH": f"{units}:"},
    )

    assert (checked.returncode, checked.stderr) == (0, "")


def test_all_of_ours_raise_the_alarm() -> None:
    """Every unit that can fail, nginx and certbot among them, raises the alarm when it does."""
    units = [
        path for path in (ROOT / "deploy/systemd").rglob("*") if path.is_file() and "alarm" not in path.name
    ]
    can_fail = [path for path in units if path.suffix in (".service", ".socket") or path.suffix == ".conf"]
    silent = [
        path.name for path in can_fail if "\nOnFailure=website-alarm@%n.service\n" not in path.read_text()
    ]

    assert len(can_fail) > 6
    assert not silent


def test_values_survive_systemd() -> None:
    """What systemd hands to the form backend is what the operator wrote, whatever characters are in it."""
    text = files.environment(good())
    unescaped = dict(re.findall(r'(?m)^(\w+)="(.*)"$', re.sub(r'\\(["\\$`])', r"\1", text)))

    assert unescaped["FLASK_LIMITS_URL"] == "redis://:se\\cret$1@192.0.2.79:6379/0"
    assert unescaped["FLASK_MAIL_DEADLINE"] == "15"
    assert unescaped["FLASK_ENQUIRIES_TO"] == "sales@example.org,office@example.org"


@pytest.mark.parametrize(
    ("settings", "credentials"),
    [
        ({}, ["mail-password"]),
        ({"relays": 'relays = ["smtps://192.0.2.25:465"]'}, []),
        ({"password_file": OAUTH}, ["oauth-secret"]),
        (
            {"password_file": 'password_file = "/a"\nca_file = "/b"\ncertificates_file = "/c"'},
            ["mail-password", "relay-ca", "staff-certificates"],
        ),
    ],
)
def test_files_reach_the_service_as_credentials(settings: dict[str, str], credentials: list[str]) -> None:
    """A file for root alone is handed to the service; one that is not needed is not asked for."""
    assert list(files.secret_files(good(**settings))) == credentials


@pytest.mark.parametrize(
    ("version", "lines"),
    [((1, 22, 1), ["listen 443 ssl http2;", "listen [::]:443 ssl http2;"]), ((1, 26, 3), ["http2 on;"])],
)
def test_http2_as_each_nginx_wants_it(version: tuple[int, ...], lines: list[str]) -> None:
    """Debian 12's nginx gets the older way to say HTTP/2, Debian 13's the newer, without a warning."""
    text = files.nginx_conf("www.example.org", version)

    assert [line.strip() for line in text.splitlines() if "http2" in line and "#" not in line] == lines
    assert "www.imqs.co.za" not in text


@pytest.mark.parametrize(
    ("found", "allowed", "outside"),
    [
        ({"192.0.2.25"}, {"192.0.2.25"}, []),
        ({"192.0.2.26"}, {"192.0.2.25"}, ["192.0.2.26"]),
        ({"192.0.2.26", "2001:db8::1"}, {"192.0.2.0/24"}, ["2001:db8::1"]),
        ({"2001:db8::1"}, {"2001:db8::/32", "192.0.2.0/24"}, []),
    ],
)
def test_addresses_outside(found: set[str], allowed: set[str], outside: list[str]) -> None:
    """An address is allowed by itself or by a network that it lies in."""
    assert addresses.outside(found, allowed) == outside


def test_relay_that_moves(tmp_path: Path) -> None:
    """A relay's new address is allowed beside the one of before, and told once."""
    machine = Machine(tmp_path)
    before = addresses.needed(good())
    for name in addresses.DROP_INS:
        machine.write(name, File(files.addresses_drop_in(before)))
    moved = good(relays='relays = ["smtps://website@192.0.2.99:465"]')

    assert addresses.follow(moved, machine) == ["192.0.2.99"]
    assert addresses.allowed(machine) == before | {"192.0.2.99"}
    assert addresses.follow(moved, machine) == []


def test_only_what_is_needed_is_allowed() -> None:
    """Relays, shared store and resolvers are allowed; an address in the operator's networks is not named."""
    networks = 'from = "website@example.org"\nnetworks = ["192.0.2.0/24"]'

    assert addresses.needed(good()) - addresses.resolvers() == {"192.0.2.25", "192.0.2.79"}
    assert addresses.needed(good(**{"from": networks})) - addresses.resolvers() == {"192.0.2.0/24"}


def test_key_of_editors_can_do_one_thing(tmp_path: Path) -> None:
    """The key that asks for publishing is restricted to that."""
    staged(tmp_path)

    line = (tmp_path / "root/srv/website/build/.ssh/authorized_keys").read_text().splitlines()[-1]
    assert line == 'restrict,command="touch /srv/website/build/publish-now" ssh-ed25519 AAAAC3Nz merges'


def test_first_run_writes_the_file(tmp_path: Path) -> None:
    """Where the operator's file is missing and nobody is there to ask, it is written to be filled in."""
    ended = run_setup("--root", tmp_path / "root", "--config", tmp_path / "setup.toml")

    assert ended.returncode == 1
    assert "Fill it in" in ended.stderr
    assert (tmp_path / "setup.toml").read_text() == config.template({})


@pytest.mark.parametrize(("usage", "accepted"), [("critical,keyCertSign,cRLSign", True), (None, False)])
def test_authority_that_python_refuses(tmp_path: Path, usage: str | None, *, accepted: bool) -> None:
    """An authority of one's own that Python 3.13 would refuse is refused at once, with the cure."""
    path = tmp_path / "ca.pem"
    extension = ["-addext", f"keyUsage={usage}"] if usage else []
    command = [
        "/usr/bin/openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
    ]
    command += ["-subj", "/CN=Ours", "-keyout", str(tmp_path / "key.pem"), "-out", str(path), *extension]
    subprocess.run(command, check=True, capture_output=True)

    if accepted:
        install.check_authority(path)
    else:
        with pytest.raises(StepError, match="keyCertSign"):
            install.check_authority(path)
