"""Redirects from old addresses: [redirects] in content/organisation.toml.

nginx includes the built .redirects.conf as the lines of a map; devtools/front.py reads it too.
"""

import re
from collections.abc import Iterator
from typing import Any

from plugins.reading.mistakes import Mistake, suggestion
from plugins.reading.site import Site

# As nginx compares it: decoded, in one case, without empty or hidden parts and without its own syntax.
ADDRESS = re.compile(r"/(?:[a-z0-9_~+-][a-z0-9_.~+-]*+/)*+(?:[a-z0-9_~+-][a-z0-9_.~+-]*+)?")
OURS = {"/form.json", "/healthz"}
LONGEST = 200  # characters, for which nginx's hash has room


def check(site: Site) -> Iterator[Mistake]:
    """Find entries that cannot work."""
    if not site.organisation.text:  # the facts are another site's
        return
    for old, new in site.facts["redirects"].items():
        if sentences := problem(old, new, site):
            yield site.organisation.path, site.organisation.line_with(f'"{old}" ='), sentences


def problem(old: str, new: str, site: Site) -> str:
    """Return what is wrong with an entry that is no address, hides a page or leads nowhere."""
    if old != old.lower() and ADDRESS.fullmatch(old.lower()):
        return f'"{old}" has capital letters. Write "{old.lower()}", which counts for both.'
    if not ADDRESS.fullmatch(old) or len(old) > LONGEST:
        return f'"{old}" is no address on this site. Write it like "/old-page/".'
    if old in site.pages or f"{old}/" in site.pages:
        return f'"{old}" is a page. Take the entry out, or the page away.'
    if old in site.files or old in OURS:
        return f'"{old}" is a file of the website. Take the entry out.'
    if new not in site.pages:
        cure = suggestion(new, site.pages, "Name one that is there.")
        return f'"{old}" leads to "{new}", which is no page. {cure}'
    return ""


def text(context: dict[str, Any]) -> str:
    """Return the redirects as lines of nginx's map."""
    return "".join(f"{old} {new};\n" for old, new in context["ORGANISATION"]["redirects"].items())
