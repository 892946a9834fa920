"""Text files in UTF-8, the only encoding that is read."""

from collections.abc import Iterator

from plugins.reading.mistakes import NOT_UTF8, Mistake, shown
from plugins.reading.site import Site


def check(site: Site) -> Iterator[Mistake]:
    """Find files in another encoding; each is left out of the site."""
    for path in site.folder.rglob("[!.]*.md"):
        source = path.read_bytes()
        try:
            source.decode()
        except UnicodeDecodeError as error:
            yield shown(path, site.settings), source.count(b"\n", 0, error.start) + 1, NOT_UTF8
