"""The built site as the form backend reads it: frames (pages with a gap that we fill) and form.json.

The site may be built or replaced while the process runs. Each file is read again when it changes; one that
cannot be used, as in the middle of a build, leaves the last good one in place.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from form_backend import log
from form_backend.settings import SettingsError

T = TypeVar("T")

TITLE = "<title>"
GAP, NOTE, END_GAP = "<!-- gap -->", "<!-- note -->", "<!-- end gap -->"


@dataclass(frozen=True, eq=False)
class Frame:
    """A page that Pelican built, cut at its gaps; each reading of the file is another frame."""

    before_title: str
    before_gap: str
    note: str
    after_gap: str

    @classmethod
    def parse(cls, html: str) -> "Frame":
        """Cut the page; a page without its gaps, or one that is not complete, raises ValueError."""
        if not html.rstrip().endswith("</html>"):
            raise ValueError("the page is not complete")
        before_title, rest = html.split(TITLE)
        before_gap, rest = rest.split(GAP)
        fallback_and_note, after_gap = rest.split(END_GAP)
        _fallback, note = fallback_and_note.split(NOTE)
        return cls(before_title + TITLE, before_gap, note, after_gap)

    def fill(self, content: str, title_prefix: str = "") -> str:
        """Return the page with this content in its gap."""
        return f"{self.before_title}{title_prefix}{self.before_gap}{content}{self.after_gap}"


@dataclass(frozen=True)
class Notice:
    """A security-breach notice of the site; `page` is its address there, or None where it is a draft."""

    title: str
    facts: dict[str, str]
    contact_email: str
    text: str
    page: str | None


@dataclass(frozen=True, eq=False)
class Facts:
    """What form.json says of the built site; each reading of the file is another object."""

    organisation: str
    address: str
    email: str
    requests_email: str
    answer_days: int
    advertising: dict[str, float]  # the weight of each sign of advertising, and the threshold
    sectors: list[str]
    topics: dict[str, str]
    statement: str
    statement_sha256: dict[str, str]
    headers: dict[str, str]
    notices: dict[str, Notice]

    @classmethod
    def parse(cls, text: str) -> "Facts":
        """Read form.json; a text that lacks something raises ValueError or TypeError."""
        facts: dict[str, Any] = json.loads(text)
        notices = {name: Notice(**notice) for name, notice in facts.pop("notices", {}).items()}
        return cls(**facts, notices=notices)

    def requests_go_to(self, recipients: Iterable[str]) -> bool:
        """Tell whether requests reach the address that the site names, which editors may change any time."""
        return self.requests_email.casefold() in map(str.casefold, recipients)


class ReloadingFile(Generic[T]):
    """One file of the built site, read again when it changes."""

    def __init__(self, path: Path, parse: Callable[[str], T]) -> None:
        """Read the file; one that is missing or unusable is a SettingsError."""
        self._path, self._parse = path, parse
        try:
            self._version = self._stat()
            self._good = parse(path.read_text("utf-8"))
        except (OSError, ValueError, TypeError):
            raise SettingsError(
                "FLASK_SITE_DIR", f"holds no usable {path.name} at {path}; build the site with: make build"
            ) from None

    def _stat(self) -> tuple[int, ...]:
        """Return what changes with the file and its rights; nothing where there is no file."""
        try:
            status = self._path.stat()
        except OSError:
            return ()
        return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino

    def get(self) -> T:
        """Return the file's content as it is now, or as it was when it was last good."""
        if (version := self._stat()) != self._version:
            self._version = version
            try:
                self._good = self._parse(self._path.read_text("utf-8"))
            except (OSError, ValueError, TypeError) as error:
                log.event("site_unreadable", level="warning", error=type(error).__name__)
        return self._good


class Site:
    """The frames of the forms, of their thank-you pages and of the error pages, and the facts."""

    ERRORS = ("404", "413", "429", "500", "503")

    def __init__(self, folder: Path, forms: Iterable[str]) -> None:
        """Read form.json and the frames; the forms are named by their folders."""
        pages = [page for form in forms for page in (form, f"{form}/sent")]
        self._facts = ReloadingFile(folder / "form.json", Facts.parse)
        self._pages = {page: ReloadingFile(folder / page / "index.html", Frame.parse) for page in pages}
        self._errors = {
            name: ReloadingFile(folder / f"{name}.html", Frame.parse) for name in (*self.ERRORS, "error")
        }

    @property
    def facts(self) -> Facts:
        """Return the facts of the build that is published now."""
        return self._facts.get()

    def page(self, name: str) -> Frame:
        """Return the frame of a page, named by its folder."""
        return self._pages[name].get()

    def error(self, status: int) -> Frame:
        """Return the frame of an error page; a status without one of its own gets the general one."""
        return self._errors.get(str(status), self._errors["error"]).get()
