"""Addresses, which are made from the names of files: fit for a link, and each file has its own."""

import re
from collections.abc import Iterator
from glob import glob

from plugins.reading.mistakes import Mistake
from plugins.reading.site import Site

FOLDERS = ("news", "notices", "pages")  # plugins/statement/versions.py looks after privacy
NAME = re.compile(r"(?:[a-z0-9]+(?:-[a-z0-9]+)*/)*[a-z0-9]+(?:-[a-z0-9]+)*\.md")


def check(site: Site) -> Iterator[Mistake]:
    """Find files whose name makes no good address, or the address of another."""
    for folder in FOLDERS:
        names = glob("**/[!.]*[!~]", root_dir=site.folder / folder, recursive=True)  # noqa: PTH207 - far faster
        for name in sorted(names):
            if not NAME.fullmatch(name) and (site.folder / folder / name).is_file():
                cure = "Name the file in small letters, digits and hyphens, ending in .md."
                yield f"content/{folder}/{name}", 1, f"This name makes no address. {cure}"
    yield from claimed_twice(site)


def claimed_twice(site: Site) -> Iterator[Mistake]:
    """Find files with the same address, and leave only one of them to Pelican, which would end the build."""
    claimed: dict[str, str] = {}
    for contents in (site.context["articles"], site.context["pages"]):
        for content in sorted(contents, key=lambda content: str(content.document.path), reverse=True):
            path = content.document.path
            if (other := claimed.setdefault(content.save_as, path)) != path:
                contents.remove(content)
                cure = "Rename this file, or take it away."
                yield path, 1, f"{other} has the address /{content.url} too. {cure}"
