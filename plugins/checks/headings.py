"""Headings in order, as screen readers and tables of contents follow them."""

from collections.abc import Iterator

from plugins.checks.site import Site
from plugins.mistakes import Mistake


def check(site: Site) -> Iterator[Mistake]:
    """Find headings that stand a level too high or too low; the title is the only one of the first level."""
    for content in site.contents:
        path, above = content.source.path, 1
        for line, level in content.source.html.headings:
            if level == 1:
                yield path, line, 'The title is this page\'s main heading already. Begin this one with "## ".'
            elif level > above + 1:
                jump = f"A heading of level {level} follows one of level {above}."
                yield path, line, f'{jump} Begin it with "{"#" * (above + 1)} ".'
            above = max(level, 2)
