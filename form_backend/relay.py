"""Hand an EmailMessage to a mail relay inside one deadline, and say honestly what became of it."""

import logging
import smtplib
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from enum import StrEnum
from threading import Event, Thread
from time import monotonic

from form_backend import log
from form_backend.connection import Connection, InDoubtError
from form_backend.pool import Pool
from form_backend.settings import Settings

MOST_IN_FLIGHT = 256  # submissions that wait for the relays at once, in one process
WARM_EVERY = 30  # seconds between log-ins that no message asked for
SWEEP_EVERY = 10  # seconds


class Outcome(StrEnum):
    """What became of a message; DELIVERED only where a relay answered 250 for it."""

    DELIVERED = "delivered"
    REFUSED = "refused"  # the relay said no
    UNREACHABLE = "unreachable"  # no connection, or one that broke before the message was on its way
    SLOW = "slow"  # the deadline passed before the message was on its way
    UNTRUSTED = "untrusted"  # the relay could not prove by TLS who it is
    BUSY = "busy"  # too many messages wait for the relays, so none was asked
    IN_DOUBT = "in-doubt"  # the message was on its way and no clear answer came


@dataclass(frozen=True)
class Delivery:
    """The outcome, and what may be logged of it: an SMTP code and an exception's class, never its text."""

    outcome: Outcome
    smtp_code: int | None = None
    error: str | None = None


class Relays:
    """The relays, in the order in which they are tried, and the connections to them."""

    def __init__(self, settings: Settings) -> None:
        """Connect to none yet."""
        self._settings = settings
        self._pools = [Pool(relay, settings, MOST_IN_FLIGHT) for relay in settings.mail_relays]
        self._expected = Event()
        Thread(target=self._tend, name="relays", daemon=True).start()

    def deliver(self, message: EmailMessage, recipients: Sequence[str]) -> Delivery:
        """Try the relays in order inside the one deadline; once the message is on its way, never another."""
        expires = monotonic() + self._settings.mail_deadline

        def hand_over(connection: Connection, pool: Pool) -> dict[int, int]:
            sender = self._settings.bounces_to
            return connection.transmit(sender, recipients, message, expires, plain=pool.ailing)

        delivery = Delivery(Outcome.UNREACHABLE)
        for tried, (position, pool) in enumerate(self._in_order()):
            now = monotonic()
            share = now + (expires - now) / (len(self._pools) - tried)
            delivery = self._try(pool, share, hand_over)
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

    def expect(self) -> None:
        """Have a connection ready, since someone is typing; waits for nothing."""
        self._expected.set()

    def _in_order(self) -> list[tuple[int, Pool]]:
        """Return the relays with their positions, those last that failed a short while ago."""
        return sorted(enumerate(self._pools), key=lambda numbered: numbered[1].ailing)

    def _try(
        self, pool: Pool, expires: float, hand_over: Callable[[Connection, Pool], dict[int, int]]
    ) -> Delivery:
        waiting = pool.take(expires)
        try:
            connection = waiting or pool.connect(expires)
            try:
                refused = hand_over(connection, pool)
            except OSError:
                connection.leave()
                raise
        except OSError as error:
            outcome, code = outcome_of(error), getattr(error, "smtp_code", None)
            if waiting and (outcome is Outcome.UNREACHABLE or code == 421):
                return self._try(pool, expires, hand_over)  # it ended while it waited; another may live
            pool.failed()
            return Delivery(outcome, code, type(error).__name__)
        pool.keep(connection)
        for position, code in refused.items():
            log.event("recipient_refused", level=logging.WARNING, recipient=position, smtp_code=code)
        return Delivery(Outcome.DELIVERED, 250)

    def _tend(self) -> None:
        """Open a connection when one is expected, close those that waited too long; a thread's whole life."""
        rested = 0.0
        while True:
            expected = self._expected.wait(SWEEP_EVERY)
            for pool in self._pools:
                pool.sweep()
            if expected and monotonic() > rested:
                rested = monotonic() + WARM_EVERY
                self._warm()
            self._expected.clear()

    def _warm(self) -> None:
        position, pool = self._in_order()[0]
        try:
            pool.warm(monotonic() + self._settings.mail_deadline)
        except OSError as error:
            pool.failed()
            log.event("warm", level=logging.WARNING, relay=position, error=type(error).__name__)


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
