"""Distance between a mail relay and those who connect to it: a proxy that holds every byte back for a while.

What is sent arrives half a round trip later, in order. A connection is up at once on loopback, where over the
distance it takes one round trip, so the first bytes of either side are held back for as long as that.
"""

import argparse
import asyncio
import selectors
import socket
from collections import deque
from typing import cast

from devtools.loopback import HOST


class End(asyncio.Protocol):
    """One end of a connection; what it hears leaves at the other end."""

    other: "End"

    def __init__(self, opened: float, half: float) -> None:
        """Let nothing leave this end before the connection would be open."""
        self.loop = asyncio.get_running_loop()
        self.opened, self.half = opened, half
        self.transport: asyncio.Transport | None = None
        self.on_the_way: deque[bytes] = deque()  # to this end; empty bytes close it

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hear nothing until the other end is there."""
        self.transport = cast(asyncio.Transport, transport)
        if self.other.transport:
            self.other.transport.resume_reading()
        else:
            self.transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        """Send it on its way."""
        self.other.on_the_way.append(data)
        self.loop.call_at(max(self.loop.time(), self.opened) + self.half, self.other.arrive)

    def connection_lost(self, _error: Exception | None) -> None:
        """Tell the other end, as late as it would hear of it."""
        self.data_received(b"")

    def arrive(self) -> None:
        """Let out what has been on its way the longest."""
        data = self.on_the_way.popleft()
        if self.transport and data:
            self.transport.write(data)
        elif self.transport:
            self.transport.close()


async def serve(listener: socket.socket, port: int, round_trip: float) -> None:
    """Pass on until ended."""
    loop = asyncio.get_running_loop()
    opening: set[asyncio.Task[object]] = set()

    def connected() -> End:
        now = loop.time()
        near, far = End(now + round_trip, round_trip / 2), End(now + 1.5 * round_trip, round_trip / 2)
        near.other, far.other = far, near
        task = loop.create_task(loop.create_connection(lambda: far, HOST, port))
        opening.add(task)
        task.add_done_callback(opening.discard)
        return near

    server = await loop.create_server(connected, sock=listener)
    await server.serve_forever()


def main() -> None:
    """Stand between a listening socket that was handed over and the relay."""
    parser = argparse.ArgumentParser(prog="python -m bench.distance", description="Hold every byte back.")
    parser.add_argument("--listener", type=int, required=True, help="the socket's file descriptor")
    parser.add_argument("--port", type=int, required=True, help="of the relay")
    parser.add_argument("--round-trip", type=float, required=True, help="in seconds")
    options = parser.parse_args()
    # select() waits for microseconds; epoll would round every half of a round trip up to a millisecond.
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())) as runner:
        runner.run(serve(socket.socket(fileno=options.listener), options.port, options.round_trip))


if __name__ == "__main__":
    main()
