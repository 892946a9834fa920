"""The site that is about to be written, as the checks see it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pelican.contents import Content
from pelican.generators import Generator

from plugins import feeds, notices
from plugins.checks import source
from plugins.mistakes import shown

ORGANISATION = "organisation.toml"
WRITTEN = (feeds.NEWS, "sitemap.xml", "robots.txt", ".well-known/security.txt")


@dataclass
class Site:
    """What it is made from, in the order of paths, and what is written, by its address."""

    settings: dict[str, Any]
    context: dict[str, Any]
    contents: list[Content]
    sources: list[source.Source]  # what each file says, organisation.toml too
    pages: dict[str, Content]
    files: set[str]

    @property
    def folder(self) -> Path:
        """Return the folder of the editors' files."""
        return Path(self.settings["PATH"])

    @property
    def facts(self) -> dict[str, Any]:
        """Return what content/organisation.toml says."""
        facts: dict[str, Any] = self.settings["ORGANISATION"]
        return facts


def site_of(generator: Generator) -> Site:
    """Return the site; notices still to come and, in preview, drafts are checked too."""
    settings, context = generator.settings, generator.context
    files = [
        *WRITTEN,
        *([notices.FEED] if context["NOTICES"] else []),
        *(file.get_relative_source_path() for file in context["staticfiles"]),
    ]
    contents = [content for content in context["generated_content"].values() if content]
    if not settings["SHOW_DRAFTS"]:
        contents = [content for content in contents if content.status != "draft"]
    contents.sort(key=lambda content: str(content.source.path))
    organisation = Path(settings["PATH"], ORGANISATION)
    return Site(
        settings,
        context,
        contents,
        sources=[
            *(content.source for content in contents),
            *([source.read(organisation, shown(organisation, settings))] if organisation.exists() else []),
        ],
        pages={f"/{content.url}": content for content in [*context["articles"], *context["pages"]]},
        files={f"/{path}" for path in files},
    )
