"""What the HTML of a page holds, with the lines of the Markdown that it was made from."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from lxml.html import HtmlElement, fragment_fromstring

from plugins.reading.mistakes import Found

ATTRIBUTES = {  # those that Markdown writes, and those that an attribute list like {: #id .class } may set
    "alt", "class", "colspan", "dir", "height", "href", "id", "lang", "reversed", "rowspan", "scope", "src",
    "start", "tabindex", "title", "type", "value", "width",
}  # fmt: skip
HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}
NOT_CONVERTED = re.compile(
    r"""\*\*|__|~~|`+ | \]\s?\((?=[/#]|https?:) | \((?:/|https?:)\S*\)\s?\[ | \{[:{%] | \[[\^!]
    | ^\#{1,6}(?=\w) | \|(?=\s?:?[-–—]+:?\s?(?:\||$))""",
    re.MULTILINE | re.VERBOSE,
)
BEGINS = re.compile(r"[#(*\[\]_`{|~]")  # what each of these begins with, which most text does without
TAG = re.compile(r"<(?:/?[A-Za-z][\w-]*|[!?])")
RAW_HTML = "mark"  # the element in which plugins/reading/markdown.py shows a tag that was typed


@dataclass
class Html:
    """What a page's HTML holds, each with its line."""

    links: list[Found] = field(default_factory=list)
    images: list[tuple[int, str, str]] = field(default_factory=list)  # line, address, alternative text
    headings: list[tuple[int, int]] = field(default_factory=list)  # line, level
    ids: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    tags: list[Found] = field(default_factory=list)  # HTML that was typed
    attributes: list[tuple[int, str, str]] = field(default_factory=list)  # line, attribute, element
    not_converted: list[Found] = field(default_factory=list)  # Markdown that would show as it was typed
    surprises: list[Found] = field(default_factory=list)  # sentences on what Markdown makes of the text


class HtmlReader:
    """Collects what HTML holds, and finds the lines in the Markdown that it was made from."""

    def __init__(self, markdown: str) -> None:
        self.html = Html()
        self.markdown = markdown.lower()
        self.heading_lines: Iterator[int] = iter(())
        self.searched_to: dict[str, int] = defaultdict(int)
        self.last_line = 1

    def read(self, html: str, heading_lines: list[int]) -> None:
        """Collect what a part of the page holds."""
        self.heading_lines = iter(heading_lines)
        root = fragment_fromstring(html, create_parent="div")
        for element in root.iterdescendants():
            self.read_element(element)
        for text in filter(BEGINS.search, texts(root)):
            self.html.not_converted += [(self.line(mark), mark) for mark in NOT_CONVERTED.findall(text)]

    def read_element(self, element: HtmlElement) -> None:
        """Collect what an element is, and what its attributes refer to."""
        tag = str(element.tag)
        for name, value in element.items():
            if name == "href":
                words = f"[{element.text_content()}]("  # where the address was typed with entities
                self.html.links.append((self.line(f"]({value}", value, words, element.text_content()), value))
            elif name == "id":
                self.html.ids[value].append(self.line(f"#{value}"))
            elif name not in ATTRIBUTES:
                self.html.attributes.append((self.line(name), name, tag))
        if tag == "img":
            source, words = element.get("src", ""), element.get("alt", "")
            self.html.images.append((self.line(f"]({source}", source, f"[{words}]("), source, words))
        elif tag == "code":
            for typed in TAG.findall(element.text_content()):
                self.line(typed)  # so that the next one found is no code
        elif tag == RAW_HTML:
            self.html.tags.append((self.line(element.text_content()), element.text_content()))
        elif tag in HEADINGS:
            self.html.headings.append((next(self.heading_lines), int(tag[1])))

    def line(self, *texts: str) -> int:
        """Return the line where one of these texts occurs next in the Markdown, or the last line found."""
        for text in map(str.lower, texts):
            if (at := self.markdown.find(text, self.searched_to[text])) >= 0:
                self.searched_to[text] = at + 1
                self.last_line = self.markdown.count("\n", 0, at) + 1
                break
        return self.last_line


def texts(root: HtmlElement) -> Iterator[str]:
    """Yield each text but those of code."""
    for element in root.iter():
        yield from (element.text or "" if element.tag != "code" else "", element.tail or "")
