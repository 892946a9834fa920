"""Hand an EmailMessage to a mail relay inside one deadline, and say honestly what became of it."""

import logging
import re
import smtplib
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from enum import StrEnum
from time import monotonic

from form_backend import log
from form_backend.deadline import Timed, connect, secure
from form_backend.settings import Relay, Settings


class Outcome(StrEnum):
    """What became of a message; DELIVERED only where a relay answered 250 for it."""

    DELIVERED = "delivered"
    REFUSED = "refused"  # the relay said no
    UNREACHABLE = "unreachable"  # no connection, or one that broke before the message was on its way
    SLOW = "slow"  # the deadline passed before the message was on its way
    UNTRUSTED = "untrusted"  # the relay could not prove by TLS who it is
    IN_DOUBT = "in-doubt"  # the message was on its way and no clear answer came


@dataclass(frozen=True)
class Delivery:
    """The outcome, and what may be logged of it: an SMTP code and an exception's class, never its text."""

    outcome: Outcome
    smtp_code: int | None = None
    error: str | None = None


class InDoubtError(smtplib.SMTPException):
    """The message was on its way, and no clear answer came back."""


class Connection(smtplib.SMTP):
    """The standard library's SMTP with one deadline for all of it, and TLS that is always verified."""

    sock: Timed

    def __init__(self, relay: Relay, settings: Settings, expires: float) -> None:
        """Connect, secure and log in; raises OSError, which smtplib's exceptions are."""
        self._relay, self._context, self._expires = relay, settings.mail_tls, expires
        our_domain = settings.mail_from.rpartition("@")[2]
        super().__init__(relay.host, relay.port, local_hostname=our_domain)
        try:
            self.ehlo_or_helo_if_needed()
            if relay.security == "starttls":
                self._start_tls()
            if relay.user:
                self.login(relay.user, settings.mail_password or "")
        except OSError:
            self.close()
            raise
        except ValueError as error:  # a challenge that is no base64
            self.close()
            raise smtplib.SMTPException from error

    def _get_socket(self, host: str, port: int, timeout: float) -> Timed:  # noqa: ARG002 - smtplib's own
        connection = connect(host, port, self._expires)
        if self._relay.security == "tls":
            return secure(connection, self._context, host)
        return connection

    def _start_tls(self) -> None:
        if not self.has_extn("starttls"):
            raise ssl.SSLError("the relay offers no STARTTLS")
        code, reply = self.docmd("STARTTLS")
        if code != 220:
            raise smtplib.SMTPResponseException(code, reply)
        # Not smtplib's starttls(): its handshake may take as long again as the answer before it.
        self.sock = secure(self.sock, self._context, self._relay.host)
        self.file = self.ehlo_resp = None  # what came in clear counts no more
        self.ehlo_or_helo_if_needed()

    def transmit(self, sender: str, recipients: Sequence[str], message: EmailMessage, expires: float) -> None:
        """Hand the message over; returns once the relay has answered 250 for at least one recipient.

        Once it is on its way no other relay is tried, so the answer has until `expires`.
        """
        content, options = self._content(message)
        code, reply = self.mail(sender, options)
        if code != 250:
            raise smtplib.SMTPSenderRefused(code, reply, sender)
        self._name(recipients)
        code, reply = self.docmd("DATA")
        if code != 354:
            raise smtplib.SMTPDataError(code, reply)
        self.sock.expires = expires
        try:
            self.send(re.sub(rb"(?m)^\.", b"..", content) + b".\r\n")
            code, reply = self.getreply()
        except OSError as error:
            raise InDoubtError from error
        if 400 <= code < 600:
            raise smtplib.SMTPDataError(code, reply)
        if code != 250:
            raise InDoubtError

    def _content(self, message: EmailMessage) -> tuple[bytes, list[str]]:
        if str(message["Reply-To"]).isascii():
            return message.as_bytes(policy=policy.SMTP), []
        if self.has_extn("smtputf8"):
            return message.as_bytes(policy=policy.SMTPUTF8), ["SMTPUTF8", "BODY=8BITMIME"]
        without = copy(message)
        del without["Reply-To"]  # its address stands in the text as well
        return without.as_bytes(policy=policy.SMTP), []

    def _name(self, recipients: Sequence[str]) -> None:
        replies = [self.rcpt(recipient) for recipient in recipients]
        refused = {position: reply for position, reply in enumerate(replies) if reply[0] not in (250, 251)}
        if len(refused) == len(recipients):
            raise smtplib.SMTPResponseException(*refused[0])
        for position, (code, _reply) in refused.items():
            log.event("recipient_refused", level=logging.WARNING, recipient=position, smtp_code=code)

    def leave(self) -> None:
        """Say goodbye without waiting for the answer: the person waits for nothing more."""
        with suppress(OSError):
            self.putcmd("QUIT")
        self.close()


def deliver(message: EmailMessage, recipients: Sequence[str], settings: Settings) -> Delivery:
    """Try the relays in order inside the one deadline; once the message is on its way, never another."""
    expires = monotonic() + settings.mail_deadline

    def hand_over(connection: Connection) -> None:
        connection.transmit(settings.bounces_to, recipients, message, expires)

    delivery = Delivery(Outcome.UNREACHABLE)
    for position, relay in enumerate(settings.mail_relays):
        relays_left = len(settings.mail_relays) - position
        now = monotonic()
        share = now + (expires - now) / relays_left
        delivery = _try(relay, settings, share, hand_over)
        log.event(
            "relay",
            relay=position,
            outcome=delivery.outcome,
            smtp_code=delivery.smtp_code,
            error=delivery.error,
        )
        if delivery.outcome in (Outcome.DELIVERED, Outcome.IN_DOUBT):
            break
    return delivery


def _try(
    relay: Relay, settings: Settings, expires: float, hand_over: Callable[[Connection], None]
) -> Delivery:
    try:
        connection = Connection(relay, settings, expires)
        try:
            hand_over(connection)
        finally:
            connection.leave()
    except OSError as error:
        code = getattr(error, "smtp_code", None)
        return Delivery(outcome_of(error), code, type(error).__name__)
    return Delivery(Outcome.DELIVERED, 250)


def outcome_of(error: OSError) -> Outcome:
    """Return what became of a message whose handing over raised this."""
    match error:
        case InDoubtError():
            return Outcome.IN_DOUBT
        case smtplib.SMTPResponseException(smtp_code=code) if code > 0:
            return Outcome.REFUSED
        case TimeoutError() | smtplib.SMTPServerDisconnected(__context__=TimeoutError()):
            return Outcome.SLOW
        case ssl.SSLEOFError():
            return Outcome.UNREACHABLE
        case ssl.SSLError():
            return Outcome.UNTRUSTED
        case _:
            return Outcome.UNREACHABLE
