"""Delivery to relays: real SMTP conversations, good and bad, and what the person is told."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import trustme

from devtools.loopback import HOST
from form_backend.mail.relays import MOST_IN_FLIGHT
from form_backend.web.guards import URLENCODED
from tests.parts.forms import ENQUIRY, assert_all_kept, mail_link, reference_in, token
from tests.parts.processes import free_port, until
from tests.parts.relays import (
    DRIP,
    DROP,
    GARBAGE,
    HALF_A_CODE,
    HALF_A_REPLY,
    HANG,
    LATER,
    NEVER,
    PASSWORD,
    Mailbox,
    ScriptedRelay,
    Step,
    lets_in,
    presenting,
    scripted_relay,
    smtp_server,
    under,
)
from tests.parts.stack import Backend, Serve, gunicorn

# By name: the step at which a relay fails, what it does there, and what comes of it.
Cases = dict[str, tuple[str, Step, str]]
BEFORE_THE_MESSAGE = ["banner", "EHLO", "MAIL", "RCPT", "DATA"]
NO_250 = {"drops": DROP, "garbage": GARBAGE, "half a code": HALF_A_CODE, "half a reply": HALF_A_REPLY}
NO_250 |= {"another code": (b"354 what?\r\n",), "hangs": HANG, "drips": DRIP}
FAILURES: Cases = {f"{step} 451": (step, LATER, "refused") for step in [*BEFORE_THE_MESSAGE, "taken"]}
FAILURES |= {f"{step} 550": (step, NEVER, "refused") for step in [*BEFORE_THE_MESSAGE, "taken"]}
FAILURES |= {f"{step} hangs": (step, HANG, "slow") for step in BEFORE_THE_MESSAGE}
FAILURES |= {f"{step} drips": (step, DRIP, "slow") for step in ("banner", "MAIL")}
FAILURES |= {f"{step} drops": (step, DROP, "unreachable") for step in BEFORE_THE_MESSAGE}
FAILURES |= {f"{step} garbage": (step, GARBAGE, "unreachable") for step in BEFORE_THE_MESSAGE}
FAILURES |= {"DATA go on and drops": ("DATA", (b"354 go on\r\n", None), "in-doubt")}
FAILURES |= {f"taken {name}": ("taken", does, "in-doubt") for name, does in NO_250.items()}


@pytest.fixture(scope="module")
def scripted(site: Path, relay: ScriptedRelay, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """Run a form backend with a short deadline in front of the scripted relay."""
    log_file = tmp_path_factory.mktemp("scripted") / "log"
    with gunicorn(site, relay.relay, log_file, FLASK_MAIL_DEADLINE="1") as running:
        yield running


@pytest.mark.parametrize(("step", "does", "outcome"), FAILURES.values(), ids=FAILURES)
def test_without_a_250_nothing_is_lost_or_claimed(
    scripted: Backend, relay: ScriptedRelay, step: str, does: Step, outcome: str
) -> None:
    """However a relay fails, the answer comes within the deadline, is true, and keeps every word."""
    relay.follow(**{step: does, "HELO": does})
    words = ENQUIRY | {"message": f"{step} {does!r}"}
    since = len(scripted.log)

    page = scripted.post(words)

    assert_all_kept(page, words)
    [attempt] = scripted.logged("relay", since)
    assert attempt["outcome"] == outcome
    assert ("may have reached us" in page.text) == (outcome == "in-doubt")
    assert attempt.get("smtp_code", 0) >= 400 or outcome != "refused"


ACCEPTED: dict[str, Step] = {
    "late": (0.6, b"250 late\r\n"),
    "byte by byte": (b"2", 0.1, b"5", 0.1, b"0", 0.1, b" slow\r\n"),
    "in two lines": (b"250-one\r\n250 two\r\n",),
    "without words": (b"250\r\n",),
    "and drops": (b"250 fine\r\n", None),
}


@pytest.mark.parametrize("answer", ACCEPTED.values(), ids=ACCEPTED)
def test_a_250_within_the_deadline_is_thanked_for(
    scripted: Backend, relay: ScriptedRelay, answer: Step
) -> None:
    """A relay may accept the message late, in pieces or in several lines, within the deadline."""
    relay.follow(taken=answer)

    assert scripted.enquire(message=f"{answer!r}").status_code == 303


FLIGHT: Step = (b"250-relay\r\n250-PIPELINING\r\n250 CHUNKING\r\n",)
OUT_OF_TURN: Step = (b"503 out of turn\r\n",)
IN_ONE_FLIGHT: list[tuple[dict[str, Step], str]] = [
    ({"MAIL": LATER, "RCPT": OUT_OF_TURN, "taken": OUT_OF_TURN}, "refused"),
    ({"MAIL": (b"421 bye\r\n", None)}, "refused"),
    ({"MAIL": (b"550 never\r\n", None)}, "refused"),
    ({"RCPT": (b"550 nobody\r\n",), "taken": (b"554 to nobody\r\n",)}, "refused"),
    ({"RCPT": (b"550 nobody\r\n", None)}, "refused"),
    ({"taken": (b"452 full\r\n",)}, "refused"),
    ({"taken": (b"502 what is BDAT?\r\n",)}, "refused"),
    ({"MAIL": GARBAGE, "taken": (b"554 no\r\n",)}, "unreachable"),
    ({"MAIL": DROP}, "in-doubt"),
    ({"RCPT": DROP}, "in-doubt"),
    ({"MAIL": GARBAGE, "RCPT": DROP}, "in-doubt"),
    ({"MAIL": LATER, "RCPT": OUT_OF_TURN}, "in-doubt"),
    ({"RCPT": (b"550 nobody\r\n",)}, "in-doubt"),
    *(({"taken": step}, "in-doubt") for step in (DROP, GARBAGE, (b"354 what?\r\n",), HANG, DRIP)),
    ({"RCPT": HANG}, "in-doubt"),
]


TAKEN_IN_ONE_FLIGHT: list[dict[str, Step]] = [
    {"MAIL": (b"2", 0.05, b"50 fi", 0.05, b"ne\r\n")},
    {"MAIL": (), "RCPT": (), "taken": (b"250 one\r\n250-two\r\n250 two\r\n250 three\r\n",)},
]


@pytest.mark.parametrize("first", range(0, len(IN_ONE_FLIGHT), 5))
def test_each_reply_of_a_flight_counts(serve: Serve, first: int) -> None:
    """In one flight, only a 250 counts as delivered, and only a clear refusal as refused."""
    cases = IN_ONE_FLIGHT[first : first + 5]
    with ExitStack() as stack:
        relays = [stack.enter_context(scripted_relay()) for _ in cases]
        for relay, (script, _outcome) in zip(relays, cases, strict=True):
            relay.follow(EHLO=FLIGHT, **script)
        backend = serve(",".join(relay.relay for relay in relays), FLASK_MAIL_DEADLINE="2")

        while len(tried := backend.logged("relay")) < len(relays):
            answer = backend.enquire(message="together")

            assert answer.status_code == 503
            last = backend.logged("relay")[-1]
            assert ("may have reached us" in answer.text) == (last["outcome"] == "in-doubt")

        outcomes = {attempt["relay"]: attempt["outcome"] for attempt in tried}
        assert outcomes == dict(enumerate(outcome for _script, outcome in cases))


def test_replies_to_one_flight_may_be_split_or_joined(serve: Serve, relay: ScriptedRelay) -> None:
    """Replies may be split over packets or joined in one."""
    backend = serve(relay.relay)

    for script in TAKEN_IN_ONE_FLIGHT:
        relay.follow(EHLO=FLIGHT, **script)

        assert backend.enquire(message=f"{script}").status_code == 303
        assert b"BDAT" in relay.heard


def test_fallback_without_pipelining(serve: Serve, relay: ScriptedRelay) -> None:
    """After a relay failed at an extension that it offers, Send again works without the extension."""
    relay.follow(EHLO=FLIGHT, taken=(b"500 BDAT?\r\n",))
    backend = serve(relay.relay)

    assert_all_kept(backend.enquire(), ENQUIRY)

    relay.script["taken"] = (b"250 fine\r\n",)
    relay.heard.clear()

    assert backend.enquire().status_code == 303
    assert b"BDAT" not in relay.heard
    assert b"DATA\r\n" in relay.heard


@pytest.mark.parametrize(("recipients", "status"), [(b"550 nobody\r\n", 503), (b"250 known\r\n", 303)])
def test_envelope_in_one_flight(serve: Serve, relay: ScriptedRelay, recipients: bytes, status: int) -> None:
    """Without CHUNKING only the envelope is pipelined; without a recipient no message is sent."""
    relay.follow(EHLO=(b"250-relay\r\n250 PIPELINING\r\n",), RCPT=(recipients,))

    backend = serve(relay.relay)
    shown = backend.form()
    until(lambda: b"noop" in relay.heard)  # the connection that showing the form opens
    answer = backend.post(ENQUIRY | {"message": f"{recipients!r}"}, shown=shown)

    assert answer.status_code == status
    assert (b"DATA\r\n.\r\n" in relay.heard) == (status == 503)


def test_connection_is_used_again(serve: Serve, relay: ScriptedRelay) -> None:
    """A connection is kept for the next message; one that the relay closed meanwhile is replaced."""
    backend = serve(relay.relay)
    endings: list[Step] = [(b"250 fine\r\n", 0.1, None), (b"250 fine\r\n", 0.1, b"421 bye\r\n", 3600.0)]

    relay.follow()
    shown = backend.form()
    until(lambda: b"noop" in relay.heard)

    for number in range(3):
        assert backend.post(ENQUIRY | {"message": f"again {number}"}, shown=shown).status_code == 303
    assert relay.called == 1

    for ending in endings:
        relay.follow(taken=ending)
        for moment in ("before", "after"):
            answer = backend.post(ENQUIRY | {"message": f"{moment} {ending}"}, shown=shown)
            relay.over.wait(0.3)

            assert answer.status_code == 303
        assert relay.called == 2
    assert {attempt["outcome"] for attempt in backend.logged("relay")} == {"delivered"}


def test_prewarming_opens_one_connection(serve: Serve, relay: ScriptedRelay) -> None:
    """Showing the form prewarms one connection, however often it is shown."""
    backend = serve(relay.relay)
    relay.follow()

    for _ in range(5):
        shown = backend.form()
        until(lambda: b"noop" in relay.heard)

    assert b"mail" not in relay.heard.lower()
    assert backend.post(ENQUIRY | {"message": "found it ready"}, shown=shown).status_code == 303
    assert relay.called == 1


def test_too_many_in_flight(serve: Serve) -> None:
    """Over the bound on submissions in flight the answer is 503 at once, with every word kept."""
    with scripted_relay() as relay, ExitStack() as people:
        relay.follow(taken=(3600.0, b"250 fine\r\n"))
        backend = serve(relay.relay, FLASK_MAIL_DEADLINE="25")
        shown = backend.form()
        words = ENQUIRY | {"token": token(shown)}
        host = urlsplit(backend.url).netloc
        waiting = [people.enter_context(closing(HTTPConnection(host))) for _ in range(MOST_IN_FLIGHT)]
        for number, connection in enumerate(waiting):
            typed = urlencode(words | {"message": f"in flight {number}"})
            connection.request("POST", "/enquiry/", typed, {"Content-Type": URLENCODED})
        until(lambda: relay.taken == MOST_IN_FLIGHT)

        page = backend.post(ENQUIRY | {"message": "one too many"}, shown=shown)

        relay.over.set()  # wait no more
        assert_all_kept(page, ENQUIRY | {"message": "one too many"})
        assert "A great many people" in page.text
        assert {connection.getresponse().status for connection in waiting} == {303}


def test_relay_without_ehlo(scripted: Backend, relay: ScriptedRelay) -> None:
    """A relay that refuses EHLO is greeted with HELO."""
    relay.follow(EHLO=(b"502 what?\r\n",))

    assert scripted.enquire(message="to an old relay").status_code == 303


def test_relay_that_is_down(serve: Serve) -> None:
    """A relay that is down is unreachable, and every word is kept."""
    backend = serve(f"smtp://{HOST}:{free_port()}")

    assert_all_kept(backend.enquire(), ENQUIRY)
    assert [attempt["outcome"] for attempt in backend.logged("relay")] == ["unreachable"]


@pytest.mark.parametrize("failure", [{"RCPT": LATER}, {"taken": DROP}], ids=["refused", "in-doubt"])
def test_sending_again_after_a_failure(
    scripted: Backend, relay: ScriptedRelay, failure: dict[str, Step]
) -> None:
    """After a failure Send works under the same reference; delivered words are not sent again."""
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
    """A second copy waits for the first one's outcome and shares it: one mail, one reference."""
    relay.follow(taken=(0.5, b"250 fine\r\n"))
    shown = scripted.form()
    with ThreadPoolExecutor() as people:
        words = ENQUIRY | {"message": "pressed twice"}
        answers = list(people.map(lambda _: scripted.post(words, shown=shown), range(4)))

    assert {answer.status_code for answer in answers} == {303}
    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert relay.taken == 1


def test_relays_are_tried_in_order_and_recently_failed_ones_last(serve: Serve, mailbox: Mailbox) -> None:
    """Each relay gets a share of the deadline until one accepts; one that failed is tried last next time."""
    failures: list[dict[str, Step]] = [
        {"banner": HANG},
        {"EHLO": DROP, "HELO": DROP},
        {"RCPT": LATER},
        {"taken": (b"554 not from you\r\n",)},
    ]
    with ExitStack() as stack:
        relays = [stack.enter_context(scripted_relay()) for _ in failures]
        for relay, failure in zip(relays, failures, strict=True):
            relay.follow(**failure)
        addresses = ",".join(relay.relay for relay in relays)
        backend = serve(f"{addresses},{mailbox.relay}", FLASK_MAIL_DEADLINE="2")

        answers = [backend.enquire(message=message) for message in ("first", "second")]

        assert [answer.status_code for answer in answers] == [303, 303]
        assert len(mailbox.received) == 2
        assert [attempt["relay"] for attempt in backend.logged("relay")] == [0, 1, 2, 3, 4, 4]


def test_no_second_relay_once_the_message_is_on_its_way(
    serve: Serve, relay: ScriptedRelay, mailbox: Mailbox
) -> None:
    """A message that the first relay may have is not offered to the second."""
    backend = serve(f"{relay.relay},{mailbox.relay}", FLASK_MAIL_DEADLINE="2")
    relay.follow(taken=(1.4, b"250 late\r\n"))

    assert backend.enquire(message="later than its share").status_code == 303

    relay.follow(taken=DROP)

    assert backend.enquire(message="perhaps there").status_code == 503
    assert relay.taken == 1
    assert not mailbox.received


@pytest.mark.filterwarnings("ignore:Requiring AUTH")  # aiosmtpd does not see TLS from the first byte
@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
def test_delivery_under_tls_with_login(
    serve: Serve, authority: trustme.CA, ca_file: str, tmp_path: Path, scheme: str
) -> None:
    """A relay with a valid certificate gets our login, then the message; bounces go to our mailbox."""
    (tmp_path / "password").write_text(f"{PASSWORD}\n")

    options = under(scheme, presenting(authority.issue_cert(HOST)))
    options |= {
        "authenticator": lets_in("web@site"),
        "auth_required": True,
        "auth_require_tls": scheme != "smtps",
    }
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
    """A refused login is a refusal; no answer and no log shows the password."""
    (tmp_path / "password").write_text(PASSWORD)
    relay.follow(EHLO=(b"250-relay\r\n250 AUTH PLAIN\r\n",), AUTH=(b"535 no\r\n",))
    backend = serve(
        relay.relay.replace("//", "//website@"), FLASK_MAIL_PASSWORD_FILE=str(tmp_path / "password")
    )

    page = backend.enquire()

    assert_all_kept(page, ENQUIRY)
    assert [(attempt["outcome"], attempt["smtp_code"]) for attempt in backend.logged("relay")] == [
        ("refused", 535)
    ]
    assert PASSWORD not in backend.log_file.read_text() + page.text


def test_nonsense_in_the_login(serve: Serve, relay: ScriptedRelay, tmp_path: Path) -> None:
    """A login challenge that cannot be decoded counts as a failure of the relay."""
    (tmp_path / "password").write_text(PASSWORD)
    relay.follow(EHLO=(b"250-relay\r\n250 AUTH CRAM-MD5\r\n",), AUTH=(b"334 !!!x\r\n",))
    backend = serve(
        relay.relay.replace("//", "//website@"), FLASK_MAIL_PASSWORD_FILE=str(tmp_path / "password")
    )

    page = backend.enquire()

    assert_all_kept(page, ENQUIRY)
    assert [attempt["outcome"] for attempt in backend.logged("relay")] == ["unreachable"]


@pytest.mark.promise("website-secured")
def test_untrusted_relay_gets_nothing(
    serve: Serve, authority: trustme.CA, ca_file: str, relay: ScriptedRelay
) -> None:
    """A relay without TLS, or with a wrong or expired certificate, gets no word of the message."""
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
    outcomes = dict(zip(addresses, (attempt["outcome"] for attempt in backend.logged("relay")), strict=True))
    assert outcomes == dict.fromkeys(addresses, "untrusted")
    assert not any(mailbox.received for mailbox in relays.values())
    assert b"mail from" not in relay.heard.lower()


def test_tls_handshake_keeps_the_deadline(serve: Serve, relay: ScriptedRelay) -> None:
    """A relay that answers STARTTLS late gets no extra time for the handshake."""
    late = (0.9, b"220 go on\r\n", 0.6, *GARBAGE, *HANG)
    relay.follow(EHLO=(b"250-relay\r\n250 STARTTLS\r\n",), STARTTLS=late)
    backend = serve(f"smtp+starttls://{HOST}:{relay.port}", FLASK_MAIL_DEADLINE="1")

    page = backend.enquire()

    assert page.status_code == 503
    assert [attempt["outcome"] for attempt in backend.logged("relay")] == ["slow"]


@pytest.mark.parametrize(
    ("recipients", "status", "refused"),
    [
        ("first@example.org,second@example.org,third@example.org", 303, [0, 2]),
        ("first@example.org,third@example.org", 503, []),
    ],
)
def test_some_recipients_refused(serve: Serve, recipients: str, status: int, refused: list[int]) -> None:
    """Accepted for one recipient is delivered, for none is refused; the log gives positions only."""
    with smtp_server(Mailbox(unknown=("first@example.org", "third@example.org"))) as mailbox:
        backend = serve(mailbox.relay, FLASK_ENQUIRIES_TO=recipients)

        assert backend.enquire().status_code == status

    assert [received.recipients for received in mailbox.received] == [["second@example.org"]] * (
        status == 303
    )
    complaints = backend.logged("recipient_refused")
    assert [(line["recipient"], line["smtp_code"]) for line in complaints] == [
        (place, 550) for place in refused
    ]
    assert "example.org" not in backend.log_file.read_text()


@pytest.mark.parametrize(
    ("email", "international_relay", "reply_to"),
    [
        ("jörg@example.com", True, None),
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
    """Domains are written in ASCII; other local parts stand in the text alone; SMTPUTF8 is not asked for."""
    with smtp_server(enable_SMTPUTF8=international_relay) as mailbox:
        assert serve(mailbox.relay).enquire(email=email).status_code == 303

    [received] = mailbox.received
    header = [line for line in received.source.decode().splitlines() if line.startswith("Reply-To:")]
    assert header == ([f"Reply-To: {reply_to}"] if reply_to else [])
    assert "SMTPUTF8" not in received.options
    assert email in received.text


@pytest.mark.parametrize(("message", "fits"), [("short enough", True), ("ě" * 400, False)])
def test_mail_link_holds_the_words_or_the_reference(
    scripted: Backend,
    relay: ScriptedRelay,
    message: str,
    fits: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """The mail link holds what was typed, or, if that is too long, the reference and some advice."""
    relay.follow(banner=(b"554 closed\r\n",))

    page = scripted.enquire(message=message)

    link = mail_link(page)
    mail = parse_qs(urlsplit(link).query)
    assert len(link) <= 1800
    assert reference_in(page) in mail["subject"][0] + mail["body"][0]
    assert (message in mail["body"][0]) == fits
    assert fits or "copy" in mail["body"][0]
