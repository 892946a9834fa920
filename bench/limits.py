"""How much mail can be handed over here at all: by the standard library's client, and by the leanest one."""

import asyncio
import os
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from statistics import median

import uvloop

from bench.relay import PASSWORD, USER
from bench.stage import Relay
from devtools.loopback import HOST

SENDER, RECIPIENT = "bounces@example.org", "sales@example.org"
MESSAGE = f"From: <website@example.org>\r\nTo: <{RECIPIENT}>\r\nSubject: Enquiry\r\n\r\n" + "words\r\n" * 150
START = 2.0  # seconds for all to connect
PAUSE, QUESTIONS = 0.1, 20  # seconds between two questions to the relay, and how many


def round_trip(relay: Relay) -> float:
    """Return the seconds from a question to the relay's answer, for one who asks now and then."""
    trips = []
    with relay.connect(from_far=True) as connection:
        for _ in range(QUESTIONS):
            time.sleep(PAUSE)
            asked = time.perf_counter()
            connection.noop()
            trips.append(time.perf_counter() - asked)
    return median(trips)


def with_smtplib(relay: Relay, at_once: int, seconds: float) -> float:
    """Return the messages per second of smtplib on connections kept open, in two processes with threads."""
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
                words = f"{os.getpid()} {number} {messages}\r\n"
                connection.sendmail(SENDER, [RECIPIENT], MESSAGE + words)
            return messages

    def one_process() -> None:
        with ThreadPoolExecutor(at_once // 2) as threads:
            messages = sum(threads.map(one_connection, range(at_once // 2)))
        with sent.get_lock():
            sent.value += messages

    processes = [fork.Process(target=one_process) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return float(sent.value / seconds)


def with_one_flight(relay: Relay, at_once: int, seconds: float) -> float:
    """Return the messages per second that the relay takes at most: envelope and message in one flight."""
    return uvloop.run(_flights(relay, at_once, seconds))


async def _flights(relay: Relay, at_once: int, seconds: float) -> float:
    loop = asyncio.get_running_loop()
    envelope = f"MAIL FROM:<{SENDER}>\r\nRCPT TO:<{RECIPIENT}>\r\nBDAT {len(MESSAGE)} LAST\r\n"
    flight = (envelope + MESSAGE).encode()
    began = loop.time() + START

    async def one_connection() -> int:
        name = "localhost" if relay.tls else None
        reader, writer = await asyncio.open_connection(
            HOST, relay.own_port, ssl=relay.tls, server_hostname=name
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

    return sum(await asyncio.gather(*(one_connection() for _ in range(at_once)))) / seconds
