"""Sockets that keep one deadline over name look-up, connect, TLS, every read and write, and slow drips."""

import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any, cast

# The name service has no time limit of its own, so it is asked in a thread that can be left behind.
RESOLVER = ThreadPoolExecutor(max_workers=8, thread_name_prefix="resolver")
# A connection that waits is asked after 20 seconds whether the other end is there, and ends after 15 more.
KEEPALIVE = {"TCP_KEEPIDLE": 20, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}  # names that Linux has


def remaining(expires: float) -> float:
    """Return the seconds left until this moment (of the monotonic clock), or raise TimeoutError."""
    if (seconds := expires - monotonic()) <= 0:
        raise TimeoutError
    return seconds


class Timed(socket.socket):
    """Before each wait, set the time-out to what is left."""

    expires: float

    def recv_into(self, *args: Any) -> int:
        """Receive, until the deadline."""
        self.settimeout(remaining(self.expires))
        return super().recv_into(*args)

    def send(self, *args: Any) -> int:
        """Send some, until the deadline."""
        self.settimeout(remaining(self.expires))
        return super().send(*args)

    def sendall(self, *args: Any) -> None:
        """Send all, until the deadline."""
        self.settimeout(remaining(self.expires))
        return super().sendall(*args)

    def is_silent(self) -> bool:
        """Tell, without waiting, whether the connection is up and nothing unread has come."""
        self.settimeout(0)
        try:
            self.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            return False
        return False


class TimedTLS(Timed, ssl.SSLSocket):
    """The same under TLS."""


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """Return the context for all connections: name and certificate are checked; a bad file raises OSError."""
    context = ssl.create_default_context(cafile=ca_file)
    context.sslsocket_class = TimedTLS
    return context


def connect(host: str, port: int, expires: float) -> Timed:
    """Return a connected TCP socket with this deadline; raises OSError, TimeoutError among them."""
    look_up = RESOLVER.submit(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    failure = OSError("no address")
    for family, kind, protocol, _name, address in look_up.result(remaining(expires)):
        connection = Timed(family, kind, protocol)
        connection.expires = expires
        try:
            connection.settimeout(remaining(expires))
            connection.connect(address)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for name, value in KEEPALIVE.items():
                if option := getattr(socket, name, None):
                    connection.setsockopt(socket.IPPROTO_TCP, option, value)
        except OSError as error:
            connection.close()
            failure = error
        else:
            return connection
    raise failure


def secure(connection: Timed, context: ssl.SSLContext, host: str) -> Timed:
    """Return the connection under TLS, the certificate checked; raises OSError, ssl.SSLError among them."""
    connection.settimeout(remaining(connection.expires))
    secured = cast(TimedTLS, context.wrap_socket(connection, server_hostname=host))
    secured.expires = connection.expires
    return secured
