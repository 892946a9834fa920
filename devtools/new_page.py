"""Begin a page: a news article, a security-breach notice, or a version of the privacy statement.

`make new-article`, `make new-notice` and `make new-statement` run this; docs/editing.md says what comes next.
What the editor has to write stands in brackets, like [Your text], and the build names each that is left.
"""

import argparse
import sys
from datetime import date, timedelta
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from devtools.names import name_of
from pelicanconf import ORGANISATION, SITE_DATE
from plugins.reading.document import read_document

TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(),
    undefined=StrictUndefined,
    keep_trailing_newline=True,
)
DECISIONS = "Decisions: [Your list: what has to be decided before this is published. Only drafts show it.]"
AHEAD = timedelta(days=30)  # between today and a new statement, for people to read it
BANNER = timedelta(days=90)

Begun = tuple[Path, str, str]
"""A new page's file, its text, and its address in preview."""


def article(title: str) -> Begun:
    """Begin a news article."""
    name = name_for(title)
    return Path(f"content/news/{name}.md"), rendered("article.md", title), f"/news-articles/{name}/"


def notice(title: str) -> Begun:
    """Begin a security-breach notice."""
    name = name_for(title)
    return Path(f"content/notices/{name}.md"), rendered("notice.md", title), f"/notices/{name}/"


def statement(given: str) -> Begun:
    """Begin a version of the privacy statement: a copy of the newest published one, as a draft."""
    day = day_to_come(given)
    versions = [read_document(path, str(path)) for path in sorted(Path("content/privacy").glob("*.md"))]
    newest = [version for version in versions if version.value("status").lower() != "draft"][-1]
    labels = "\n".join(newest.lines[: newest.head.length])
    text = f"{labels}\nStatus: draft\n{DECISIONS}\n{newest.body}"
    return Path(f"content/privacy/{day}.md"), text, f"{ORGANISATION['statement']['address']}{day}/"


KINDS = {begin.__name__: begin for begin in (article, notice, statement)}


def name_for(title: str) -> str:
    """Return the name of the file, and so its address: the title's letters and digits."""
    if name := name_of(title):
        return name
    raise SystemExit(
        'The title is missing, and the address is made from it. Give one, like TITLE="Why pipes age".'
    )


def rendered(template: str, title: str) -> str:
    """Return the text to begin with."""
    return TEMPLATES.get_template(template).render(
        title=title,
        today=SITE_DATE,
        until=SITE_DATE + BANNER,
        contact=ORGANISATION["requests"],
    )


def day_to_come(given: str) -> date:
    """Return the day that was given, or the first of a month that is far enough ahead."""
    proposal = ((SITE_DATE + AHEAD).replace(day=1) + timedelta(days=31)).replace(day=1)
    try:
        day = date.fromisoformat(given or str(proposal))
    except ValueError:
        raise SystemExit(f'"{given}" is no date. Write it like DATE={proposal}.') from None
    if day <= SITE_DATE:
        raise SystemExit(f"{day} is not ahead. Name a day to come, like DATE={proposal}.")
    return day


def asked_for(kind: str) -> str:
    """Ask on the terminal for a title: there, unlike on the command line, the shell changes no sign of it."""
    return input("Title: ") if kind != statement.__name__ and sys.stdin.isatty() else ""


def main() -> None:
    """Write the file, unless it exists already, and say what comes next."""
    parser = argparse.ArgumentParser(prog="python -m devtools.new_page", description="Begin a page.")
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("given", help="the title; of a statement, the day on which it takes effect")
    options = parser.parse_args()
    given = options.given or asked_for(options.kind)
    path, text, address = KINDS[options.kind](" ".join(given.split()))
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise SystemExit(f"{path} exists already. Edit it, or give another title or day.") from None
    print(f"Written  {path}")
    print('Next     write over each "[Your …]" in it; docs/editing.md says how it is published')
    print(f"See it   at {address} in the preview, while `make serve` runs")


if __name__ == "__main__":
    main()
