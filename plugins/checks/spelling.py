"""Spelling: words that codespell knows as misspellings, less those in content/words.txt.

codespell comes with what `make build` needs. The production machine does without: what reaches it was checked
before, and a breach notice must not wait for a comma.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from plugins.reading.mistakes import Mistake
from plugins.reading.site import Site

WORDS = "words.txt"
WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
NOT_PROSE = re.compile(
    r"""
    ^\ {0,3}(?:(?i:drawing|save_as|template|topic|url):.* | [\w-]+:)  # labels, some with what they say
    | `[^`\n]*`  # code
    | \{:[^}\n]*\}  # attributes
    | \]\([^)\n]*\) | \S*(?:://|@)\S*  # addresses of pages and people
    | <[^>\n]*>
    """,
    re.MULTILINE | re.VERBOSE,
)

Misspelt = tuple[int, str, str]
"""A line, the word as it stands there, and what codespell would write."""


@cache
def dictionary() -> list[str]:
    """Return codespell's list in order: each misspelling, an arrow and what it may stand for."""
    package = find_spec("codespell_lib")
    folders = package and package.submodule_search_locations
    return sorted(Path(folders[0], "data/dictionary.txt").read_text("utf-8").splitlines()) if folders else []


@cache
def correction(word: str) -> str:
    """Return what codespell would write instead of a word, or nothing."""
    entry = f"{word}->"
    entries = dictionary()
    at = bisect_left(entries, entry)  # to make a dict of all of them would take far longer
    return entries[at].removeprefix(entry) if at < len(entries) and entries[at].startswith(entry) else ""


def misspelt(text: str) -> list[Misspelt]:
    """Return the words that codespell would correct."""
    text = text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    words = WORD.findall(" ".join(set(text.lower().split())))  # each once, which is most of the work
    wrong = {word: right for word in words if (right := correction(word))}
    prose = NOT_PROSE.sub("", text) if wrong else ""
    return [
        (number, word, wrong[word.lower()])
        for number, line in enumerate(prose.split("\n"), 1)
        for word in WORD.findall(line)
        if word.lower() in wrong
    ]


def words_in(path: Path) -> list[str]:
    """Return the lines of a list of words; plugins/checks/characters.py tells what cannot be read in it."""
    return path.read_text("utf-8-sig", "replace").split("\n") if path.exists() else []


def check(site: Site) -> Iterator[Mistake]:
    """Find misspelt words."""
    words = site.folder / WORDS
    right = {line.strip().lower() for line in words_in(words)}
    for document in site.documents:
        for line, word, meant in misspelt(document.text):
            if word.lower() not in right:
                yield document.path, line, sentences(word, meant)


def sentences(word: str, meant: str) -> str:
    """Say what codespell would write instead; after its last comma it may say why it is not sure."""
    words = [part.strip() for part in meant.rpartition(",")[0].split(",") if part] or [meant]
    write = '" or "'.join(words)
    return f'"{word}" looks misspelt. Write "{write}", or if it is right add it to content/{WORDS}.'
