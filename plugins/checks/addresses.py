"""Addresses, which are made from the names of files: fit for a link, and each file has its own."""

import re
from collections.abc import Iterator
from glob import glob

from plugins.reading.mistakes import Mistake
from plugins.reading.site import Site

FOLDERS = ("news", "notices", "pages")  # plugins/statement/versions.py looks after privacy
PLACES = (*FOLDERS, "images", "privacy")
WHERE = ", ".join(f"content/{name}/" for name in sorted(PLACES))
FILES = ("organisation.toml", "promises.toml", "published.toml", "words.txt")
NAME = re.compile(r"(?:[a-z0-9]+(?:-[a-z0-9]+)*/)*[a-z0-9]+(?:-[a-z0-9]+)*\.md")


def check(site: Site) -> Iterator[Mistake]:
    """Find files whose name makes no good address, or the address of another."""
    for folder in FOLDERS:
        names = glob("**/[!.]*[!~]", root_dir=site.folder / folder, recursive=True)  # noqa: PTH207 - far faster
        for name in sorted(names):
            if not NAME.fullmatch(name) and (site.folder / folder / name).is_file():
                cure = "Name the file in small letters, digits and hyphens, ending in .md."
                yield f"content/{folder}/{name}", 1, f"This name makes no address. {cure}"
    yield from out_of_place(site)
    yield from claimed_twice(site)


def out_of_place(site: Site) -> Iterator[Mistake]:
    """Find files that lie where nothing is read, like an article beside its folder."""
    for path in sorted(site.folder.glob("[!.]*[!~]")):
        if path.is_dir() and path.name not in PLACES:
            yield (
                f"content/{path.name}",
                1,
                f"This folder is not read. Move what is in it into one of {WHERE}.",
            )
        elif path.is_file() and path.name not in FILES:
            yield f"content/{path.name}", 1, f"This file is not read here. Move it into one of {WHERE}."


def fit_for_address(path: str) -> bool:
    """Tell whether an address can be made from the name of a file, like content/news/a.md."""
    return bool(NAME.fullmatch(path.split("/", 2)[2]))


def claimed_twice(site: Site) -> Iterator[Mistake]:
    """Find files with the same address, and leave only one of them to Pelican, which would end the build."""
    claimed: dict[str, str] = {}
    for contents in (site.context["articles"], site.context["pages"], site.context["drafts"]):
        for content in sorted(contents, key=lambda content: str(content.document.path), reverse=True):
            path = content.document.path
            if (other := claimed.setdefault(content.url, path)) != path:
                contents.remove(content)
                cure = "Rename this file, or take it away."
                yield path, 1, f"{other} has the address /{content.url} too. {cure}"
