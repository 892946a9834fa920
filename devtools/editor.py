"""Links that open a file at a line in the editor that EDITOR_URL names, like vscode://file/{path}:{line}."""

import os
import re
from pathlib import Path
from urllib.parse import quote

WANTED = re.compile(r"[a-z][a-z0-9+.-]*:(?:[^\s{}]|\{line\})*\{path\}(?:[^\s{}]|\{line\}|\{path\})*")
PLACE = re.compile(r"([^:]+):(\d+)(?=: )")


def check() -> None:
    """End with one sentence where EDITOR_URL is set and no link can be made of it."""
    given = os.environ.get("EDITOR_URL", "")
    if given and not WANTED.fullmatch(given):
        cure = "Write it with {path}, and {line} if the editor knows lines, like vscode://file/{path}:{line}"
        raise SystemExit(f'EDITOR_URL: "{given}" is no address of an editor. {cure}')


def link(path: str, line: int | str = 1) -> str:
    """Return the address that opens a file of this folder, or nothing where no editor is named."""
    whole = quote(str(Path.cwd() / path))
    return os.environ.get("EDITOR_URL", "").replace("{path}", whole).replace("{line}", str(line))


def parts(mistake: str) -> dict[str, str]:
    """Return a mistake's place, the link to it, and the sentences."""
    found = PLACE.match(mistake)
    if not found:
        return {"place": "", "link": "", "sentences": mistake}
    return {"place": found[0], "link": link(*found.groups()), "sentences": mistake[found.end() :]}


def on_terminal(mistake: str) -> str:
    """Return a mistake whose place is a link, as terminals understand it (OSC 8)."""
    place, address, sentences = parts(mistake).values()
    return f"\x1b]8;;{address}\x1b\\{place}\x1b]8;;\x1b\\{sentences}" if address else mistake
