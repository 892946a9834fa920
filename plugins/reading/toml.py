"""TOML files in content/: the facts of the organisation, and the record of what was published."""

import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

<<<<<<< HEAD
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend

from plugins.reading.document import read_text, refuse_special_files
from plugins.reading.facts import FORMATS, ORGANISATION, PROMISES, PUBLISHED
from plugins.reading.mistakes import NOT_UTF8, Found, suggestion

TYPES = Draft202012Validator.TYPE_CHECKER.redefine_many(
    {
        "integer": lambda _, value: type(value) is int,
        "number": lambda _, value: type(value) in (int, float) and -1e9 < value < 1e9,
    }
)
Validator = extend(Draft202012Validator, type_checker=TYPES)  # type: ignore[no-untyped-call]  # the library has no types for this one
SCHEMAS = {
    "organisation.toml": Validator(ORGANISATION, format_checker=FORMATS),
    "promises.toml": Validator(PROMISES, format_checker=FORMATS),
    "published.toml": Validator(PUBLISHED, format_checker=FORMATS),
}
TABLE = re.compile(r"\s*\[(\[?)\s*([\w.-]+)\s*\]")
KEY = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|([\w-]+))\s*=""")
Place = tuple[str | int, ...]
=======
from plugins.reading.document import read_text
from plugins.reading.mistakes import NOT_UTF8
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
>>>>>>> refs/heads/editors


def read_toml(path: Path) -> dict[str, Any]:
    """Return the data of a TOML file; mistakes in it end the build, each with its line and the cure."""
    refuse_special_files(path.parent)
    try:
        text = read_text(path)
<<<<<<< HEAD
        data = tomllib.loads(text)
=======
>>>>>>> refs/heads/editors
    except UnicodeDecodeError:
        raise SystemExit(f"content/{path.name}:1: {NOT_UTF8}") from None
    for number in conflict_lines(text):
        raise SystemExit(f"content/{path.name}:{number}: {CONFLICT_CURE}")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        what, _, where = str(error).rpartition(" (at ")
        line = re.search(r"line (\d+)", where)
<<<<<<< HEAD
        number = line[1] if line else text.rstrip("\n").count("\n") + 1
        sentences = f'This cannot be read: {what}. Write it like: name = "text".'
        raise SystemExit(f"content/{path.name}:{number}: {sentences}") from None
    if found := sorted(set(mistakes(path.name, text, data))):
        raise SystemExit("\n".join(f"content/{path.name}:{line}: {sentences}" for line, sentences in found))
    return data


def mistakes(name: str, text: str, data: dict[str, Any]) -> Iterator[Found]:
    """Find what the file's schema does not allow."""
    lines = lines_of(text)
    for error in SCHEMAS[name].iter_errors(data):
        for place, sentences in told(error):
            known = next(place[:length] for length in range(len(place), -1, -1) if place[:length] in lines)
            yield lines[known], sentences


def lines_of(text: str) -> dict[Place, int]:
    """Return the line of each table, of each key, and of each item of a list that has a line of its own."""
    found: dict[Place, int] = {(): 1}
    table: Place = ()
    listed: Place = ()  # the key of the list whose items follow
    items: Counter[Place] = Counter()
    for number, line in enumerate(text.split("\n"), 1):
        if header := TABLE.match(line):
            table = tuple(header[2].split("."))
            if header[1]:  # one more entry of a list
                items[table] += 1
                table = (*table, items[table] - 1)
            found[table] = number
        elif key := KEY.match(line):
            listed = (*table, key[1] or key[2] or key[3] or "")
            found[listed] = number
        elif line.strip() and line.strip()[0] not in "#]":
            found[*listed, items[listed]] = number
            items[listed] += 1
    return found


def told(error: ValidationError) -> Iterator[tuple[Place, str]]:
    """Say what is wrong and what to do, and where."""
    place: Place = tuple(error.absolute_path)
    schema: Any = error.schema
    value: Any = error.instance
    if error.validator == "required":
        for fact in schema["required"]:
            if fact not in value:
                yield place, f'The fact "{fact}" is missing. {written(fact, schema["properties"][fact])}'
    elif error.validator == "additionalProperties":
        known = schema["properties"]
        for fact in value.keys() - known:
            cure = suggestion(fact, known, f"Take it out, or use one of {', '.join(known)}.")
            yield (*place, fact), f'"{fact}" is no fact here. {cure}'
    elif "propertyNames" in error.absolute_schema_path:
        yield (*place, value), f'"{value}" is not {schema["description"]}. Change it.'
    else:
        given = json.dumps(value, ensure_ascii=False, default=str)
        yield (
            place,
            f"{given[:80]} is not {schema['description']}. {written(place[-1] if place else '', schema)}",
        )


def written(name: str | int, schema: dict[str, Any]) -> str:
    """Say how a fact, or an item of a list, is written."""
    if "examples" not in schema:
        return f"Write it under a line {f'[[{name}]]' if schema['type'] == 'array' else f'[{name}]'}."
    value = json.dumps(schema["examples"][0], ensure_ascii=False)
    key = name if re.fullmatch(r"[\w-]+", str(name), re.ASCII) else json.dumps(name)
    return f"Write it like: {value}" if isinstance(name, int) else f"Write it like: {key} = {value}"
=======
        number = int(line[1]) if line else text.rstrip("\n").count("\n") + 1
        unseen = UNSEEN.search(text.split("\n")[number - 1])
        sentences = RETYPE if unseen else in_plain_words(what)
        raise SystemExit(f"content/{path.name}:{number}: {sentences}") from None


def in_plain_words(what: str) -> str:
    """Say what the parser found, and what to do."""
    for pattern, sentences in SENTENCES.items():
        if re.match(pattern, what):
            return sentences
    return f'This cannot be read: {what}. Write it like: name = "text".'
>>>>>>> refs/heads/editors
