"""What the files beside the pages may hold: each has one strict form."""

import json
import re
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

from lxml import etree

from plugins.output.audit.page import DRAWN, ELEMENTS, Allowed, Finding, in_fragment, is_our_own, named
from plugins.reading.typed import INVISIBLE

ATOM = "{http://www.w3.org/2005/Atom}"
SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
SVG = "{http://www.w3.org/2000/svg}"
SITEMAP_ELEMENTS: dict[str, set[str]] = {
    f"{SITEMAP}{name}": set() for name in ("urlset", "url", "loc", "lastmod")
}
FEED_ELEMENTS: dict[str, set[str]] = {
    f"{ATOM}{name}": attributes
    for name, attributes in [
        *(
            (name, set())
            for name in ("author", "entry", "feed", "id", "name", "published", "title", "updated")
        ),
        ("category", {"term"}),
        ("content", {"type"}),
        ("link", {"href", "rel"}),
        ("summary", {"type"}),
    ]
}
DRAWINGS = {f"{SVG}{name}": ELEMENTS[name] for name in ELEMENTS if ELEMENTS[name] >= DRAWN}
DRAWINGS |= {f"{SVG}title": ELEMENTS["title"], f"{SVG}desc": ELEMENTS["desc"]}

HOST = r"https?://[a-z0-9.-]+(?::\d+)?"
PATH = r"/(?!/)[a-z0-9._~%/+-]*"
EXACTLY = {  # these lines
    "robots.txt": [r"User-agent: \*", "Allow: /", rf"Sitemap: {HOST}/sitemap\.xml"],
    ".well-known/security.txt": [
        r"Contact: mailto:[\w.+-]+@[\w.-]+",
        r"Expires: \d{4}-\d\d-\d\dT00:00:00Z",
        r"Preferred-Languages: [a-z]{2,3}",
        rf"Canonical: {HOST}/\.well-known/security\.txt",
    ],
}
ONLY = {  # lines like this one, which nginx includes
    ".headers.conf": r'add_header [A-Z][A-Za-z-]+ "[ !#%-\[\]-~]+" always;',  # without nginx's own " $ and \
    ".redirects.conf": f"{PATH} {PATH};",
}
FORM_JSON = dict.fromkeys(["organisation", "address", "email", "requests_email", "statement"], str) | {
    "answer_days": int,
    "sectors": list,
    **dict.fromkeys(["advertising", "topics", "statement_sha256", "notices", "headers"], dict),
}
PARSER = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)


def findings(path: str, content: bytes, allowed: Allowed) -> Iterator[Finding]:
    """Find what a text file that is no page may not hold."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        yield Finding("", "bytes that are no UTF-8")
        return
    if path in EXACTLY or path in ONLY:
        yield from in_lines(path, text)
    elif path == "form.json":
        yield from in_form_json(text)
    elif not path.startswith("theme/") or not path.endswith(".txt"):
        yield from in_xml(path, content, allowed)


def in_lines(path: str, text: str) -> Iterator[Finding]:
    """Find lines that are not as the file's form has them."""
    *lines, last = text.split("\n")
    forms = EXACTLY[path] if path in EXACTLY else [ONLY[path]] * len(lines)
    for line, form in zip_longest([*lines, *([last] if last else [])], forms, fillvalue=""):
        if not re.fullmatch(form, line, re.ASCII):
            yield Finding(line, f'the line "{line}"' if line else "too few lines")


def in_form_json(text: str) -> Iterator[Finding]:
    """Find what the form backend would not understand, or would put into the head of an e-mail."""
    facts: dict[str, Any] = json.loads(text)
    for key in sorted(FORM_JSON.keys() ^ facts.keys()):
        yield Finding(key, f'the fact "{key}", or lacks it')
    for key in FORM_JSON.keys() & facts.keys():
        if type(facts[key]) is not FORM_JSON[key]:
            yield Finding(key, f'{facts[key]!r} as "{key}"')
    heads = [value for value in facts.values() if isinstance(value, str)]
    heads += [notice["title"] for notice in facts["notices"].values()]
    for head in heads:
        if found := INVISIBLE.search(head.replace("\n", "\0")):
            yield Finding(head, f"a character that cannot be seen ({named(found[0])})")


def in_xml(path: str, content: bytes, allowed: Allowed) -> Iterator[Finding]:
    """Find what a feed, the sitemap or a drawing may not hold."""
    try:
        tree = etree.fromstring(content, PARSER).getroottree()
    except etree.XMLSyntaxError as error:
        yield Finding("", f"XML that cannot be read ({error.msg})")
        return
    if tree.docinfo.doctype or tree.xpath("//processing-instruction() | /comment()"):
        yield Finding("<!DOCTYPE", "a document type or an instruction for programs")
    elements = (
        DRAWINGS if path.endswith(".svg") else SITEMAP_ELEMENTS if path == "sitemap.xml" else FEED_ELEMENTS
    )
    for element in tree.iter(etree.Element):
        tag = str(element.tag)
        if tag not in elements:
            yield Finding(tag.rpartition("}")[2], f"the element {tag}")
        for name, value in element.attrib.items():
            if tag in elements and name not in elements[tag]:
                yield Finding(str(name), f'the attribute "{name}" of {tag}')
            elif "url(" in value or (name == "href" and not is_ours(str(value), allowed)):
                yield Finding(str(value), f'{name}="{value}" in {tag}')
        if element.get("type") == "html":
            yield from in_fragment(element.text or "", allowed)
        elif tag == f"{SITEMAP}loc" and not is_ours(element.text or "", allowed):
            yield Finding(element.text or "", f"the address {element.text}")


def is_ours(address: str, allowed: Allowed) -> bool:
    """Tell whether this is a whole address of the site."""
    return address.startswith(f"{allowed.address}/") and is_our_own(address.removeprefix(allowed.address))
