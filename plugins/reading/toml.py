"""TOML files in content/: the facts of the organisation, and the record of what was published."""

import re
import tomllib
from pathlib import Path
from typing import Any

from plugins.reading.document import read_text
from plugins.reading.mistakes import NOT_UTF8


def read_toml(path: Path) -> dict[str, Any]:
    """Return the data of a TOML file; a syntax error ends the build with its line and the cure."""
    try:
        return tomllib.loads(read_text(path))
    except UnicodeDecodeError:
        raise SystemExit(f"content/{path.name}:1: {NOT_UTF8}") from None
    except tomllib.TOMLDecodeError as error:
        what, _, where = str(error).rpartition(" (at ")
        line = re.search(r"line (\d+)", where)
        number = line[1] if line else read_text(path).rstrip("\n").count("\n") + 1
        sentences = f'This cannot be read: {what}. Write it like: name = "text".'
        raise SystemExit(f"content/{path.name}:{number}: {sentences}") from None
