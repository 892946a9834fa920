"""Compare the data of a TOML file in content/ with its schema, and say what is wrong in editors' words."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend

from plugins.reading.facts import FORMATS, ORGANISATION, PROMISES, PUBLISHED
from plugins.reading.mistakes import Found, suggestion

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
