"""The site's changes to Python-Markdown: no raw HTML, and tables without style attributes."""

import re
from xml.etree.ElementTree import Element

from markdown import Markdown
from markdown.extensions import Extension
from markdown.inlinepatterns import InlineProcessor
from markdown.treeprocessors import Treeprocessor
from markdown.util import AtomicString

from plugins.reading.html import RAW_HTML, TAG


class ShowTag(InlineProcessor):
    """Show a tag as text in an element of its own, where the checks find it and editors see it."""

    def handleMatch(self, m: re.Match[str], _data: str) -> tuple[Element, int, int]:  # type: ignore[override]  # noqa: N802
        """Return the element; Markdown calls this by its name."""
        element = Element(RAW_HTML)
        element.text = AtomicString(m[0])
        return element, m.start(), m.end()


class Tables(Treeprocessor):
    """Align cells by a class, since the site allows no styles, and let the keyboard scroll tables."""

    def run(self, root: Element) -> None:
        """Change the tables of one document."""
        for table in root.iter("table"):
            table.set("tabindex", "0")
            for cell in table.iter():
                if cell.tag in ("td", "th") and (style := cell.attrib.pop("style", "")):
                    cell.set("class", style.removeprefix("text-align:").strip(" ;"))


class SiteExtension(Extension):
    """Registers both with Markdown."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 - Markdown calls it by this name
        """Take raw HTML out of the Markdown, and change tables once they are made."""
        md.preprocessors.deregister("html_block")
        md.inlinePatterns.register(ShowTag(TAG.pattern, md), "html", 90)  # takes the place of Markdown's own
        md.ESCAPED_CHARS.append("<")
        md.treeprocessors.register(Tables(md), "tables", 9)  # before attribute lists, which may set a style
