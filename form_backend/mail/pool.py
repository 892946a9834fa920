"""The connection pool of one relay: idle connections, secured and logged in, for the next message."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from gevent import ssl
from gevent.event import Event

from form_backend.mail.connection import Connection
from form_backend.mail.deadline import within
from form_backend.settings import MOST_CONNECTIONS, Relay, Settings

WAITING = 0.75  # of the time there is for a message: how long it may wait for a connection
LIFETIME = 600  # seconds; a new connection then finds a relay that has moved
IDLE = 20  # seconds that a connection stays idle after a rush ...
LAST_IDLE = 270  # ... and the last one; RFC 5321 lets a relay hang up after 300
COOLDOWN = 30  # seconds after a failure in which a relay is tried last


class Slots:
    """A bound on what is in use at once; who waits for a slot gets one in turn.

    gevent's semaphores let a newcomer pass those who wait.
    """

    def __init__(self, count: int) -> None:
        """Start with all of them free."""
        self._free, self._waiting = count, deque[Event]()

    def acquire(self, expires: float) -> bool:
        """Take a slot, at this moment at the latest; tell whether there was one."""
        if self._free:
            self._free -= 1
            return True
        if (seconds := expires - monotonic()) <= 0:
            return False
        turn = Event()
        self._waiting.append(turn)
        turn.wait(seconds)
        if not turn.is_set():
            self._waiting.remove(turn)
        return turn.is_set()

    def release(self) -> None:
        """Hand a slot to whoever has waited longest."""
        if self._waiting:
            self._waiting.popleft().set()
        else:
            self._free += 1


class Pool:
    """The idle connections to one relay, and whether it failed recently.

    Greenlets take turns only where one waits, so nothing here needs a lock.
    """

    def __init__(self, relay: Relay, settings: Settings, tls: ssl.SSLContext) -> None:
        """Open no connection yet."""
        self.relay, self._settings, self._tls = relay, settings, tls
        self._slots = Slots(
            relay.connections or MOST_CONNECTIONS
        )  # connections in use; idle ones need none, and are used first
        self._idle: deque[tuple[float, Connection]] = deque()  # with the time of last use, newest last
        self._cooldown_ends = 0.0

    @contextmanager
    def slot(self, expires: float) -> Iterator[bool]:
        """Wait for the right to use a connection, and tell whether it came in time to send a message."""
        now = monotonic()
        free = self._slots.acquire(now + (expires - now) * WAITING)
        try:
            yield free
        finally:
            if free:
                self._slots.release()

    def connect(self, expires: float) -> Connection:
        """Return a new connection; raises OSError."""
        return Connection(self.relay, self._settings, self._tls, expires)

    def take(self) -> Connection | None:
        """Return the idle connection used last that is still usable, if there is one."""
        while self._idle:
            connection = self._idle.pop()[1]
            if connection.is_usable():
                return connection
            connection.close()
        return None

    def put(self, connection: Connection) -> None:
        """Keep a connection for the next message."""
        self._idle.append((monotonic(), connection))

    def prewarm(self, expires: float) -> None:
        """Have one connection ready, and show the relay that it is still wanted; raises OSError.

        Where all are in use, one is as good as ready.
        """
        with self.slot(monotonic()) as free:
            if free:
                self._prewarm(expires)

    def _prewarm(self, expires: float) -> None:
        connection = self.take() or self.connect(expires)
        try:
            with within(expires):
                code, _reply = connection.noop()
        except BaseException:
            connection.close()
            raise
        if code == 250:
            self.put(connection)
        else:
            connection.leave()

    def close_expired(self) -> None:
        """Close connections that were idle too long or are too old."""
        while connection := self._pop_expired():
            with self.slot(monotonic()):  # the relay counts it until it is closed
                connection.leave()

    def _pop_expired(self) -> Connection | None:
        now = monotonic()
        for position, (used, connection) in enumerate(self._idle):
            longest = LAST_IDLE if position == len(self._idle) - 1 else IDLE
            if now - used > longest or now - connection.opened > LIFETIME:
                del self._idle[position]
                return connection
        return None

    @property
    def recently_failed(self) -> bool:
        """Tell whether the relay is in its cooldown."""
        return monotonic() < self._cooldown_ends

    def start_cooldown(self) -> None:
        """Remember that the relay failed just now."""
        self._cooldown_ends = monotonic() + COOLDOWN
