"""A mistake in content/: told in one line, like content/news/a.md:3: What is wrong. What to do."""

import logging
import os
import sys
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import NoReturn

from pelican.settings import Settings

Mistake = tuple[str, int, str]
"""A file's path, a line, and the sentences."""

Found = tuple[int, str]
"""A line, and what was found there."""

logger = logging.getLogger(__name__)

NOT_UTF8 = "Some letters cannot be read. Save the file as UTF-8."


def shown(path: Path, settings: Settings) -> str:
    """Return the path of a file as editors know it, beginning with content/."""
    return str(path.relative_to(Path(settings["PATH"]).parent))


def suggestion(wrong: str, right: Iterable[str], otherwise: str) -> str:
    """Ask whether something close was meant; where nothing is close, return the other sentence."""
    close = get_close_matches(wrong, right, n=1)
    return f'Did you mean "{close[0]}"?' if close else otherwise


def report(mistakes: list[Mistake], settings: Settings) -> None:
    """Log mistakes, and end a production build that has any."""
    annotate(mistakes)
    for path, line, sentences in mistakes:
        message = f"{path}:{line}: {sentences}"
        # Not with logger.error: there --fatal would end the build at the first.
        logger.handle(logger.makeRecord(logger.name, logging.ERROR, path, line, message, (), None))
    if mistakes and settings["STOP_AT_MISTAKES"]:
        raise SystemExit(f"Not built: {len(mistakes)} mistake{'s' * (len(mistakes) > 1)}, named above.")


def refuse(mistakes: list[Mistake]) -> NoReturn:
    """End whatever reads content/ at mistakes that leave nothing to go on with."""
    annotate(mistakes)
    raise SystemExit("\n".join(f"{path}:{line}: {sentences}" for path, line, sentences in mistakes))


def annotate(mistakes: list[Mistake]) -> None:
    """Have the repository's host show mistakes beside their lines: GitHub, and others that read its form."""
    if os.environ.get("GITHUB_ACTIONS"):
        for path, line, sentences in mistakes:
            escaped = sentences.replace("%", "%25")
            sys.stderr.write(f"::error file={escaped_path(path)},line={line}::{escaped}\n")


def escaped_path(path: str) -> str:
    """Return a path for an annotation, in which these signs have a meaning."""
    return path.replace("%", "%25").replace(":", "%3A").replace(",", "%2C")
