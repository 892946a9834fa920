"""The best possible values on this machine: the round trip, and how fast a client can send mail."""

import asyncio
import os
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from statistics import median

import uvloop

from bench.harness import Relay
from bench.relay import PASSWORD, USER
from devtools.loopback import HOST

SENDER, RECIPIENT = "bounces@example.org", "sales@example.org"
MESSAGE = f"From: <website@example.org>\r\nTo: <{RECIPIENT}>\r\nSubject: Enquiry\r\n\r\n" + "words\r\n" * 150
START = 2.0  # seconds until all have connected
PAUSE, SAMPLES = 0.1, 20  # seconds between two samples of the round trip, and their number


def round_trip(relay: Relay) -> float:
    """Return the median time from a NOOP to the relay's reply, in seconds."""
    trips = []
    with relay.connect(delayed=True) as connection:
        for _ in range(SAMPLES):
            time.sleep(PAUSE)
            start = time.perf_counter()
            connection.noop()
            trips.append(time.perf_counter() - start)
    return median(trips)


def with_smtplib(relay: Relay, people: int, seconds: float) -> float:
    """Return the messages per second that smtplib sends on open connections, in two processes."""
    fork = get_context("fork")
    sent = fork.Value("q", 0)
    began = time.monotonic() + START

    def one_connection(number: int) -> int:
        with relay.connect() as connection:
            if relay.tls:
                connection.login(USER, PASSWORD)
            time.sleep(max(0, began - time.monotonic()))
            messages = 0
            while time.monotonic() < began + seconds:
                messages += 1
                unique = f"{os.getpid()} {number} {messages}\r\n"
                connection.sendmail(SENDER, [RECIPIENT], MESSAGE + unique)
            return messages

    def one_process() -> None:
        with ThreadPoolExecutor(people // 2) as threads:
            messages = sum(threads.map(one_connection, range(people // 2)))
        with sent.get_lock():
            sent.value += messages

    processes = [fork.Process(target=one_process) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return float(sent.value / seconds)


def with_one_flight(relay: Relay, people: int, seconds: float) -> float:
    """Return the messages per second that the relay accepts at most, with one flight for each message."""
    return uvloop.run(_send_flights(relay, people, seconds))


async def _send_flights(relay: Relay, people: int, seconds: float) -> float:
    loop = asyncio.get_running_loop()
    envelope = f"MAIL FROM:<{SENDER}>\r\nRCPT TO:<{RECIPIENT}>\r\nBDAT {len(MESSAGE)} LAST\r\n"
    flight = (envelope + MESSAGE).encode()
    began = loop.time() + START

    async def one_connection() -> int:
        name = "localhost" if relay.tls else None
        reader, writer = await asyncio.open_connection(
            HOST, relay.direct_port, ssl=relay.tls, server_hostname=name
        )
        writer.write(b"EHLO bench.example.org\r\n")
        while not (await reader.readline()).startswith(b"250 "):
            pass
        await asyncio.sleep(began - loop.time())
        messages = 0
        while loop.time() < began + seconds:
            writer.write(flight)
            for _reply in range(3):
                await reader.readline()
            messages += 1
        writer.close()
        return messages

    return sum(await asyncio.gather(*(one_connection() for _ in range(people)))) / seconds
