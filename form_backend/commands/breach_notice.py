"""The command that e-mails a security-breach notice to the people concerned, each of them alone."""

import hmac
import signal
import sys
from email import message_from_bytes, policy
from email.message import EmailMessage
from time import monotonic, sleep
from typing import TextIO

import click
from flask import render_template
from flask.cli import with_appcontext

from form_backend.commands.people import REASONS, People, Person, read_people, write_left_over
from form_backend.mail.outcomes import Delivery, Outcome
from form_backend.messages import begin, mailbox
from form_backend.site import Facts, Notice
from form_backend.submission import Services


def command(services: Services) -> click.Command:
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
        """Show, or with --send e-mail, a NOTICE of the website to PEOPLE, each of them alone.

        NOTICE is the name of a published notice: some-name for /notices/some-name/. PEOPLE is a CSV file in
        UTF-8, or - for standard input, with a column email and, if you like, one called name. Whoever is left
        over is listed as CSV on standard output: write it into a new file, and give that file to this command
        later. The exit status is 0 only when nobody is left over.
        """
        letter = Letter(find_notice(notice, services.site.facts), services)
        listed = read_list(people)
        for line, _given, reason in listed.skipped:
            click.echo(f"line {line}: skipped, since {REASONS[reason]}.", err=True)
        if not listed.people:
            raise click.ClickException("there is nobody to write to.")
        if not send:
            show(listed, letter)
            sys.exit(bool(listed.skipped))
        sys.exit(not send_to_all(listed, letter, services, rate))

    return breach_notice


def find_notice(name: str, facts: Facts) -> Notice:
    """Return the notice of this name; without one, and where it is not finished, the command ends."""
    if not (notice := facts.notices.get(name)):
        known = ", ".join(facts.notices) or "none"
        raise click.ClickException(
            f"the website has no notice {name}; it has: {known}. Publish the notice first, then name it as "
            "in its address: some-name for /notices/some-name/."
        )
    if "[Your " in notice.text + notice.title:
        raise click.ClickException("something is still to be filled in; write over each [Your …] first.")
    return notice


def read_list(stream: TextIO) -> People:
    """Return the people in a file."""
    try:
        return read_people(stream.read())
    except UnicodeDecodeError:
        raise click.ClickException("the CSV is not in UTF-8; save it as “CSV UTF-8”.") from None


class Letter:
    """The notice as an e-mail."""

    def __init__(self, notice: Notice, services: Services) -> None:
        """Write in the name of the organisation, with the notice's address where it is published."""
        self._notice, self._settings, self._facts = notice, services.settings, services.site.facts
        self._page = f"{self._facts.address}{notice.page}" if notice.page else None

    def to(self, person: Person) -> EmailMessage:
        """Return the message for one person; the same notice and person make the same Message-ID."""
        settings, facts = self._settings, self._facts
        body = render_template(
            "email/breach-notice.txt", notice=self._notice, name=person.name, page=self._page
        )
        key, content = f"notice {settings.secret_key}", f"{person.email}\n{body}"
        unique = hmac.digest(key.encode(), content.encode(), "sha256").hex()
        message = begin(
            settings.mail_from,
            facts.organisation,
            [mailbox(person.email, person.name)],
            f"Security-breach notice from {facts.organisation}: {self._notice.title}",
            unique,
        )
        message["Reply-To"] = self._notice.contact_email
        message.set_content(body, cte="quoted-printable")
        return message


def show(listed: People, letter: Letter) -> None:
    """Show the first person's message and say how many would get theirs."""
    message = message_from_bytes(letter.to(listed.people[0]).as_bytes(), policy=policy.default)
    for header in ("From", "To", "Reply-To", "Subject"):
        click.echo(f"{header}: {message[header]}")
    click.echo(f"\n{message.get_content()}")
    count = len(listed.people)
    each = "1 person gets it" if count == 1 else f"{count:,} people get it, each alone"
    click.echo(f"Nothing was sent. With --send, {each}.", err=True)


def send_to_all(listed: People, letter: Letter, services: Services, rate: float) -> bool:
    """Send to each person; whatever ends it early, say to whom nothing could be handed over."""
    outcomes = dict.fromkeys(listed.people, Outcome.UNREACHABLE)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # a broken ssh ends it as Ctrl-C does
        signal.signal(number, signal.default_int_handler)
    due, last = monotonic(), Outcome.DELIVERED
    try:
        with click.progressbar(listed.people, label="Sending", file=sys.stderr) as bar:
            for position, person in enumerate(bar):
                sleep(max(0, due - monotonic()))
                due = max(due, monotonic()) + 1 / rate
                message = letter.to(person)
                outcomes[person] = Outcome.IN_DOUBT  # should Ctrl-C come just now
                delivery = services.relays.deliver(message, [person.email])
                outcomes[person] = delivery.outcome
                if not _goes_on(delivery, last):
                    rest = Outcome.UNREACHABLE if last is Outcome.IN_DOUBT else delivery.outcome
                    outcomes |= dict.fromkeys(listed.people[position + 1 :], rest)
                    break
                last = delivery.outcome
    finally:
        report(listed, outcomes)
    return not listed.skipped and all(outcome is Outcome.DELIVERED for outcome in outcomes.values())


def _goes_on(delivery: Delivery, last: Outcome) -> bool:
    """Tell whether the next person is worth a try: the relays answered for this person alone.

    One message in doubt may be one broken connection; a second one is more than that, and each of them may
    reach its person twice.
    """
    if delivery.outcome is Outcome.IN_DOUBT:
        return last is not Outcome.IN_DOUBT
    refused_this_one = delivery.outcome is Outcome.REFUSED and delivery.connected
    return delivery.outcome is Outcome.DELIVERED or refused_this_one


def report(listed: People, outcomes: dict[Person, Outcome]) -> None:
    """Write whoever is left over as CSV, then say what became of each row of the list.

    The list comes first: the terminal that the sentences go to may be gone.
    """
    left: list[tuple[Person, str]] = [
        (person, outcome) for person, outcome in outcomes.items() if outcome is not Outcome.DELIVERED
    ]
    doubtful = sum(outcome == Outcome.IN_DOUBT for _person, outcome in left)
    counts = {
        "handed over": len(outcomes) - len(left),
        "in doubt": doubtful,
        "not handed over": len(left) - doubtful,
        "skipped": len(listed.skipped),
        "listed twice": listed.duplicates,
    }
    if rest := [*left, *((given, reason) for _line, given, reason in listed.skipped)]:
        click.echo(write_left_over(rest), nl=False)
        click.echo(
            "Whoever is left over is on standard output. Write it into a new file, correct what was skipped, "
            "and give that file to this command again.",
            err=True,
        )
    if doubtful:
        click.echo("Whoever is marked in-doubt there may have been reached.", err=True)
    told = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count or what == "handed over")
    click.echo(f"Of {listed.rows:,} rows: {told}.", err=True)
