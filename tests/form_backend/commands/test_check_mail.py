"""The command that checks whether mail would get through, against real relays."""

import os
import re
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme

from devtools.loopback import HOST
from form_backend.commands.mail_problems import BY_OUTCOME, LATER, NEVER, SWITCHED_OFF, WORDS
from tests.parts.oauth import Says, TokenMailbox, refuses, token, token_endpoint
from tests.parts.processes import ROOT, free_port
from tests.parts.relays import (
    HANG,
    PASSWORD,
    Mailbox,
    ScriptedRelay,
    Step,
    lets_in,
    presenting,
    scripted_relay,
    smtp_server,
)
from tests.parts.stack import environment

# By name of the relay: what is said of it.
SAYS = {
    "trusted": "proved by TLS who it is and took our login",
    "wrong password": "refused the login (535): check the user in FLASK_MAIL_RELAYS",
    "unknown authority": "(unable to get local issuer certificate): use the host name",
    "other name": "(IP address mismatch, certificate is not valid for",
    "expects clear text": "speaks no TLS as we expect it: use smtps://",
    "offers no STARTTLS": "speaks no TLS as we expect it: use smtps://",
    "offers no login": "offers no login that we know: use its port",
    "nobody there": f"and the addresses that the service unit allows. Tried: {HOST}.",
    "turns us away": "refused us (554): ask those who run it whether this machine may send through it.",
    "says nothing": "did not answer within FLASK_MAIL_DEADLINE: check firewalls",
    "crowded": "with ?connections=2",
    "restarting": "does not serve us for now (421): try again later. It said: 421 4.3.2 back in a minute",
    "takes tokens only": "offers no login that we can use, only XOAUTH2: use OAuth 2.0, with FLASK_MAIL_",
    "takes Windows logins only": "only NTLM GSSAPI: have PLAIN, LOGIN or XOAUTH2 switched on",
    "login in small letters": "took our login",
    "hangs up on the second try": "refused the login (534)",
    "no passwords for this tenant": "takes no password from this user (535): use OAuth 2.0, with FLASK_MAIL_",
    "application password": "asks for an application password (534): make one there for the user",
    "no logins for now": "takes no login for now (454): try again later",
    "obeyed by terminals": "It said: 554 ⟦U+001B⟧[2Jcleared",
    "many words": "It said: 554 xxxx",
}
SCRIPTS: dict[str, dict[str, Step]] = {
    "turns us away": {"banner": (b"554 no\r\n",)},
    "says nothing": {"banner": HANG},
    "crowded": {"banner": (b"421 4.7.0 Too many connections from your host\r\n",)},
    "restarting": {"banner": (b"421 4.3.2 back in a minute\r\n",)},
    "obeyed by terminals": {"banner": (b"554-\x1b[2Jcleared\r\n554 and a second line\r\n",)},
    "many words": {"banner": (b"554 " + b"x" * 2000 + b"\r\n",)},
    "offers no login": {},
    "takes tokens only": {"EHLO": (b"250-relay\r\n250 AUTH XOAUTH2\r\n",)},
    "takes Windows logins only": {"EHLO": (b"250-relay\r\n250 AUTH NTLM GSSAPI\r\n",)},
    "login in small letters": {"EHLO": (b"250-relay\r\n250 auth=plain\r\n",), "AUTH": (b"235 yes\r\n",)},
    "hangs up on the second try": {
        "EHLO": (b"250-relay\r\n250 AUTH PLAIN LOGIN\r\n",),
        "AUTH": (b"534 5.7.1 never this way\r\n", None),
    },
    "no passwords for this tenant": {
        "EHLO": (b"250-relay\r\n250 AUTH LOGIN\r\n",),
        "AUTH": (b"535 5.7.139 Login failed, SmtpClientAuthentication is disabled for the Tenant.\r\n",),
    },
    "application password": {
        "EHLO": (b"250-relay\r\n250 AUTH PLAIN\r\n",),
        "AUTH": (b"534-5.7.9 Application-specific password required.\r\n534 5.7.9 more\r\n",),
    },
    "no logins for now": {
        "EHLO": (b"250-relay\r\n250 AUTH PLAIN LOGIN\r\n",),
        "AUTH": (b"454 4.7.0 Temporary authentication failure\r\n",),
    },
}
WITH_USER = {name for name, script in SCRIPTS.items() if "EHLO" in script} | {"offers no login"}


def check_mail(
    site: Path, relays: str, *options: str, before: Sequence[str] = (), **changed: str
) -> subprocess.CompletedProcess[str]:
    """Run the command, perhaps with another one before it."""
    return subprocess.run(
        [*before, sys.executable, "-m", "flask", "--app", "form_backend", "check-mail", *options],
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
    login = {"authenticator": lets_in("website"), "auth_require_tls": False}
    with ExitStack() as stack:

        def secure(context: ssl.SSLContext, **options: Any) -> int:
            return stack.enter_context(smtp_server(ssl_context=context, **options)).port

        def scripted(script: dict[str, Step]) -> int:
            relay = stack.enter_context(scripted_relay())
            relay.follow(**script)
            return relay.port

        trusted = secure(good, **login)
        relays = {
            "trusted": f"smtps://website@{HOST}:{trusted}",
            "wrong password": f"smtps://nobody@{HOST}:{secure(good, **login)}",
            "unknown authority": f"smtps://{HOST}:{secure(presenting(trustme.CA().issue_cert(HOST)))}",
            "other name": f"smtps://{HOST}:{secure(presenting(authority.issue_cert('example.org')))}",
            "expects clear text": f"smtps://{HOST}:{scripted({})}",
            "offers no STARTTLS": f"smtp+starttls://{HOST}:{scripted({})}",
            "nobody there": f"smtps://{HOST}:{free_port()}",
            **{
                name: f"smtp://{'website@' * (name in WITH_USER)}{HOST}:{scripted(script)}"
                for name, script in SCRIPTS.items()
            },
        }
        files = {"FLASK_MAIL_CA_FILE": ca_file, "FLASK_MAIL_PASSWORD_FILE": str(password)}
        asked = check_mail(site, ",".join(relays.values()), FLASK_MAIL_DEADLINE="1", **files)
    said = (asked.stdout + asked.stderr).splitlines()
    lines = {line.partition(" ")[0]: line for line in said if not line.startswith(" ")}
    return {name: lines[url.rpartition("@")[2].rpartition("/")[2]] for name, url in relays.items()} | {
        "status": str(asked.returncode)
    }


@pytest.mark.parametrize("relay", SAYS)
def test_every_failure_is_explained(said: dict[str, str], relay: str) -> None:
    """One line for each relay says that all is well, or what is wrong, what to do, and its own first line."""
    assert SAYS[relay] in said[relay]
    assert len(said[relay]) < 700
    assert "second line" not in said[relay]


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


def test_what_a_relay_offers(site: Path, authority: trustme.CA, ca_file: str, tmp_path: Path) -> None:
    """For a relay that works: its address, its certificate and how long it holds, extensions and logins."""
    (tmp_path / "password").write_text(PASSWORD)
    certificate = presenting(authority.issue_cert(HOST, not_after=datetime(2031, 5, 6, tzinfo=UTC)))
    options: dict[str, Any] = {
        "authenticator": lets_in("website"),
        "auth_require_tls": False,
        "data_size_limit": 4711,
    }
    with smtp_server(ssl_context=certificate, **options) as mailbox:
        checked = check_mail(
            site,
            f"smtps://website@{HOST}:{mailbox.port}",
            FLASK_MAIL_CA_FILE=ca_file,
            FLASK_MAIL_PASSWORD_FILE=str(tmp_path / "password"),
        )

    assert checked.returncode == 0
    _proved, address, tls, offers = checked.stdout.splitlines()
    assert address == f"    address: {HOST}"
    assert "TLSv1.3" in tls
    assert f"for {HOST}; from trustme" in tls
    assert tls.endswith("until 2031-05-06")
    assert "SIZE 4711" in offers
    assert "AUTH LOGIN PLAIN" in offers


@pytest.mark.parametrize(
    ("refused", "sentence"),
    [
        (
            {"taken": (b"554 5.2.252 SendAsDenied; website@example.org not allowed to send as b\r\n",)},
            "does not let us send in this name (554): FLASK_MAIL_FROM and FLASK_BOUNCES_TO must be addresses",
        ),
        ({"taken": (b"550 5.7.1 spam\r\n",)}, "refused the message (550): compare FLASK_MAIL_FROM"),
        ({"taken": (b"452 4.3.1 full\r\n",)}, "did not take the message for now (452): try again later"),
        ({"taken": (None,)}, "may have the test message, but did not confirm it"),
        ({"MAIL": (b"550 5.1.8 not you\r\n",)}, "refuses the sender bounces@example.org (550): let it send"),
        ({"MAIL": (b"530 5.7.57 Client not authenticated\r\n",)}, "name a user in FLASK_MAIL_RELAYS"),
        ({"RCPT": (b"554 5.7.1 Relay access denied\r\n",)}, "relays nothing for us (554): name a user"),
        ({"RCPT": (b"452 4.2.2 full\r\n",)}, "takes no mail for sales@example.org for now (452)"),
        ({"MAIL": (b"530 5.7.0 Must issue a STARTTLS command first\r\n",)}, "use smtp+starttls://"),
    ],
)
def test_message_refused(site: Path, relay: ScriptedRelay, refused: dict[str, Step], sentence: str) -> None:
    """With --send, what the relay says to the envelope and the message is explained in the same way."""
    relay.follow(**refused)

    checked = check_mail(site, relay.relay, "--send")

    assert checked.returncode == 1
    assert sentence in checked.stderr


@pytest.mark.filterwarnings("ignore:Requiring AUTH")  # the relay is on loopback
@pytest.mark.parametrize(
    ("says", "sentence"),
    [
        (
            refuses(401, "invalid_client"),
            "secret, which may have expired. It said: invalid_client invalid_client in more words\n",
        ),
        (refuses(429, "slow_down"), "(429): try again later"),
        (Says(hangs=3600), "it cannot be reached, or not within FLASK_MAIL_DEADLINE"),
        (token("wrong"), "refused the login by OAuth 2.0 (535): check that the user in FLASK_MAIL_RELAYS is"),
        (token("right"), "took our login"),
    ],
)
def test_login_by_token(site: Path, tmp_path: Path, says: Says, sentence: str) -> None:
    """A token that cannot be had, or is refused, is explained with the settings of OAuth 2.0."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    mailbox = TokenMailbox(good=lambda shown: shown == "right")
    options: dict[str, Any] = {"auth_require_tls": False, "auth_required": True}
    with token_endpoint(authority) as endpoint, smtp_server(mailbox, **options):
        endpoint.says = lambda _number: says
        checked = check_mail(
            site,
            f"smtp://website%40example.org@{HOST}:{mailbox.port}",
            FLASK_MAIL_CA_FILE=str(tmp_path / "ca.pem"),
            FLASK_MAIL_DEADLINE="1",
            **endpoint.variables(tmp_path),
        )

    assert sentence in checked.stdout + checked.stderr
    assert (checked.returncode == 0) == ("took" in sentence)


def test_first_address_never_answers(site: Path, tmp_path: Path) -> None:
    """A host whose first address never answers is reached at its second, and the first is named."""
    if os.geteuid() != 0:
        pytest.skip("needs root: it gives a name two addresses in an /etc/hosts of its own")
    hosts, port = tmp_path / "hosts", free_port()
    hosts.write_text("127.0.0.1 localhost\n127.0.0.2 localhost\n")
    own_hosts = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', str(hosts)]
    with silent("127.0.0.1", port), smtp_server(port=port, hostname="127.0.0.2") as mailbox:
        relay = f"smtp://localhost:{port}"
        checked = check_mail(site, relay, "--send", before=own_hosts, FLASK_MAIL_DEADLINE="4")

    assert checked.returncode == 0
    assert "address: 127.0.0.2; no answer at 127.0.0.1" in checked.stdout
    assert len(mailbox.received) == 1


@contextmanager
def silent(host: str, port: int) -> Iterator[None]:
    """Take the first connections at this address, so that the kernel answers no further one."""
    with socket.create_server((host, port), backlog=0), ExitStack() as callers:
        for _ in range(4):
            caller = callers.enter_context(socket.socket())
            caller.settimeout(0)
            caller.connect_ex((host, port))
        yield


@pytest.mark.parametrize(
    "sentence", [*NEVER.values(), *LATER.values(), *BY_OUTCOME.values(), *dict(WORDS).values(), SWITCHED_OFF]
)
def test_the_guide_lists_every_sentence(sentence: str) -> None:
    """Whatever the command says of a relay stands in docs/relays.md with its cure."""
    table = (ROOT / "docs/relays.md").read_text("utf-8").partition("## What check-mail says")[2]
    listed = re.findall(r"^\| ([^|]+?)(?:, only …)? \|", table, re.MULTILINE)

    assert any(sentence.startswith(beginning) for beginning in listed)
