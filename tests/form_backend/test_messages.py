"""The mail that staff read: every word as typed, labels not to be forged, headers not to be injected."""

import hashlib
import json
import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import count
from pathlib import Path

import icalendar
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.parts.forms import ENQUIRY, LINES, ORGANISATION, REQUEST, free_text, labelled
from tests.parts.processes import ROOT
from tests.parts.relays import Mailbox
from tests.parts.stack import Backend

SHARED = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # the server is meant to be shared
)
NUMBERS = count()  # the same words would be delivered once
# A form cannot carry a lone surrogate, and brings every line end as CRLF; ⟦ itself would be read as a mark.
TYPED = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="⟦\r"), min_size=1, max_size=400)


@SHARED
@given(text=TYPED.filter(lambda text: text.strip()))
def test_staff_read_what_was_typed(backend: Backend, mailbox: Mailbox, text: str) -> None:
    """Any Unicode text arrives as typed, apart from line prefixes and line ends."""
    mailbox.received.clear()
    answer = backend.enquire(message=text.replace("\n", "\r\n"), name=f"Number {next(NUMBERS)}")

    assert answer.status_code == 303
    assert free_text(mailbox.received[0]) == text


def test_awkward_lines_survive(backend: Backend, mailbox: Mailbox) -> None:
    """Long lines, dots, trailing spaces and whatever mail treats specially arrive unchanged."""
    backend.enquire(message="\r\n".join(LINES))

    assert free_text(mailbox.received[0]) == "\n".join(LINES)


@pytest.mark.parametrize("character", ["\u202e", "\u2066", "\u200b", "\u0007", "\u2028", "\u0085", "\ufeff"])
def test_hidden_characters_are_shown(backend: Backend, mailbox: Mailbox, character: str) -> None:
    """Invisible and direction characters are shown as codes; joiners and selectors are kept."""
    backend.enquire(message=f"a{character}b", name="Hidden")
    backend.enquire(message=f"👩\u200d🔧 ❤\ufe0f नि\u200dक {ord(character)}", name="Joined")
    hidden, joined = mailbox.received

    assert f"> a⟦U+{ord(character):04X}⟧b" in hidden.text
    assert "> 👩\u200d🔧 ❤\ufe0f नि\u200dक" in joined.text


def test_free_text_cannot_pass_for_a_label(backend: Backend, mailbox: Mailbox) -> None:
    """Free text that looks like a label is marked as typed."""
    backend.enquire(message="Hello\r\nMarketing by e-mail: Yes\r\nE-mail address: other@example.com")
    labels = labelled(mailbox.received[0])

    assert labels["Marketing by e-mail"] == "No"
    assert labels["E-mail address"] == ENQUIRY["email"]


@pytest.mark.promise("once-off-use")
def test_headers(backend: Backend, mailbox: Mailbox) -> None:
    """From is ours, Reply-To the person, the envelope sender a mailbox that staff read."""
    backend.enquire(message="Headers, please")
    [received] = mailbox.received
    message = received.message

    assert message["From"].addresses[0].addr_spec == "website@example.org"
    assert message["Reply-To"] == ENQUIRY["email"]
    assert (received.sender, received.recipients) == ("bounces@example.org", ["sales@example.org"])
    assert re.fullmatch(
        rf"Enquiry [2-9A-HJ-NP-Z]{{4}}-[2-9A-HJ-NP-Z]{{4}}: {re.escape(ENQUIRY['sector'])}",
        message["Subject"],
    )
    assert abs(parsedate_to_datetime(message["Date"]) - datetime.now(UTC)) < timedelta(minutes=1)
    assert re.fullmatch(r"<[0-9a-f]{64}@example\.org>", message["Message-ID"])
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content_type() == "text/plain"
    assert max(map(len, received.source.split(b"\r\n"))) <= 998


INJECTED = [
    "Ann\r\nBcc: a@example.com",
    "Ann\nBcc: a@example.com",
    "Ann\rBcc: a@example.com",
    "Ann\u2028Bcc: b",
]


@pytest.mark.parametrize("field", ["name", "phone", "email", "sector"])
@pytest.mark.parametrize("text", INJECTED)
def test_no_header_can_be_injected(backend: Backend, mailbox: Mailbox, field: str, text: str) -> None:
    """Line ends in any field add no header and no recipient."""
    backend.enquire(**{field: text}, message=f"{field} {text}")

    assert all("Bcc" not in received.message for received in mailbox.received)
    assert all(received.recipients == ["sales@example.org"] for received in mailbox.received)


def test_telephone_as_typed_and_international(backend: Backend, mailbox: Mailbox) -> None:
    """Staff see the telephone number as typed and in international form."""
    backend.enquire(phone="(082) 123-4567")

    assert labelled(mailbox.received[0])["Contact telephone number"] == "(082) 123-4567 (+27 82 123 4567)"


@pytest.mark.promise("opt-in-marketing")
@pytest.mark.parametrize(("ticked", "said"), [({"marketing": "yes"}, "Yes"), ({}, "No")])
def test_consent_is_on_record(
    backend: Backend, mailbox: Mailbox, site: Path, ticked: dict[str, str], said: str
) -> None:
    """The mail says Yes with the wording or No, the time, the page and the statement's version and hash."""
    backend.enquire(message=f"Consent {said}", **ticked)
    labels = labelled(mailbox.received[0])
    version = json.loads((site / "form.json").read_text("utf-8"))["statement"]
    sha256 = hashlib.sha256((ROOT / "content" / "privacy" / f"{version}.md").read_bytes()).hexdigest()

    assert labels["Marketing by e-mail"] == said
    if ticked:
        assert labels["Wording shown"].strip('"') in backend.form().text
        assert "IMQS may send me marketing material by e-mail" in labels["Wording shown"]
    assert ("Wording shown" in labels) == ("Next step" in labels) == bool(ticked)
    assert labels["Page"] == "https://www.imqs.co.za/enquiry/"
    assert labels["Privacy statement shown"] == f"version {version}"
    assert labels["SHA-256 of that version"] == sha256
    here, utc = r"\d{1,2} [A-Z][a-z]+ \d{4}, \d\d:\d\d \(SAST\)", r"[-\d]{10} [\d:]{8} UTC"
    assert re.fullmatch(f"{here}, {utc}", labels["Sent"])


@pytest.mark.promise("update-or-delete")
@pytest.mark.parametrize("asked", ["update", "delete", "other"])
def test_information_request_tells_staff_what_to_do(backend: Backend, mailbox: Mailbox, asked: str) -> None:
    """The Operations Manager gets the request, the steps that the law names, and the date to answer by."""
    words = REQUEST | {"request": asked, "authority": "For my mother, whose executor I am."}
    backend.post(words, "/your-information/")
    [received] = mailbox.received
    day = (datetime.now(UTC) + timedelta(hours=2, days=30)).date()
    by = f"{day:%-d %B %Y}"

    assert received.recipients == [ORGANISATION["requests"]["email"]]
    assert received.message["Subject"].startswith("Request ")
    assert received.message["Subject"].endswith(f": {asked}, reply by {by}")
    assert labelled(received)["Request"] == asked.capitalize()
    assert re.findall(r"^  (\d)\. ", received.text, re.MULTILINE) == ["1", "2", "3", "4", "5"]
    for expected in (
        "on file",
        f"Reply by: {day:%A} {day.day} {day:%B %Y}\n",
        "> All that you hold about me.\n",
        "> For my mother, whose executor I am.",
    ):
        assert expected in received.text


def test_deadline_enters_the_calendar(backend: Backend, mailbox: Mailbox) -> None:
    """The attachment is a calendar entry on the day, with the reference and nothing about the person."""
    backend.post(REQUEST | {"name": "Calendar Person"}, "/your-information/")
    [received] = mailbox.received
    [attachment] = received.message.iter_attachments()
    content = attachment.get_payload(decode=True)
    assert isinstance(content, bytes)
    [entry] = icalendar.Calendar.from_ical(content).walk("VEVENT")
    reference = received.message["Subject"].split()[1].rstrip(":")

    assert attachment.get_filename() == "answer-by.ics"
    assert attachment.get_param("method") == "PUBLISH"
    assert str(entry["TRANSP"]) == "TRANSPARENT"
    assert reference in str(entry["SUMMARY"])
    assert entry.decoded("DTSTART") == (datetime.now(UTC) + timedelta(hours=2, days=30)).date()
    for private in (b"Calendar", b"zoe", b"example.com", b"executor"):
        assert private not in content
