"""What was meant to be filled in or finished: placeholders, and Markdown that shows as it was typed."""

from collections.abc import Iterator

from plugins.checks.site import Site
from plugins.mistakes import Mistake


def check(site: Site) -> Iterator[Mistake]:
    """Find what is left over from writing."""
    for source in site.sources:
        path = source.path
        for line, words in source.leftovers:
            yield path, line, f'"{words}" was left to be filled in. Write what belongs there, or take it out.'
        for line, mark in source.html.unread:
            yield path, line, f'"{mark}" would show as it stands here. Complete the Markdown around it.'
