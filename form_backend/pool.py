"""Connections to a relay that wait, secured and logged in, for the next message."""

from collections import deque
from threading import Lock
from time import monotonic

from form_backend.connection import Connection
from form_backend.settings import Relay, Settings

LIFETIME = 600  # seconds; then a new connection, which finds a relay that has moved
IDLE = 20  # seconds that a connection waits for work after a rush ...
LAST_IDLE = 270  # ... and the last one; RFC 5321 lets a relay hang up after 300
AILING = 30  # seconds that a relay counts as ailing after a failure


class Pool:
    """The idle connections to one relay, and whether it failed just now."""

    def __init__(self, relay: Relay, settings: Settings, most: int) -> None:
        """Keep at most so many connections."""
        self._relay, self._settings, self._most = relay, settings, most
        self._lock = Lock()
        self._idle: deque[tuple[float, Connection]] = deque()  # with the moment of last use, newest last
        self._ailing_until = 0.0

    def connect(self, expires: float) -> Connection:
        """Return a new connection; raises OSError."""
        return Connection(self._relay, self._settings, expires)

    def take(self, expires: float) -> Connection | None:
        """Return the idle connection used last, if it is still good, with this deadline."""
        with self._lock:
            while self._idle:
                connection = self._idle.pop()[1]
                if connection.is_silent():
                    connection.sock.expires = expires
                    return connection
                connection.close()
        return None

    def keep(self, connection: Connection) -> None:
        """Let a connection wait for the next message."""
        with self._lock:
            if room := len(self._idle) < self._most:
                self._idle.append((monotonic(), connection))
        if not room:
            connection.leave()

    def warm(self, expires: float) -> None:
        """See to it that a connection waits, and that the relay knows it is wanted; raises OSError."""
        connection = self.take(expires) or self.connect(expires)
        if connection.noop()[0] == 250:
            self.keep(connection)
        else:
            connection.leave()

    def sweep(self) -> None:
        """Close what has waited too long."""
        now, kept = monotonic(), deque[tuple[float, Connection]]()
        with self._lock:
            left = len(self._idle)
            for used, connection in self._idle:
                left -= 1
                if now - used > (IDLE if left else LAST_IDLE) or now - connection.opened > LIFETIME:
                    connection.leave()
                else:
                    kept.append((used, connection))
            self._idle = kept

    @property
    def ailing(self) -> bool:
        """Tell whether the relay failed a short while ago."""
        return monotonic() < self._ailing_until

    def failed(self) -> None:
        """Remember that the relay failed just now."""
        self._ailing_until = monotonic() + AILING
