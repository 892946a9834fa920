"""What a page may hold: a closed list of elements, attributes and addresses.

A page is read by an HTML5 parser, as browsers read it, so that nothing can look harmless
here and do harm there.
"""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple
from urllib.parse import urlsplit

from selectolax.lexbor import LexborHTMLParser, LexborNode

from plugins.reading.typed import INVISIBLE

EVERYWHERE = {
    "aria-current", "aria-hidden", "aria-label", "aria-labelledby", "class", "dir", "id", "lang", "role",
    "tabindex", "title",
}  # fmt: skip
DRAWN = {"fill", "stroke", "stroke-width", "text-anchor", "transform"}
CELL = {"colspan", "rowspan", "scope"}
PICTURE = {"height", "sizes", "srcset", "width"}
OF_THEIR_OWN = {
    "a": {"href"},
    "details": {"open"},
    "img": PICTURE | {"alt", "decoding", "fetchpriority", "loading", "src"},
    "input": {"checked", "disabled", "name", "type"},
    "label": {"for"},
    "link": {"as", "blocking", "crossorigin", "href", "rel", "type"},
    "meta": {"charset", "content", "media", "name", "property"},
    "ol": {"reversed", "start", "type"},
    "li": {"value"},
    "script": {"data-file", "defer", "src", "type"},
    "source": PICTURE | {"media", "type"},
    "td": CELL,
    "th": CELL,
    "time": {"datetime"},
    "svg": DRAWN | {"height", "preserveAspectRatio", "viewBox", "width", "xmlns"},
    "g": DRAWN,
    "path": DRAWN | {"d"},
    "circle": DRAWN | {"cx", "cy", "r"},
    "ellipse": DRAWN | {"cx", "cy", "rx", "ry"},
    "line": DRAWN | {"x1", "x2", "y1", "y2"},
    "polygon": DRAWN | {"points"},
    "polyline": DRAWN | {"points"},
    "rect": DRAWN | {"height", "rx", "ry", "width", "x", "y"},
    "text": DRAWN | {"x", "y"},
    "tspan": DRAWN | {"dx", "dy", "x", "y"},
}
OTHERS = """
    abbr address article aside blockquote body br caption cite code dd del desc div dl dt em fieldset
    figcaption figure footer h1 h2 h3 h4 h5 h6 head header hr html ins kbd legend main mark nav p picture pre
    q s section small span strong style sub summary sup table tbody tfoot thead title tr ul
"""
ELEMENTS = {name: EVERYWHERE | OF_THEIR_OWN.get(name, set()) for name in [*OF_THEIR_OWN, *OTHERS.split()]}
CHOICES = {
    ("input", "type"): {"checkbox", "radio"},
    ("link", "rel"): {"alternate", "canonical", "expect", "icon", "preload"},
    ("meta", "name"): {"description", "robots", "theme-color", "viewport"},
}
COMMENTS = {"gap", "note", "end gap"}  # where the form backend puts the form

ID = re.compile(
    r"[a-z0-9_-]+"
)  # the form's own ids, which the form backend adds, begin with a capital letter
ADDRESS = re.compile(r"""[^\0-\x20"<>\\^`{|}\x7f-\xa0]*""")  # no space, quote, backslash or < >
HOST = re.compile(r"[\w-]+(?:\.[\w-]+)+(?::\d+)?")
ELSEWHERE = {"http", "https", "mailto", "tel"}


class Finding(NamedTuple):
    """Something that is not on the list: as it is looked for in the sources, and in words."""

    text: str
    what: str


@dataclass(frozen=True)
class Allowed:
    """What differs from site to site: its own address, its one stylesheet, and whether it is a preview."""

    address: str
    style: str
    live_reload: bool


def findings(html: str, allowed: Allowed) -> Iterator[Finding]:
    """Find what a whole page may not hold."""
    if not html.lower().startswith("<!doctype html>"):
        yield Finding("<!DOCTYPE html>", "no <!DOCTYPE html> at its beginning")
    yield from in_fragment(html, allowed)


def in_fragment(html: str, allowed: Allowed) -> Iterator[Finding]:
    """Find what a part of a page, or of a feed, may not hold."""
    for character in sorted(set(INVISIBLE.findall(html))):
        yield Finding(character, f"a character that cannot be seen ({named(character)})")
    ids, comments = Counter[str](), Counter[str]()
    for node in LexborHTMLParser(html).root.traverse():  # type: ignore[union-attr]  # a document always has a root
        if node.is_comment_node:
            comments[node.comment_content or ""] += 1
        else:
            attributes = node.attributes  # made anew each time that it is asked for
            if "id" in attributes:
                ids[attributes["id"] or ""] += 1
            yield from in_element(node, attributes, allowed)
    for name in (name for name, count in ids.items() if count > 1):
        yield Finding(f"#{name}", f'the id "{name}" more than once')
    for comment in (text for text, count in comments.items() if text not in COMMENTS or count > 1):
        yield Finding(f"<!--{comment}", f"the comment <!--{comment}-->")


def named(character: str) -> str:
    """Return an invisible character as people can look it up, like "U+200B, zero width space"."""
    name = unicodedata.name(character, "control character").lower()
    return f"U+{ord(character):04X}, {name}"


def in_element(node: LexborNode, attributes: dict[str, str | None], allowed: Allowed) -> Iterator[Finding]:
    """Find what an element may not be, have or hold."""
    tag = str(node.tag)
    if tag not in ELEMENTS:
        yield Finding(f"<{tag}", f"the element <{tag}>")
        return
    for name, value in attributes.items():
        if name not in ELEMENTS[tag]:
            yield Finding(name, f'the attribute "{name}" of <{tag}>')
        elif not is_harmless(tag, name, value or "", allowed.address):
            yield Finding(value or name, f'{name}="{value}" in <{tag}>')
    if tag == "style" and node.text() != allowed.style:
        yield Finding("<style", "a <style> that is not the site's stylesheet")
    if tag == "script" and not is_data(node) and not is_live_reload(node, allowed):
        yield Finding("<script", "a <script> that is not structured data")


@cache  # most elements stand on many pages
def is_harmless(tag: str, name: str, value: str, address: str) -> bool:
    """Tell whether an attribute's value can load nothing from elsewhere, and leads where it may."""
    if (tag, name) in CHOICES:
        return value in CHOICES[tag, name]
    if name == "id":
        return bool(ID.fullmatch(value))
    if (tag, name) == ("a", "href"):
        return is_link(value)
    if name in ("href", "src"):
        return is_our_own(value.removeprefix(address))
    if name == "srcset":
        return all(is_our_own(candidate.split()[0]) for candidate in value.split(",") if candidate.strip())
    return "url(" not in value.lower()


def is_our_own(value: str) -> bool:
    """Tell whether an address is a path, or a place on the page, and nothing else to any browser."""
    is_path = value.startswith("/") and not value.startswith("//")
    return bool(ADDRESS.fullmatch(value)) and (is_path or value.startswith("#"))


def is_link(value: str) -> bool:
    """Tell whether an address may be linked to: ours, or one of another website, a mailbox or a telephone."""
    if not ADDRESS.fullmatch(value):
        return False
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    if parts.scheme in {"http", "https"}:
        return bool(HOST.fullmatch(parts.netloc))
    return parts.scheme in ELSEWHERE or not (parts.scheme or parts.netloc)


def is_data(node: LexborNode) -> bool:
    """Tell whether a script is structured data, which no browser runs."""
    if node.attributes != {"type": "application/ld+json"}:
        return False
    try:
        return isinstance(json.loads(node.text()), dict)
    except ValueError:
        return False


def is_live_reload(node: LexborNode, allowed: Allowed) -> bool:
    """Tell whether a script is the one that reloads pages of the preview, and names the page's file."""
    file = node.attributes.get("data-file")
    return (
        allowed.live_reload
        and node.attributes == {"src": "/live-reload.js", "data-file": file, "defer": None}
        and not node.text()
    )
