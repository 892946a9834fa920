"""The site that is about to be written, as the checks see it."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from pelican.contents import Content

from plugins.reading.document import Document


def to_come(content: Content) -> date:
    """Return the day on which something that is dated ahead goes online; for the rest a day long ago."""
    return getattr(content, "to_come", None) or date.min


@dataclass
class Site:
    """What the site is made from, in the order of paths, and what is written, by its address."""

    settings: dict[str, Any]
    context: dict[str, Any]
    contents: list[Content]
    organisation: Document  # content/organisation.toml, without text where the facts are another site's
    pages: dict[str, Content]
    to_come: dict[str, Content]  # articles and notices that are dated ahead
    files: set[str]

    @property
    def documents(self) -> list[Document]:
        """Return what each file says, content/organisation.toml too."""
        return [*(content.document for content in self.contents), self.organisation]

    def pages_beside(self, content: Content) -> dict[str, Content]:
        """Return the pages that are online together with this one, which may be dated ahead."""
        day = to_come(content)
        return self.pages | {address: page for address, page in self.to_come.items() if day >= to_come(page)}

    @property
    def folder(self) -> Path:
        """Return the folder of the editors' files."""
        return Path(self.settings["PATH"])

    @property
    def facts(self) -> dict[str, Any]:
        """Return what content/organisation.toml says."""
        facts: dict[str, Any] = self.settings["ORGANISATION"]
        return facts
