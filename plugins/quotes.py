"""Typographic quotes, dashes and dots by the rules of Markdown's "smarty", set by Python's own search.

In Markdown's way, which marks each find in the text and begins anew, they take half of a build's time.
"""

import re
from collections.abc import Sequence
from html import unescape
from xml.etree.ElementTree import Element

from markdown import Markdown
from markdown.extensions import Extension
from markdown.extensions.smarty import SmartyExtension, SubstituteTextPattern
from markdown.treeprocessors import Treeprocessor
from markdown.util import AtomicString
from pelican import Pelican, signals

SIGNS = re.compile(r"[\"']|--|\.\.\.")
Rule = tuple[re.Pattern[str], str]


def rules() -> list[Rule]:
    """Return what Markdown's extension looks for, and what takes its place."""
    smarty = SmartyExtension()
    smarty.extendMarkdown(Markdown())
    patterns = [pattern for pattern in smarty.inlinePatterns if isinstance(pattern, SubstituteTextPattern)]
    return [(pattern.compiled_re, replacement(pattern.replace)) for pattern in patterns]


def replacement(parts: Sequence[int | str | Element]) -> str:
    """Return the groups and HTML entities of a rule as `re` wants them."""
    return "".join(f"\\{part}" if isinstance(part, int) else unescape(str(part)) for part in parts)


RULES = rules()


class SetQuotes(Treeprocessor):
    """Follow the rules in every text but code."""

    def run(self, root: Element) -> None:
        """Change the texts of one document."""
        for element in root.iter():
            element.text, element.tail = changed(element.text), changed(element.tail)


def changed(text: str | None) -> str | None:
    """Return a text with its quotes set."""
    if not text or isinstance(text, AtomicString) or not SIGNS.search(text):
        return text
    for expression, new in RULES:
        text = expression.sub(new, text)
    return text


class Quotes(Extension):
    """Take the place of Markdown's extension."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 - Markdown calls it by this name
        """Register with this Markdown."""
        md.treeprocessors.register(SetQuotes(md), "quotes", 6)  # after all else inside of a line
        md.ESCAPED_CHARS.extend("\"'")


def add_extension(pelican: Pelican) -> None:
    """Have Pelican's Markdown reader use the extension."""
    pelican.settings["MARKDOWN"]["extensions"].append(Quotes())


def register() -> None:
    """Connect to Pelican."""
    signals.initialized.connect(add_extension)
