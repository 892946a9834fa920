"""What Markdown becomes: no raw HTML, no odd attribute, no id twice, headings in order, all converted."""

import re
from collections.abc import Iterator

from plugins.reading.html import Html
from plugins.reading.mistakes import Found, Mistake
from plugins.reading.site import Site

ID = re.compile(r"[a-z0-9_-]+")
BREAKING_OUT = re.compile(r'[\0-\x20"<>]')


def check(site: Site) -> Iterator[Mistake]:
    """Find what a page may not hold."""
    for document in (content.document for content in site.contents):
        html = document.html
        found = [
            *raw_html(html),
            *attributes(html),
            *addresses(html),
            *odd_ids(html),
            *same_ids(html),
            *levels(html),
        ]
        found += html.surprises
        for line, sentences in found:
            yield document.path, line, sentences
        for line, mark in html.not_converted:
            cure = "Complete the Markdown around it."
            yield document.path, line, f'"{mark}" would show as it stands here. {cure}'


def raw_html(html: Html) -> Iterator[Found]:
    """Find HTML that was typed: Markdown shows it as text."""
    for line, tag in html.tags:
        if name := tag.strip("</!?"):
            cure = 'Take it out; for the sign "<" write "&lt;".'
            yield line, f"<{name}> is HTML, which pages do without. {cure}"
        else:
            yield line, "A comment is published too. Take it out."


def attributes(html: Html) -> Iterator[Found]:
    """Find attributes that an attribute list may not set."""
    for line, name, tag in html.attributes:
        yield line, f'The attribute "{name}" of <{tag}> is not for pages. Take it out.'


def addresses(html: Html) -> Iterator[Found]:
    """Find addresses that could break out of their attribute, since Pelican writes some without escapes."""
    for line, address in [*html.links, *((line, source) for line, source, _words in html.images)]:
        if BREAKING_OUT.search(address):
            yield line, 'An address may not hold a space or one of " < >. Write %20, %22, %3C or %3E for it.'


def odd_ids(html: Html) -> Iterator[Found]:
    """Find ids with other signs than those that headings get, since the form's own begin with a capital."""
    for name, lines in html.ids.items():
        if not ID.fullmatch(name):
            cure = "Write it in small letters, digits and hyphens, like {: #what-we-collect }."
            yield lines[0], f'The id "{name}" is not for pages. {cure}'


def same_ids(html: Html) -> Iterator[Found]:
    """Find an id that another element of the page has."""
    for name, (first, *others) in html.ids.items():
        for line in others:
            yield line, f'The id "{name}" is in line {first} too. Change one of them.'


def levels(html: Html) -> Iterator[Found]:
    """Find headings of a wrong level: screen readers and tables of contents follow the levels."""
    above = 1
    for line, level in html.headings:
        if level == 1:
            yield line, 'The title is this page\'s main heading already. Begin this one with "## ".'
        elif level > above + 1:
            jump = f"A heading of level {level} follows one of level {above}."
            yield line, f'{jump} Begin it with "{"#" * (above + 1)} ".'
        above = max(level, 2)
