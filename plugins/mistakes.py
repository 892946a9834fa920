"""Mistakes in content/, told in one line each, like content/news/a.md:3: What is wrong. What to do.

Any plugin may report one until Pelican begins to write. Then all are logged, in order. A production build
ends there; the preview goes on, so that the page with the mistake can be seen.
"""

import logging
import re
import tomllib
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pelican import Pelican, signals
from pelican.settings import Settings

Mistake = tuple[str, int, str]
"""Path, line, and the sentences."""

NOT_UTF8 = "Some letters cannot be read. Save the file as UTF-8."

logger = logging.getLogger(__name__)
_reported: set[Mistake] = set()


def shown(path: Path, settings: Settings) -> str:
    """Return the path of a file as editors know it, beginning with content/."""
    return str(path.relative_to(Path(settings["PATH"]).parent))


def report(path: str, line: int, sentences: str) -> None:
    """Note a mistake, once however often it is reported."""
    _reported.add((path, line, sentences))


def suggestion(wrong: str, right: Iterable[str], otherwise: str) -> str:
    """Ask whether something close was meant; where nothing is close, return the other sentence."""
    close = get_close_matches(wrong, right, n=1)
    return f'Did you mean "{close[0]}"?' if close else otherwise


def read_toml(path: Path) -> dict[str, Any]:
    """Return what a TOML file in content/ says; a mistake in how it is written ends the build."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except UnicodeDecodeError:
        raise SystemExit(f"content/{path.name}:1: {NOT_UTF8}") from None
    except tomllib.TOMLDecodeError as error:
        what, _, where = str(error).rpartition(" (at ")
        line = re.search(r"line (\d+)", where)
        number = line[1] if line else len(path.read_text("utf-8").splitlines())
        sentences = f'This cannot be read: {what}. Write it like: name = "text".'
        raise SystemExit(f"content/{path.name}:{number}: {sentences}") from None


def forget(_: Pelican) -> None:
    """Begin a build without mistakes."""
    _reported.clear()


def tell(pelican: Pelican) -> None:
    """Log the mistakes, and end the build where the settings say so."""
    for path, line, sentences in sorted(_reported):
        message = f"{path}:{line}: {sentences}"
        # Not with logger.error: there --fatal would end the build at the first.
        logger.handle(logger.makeRecord(logger.name, logging.ERROR, path, line, message, (), None))
    if _reported and pelican.settings["STOP_AT_MISTAKES"]:
        raise SystemExit(f"Not built: {len(_reported)} mistake{'s' * (len(_reported) > 1)}, named above.")


def register() -> None:
    """Connect to Pelican; it asks for a writer once all content is known, and before anything is written."""
    signals.initialized.connect(forget)
    signals.get_writer.connect(tell)
