"""Placeholders: what was meant to be filled in or finished before the page goes online."""

import re
from collections.abc import Iterator

from plugins.reading.mistakes import Mistake
from plugins.reading.site import Site

PLACEHOLDER = re.compile(
    r"TODO\b|FIXME\b|TBC\b|TBD\b|XXX+\b|Lorem ipsum|lorem ipsum|"
    r"\[Your [^]\n]*\]|\[your [^]\n]*\]|example\.com\b"
)


def check(site: Site) -> Iterator[Mistake]:
    """Find placeholders that are left."""
    for document in site.documents:
        for line, words in document.find(PLACEHOLDER):
            if document.folder == "notices" and line == document.line("contact") and words == "example.com":
                continue  # plugins/notices/notice.py says more of it
            cure = "Write what belongs there, or take it out."
            yield document.path, line, f'"{words}" was left to be filled in. {cure}'
