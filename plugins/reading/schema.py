"""Compare the data of a TOML file in content/ with its schema, and say what is wrong in editors' words.

This knows the part of JSON Schema that plugins/reading/facts.py uses, and stops at any other keyword. A
library for all of JSON Schema takes longer to load than ten pages take to build.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from plugins.reading.facts import FORMATS, ORGANISATION, PROMISES, PUBLISHED, Schema
from plugins.reading.mistakes import Found, suggestion

SCHEMAS = {"organisation.toml": ORGANISATION, "promises.toml": PROMISES, "published.toml": PUBLISHED}
TYPES: dict[str, Callable[[Any], bool]] = {
    "array": lambda value: isinstance(value, list),
    "integer": lambda value: type(value) is int,  # which a boolean is not
    "number": lambda value: type(value) in (int, float) and -1e9 < value < 1e9,
    "object": lambda value: isinstance(value, dict),
    "string": lambda value: isinstance(value, str),
}
RULES: dict[str, Callable[[Any, Any], object]] = {  # of a value itself; each schema names its type first
    "type": lambda value, name: TYPES[name](value),
    "enum": lambda value, choices: value in choices,
    "format": lambda value, name: FORMATS[name](value),
    "pattern": lambda value, pattern: re.search(pattern, value),
    "minLength": lambda value, least: len(value) >= least,
    "maxLength": lambda value, most: len(value) <= most,
    "minItems": lambda value, least: len(value) >= least,
    "uniqueItems": lambda value, _: len(set(map(repr, value))) == len(value),
    "minimum": lambda value, least: value >= least,
    "maximum": lambda value, most: value <= most,
}
NOT_RULES = {  # but what it holds, and how it is told
    "items", "properties", "required", "additionalProperties", "propertyNames", "description", "examples",
}  # fmt: skip
TABLE = re.compile(r"\s*\[(\[?)\s*([\w.-]+)\s*\]")
KEY = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|([\w-]+))\s*=""")
Place = tuple[str | int, ...]


def mistakes(name: str, text: str, data: dict[str, Any]) -> Iterator[Found]:
    """Find what the file's schema does not allow."""
    lines = lines_of(text)
    for place, sentences in told(data, SCHEMAS[name], ()):
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


def told(value: Any, schema: Schema, place: Place) -> Iterator[tuple[Place, str]]:
    """Find what a schema does not allow, and say where, what is wrong and what to do."""
    if "or_empty" in schema:
        if value == "":
            return
        schema = schema["or_empty"]
    if not all(RULES[rule](value, wanted) for rule, wanted in schema.items() if rule not in NOT_RULES):
        given = json.dumps(value, ensure_ascii=False, default=str)
        cure = written(place[-1], schema)
        yield place, f"{given[:80]} is not {schema['description']}. {cure}"
    if isinstance(value, dict) and "additionalProperties" in schema:
        yield from told_of_table(value, schema, place)
    if isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            yield from told(item, schema["items"], (*place, index))


def told_of_table(table: dict[str, Any], schema: Schema, place: Place) -> Iterator[tuple[Place, str]]:
    """Find facts that are missing, unknown or wrong."""
    known, others = schema.get("properties", {}), schema["additionalProperties"]
    names = schema.get("propertyNames")
    for fact in schema.get("required", []):
        if fact not in table:
            yield place, f'The fact "{fact}" is missing. {written(fact, known[fact])}'
    for fact, value in table.items():
        if names and not re.search(names["pattern"], fact):
            yield (*place, fact), f'"{fact}" is not {names["description"]}. Change it.'
        if of_fact := known.get(fact, others):
            yield from told(value, of_fact, (*place, fact))
        else:
            cure = suggestion(fact, known, f"Take it out, or use one of {', '.join(known)}.")
            yield (*place, fact), f'"{fact}" is no fact here. {cure}'


def written(name: str | int, schema: dict[str, Any]) -> str:
    """Say how a fact, or an item of a list, is written."""
    if "examples" not in schema:
        return f"Write it under a line {f'[[{name}]]' if schema['type'] == 'array' else f'[{name}]'}."
    value = json.dumps(schema["examples"][0], ensure_ascii=False)
    key = name if re.fullmatch(r"[\w-]+", str(name), re.ASCII) else json.dumps(name)
    return f"Write it like: {value}" if isinstance(name, int) else f"Write it like: {key} = {value}"
