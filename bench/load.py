"""A closed-loop load generator: each client sends its next request once the last one is answered."""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import perf_counter

import uvloop

LENGTH = re.compile(rb"(?i)\r\ncontent-length: (\d+)")


@dataclass
class Run:
    """The response times of one run."""

    status: int  # that each response must have
    began: float = 0
    ended: float = 0
    durations: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Return the responses per second."""
        return len(self.durations) / (self.ended - self.began)

    def percentile(self, percent: int) -> float:
        """Return the response time that this share of the responses does not exceed, in seconds."""
        ordered = sorted(self.durations)
        return ordered[min(len(ordered) * percent // 100, len(ordered) - 1)]


class Client(asyncio.Protocol):
    """One keep-alive connection: send a request, wait for the whole response, send the next."""

    transport: asyncio.Transport

    def __init__(self, requests: Iterator[bytes], run: Run) -> None:
        """Take requests from an iterator that all clients share."""
        self.requests, self.run = requests, run
        self.response = bytearray()
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def send(self) -> None:
        """Send the next request, or close the connection after the last one."""
        if (request := next(self.requests, None)) is None:
            self.finished.set_result(None)
            self.transport.close()
        else:
            self.began = perf_counter()
            self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Record the response time once the response is complete."""
        self.response += data
        if (head := self.response.find(b"\r\n\r\n")) < 0:
            return
        length = LENGTH.search(self.response)
        if not self.response.startswith(b"HTTP/1.1 %d " % self.run.status) or not length:
            self.finished.set_exception(RuntimeError(f"{self.response[:head].decode()!r} was not expected"))
        elif len(self.response) >= head + 4 + int(length[1]):
            self.run.durations.append(perf_counter() - self.began)
            self.response.clear()
            self.send()

    def connection_lost(self, error: Exception | None) -> None:
        """Fail the run if the server closes the connection."""
        if not self.finished.done():
            self.finished.set_exception(error or RuntimeError("the server closed the connection"))


def for_seconds(seconds: float, requests: Iterator[bytes]) -> Iterator[bytes]:
    """Yield requests until the time is up."""
    end = perf_counter() + seconds
    for request in requests:
        if perf_counter() > end:
            return
        yield request


async def _send(port: int, people: int, seconds: float, requests: Iterator[bytes], run: Run) -> None:
    loop = asyncio.get_running_loop()
    shared = for_seconds(seconds, requests)
    clients = []
    for _ in range(people):
        transport, client = await loop.create_connection(lambda: Client(shared, run), "127.0.0.1", port)
        client.transport = transport
        clients.append(client)
    run.began = perf_counter()
    for client in clients:
        client.send()
    await asyncio.gather(*(client.finished for client in clients))
    run.ended = perf_counter()


def load(port: int, people: int, seconds: float, requests: Iterator[bytes], status: int) -> Run:
    """Have this many people send requests for some seconds; each response must have this status."""
    run = Run(status)
    uvloop.run(_send(port, people, seconds, requests, run))
    return run
