"""Text in UTF-8 that people can see: no other encoding, no invisible character, no conflict in git."""

import re
from collections.abc import Iterator
from pathlib import Path

from plugins.reading.document import Document, read_document
from plugins.reading.mistakes import NOT_UTF8, Found, Mistake, shown
from plugins.reading.site import Site
from plugins.reading.typed import CONFLICT_CURE, INVISIBLE, LOST, conflict_lines, line_at

OTHER_FILES = ("promises.toml", "published.toml", "words.txt")
BEFORE, AFTER = re.compile(r"\S{1,20}\s*$"), re.compile(r"\s*\S{1,20}")


def check(site: Site) -> Iterator[Mistake]:
    """Find what cannot be read; a file in another encoding is left out of the site."""
    others: list[Document] = []
    for path in [*site.folder.rglob("[!.]*.md"), *map(site.folder.joinpath, OTHER_FILES)]:
        if sentences := not_utf8(path):
            yield shown(path, site.settings), *sentences
        elif path.name in OTHER_FILES:
            others.append(read_document(path, shown(path, site.settings)))
    for document in [*site.documents, *others]:
        for line, sentence in [*invisible(document.text), *lost(document.text)]:
            yield document.path, line, sentence
        for line in conflict_lines(document.text)[:1]:
            yield document.path, line, CONFLICT_CURE


def not_utf8(path: Path) -> Found | None:
    """Say where a file is in another encoding; one that is not there is in none."""
    source = path.read_bytes() if path.is_file() else b""
    try:
        source.decode()
    except UnicodeDecodeError as error:
        return source.count(b"\n", 0, error.start) + 1, NOT_UTF8
    return None


def invisible(text: str) -> Iterator[Found]:
    """Find the first invisible character of each line, and name what stands beside it."""
    told = 0
    for found in INVISIBLE.finditer(text):
        if (number := line_at(text, found.start())) != told:
            told = number
            line_start = text.rfind("\n", 0, found.start()) + 1
            before = BEFORE.search(INVISIBLE.sub("", text[line_start : found.start()]))
            after = AFTER.match(INVISIBLE.sub("", text[found.end() :].partition("\n")[0]))
            place = where(before and before[0].strip(), after and after[0].strip())
            yield number, f"There is an invisible character (U+{ord(found[0]):04X}) {place}. Take it out."


def where(before: str | None, after: str | None) -> str:
    """Say what stands on both sides of a place in a line."""
    if before and after:
        return f'between "{before}" and "{after}"'
    if before or after:
        return f'after "{before}"' if before else f'before "{after}"'
    return "in this line"


def lost(text: str) -> Iterator[Found]:
    """Find signs that another program wrote in place of letters that it could not read."""
    for found in LOST.finditer(text):
        yield (
            line_at(text, found.start()),
            f'A letter was lost here, and shows as "{found[0]}". Type it again.',
        )
