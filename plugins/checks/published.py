"""What the world relies on, kept in content/published.toml: addresses, and the statement's words."""

from collections.abc import Iterator

from pelican.contents import Content

from plugins.checks.addresses import fit_for_address
from plugins.output.sitemap import NOT_LISTED
from plugins.reading.document import read_document
from plugins.reading.mistakes import Mistake
from plugins.reading.site import Site
from plugins.reading.toml import read_toml

NAME = "published.toml"
SHOWN = f"content/{NAME}"
FOLDERS = ("news", "pages")  # a notice may be taken down ...
TEMPORARY = NOT_LISTED | {"notices"}  # ... and the list of them goes with the last


def check(site: Site) -> Iterator[Mistake]:
    """Find what was published and is gone or changed, and what is new and not on the list."""
    path = site.folder / NAME
    published = {"addresses": [], "statement": {}} | (read_toml(path) if path.exists() else {})
    record = read_document(path, SHOWN)
    for what, sentences in [*gone(published["addresses"], site), *withdrawn(published["statement"], site)]:
        yield SHOWN, record.line_with(what), sentences
    pages = site.pages | site.to_come
    for address in pages.keys() - set(published["addresses"]):
        content = pages[address]
        lasting = content.document.folder in FOLDERS and content.template not in TEMPORARY
        if lasting and fit_for_address(content.document.path):
            cure = f'To keep it for good, add this line to the addresses in {SHOWN}: "{address}",'
            yield content.document.path, 1, f"The address {address} is new. {cure}"
    for address in site.facts["redirects"].keys() & site.to_come.keys():
        cure = f"Take it out of [redirects] in {site.organisation.path}, or rename this file."
        yield site.to_come[address].document.path, 1, f"The address {address} leads elsewhere. {cure}"
    for version in site.context["STATEMENT_VERSIONS"]:
        if sentences := unlike(published["statement"].get(str(version.effective)), version, site):
            yield version.document.path, 1, sentences


def gone(addresses: list[str], site: Site) -> Iterator[tuple[str, str]]:
    """Find addresses that lead nowhere now."""
    for address in addresses:
        if address not in {**site.pages, **site.to_come, **site.facts["redirects"]}:
            entry = f'"{address}" = "/the-new-page/"'
            cure = f"Put the page back, or write {entry} under [redirects] in content/organisation.toml."
            yield f'"{address}"', f"{address} was published, and no page has this address now. {cure}"


def withdrawn(versions: dict[str, str], site: Site) -> Iterator[tuple[str, str]]:
    """Find versions of the statement that are no longer there, or drafts again."""
    there = {str(version.effective) for version in site.context["STATEMENT_VERSIONS"]}
    for day in versions.keys() - there:
        cure = f"Put content/privacy/{day}.md back, not as a draft"
        if day > str(site.settings["SITE_DATE"]):
            cure += ", or take this line out, since the version is not in force yet"
        yield day, f"The statement's version of {day} was published, and is there no more. {cure}."


def unlike(recorded: str | None, version: Content, site: Site) -> str:
    """Say how a version's file differs from the one that was published, or nothing."""
    line = f'{version.effective} = "{version.sha256}"'
    if recorded is None:
        return f"This version is not on record. Add this line at the end of {SHOWN}: {line}"
    if recorded == version.sha256:
        return ""
    if version.effective > site.settings["SITE_DATE"]:
        return f"This version was published in other words. If they are to change, write in {SHOWN}: {line}"
    new = "Take the change back, and write a new version, in a file of its own."
    return f"The version of {version.effective} has been in force, so its text may not change. {new}"
