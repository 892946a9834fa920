"""Redirects from old addresses: [redirects] in content/organisation.toml.

nginx includes the built .redirects.conf as the lines of a map; devtools/front.py reads it too.
"""

import re
from collections.abc import Collection, Iterator
from typing import Any

from plugins.reading.mistakes import Mistake, suggestion
from plugins.reading.site import Site

ADDRESS = re.compile(r"/[\w./~%+-]{0,200}")  # without the characters of nginx's own syntax


def check(site: Site) -> Iterator[Mistake]:
    """Find entries that cannot work."""
    if not site.organisation.text:  # the facts are another site's
        return
    for old, new in site.facts["redirects"].items():
        if sentences := problem(old, new, site.pages.keys()):
            yield site.organisation.path, site.organisation.line_with(f'"{old}" ='), sentences


def problem(old: str, new: str, pages: Collection[str]) -> str:
    """Return what is wrong with an entry that is no address, hides a page or leads nowhere."""
    if not ADDRESS.fullmatch(old):
        return f'"{old}" is no address on this site. Write it like "/old-page/".'
    if old in pages:
        return f'"{old}" is a page. Take the entry out, or the page away.'
    if new not in pages:
        cure = suggestion(new, pages, "Name one that is there.")
        return f'"{old}" leads to "{new}", which is no page. {cure}'
    return ""


def text(context: dict[str, Any]) -> str:
    """Return the redirects as lines of nginx's map."""
    return "".join(f"{old} {new};\n" for old, new in context["ORGANISATION"]["redirects"].items())
