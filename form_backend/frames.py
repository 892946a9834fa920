"""A built page with a gap, and filling it; and form.json, the facts that the build hands over.

The site may be rebuilt or swapped under a running process: each file is read again when it changes, and one
that cannot be used, as in the middle of a build, leaves the last good one in place.
"""

import json
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Generic, TypeVar

from form_backend import log
from form_backend.settings import SettingsError

T = TypeVar("T")

TITLE = "<title>"
GAP, NOTE, END_GAP = "<!-- gap -->", "<!-- note -->", "<!-- end gap -->"


@dataclass(frozen=True)
class Frame:
    """A page that Pelican built, cut at its gaps."""

    before_title: str
    before_gap: str
    note: str
    after_gap: str

    @classmethod
    def parse(cls, html: str) -> "Frame":
        """Cut the page; a page without its gaps, or not yet whole, raises ValueError."""
        if not html.rstrip().endswith("</html>"):
            raise ValueError("the page is not whole")
        before_title, rest = html.split(TITLE)
        before_gap, rest = rest.split(GAP)
        fallback_and_note, after_gap = rest.split(END_GAP)
        _fallback, note = fallback_and_note.split(NOTE)
        return cls(before_title + TITLE, before_gap, note, after_gap)

    def fill(self, content: str, title_prefix: str = "") -> str:
        """Return the page with this content in its gap."""
        return f"{self.before_title}{title_prefix}{self.before_gap}{content}{self.after_gap}"


@dataclass(frozen=True)
class Facts:
    """What form.json says of the built site."""

    organisation: str
    address: str
    email: str
    requests_email: str
    answer_days: int
    sectors: list[str]
    topics: dict[str, str]
    statement: str
    statement_sha256: dict[str, str]
    notices: dict[str, dict[str, Any]]
    headers: dict[str, str]

    @classmethod
    def parse(cls, text: str) -> "Facts":
        """Read form.json; text that is not all of it raises ValueError or TypeError."""
        return cls(**json.loads(text))


class Watched(Generic[T]):
    """One file of the built site, read again when it changes."""

    def __init__(self, path: Path, parse: Callable[[str], T]) -> None:
        """Read the file; one that is missing or unusable ends with a SettingsError."""
        self._path, self._parse, self._lock = path, parse, Lock()
        try:
            self._stamp = self._look()
            self._good = parse(path.read_text("utf-8"))
        except (OSError, ValueError, TypeError):
            raise SettingsError(
                "FLASK_SITE_DIR", f"holds no usable {path.name} at {path}; build the site with: make build"
            ) from None

    def _look(self) -> tuple[int, ...]:
        """Return what changes with the file and its rights; nothing where there is no file."""
        try:
            status = self._path.stat()
        except OSError:
            return ()
        return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino

    def get(self) -> T:
        """Return the file's content as it is now, or as it was when it was last good."""
        with self._lock:
            if (stamp := self._look()) != self._stamp:
                self._stamp = stamp
                try:
                    self._good = self._parse(self._path.read_text("utf-8"))
                except (OSError, ValueError, TypeError) as error:
                    log.event("site_unreadable", level=logging.WARNING, error=type(error).__name__)
            return self._good


class Site:
    """The built site, as far as the form backend reads it."""

    ERRORS = ("404", "413", "429", "500", "503")

    def __init__(self, folder: Path, pages: Iterable[str]) -> None:
        """Read form.json, the error pages and these pages' frames, named by their folders."""
        self._facts = Watched(folder / "form.json", Facts.parse)
        self._pages = {page: Watched(folder / page / "index.html", Frame.parse) for page in pages}
        self._errors = {
            name: Watched(folder / f"{name}.html", Frame.parse) for name in (*self.ERRORS, "error")
        }

    @property
    def facts(self) -> Facts:
        """The facts of the build that is published now."""
        return self._facts.get()

    def page(self, name: str) -> Frame:
        """Return the frame of a page, named by its folder."""
        return self._pages[name].get()

    def error(self, status: int) -> Frame:
        """Return the frame of an error page; a status without one of its own gets the general one."""
        return self._errors.get(str(status), self._errors["error"]).get()
