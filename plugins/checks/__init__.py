"""What editors are told while they write: every mistake with its file, its line and what to do.

Each check is a function `check(site)` that yields mistakes, in a module of its own. Modules of this folder
are found; those that stand with their subject, in another folder, are listed. A production build ends at
mistakes. The preview goes on, so that the page with the mistake can be seen; only the preview checks drafts.
"""

from collections.abc import Callable, Iterator
from datetime import date
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from pelican import signals
from pelican.generators import Generator

from plugins.notices import pages as notices
from plugins.output import feeds, redirects
from plugins.reading.document import read_document
from plugins.reading.mistakes import Mistake, report, shown
from plugins.reading.site import Site, to_come
from plugins.reading.typed import CONFLICT_CURE
from plugins.statement import contract, promises, versions

CHECKS: list[Callable[[Site], Iterator[Mistake]]] = [
    *(import_module(f"{__name__}.{module.name}").check for module in iter_modules(__path__)),
    contract.check,
    notices.check,
    promises.check,
    redirects.check,
    versions.check,
]


def run(generators: list[Generator]) -> None:
    """Log all mistakes in the order of files and lines, and end a production build that has any.

    Of a file that git could not unite nothing else is told: its marks are no Markdown.
    """
    site = site_of(generators[0])
    found = {mistake for check in CHECKS for mistake in check(site)}
    undecided = {path for path, _, sentences in found if sentences == CONFLICT_CURE}
    mistakes = sorted(
        mistake for mistake in found if mistake[0] not in undecided or mistake[2] == CONFLICT_CURE
    )
    site.settings["TOLD"] = bool(mistakes)
    report(mistakes, site.settings)


def site_of(generator: Generator) -> Site:
    """Return the site; what is dated ahead and, in preview, drafts are checked too."""
    settings, context = generator.settings, generator.context
    contents = [content for content in context["generated_content"].values() if content]
    if not settings["SHOW_DRAFTS"]:
        contents = [page for page in contents if page.status != "draft" or to_come(page) > date.min]
    organisation = Path(settings["PATH"], "organisation.toml")
    written = [*feeds.paths(context), "robots.txt", "sitemap.xml", ".well-known/security.txt"]
    copied = [file.get_relative_source_path() for file in context["staticfiles"]]
    return Site(
        settings,
        context,
        contents=sorted(contents, key=lambda content: str(content.document.path)),
        organisation=read_document(organisation, shown(organisation, settings)),
        pages={f"/{content.url}": content for content in [*context["articles"], *context["pages"]]},
        to_come={f"/{page.url}": page for page in contents if to_come(page) > date.min},
        files={f"/{path}" for path in [*written, *copied]},
    )


def register() -> None:
    """Connect to Pelican; this is when all content is known, and before anything is written."""
    signals.all_generators_finalized.connect(run)
