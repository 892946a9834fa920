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
    """What is written, by its address, and what it is made from, by the path that editors know."""

    settings: dict[str, Any]
    context: dict[str, Any]
    contents: dict[str, Content]
    sources: dict[str, source.Source]  # what each file says, organisation.toml too
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

    def path(self, content: Content) -> str:
        """Return the path of a page's file as editors know it."""
        return shown(Path(content.source_path), self.settings)


def site_of(generator: Generator) -> Site:
    """Return the site; notices still to come and, in preview, drafts are checked too."""
    settings, context = generator.settings, generator.context
    theme = Path(settings["THEME"], "static")
    files = [
        *WRITTEN,
        *([notices.FEED] if context["NOTICES"] else []),
        *(f"{settings['THEME_STATIC_DIR']}/{path.relative_to(theme)}" for path in theme.rglob("*.*")),
        *(file.url for file in context["staticfiles"]),
    ]
    written = [*context["articles"], *context["pages"]]
    contents = [content for content in context["generated_content"].values() if content]
    if not settings["SHOW_DRAFTS"]:
        contents = [content for content in contents if content.status != "draft"]
    site = Site(
        settings,
        context,
        contents={},
        sources={},
        pages={f"/{content.url}": content for content in written},
        files={f"/{path}" for path in files},
    )
    for content in sorted(contents, key=site.path):
        site.contents[site.path(content)], site.sources[site.path(content)] = content, content.source
    organisation = site.folder / ORGANISATION
    if organisation.exists():
        site.sources[f"content/{ORGANISATION}"] = source.read(organisation)
    return site
