"""The Customer Privacy Statement: one file per version, named by the day it takes effect."""

from copy import copy
from datetime import date
from hashlib import sha256
from pathlib import Path

from pelican import signals
from pelican.contents import Page
from pelican.generators import PagesGenerator


def effective_date(page: Page) -> date:
    """Return the day that the file's name says; a name that is no date stops the build."""
    path = Path(page.source_path)
    try:
        return date.fromisoformat(path.stem)
    except ValueError:
        raise SystemExit(
            f"{path}: name the file by the day the statement takes effect, like 2027-01-31.md."
        ) from None


def publish_versions(generator: PagesGenerator) -> None:
    """Give each version its lasting address, and the one in force the address that the world links to."""
    folder = Path(generator.settings["PATH"], "privacy")
    address = generator.settings["ORGANISATION"]["statement"]["address"].strip("/")
    versions = [page for page in generator.pages if Path(page.source_path).parent == folder]
    for page in versions:
        page.effective = effective_date(page)
        page.sha256 = sha256(Path(page.source_path).read_bytes()).hexdigest()
        page.template = "statement"
        place(page, f"{address}/{page.effective}/")
    started = [page for page in versions if page.effective <= generator.settings["SITE_DATE"]]
    if not started:
        raise SystemExit(
            f"{folder}: no privacy statement is in force; one must take effect today or earlier."
        )
    in_force = copy(max(started, key=lambda page: page.effective))
    place(in_force, f"{address}/")
    generator.pages.append(in_force)
    generator.context["STATEMENT"] = in_force
    generator.context["STATEMENT_VERSIONS"] = sorted(versions, key=lambda page: page.effective, reverse=True)


def place(page: Page, url: str) -> None:
    """Have Pelican write the page at this address (without the leading slash)."""
    page.override_url = url
    page.override_save_as = f"{url}index.html"


def register() -> None:
    """Connect to Pelican."""
    signals.page_generator_finalized.connect(publish_versions)
