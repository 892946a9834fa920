"""The labels that a file may have, by its folder, and the values that they may have."""

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path

from pelican.settings import Settings

from plugins.reading.labels import Label
from plugins.reading.mistakes import suggestion

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
ALLOWED = {
    "news": EVERYWHERE | {"date", "summary"},
    "notices": {"title"},  # of the labels that plugins/notices/notice.py reads, the one that Pelican needs
    "pages": EVERYWHERE | {"summary", "topic", "order", "save_as", "url"},
    "privacy": {"title", "description", "lead", "modified", "status", "decisions"},
}
CHOICES = {"template": "templates/*.html", "drawing": "templates/illustrations/*.svg"}  # in the theme
NOT_FOR_EDITORS = {"article", "base", "changes", "notice", "statement", "wordmark"}


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


def problem(label: Label, folder: str, settings: Settings) -> str:
    """Return what is wrong with a label, or nothing."""
    name, value = label.name, label.value
    if name not in ALLOWED[folder]:
        known = [name.capitalize() for name in sorted(ALLOWED[folder])]
        cure = suggestion(name.capitalize(), known, f"Take the line out, or use one of {', '.join(known)}.")
        return f'"{name.capitalize()}" is no label here. {cure}'
    if name in (*CHOICES, "topic") and value not in (known := choices(name, settings)):
        cure = suggestion(value, known, f"Use one of {', '.join(known)}.")
        return f'There is no {name} "{value}". {cure}'
    is_valid, wanted = VALUES.get(name, (str, ""))
    if value and not is_valid(value):
        return f'"{value}" is no {wanted}. Write it like "{name.capitalize()}: {EXAMPLES[name]}".'
    return ""


def choices(name: str, settings: Settings) -> list[str]:
    """Return the values that a label can have."""
    if name == "topic":
        return list(settings["ORGANISATION"]["enquiry"]["topics"])
    names = {path.stem for path in Path(settings["THEME"]).glob(CHOICES[name])}
    return sorted(names - NOT_FOR_EDITORS)
