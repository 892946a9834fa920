"""Many people at once, each sending one request after another: a closed loop of load."""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import perf_counter

import uvloop

LENGTH = re.compile(rb"(?i)\r\ncontent-length: (\d+)")


@dataclass
class Run:
    """What one run came to."""

    status: int
    began: float = 0
    ended: float = 0
    durations: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Return the answers per second."""
        return len(self.durations) / (self.ended - self.began)

    def percentile(self, percent: int) -> float:
        """Return how long so many per cent of the answers took at most, in seconds."""
        ordered = sorted(self.durations)
        return ordered[min(len(ordered) * percent // 100, len(ordered) - 1)]


class Person(asyncio.Protocol):
    """One connection, kept open: send, wait for the whole answer, send again."""

    transport: asyncio.Transport

    def __init__(self, requests: Iterator[bytes], run: Run) -> None:
        """Take requests from what all share."""
        self.requests, self.run = requests, run
        self.answer = bytearray()
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def send(self) -> None:
        """Send the next request; after the last, leave."""
        if (request := next(self.requests, None)) is None:
            self.over.set_result(None)
            self.transport.close()
        else:
            self.began = perf_counter()
            self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Note how long the answer took, once it is all there."""
        self.answer += data
        if (head := self.answer.find(b"\r\n\r\n")) < 0:
            return
        length = LENGTH.search(self.answer)
        if not self.answer.startswith(b"HTTP/1.1 %d " % self.run.status) or not length:
            self.over.set_exception(RuntimeError(f"{self.answer[:head].decode()!r} is not what was expected"))
        elif len(self.answer) >= head + 4 + int(length[1]):
            self.run.durations.append(perf_counter() - self.began)
            self.answer.clear()
            self.send()

    def connection_lost(self, error: Exception | None) -> None:
        """Fail the run where the other side hung up."""
        if not self.over.done():
            self.over.set_exception(error or RuntimeError("the server closed the connection"))


def for_seconds(seconds: float, requests: Iterator[bytes]) -> Iterator[bytes]:
    """Hand out requests until the time is up."""
    end = perf_counter() + seconds
    for request in requests:
        if perf_counter() > end:
            return
        yield request


async def _send(port: int, at_once: int, seconds: float, requests: Iterator[bytes], run: Run) -> None:
    loop = asyncio.get_running_loop()
    shared = for_seconds(seconds, requests)
    people = []
    for _ in range(at_once):
        transport, person = await loop.create_connection(lambda: Person(shared, run), "127.0.0.1", port)
        person.transport = transport
        people.append(person)
    run.began = perf_counter()
    for person in people:
        person.send()
    await asyncio.gather(*(person.over for person in people))
    run.ended = perf_counter()


def load(port: int, at_once: int, seconds: float, requests: Iterator[bytes], status: int) -> Run:
    """Send requests for so long, so many at once; each must be answered with this status."""
    run = Run(status)
    uvloop.run(_send(port, at_once, seconds, requests, run))
    return run
