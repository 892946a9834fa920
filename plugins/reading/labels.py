"""The labelled lines at the top of a file, like "Title: Asset Register"; an empty line ends them.

A line that begins with four spaces or a tab continues the value of the label above it.
"""

import re
from typing import NamedTuple

LABEL = re.compile(r" {0,3}([\w-]+):(.*)")
CONTINUATION = re.compile(r"(?: {4,}| {0,3}\t)(.*)")


class Label(NamedTuple):
    """A label with its line, its name in small letters, and its value line by line."""

    line: int
    name: str
    parts: list[str]

    @property
    def value(self) -> str:
        """Return the value in one line."""
        return " ".join(filter(None, self.parts))

    @property
    def markdown(self) -> str:
        """Return the value as it was typed, for a label that is written in Markdown."""
        return "\n".join(self.parts)


class Head(NamedTuple):
    """All lines above the first empty one."""

    labels: list[Label]
    unlabelled: list[int]  # the numbers of the lines without a label
    length: int  # in lines


def read_labels(lines: list[str]) -> Head:
    """Return the head of a file."""
    labels: list[Label] = []
    unlabelled: list[int] = []
    length = next((index for index, line in enumerate(lines) if not line.strip()), len(lines))
    for number, line in enumerate(lines[:length], 1):
        if match := LABEL.fullmatch(line):
            labels.append(Label(number, match[1].lower(), [match[2].strip()]))
        elif (match := CONTINUATION.fullmatch(line)) and labels:
            labels[-1].parts.append(match[1].strip())
        else:
            unlabelled.append(number)
    return Head(labels, unlabelled, length)
