"""Measure the forms: what one person waits for, what many get at once, and what it costs.

`python -m bench.forms`, a part of `make bench`, prints the figures, writes them into docs/benchmarks.md,
which says how to read them, and draws docs/benchmarks.svg.
"""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from itertools import count, cycle, repeat
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

import lxml.html

from bench import limits, report
from bench.contenders import BARE, OTHERS, OURS
from bench.figures import (
    FAR,
    FIRST,
    MEMORY,
    ONE,
    PLAIN,
    READERS,
    SENDERS,
    SLOW,
    TLS,
    Answers,
    Crowd,
    Results,
    medians,
)
from bench.load import load
from bench.stage import Contender, Server, Stage
from devtools.loopback import HOST
from tests.parts.forms import ENQUIRY
from tests.parts.stack import build

SCRATCH = "/dev/shm"  # noqa: S108 - no disk slows the measurements
RUNS, SECONDS = 3, 1.5
TYPING = 0.3  # seconds between the form and its submission
SUBMISSIONS = 15  # of one person
PAUSE = 32  # seconds; by then the relay has hung up
SOAK, SOAKED = 60, 100_000  # seconds, submissions: whichever comes first
GET = f"GET /enquiry/ HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
NUMBERS = count()  # no two submissions have the same words


@dataclass(frozen=True)
class Form:
    """The form as a person has it open, all but a number typed into it."""

    before: bytes
    after: bytes

    @classmethod
    def open(cls, port: int) -> "Form":
        """Fetch it, with its token and cookie where it has them."""
        with closing(HTTPConnection(HOST, port)) as connection:
            connection.request("GET", "/enquiry/")
            page = connection.getresponse()
            hidden = lxml.html.fromstring(page.read()).xpath("//form//input[@type='hidden']")
        fields = {field.get("name"): field.get("value") for field in hidden} | ENQUIRY
        message = f"{ENQUIRY['message']}\r\n" * 5 + "Enquiry " + "0" * 12
        body = urlencode(fields | {"message": message})
        head = [
            "POST /enquiry/ HTTP/1.1",
            f"Host: {HOST}:{port}",
            "Sec-Fetch-Site: same-origin",
            "Content-Type: application/x-www-form-urlencoded",
            f"Content-Length: {len(body)}",
            f"Cookie: {page.getheader('Set-Cookie', '').partition(';')[0]}",
        ]
        before, after = ("\r\n".join(head) + "\r\n\r\n" + body).encode().split(b"0" * 12)
        return cls(before, after)

    def filled_in(self) -> bytes:
        """Return a request that sends it, in words of its own."""
        return b"%s%012d%s" % (self.before, next(NUMBERS), self.after)


class Visitors:
    """People in front of a server, and how many of them were thanked for a message."""

    def __init__(self, server: Server) -> None:
        """Begin with nobody."""
        self.server = server
        self.thanked = 0

    def submit(self) -> float:
        """Have one person open the form, type for a while and send it; return how long that took."""
        form = Form.open(self.server.port)
        time.sleep(TYPING)
        return self.run(ONE, iter([form.filled_in()]))[ONE.p50]

    def submissions(self, crowd: Crowd) -> Answers:
        """Have each of a crowd open the form, and send it again and again."""
        forms = [Form.open(self.server.port) for _ in range(crowd.at_once)]
        return self.runs(crowd, (form.filled_in() for form in cycle(forms)))

    def runs(self, crowd: Crowd, requests: Iterator[bytes]) -> Answers:
        """Send requests a few times over; the first time, to warm up, does not count."""
        return medians([self.run(crowd, requests) for _ in range(RUNS + 1)][1:])

    def run(self, crowd: Crowd, requests: Iterator[bytes]) -> Answers:
        """Send requests for a while, and see each answered as it should be."""
        cpu, status = self.server.cpu(), 200 if crowd is READERS else 303
        run = load(self.server.port, crowd.at_once, SECONDS, requests, status)
        count = len(run.durations)
        self.thanked += count if status == 303 else 0
        return {
            crowd.rate: run.rate,
            crowd.p50: run.percentile(50) * 1e3,
            crowd.p99: run.percentile(99) * 1e3,
            crowd.cpu: (self.server.cpu() - cpu) / count * 1e6,
        }


@contextmanager
def visitors(stage: Stage, contender: Contender, crowd: Crowd) -> Iterator[Visitors]:
    """Run a server for a crowd; afterwards its relay must hold what people were thanked for, and no more."""
    with stage.relay(crowd) as relay, stage.server(contender, crowd, relay) as server:
        people = Visitors(server)
        yield people
        if contender is not BARE and (taken := relay.taken()) != people.thanked:
            raise RuntimeError(f"{people.thanked} were thanked, the relay took {taken}")


def measure(stage: Stage, contender: Contender) -> Answers:
    """Measure one server in front of every crowd."""
    print(f"{contender.name} ...", flush=True)
    with visitors(stage, contender, ONE) as people:
        first = people.submit()
        answers = {ONE.p50: median(people.submit() for _ in range(SUBMISSIONS))}
        if contender is OURS:
            time.sleep(PAUSE)
            first = max(first, people.submit())
    answers[FIRST] = first
    for crowd in SENDERS:
        with visitors(stage, contender, crowd) as people:
            answers |= people.submissions(crowd)
            if crowd is PLAIN:
                answers[MEMORY] = people.server.memory()
                answers |= people.runs(READERS, repeat(GET))
    return answers


def soak(stage: Stage) -> dict[int, float]:
    """Return the memory of our larger process after so many submissions, again and again."""
    print("memory ...", flush=True)
    memory: dict[int, float] = {}
    end = time.monotonic() + SOAK
    with visitors(stage, OURS, PLAIN) as people:
        while people.thanked < SOAKED and time.monotonic() < end:
            people.submissions(PLAIN)
            memory[people.thanked] = people.server.memory()
    return memory


def measure_limits(stage: Stage) -> tuple[Answers, dict[str, float]]:
    """Return what nothing here could exceed, and the ceilings of the bench's own parts."""
    print("limits ...", flush=True)
    with stage.relay(ONE) as relay:
        trip = limits.round_trip(relay) * 1000
    taken = SLOW.seconds * 1000
    answers = {ONE.p50: trip, FIRST: trip, FAR.rate: FAR.possible, SLOW.rate: SLOW.possible, SLOW.p99: taken}
    ceilings: dict[str, float] = {}
    for crowd in (TLS, PLAIN):
        with stage.relay(crowd) as relay:
            answers[crowd.rate] = limits.with_smtplib(relay, crowd.at_once, SECONDS)
            flights = limits.with_one_flight(relay, crowd.at_once, SECONDS)
            ceilings[f"The relay alone, {crowd.title}, envelope and message in one flight"] = flights
    with visitors(stage, BARE, PLAIN) as people:
        posts = people.submissions(PLAIN)[PLAIN.rate]
        ceilings["gunicorn with nothing behind it, 64 at once, POST"] = posts
        answers[READERS.rate] = people.runs(READERS, repeat(GET))[READERS.rate]
    return answers, ceilings


def measure_others(stage: Stage) -> tuple[dict[str, Answers], dict[str, str]]:
    """Return the answers of those that are installed and hold out, and why there are none of the rest."""
    answers: dict[str, Answers] = {}
    missing = {other.name: f"not installed: `{other.missing}`" for other in OTHERS if other.missing}
    for other in OTHERS:
        if other.name not in missing:
            try:
                answers[other.name] = measure(stage, other)
            except RuntimeError as error:
                missing[other.name] = str(error)
    return answers, missing


def main() -> None:
    """Measure ourselves, the limits and the others, and report."""
    load_before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(dir=SCRATCH) as folder:
        stage = Stage.prepare(Path(folder))
        build(stage.site)
        ours, memory = measure(stage, OURS), soak(stage)
        ours[MEMORY] = max(memory.values())
        ceiling, parts = measure_limits(stage)
        others, missing = measure_others(stage)
    report.publish(Results(ours, others, missing, ceiling, parts, memory, load_before))


if __name__ == "__main__":
    main()
