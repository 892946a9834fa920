"""The Customer Privacy Statement: one file per version, named by the day it takes effect.

The newest published version that has taken effect is in force, at the statement's address. Each version keeps
an address of its own below that, and each but the first has a page there that marks what changed.
"""

import re
from collections.abc import Iterator
from copy import copy
from datetime import date
from hashlib import sha256
from pathlib import Path

from lxml.html import fragment_fromstring
from pelican.contents import Page
from pelican.generators import PagesGenerator
from pelican.settings import Settings

from plugins.reading.mistakes import Mistake, refuse, shown
from plugins.reading.site import Site

DAY = re.compile(r"(\d{4})-?(\d{1,2})-?(\d{1,2})(?!\d)")


def folder(settings: Settings) -> Path:
    """Return the folder that holds the versions."""
    return Path(settings["PATH"], "privacy")


def check(site: Site) -> Iterator[Mistake]:
    """Find files that are not named by a day of their own, and a site without a version in force."""
    settings = site.settings
    home = folder(settings)
    for path in sorted(path for path in home.rglob("[!.]*[!~]") if path.is_file()):
        day = day_in(path.name)
        name = home / f"{day or '2027-01-31'}.md"
        if day and path != name and name.exists():
            sentences = f"{shown(name, settings)} is for the same day. Keep one of the two, under that name."
        else:
            right = shown(name, settings)
            sentences = f"A version is named by the day on which it takes effect. Name this file {right}."
        if not day or path != name:
            yield shown(path, settings), 1, sentences
    in_force = site.context["STATEMENT"]
    if in_force.status == "draft" or in_force.effective > settings["SITE_DATE"]:
        yield in_force.document.path, 1, none_in_force(settings)


def none_in_force(settings: Settings) -> str:
    """Say that no version is in force, and what to do."""
    cure = "Name one that is no draft by that day or an earlier one."
    return f"No statement is in force on {settings['SITE_DATE']}. {cure}"


def day_in(name: str) -> date | None:
    """Return the day that a file's name begins with, with or without hyphens, or None."""
    if not (found := DAY.match(name)):
        return None
    try:
        return date(*map(int, found.groups()))
    except ValueError:
        return None


def publish_versions(generator: PagesGenerator) -> None:
    """Give each version its permanent address, and the one in force the statement's own address."""
    settings = generator.settings
    published, drafts = (take_versions(pages, settings) for pages in (generator.pages, generator.draft_pages))
    in_force = version_in_force(published, drafts, settings)
    name_next_email(in_force, settings)
    drafts = drafts if settings["SHOW_DRAFTS"] else []
    for version in [*published, *drafts]:
        earlier = [other for other in published if other.effective < version.effective]
        version.previous = earlier[0] if earlier else None
        generator.pages += pages_of(version)
    in_force = copy_at(in_force, statement_address(settings))
    generator.pages.append(in_force)
    generator.context["STATEMENT"] = in_force
    generator.context["STATEMENT_VERSIONS"] = published
    generator.context["STATEMENT_DRAFTS"] = drafts


def name_next_email(in_force: Page, settings: Settings) -> None:
    """Have requests answered from the next address, once the version in force names it."""
    requests = settings["ORGANISATION"]["requests"]
    if requests.get("next") and requests["next"] in in_force.document.text:
        requests["email"] = requests["next"]


def take_versions(pages: list[Page], settings: Settings) -> list[Page]:
    """Take the statement's versions out of Pelican's list, and return them, the newest first."""
    home = folder(settings)
    versions = []
    for page in [page for page in pages if home in Path(page.source_path).parents]:
        pages.remove(page)
        page.effective = day_in(Path(page.source_path).name)
        if Path(page.source_path) == home / f"{page.effective}.md":
            versions.append(page)
            page.sha256 = sha256(page.document.text.encode()).hexdigest()  # the same with any line ends
            page.template = "statement"
            page.override_url = f"{statement_address(settings)}{page.effective}/"
    return sorted(versions, key=lambda page: page.effective, reverse=True)


def version_in_force(published: list[Page], drafts: list[Page], settings: Settings) -> Page:
    """Return the newest version that has taken effect; where none has, the oldest stands in."""
    for version in published:
        if version.effective <= settings["SITE_DATE"]:
            return version
    if not (others := published or drafts):
        refuse([(shown(folder(settings), settings), 1, none_in_force(settings))])
    return others[-1]


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
