"""Read the files of content/: labels, text, line numbers, and what is wrong with a label."""

from pathlib import Path

from pelican import Pelican, signals
from pelican.contents import Article, Content
from pelican.generators import PagesGenerator
from pelican.readers import BaseReader, MarkdownReader, Readers

from plugins.reading.document import refuse_special_files
from plugins.reading.reader import Reader


def look_at_files(pelican: Pelican) -> None:
    """End the build before anything is read that lies outside content/."""
    refuse_special_files(Path(pelican.path))


# Without Python-Markdown, which our reader does without, Pelican would take files in Markdown for unreadable.
MarkdownReader.enabled = True


def use_reader(readers: Readers) -> None:
    """Have all content read by our reader: editors write no pages in HTML or reStructuredText."""
    readers.reader_classes = {"md": Reader, "static": BaseReader}


def hold_back(content: Content) -> None:
    """Make a draft of an article whose day is still to come; it is checked all the same."""
    if isinstance(content, Article) and content.date.date() > content.settings["SITE_DATE"]:
        content.to_come = content.date.date() if content.status == "published" else None
        content.status = "draft"


def publish_images_only(generator: PagesGenerator) -> None:
    """Forget the files outside content/images that Pelican would copy because a link names them."""
    generator.context["static_links"].clear()


def register() -> None:
    """Connect to Pelican."""
    signals.initialized.connect(look_at_files)
    signals.readers_init.connect(use_reader)
    signals.content_object_init.connect(hold_back)
    signals.page_generator_finalized.connect(publish_images_only)
