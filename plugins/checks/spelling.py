"""Spelling: known misspellings, and what is one letter away from a common word, less content/words.txt.

codespell lists misspellings; pyspellchecker counts how often words occur. A word that neither knows is right
unless it is close to a common one: names and terms are many, and a false alarm keeps a page offline.

Both come with what `make build` needs. The production machine does without: what reaches it was checked
before, and a breach notice must not wait for a comma.
"""

import gzip
import json
import re
from bisect import bisect_left
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from string import ascii_lowercase

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
    | (?i:lorem\ ipsum) | \S*\N{REPLACEMENT CHARACTER}\S*  # which other checks tell
    """,
    re.MULTILINE | re.VERBOSE,
)

A_NAME = re.compile(r"(?<=[^\W_] )[A-Z]|(?<=, )[A-Z]|\w+[A-Z]")  # a capital in a sentence or in a word
SHORTEST = 5  # letters: what is shorter is close to too much
COMMON = 100  # times that pyspellchecker counted; it counted "kiloliter" 50 times, and "engineers" 7,704
FAR_MORE = 20  # times as common

Misspelt = tuple[int, str, str]
"""A line, the word as it stands there, and what may be meant by it, as codespell lists it."""


def data(package: str, name: str) -> Path | None:
    """Return a file of a package, which need not be loaded for it; nothing where the package is missing."""
    found = find_spec(package)
    folders = found and found.submodule_search_locations
    return Path(folders[0], name) if folders else None


def codespell(name: str) -> list[str]:
    """Return a list of codespell's: each misspelling, an arrow and what it may stand for."""
    file = data("codespell_lib", f"data/dictionary{name}.txt")
    return file.read_text("utf-8").splitlines() if file else []


@cache
def counts() -> dict[str, int]:
    """Return how often pyspellchecker counted each word; nothing where it is missing."""
    file = data("spellchecker", "resources/en.json.gz")
    counted: dict[str, int] = json.loads(gzip.decompress(file.read_bytes())) if file else {}
    return counted


@cache
def dictionary() -> list[str]:
    """Return the misspellings in order; a rare word, like "manger", is one if it is hardly ever meant."""

    def is_hardly_meant(entry: str) -> bool:
        word, _, meant = entry.partition("->")
        most = max(counts().get(other.strip(), 0) for other in meant.split(","))
        return len(word) >= SHORTEST and most > FAR_MORE * counts().get(word, 0)

    return sorted([*codespell(""), *filter(is_hardly_meant, codespell("_rare"))])


@cache
def british() -> set[str]:
    """Return words that are right here, and of which pyspellchecker knows the American form alone."""
    return {entry.partition("->")[0] for entry in codespell("_en-GB_to_en-US")}


@cache
def correction(word: str) -> str:
    """Return what codespell would write instead of a word, or nothing."""
    entry = f"{word}->"
    entries = dictionary()
    at = bisect_left(entries, entry)  # to make a dict of all of them would take far longer
    return entries[at].removeprefix(entry) if at < len(entries) and entries[at].startswith(entry) else ""


@cache
def close(word: str) -> str:
    """Return the common words that are one letter away from a word that is in no list, or nothing."""
    if not counts() or word in counts() or word in british() or len(word) < SHORTEST or "'" in word:
        return ""
    near = {other for other in one_letter_away(word) if counts().get(other, 0) >= COMMON}
    if word in {other.replace("z", "s") for other in near}:  # pressurised
        return ""
    likely = sorted(near, key=lambda other: (-counts()[other], other))[:3]
    return "".join(f"{other}," for other in likely)


def one_letter_away(word: str) -> Iterator[str]:
    """Yield the word with a letter left out, put in or changed, and with two that changed places."""
    for at in range(len(word) + 1):
        before, after = word[:at], word[at:]
        yield before + after[1:]
        yield before + after[1:2] + after[:1] + after[2:]
        for letter in ascii_lowercase:
            yield before + letter + after
            yield before + letter + after[1:]


def misspelt(text: str) -> list[Misspelt]:
    """Return the words that look misspelt."""
    text = text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    words = WORD.findall(" ".join(set(text.lower().split())))  # each once, which is most of the work
    doubtful = {word for word in words if correction(word) or close(word)}
    prose = NOT_PROSE.sub("", text) if doubtful else ""
    return [
        (number, found[0], meant)
        for number, line in enumerate(prose.split("\n"), 1)
        for found in WORD.finditer(line)
        if (word := found[0].lower()) in doubtful
        and (meant := correction(word) or ("" if A_NAME.match(line, found.start()) else close(word)))
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
    """Say what may be meant; after the last comma codespell may say why it is not sure."""
    words = [part.strip() for part in meant.rpartition(",")[0].split(",") if part] or [meant]
    write = '" or "'.join(words)
    return f'"{word}" looks misspelt. Write "{write}", or if it is right add it to content/{WORDS}.'
