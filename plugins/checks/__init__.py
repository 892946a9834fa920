"""What editors are told while they write: every mistake with its file, its line and what to do.

Each module in CHECKS goes through the mistakes of one kind. What a file says is read once with its page
(source.py), and what the files say together is looked at in every build. A draft is checked in preview only.
"""

from pelican import signals
from pelican.generators import Generator, PagesGenerator
from pelican.readers import BaseReader, Readers

from plugins import mistakes
from plugins.checks import (
    addresses,
    contacts,
    headings,
    images,
    leftovers,
    links,
    markup,
    metadata,
    promises,
    published,
    spelling,
)
from plugins.checks.reader import Reader
from plugins.checks.site import site_of

CHECKS = [
    addresses.check,
    contacts.check,
    headings.check,
    images.check,
    leftovers.check,
    links.check,
    markup.check,
    metadata.check,
    promises.check,
    published.check,
    spelling.check,
]


def use_reader(readers: Readers) -> None:
    """Have all content read by our reader: pages in HTML or reStructuredText are not for editors."""
    readers.reader_classes = {"md": Reader, "static": BaseReader}


def publish_images_only(generator: PagesGenerator) -> None:
    """Forget what links would have Pelican copy from outside content/images."""
    generator.context["static_links"].clear()


def run(generators: list[Generator]) -> None:
    """Report what is wrong with the site that is about to be written."""
    site = site_of(generators[0])
    for check in CHECKS:
        for mistake in check(site):
            mistakes.report(*mistake)


def register() -> None:
    """Connect to Pelican."""
    signals.readers_init.connect(use_reader)
    signals.page_generator_finalized.connect(publish_images_only)
    signals.all_generators_finalized.connect(run)
