"""The command that e-mails a security-breach notice to the people concerned, each of them alone."""

import csv
import hmac
import signal
import smtplib
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from itertools import chain
from time import monotonic, sleep
from typing import Any, TextIO

import click
from email_validator import EmailNotValidError, validate_email
from flask import render_template
from flask.cli import with_appcontext

from form_backend.connection import Connection
from form_backend.messages import begin
from form_backend.relay import Outcome, outcome_of
from form_backend.settings import Settings
from form_backend.views import Desk

BREAKING = {"Cc", "Zl", "Zp"}  # the kinds of characters that break a line or cannot be seen on it


@dataclass(frozen=True)
class Person:
    """Someone to write to."""

    email: str
    name: str


def command(desk: Desk) -> click.Command:
    """Return the command; its options come from the command line alone, never from the environment."""

    @click.command("breach-notice")
    @click.argument("notice")
    @click.argument("people", type=click.File(encoding="utf-8-sig"))
    @click.option("--send", is_flag=True, allow_from_autoenv=False, help="Send it. Without this, nothing is.")
    @click.option(
        "--rate",
        type=click.FloatRange(min=0, min_open=True),
        default=5,
        show_default=True,
        allow_from_autoenv=False,
        help="Messages per second, at most.",
    )
    @with_appcontext
    def breach_notice(notice: str, people: TextIO, *, send: bool, rate: float) -> None:
        """Show, or with --send e-mail, a NOTICE (the NAME of content/notices/NAME.md) to PEOPLE, each alone.

        PEOPLE is a CSV file in UTF-8, or - for standard input, with a column email and, if you like, one
        called name. Whoever was not reached is listed as CSV on standard output, to be fed in again. The exit
        status is 0 only when every row was good and, with --send, every person was reached.
        """
        notices = desk.site.facts.notices
        if notice not in notices:
            names = ", ".join(notices) or "none"
            raise click.ClickException(f"the built site has no notice called {notice}; it has {names}.")
        letter = Letter(notices[notice], desk)
        if send and "[Your " in str(notices[notice]):
            raise click.ClickException("something is still to be filled in; write over each [Your …] first.")
        listed, mistakes = read_people(people)
        for mistake in mistakes:
            click.echo(mistake, err=True)
        if not listed:
            raise click.ClickException("there is nobody to write to.")
        reached = deliver_all(listed, letter, desk.settings, rate) if send else show(listed, letter)
        if mistakes or not reached:
            sys.exit(1)

    return breach_notice


def read_people(stream: TextIO) -> tuple[list[Person], list[str]]:
    """Return the people, each once, and a sentence for each row that is no use."""
    try:
        header = stream.readline()
        # A spreadsheet that is set to South Africa writes semicolons.
        rows = csv.DictReader(chain([header], stream), delimiter=";" if ";" in header else ",", strict=True)
        rows.fieldnames = [column.strip().casefold() for column in rows.fieldnames or []]
        if "email" not in rows.fieldnames:
            raise click.ClickException("the first line of the CSV must name a column email.")
        people: dict[str, Person] = {}
        mistakes = []
        for row in rows:
            try:
                person = _person(row)
                people.setdefault(person.email.casefold(), person)
            except ValueError as error:
                mistakes.append(f"line {rows.line_num}: skipped, since {error}")
    except UnicodeDecodeError:
        raise click.ClickException("the CSV is not in UTF-8; save it as “CSV UTF-8”.") from None
    except csv.Error as error:
        raise click.ClickException(f"after line {rows.line_num}: the CSV cannot be read: {error}.") from None
    return list(people.values()), mistakes


def _person(row: dict[str | None, str | list[str] | None]) -> Person:
    if None in row:
        raise ValueError("it has more columns than the first line names.")
    email, name = (str(row.get(column) or "").strip() for column in ("email", "name"))
    try:
        address = validate_email(email, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError:
        raise ValueError("it holds no e-mail address that we can write to.") from None
    if any(unicodedata.category(character) in BREAKING for character in name):
        raise ValueError("its name holds a line break or another invisible character.")
    return Person(address.ascii_email or address.normalized, name)


class Letter:
    """The notice as an e-mail."""

    def __init__(self, notice: dict[str, Any], desk: Desk) -> None:
        """Write in the name of the organisation, with the notice's address once the website has it."""
        self._notice, self._settings, self._facts = notice, desk.settings, desk.site.facts
        self._page = f"{self._facts.address}{notice['page']}" if notice["page"] else None

    def to(self, person: Person) -> EmailMessage:
        """Return the message for one person; the same notice and person make the same Message-ID."""
        settings = self._settings
        ours = Address(self._facts.organisation, addr_spec=settings.mail_from)
        body = render_template(
            "email/breach-notice.txt", notice=self._notice, name=person.name, page=self._page
        )
        key, words = f"notice {settings.secret_key}", f"{person.email}\n{body}"
        unique = hmac.digest(key.encode(), words.encode(), "sha256").hex()
        subject = f"Security-breach notice from {self._facts.organisation}: {self._notice['title']}"
        message = begin(ours, [Address(person.name, addr_spec=person.email)], subject, unique)
        message["Reply-To"] = Address(addr_spec=self._notice["contact_email"])
        message.set_content(body, cte="quoted-printable")
        return message


class Line:
    """One connection for many messages, and another where the relay ends it in between."""

    def __init__(self, settings: Settings) -> None:
        """Connect with the first message."""
        self._settings = settings
        self._connection: Connection | None = None
        self._down: Outcome | None = None

    def deliver(self, message: EmailMessage, recipient: str) -> Outcome:
        """Hand one message over; once a fresh connection has failed, try no more."""
        if self._down:
            return self._down
        fresh = self._connection is None
        try:
            self._transmit(message, recipient)
        except OSError as error:
            outcome = outcome_of(error)
            if self._goes_on(error):
                return outcome
            self.hang_up()
            if fresh:
                self._down = Outcome.UNREACHABLE if outcome is Outcome.IN_DOUBT else outcome
            elif outcome is not Outcome.IN_DOUBT:
                return self.deliver(message, recipient)
            return outcome
        return Outcome.DELIVERED

    def _transmit(self, message: EmailMessage, recipient: str) -> None:
        connection = self._connection = self._connection or self._connect()
        expires = connection.sock.expires = monotonic() + self._settings.mail_deadline
        connection.transmit(self._settings.bounces_to, [recipient], message, expires)

    def _connect(self) -> Connection:
        failure = OSError()
        for relay in self._settings.mail_relays:
            try:
                return Connection(relay, self._settings, monotonic() + self._settings.mail_deadline)
            except OSError as error:
                failure = error
        raise failure

    def _goes_on(self, error: OSError) -> bool:
        """Tell whether the relay refused this one message and takes the next."""
        refused = isinstance(error, smtplib.SMTPResponseException) and error.smtp_code not in (-1, 421)
        try:
            return refused and self._connection is not None and self._connection.rset()[0] == 250
        except OSError:
            return False

    def hang_up(self) -> None:
        """End the connection, if there is one."""
        if self._connection:
            self._connection.leave()
        self._connection = None


def show(people: Sequence[Person], letter: Letter) -> bool:
    """Show the first person's message and say how many would get theirs."""
    message = letter.to(people[0])
    for header in ("From", "To", "Reply-To", "Subject"):
        click.echo(f"{header}: {message[header]}")
    click.echo(f"\n{message.get_content()}")
    click.echo(f"Nothing was sent. With --send, {len(people):,} people get it, each alone.", err=True)
    return True


def deliver_all(people: Sequence[Person], letter: Letter, settings: Settings, rate: float) -> bool:
    """Send to each person; whatever ends it early, tell who was not reached."""
    outcomes = dict.fromkeys(people, Outcome.UNREACHABLE)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C
    line, due = Line(settings), monotonic()
    try:
        with click.progressbar(people, label="Sending", file=sys.stderr) as bar:
            for person in bar:
                sleep(max(0, due - monotonic()))
                due = max(due, monotonic()) + 1 / rate
                message = letter.to(person)
                outcomes[person] = Outcome.IN_DOUBT  # should Ctrl-C come just now
                outcomes[person] = line.deliver(message, person.email)
    finally:
        line.hang_up()
        report(outcomes)
    return all(outcome is Outcome.DELIVERED for outcome in outcomes.values())


def report(outcomes: dict[Person, Outcome]) -> None:
    """Say how many were reached, and write the others as CSV."""
    left = {person: outcome for person, outcome in outcomes.items() if outcome is not Outcome.DELIVERED}
    click.echo(f"{len(outcomes) - len(left):,} of {len(outcomes):,} people were reached.", err=True)
    if not left:
        return
    click.echo("The others are on standard output; to try again, give that CSV to this command.", err=True)
    if Outcome.IN_DOUBT in left.values():
        click.echo(f"Whoever is marked {Outcome.IN_DOUBT} there may have been reached.", err=True)
    table = csv.writer(sys.stdout, lineterminator="\n")
    table.writerow(["email", "name", "outcome"])
    table.writerows((person.email, person.name, outcome) for person, outcome in left.items())
