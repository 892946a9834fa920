"""E-mails to staff as mail programs show plain text: their rules are simulated, the programs do not run."""

import re

import pytest

from tests.parts.forms import REQUEST
from tests.parts.relays import Mailbox, Received
from tests.parts.stack import Backend

MANY_WORDS = "A line of many words, much longer than any mail program takes for a short one, goes on. " * 3
PREVIEW = 100  # characters that a list of mails shows


def as_outlook_shows(text: str) -> str:
    """Return a text as classic Outlook shows it, which "removes extra line breaks".

    A line of 40 characters and more is joined with the next, unless that is empty or begins with two
    spaces.
    """
    return re.sub(r"(?m)^(.{40,})\n(?!\n|  |$)", r"\1 ", text)


def as_gmail_shows(text: str) -> str:
    """Return a text as Gmail shows it: every line stays, and so do the spaces that it begins with."""
    return text


def as_thunderbird_shows(text: str) -> str:
    """Return a text as Thunderbird shows it: lines that begin with > lose that sign for a coloured bar."""
    return re.sub(r"(?m)^(?:> ?)+", "", text)


READERS = [as_outlook_shows, as_gmail_shows, as_thunderbird_shows]


@pytest.fixture
def enquiry(request: pytest.FixtureRequest, backend: Backend, mailbox: Mailbox) -> Received:
    """Return an enquiry of this test's own with long lines, and with labels in its text."""
    message = f"{MANY_WORDS}\r\n{request.node.name}\r\nMarketing by e-mail: Yes\r\n\r\n{MANY_WORDS}"
    backend.enquire(message=message, name="A Very Long Name of More Than Forty Characters", marketing="yes")
    return mailbox.received[0]


@pytest.fixture
def request_mail(request: pytest.FixtureRequest, backend: Backend, mailbox: Mailbox) -> Received:
    """Return an information request of this test's own with long lines."""
    words = REQUEST | {"details": f"{MANY_WORDS}{request.node.name}", "authority": MANY_WORDS}
    backend.post(words, "/your-information/")
    return mailbox.received[0]


@pytest.mark.parametrize("mail", ["enquiry", "request_mail"])
@pytest.mark.parametrize("reader", READERS)
def test_each_fact_keeps_its_line(request: pytest.FixtureRequest, mail: str, reader: type) -> None:
    """Whatever the program, each fact stands on a line of its own, and typed text is not among the facts."""
    text = request.getfixturevalue(mail).text
    facts = re.findall(r"(?m)^  (?![> \d])[^\n]*$", text)
    shown = reader(text).split("\n")

    assert len(facts) > 8
    assert [fact for fact in facts if fact not in shown] == []
    assert [line for line in shown if line.startswith("  Marketing by e-mail: ")] == [
        fact for fact in facts if fact.startswith("  Marketing by e-mail: ")
    ]


def test_old_layout_was_joined() -> None:
    """The simulated Outlook joins long lines that are not indented, so that the test above can fail."""
    long = "x" * 40

    assert (
        as_outlook_shows(f"{long}\nE-mail address: a@example.com\n")
        == f"{long} E-mail address: a@example.com\n"
    )


def test_preview_shows_the_message(enquiry: Received) -> None:
    """What a list of mails shows of an enquiry is the message itself."""
    assert MANY_WORDS[:60] in enquiry.text[:PREVIEW]
