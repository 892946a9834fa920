"""Pelican's reader for Markdown files: `page.document` is what the checks know of a file.

Where Pelican would give up, it goes on, so that every mistake is told and the page shows in preview: a label
with a mistake counts as left out.
"""

from functools import cached_property
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from pelican.readers import BaseReader
from pelican.utils import SafeDatetime

from plugins.reading.document import Document, read_document
from plugins.reading.html import HtmlReader
from plugins.reading.markdown import convert, converter
from plugins.reading.metadata import problem
from plugins.reading.mistakes import shown


class Reader(BaseReader):
    """Reads labels and Markdown."""

    file_extensions = ("md",)

    def read(self, source_path: str) -> tuple[str | None, dict[str, Any]]:
        """Return the HTML and the metadata, or skip a file that plugins/checks/characters.py reports."""
        file = Path(source_path)
        try:
            document = read_document(file, shown(file, self.settings))
        except UnicodeDecodeError:
            return None, {"status": "skip"}
        reader = HtmlReader("\n".join(document.lines))
        html = self.convert(document.body, document.head.length, reader)
        fallbacks = {"title": file.stem, "description": "", "order": "99"}
        if document.folder in self.settings["ARTICLE_PATHS"]:
            fallbacks["date"] = SafeDatetime(*self.settings["SITE_DATE"].timetuple()[:3])
        metadata = self.metadata(document, reader)
        document.html = reader.html
        return html, fallbacks | metadata | {"document": document}

    def metadata(self, document: Document, reader: HtmlReader) -> dict[str, Any]:
        """Return what the labels say, less those with a mistake."""
        metadata: dict[str, Any] = {}
        for label in document.head.labels:
            if label.name not in metadata and not problem(label, document.folder, self.settings):
                formatted = label.name in self.settings["FORMATTED_FIELDS"]
                value = self.convert(label.markdown, label.line - 1, reader) if formatted else label.value
                metadata[label.name] = self.process_metadata(label.name, value)
        return {name: value for name, value in metadata.items() if value is not None}

    def convert(self, markdown: str, lines_above: int, reader: HtmlReader) -> str:
        """Return the HTML of a text, once the reader has seen it."""
        converted = convert(self.converter, markdown, lines_above)
        reader.read(converted.html, converted.headings)
        reader.html.surprises += converted.surprises
        return converted.html

    @cached_property
    def converter(self) -> MarkdownIt:
        """Return the converter of all files."""
        return converter()

    def process_metadata(self, name: str, value: Any) -> Any:
        """Return the value as Pelican understands it, or None where it does not."""
        try:
            return super().process_metadata(name, value)
        except (ValueError, OverflowError):
            return None
