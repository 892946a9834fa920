"""A security-breach notice: one Markdown file, for the website and for the e-mails.

docs/editing.md says how it is written; what is required stands in LINES and HEADINGS.
"""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

PROMPT = "section 22 of POPIA wants people told as soon as reasonably possible, and the dates show it"
ASKED = "section 22 of POPIA asks for it"
NEEDED = "people cannot judge what the breach means for them without it"
LINES = {  # each label, and why it is there
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
LATER = (
    ("Breached", "Discovered"),
    ("Discovered", "Published"),
    ("Published", "Updated"),
    ("Published", "Until"),
)
NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*\.md")
LINE = re.compile(r"(?P<label>[A-Za-z]+):[ \t]*(?P<text>.*\S)[ \t]*")
HEADING = re.compile(r"##\s+(?P<heading>[^#{]*[^#{\s])")
PARTIAL_LINK = re.compile(r"\]\((?!https?:|mailto:)")
NOT_KNOWN = re.compile(r"not known yet: *\S.*", re.IGNORECASE)


Problem = tuple[int, str]
"""A line, what is wrong there, and what to do."""


class NoticeError(SystemExit):
    """The mistakes in a notice; ends the command with a line for each that says where it is."""

    def __init__(self, path: Path, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__(
            "\n".join(f"{os.path.relpath(path)}:{line}: {problem}" for line, problem in problems)
        )


@dataclass(frozen=True)
class Notice:
    """What the notice says; `text` is the Markdown below the labelled lines, as typed."""

    name: str
    title: str
    breached: str
    discovered: date
    published: date
    updated: date
    until: date
    contact: str
    contact_email: str
    text: str

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


def read(path: Path) -> Notice:
    """Return the notice in this file, or end with a NoticeError that says what is missing or wrong."""
    problems: list[Problem] = []
    if not NAME.fullmatch(path.name):
        cure = "Name the file in small letters, digits and hyphens, ending in .md."
        problems.append((1, f"This name makes no address. {cure}"))
    try:
        lines = path.read_text("utf-8-sig").split("\n")
    except UnicodeDecodeError:
        raise NoticeError(path, [(1, "Some letters cannot be read. Save the file as UTF-8.")]) from None
    blank = next((index for index, line in enumerate(lines) if not line.strip()), len(lines))
    labelled = _labelled(lines[:blank], problems)
    days = _days(labelled, problems)
    email = _email(*labelled["Contact"], problems) if "Contact" in labelled else ""
    _check_headings(lines, blank, problems)
    _check_links(lines, problems)
    if problems:
        raise NoticeError(path, sorted(problems))
    return Notice(
        name=path.stem,
        title=labelled["Title"][1],
        breached=long_date(days["Breached"]) if "Breached" in days else labelled["Breached"][1],
        discovered=days["Discovered"],
        published=days["Published"],
        updated=days["Updated"],
        until=days["Until"],
        contact=labelled["Contact"][1],
        contact_email=email,
        text="\n".join(lines[blank:]).strip(),
    )


def long_date(day: date) -> str:
    """Return a day as people write it, like 1 February 2027."""
    return f"{day:%-d %B %Y}"


def _labelled(lines: list[str], problems: list[Problem]) -> dict[str, tuple[int, str]]:
    """Return the number and the text of each labelled line."""
    found: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(lines, 1):
        match = LINE.fullmatch(line)
        if not match or (label := match["label"].capitalize()) not in LINES:
            cure = f"Start it with one of {', '.join(LINES)} and a colon; an empty line ends them."
            problems.append((number, f"This has no label. {cure}"))
        elif label in found:
            problems.append((number, f'There is a second line "{label}:". Keep one of them.'))
        else:
            found[label] = number, match["text"]
    for label, reason in LINES.items():
        if label not in found:
            problem = f'The line "{label}: …" is missing. Add it, since {reason}.'
            problems.append((max(1, len(lines)), problem))
    return found


def _days(labelled: dict[str, tuple[int, str]], problems: list[Problem]) -> dict[str, date]:
    """Return the days; Breached is left out while it is not known."""
    days = {}
    for label in ("Breached", "Discovered", "Published", "Updated", "Until"):
        number, text = labelled.get(label, (0, ""))
        if not text or (label == "Breached" and NOT_KNOWN.fullmatch(text)):
            continue
        try:
            days[label] = date.fromisoformat(text)
        except ValueError:
            or_why = ', or "not known yet:" and why' if label == "Breached" else ""
            problems.append((number, f'"{text}" is no date. Write a day like 2027-01-31{or_why}.'))
    for first, then in LATER:
        if first in days and then in days and days[then] < days[first]:
            problems.append((labelled[then][0], f"{then} is before {first}. Correct one of the two days."))
    return days


def _email(number: int, contact: str, problems: list[Problem]) -> str:
    """Return the first e-mail address in the contact."""
    from email_validator import EmailNotValidError, validate_email  # noqa: PLC0415 - slow, and notices are rare

    for word in re.split(r"[\s,;:()<>]+", contact):
        with suppress(EmailNotValidError):
            address = validate_email(word.rstrip("."), check_deliverability=False, allow_smtputf8=False)
            return address.ascii_email or address.normalized
    cure = "Name one, since answers to the e-mail go there."
    problems.append((number, f"There is no e-mail address in Contact. {cure}"))
    return ""


def _check_headings(lines: list[str], start: int, problems: list[Problem]) -> None:
    """See that each heading is there, with text under it."""
    found = {heading.casefold(): (number, text) for number, heading, text in _sections(lines, start)}
    for heading, reason in HEADINGS.items():
        number, text = found.get(heading.casefold(), (len(lines), None))
        if text is None:
            cure = f"Add it and text under it, since {reason}."
            problems.append((number, f'The heading "## {heading}" is missing. {cure}'))
        elif not text:
            problems.append((number, f'There is no text under "{heading}". Write some, since {reason}.'))


def _check_links(lines: list[str], problems: list[Problem]) -> None:
    """See that links work in an e-mail too."""
    for number, line in enumerate(lines, 1):
        if PARTIAL_LINK.search(line):
            problems.append((number, "This link does not work in the e-mails. Begin it with https://."))


def _sections(lines: list[str], start: int) -> Iterator[tuple[int, str, str]]:
    """Go through the headings: line number, heading, text."""
    headings = [
        (at, found["heading"]) for at in range(start, len(lines)) if (found := HEADING.match(lines[at]))
    ]
    ends = [at for at, _heading in headings[1:]] + [len(lines)]
    for (at, heading), end in zip(headings, ends, strict=True):
        yield at + 1, heading, "\n".join(lines[at + 1 : end]).strip()
