"""A file of content/ as the checks see it: read once with its page, and kept with it in Pelican's cache.

It holds only what the file itself says. What that is worth beside other files is found out at every build.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from plugins.checks.markup import Found, Html, Markup
from plugins.checks.spelling import Misspelt, misspelt

LABEL = re.compile(r" {0,3}([\w-]+):[ \t]*(.*?)[ \t]*")  # as Markdown's own extension reads it
MORE = re.compile(r" {4,}(.*?)[ \t]*")
EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]++@[\w-]+(?:\.[\w-]+)+")
TELEPHONE = re.compile(r"(?<![\w.,/+-])(?:\+\d|\(?0\d)[\d \u00a0()-]{6,16}\d(?!\w)")
LEFTOVER = re.compile(
    r"TODO\b|FIXME\b|TBC\b|TBD\b|XXX+\b|Lorem ipsum|lorem ipsum|"
    r"\[Your [^]\n]*\]|\[your [^]\n]*\]|example\.com\b"
)


class Label(NamedTuple):
    """A labelled line at the top of a file."""

    line: int
    name: str
    value: str


@dataclass
class Source:
    """What a file says, and in which line; its path is the one that editors know."""

    path: str
    labels: list[Label]
    unlabelled: int | None
    emails: list[Found]
    telephones: list[Found]
    leftovers: list[Found]
    misspelt: list[Misspelt]
    html: Html

    @property
    def folder(self) -> str:
        """Return the folder in content/."""
        return self.path.split("/")[1]

    def value(self, name: str) -> str:
        """Return what the first label of this name says, or nothing."""
        return next((label.value for label in self.labels if label.name == name), "")

    def line(self, name: str) -> int:
        """Return the line of the first label of this name, or the first line."""
        return next((label.line for label in self.labels if label.name == name), 1)


def read(file: Path, path: str, *html: str) -> Source:
    """Read a file, and the HTML that was made from it."""
    text = file.read_text("utf-8-sig")
    markup = Markup(text)
    for part in html:
        markup.read(part)
    labels, unlabelled = labels_of(text)
    return Source(
        path,
        labels,
        unlabelled,
        emails=found(EMAIL, text) if "@" in text else [],  # to look at every word takes long
        telephones=found(TELEPHONE, text),
        leftovers=found(LEFTOVER, text),
        misspelt=misspelt(text),
        html=markup.found,
    )


def found(pattern: re.Pattern[str], text: str) -> list[Found]:
    """Return what matches, with its lines."""
    return [(text.count("\n", 0, match.start()) + 1, match[0]) for match in pattern.finditer(text)]


def labels_of(text: str) -> tuple[list[Label], int | None]:
    """Return the labelled lines, and the number of the first line among them that has no label."""
    labels: list[Label] = []
    unlabelled = None
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            break
        if match := LABEL.fullmatch(line):
            labels.append(Label(number, match[1].lower(), match[2]))
        elif (match := MORE.fullmatch(line)) and labels:
            labels[-1] = labels[-1]._replace(value=f"{labels[-1].value} {match[1]}".strip())
        else:
            unlabelled = unlabelled or number
    return labels, unlabelled
