"""The command that checks whether mail would get through, and says what to do where it would not."""

import secrets
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from email.message import EmailMessage
from ssl import cert_time_to_seconds
from time import monotonic

import click
from flask import render_template
from flask.cli import with_appcontext
from gevent import ssl

from form_backend.commands.mail_problems import explanation, quoted, refusal
from form_backend.mail.connection import Connection
from form_backend.mail.deadline import within
from form_backend.mail.outcomes import InDoubtError
from form_backend.mail.pool import Pool
from form_backend.messages import begin
from form_backend.settings import Relay
from form_backend.submission import Services

PROVED = {
    "tls": "proved by TLS who it is",
    "starttls": "proved by STARTTLS who it is",
    "none": "is reached in clear text on this machine",
}


def command(services: Services) -> click.Command:
    """Return the command; its option comes from the command line alone, never from the environment."""

    @click.command("check-mail")
    @click.option(
        "--send", is_flag=True, allow_from_autoenv=False, help="Deliver one test message to all recipients."
    )
    @with_appcontext
    def check_mail(*, send: bool) -> None:
        """Connect to each relay, prove TLS and log in; the exit status is 0 only when all is well.

        It says what each relay offers and, where one fails, its own words and the setting to look at. With
        --send, each is asked about everybody who gets enquiries or requests, and one test message goes to all
        of them.
        """
        recipients = list(dict.fromkeys(services.settings.enquiries_to + services.settings.requests_to))
        wrong = [
            problem
            for pool in services.relays.pools
            for problem in check(pool, recipients if send else [], services)
        ]
        if send:
            message = services.for_staff(test_message(recipients, services), recipients)
            wrong += deliver(message, recipients, services)
        for line in [*warnings(services), *wrong]:
            click.echo(line, err=True)
        if wrong:
            sys.exit(1)

    return check_mail


def warnings(services: Services) -> list[str]:
    """Return a sentence for each certificate that expires soon; mail still gets through until then."""
    soon = services.encryption.expiring() if services.encryption else {}
    return [
        f"The last certificate for {address} in FLASK_MAIL_CERTIFICATES expires on {end:%Y-%m-%d}: add its "
        "successor there, and restart."
        for address, end in soon.items()
    ]


def check(pool: Pool, recipients: list[str], services: Services) -> list[str]:
    """Say hello to a relay, and name recipients to it; return a sentence for each thing that is wrong."""
    relay, expires = pool.relay, monotonic() + services.settings.mail_deadline
    try:
        connection = pool.connect(expires)
        try:
            described = list(description(connection))
            with within(expires):
                refused = refusals(connection, recipients, services) if recipients else []
        finally:
            connection.leave()
    except OSError as error:
        return [f"{name(relay)} {explanation(error, by_token=services.settings.mail_oauth is not None)}"]
    if not refused:
        click.echo(f"{name(relay)} {PROVED[relay.security]}{' and took our login' if relay.user else ''}.")
    for line in described:
        click.echo(f"    {line}")
    return [f"{name(relay)} {problem}" for problem in refused]


def name(relay: Relay) -> str:
    """Return what a relay is called in each sentence about it."""
    return f"{relay.host}:{relay.port}"


def description(connection: Connection) -> Iterable[str]:
    """Say at which address, with which certificate and with what on offer the relay answered."""
    passed = f"; no answer at {', '.join(connection.unanswered)}" if connection.unanswered else ""
    yield f"address: {connection.sock.getpeername()[0]}{passed}"
    if isinstance(connection.sock, ssl.SSLSocket) and (certificate := connection.sock.getpeercert()):
        until = datetime.fromtimestamp(cert_time_to_seconds(str(certificate["notAfter"])), UTC).date()
        names = " ".join(str(name[1]) for name in certificate.get("subjectAltName", ()))
        issuer = " ".join(str(part[0][1]) for part in certificate.get("issuer", ()))
        yield quoted(f"{connection.sock.version()}, certificate: for {names}; from {issuer}; until {until}")
    offered = connection.esmtp_features.items()
    extensions = [" ".join([keyword, *value.split()]).upper() for keyword, value in offered]
    yield quoted(f"offers: {', '.join(extensions) or 'no extensions'}")


def refusals(connection: Connection, recipients: list[str], services: Services) -> list[str]:
    """Ask whether the relay would take mail for each recipient, and send none."""
    sender = services.settings.bounces_to
    code, reply = connection.mail(sender)
    if code != 250:
        return [refusal("sender", code, reply, sender)]
    replies = {recipient: connection.rcpt(recipient) for recipient in recipients}
    return [
        refusal("recipient", code, reply, recipient)
        for recipient, (code, reply) in replies.items()
        if code not in (250, 251)
    ]


def test_message(recipients: list[str], services: Services) -> EmailMessage:
    """Return a message to all recipients, that looks like those that the forms send."""
    facts, settings = services.site.facts, services.settings
    message = begin(
        settings.mail_from,
        f"{facts.organisation} website",
        recipients,
        f"[{facts.organisation}] Test of the website's mail",
        secrets.token_hex(32),
    )
    message.set_content(render_template("email/check-mail.txt", facts=facts))
    return message


def deliver(message: EmailMessage, recipients: list[str], services: Services) -> list[str]:
    """Deliver the message through the first relay that takes it; return a sentence for each before it."""
    wrong, settings = [], services.settings
    for pool in services.relays.pools:
        expires, step = monotonic() + settings.mail_deadline, "hello"
        try:
            connection, step = pool.connect(expires), "message"
            try:
                refused = connection.transmit(settings.bounces_to, recipients, message, expires, expires)
            finally:
                connection.leave()
        except OSError as error:
            reason = explanation(error, step, by_token=settings.mail_oauth is not None)
            wrong.append(f"The test message was not delivered: {name(pool.relay)} {reason}")
            if isinstance(error, InDoubtError):
                break
        else:
            took = [recipient for at, recipient in enumerate(recipients) if at not in refused]
            click.echo(f"The test message was delivered to {', '.join(took)}, by {name(pool.relay)}.")
            break
    return wrong
