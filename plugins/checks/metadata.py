"""The labelled lines at the top of a page: those that it needs, no others, each with a value that works."""

import re
from collections.abc import Callable, Iterator
from datetime import date
from difflib import get_close_matches
from pathlib import Path

from pelican.settings import Settings

from plugins.checks.markup import Found
from plugins.checks.site import Site
from plugins.checks.source import Label, Source
from plugins.mistakes import Mistake, suggestion

EXAMPLES = {
    "title": "Asset Register",
    "description": "What the page is about, in one sentence.",
    "date": "2027-01-31",
    "modified": "2027-01-31",
    "status": "draft",
    "summary": "What the product is for.",
    "topic": "asset-register",
    "order": "5",
    "save_as": "404.html",
    "url": "404.html",
}
EVERYWHERE = {"title", "description", "lead", "modified", "status", "template", "drawing"}
ALLOWED = {  # by the folder in content/; plugins/notice_file.py knows the labels of notices
    "news": EVERYWHERE | {"date", "summary"},
    "pages": EVERYWHERE | {"summary", "topic", "order", "save_as", "url"},
    "privacy": {"title", "description", "lead", "modified", "status", "decisions"},
}
NEEDED = ["title", "description"]
NEEDED_OF_ARTICLES = ["date"]
NEEDED_OF_PRODUCTS = ["summary", "topic", "order"]
CHOICES = {"template": "templates/*.html", "drawing": "templates/illustrations/*.svg"}  # in the theme
NOT_FOR_EDITORS = {"article", "base", "changes", "notice", "statement", "wordmark"}
LONGEST = {"title": 65, "description": 160}  # lists of search results cut off what is longer


def is_day(text: str) -> bool:
    """Tell whether this is a day of the calendar, written like 2027-01-31."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


VALUES: dict[str, tuple[Callable[[str], object], str]] = {
    "date": (is_day, "date"),
    "modified": (is_day, "date"),
    "order": (str.isdecimal, "whole number"),
    "status": (re.compile("draft|published", re.IGNORECASE).fullmatch, "status"),
    "save_as": (re.compile(r"(?:[\w-]+/)*[\w-]+\.html").fullmatch, "file for a page"),
    "url": (re.compile(r"(?:[\w-]+/)*(?:[\w-]+\.html)?").fullmatch, "address for a page"),
}


def check(site: Site) -> Iterator[Mistake]:
    """Find what is wrong with labels."""
    for content in site.contents:
        source = content.source
        found = [] if source.folder == "notices" else wrong_labels(source, site.settings)
        for line, sentences in [*too_long(source, site.settings), *found]:
            yield source.path, line, sentences
    for name in LONGEST:
        yield from used_twice(name, site)


def wrong_labels(source: Source, settings: Settings) -> Iterator[Found]:
    """Find labels that are unknown, there twice, wrong or missing."""
    seen: dict[str, int] = {}
    if source.unlabelled:
        cure = 'Where the text begins, put an empty line above it; else begin with a label, like "Title:".'
        yield source.unlabelled, f"This line has no label. {cure}"
    for label in source.labels:
        if (first := seen.setdefault(label.name, label.line)) != label.line:
            yield label.line, f'"{label.name.capitalize()}" stands in line {first} too. Keep one of them.'
        elif sentences := wrong(label, source.folder, settings):
            yield label.line, sentences
    needed = [*NEEDED, *(NEEDED_OF_ARTICLES if source.folder == "news" else [])]
    for name in [*needed, *(NEEDED_OF_PRODUCTS if source.value("template") == "product" else [])]:
        if not source.value(name) and not get_close_matches(name, seen.keys() - {name}):
            example = f'"{name.capitalize()}: {EXAMPLES[name]}"'
            yield source.line(name), f"The {name} is missing. Write one at the top, like {example}."


def wrong(label: Label, folder: str, settings: Settings) -> str:
    """Return what is wrong with a label, or nothing."""
    name, value = label.name, label.value
    if folder in ALLOWED and name not in ALLOWED[folder]:
        known = [name.capitalize() for name in sorted(ALLOWED[folder])]
        cure = suggestion(name.capitalize(), known, f"Take the line out, or use one of {', '.join(known)}.")
        return f'"{name.capitalize()}" is no label here. {cure}'
    if name in (*CHOICES, "topic") and value not in (known := choices(name, settings)):
        cure = suggestion(value, known, f"Use one of {', '.join(known)}.")
        return f'There is no {name} "{value}". {cure}'
    works, wanted = VALUES.get(name, (str, ""))
    if value and not works(value):
        return f'"{value}" is no {wanted}. Write it like "{name.capitalize()}: {EXAMPLES[name]}".'
    return ""


def choices(name: str, settings: Settings) -> list[str]:
    """Return the values that a label can have."""
    if name == "topic":
        return list(settings["ORGANISATION"]["enquiry"]["topics"])
    names = {path.stem for path in Path(settings["THEME"]).glob(CHOICES[name])}
    return sorted(names - NOT_FOR_EDITORS)


def too_long(source: Source, settings: Settings) -> Iterator[Found]:
    """Find titles and descriptions that would be cut off."""
    with_each_title = len(f" - {settings['SITENAME']}")
    for name, longest in LONGEST.items():
        most = longest - with_each_title if name == "title" else longest
        if (length := len(source.value(name))) > most:
            yield (
                source.line(name),
                f"The {name} has {length} characters, and search engines show about {most}. Shorten it.",
            )


def used_twice(name: str, site: Site) -> Iterator[Mistake]:
    """Find what another page has too; the versions of the statement, and new pages, share theirs."""
    in_force = site.context["STATEMENT"].source.path
    seen: dict[str, str] = {}
    for source in (content.source for content in site.contents):
        text = source.value(name)
        shared = text.startswith("[Your ") or (source.folder == "privacy" and source.path != in_force)
        if text and not shared and (other := seen.setdefault(text.casefold(), source.path)) != source.path:
            yield source.path, source.line(name), f"{other} has the same {name}. Give each page its own."
