"""A mistake in content/: told in one line, like content/news/a.md:3: What is wrong. What to do."""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

from pelican.settings import Settings

Mistake = tuple[str, int, str]
"""A file's path, a line, and the sentences."""

Found = tuple[int, str]
"""A line, and what was found there."""

NOT_UTF8 = "Some letters cannot be read. Save the file as UTF-8."


def shown(path: Path, settings: Settings) -> str:
    """Return the path of a file as editors know it, beginning with content/."""
    return str(path.relative_to(Path(settings["PATH"]).parent))


def suggestion(wrong: str, right: Iterable[str], otherwise: str) -> str:
    """Ask whether something close was meant; where nothing is close, return the other sentence."""
    close = get_close_matches(wrong, right, n=1)
    return f'Did you mean "{close[0]}"?' if close else otherwise
