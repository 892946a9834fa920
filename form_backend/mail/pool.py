"""The connection pool of one relay: idle connections, secured and logged in, for the next message."""

from collections import deque
from time import monotonic

from gevent import ssl

from form_backend.mail.connection import Connection
from form_backend.mail.deadline import within
from form_backend.settings import Relay, Settings

MOST_IDLE = 256  # connections
LIFETIME = 600  # seconds; a new connection then finds a relay that has moved
IDLE = 20  # seconds that a connection stays idle after a rush ...
LAST_IDLE = 270  # ... and the last one; RFC 5321 lets a relay hang up after 300
COOLDOWN = 30  # seconds after a failure in which a relay is tried last


class Pool:
    """The idle connections to one relay, and whether it failed recently.

    Greenlets take turns only where one waits, so nothing here needs a lock.
    """

    def __init__(self, relay: Relay, settings: Settings, tls: ssl.SSLContext) -> None:
        """Open no connection yet."""
        self._relay, self._settings, self._tls = relay, settings, tls
        self._idle: deque[tuple[float, Connection]] = deque()  # with the time of last use, newest last
        self._cooldown_ends = 0.0

    def connect(self, expires: float) -> Connection:
        """Return a new connection; raises OSError."""
        return Connection(self._relay, self._settings, self._tls, expires)

    def take(self) -> Connection | None:
        """Return the idle connection used last that is still usable, if there is one."""
        while self._idle:
            connection = self._idle.pop()[1]
            if connection.is_usable():
                return connection
            connection.close()
        return None

    def put(self, connection: Connection) -> None:
        """Keep a connection for the next message, or close it where enough are idle."""
        if len(self._idle) < MOST_IDLE:
            self._idle.append((monotonic(), connection))
        else:
            connection.leave()

    def prewarm(self, expires: float) -> None:
        """Have one connection ready, and show the relay that it is still wanted; raises OSError."""
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
        now, kept = monotonic(), deque[tuple[float, Connection]]()
        idle, self._idle = self._idle, kept
        for left, (used, connection) in enumerate(reversed(idle)):
            if now - used > (IDLE if left else LAST_IDLE) or now - connection.opened > LIFETIME:
                connection.leave()
            else:
                kept.appendleft((used, connection))

    @property
    def recently_failed(self) -> bool:
        """Tell whether the relay is in its cooldown."""
        return monotonic() < self._cooldown_ends

    def start_cooldown(self) -> None:
        """Remember that the relay failed just now."""
        self._cooldown_ends = monotonic() + COOLDOWN
