"""The environment, checked at start: what is wrong ends it with one sentence naming variable and cure."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import trustme

from form_backend.settings import Relay, Settings, SettingsError
from tests.parts.forms import SECRET
from tests.parts.processes import ROOT
from tests.parts.stack import GUNICORN, environment

RELAY = "smtp://127.0.0.1:25"
WORD = "hush-4711"
EXAMPLE = "smtps://user@mail.example.org:465"
WRONG = [
    ("FLASK_SECRET_KEY", "", "not set"),
    ("FLASK_SECRET_KEY", WORD, "secrets.token_urlsafe"),
    ("FLASK_SECRET_KEY", "hush" * 20, "secrets.token_urlsafe"),
    ("FLASK_SECRET_KEY_FILE", "/nowhere/key", "keep one"),
    ("FLASK_MAIL_RELAYS", "", "not set"),
    ("FLASK_MAIL_RELAYS", "mail.example.org", EXAMPLE),
    ("FLASK_MAIL_RELAYS", "https://mail.example.org", EXAMPLE),
    ("FLASK_MAIL_RELAYS", "smtps://", EXAMPLE),
    ("FLASK_MAIL_RELAYS", "smtps://mail.example.org/hush", EXAMPLE),
    ("FLASK_MAIL_RELAYS", "smtps://mail.example.org?x=hush", EXAMPLE),
    ("FLASK_MAIL_RELAYS", "smtps://mail.example.org?connections=0", "from 1 to 256"),
    ("FLASK_MAIL_RELAYS", "smtps://mail.example.org?connections=257", "from 1 to 256"),
    ("FLASK_MAIL_RELAYS", "smtps://mail.example.org?connections=3&connections=4", "from 1 to 256"),
    ("FLASK_MAIL_RELAYS", "smtps://mail.example.org?connections=\u0663", "from 1 to 256"),
    ("FLASK_MAIL_RELAYS", "smtps://mail.example.org/?connections=3", EXAMPLE),
    ("FLASK_MAIL_RELAYS", "smtps://mail.example.org:0", EXAMPLE),
    ("FLASK_MAIL_RELAYS", "smtps://mail.example.org:70000", EXAMPLE),
    ("FLASK_MAIL_RELAYS", "smtps://mail.example.org:hush", EXAMPLE),
    ("FLASK_MAIL_RELAYS", "smtps://[::1", EXAMPLE),
    ("FLASK_MAIL_RELAYS", f"smtps://user:{WORD}\u2100@mail.example.org", EXAMPLE),
    ("FLASK_MAIL_RELAYS", f"smtps://{'mail' * 20}.example.org", EXAMPLE),
    ("FLASK_MAIL_RELAYS", "smtps://j%C3%B6rg@mail.example.org", "ASCII"),
    ("FLASK_MAIL_RELAYS", f"smtps://user:{WORD}@mail.example.org", "FLASK_MAIL_PASSWORD_FILE"),
    ("FLASK_MAIL_RELAYS", "smtp://mail.example.org", "smtps://"),
    ("FLASK_MAIL_RELAYS", "smtp://192.0.2.1", "smtps://"),
    ("FLASK_MAIL_RELAYS", f"{RELAY},", EXAMPLE),
    ("FLASK_MAIL_PASSWORD_FILE", "/nowhere/password", EXAMPLE),
    ("FLASK_MAIL_CA_FILE", "/nowhere/ca.pem", "check the path"),
    ("FLASK_MAIL_CA_FILE", str(ROOT / "pyproject.toml"), "PEM"),
    ("FLASK_MAIL_FROM", "", "not set"),
    ("FLASK_MAIL_FROM", "website", "website@example.org"),
    ("FLASK_MAIL_FROM", "jörg@example.org", "website@example.org"),
    ("FLASK_BOUNCES_TO", "", "not set"),
    ("FLASK_BOUNCES_TO", "Bounces <bounces@example.org>", "website@example.org"),
    ("FLASK_ENQUIRIES_TO", "", "not set"),
    ("FLASK_ENQUIRIES_TO", "sales@example.org; hush@example.org", "website@example.org"),
    ("FLASK_REQUESTS_TO", "", "not set"),
    ("FLASK_REQUESTS_TO", "privacy@example.org,", "website@example.org"),
    ("FLASK_MAIL_DEADLINE", "0.5", "from 1 to 25"),
    ("FLASK_MAIL_DEADLINE", "soon", "from 1 to 25"),
    ("FLASK_MAIL_DEADLINE", "nan", "from 1 to 25"),
    ("FLASK_TOKEN_MIN_AGE", "-1", "from 0 to 3600"),
    ("FLASK_SITE_DIR", "/nowhere", "make build"),
    ("FLASK_LIMITS_URL", "http://127.0.0.1", "redis://127.0.0.1:6379/0"),
    ("FLASK_LIMITS_URL", f"redis://:{WORD}/x@127.0.0.1", "redis://127.0.0.1:6379/0"),
    ("FLASK_LIMITS_URL", "redis://", "redis://127.0.0.1:6379/0"),
    ("FLASK_LIMITS_URL", "redis://127.0.0.1?hush=1", "redis://127.0.0.1:6379/0"),
    ("FLASK_PERSON_LIMIT", "many", "10 per hour"),
    ("FLASK_POST_LIMIT", "60 per eternity", "10 per hour"),
    ("FLASK_SITE_LIMIT", "-5 per minute", "10 per hour"),
    ("FLASK_TRUSTED_PROXIES", "-1", "whole number"),
    ("FLASK_TRUSTED_PROXIES", "²", "whole number"),
    ("FLASK_REQUIRE_SANDBOX", "perhaps", "1 (on) or 0 (off)"),
]
WRONG_AT_THE_START = [
    ("FLASK_SECRET_KEY", WORD, "secrets.token_urlsafe"),
    ("FLASK_MAIL_RELAYS", f"smtps://user:{WORD}@mail.example.org", "FLASK_MAIL_PASSWORD_FILE"),
    ("FLASK_REQUESTS_TO", "someone@example.org", "privacy statement"),
    ("FLASK_SITE_DIR", str(ROOT / "content"), "make build"),
]


def assert_one_sentence(complaint: str, variable: str, cure: str) -> None:
    """Assert that a complaint names variable and cure, on one line, and shows no secret."""
    assert complaint.startswith("FLASK_")
    assert f"{variable} " in complaint
    assert cure in complaint
    assert "\n" not in complaint
    assert "hush" not in complaint


@pytest.mark.parametrize(("variable", "value", "cure"), WRONG)
def test_wrong_value(site: Path, variable: str, value: str, cure: str) -> None:
    """Each wrong or missing value ends the start, whatever else is right."""
    with pytest.raises(SettingsError) as refusal:
        Settings.from_environ(environment(site, RELAY, **{variable: value}))

    assert_one_sentence(str(refusal.value), variable, cure)


@pytest.mark.parametrize(("variable", "value", "cure"), WRONG_AT_THE_START)
def test_gunicorn_refuses_to_start(site: Path, variable: str, value: str, cure: str) -> None:
    """The server ends with an error, and nothing but the sentence on standard error."""
    ended = subprocess.run(
        GUNICORN,
        cwd=ROOT,
        env=environment(site, RELAY, BIND="127.0.0.1:0", **{variable: value}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode != 0
    assert not ended.stdout
    assert_one_sentence(ended.stderr.removesuffix("\n"), variable, cure)


def test_gunicorn_checks_the_settings(site: Path) -> None:
    """`gunicorn --check-config` checks the settings without serving."""
    checked = subprocess.run(
        [*GUNICORN, "--check-config"],
        cwd=ROOT,
        env=environment(site, RELAY),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert checked.returncode == 0
    assert "FLASK_" not in checked.stderr


@pytest.mark.parametrize(
    ("variable", "content", "cure"),
    [
        ("FLASK_SECRET_KEY_FILE", None, "check the path"),
        ("FLASK_SECRET_KEY_FILE", b"", "put the secret there"),
        ("FLASK_SECRET_KEY_FILE", b"\xff" * 40, "check the path"),
        ("FLASK_SECRET_KEY_FILE", WORD.encode(), "secrets.token_urlsafe"),
        ("FLASK_MAIL_PASSWORD_FILE", None, "check the path"),
        ("FLASK_MAIL_PASSWORD_FILE", b"\n", "put the secret there"),
        ("FLASK_MAIL_PASSWORD_FILE", f"{WORD}ö".encode(), "ASCII"),
    ],
)
def test_wrong_secret_file(
    site: Path, tmp_path: Path, variable: str, content: bytes | None, cure: str
) -> None:
    """A missing, empty or unfit secret file ends the start, and its content is not shown."""
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    variables = environment(site, "smtps://user@mail.example.org", **{variable: str(file)})
    if variable == "FLASK_SECRET_KEY_FILE":
        del variables["FLASK_SECRET_KEY"]

    with pytest.raises(SettingsError) as refusal:
        Settings.from_environ(variables)

    assert_one_sentence(str(refusal.value), variable, cure)


def test_user_needs_a_password(site: Path) -> None:
    """A relay with a user's name and no password is refused."""
    with pytest.raises(SettingsError, match="FLASK_MAIL_PASSWORD_FILE is not set"):
        Settings.from_environ(environment(site, "smtps://user@mail.example.org"))


@pytest.mark.parametrize(
    ("text", "relays"),
    [
        ("smtps://mail.example.org", [Relay("mail.example.org", 465, "tls", None)]),
        ("smtp+starttls://mail.example.org", [Relay("mail.example.org", 587, "starttls", None)]),
        ("smtp://localhost", [Relay("localhost", 25, "none", None)]),
        ("smtp://[::1]:2525", [Relay("::1", 2525, "none", None)]),
        ("smtps://mail.example.org?connections=3", [Relay("mail.example.org", 465, "tls", None, 3)]),
        ("smtp://127.0.0.9", [Relay("127.0.0.9", 25, "none", None)]),
        (
            " smtps://web%40site@mail.example.org:4650 , smtps://bücher.example.org ",
            [
                Relay("mail.example.org", 4650, "tls", "web@site"),
                Relay("bücher.example.org", 465, "tls", None),
            ],
        ),
    ],
)
def test_relays(site: Path, tmp_path: Path, text: str, relays: list[Relay]) -> None:
    """A relay is an address with a scheme; port and user are optional, and there may be several."""
    (tmp_path / "password").write_text("a password\n")
    named = {"FLASK_MAIL_PASSWORD_FILE": str(tmp_path / "password")} if "@" in text else {}

    settings = Settings.from_environ(environment(site, text, **named))

    assert list(settings.mail_relays) == relays
    assert settings.mail_password == ("a password" if named else None)


@pytest.mark.parametrize("secret", ["0123456789" * 4, "żółć-" * 3 + "abcdefghij" * 2, f"  {SECRET}  "])
def test_secrets(site: Path, tmp_path: Path, secret: str) -> None:
    """A secret is read as text, from a variable or a file, without surrounding space."""
    (tmp_path / "secret").write_text(f"{secret}\n", "utf-8")
    variables = environment(site, RELAY, FLASK_SECRET_KEY=secret)
    from_variable = Settings.from_environ(variables)
    del variables["FLASK_SECRET_KEY"]
    from_file = Settings.from_environ(variables | {"FLASK_SECRET_KEY_FILE": str(tmp_path / "secret")})

    assert from_variable.secret_key == from_file.secret_key == secret.strip()


def test_lists_and_other_good_values(site: Path, tmp_path: Path) -> None:
    """Lists may hold spaces, international domains become ASCII, and switches ignore case."""
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    good = {
        "FLASK_MAIL_CA_FILE": str(tmp_path / "ca.pem"),
        "FLASK_ENQUIRIES_TO": "sales@example.org, more@bücher.example.org",
        "FLASK_MAIL_DEADLINE": "2.5",
        "FLASK_LIMITS_URL": "rediss://:word@cache.example.org/1?ssl_ca_certs=/etc/ssl/ca.pem",
        "FLASK_PERSON_LIMIT": "5 per minute; 20 per day",
        "FLASK_TRUSTED_PROXIES": "2",
        "FLASK_REQUIRE_SANDBOX": "Off",
    }

    settings = Settings.from_environ(environment(site, RELAY, **good))

    assert settings.enquiries_to == ("sales@example.org", "more@xn--bcher-kva.example.org")
    assert settings.mail_deadline == 2.5
    assert settings.mail_ca_file == tmp_path / "ca.pem"
    assert settings.trusted_proxies == 2
    assert settings.require_sandbox is False


def test_defaults(site: Path) -> None:
    """Each optional setting has the default that the README's table gives."""
    required = environment(site, RELAY)
    for optional in ("TOKEN_MIN_AGE", "PERSON_LIMIT", "POST_LIMIT", "SITE_LIMIT"):
        del required[f"FLASK_{optional}"]

    settings = Settings.from_environ(required)

    assert settings.mail_deadline == 10
    assert settings.token_min_age == 3
    assert settings.limits_url == "memory://"
    assert settings.person_limit == "10 per hour"
    assert settings.post_limit == "60 per hour"
    assert settings.site_limit == "600 per minute"
    assert settings.trusted_proxies == 0
    assert settings.require_sandbox is True


def test_default_site_folder(site: Path, tmp_path: Path) -> None:
    """Without FLASK_SITE_DIR the site is read from `output` in the current folder."""
    shutil.copytree(site, tmp_path / "output")
    variables = environment(site, RELAY) | {"PYTHONPATH": str(ROOT)}
    del variables["FLASK_SITE_DIR"]
    show = "from form_backend.settings import Settings; print(Settings.from_environ().site_dir)"

    printed = subprocess.run(
        [sys.executable, "-c", show], cwd=tmp_path, env=variables, capture_output=True, text=True, check=True
    )

    assert printed.stdout.strip() == str(tmp_path / "output")
