"""A text file of content/: its labels, its text, and what the HTML made of it holds.

Pelican's cache keeps it with the page, so it holds only what the file itself says.
"""

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from plugins.reading.html import Html
from plugins.reading.labels import Head, read_labels
from plugins.reading.mistakes import Found, refuse
from plugins.reading.typed import as_meant, line_at


@dataclass
class Document:
    """A file's text and its path as editors know it, like content/news/a.md."""

    path: str
    text: str
    html: Html = field(default_factory=Html)

    def __post_init__(self) -> None:
        """Read the lines as they were meant, and the labels among them."""
        self.lines = as_meant(self.text).split("\n")  # no character but a line feed ends one
        self.head: Head = read_labels(self.lines)

    @property
    def body(self) -> str:
        """Return the Markdown below the labels."""
        return "\n".join(self.lines[self.head.length :])

    @property
    def folder(self) -> str:
        """Return the folder in content/."""
        return self.path.split("/")[1]

    def value(self, name: str) -> str:
        """Return the value of the first label of this name, or nothing."""
        return next((label.value for label in self.head.labels if label.name == name), "")

    def line(self, name: str) -> int:
        """Return the line of the first label of this name, or the first line."""
        return next((label.line for label in self.head.labels if label.name == name), 1)

    def line_with(self, text: str) -> int:
        """Return the first line that contains a text, or the first line."""
        return next((number for number, line in enumerate(self.lines, 1) if text in line), 1)

    def find(self, pattern: re.Pattern[str]) -> list[Found]:
        """Return what matches a pattern, with its lines."""
        text = self.text
        return [(line_at(text, match.start()), match[0]) for match in pattern.finditer(text)]


def read_text(path: Path) -> str:
    """Return a file's text, without a byte order mark and with every line end as a line feed."""
    return path.read_text("utf-8-sig")


def read_document(path: Path, shown: str) -> Document:
    """Return the document in a file; a file that is not there holds no text."""
    return Document(shown, read_text(path) if path.exists() else "")


def refuse_special_files(content: Path) -> None:
    """End the build at what leads out of content/ or keeps a reader waiting: links, pipes, devices."""
    if wrong := [(f"content/{path.relative_to(content)}", 1, problem) for path, problem in special(content)]:
        refuse(sorted(wrong))


def special(content: Path) -> Iterator[tuple[Path, str]]:
    """Yield what is neither a file nor a folder, and what to do; no link is followed."""
    below = (Path(folder, name) for folder, *names in os.walk(content) for name in [*names[0], *names[1]])
    for path in (content, *below):
        kind = path.lstat().st_mode
        if stat.S_ISLNK(kind) and (
            path.is_dir() or not path.name.startswith(".")
        ):  # Emacs locks files by links
            yield path, "This is a link. Put the file or the folder itself in its place."
        elif not (stat.S_ISLNK(kind) or stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
            yield path, "This is neither a file nor a folder. Take it away."
