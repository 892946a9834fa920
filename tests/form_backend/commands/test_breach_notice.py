"""Security-breach notices: on the website, and by e-mail to the people concerned."""

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

import lxml.etree
import lxml.html
import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from devtools.loopback import HOST
from plugins.notices.notice import HEADINGS, mistakes
from plugins.reading.document import read_document
from tests.parts.notice import NOTICE, notice
from tests.parts.processes import ROOT, free_port, listens, until
from tests.parts.relays import Mailbox, smtp_server
from tests.parts.stack import build, environment, gunicorn

SITE_DATE = "2027-02-10"
ATOM = {"atom": "http://www.w3.org/2005/Atom"}
BANNER = "//aside[@aria-label='Security-breach notice']//a/@href"
MANY = 400
PEOPLE = "email,name\n" + "".join(f"person-{number}@example.com,\n" for number in range(MANY))
FIVE = PEOPLE[: PEOPLE.index("person-5")]


@pytest.fixture(scope="module")
def noticed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the site of a day with notices: one on its last day, one new, one past, one still to come."""
    content = tmp_path_factory.mktemp("content") / "content"
    shutil.copytree(ROOT / "content", content)
    for name, text in {
        "last-day": NOTICE,
        "new": notice(
            Title="New",
            Breached="not known yet: we are looking",
            Published=SITE_DATE,
            Updated=SITE_DATE,
            Until="2027-03-31",
        ),
        "past": notice(Title="Past", Until="2027-02-09"),
        "to-come": notice(Title="To come", Published="2027-02-11", Updated="2027-02-11", Until="2027-03-31"),
    }.items():
        (content / "notices" / f"{name}.md").write_text(text, "utf-8")
    (content / "notices" / ".#new.md").write_text("an editor's own file", "utf-8")
    output = tmp_path_factory.mktemp("site")
    build(output, content, SITE_DATE=SITE_DATE)
    return output


@pytest.fixture
def notice_path(tmp_path: Path) -> Path:
    """Return the path of a notice without mistakes."""
    path = tmp_path / "mail-read.md"
    path.write_text(NOTICE, "utf-8")
    return path


def test_banner_on_every_page(noticed: Path) -> None:
    """Every page links to the notices that are active on the day of the build, and to no other."""
    banners = {str(page): lxml.html.parse(page).xpath(BANNER) for page in noticed.rglob("*.html")}

    assert len(banners) > 20
    assert {tuple(links) for links in banners.values()} == {("/notices/new/", "/notices/last-day/")}


def test_banner_on_form_pages(noticed: Path, mailbox: Mailbox, tmp_path: Path) -> None:
    """A form shown, a form shown again and an error page carry the banner too."""
    with gunicorn(noticed, mailbox.relay, tmp_path / "log") as backend:
        answers = [backend.form(), backend.enquire(email="wrong"), backend.client.get("/no-such-page")]

    assert [answer.status_code for answer in answers] == [200, 422, 404]
    for answer in answers:
        assert lxml.html.fromstring(answer.text).xpath(BANNER) == ["/notices/new/", "/notices/last-day/"]


def test_list(noticed: Path) -> None:
    """The list has what was published by that day, the newest first; what is to come has no page."""
    links = lxml.html.parse(noticed / "notices/index.html").xpath("//main//h2/a/@href")

    assert links == ["/notices/new/", "/notices/past/", "/notices/last-day/"]
    assert not (noticed / "notices/to-come").exists()


def test_notice_page(noticed: Path) -> None:
    """A notice's page shows its title and labelled lines as they were typed, and every heading."""
    main = lxml.html.parse(noticed / "notices/last-day/index.html").xpath("//main")[0]
    facts = [" ".join(fact.text_content().split()) for fact in main.xpath(".//dd")]

    assert main.xpath("string(.//h1)") == "Someone read mail & <files>"
    assert facts == [
        "1 February 2027",
        "3 February 2027",
        "5 February 2027",
        "7 February 2027",
        "Privacy desk (privacy@example.org)",
    ]
    assert main.xpath(".//dd/a/@href") == ["mailto:privacy@example.org"]
    assert main.xpath(".//h2/text()") == list(HEADINGS)


def test_unknown_date(noticed: Path) -> None:
    """Where the day of the breach is not known, the page says so, and why."""
    page = lxml.html.parse(noticed / "notices/new/index.html")

    assert page.xpath("normalize-space(//main//dd)") == "not known yet: we are looking"


def test_feed(noticed: Path) -> None:
    """The Atom feed carries every notice, with whole addresses, both its dates and its text."""
    feed = lxml.etree.parse(noticed / "notices/atom.xml")
    links = feed.xpath("atom:entry/atom:link/@href", namespaces=ATOM)
    entry = feed.xpath("atom:entry[2]", namespaces=ATOM)[0]
    parts = {part.tag.partition("}")[2]: part.text for part in entry}

    assert [link.partition("/notices/")[2] for link in links] == ["new/", "past/", "last-day/"]
    assert all(link.startswith("https://") for link in links)
    assert (parts["published"][:10], parts["updated"][:10]) == ("2027-02-05", "2027-02-07")
    assert "<em>mail</em>" in parts["content"]
    assert entry.xpath("string(atom:author/atom:name)", namespaces=ATOM)


def test_notices_in_form_json(noticed: Path, tmp_path: Path) -> None:
    """form.json holds what the e-mails say: in production of published notices, in preview of drafts too."""
    content = shutil.copytree(ROOT / "content", tmp_path / "content")
    (content / "notices/later.md").write_text(NOTICE, "utf-8")
    build(tmp_path / "preview", content, "pelicanconf.py", SITE_DATE="2027-02-04")
    published, drafts = (
        json.loads((site / "form.json").read_text("utf-8"))["notices"]
        for site in (noticed, tmp_path / "preview")
    )

    assert set(published) == {"last-day", "new", "past"}
    assert published["last-day"] == drafts["later"] | {"page": "/notices/last-day/"}
    assert drafts == {
        "later": {
            "title": "Someone read mail & <files>",
            "facts": {
                "Date of the breach": "1 February 2027",
                "Discovered": "3 February 2027",
                "Published": "5 February 2027",
                "Last updated": "7 February 2027",
                "Contact": "Privacy desk (privacy@example.org)",
            },
            "contact_email": "privacy@example.org",
            "text": NOTICE.partition("\n\n")[2].strip(),
            "page": None,
        }
    }


def test_no_trace(site: Path) -> None:
    """Without a notice there is no page, no feed, no banner and no link, and the project ships none."""
    links = {link for page in site.rglob("*.html") for link in lxml.html.parse(page).xpath("//@href")}

    assert not (site / "notices").exists()
    assert not [link for link in links if "notices" in link]
    assert not [page for page in site.rglob("*.html") if lxml.html.parse(page).xpath("//aside[@aria-label]")]


PROMPT = "section 22 of POPIA wants people told as soon as reasonably possible, and the dates show it"
ASKED = "section 22 of POPIA asks for it"
NEEDED = "people cannot judge what the breach means for them without it"
NO_LINE = 'The line "{}: …" is missing. Add it, since'
NO_HEADING = 'The heading "## {}" is missing. Add it and text under it, since'
NO_TEXT = 'There is no text under "{}". Write some, since'
LABELS = "Title, Breached, Discovered, Published, Updated, Until, Contact"


@pytest.mark.promise("breach-notice")
@pytest.mark.parametrize(
    ("wrong", "right", "problem"),
    [
        ("Title: Someone read mail & <files>\n", "",
         f'6: {NO_LINE.format("Title")} the notice, the banner and the e-mails are headed by it.'),
        ("Breached: 2027-02-01\n", "",
         f'6: {NO_LINE.format("Breached")} the privacy statement promises people the date of the breach.'),
        ("Discovered: 2027-02-03\n", "", f'6: {NO_LINE.format("Discovered")} {PROMPT}.'),
        ("Published: 2027-02-05\n", "", f'6: {NO_LINE.format("Published")} {PROMPT}.'),
        ("Updated: 2027-02-07\n", "",
         f'6: {NO_LINE.format("Updated")} people who come back must see whether there is news.'),
        ("Until: 2027-02-10\n", "",
         f'6: {NO_LINE.format("Until")} the banner on every page needs a last day.'),
        ("Contact: Privacy desk (privacy@example.org)\n", "",
         f'6: {NO_LINE.format("Contact")} people must know whom to ask.'),
        ("2027-02-01", "not known yet",
         '2: "not known yet" is no date. Write a day like 2027-01-31, or "not known yet:" and why.'),
        ("2027-02-03", "3 February",
         '3: "3 February" is no date. Write a day like 2027-01-31.'),
        ("2027-02-03", "2027-01-31", "3: Discovered is before Breached. Correct one of the two days."),
        ("Until: 2027-02-10", "Until: 2027-02-04",
         "6: Until is before Published. Correct one of the two days."),
        ("Until: 2027-02-10", "Until: 2027-02-10\nuntil: 2027-02-11",
         '7: There is a second line "Until:". Keep one of them.'),
        ("Until: 2027-02-10", "Until: 2027-02-10\nUntill: 2027-02-11",
         f"7: This has no label. Start it with one of {LABELS} and a colon; an empty line ends them."),
        (" (privacy@example.org)", "",
         "7: There is no e-mail address in Contact. Name one, since answers to the e-mail go there."),
        ("## What happened\nSomeone read *mail*.\n\n", "",
         f'29: {NO_HEADING.format("What happened")} {NEEDED}.'),
        ("Passwords.", "", f'15: {NO_TEXT.format("What was not affected")} {NEEDED}.'),
        ("## What you should do", "### What you should do",
         f'32: {NO_HEADING.format("What you should do")} {ASKED}.'),
        ("We do not know.\n", "",
         f'30: {NO_TEXT.format("Who did it")} {ASKED} where it is known; where it is not, say so.'),
        ("*mail*", "[mail](/contact/)",
         "10: This link does not work in the e-mails. Begin it with https://."),
    ],
)  # fmt: skip
def test_mistakes(notice_path: Path, wrong: str, right: str, problem: str) -> None:
    """A notice with something missing or wrong is refused with file, line and the reason or the cure."""
    assert NOTICE.count(wrong) == 1
    notice_path.write_text(NOTICE.replace(wrong, right), "utf-8")

    found = mistakes(read_document(notice_path, "content/notices/mail-read.md"))

    assert [f"{line}: {sentences}" for line, sentences in found] == [problem]


def test_all_mistakes_at_once(notice_path: Path) -> None:
    """A notice with several mistakes is refused with all of them."""
    notice_path.write_text(NOTICE.replace("Until", "Untill").replace("2027-02-03", "3 February"), "utf-8")

    found = mistakes(read_document(notice_path, "content/notices/mail-read.md"))

    assert sorted(line for line, _sentences in found) == [3, 6, 7]


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
    """Without --send the message is shown, with how many would get it; the environment cannot send it."""
    shown = run(mailbox.relay, FIVE, FLASK_BREACH_NOTICE_SEND="1", FLASK_BREACH_NOTICE_RATE="wrong")

    assert shown.returncode == 0
    assert "To: person-0@example.com\n" in shown.stdout
    assert NOTICE.partition("\n\n")[2] in shown.stdout
    assert "Nothing was sent. With --send, 5 people get it, each alone." in shown.stderr
    assert not mailbox.received


@pytest.mark.promise("breach-notice")
def test_message(run: Run, mailbox: Mailbox) -> None:
    """The message is the notice as typed under its labelled lines, from us, answered to its contact."""
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
    """The mail gives the address of a published notice; a draft, which only the preview has, has none yet."""
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
    """A bad row is reported by its line and left out, a person listed twice gets one message."""
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
    """A spreadsheet's CSV is read too: a byte order mark, semicolons, columns in any order, CRLF."""
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
def test_useless_lists(run: Run, mailbox: Mailbox, people: bytes, sentence: str) -> None:
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
    """One connection carries all; where it ends, the next goes on; who was not surely reached is named."""
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
    """Where the first relay is not there, the next one takes the messages."""
    sent = run(f"smtp://{HOST}:{free_port()},{mailbox.relay}", FIVE, "--send", "--rate", "1000")

    assert sent.returncode == 0
    assert len(everyone(mailbox)) == 5


def test_untrusted_relay(run: Run, mailbox: Mailbox) -> None:
    """Where no relay can be used, everyone is on the list of those who were not reached, with the reason."""
    sent = run(mailbox.relay.replace("smtp:", "smtp+starttls:"), FIVE, "--send", "--rate", "1000")

    assert sent.returncode == 1
    assert list(unreached(sent.stdout).values()) == ["untrusted"] * 5
    assert not mailbox.received


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(warning_site: Path, tmp_path: Path, ending: signal.Signals) -> None:
    """Ended early, the command still says who was not reached."""
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
