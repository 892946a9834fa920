"""Sockets that keep one deadline over name look-up, connect, TLS, every read and write, and slow drips."""

import select
import socket
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any, TypeVar, cast

T = TypeVar("T")

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
    """Never blocks in the kernel: waits for the other end until its deadline, however slowly bytes drip."""

    expires: float

    def until_done(self, event: int, operation: Callable[..., T], *args: Any) -> T:
        """Return what the operation comes to; before a new try, wait for the event, or for what TLS needs."""
        while True:
            seconds = remaining(self.expires)
            try:
                return operation(*args)
            except BlockingIOError:
                needed = event
            except ssl.SSLWantReadError:
                needed = select.POLLIN
            except ssl.SSLWantWriteError:
                needed = select.POLLOUT
            poll = select.poll()
            poll.register(self, needed)
            poll.poll(seconds * 1000)

    def recv_into(self, *args: Any) -> int:
        """Receive some."""
        return self.until_done(select.POLLIN, super().recv_into, *args)

    def send(self, *args: Any) -> int:
        """Send some."""
        return self.until_done(select.POLLOUT, super().send, *args)

    def sendall(self, data: Any, *_flags: int) -> None:
        """Send all."""
        rest = memoryview(data)
        while rest:
            rest = rest[self.send(rest) :]

    def is_silent(self) -> bool:
        """Tell, without waiting, whether the connection is up and nothing unread has come."""
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
            connection.settimeout(0)
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
    secured = cast(
        TimedTLS, context.wrap_socket(connection, server_hostname=host, do_handshake_on_connect=False)
    )
    secured.expires = connection.expires
    secured.until_done(select.POLLIN, secured.do_handshake)
    return secured
