"""Pelican's Markdown reader, which reads for the checks too, and goes on where Pelican would give up.

So every mistake is told, and the page shows in preview: a label that is wrong counts as left out.
"""

from functools import cached_property
from pathlib import Path
from typing import Any

from markdown import Markdown
from markdown.extensions.meta import MetaPreprocessor
from pelican.readers import MarkdownReader
from pelican.utils import SafeDatetime, pelican_open

from plugins import mistakes
from plugins.checks import metadata as labels
from plugins.checks import source


class Reader(MarkdownReader):
    """Read a Markdown file; `page.source` is what the checks know of it."""

    def read(self, source_path: str) -> tuple[str | None, dict[str, Any]]:
        """Return the HTML and what the labels say."""
        file = Path(source_path)
        path = mistakes.shown(file, self.settings)
        try:
            html, metadata = self.convert(source_path)
        except UnicodeDecodeError:
            mistakes.report(path, 1, mistakes.NOT_UTF8)
            return None, {"status": "skip"}
        formatted = [metadata[name] for name in self.settings["FORMATTED_FIELDS"] if metadata.get(name)]
        read = source.read(file, path, html, *formatted)
        for label in read.labels:
            if metadata.get(label.name) is None or labels.wrong(label, read.folder, self.settings):
                metadata.pop(label.name, None)
            elif isinstance(metadata[label.name], list):
                metadata[label.name] = label.value
        fallbacks = {"title": file.stem, "description": "", "order": "99"}
        if read.folder in self.settings["ARTICLE_PATHS"]:
            fallbacks["date"] = SafeDatetime(*self.settings["SITE_DATE"].timetuple()[:3])
        return html, fallbacks | metadata | {"source": read}

    def convert(self, source_path: str) -> tuple[str, dict[str, Any]]:
        """Do what Pelican's reader does, with one converter for all files."""
        self._source_path, self._md = source_path, self.converter.reset()
        # Pelican takes this out before it converts the labels' own texts.
        self._md.preprocessors.register(MetaPreprocessor(self._md), "meta", 27)
        with pelican_open(source_path) as text:
            html = self._md.convert(text)
        return html, self._parse_metadata(self._md.Meta)  # type: ignore[attr-defined]  # set by the former

    @cached_property
    def converter(self) -> Markdown:
        """Return the converter; to make it takes as long as to convert a page."""
        return Markdown(**self.settings["MARKDOWN"])

    def process_metadata(self, name: str, value: Any) -> Any:
        """Return what a label says, or nothing where Pelican does not understand it."""
        try:
            return super().process_metadata(name, value)
        except (ValueError, OverflowError):
            return None
