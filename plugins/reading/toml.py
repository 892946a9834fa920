"""TOML files in content/: the facts of the organisation, and the record of what was published."""

import re
import tomllib
from pathlib import Path
from typing import Any

from plugins.reading.document import read_text, refuse_special_files
from plugins.reading.mistakes import NOT_UTF8, refuse
from plugins.reading.schema import mistakes
from plugins.reading.typed import CONFLICT_CURE, INVISIBLE, conflict_lines

UNSEEN = re.compile(rf"{INVISIBLE.pattern}|[^\S\t ]")
RETYPE = "There is an invisible character in this line. Type it again."
QUOTES = 'Write the text between two straight quotes, like: name = "text".'
SENTENCES = {  # by the beginning of the parser's own message
    r"Illegal character '\\n'": f"A quote is missing at the end of this line. {QUOTES}",
    r"Unterminated string|Expected \"'+\"|Expected '\"+'": f"A quote is missing. {QUOTES}",
    r"Found invalid character": f"A sign in the name before the = is not allowed there. {QUOTES}",
    r"Unclosed array": 'A list misses a comma, a quote or its ] above here. Write each entry like: "text",',
    r"Unclosed inline table": "A } is missing. Put it at the end of the entry.",
    r"Invalid value": f"What follows the = cannot be read. {QUOTES}",
    r"Invalid (?:statement|initial character)": f"This line has no name before an =. {QUOTES}",
    r"Expected '=' after a key": f"An = is missing after the name. {QUOTES}",
    r"Expected newline or end of document": "Something follows the value. Take it out.",
    r"Cannot (?:overwrite|mutate|define|declare)|Duplicate": "This stands in the file twice. Take one out.",
    r"Expected '\]+' at the end": "A ] is missing at the end of this heading. Write it like: [contact]",
    r"Unescaped|Invalid hex|Escaped": "A \\ is not allowed in a text. Take it out, or write \\\\ for it.",
}


def read_toml(path: Path) -> dict[str, Any]:
    """Return the data of a TOML file; mistakes in it end the build, each with its line and the cure."""
    refuse_special_files(path.parent)
    shown = f"content/{path.name}"
    try:
        text = read_text(path)
    except UnicodeDecodeError:
        refuse([(shown, 1, NOT_UTF8)])
    for number in conflict_lines(text):
        refuse([(shown, number, CONFLICT_CURE)])
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        what, _, where = str(error).rpartition(" (at ")
        line = re.search(r"line (\d+)", where)
        number = int(line[1]) if line else text.rstrip("\n").count("\n") + 1
        unseen = UNSEEN.search(text.split("\n")[number - 1])
        sentences = RETYPE if unseen else in_plain_words(what)
        refuse([(shown, number, sentences)])
    if found := sorted(set(mistakes(path.name, text, data))):
        refuse([(shown, *mistake) for mistake in found])
    return data


def in_plain_words(what: str) -> str:
    """Say what the parser found, and what to do."""
    for pattern, sentences in SENTENCES.items():
        if re.match(pattern, what):
            return sentences
    return f'This cannot be read: {what}. Write it like: name = "text".'
