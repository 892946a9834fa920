"""What is written beside the pages, and what pages tell machines."""

import gc
from pathlib import Path

from pelican import signals
from pelican.generators import PagesGenerator
from pelican.writers import Writer

from plugins.output import (
    audit,
    feeds,
    form_json,
    headers,
    redirects,
    robots_txt,
    security_txt,
    sitemap,
    structured_data,
    stylesheet,
    templates,
)

FILES = {
    ".headers.conf": headers.text,
    ".redirects.conf": redirects.text,
    ".well-known/security.txt": security_txt.text,
    "form.json": form_json.text,
    "robots.txt": robots_txt.text,
    "sitemap.xml": sitemap.text,
}


def write_files(generator: PagesGenerator, writer: Writer) -> None:
    """Write the feeds and the files, once the pages are written."""
    feeds.write(generator.context, writer)
    for path, text in FILES.items():
        target = Path(generator.output_path, path)
        target.parent.mkdir(exist_ok=True)
        target.write_text(text(generator.context), "utf-8")


def register() -> None:
    """Connect to Pelican."""
    gc.freeze()  # what is loaded by now is never garbage; looking at it again takes a tenth of a build's time
    signals.generator_init.connect(templates.share)
    signals.initialized.connect(stylesheet.minify)
    signals.initialized.connect(headers.set_headers)  # after the stylesheet, whose hash they hold
    signals.initialized.connect(structured_data.add_filters)
    signals.all_generators_finalized.connect(structured_data.add_pages_by_url)
    signals.feed_generated.connect(feeds.complete)
    signals.page_writer_finalized.connect(write_files)
    signals.all_generators_finalized.connect(audit.remember_sources)
    signals.finalized.connect(audit.audit)  # before precompress, which waits for all that connect to this
