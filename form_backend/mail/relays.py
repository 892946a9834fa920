"""Try the relays in order inside one deadline, and say honestly what became of the message."""

from collections.abc import Callable, Sequence
from email.message import EmailMessage
from functools import partial
from time import monotonic

import gevent
from gevent.event import Event
from gevent.lock import BoundedSemaphore

from form_backend import log
from form_backend.mail.connection import Connection
from form_backend.mail.oauth import Tokens
from form_backend.mail.outcomes import Delivery, Outcome, outcome_of
from form_backend.mail.pool import Pool
from form_backend.mail.sockets import tls_context
from form_backend.settings import Settings

Transmit = Callable[[Connection], dict[int, int]]
"""Hand one message over on a connection; return the codes of refused recipients by position."""

MOST_IN_FLIGHT = 256  # messages that wait for the relays at once, in one process
PREWARM_EVERY = 30  # seconds between two connections that no message asked for
CLOSE_EVERY = 10  # seconds between two looks for expired connections


class Relays:
    """The relays, in the order in which they are tried, and the pooled connections to them."""

    def __init__(self, settings: Settings) -> None:
        """Start the greenlet that tends the pools; it connects to no relay yet."""
        self._settings = settings
        tls = tls_context(settings)
        self._tokens = Tokens(settings.mail_oauth, settings) if settings.mail_oauth else None
        self.pools = [Pool(relay, settings, tls, self._tokens) for relay in settings.mail_relays]
        self._in_flight = BoundedSemaphore(MOST_IN_FLIGHT)
        self._prewarm_wanted = Event()
        gevent.spawn(self._tend_pools)

    def deliver(self, message: EmailMessage, recipients: Sequence[str]) -> Delivery:
        """Hand the message to the first relay that takes it, within the deadline, unless too many wait."""
        if not self._in_flight.acquire(blocking=False):
            return Delivery(Outcome.BUSY)
        try:
            return self._try_each(message, recipients)
        finally:
            self._in_flight.release()

    def prewarm(self) -> None:
        """Have a connection opened in the background, since someone is typing; returns at once."""
        self._prewarm_wanted.set()

    def _try_each(self, message: EmailMessage, recipients: Sequence[str]) -> Delivery:
        """Give each relay its share of the time; once the message is on its way, never try another."""
        expires = monotonic() + self._settings.mail_deadline
        delivery = Delivery(Outcome.UNREACHABLE)
        for tried, (position, pool) in enumerate(self._in_order()):
            share = monotonic() + (expires - monotonic()) / (len(self.pools) - tried)
            transmit = partial(
                Connection.transmit,
                sender=self._settings.bounces_to,
                recipients=recipients,
                message=message,
                envelope_expires=share,
                expires=expires,
                extensions=not pool.recently_failed,
            )
            delivery = self._try(pool, share, transmit)
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

    def _in_order(self) -> list[tuple[int, Pool]]:
        """Return the relays with their positions; those that failed recently come last."""
        return sorted(enumerate(self.pools), key=lambda numbered: numbered[1].recently_failed)

    def _try(self, pool: Pool, expires: float, transmit: Transmit) -> Delivery:
        """Wait for the relay to have room for us, and use it."""
        with pool.slot(expires) as free:
            return self._use(pool, expires, transmit) if free else Delivery(Outcome.BUSY)

    def _use(self, pool: Pool, expires: float, transmit: Transmit) -> Delivery:
        """Use an idle connection, and where that one is over a new one."""
        connection = pool.take()
        try:
            if connection:
                try:
                    return self._transmit(pool, connection, transmit)
                except OSError as error:
                    if not _is_over(connection, error):
                        raise
            connection = None
            connection = pool.connect(expires)
            return self._transmit(pool, connection, transmit)
        except OSError as error:
            pool.start_cooldown()
            code = getattr(error, "smtp_code", None)
            return Delivery(outcome_of(error), code, type(error).__name__, connected=connection is not None)

    def _transmit(self, pool: Pool, connection: Connection, transmit: Transmit) -> Delivery:
        """Hand the message over on this connection, and keep the connection where that went well."""
        try:
            refused = transmit(connection)
        except BaseException as error:
            if getattr(error, "smtp_code", 0) >= 500 and connection.reset():
                pool.put(connection)  # the relay refused this message, and takes the next
            else:
                connection.leave()
            raise
        connection.has_delivered = True
        pool.put(connection)
        for position, code in refused.items():
            log.event("recipient_refused", level="warning", recipient=position, smtp_code=code)
        return Delivery(Outcome.DELIVERED, 250, connected=True)

    def _tend_pools(self) -> None:
        """Open a connection when one is wanted and close expired ones, for as long as the process lives."""
        prewarmed = 0.0
        while True:
            wanted = self._prewarm_wanted.wait(CLOSE_EVERY)
            for pool in self.pools:
                pool.close_expired()
            if self._tokens:
                self._tokens.tend(wanted=wanted)
            if wanted and monotonic() > prewarmed + PREWARM_EVERY:
                prewarmed = monotonic()
                self._prewarm_first()
            self._prewarm_wanted.clear()

    def _prewarm_first(self) -> None:
        position, pool = self._in_order()[0]
        try:
            pool.prewarm(monotonic() + self._settings.mail_deadline)
        except OSError as error:
            pool.start_cooldown()
            log.event("warm", level="warning", relay=position, error=type(error).__name__)


def _is_over(connection: Connection, error: OSError) -> bool:
    """Tell whether this pooled connection, rather than the relay, was what failed.

    A relay hangs up when it likes, and some take only so many messages over one connection, then answer 4xx.
    """
    code = getattr(error, "smtp_code", 0)
    enough = connection.has_delivered and 400 <= code < 500
    return enough or code == 421 or outcome_of(error) is Outcome.UNREACHABLE
