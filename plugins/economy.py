"""What Pelican and Python do again and again, done once a build: templates, addresses, a look for garbage."""

import gc

from pelican import signals
from pelican.generators import Generator


def share_templates(generator: Generator) -> None:
    """Give every generator the first one's templates, so that each is compiled once."""
    generator.env = generator.context.setdefault("JINJA", generator.env)


def keep_addresses(generators: list[Generator]) -> None:
    """Keep the address of everything that is written, and give others PAGE_AT, the pages by address."""
    context = generators[0].context
    for content in [*context["articles"], *context["pages"]]:
        content.override_url = content.url
    context["PAGE_AT"] = {page.url: page for page in context["pages"]}


def register() -> None:
    """Connect to Pelican; addresses are known when every plugin has made its pages."""
    gc.freeze()  # all that is loaded by now stays to the end
    signals.generator_init.connect(share_templates)
    signals.all_generators_finalized.connect(keep_addresses)
