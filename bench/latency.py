"""A TCP proxy that adds network latency in front of a mail relay.

Each side receives what the other sends half a round trip later, in order. On loopback a connection opens at
once. Over a network that takes a round trip, so the proxy delays the first bytes by one more round trip.
"""

import argparse
import asyncio
import selectors
import socket
from collections import deque
from typing import cast

from devtools.loopback import HOST


class Endpoint(asyncio.Protocol):
    """One of the two connections of the proxy; what it receives is sent on by the other."""

    other: "Endpoint"

    def __init__(self, opened: float, half: float) -> None:
        """Forward nothing before the time at which the connection would be open."""
        self.loop = asyncio.get_running_loop()
        self.opened, self.half = opened, half
        self.transport: asyncio.Transport | None = None
        self.in_transit: deque[bytes] = deque()  # to be sent here; empty bytes close the connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Read nothing until the other connection is open too."""
        self.transport = cast(asyncio.Transport, transport)
        if self.other.transport:
            self.other.transport.resume_reading()
        else:
            self.transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        """Schedule the bytes for the other connection."""
        self.other.in_transit.append(data)
        self.loop.call_at(max(self.loop.time(), self.opened) + self.half, self.other.arrive)

    def connection_lost(self, _error: Exception | None) -> None:
        """Close the other connection, with the same delay."""
        self.data_received(b"")

    def arrive(self) -> None:
        """Send the oldest bytes in transit."""
        data = self.in_transit.popleft()
        if self.transport and data:
            self.transport.write(data)
        elif self.transport:
            self.transport.close()


async def serve(listener: socket.socket, port: int, round_trip: float) -> None:
    """Forward connections until the process is stopped."""
    loop = asyncio.get_running_loop()
    opening: set[asyncio.Task[object]] = set()

    def connected() -> Endpoint:
        now = loop.time()
        near, far = (
            Endpoint(now + round_trip, round_trip / 2),
            Endpoint(now + 1.5 * round_trip, round_trip / 2),
        )
        near.other, far.other = far, near
        task = loop.create_task(loop.create_connection(lambda: far, HOST, port))
        opening.add(task)
        task.add_done_callback(opening.discard)
        return near

    server = await loop.create_server(connected, sock=listener)
    await server.serve_forever()


def main() -> None:
    """Forward from an inherited listening socket to the relay."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.latency", description="Add latency in front of a relay."
    )
    parser.add_argument("--listener", type=int, required=True, help="the socket's file descriptor")
    parser.add_argument("--port", type=int, required=True, help="the relay's port")
    parser.add_argument("--round-trip", type=float, required=True, help="in seconds")
    options = parser.parse_args()
    # select() has a resolution of a microsecond; epoll would round each delay up to a whole millisecond.
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())) as runner:
        runner.run(serve(socket.socket(fileno=options.listener), options.port, options.round_trip))


if __name__ == "__main__":
    main()
