"""Whatever fails, the form backend tells the truth: with real parts, and a relay that breaks every rule."""

import random
import resource
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import trustme
from itsdangerous import TimestampSigner

from devtools.loopback import HOST
from tests.parts.forms import ENQUIRY, LINES, REQUEST, SECRET, assert_all_kept, free_text, shown_values, token
from tests.parts.postfix import Postfix, postfix
from tests.parts.processes import children, until
from tests.parts.relays import (
    DRIP,
    DROP,
    GARBAGE,
    HANG,
    LATER,
    NEVER,
    PASSWORD,
    Mailbox,
    Received,
    ScriptedRelay,
    Step,
)
from tests.parts.soak import NOT_SENT, THANKED, Enquiry, Plan, said, soak
from tests.parts.stack import Backend, Serve, gunicorn
from tests.parts.unreliable import EXTENSIONS, Habits, UnreliableRelay


def test_no_lie_while_everything_fails(site: Path, tmp_path: Path) -> None:
    """While relays, connections and processes fail, every answer is true of what is in the mailbox."""
    lies, table = soak(site, tmp_path, Plan("4711", submissions=250, failures=5, with_postfix=False))

    assert not lies, table


@pytest.fixture(scope="module")
def debian() -> Iterator[Postfix]:
    """Run Postfix."""
    with postfix(trustme.CA()) as running:
        yield running


@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
def test_delivery_through_postfix(serve: Serve, debian: Postfix, scheme: str) -> None:
    """Postfix takes each word as typed, under TLS and with our login, for the recipients whom it knows."""
    debian.mailbox.received.clear()
    backend = serve(
        debian.relays[scheme], FLASK_ENQUIRIES_TO="nobody@example.org,sales@example.org", **debian.settings
    )
    typed = {"message": "\r\n".join(LINES), "email": "jörg@example.com"}

    answers = [backend.enquire(**typed)]
    debian.wait_until_handed_on()
    debian.stop()
    answers.append(backend.enquire(name="Nomsa"))
    debian.start()
    answers.append(backend.enquire(name="Nomsa"))
    debian.wait_until_handed_on()

    assert [answer.status_code for answer in answers] == [303, 503, 303]
    assert [received.recipients for received in debian.mailbox.received] == [["sales@example.org"]] * 2
    first = debian.mailbox.received[0]
    assert free_text(first) == "\n".join(LINES)
    assert b"with ESMTPSA id" in first.source
    refused = backend.logged("recipient_refused")
    assert [(line["recipient"], line["smtp_code"]) for line in refused] == [(0, 554), (0, 554)]
    assert PASSWORD not in backend.log_file.read_text("utf-8")


@pytest.fixture(scope="module")
def careless() -> Iterator[UnreliableRelay]:
    """Run a relay whose habits a test may set."""
    relay = UnreliableRelay(random.Random(4711))
    yield relay
    relay.stop()


@pytest.fixture(scope="module")
def trusting(
    site: Path, careless: UnreliableRelay, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Backend]:
    """Run a form backend with a short deadline in front of that relay."""
    log_file = tmp_path_factory.mktemp("trusting") / "log"
    with gunicorn(site, careless.address, log_file, FLASK_MAIL_DEADLINE="1") as running:
        yield running


HONOURED = {" ".join(offers) or "no extension": Habits(offers=offers) for offers in EXTENSIONS}
HONOURED |= {"replies byte by byte": Habits(splits=True)}
NOT_HONOURED = {
    "reads one command of a packet": Habits(one_command_a_packet=True),
    "takes the chunk for commands": Habits(knows_bdat=False),
    "closes at the chunk": Habits(does={"BDAT": DROP}),
    "hangs at the chunk": Habits(does={"BDAT": HANG}),
    "refuses the chunk": Habits(does={"BDAT": (b"502 what?\r\n",)}),
    "reads one command, without chunks": Habits(offers=("PIPELINING",), one_command_a_packet=True),
}


COMMANDS = [
    "RSET",
    "MAIL FROM:<a@example.com>",
    "RCPT TO:<b@example.com>",
    "DATA",
    "Subject: none",
    ".",
    "QUIT",
]
# Quoted-printable begins a new line with the command.
WRAPPED = [f"{'x' * 73}{command}" for command in COMMANDS]


@pytest.mark.parametrize("habits", HONOURED.values(), ids=HONOURED)
def test_any_set_of_extensions(trusting: Backend, careless: UnreliableRelay, habits: Habits) -> None:
    """With any set of SMTP extensions, and replies in one packet or byte by byte, the message arrives."""
    careless.behave(habits)
    lines = [f"{habits}", *LINES]

    assert trusting.enquire(message="\r\n".join(lines)).status_code == 303
    [received] = careless.took
    assert free_text(received) == "\n".join(lines)


@pytest.mark.parametrize("habits", NOT_HONOURED)
def test_extensions_that_are_not_honoured(trusting: Backend, careless: UnreliableRelay, habits: str) -> None:
    """With a relay that offers what it cannot do, the answer is true, and no typed line becomes a command."""
    enquiry = Enquiry("\n".join([f"Said to a relay that {habits}", *WRAPPED]))
    words, took = ENQUIRY | {"message": enquiry.text}, list[Received]()

    for behaviour in (NOT_HONOURED[habits], Habits()):
        careless.behave(behaviour)
        answer = trusting.post(words)
        enquiry.told.append(said(answer.status_code, answer.text))
        took += careless.took
        if answer.status_code == 303:
            break
        assert_all_kept(answer, words)

    assert enquiry.told[-1] == THANKED
    assert not enquiry.is_belied_by(len(took))
    assert {free_text(received) for received in took} == {enquiry.text}


@pytest.fixture(scope="module")
def guarded(site: Path, relay: ScriptedRelay, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """Run a form backend that asks that relay for TLS, and then, as a second relay, for a login."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "password").write_text(PASSWORD)
    relays = f"smtp+starttls://{HOST}:{relay.port},smtp://website@{HOST}:{relay.port}"
    settings = {"FLASK_MAIL_DEADLINE": "2", "FLASK_MAIL_PASSWORD_FILE": str(folder / "password")}
    with gunicorn(site, relays, folder / "log", **settings) as running:
        yield running


BEFORE_THE_ENVELOPE: dict[str, tuple[Step, str]] = {
    "later": (LATER, "refused"),
    "never": (NEVER, "refused"),
    "hangs": (HANG, "slow"),
    "drips": (DRIP, "slow"),
    "drops": (DROP, "unreachable"),
    "garbage": (GARBAGE, "unreachable"),
}


@pytest.mark.parametrize(("does", "outcome"), BEFORE_THE_ENVELOPE.values(), ids=BEFORE_THE_ENVELOPE)
def test_faults_before_the_envelope(guarded: Backend, relay: ScriptedRelay, does: Step, outcome: str) -> None:
    """A relay that fails at STARTTLS or at the login hears nothing of the message."""
    relay.follow(EHLO=(b"250-relay\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n",), STARTTLS=does, AUTH=does)
    since = len(guarded.log)

    page = guarded.enquire(message=f"{does!r}")

    assert_all_kept(page, ENQUIRY | {"message": f"{does!r}"})
    tried = {attempt["relay"]: attempt["outcome"] for attempt in guarded.logged("relay", since)}
    assert tried == {0: outcome, 1: outcome}
    assert b"mail from" not in relay.heard.lower()


def test_out_of_file_descriptors(serve: Serve, relay: ScriptedRelay) -> None:
    """Without one for the relay, people are told and keep every word; without one for a client, it waits."""
    relay.follow(taken=(0.5, b"250 fine\r\n"))
    backend = serve(relay.relay, GUNICORN_CMD_ARGS="--keep-alive=60")
    asked = [("/enquiry/", ENQUIRY), ("/your-information/", REQUEST)] * 2
    sent = [(path, words | {"name": f"Number {number}"}) for number, (path, words) in enumerate(asked)]
    with ExitStack() as stack:
        clients = [stack.enter_context(httpx.Client(base_url=backend.url, timeout=60)) for _ in sent]
        doors = [replace(backend, client=client) for client in clients]
        shown = [door.form(path) for door, (path, _words) in zip(doors, sent, strict=True)]
        until(lambda: b"noop" in relay.heard)
        [worker] = children(backend.process)
        used = {int(path.name) for path in Path(f"/proc/{worker}/fd").iterdir()}
        resource.prlimit(worker, resource.RLIMIT_NOFILE, (min(set(range(99)) - used),) * 2)
        with ThreadPoolExecutor() as people:
            posts = zip(doors, sent, shown, strict=True)
            posted = [people.submit(door.post, words, path, page) for door, (path, words), page in posts]
        answers = [post.result() for post in posted]

        with pytest.raises(httpx.ReadTimeout):
            httpx.get(f"{backend.url}/healthz", timeout=0.5)

    assert httpx.get(f"{backend.url}/healthz", timeout=30).status_code == 200
    assert backend.enquire().status_code == 303
    assert "OSError" in {line.get("error") for line in backend.logged("fault")}
    told = [said(answer.status_code, answer.text) for answer in answers]
    assert {NOT_SENT} <= {*told} <= {NOT_SENT, THANKED}  # one may have found a connection ready
    assert relay.taken == 1 + told.count(THANKED)
    for answer, (_path, words) in zip(answers, sent, strict=True):
        assert answer.status_code == 303 or shown_values(answer)["name"] == words["name"]


def test_disk_full(serve: Serve, mailbox: Mailbox) -> None:
    """While no file can grow, not even the log, forms are answered as ever."""
    backend = serve(mailbox.relay)
    for pid in (backend.process.pid, *children(backend.process)):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, 0))
    logged = len(backend.log)

    statuses = [backend.enquire(message=message).status_code for message in ("full", "", "x" * 300_000)]

    assert statuses == [303, 422, 413]
    assert len(mailbox.received) == 1
    assert len(backend.log) == logged


class AnHourAhead(TimestampSigner):
    """Sign as a server does whose clock is an hour ahead."""

    def get_timestamp(self) -> int:
        """Return that clock's time."""
        return super().get_timestamp() + 3600


def test_clock_set_back(backend: Backend, mailbox: Mailbox) -> None:
    """A form shown before the clock was set back comes back with every word, and Send works."""
    signed = TimestampSigner(SECRET, salt="form token").unsign(token(backend.form()))
    early = AnHourAhead(SECRET, salt="form token").sign(signed).decode()

    words = ENQUIRY | {"message": "From an hour ahead"}
    again = backend.post(words | {"token": early})

    assert again.status_code == 422
    assert shown_values(again) == words
    assert not mailbox.received
    assert backend.post(words, shown=again).status_code == 303
