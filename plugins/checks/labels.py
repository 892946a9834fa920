"""The labelled lines at the top of a page: those that it needs, no others, each with a valid value."""

from collections.abc import Iterator
from datetime import date
from difflib import get_close_matches

from pelican.settings import Settings

from plugins.reading.document import Document
from plugins.reading.metadata import EXAMPLES, is_day, problem
from plugins.reading.mistakes import Found, Mistake
from plugins.reading.site import Site

NEEDED = ["title", "description"]
NEEDED_OF_ARTICLES = ["date"]
NEEDED_OF_PRODUCTS = ["summary", "topic", "order"]
FIRST_YEAR = 2000
YEARS_AHEAD = 3
LONGEST = {"title": 65, "description": 160}  # lists of search results cut off what is longer


def check(site: Site) -> Iterator[Mistake]:
    """Find what is wrong with labels; plugins/notices/notice.py looks after those of notices."""
    for document in (content.document for content in site.contents):
        found = [] if document.folder == "notices" else wrong_labels(document, site.settings)
        dates = odd_dates(document, site.settings["SITE_DATE"])
        for line, sentences in [*too_long(document, site.settings), *found, *dates]:
            yield document.path, line, sentences
    for name in LONGEST:
        yield from used_twice(name, site)


def wrong_labels(document: Document, settings: Settings) -> Iterator[Found]:
    """Find labels that are unknown, there twice, wrong or missing."""
    seen: dict[str, int] = {}
    for line in document.head.unlabelled[:1]:
        cure = 'Where the text begins, put an empty line above it; else begin with a label, like "Title:".'
        yield line, f"This line has no label. {cure}"
    for label in document.head.labels:
        if (first := seen.setdefault(label.name, label.line)) != label.line:
            yield label.line, f'"{label.name.capitalize()}" stands in line {first} too. Keep one of them.'
        elif sentences := problem(label, document.folder, settings):
            yield label.line, sentences
    needed = [*NEEDED, *(NEEDED_OF_ARTICLES if document.folder == "news" else [])]
    for name in [*needed, *(NEEDED_OF_PRODUCTS if document.value("template") == "product" else [])]:
        if not document.value(name) and not get_close_matches(name, seen.keys() - {name}):
            example = f'"{name.capitalize()}: {EXAMPLES[name]}"'
            yield document.line(name), f"The {name} is missing. Write one at the top, like {example}."


def odd_dates(document: Document, today: date) -> Iterator[Found]:
    """Find dates long ago or far ahead, and changes before the first day or after today."""
    days = {name: day_in(document, name) for name in ("date", "modified")}
    for name, day in days.items():
        if day and day.year not in range(FIRST_YEAR, today.year + YEARS_AHEAD + 1):
            yield document.line(name), f"The year {day.year} is hardly meant. Correct the {name}."
    first, changed = days["date"], days["modified"]
    if first and changed and changed < first:
        yield document.line("modified"), 'A page is changed after its "Date". Correct one of the two dates.'
    elif changed and changed > max(today, first or today):
        yield document.line("modified"), '"Modified" is to come. Write the day of the change.'


def day_in(document: Document, name: str) -> date | None:
    """Return the day that a label names, if it names one."""
    return date.fromisoformat(document.value(name)) if is_day(document.value(name)) else None


def too_long(document: Document, settings: Settings) -> Iterator[Found]:
    """Find titles and descriptions that would be cut off."""
    site_name = len(f" - {settings['SITENAME']}")  # follows each title
    for name, longest in LONGEST.items():
        most = longest - site_name if name == "title" else longest
        if (length := len(document.value(name))) > most:
            yield (
                document.line(name),
                f"The {name} has {length} characters, and search engines show about {most}. Shorten it.",
            )


def used_twice(name: str, site: Site) -> Iterator[Mistake]:
    """Find what another page has too; versions of the statement and new pages may share theirs."""
    in_force = site.context["STATEMENT"].document.path
    seen: dict[str, str] = {}
    for document in (content.document for content in site.contents):
        text, path = document.value(name), document.path
        shared = text.startswith("[Your ") or (document.folder == "privacy" and path != in_force)
        if text and not shared and (other := seen.setdefault(text.casefold(), path)) != path:
            yield path, document.line(name), f"{other} has the same {name}. Give each page its own."
