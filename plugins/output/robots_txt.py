"""robots.txt, which tells search engines where the sitemap is."""

from pathlib import Path

from pelican import signals
from pelican.generators import PagesGenerator

PATH = "robots.txt"


def write(generator: PagesGenerator, writer: object) -> None:  # noqa: ARG001 - Pelican sends both
    """Write the file: everything may be read."""
    sitemap = f"{generator.settings['ORGANISATION']['address']}/sitemap.xml"
    text = f"User-agent: *\nAllow: /\nSitemap: {sitemap}\n"
    Path(generator.output_path, PATH).write_text(text, "utf-8")


def register() -> None:
    """Connect to Pelican."""
    signals.page_writer_finalized.connect(write)
