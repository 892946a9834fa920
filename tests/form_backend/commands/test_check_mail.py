"""The command that checks whether mail would get through, against real relays."""

import ssl
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import trustme

from devtools.loopback import HOST
from tests.parts.processes import ROOT, free_port
from tests.parts.relays import PASSWORD, Mailbox, lets_in, presenting, scripted_relay, smtp_server
from tests.parts.stack import environment

SAYS = {
    "trusted": "proved by TLS who it is and took our login",
    "wrong password": "refused the login (535): check the user in FLASK_MAIL_RELAYS",
    "unknown authority": "(unable to get local issuer certificate): use the host name",
    "other name": "(IP address mismatch, certificate is not valid for",
    "expects clear text": "speaks no TLS as we expect it: use smtps://",
    "offers no STARTTLS": "speaks no TLS as we expect it: use smtps://",
    "offers no login": "offers no login that we know: use its port",
    "turns us away": "refused us (554): ask those who run it",
    "nobody there": "cannot be reached: check the host",
    "says nothing": "did not answer within FLASK_MAIL_DEADLINE: check firewalls",
}


def check_mail(site: Path, relays: str, *options: str, **changed: str) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    return subprocess.run(
        [sys.executable, "-m", "flask", "--app", "form_backend", "check-mail", *options],
        cwd=ROOT,
        env=environment(site, relays, **changed),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def said(
    site: Path, authority: trustme.CA, ca_file: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """Return what the command says of relays of every kind, asked once, and its exit status."""
    password = tmp_path_factory.mktemp("check") / "password"
    password.write_text(PASSWORD)
    good = presenting(authority.issue_cert(HOST))
    scripts = {"turns us away": b"554 no\r\n", "says nothing": 3600.0}
    login = {"authenticator": lets_in("website"), "auth_require_tls": False}
    with ExitStack() as stack:

        def secure(context: ssl.SSLContext, **options: Any) -> int:
            return stack.enter_context(smtp_server(ssl_context=context, **options)).port

        def scripted(**script: Any) -> int:
            relay = stack.enter_context(scripted_relay())
            relay.follow(**script)
            return relay.port

        trusted = secure(good, **login)
        relays = {
            "trusted": f"smtps://website@{HOST}:{trusted}",
            "wrong password": f"smtps://nobody@{HOST}:{secure(good, **login)}",
            "unknown authority": f"smtps://{HOST}:{secure(presenting(trustme.CA().issue_cert(HOST)))}",
            "other name": f"smtps://{HOST}:{secure(presenting(authority.issue_cert('example.org')))}",
            "expects clear text": f"smtps://{HOST}:{scripted()}",
            "offers no STARTTLS": f"smtp+starttls://{HOST}:{scripted()}",
            "offers no login": f"smtp://website@{HOST}:{scripted()}",
            "nobody there": f"smtps://{HOST}:{free_port()}",
            **{name: f"smtp://{HOST}:{scripted(banner=(step,))}" for name, step in scripts.items()},
        }
        files = {"FLASK_MAIL_CA_FILE": ca_file, "FLASK_MAIL_PASSWORD_FILE": str(password)}
        asked = check_mail(site, ",".join(relays.values()), FLASK_MAIL_DEADLINE="1", **files)
    lines = {line.partition(" ")[0]: line for line in (asked.stdout + asked.stderr).splitlines()}
    return {name: lines[url.rpartition("@")[2].rpartition("/")[2]] for name, url in relays.items()} | {
        "status": str(asked.returncode)
    }


@pytest.mark.parametrize("relay", SAYS)
def test_every_failure_is_explained(said: dict[str, str], relay: str) -> None:
    """One sentence for each relay says that all is well, or what is wrong and what to do about it."""
    assert SAYS[relay] in said[relay]


def test_one_failure_fails_the_command(said: dict[str, str]) -> None:
    """One relay that fails is enough for a timer to raise the alarm."""
    assert said["status"] == "1"


def test_nothing_is_sent_without_send(site: Path, mailbox: Mailbox) -> None:
    """Without --send the command checks everything and sends nothing, whatever the environment says."""
    checked = check_mail(site, mailbox.relay, FLASK_CHECK_MAIL_SEND="1")

    assert (checked.returncode, len(mailbox.received)) == (0, 0)


def test_send_delivers_one_message(site: Path, mailbox: Mailbox) -> None:
    """With --send one test message reaches all who get enquiries or requests."""
    checked = check_mail(site, mailbox.relay, "--send", FLASK_ENQUIRIES_TO="sales@example.org,b@example.org")

    assert checked.returncode == 0
    [received] = mailbox.received
    assert received.recipients[:2] == ["sales@example.org", "b@example.org"]
    assert len(received.recipients) == 3
    assert received.message["Auto-Submitted"] == "auto-generated"


def test_recipient_refused(site: Path) -> None:
    """A recipient whom the relay does not know is named, though the test message reaches the others."""
    with smtp_server(Mailbox(unknown=("sales@example.org",))) as relay:
        checked = check_mail(site, relay.relay, "--send")

    assert checked.returncode == 1
    assert "refuses mail for sales@example.org (550): check FLASK_ENQUIRIES_TO" in checked.stderr
    assert len(relay.received) == 1
