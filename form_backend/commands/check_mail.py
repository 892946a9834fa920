"""The command that checks whether mail would get through, and says what to do where it would not."""

import secrets
import smtplib
import socket
import ssl
import sys
from time import monotonic

import click
from flask import render_template
from flask.cli import with_appcontext

from form_backend.mail.connection import Connection
from form_backend.mail.deadline import within
from form_backend.mail.outcomes import Outcome, outcome_of
from form_backend.messages import begin, mailbox
from form_backend.settings import Relay, Settings
from form_backend.submission import Services

PROVED = {
    "tls": "proved by TLS who it is",
    "starttls": "proved by STARTTLS who it is",
    "none": "is reached in clear text on this machine",
}
BY_OUTCOME = {
    Outcome.UNTRUSTED: "speaks no TLS as we expect it: use smtps:// for port 465, smtp+starttls:// for 587.",
    Outcome.SLOW: (
        "did not answer within FLASK_MAIL_DEADLINE: check firewalls and the port, and use smtps:// for port "
        "465, smtp+starttls:// for 587."
    ),
    Outcome.UNREACHABLE: (
        "cannot be reached: check the host and the port in FLASK_MAIL_RELAYS, firewalls, and the addresses "
        "that the service unit allows."
    ),
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

        With --send, one test message goes to all who get enquiries or requests.
        """
        recipients = list(dict.fromkeys(services.settings.enquiries_to + services.settings.requests_to))
        wrong = [
            problem
            for one in services.settings.mail_relays
            for problem in check(one, recipients if send else [], services)
        ]
        if send:
            wrong += deliver(recipients, services)
        for problem in wrong:
            click.echo(problem, err=True)
        if wrong:
            sys.exit(1)

    return check_mail


def check(one: Relay, recipients: list[str], services: Services) -> list[str]:
    """Say hello to a relay, and name recipients to it; return a sentence for each thing that is wrong."""
    name, settings = f"{one.host}:{one.port}", services.settings
    expires = monotonic() + settings.mail_deadline
    try:
        connection = Connection(one, settings, services.relays.tls, expires)
        try:
            with within(expires):
                refused = refusals(connection, recipients, settings) if recipients else []
        finally:
            connection.leave()
    except OSError as error:
        return [f"{name} {explanation(error)}"]
    if not refused:
        click.echo(f"{name} {PROVED[one.security]}{' and took our login' if one.user else ''}.")
    return [f"{name} {problem}" for problem in refused]


def refusals(connection: Connection, recipients: list[str], settings: Settings) -> list[str]:
    """Ask whether the relay would take mail for each recipient, and send none."""
    code, _reply = connection.mail(settings.bounces_to)
    if code != 250:
        return [f"refuses the sender {settings.bounces_to} ({code}): let it send there as FLASK_BOUNCES_TO."]
    codes = {recipient: connection.rcpt(recipient)[0] for recipient in recipients}
    return [
        f"refuses mail for {recipient} ({code}): check FLASK_ENQUIRIES_TO, FLASK_REQUESTS_TO and the mailbox."
        for recipient, code in codes.items()
        if code not in (250, 251)
    ]


def explanation(error: OSError) -> str:
    """Return what an error means, and the cure."""
    match error:
        case smtplib.SMTPAuthenticationError(smtp_code=code):
            return (
                f"refused the login ({code}): check the user in FLASK_MAIL_RELAYS, and the password in the "
                "file that FLASK_MAIL_PASSWORD_FILE names."
            )
        case smtplib.SMTPNotSupportedError():
            return "offers no login that we know: use its port for submission, 465 or 587."
        case smtplib.SMTPResponseException(smtp_code=code) if code > 0:
            return f"refused us ({code}): ask those who run it whether this machine may send through it."
        case ssl.SSLCertVerificationError(verify_message=reason):
            return (
                f"did not prove who it is ({reason}): use the host name that its certificate holds, or name "
                "its certificate authority in FLASK_MAIL_CA_FILE."
            )
        case socket.gaierror():
            return "cannot be found: check the host name in FLASK_MAIL_RELAYS, and this machine's resolver."
    return BY_OUTCOME.get(outcome_of(error), BY_OUTCOME[Outcome.UNREACHABLE])


def deliver(recipients: list[str], services: Services) -> list[str]:
    """Deliver one test message as a form would be; return a sentence where it was not."""
    facts, settings = services.site.facts, services.settings
    message = begin(
        mailbox(settings.mail_from, f"{facts.organisation} website"),
        recipients,
        f"[{facts.organisation}] Test of the website's mail",
        f"<{secrets.token_hex(32)}@{settings.mail_from.rpartition('@')[2]}>",
    )
    message.set_content(render_template("email/check-mail.txt", facts=facts))
    delivery = services.relays.deliver(message, recipients)
    if delivery.outcome is Outcome.DELIVERED:
        click.echo(f"The test message was delivered to {', '.join(recipients)}.")
        return []
    return [f"The test message was not delivered: {delivery.outcome}."]
