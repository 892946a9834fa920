"""The HTML of a page, read once: its links, pictures and headings, and what breaks out of it or does harm."""

import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from plugins.mistakes import Mistake

if TYPE_CHECKING:
    from plugins.checks.site import Site  # which holds what is read here

ELEMENTS = {
    "a", "abbr", "b", "blockquote", "br", "caption", "cite", "code", "col", "colgroup", "dd", "del",
    "details", "dfn", "div", "dl", "dt", "em", "figcaption", "figure", "h1", "h2", "h3", "h4", "h5", "h6",
    "hr", "i", "img", "ins", "kbd", "li", "mark", "ol", "p", "pre", "q", "s", "samp", "small", "span",
    "strong", "sub", "summary", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "time", "tr", "u",
    "ul", "var", "wbr",
}  # fmt: skip
ATTRIBUTES = {
    "alt", "cite", "class", "colspan", "datetime", "dir", "height", "href", "id", "lang", "open", "reversed",
    "rowspan", "scope", "src", "start", "tabindex", "title", "type", "value", "width",
}  # fmt: skip
WITHOUT_END = {"br", "col", "hr", "img", "wbr"}
SCHEMES = {"http", "https", "mailto", "tel"}
SCHEME = re.compile(r"[a-z][a-z0-9+.-]*(?=:)", re.IGNORECASE)
HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}
HEADING_LINE = re.compile(r" {0,3}#|.*<h[1-6]", re.IGNORECASE)
UNDERLINE = re.compile(r" {0,3}(?:=+|-+) *")
NOT_LETTERS = re.compile(r"[\W_]+")
UNREAD = re.compile(r"\*\*|\]\s?\((?=[/#]|https?:)|\{[:{%]")  # Markdown that was not understood
END = "end-of-the-page"

Found = tuple[int, str]
"""A line of the editor's file, and what was found there."""


@dataclass
class Html:
    """What the HTML of a page holds."""

    links: list[Found] = field(default_factory=list)
    images: list[tuple[int, str, str]] = field(default_factory=list)
    headings: list[tuple[int, int]] = field(default_factory=list)
    ids: dict[str, int] = field(default_factory=dict)
    unread: list[Found] = field(default_factory=list)
    wrong: list[Found] = field(default_factory=list)


class Markup(HTMLParser):
    """A strict reader; the lines it gives are those of the Markdown that the HTML was made from."""

    def __init__(self, markdown: str) -> None:
        super().__init__(convert_charrefs=False)  # so that a bare < differs from &lt;
        self.found = Html()
        self.open: list[Found] = []
        self.heading, self.in_heading = "", False
        self.heading_lines = heading_lines(markdown)
        self.markdown = markdown.lower()
        self.has_html = "<" in markdown
        self.read_until: dict[str, int] = defaultdict(int)
        self.last_line = 1

    def read(self, html: str) -> None:
        """Read HTML that will stand in the middle of a page: it has to end as it began."""
        self.ended = False
        with suppress(AssertionError):  # the parser's own, at <![
            self.feed(f"{html}</{END}>")
            self.close()
        if not self.ended:
            self.wrong(self.last_line, "This breaks off inside a tag. Complete the tag, or take it out.")
        self.close_down_to(0)
        self.reset()

    def wrong(self, line: int, sentences: str) -> None:
        """Note a mistake."""
        self.found.wrong.append((line, sentences))

    def line(self, *wanted: str) -> int:
        """Return the line where the first of these comes next in the Markdown, or where the last was."""
        return next(filter(None, map(self.find, wanted)), self.last_line)

    def find(self, text: str) -> int:
        """Return the line where a text comes next in the Markdown, or nothing."""
        text = text.lower()
        if (at := self.markdown.find(text, self.read_until[text])) < 0:
            return 0
        self.read_until[text] = at + 1
        self.last_line = self.markdown.count("\n", 0, at) + 1
        return self.last_line

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what an element is and refers to."""
        typed = self.has_html and self.find(self.get_starttag_text() or "")  # 0: Markdown has made it
        if tag not in WITHOUT_END:
            self.open.append((typed or self.last_line, tag))
        if tag in HEADINGS:
            self.heading, self.in_heading = "", True
        if tag not in ELEMENTS:
            line = typed or self.line(f"<{tag}")
            self.wrong(line, f"<{tag}> is not for pages. Take it out; text, tables and pictures do without.")
            return
        for name, value in attrs:  # not a dict: of two with one name browsers take the first
            self.handle_attribute(tag, name, value or "", typed)
        if tag == "img":
            said = {name: value or "" for name, value in reversed(attrs)}
            source = said.get("src", "")
            line = typed or self.line(f"]({source}", source)
            self.found.images.append((line, source, said.get("alt", "")))

    handle_startendtag = handle_starttag  # HTML knows no <div/>: it opens a div

    def handle_attribute(self, tag: str, name: str, value: str, typed: int) -> None:
        """Note an address or an id, or that the attribute has no place here."""
        if name not in ATTRIBUTES:
            line = typed or self.line(name)
            self.wrong(line, f'The attribute "{name}" of <{tag}> is not for pages. Take it out.')
        elif name == "id":
            line = typed or self.line(f"#{value}")
            if self.found.ids.setdefault(value, line) != line:
                self.wrong(
                    line, f'The id "{value}" is in line {self.found.ids[value]} too. Change one of them.'
                )
        elif name == "href":
            line = typed or self.line(f"]({value}", value)
            self.found.links.append((line, value))
            scheme = SCHEME.match(re.sub(r"[\0- ]", "", value))  # browsers pass over spaces and the like
            if scheme and scheme[0].lower() not in SCHEMES:
                cure = "Begin it with / for a page of ours, else with https:, mailto: or tel:."
                self.wrong(line, f'A link may not begin with "{scheme[0]}:". {cure}')

    def handle_endtag(self, tag: str) -> None:
        """Close the element, and note what was left open in it."""
        if tag == END:
            self.ended = True
            return
        line = (self.has_html and self.find(f"</{tag}")) or self.last_line
        opened = [index for index, (_, name) in enumerate(self.open) if name == tag]
        if not opened:
            self.wrong(line, f"</{tag}> closes nothing. Take it out.")
            return
        self.close_down_to(opened[-1] + 1)
        self.open.pop()
        if tag in HEADINGS:
            self.in_heading = False
            words = letters(self.heading)
            line = next((number for number, text in self.heading_lines if words in text), line)
            self.found.headings.append((line, int(tag[1])))

    def close_down_to(self, depth: int) -> None:
        """Note what should have been closed by now, unless it should not be there at all."""
        for line, tag in self.open[depth:]:
            if tag in ELEMENTS:
                self.wrong(line, f"<{tag}> is not closed. Write </{tag}> where it ends.")
        del self.open[depth:]

    def handle_data(self, data: str) -> None:
        """Note Markdown that was not understood, and a < that is no tag."""
        if self.in_heading:
            self.heading += data
        if "<" in data:
            cure = 'Complete it; for "<" write "&lt;".'
            self.wrong(self.line(data.strip(), "<"), f"This tag is not complete. {cure}")
        if (marks := UNREAD.findall(data)) and not any(tag in ("code", "pre") for _, tag in self.open):
            self.found.unread += [(self.line(mark), mark) for mark in marks]

    def handle_comment(self, data: str) -> None:
        """Note what browsers do not show and everyone can read all the same."""
        self.wrong(self.line(f"<!--{data}", "<!", "<?"), "A comment is published too. Take it out.")

    def handle_decl(self, decl: str) -> None:
        """Note a declaration, which is none of a page's text."""
        self.handle_comment(decl)

    handle_pi = unknown_decl = handle_comment


def heading_lines(markdown: str) -> Iterator[Found]:
    """Go through the lines that may be headings, with their letters."""
    lines = markdown.splitlines()
    for number, (line, below) in enumerate(zip(lines, [*lines[1:], ""], strict=True), 1):
        if HEADING_LINE.match(line) or UNDERLINE.fullmatch(below):
            yield number, letters(line)


def letters(text: str) -> str:
    """Return the letters and digits alone, which Markdown leaves as they are."""
    return NOT_LETTERS.sub("", text).lower()


def check(site: "Site") -> Iterator[Mistake]:
    """Find what breaks out of its place, or does harm."""
    for source in site.sources:
        for line, sentences in source.html.wrong:
            yield source.path, line, sentences
