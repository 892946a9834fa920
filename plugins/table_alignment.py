"""Markdown's tables as the site wants them: aligned by classes, and scrolled by keyboard where they are wide.

The site's policy refuses style attributes.
"""

from xml.etree.ElementTree import Element

from markdown import Markdown
from markdown.extensions import Extension
from markdown.treeprocessors import Treeprocessor
from pelican import Pelican, signals


class AlignmentClasses(Treeprocessor):
    """Replace `style="text-align: right;"` on cells by `class="right"`, and let tables take the focus."""

    def run(self, root: Element) -> None:
        """Change the tables of one document."""
        for table in root.iter("table"):
            table.set("tabindex", "0")
        for cell in root.iter():
            if cell.tag in ("td", "th") and (style := cell.attrib.pop("style", "")):
                cell.set("class", style.removeprefix("text-align:").strip(" ;"))


class TableAlignment(Extension):
    """Run after Markdown's own tables have been made."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 - Markdown calls it by this name
        """Register with this Markdown."""
        md.treeprocessors.register(AlignmentClasses(md), "table_alignment", 0)


def add_extension(pelican: Pelican) -> None:
    """Have Pelican's Markdown reader use the extension."""
    pelican.settings["MARKDOWN"]["extensions"].append(TableAlignment())


def register() -> None:
    """Connect to Pelican."""
    signals.initialized.connect(add_extension)
