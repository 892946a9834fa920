"""A security-breach notice: one Markdown file, for the website and for the e-mails.

docs/editing.md says how it is written; LABELS and HEADINGS say what is required.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from plugins.reading.document import Document
from plugins.reading.facts import EXAMPLE_HOST
from plugins.reading.mistakes import Found

PROMPT = "section 22 of POPIA wants people told as soon as reasonably possible, and the dates show it"
ASKED = "section 22 of POPIA asks for it"
NEEDED = "people cannot judge what the breach means for them without it"
LABELS = {  # each label, and why it is required
    "Title": "the notice, the banner and the e-mails are headed by it",
    "Breached": "the privacy statement promises people the date of the breach",
    "Discovered": PROMPT,
    "Published": PROMPT,
    "Updated": "people who come back must see whether there is news",
    "Until": "the banner on every page needs a last day",
    "Contact": "people must know whom to ask",
}
HEADINGS = {
    "What happened": NEEDED,
    "What was affected": NEEDED,
    "What was not affected": NEEDED,
    "Possible consequences": ASKED,
    "What we have done": ASKED,
    "What we will do": ASKED,
    "What you should do": ASKED,
    "Who did it": "section 22 of POPIA asks for it where it is known; where it is not, say so",
}
DAYS = ("Breached", "Discovered", "Published", "Updated", "Until")
ORDER = (
    ("Breached", "Discovered"),
    ("Discovered", "Published"),
    ("Published", "Updated"),
    ("Published", "Until"),
)
A_DAY = timedelta(days=1)  # "Until" may be the day before "Published", which ends the banner on its first day
EXAMPLE = re.compile(rf"[\w.+-]+@(?:[\w-]+\.)*{EXAMPLE_HOST}\b", re.IGNORECASE)
HEADING = re.compile(r"##\s+(?P<heading>[^#{]*[^#{\s])")
PARTIAL_LINK = re.compile(r"\]\((?!https?:|mailto:)")
NOT_KNOWN = re.compile(r"not known yet: *\S.*", re.IGNORECASE)


@dataclass(frozen=True)
class Notice:
    """What the labelled lines of a notice say."""

    name: str
    title: str
    breached: str
    discovered: date
    published: date
    updated: date
    until: date
    contact: str
    contact_email: str

    @property
    def facts(self) -> dict[str, str]:
        """The labelled lines as people read them."""
        return {
            "Date of the breach": self.breached,
            "Discovered": long_date(self.discovered),
            "Published": long_date(self.published),
            "Last updated": long_date(self.updated),
            "Contact": self.contact,
        }


def read(document: Document) -> Notice:
    """Return the notice in a document without mistakes."""
    value, days = document.value, dict(_days(document))
    return Notice(
        name=Path(document.path).stem,
        title=value("title"),
        breached=long_date(days["Breached"]) if "Breached" in days else value("breached"),
        discovered=days["Discovered"],
        published=days["Published"],
        updated=days["Updated"],
        until=days["Until"],
        contact=value("contact"),
        contact_email=email_address(value("contact")),
    )


def mistakes(document: Document, today: date) -> Iterator[Found]:
    """Find what is missing or wrong in a notice on the day that the site is built for."""
    yield from _label_mistakes(document)
    yield from _day_mistakes(document, today)
    yield from _contact_mistakes(document)
    yield from _heading_mistakes(document)
    for number, line in enumerate(document.lines, 1):
        if PARTIAL_LINK.search(line):
            yield number, "This link does not work in the e-mails. Begin it with https://."


def long_date(day: date) -> str:
    """Return a day as people write it, like 1 February 2027."""
    return f"{day:%-d %B %Y}"


def email_address(contact: str) -> str:
    """Return the first e-mail address in the contact, or nothing."""
    from email_validator import EmailNotValidError, validate_email  # noqa: PLC0415 - slow, and notices are rare

    for word in re.split(r"[\s,;:()<>]+", contact):
        with suppress(EmailNotValidError):
            address = validate_email(word.rstrip("."), check_deliverability=False, allow_smtputf8=False)
            return address.ascii_email or address.normalized
    return ""


def _contact_mistakes(document: Document) -> Iterator[Found]:
    """Find a contact without an e-mail address, or with one that reaches nobody."""
    contact = document.value("contact")
    cure = "Name one, since answers to the e-mail go there."
    if example := EXAMPLE.search(contact):
        yield document.line("contact"), f"{example[0]} is an example, and reaches nobody. {cure}"
    elif contact and not email_address(contact):
        yield document.line("contact"), f"There is no e-mail address in Contact. {cure}"


def _label_mistakes(document: Document) -> Iterator[Found]:
    """Find labels that are unknown, there twice or missing."""
    labels = [(label.line, label.name.capitalize()) for label in document.head.labels]
    cure = f"Start it with one of {', '.join(LABELS)} and a colon; an empty line ends them."
    for number in [*document.head.unlabelled, *(line for line, name in labels if name not in LABELS)]:
        yield number, f"This has no label. {cure}"
    for number, name in labels:
        if name in LABELS and number != document.line(name.lower()):
            yield number, f'There is a second line "{name}:". Keep one of them.'
    for name, reason in LABELS.items():
        if not document.value(name.lower()):
            problem = f'The line "{name}: …" is missing. Add it, since {reason}.'
            yield max(1, document.head.length), problem


def _days(document: Document) -> Iterator[tuple[str, date]]:
    """Yield the days that can be read."""
    for name in DAYS:
        with suppress(ValueError):
            yield name, date.fromisoformat(document.value(name.lower()))


def _day_mistakes(document: Document, today: date) -> Iterator[Found]:
    """Find days that cannot be read, are to come or in the wrong order; Breached may not be known yet."""
    days = dict(_days(document))
    for name in DAYS:
        text = document.value(name.lower())
        if text and name not in days and not (name == "Breached" and NOT_KNOWN.fullmatch(text)):
            or_why = ', or "not known yet:" and why' if name == "Breached" else ""
            yield document.line(name.lower()), f'"{text}" is no date. Write a day like 2027-01-31{or_why}.'
    known = {"Breached": today, "Discovered": today, "Updated": max(today, days.get("Published", today))}
    for name, latest in known.items():
        if name in days and days[name] > latest:
            yield document.line(name.lower()), f"{name} is in the future. Correct the day."
    for first, then in ORDER:
        earliest = days[first] - A_DAY if then == "Until" and first in days else days.get(first)
        if earliest and then in days and days[then] < earliest:
            sentences = f"{then} is before {first}. Correct one of the two days."
            yield document.line(then.lower()), sentences


def _heading_mistakes(document: Document) -> Iterator[Found]:
    """Find headings that are missing or have no text under them."""
    found = {heading.casefold(): (number, text) for number, heading, text in _sections(document)}
    for heading, reason in HEADINGS.items():
        number, text = found.get(heading.casefold(), (len(document.lines), None))
        if text is None:
            cure = f"Add it and text under it, since {reason}."
            yield number, f'The heading "## {heading}" is missing. {cure}'
        elif not text:
            yield number, f'There is no text under "{heading}". Write some, since {reason}.'


def _sections(document: Document) -> Iterator[tuple[int, str, str]]:
    """Yield the line of each heading, its words and the text under it."""
    lines = document.lines
    headings = [
        (at, found["heading"])
        for at in range(document.head.length, len(lines))
        if (found := HEADING.match(lines[at]))
    ]
    ends = [at for at, _heading in headings[1:]] + [len(lines)]
    for (at, heading), end in zip(
        headings, ends, strict=False
    ):  # without a heading there is an end all the same
        yield at + 1, heading, "\n".join(lines[at + 1 : end]).strip()
