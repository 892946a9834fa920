"""security.txt (RFC 9116), which says where to report a weakness."""

from datetime import timedelta
from pathlib import Path

from pelican import signals
from pelican.generators import PagesGenerator

PATH = ".well-known/security.txt"
VALIDITY = timedelta(days=90)  # the nightly build renews it


def write(generator: PagesGenerator, writer: object) -> None:  # noqa: ARG001 - Pelican sends both
    """Write the file."""
    organisation = generator.settings["ORGANISATION"]
    target = Path(generator.output_path, PATH)
    target.parent.mkdir(exist_ok=True)
    target.write_text(
        f"Contact: mailto:{organisation['contact']['email']}\n"
        f"Expires: {generator.settings['SITE_DATE'] + VALIDITY}T00:00:00Z\n"
        f"Preferred-Languages: {organisation['language'].partition('-')[0]}\n"
        f"Canonical: {organisation['address']}/{PATH}\n",
        "utf-8",
    )


def register() -> None:
    """Connect to Pelican."""
    signals.page_writer_finalized.connect(write)
