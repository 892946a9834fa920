"""The Customer Privacy Statement: one file per version, named by the day it takes effect.

The newest published version that has taken effect is in force, at the statement's address. Each version keeps
an address of its own below that, and each but the first has a page there that marks what changed.
"""

import re
from copy import copy
from datetime import date
from hashlib import sha256
from pathlib import Path

from lxml.html import fragment_fromstring
from pelican import Pelican, signals
from pelican.contents import Content, Page
from pelican.generators import PagesGenerator
from pelican.settings import Settings

REQUIRED = {
    "title": "Title: Customer Privacy Statement",
    "description": "Description: How we use and protect personal information.",
}
DAY = re.compile(r"(\d{4})-?(\d{1,2})-?(\d{1,2})(?!\d)")


def folder(settings: Settings) -> Path:
    """Return the folder that holds the versions."""
    return Path(settings["PATH"], "privacy")


def shown(path: Path, settings: Settings) -> str:
    """Return the path as people know it, beginning with content/."""
    return str(path.relative_to(Path(settings["PATH"]).parent))


def check_names(generator: PagesGenerator) -> None:
    """Stop the build at a file that is not named by a day of its own, which Pelican might pass over."""
    settings = generator.settings
    home = folder(settings)
    paths = sorted(path for path in home.rglob("[!.]*[!~]") if path.is_file())
    versions: dict[date, Path] = {}
    for path in paths:
        if (day := day_in(path.name)) and (other := versions.setdefault(day, path)) != path:
            raise SystemExit(
                f"{shown(path, settings)}: {shown(other, settings)} is for the same day; "
                f"keep one of them, as {day}.md."
            )
    for path in paths:
        day = day_in(path.name)
        if path != home / f"{day}.md":
            raise SystemExit(
                f"{shown(path, settings)}: name the file by the day on which the statement takes effect, "
                f"as {shown(home, settings)}/{day or '2027-01-31'}.md."
            )


def day_in(name: str) -> date | None:
    """Return the day that a file's name begins with, however it is spelled, or None."""
    if not (found := DAY.match(name)):
        return None
    try:
        return date(*map(int, found.groups()))
    except ValueError:
        return None


def check_metadata(page: Content) -> None:
    """Stop the build at a version without title or description, or with a status of no meaning."""
    if Path(page.source_path or "").parent != folder(page.settings):
        return
    for key, example in REQUIRED.items():
        if not getattr(page, key, ""):
            raise SystemExit(
                f'{place(page, key)}: the statement has no {key}; write one at the top, like "{example}".'
            )
    if page.status not in ("draft", "published"):
        raise SystemExit(
            f'{place(page, "status")}: the status "{page.status}" is unknown; write "Status: draft", '
            "or take the line out to publish this version."
        )


def place(page: Content, key: str) -> str:
    """Return the file and the line that says this of the page, or the first where none does."""
    path = Path(page.source_path)
    lines = path.read_text("utf-8-sig").partition("\n\n")[0].lower().splitlines()
    number = next((number for number, line in enumerate(lines, 1) if line.startswith(f"{key}:")), 1)
    return f"{shown(path, page.settings)}:{number}"


def publish_versions(generator: PagesGenerator) -> None:
    """Give each version its lasting address, and the one in force the address that the world links to."""
    settings = generator.settings
    published, drafts = (take_versions(pages, settings) for pages in (generator.pages, generator.draft_pages))
    drafts = drafts if settings["SHOW_DRAFTS"] else []
    for version in [*published, *drafts]:
        earlier = [other for other in published if other.effective < version.effective]
        version.previous = earlier[0] if earlier else None
        generator.pages += pages_of(version)
    in_force = copy_at(version_in_force(published, settings), statement_address(settings))
    generator.pages.append(in_force)
    generator.context["STATEMENT"] = in_force
    generator.context["STATEMENT_VERSIONS"] = published
    generator.context["STATEMENT_DRAFTS"] = drafts


def take_versions(pages: list[Page], settings: Settings) -> list[Page]:
    """Take the statement's versions out of Pelican's list, and return them, the newest first."""
    versions = [page for page in pages if Path(page.source_path).parent == folder(settings)]
    for page in versions:
        pages.remove(page)
        page.effective = day_in(Path(page.source_path).name)
        page.sha256 = sha256(Path(page.source_path).read_bytes()).hexdigest()
        page.template = "statement"
        page.override_url = f"{statement_address(settings)}{page.effective}/"
    return sorted(versions, key=lambda page: page.effective, reverse=True)


def version_in_force(published: list[Page], settings: Settings) -> Page:
    """Return the newest version that has taken effect; none stops the build."""
    for version in published:
        if version.effective <= settings["SITE_DATE"]:
            return version
    raise SystemExit(
        f"{shown(folder(settings), settings)}: no privacy statement is in force on {settings['SITE_DATE']}; "
        "name one that is no draft by that day or an earlier one."
    )


def pages_of(version: Page) -> list[Page]:
    """Return the page at the version's lasting address, and the one that says what changed."""
    mark = "Draft: " if version.status == "draft" else ""
    day = in_words(version)
    lasting = copy_at(
        version,
        version.url,
        title=f"{mark}{version.title}, {day}",
        description=f"The version of {day} of our privacy statement, at an address of its own.",
    )
    if not version.previous:
        return [lasting]
    changes = copy_at(
        version,
        f"{version.url}changes/",
        template="changes",
        title=f"{mark}What changed in the version of {day}",
        description=f"What our privacy statement adds and takes out in the version of {day}, "
        f"against the one of {in_words(version.previous)}.",
    )
    return [lasting, changes]


def copy_at(page: Page, url: str, **changed: str) -> Page:
    """Return a copy for Pelican to write at this address (without the leading slash)."""
    copied = copy(page)
    vars(copied).update(changed, override_url=url, override_save_as=f"{url}index.html")
    return copied


def statement_address(settings: Settings) -> str:
    """Return the address of the version in force, as Pelican writes it: without the leading slash."""
    return str(settings["ORGANISATION"]["statement"]["address"]).lstrip("/")


def in_words(version: Page) -> str:
    """Return the day on which the version takes effect as people write it."""
    return str(version.effective.strftime(version.settings["DEFAULT_DATE_FORMAT"]))


def chapters(html: str) -> list[tuple[str, str]]:
    """Return the id and the words of every heading that a table of contents lists."""
    headings = fragment_fromstring(html, create_parent="div").xpath("h2[@id]")
    return [(heading.get("id"), heading.text_content()) for heading in headings]


def add_filter(pelican: Pelican) -> None:
    """Let templates loop over `page.content|chapters`."""
    pelican.settings["JINJA_FILTERS"]["chapters"] = chapters


def register() -> None:
    """Connect to Pelican."""
    signals.initialized.connect(add_filter)
    signals.page_generator_init.connect(check_names)
    signals.content_object_init.connect(check_metadata)
    signals.page_generator_finalized.connect(publish_versions)
