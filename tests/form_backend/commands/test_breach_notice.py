"""The command that e-mails a security-breach notice to the people concerned."""

import asyncio
import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from devtools.loopback import HOST
from tests.parts.notice import NOTICE
from tests.parts.processes import ROOT, free_port, listens, until
from tests.parts.relays import Mailbox, smtp_server
from tests.parts.stack import environment

MANY = 400
PEOPLE = "email,name\n" + "".join(f"person-{number}@example.com,\n" for number in range(MANY))
FIVE = PEOPLE[: PEOPLE.index("person-5")]


Run = Callable[..., subprocess.CompletedProcess[str]]
COMMAND = [sys.executable, "-m", "flask", "--app", "form_backend", "breach-notice"]


@pytest.fixture(scope="module")
def warning_site(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the site with one notice, one that is not published yet, and one that is not finished."""
    copy = tmp_path_factory.mktemp("warning") / "site"
    shutil.copytree(site, copy, copy_function=os.link)
    body = NOTICE.partition("\n\n")[2].strip()
    notice = {
        "title": "Someone read mail & <files>",
        "facts": {"Date of the breach": "1 February 2027", "Last updated": "7 February 2027"},
        "contact_email": "privacy@example.org",
        "text": body,
        "page": "/notices/mail-read/",
    }
    notices = {
        "mail-read": notice,
        "draft": notice | {"page": None},
        "unfinished": notice | {"text": f"{body}\n[Your list: …]"},
    }
    facts = json.loads((site / "form.json").read_text("utf-8")) | {"notices": notices}
    (copy / "form.json").unlink()  # it is a link to the shared site's
    (copy / "form.json").write_text(json.dumps(facts), "utf-8")
    return copy


@pytest.fixture
def run(warning_site: Path) -> Run:
    """Return a function that e-mails a notice to people through relays."""

    def command(
        relays: str, people: str | bytes, *options: str, notice: str = "mail-read", **changed: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, notice, "-", *options],
            cwd=ROOT,
            env=environment(warning_site, relays, **changed),
            input=people.decode("latin-1") if isinstance(people, bytes) else people,
            capture_output=True,
            encoding="latin-1" if isinstance(people, bytes) else "utf-8",
            check=False,
            timeout=120,
        )

    return command


def everyone(mailbox: Mailbox) -> list[str]:
    """Return whom each message went to; none may have gone to two."""
    assert all(len(received.recipients) == 1 for received in mailbox.received)
    return [received.recipients[0] for received in mailbox.received]


def unreached(stdout: str) -> dict[str, str]:
    """Return what became of each person on the command's list of those who were not reached."""
    return {row["email"]: row["outcome"] for row in csv.DictReader(io.StringIO(stdout))}


def test_nothing_is_sent_by_default(run: Run, mailbox: Mailbox) -> None:
    """Without --send the command only shows the message and how many would get it."""
    shown = run(mailbox.relay, FIVE, FLASK_BREACH_NOTICE_SEND="1", FLASK_BREACH_NOTICE_RATE="wrong")

    assert shown.returncode == 0
    assert "To: person-0@example.com\n" in shown.stdout
    assert NOTICE.partition("\n\n")[2] in shown.stdout
    assert "Nothing was sent. With --send, 5 people get it, each alone." in shown.stderr
    assert not mailbox.received


@pytest.mark.promise("breach-notice")
def test_message(run: Run, mailbox: Mailbox) -> None:
    """The message is the notice as typed, sent from our address; replies go to its contact."""
    sent = run(mailbox.relay, "email,name\nzoe@example.com,\"Zoë, of 'Home'\"\n", "--send")

    [received] = mailbox.received
    assert sent.returncode == 0
    assert sent.stdout == ""
    assert received.sender == "bounces@example.org"
    assert [str(received.message[name]) for name in ("From", "To", "Reply-To", "Auto-Submitted")] == [
        "IMQS <website@example.org>",
        "\"Zoë, of 'Home'\" <zoe@example.com>",
        "privacy@example.org",
        "auto-generated",
    ]
    assert received.message["Subject"].endswith(": Someone read mail & <files>")
    assert received.text.startswith("Dear Zoë, of 'Home'\n")
    for line in ("Date of the breach: 1 February 2027\n", "Last updated: 7 February 2027\n"):
        assert line in received.text
    assert received.text.endswith("\n" + NOTICE.partition("\n\n")[2])


def test_address_on_the_website(run: Run, mailbox: Mailbox) -> None:
    """The e-mail gives the address of a published notice; a draft has none yet."""
    for name in ("draft", "mail-read"):
        run(mailbox.relay, "email\na@example.com", "--send", notice=name)

    before, after = mailbox.received
    assert "/notices/" not in before.text
    assert "/notices/mail-read/\n" in after.text


def test_sending_again_is_recognised(run: Run, mailbox: Mailbox) -> None:
    """The same notice to the same person has the same Message-ID, which mail programs show once."""
    for _time in range(2):
        run(mailbox.relay, "email\na@example.com\nb@example.com\n", "--send")

    first, other, second, _other = [received.message["Message-ID"] for received in mailbox.received]
    assert first == second != other


def test_bad_rows(run: Run, mailbox: Mailbox) -> None:
    """A bad row is reported by its line and skipped; a person listed twice gets one message."""
    people = """Email,Name
a@example.com,A
nonsense,B

A@EXAMPLE.COM,A again
c@example.com
d@example.com,D,3
"e@example.com","E
Bcc: x@example.com"
f@bücher.example,F
"""

    sent = run(mailbox.relay, people, "--send", "--rate", "1000")

    assert sent.returncode == 1
    assert [line for line in sent.stderr.splitlines() if line.startswith("line ")] == [
        "line 3: skipped, since it holds no e-mail address that we can write to.",
        "line 7: skipped, since it has more columns than the first line names.",
    ]
    assert "Of 7 rows: 4 handed over, 2 skipped, 1 listed twice." in sent.stderr
    assert unreached(sent.stdout) == {"nonsense": "no-address", "d@example.com": "too-many-cells"}
    assert everyone(mailbox) == [
        "a@example.com",
        "c@example.com",
        "e@example.com",
        "f@xn--bcher-kva.example",
    ]


def test_spreadsheet(run: Run, mailbox: Mailbox) -> None:
    """A CSV as spreadsheets write it is read: byte order mark, semicolons, CRLF, columns in any order."""
    run(mailbox.relay, "\ufeffName;City;EMAIL\r\nDlamini, T;Durban;t@example.com\r\n", "--send")

    assert everyone(mailbox) == ["t@example.com"]
    assert mailbox.received[0].text.startswith("Dear Dlamini, T\n")


@pytest.mark.parametrize(
    ("people", "sentence"),
    [
        (b"", "the list is empty. Did you write into the file that you read?"),
        (b"\n;;;\n", "the list is empty. Did you write into the file that you read?"),
        (
            b"a@example.com\n",
            "the first line of the CSV must name a column email. It names: a@example.com",
        ),
        (
            b"Naam,Adres\n",
            "the first line of the CSV must name a column email. It names: Naam, Adres",
        ),
        (b"email\n", "there is nobody to write to."),
        (b"email\n\xe9@example.com\n", "the CSV is not in UTF-8; save it as “CSV UTF-8”."),
        (
            b'email\na@example.com\n"b@example.com\n',
            "after line 3: the CSV cannot be read: unexpected end of data. Correct it there.",
        ),
    ],
)
def test_unreadable_lists(run: Run, mailbox: Mailbox, people: bytes, sentence: str) -> None:
    """A list that cannot be read whole is refused before anything is sent."""
    refused = run(mailbox.relay, people, "--send")

    assert refused.returncode == 1
    assert f"Error: {sentence}\n" in refused.stderr.encode("latin-1").decode()
    assert not mailbox.received


@pytest.mark.parametrize(
    ("notice", "sentence"),
    [
        ("unknown", "the website has no notice unknown; it has: mail-read, draft, unfinished. Publish the"),
        ("unfinished", "something is still to be filled in; write over each [Your …] first."),
    ],
)
def test_notice_that_cannot_be_sent(run: Run, mailbox: Mailbox, notice: str, sentence: str) -> None:
    """The command sends only a finished notice that the website has, and says why."""
    refused = run(mailbox.relay, PEOPLE, "--send", notice=notice)

    assert refused.returncode == 1
    assert sentence in refused.stderr
    assert not mailbox.received


@dataclass
class Troubled(Mailbox):
    """A relay that counts connections and may break them."""

    trouble: str = ""
    connections: set[object] = field(default_factory=set)
    arrivals: list[float] = field(default_factory=list)

    async def handle_MAIL(  # noqa: N802
        self, _server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """End the connection when it has carried two messages."""
        self.connections.add(session.peer)
        if self.trouble in ("421", "452") and len(self.received) == 2 * len(self.connections):
            return f"{self.trouble} enough for one connection"
        envelope.mail_from, envelope.mail_options = address, options
        return "250 go on"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep the message; drop the line once instead of answering."""
        self.arrivals.append(time.monotonic())
        answer = await super().handle_DATA(server, session, envelope)
        if self.trouble == "dropped" and len(self.received) == 3:
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()
        return answer


@pytest.mark.parametrize(
    ("trouble", "connections", "left"),
    [
        ("none", 1, {}),
        ("421", 3, {}),
        ("452", 3, {}),
        ("refused", 1, {"person-2@example.com": "refused"}),
        ("dropped", 2, {"person-2@example.com": "in-doubt"}),
    ],
    ids=["none", "421", "452", "refused", "dropped"],
)
def test_troubled_relay(run: Run, trouble: str, connections: int, left: dict[str, str]) -> None:
    """One connection carries all, a broken one is replaced, and who may have been missed is listed."""
    unknown = ("person-2@example.com",) if trouble == "refused" else ()
    with smtp_server(relay := Troubled(trouble=trouble, unknown=unknown)):
        sent = run(relay.relay, FIVE, "--send", "--rate", "1000")

    reached = {"person-2@example.com"} if trouble != "refused" else set()
    assert unreached(sent.stdout) == left
    assert sent.returncode == bool(left)
    assert f"Of 5 rows: {5 - len(left)} handed over" in sent.stderr
    assert set(everyone(relay)) == {f"person-{n}@example.com" for n in (0, 1, 3, 4)} | reached
    assert len(relay.received) == 4 + len(reached)
    assert len(relay.connections) == connections


def test_rate(run: Run) -> None:
    """No more messages go out per second than --rate says: the fifth comes no sooner than its turn."""
    with smtp_server(relay := Troubled()):
        run(relay.relay, FIVE, "--send", "--rate", "4")

    assert len(relay.arrivals) == 5
    assert relay.arrivals[-1] - relay.arrivals[0] > 0.5  # a second, less what a busy machine may take off


def test_second_relay(run: Run, mailbox: Mailbox) -> None:
    """While the first relay is down, the second takes the messages."""
    sent = run(f"smtp://{HOST}:{free_port()},{mailbox.relay}", FIVE, "--send", "--rate", "1000")

    assert sent.returncode == 0
    assert len(everyone(mailbox)) == 5


def test_untrusted_relay(run: Run, mailbox: Mailbox) -> None:
    """Without a relay that can be used, everyone is listed as not reached, with the reason."""
    sent = run(mailbox.relay.replace("smtp:", "smtp+starttls:"), FIVE, "--send", "--rate", "1000")

    assert sent.returncode == 1
    assert list(unreached(sent.stdout).values()) == ["untrusted"] * 5
    assert not mailbox.received


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted(warning_site: Path, tmp_path: Path, ending: signal.Signals) -> None:
    """A command that is ended early still lists who was not reached."""
    with smtp_server(relay := Troubled()):
        command = start(warning_site, relay.relay, tmp_path, FIVE, "--rate", "2")
        until(lambda: bool(relay.received))
        command.send_signal(ending)
        left, _errors = command.communicate(timeout=30)

    reached = set(everyone(relay))
    assert command.returncode == 1
    assert reached | set(unreached(left)) == {f"person-{number}@example.com" for number in range(5)}
    assert all(unreached(left).get(email, "in-doubt") == "in-doubt" for email in reached)


def start(site: Path, relays: str, folder: Path, people: str, *options: str) -> subprocess.Popen[str]:
    """Start e-mailing to people, whose list stands in a file."""
    listed = folder / "people.csv"
    listed.write_text(people, "utf-8")
    return subprocess.Popen(
        [*COMMAND, "mail-read", str(listed), "--send", *options],
        cwd=ROOT,
        env=environment(site, relays),
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )


@contextmanager
def relay_process(port: int, taken: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a mail relay of its own, which can be killed; it appends what it takes to a file."""
    command = [sys.executable, "-u", "-m", "aiosmtpd", "-n", "-l", f"{HOST}:{port}"]
    with taken.open("ab") as file, subprocess.Popen(command, stdout=file) as process:
        until(lambda: listens(port))
        yield process
        process.kill()


def people_in(taken: Path) -> Counter[str]:
    """Count the messages that a relay process took whole, by person."""
    return Counter(re.findall(r"(?ms)^To: (\S+)$.*?^-+ END MESSAGE", taken.read_text("utf-8")))


def test_relay_killed_while_many_are_written_to(warning_site: Path, run: Run, tmp_path: Path) -> None:
    """After the relay was killed and the rest was sent, each has one message; one in doubt may have two."""
    port, taken = free_port(), tmp_path / "taken"
    relays, fast = f"smtp://{HOST}:{port}", ["--rate", "100000"]
    with relay_process(port, taken) as relay:
        command = start(warning_site, relays, tmp_path, PEOPLE, *fast)
        until(lambda: taken.read_bytes().count(b" END MESSAGE ") > MANY // 4)
        relay.kill()
        rest, _errors = command.communicate(timeout=60)
    left = unreached(rest)
    doubtful = [email for email, outcome in left.items() if outcome == "in-doubt"]
    with relay_process(port, taken):
        again = run(relays, rest, "--send", *fast)
    copies = people_in(taken)

    assert command.returncode == 1
    assert 0 < len(left) < MANY * 3 // 4
    assert len(doubtful) <= 1
    assert (again.returncode, again.stdout) == (0, "")
    assert set(copies) == {f"person-{number}@example.com" for number in range(MANY)}
    assert {person for person, count in copies.items() if count > 1} <= set(doubtful)
