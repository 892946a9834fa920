"""Handing mail to a relay: real SMTP conversations, good and bad, and what a person hears of them."""

import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import lxml.html
import pytest
import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from devtools.loopback import HOST
from tests.stack import (
    ENQUIRY,
    Backend,
    Mailbox,
    ScriptedRelay,
    Serve,
    Step,
    free_port,
    gunicorn,
    reference_in,
    scripted_relay,
    smtp_server,
)

HANG: Step = (3600.0,)
DROP: Step = (None,)
DRIP: Step = (0.1, b"2") * 40
GARBAGE: Step = (b"%$!\r\n",)
BEFORE_THE_MESSAGE = ["banner", "EHLO", "MAIL", "RCPT", "DATA"]
NO_250: list[Step] = [DROP, GARBAGE, (b"25", None), (b"250-half\r\n", None), (b"354 what?\r\n",), HANG, DRIP]
FAILURES = [
    *((step, (f"{code} no\r\n".encode(),), "refused") for step in BEFORE_THE_MESSAGE for code in (451, 550)),
    *((step, HANG, "slow") for step in BEFORE_THE_MESSAGE),
    *((step, DRIP, "slow") for step in ("banner", "MAIL")),
    *((step, DROP, "unreachable") for step in BEFORE_THE_MESSAGE),
    *((step, GARBAGE, "unreachable") for step in BEFORE_THE_MESSAGE),
    ("taken", (b"451 later\r\n",), "refused"),
    ("taken", (b"550 never\r\n",), "refused"),
    ("DATA", (b"354 go on\r\n", None), "in-doubt"),
    *(("taken", step, "in-doubt") for step in NO_250),
]
PASSWORD = "the relay's word: 4711"  # noqa: S105 - it guards nothing


@pytest.fixture(scope="module")
def relay() -> Iterator[ScriptedRelay]:
    """Run one scripted relay for all tests of a worker."""
    with scripted_relay() as running:
        yield running


@pytest.fixture(scope="module")
def scripted(site: Path, relay: ScriptedRelay, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """Run a form backend with a short deadline in front of the scripted relay."""
    log_file = tmp_path_factory.mktemp("scripted") / "log"
    with gunicorn(site, relay.relay, log_file, FLASK_MAIL_DEADLINE="1") as running:
        yield running


@pytest.fixture(scope="module")
def paired(
    site: Path, relay: ScriptedRelay, shared_mailbox: Mailbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Backend]:
    """Run a form backend in front of two relays, the scripted one first."""
    log_file = tmp_path_factory.mktemp("paired") / "log"
    relays = f"{relay.relay},{shared_mailbox.relay}"
    with gunicorn(site, relays, log_file, FLASK_MAIL_DEADLINE="2") as running:
        yield running


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Return a certificate authority."""
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    """Return the name of the file that FLASK_MAIL_CA_FILE wants."""
    authority.cert_pem.write_to_path(path := tmp_path / "ca.pem")
    return str(path)


def presenting(certificate: trustme.LeafCert) -> ssl.SSLContext:
    """Return a TLS server's context with this certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    return context


def under(scheme: str, context: ssl.SSLContext) -> dict[str, Any]:
    """Return aiosmtpd's options for a relay that speaks TLS from the first byte, or after STARTTLS."""
    if scheme == "smtps":
        return {"ssl_context": context}
    return {"tls_context": context, "require_starttls": True}


def attempts(backend: Backend, since: int) -> list[dict[str, Any]]:
    """Return what was logged of the relays after so many lines."""
    return [line for line in backend.log[since:] if line["event"] == "relay"]


def assert_all_kept(page: httpx.Response, words: dict[str, str]) -> None:
    """Assert that the page says 503, holds every word, and offers both ways on."""
    assert page.status_code == 503
    assert int(page.headers["Retry-After"]) > 0
    fields = dict(lxml.html.fromstring(page.text).forms[0].fields)
    # A browser drops the line break after <textarea>, lxml does not.
    assert {name: fields[name].removeprefix("\n") for name in words} == words
    assert mail_link(page).startswith("mailto:")
    assert reference_in(page)


def mail_link(page: httpx.Response) -> str:
    """Return the page's link that writes an e-mail with what was typed."""
    return str(lxml.html.fromstring(page.text).xpath("string(//main//a[contains(@href, '?subject=')]/@href)"))


@pytest.mark.parametrize(("step", "does", "outcome"), FAILURES)
def test_without_a_250_nothing_is_lost_or_claimed(
    scripted: Backend, relay: ScriptedRelay, step: str, does: Step, outcome: str
) -> None:
    """Whatever a relay does but take the message: the truth inside the deadline, and every word kept."""
    relay.follow(**{step: does, "HELO": does})
    words = ENQUIRY | {"message": f"{step} {does!r}"}
    since = len(scripted.log)

    page = scripted.post(words)

    assert_all_kept(page, words)
    [attempt] = attempts(scripted, since)
    assert attempt["outcome"] == outcome
    assert ("may have reached us" in page.text) == (outcome == "in-doubt")
    assert attempt.get("smtp_code", 0) >= 400 or outcome != "refused"
    assert scripted.log[-1]["duration_ms"] < 1900


@pytest.mark.parametrize(
    "answer",
    [
        (0.6, b"250 late\r\n"),
        (b"2", 0.1, b"5", 0.1, b"0", 0.1, b" slow\r\n"),
        (b"250-one\r\n250 two\r\n",),
        (b"250\r\n",),
        (b"250 fine\r\n", None),
    ],
)
def test_a_250_inside_the_deadline_is_thanked_for(
    scripted: Backend, relay: ScriptedRelay, answer: Step
) -> None:
    """A relay may take its time, within the deadline, and say it in its own way."""
    relay.follow(taken=answer)

    assert scripted.enquire(message=f"{answer!r}").status_code == 303


def test_relay_that_knows_no_ehlo(scripted: Backend, relay: ScriptedRelay) -> None:
    """A relay of the old kind is greeted with HELO."""
    relay.follow(EHLO=(b"502 what?\r\n",))

    assert scripted.enquire(message="to an old relay").status_code == 303


def test_nobody_listens(serve: Serve) -> None:
    """A relay that is not there is unreachable, and the words are kept."""
    backend = serve(f"smtp://{HOST}:{free_port()}")

    assert_all_kept(backend.enquire(), ENQUIRY)
    assert [attempt["outcome"] for attempt in attempts(backend, 0)] == ["unreachable"]


@pytest.mark.parametrize(
    "failure", [{"RCPT": (b"451 later\r\n",)}, {"taken": DROP}], ids=["refused", "in-doubt"]
)
def test_failure_burns_nothing(scripted: Backend, relay: ScriptedRelay, failure: dict[str, Step]) -> None:
    """Send works again with the same reference, and once delivered the same words go out no more."""
    message = f"again, after {failure}"
    relay.follow(**failure)
    quoted = reference_in(scripted.enquire(message=message))
    relay.follow()

    for _ in range(2):
        answer = scripted.enquire(message=message)

        assert answer.status_code == 303
        assert reference_in(scripted.client.get(answer.headers["Location"])) == quoted
        assert relay.taken == 1


def test_same_words_at_the_same_moment(scripted: Backend, relay: ScriptedRelay) -> None:
    """A second copy waits for the outcome of the first, and shares it: one mail, one reference."""
    relay.follow(taken=(0.5, b"250 fine\r\n"))
    shown = scripted.form()
    with ThreadPoolExecutor() as people:
        words = ENQUIRY | {"message": "pressed twice"}
        answers = list(people.map(lambda _: scripted.post(words, shown=shown), range(4)))

    assert {answer.status_code for answer in answers} == {303}
    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert relay.taken == 1


@pytest.mark.parametrize(
    ("step", "does"),
    [("banner", HANG), ("EHLO", DROP), ("RCPT", (b"451 later\r\n",)), ("taken", (b"554 not from you\r\n",))],
)
def test_second_relay_takes_what_the_first_does_not(
    paired: Backend, relay: ScriptedRelay, mailbox: Mailbox, step: str, does: Step
) -> None:
    """Relays are tried in order inside the one deadline, until one takes the message."""
    relay.follow(**{step: does})
    since = len(paired.log)

    answer = paired.enquire(message=f"first {step}")

    assert answer.status_code == 303
    assert len(mailbox.received) == 1
    assert [attempt["relay"] for attempt in attempts(paired, since)] == [0, 1]
    assert paired.log[-1]["duration_ms"] < 2900


def test_no_second_relay_once_the_message_is_on_its_way(
    paired: Backend, relay: ScriptedRelay, mailbox: Mailbox
) -> None:
    """A message that the first relay may have goes to no other."""
    relay.follow(taken=DROP)

    page = paired.enquire(message="perhaps there")

    assert page.status_code == 503
    assert relay.taken == 1
    assert not mailbox.received


def test_first_relay_may_answer_as_late_as_the_deadline(
    paired: Backend, relay: ScriptedRelay, mailbox: Mailbox
) -> None:
    """Once the message is on its way, the time kept for the second relay is the first one's too."""
    relay.follow(taken=(1.4, b"250 late\r\n"))

    answer = paired.enquire(message="later than its share")

    assert answer.status_code == 303
    assert not mailbox.received


@pytest.mark.filterwarnings("ignore:Requiring AUTH")  # aiosmtpd does not see TLS from the first byte
@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
def test_delivery_under_tls_with_login(
    serve: Serve, authority: trustme.CA, ca_file: str, tmp_path: Path, scheme: str
) -> None:
    """A relay that proves who it is gets name and password, then the message; bounces go to our mailbox."""
    (tmp_path / "password").write_text(f"{PASSWORD}\n")

    def check(_server: SMTP, _session: Session, _envelope: Envelope, _method: str, given: Any) -> AuthResult:
        return AuthResult(success=given == LoginPassword(b"web@site", PASSWORD.encode()))

    options = under(scheme, presenting(authority.issue_cert(HOST)))
    options |= {"authenticator": check, "auth_required": True, "auth_require_tls": scheme != "smtps"}
    with smtp_server(**options) as mailbox:
        backend = serve(
            f"{scheme}://web%40site@{HOST}:{mailbox.port}",
            FLASK_MAIL_CA_FILE=ca_file,
            FLASK_MAIL_PASSWORD_FILE=str(tmp_path / "password"),
        )

        assert backend.enquire().status_code == 303
        [received] = mailbox.received
        assert received.sender == "bounces@example.org"
        assert received.recipients == ["sales@example.org"]
        assert PASSWORD not in backend.log_file.read_text()


def test_wrong_password_is_a_refusal(serve: Serve, relay: ScriptedRelay, tmp_path: Path) -> None:
    """A relay that does not let us in has refused; the password shows nowhere."""
    (tmp_path / "password").write_text(PASSWORD)
    relay.follow(EHLO=(b"250-relay\r\n250 AUTH PLAIN\r\n",), AUTH=(b"535 no\r\n",))
    backend = serve(
        relay.relay.replace("//", "//website@"), FLASK_MAIL_PASSWORD_FILE=str(tmp_path / "password")
    )

    page = backend.enquire()

    assert_all_kept(page, ENQUIRY)
    assert [(attempt["outcome"], attempt["smtp_code"]) for attempt in attempts(backend, 0)] == [
        ("refused", 535)
    ]
    assert PASSWORD not in backend.log_file.read_text() + page.text


def test_nonsense_in_the_login(serve: Serve, relay: ScriptedRelay, tmp_path: Path) -> None:
    """A challenge that cannot be read is a relay that fails, not a fault of ours."""
    (tmp_path / "password").write_text(PASSWORD)
    relay.follow(EHLO=(b"250-relay\r\n250 AUTH CRAM-MD5\r\n",), AUTH=(b"334 !!!x\r\n",))
    backend = serve(
        relay.relay.replace("//", "//website@"), FLASK_MAIL_PASSWORD_FILE=str(tmp_path / "password")
    )

    page = backend.enquire()

    assert_all_kept(page, ENQUIRY)
    assert [attempt["outcome"] for attempt in attempts(backend, 0)] == ["unreachable"]


@pytest.mark.promise("website-secured")
def test_relay_that_proves_nothing_gets_nothing(
    serve: Serve, authority: trustme.CA, ca_file: str, relay: ScriptedRelay
) -> None:
    """Wrong authority, wrong name, expired, no STARTTLS, no TLS: each is untrusted and gets no word."""
    yesterday = datetime.now(UTC) - timedelta(days=1)
    certificates = {
        "unknown authority": trustme.CA().issue_cert(HOST),
        "another host's": authority.issue_cert("relay.example.org"),
        "expired": authority.issue_cert(HOST, not_before=yesterday, not_after=yesterday + timedelta(hours=1)),
    }
    relay.follow(EHLO=(b"250-relay\r\n250 SIZE 1000000\r\n",))
    with ExitStack() as stack:
        relays = {
            f"{scheme} {name}": (stack.enter_context(smtp_server(**under(scheme, presenting(certificate)))))
            for name, certificate in certificates.items()
            for scheme in ("smtps", "smtp+starttls")
        }
        addresses = {name: f"{name.split()[0]}://{HOST}:{mailbox.port}" for name, mailbox in relays.items()}
        addresses |= {
            f"{scheme} in clear": f"{scheme}://{HOST}:{relay.port}" for scheme in ("smtps", "smtp+starttls")
        }
        backend = serve(",".join(addresses.values()), FLASK_MAIL_CA_FILE=ca_file)

        page = backend.enquire()

    assert_all_kept(page, ENQUIRY)
    outcomes = dict(zip(addresses, (attempt["outcome"] for attempt in attempts(backend, 0)), strict=True))
    assert outcomes == dict.fromkeys(addresses, "untrusted")
    assert not any(mailbox.received for mailbox in relays.values())
    assert b"mail from" not in relay.heard.lower()


def test_tls_handshake_keeps_the_deadline(serve: Serve, relay: ScriptedRelay) -> None:
    """A relay that answers STARTTLS late gets no extra time for the handshake."""
    relay.follow(EHLO=(b"250-relay\r\n250 STARTTLS\r\n",), STARTTLS=(0.9, b"220 go on\r\n", 3600.0))
    backend = serve(f"smtp+starttls://{HOST}:{relay.port}", FLASK_MAIL_DEADLINE="1")

    page = backend.enquire()

    assert page.status_code == 503
    assert [attempt["outcome"] for attempt in attempts(backend, 0)] == ["slow"]
    assert backend.log[-1]["duration_ms"] < 1600


class Choosy(Mailbox):
    """A mailbox that knows only one address."""

    async def handle_RCPT(  # noqa: N802 - aiosmtpd calls this by its name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take mail for one address alone."""
        if address != "second@example.org":
            return "550 nobody of that name"
        envelope.rcpt_tos.append(address)
        return "250 known"


@pytest.mark.parametrize(
    ("recipients", "status", "refused"),
    [
        ("first@example.org,second@example.org,third@example.org", 303, [0, 2]),
        ("first@example.org,third@example.org", 503, []),
    ],
)
def test_some_recipients_refused(serve: Serve, recipients: str, status: int, refused: list[int]) -> None:
    """Taken for one recipient is delivered, the others are logged by position only; for none is a refusal."""
    with smtp_server(Choosy()) as mailbox:
        backend = serve(mailbox.relay, FLASK_ENQUIRIES_TO=recipients)

        assert backend.enquire().status_code == status

    assert [received.recipients for received in mailbox.received] == [["second@example.org"]] * (
        status == 303
    )
    complaints = [line for line in backend.log if line["event"] == "recipient_refused"]
    assert [(line["recipient"], line["smtp_code"]) for line in complaints] == [
        (place, 550) for place in refused
    ]
    assert "example.org" not in backend.log_file.read_text()


@pytest.mark.parametrize(
    ("email", "international_relay", "reply_to"),
    [
        ("jörg@example.com", True, "jörg@example.com"),
        ("jörg@example.com", False, None),
        ("info@bücher.example.com", True, "info@xn--bcher-kva.example.com"),
        ("info@bücher.example.com", False, "info@xn--bcher-kva.example.com"),
    ],
)
def test_international_addresses(
    serve: Serve,
    email: str,
    international_relay: bool,  # noqa: FBT001 - a column of the table
    reply_to: str | None,
) -> None:
    """Domains are written in ASCII; a local part beyond it needs SMTPUTF8, or stands in the text alone."""
    with smtp_server(enable_SMTPUTF8=international_relay) as mailbox:
        assert serve(mailbox.relay).enquire(email=email).status_code == 303

    [received] = mailbox.received
    header = [line for line in received.source.decode().splitlines() if line.startswith("Reply-To:")]
    assert header == ([f"Reply-To: {reply_to}"] if reply_to else [])
    assert ("SMTPUTF8" in received.options) == (reply_to is not None and not reply_to.isascii())
    assert email in received.text


@pytest.mark.parametrize(("message", "fits"), [("short enough", True), ("ě" * 400, False)])
def test_mail_link_holds_the_words_or_the_reference(
    scripted: Backend,
    relay: ScriptedRelay,
    message: str,
    fits: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """The link writes what was typed; where that is too long for a link, advice and the reference."""
    relay.follow(banner=(b"554 closed\r\n",))

    page = scripted.enquire(message=message)

    link = mail_link(page)
    mail = parse_qs(urlsplit(link).query)
    assert len(link) <= 1800
    assert reference_in(page) in mail["subject"][0] + mail["body"][0]
    assert (message in mail["body"][0]) == fits
    assert fits or "copy" in mail["body"][0]
