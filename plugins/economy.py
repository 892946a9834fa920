"""What Pelican and Python do again and again, done once a build: templates, addresses, a look for garbage."""

import gc

from pelican import signals
from pelican.generators import Generator, StaticGenerator


def share_templates(generator: Generator) -> None:
    """Give every generator the first one's templates, so that each is read and compiled once."""
    generator.env = generator.context.setdefault("JINJA", generator.env)
    generator.env.auto_reload = generator.env.optimized = False  # for one build it does not pay


def keep_addresses(generator: StaticGenerator) -> None:
    """Keep the address of everything that is written, and give others PAGE_AT, the pages by address."""
    context = generator.context
    for content in [*context["articles"], *context["pages"]]:
        content.override_url, content.override_save_as = content.url, content.save_as
    context["PAGE_AT"] = {page.url: page for page in context["pages"]}


def register() -> None:
    """Connect to Pelican; it comes to static files when every plugin has made its pages."""
    gc.freeze()  # all that is loaded by now stays to the end
    signals.generator_init.connect(share_templates)
    signals.static_generator_finalized.connect(keep_addresses)
