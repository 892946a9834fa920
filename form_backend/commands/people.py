"""The list of people to write to: a CSV file as spreadsheets write them."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import click

from form_backend import addresses
from form_backend.forms.invisible import on_one_line, without_unseen

DELIMITERS = ",;\t"  # a spreadsheet that is set to South Africa writes semicolons
EMAIL_COLUMNS = {"email", "emailaddress"}
NAME_COLUMNS = {"name", "fullname", "nameandsurname"}
LONGEST_NAME = 200  # characters
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # how a cell begins that a spreadsheet runs
REASONS = {  # why a row is skipped: as the list of those left over names it, and in words
    "no-address": "it holds no e-mail address that we can write to",
    "too-many-cells": "it has more columns than the first line names",
    "name-too-long": f"its name has more than {LONGEST_NAME} characters",
}


@dataclass(frozen=True)
class Person:
    """Someone to write to."""

    email: str
    name: str


@dataclass
class People:
    """The people of a list, each once, and what else its rows hold."""

    people: list[Person] = field(default_factory=list)
    skipped: list[tuple[int, Person, str]] = field(default_factory=list)  # line, cells as given, reason
    duplicates: int = 0

    @property
    def rows(self) -> int:
        """Return how many rows were not blank."""
        return len(self.people) + len(self.skipped) + self.duplicates


def read_people(text: str) -> People:
    """Return the people in a CSV text; raises ClickException where it cannot be read as a whole."""
    reader = csv.reader(io.StringIO(text), delimiter=_delimiter(text), strict=True)
    rows = ((reader.line_num, [_unquoted(cell.strip()) for cell in row]) for row in reader)
    try:
        filled = ((line, row) for line, row in rows if "".join(row).strip(DELIMITERS) and not _is_hint(row))
        header = next(filled, (0, []))[1]
        return _sort(filled, *_columns(header), len(header))
    except csv.Error as error:
        raise click.ClickException(
            f"after line {reader.line_num}: the CSV cannot be read: {error}. Correct it there."
        ) from None


def _is_hint(row: list[str]) -> bool:
    """Tell whether a row is the line that tells a spreadsheet which delimiter follows."""
    return row[0].casefold().startswith("sep=") and not any(row[1:])


def _delimiter(text: str) -> str:
    """Return the delimiter with which a line at the top names a column of addresses."""
    for line in text.split("\n")[:20]:
        for delimiter in DELIMITERS:
            if EMAIL_COLUMNS.intersection(map(_plain, next(csv.reader([line], delimiter=delimiter), []))):
                return delimiter
    return ","


def _plain(column: str) -> str:
    """Return the letters of a column's name, so that E-mail and email are the same."""
    return re.sub(r"[\W_]", "", column).casefold()


def _columns(header: list[str]) -> tuple[int, int | None]:
    """Return where the addresses stand and, where there are any, the names."""
    plain = [_plain(column) for column in header]
    emails = [at for at, column in enumerate(plain) if column in EMAIL_COLUMNS]
    names = [at for at, column in enumerate(plain) if column in NAME_COLUMNS]
    if not header:
        raise click.ClickException("the list is empty. Did you write into the file that you read?")
    if not emails:
        found = ", ".join(header)[:200]
        raise click.ClickException(f"the first line of the CSV must name a column email. It names: {found}")
    return emails[0], names[0] if names else None


def _sort(rows: Iterator[tuple[int, list[str]]], email_at: int, name_at: int | None, width: int) -> People:
    """Go through the rows, and tell people from duplicates and from rows that cannot be used."""
    found, seen = People(), set[str]()
    for line, row in rows:
        cells = dict(enumerate(row))
        given = Person(cells.get(email_at, ""), cells.get(name_at, "") if name_at is not None else "")
        try:
            person = _person(given, too_many_cells=any(row[width:]))
        except ValueError as reason:
            found.skipped.append((line, given, str(reason)))
            continue
        if person.email.casefold() in seen:
            found.duplicates += 1
        else:
            seen.add(person.email.casefold())
            found.people.append(person)
    return found


def _person(given: Person, *, too_many_cells: bool) -> Person:
    """Return the person as we can write to them; the ValueError's text is one of REASONS."""
    if too_many_cells:
        raise ValueError("too-many-cells")
    if len(given.name) > LONGEST_NAME:
        raise ValueError("name-too-long")
    try:
        email = addresses.deliverable(without_unseen(given.email[:1000]).strip())
    except ValueError:
        raise ValueError("no-address") from None
    return Person(email, without_unseen(on_one_line(given.name)).strip())


def write_left_over(rows: list[tuple[Person, str]]) -> str:
    """Return a CSV of people and outcomes that a spreadsheet shows as text, and that can be read in again."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["email", "name", "outcome"])
    writer.writerows((_as_text(person.email), _as_text(person.name), outcome) for person, outcome in rows)
    return table.getvalue()


def _as_text(cell: str) -> str:
    """Keep a spreadsheet from running a cell as a formula."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def _unquoted(cell: str) -> str:
    """Take back what `_as_text` did."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA) else cell
