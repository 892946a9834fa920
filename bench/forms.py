"""Measure the forms: response times, rates, CPU and memory.

`python -m bench.forms`, a part of `make bench`, prints the figures, writes them into docs/benchmarks.md
(which says how to read them), and draws docs/benchmarks.svg.
"""

import os
import re
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

import httpx
import lxml.html

from bench import best_possible, report
from bench.harness import PLACE_OF_TOKEN, Harness, Implementation, Server
from bench.implementations import BASELINE, LESS_WORK, OURS, SAME_WORK, UNGUARDED
from bench.load import load
from bench.metrics import (
    ABROAD,
    FAR,
    FETCHES,
    MEMORY,
    ONE,
    PLAIN,
    SLOW,
    SUBMISSIONS,
    TLS,
    Results,
    Scenario,
    Values,
    medians,
)
from devtools.loopback import HOST
from tests.parts.forms import ENQUIRY
from tests.parts.stack import build

SCRATCH = "/dev/shm"  # noqa: S108 - no disk slows the measurements
RUNS, SECONDS = 3, 1.5  # after one run to warm up; the length of each run
TURNS = 6  # of a server with all guards and one without one of them
TYPING = {ONE: 0.3, ABROAD: 1.5}  # seconds between opening the form and sending it
SAMPLES = {ONE: 15, ABROAD: 7}  # submissions of one person
PAUSE = 32  # seconds; by then the relay has closed idle connections
TOKEN = re.compile(r'(?<=name="token" type="hidden" value=")[^"]+')
SOAK_SECONDS, SOAK_SUBMISSIONS = 60, 100_000  # whichever comes first
GET = f"GET /enquiry/ HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
NUMBERS = count()  # make every submission different


@dataclass(frozen=True)
class Form:
    """A form that a person has filled in, except for a number that makes each submission different."""

    before: bytes
    after: bytes

    @classmethod
    def open(cls, port: int) -> "Form":
        """Fetch the form with its token and its cookie, if it has them."""
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

    def submission(self) -> bytes:
        """Return a request that sends the form with the next number."""
        return b"%s%012d%s" % (self.before, next(NUMBERS), self.after)


class Driver:
    """Sends requests to a server, and counts the submissions that it confirmed."""

    def __init__(self, server: Server) -> None:
        """Start with no submission."""
        self.server = server
        self.confirmed = 0

    def submit_once(self, scenario: Scenario) -> float:
        """Have one person open the form, type and send it; return the response time of the sending."""
        form = Form.open(self.server.port)
        time.sleep(TYPING[scenario])
        return self.run(scenario, iter([form.submission()]))[scenario.p50]

    def submit(self, scenario: Scenario) -> Values:
        """Have each person open the form and send it again and again."""
        return self.repeat(scenario, self.submissions(scenario))

    def submissions(self, scenario: Scenario) -> Iterator[bytes]:
        """Have each person open the form, and yield their submissions in turn."""
        forms = [Form.open(self.server.port) for _ in range(scenario.people)]
        return (form.submission() for form in cycle(forms))

    def repeat(self, scenario: Scenario, requests: Iterator[bytes]) -> Values:
        """Return the medians of several runs, after one run to warm up."""
        return medians([self.run(scenario, requests) for _ in range(RUNS + 1)][1:])

    def run(self, scenario: Scenario, requests: Iterator[bytes]) -> Values:
        """Send requests for a while; each must be answered with the expected status."""
        cpu, status = self.server.cpu(), 200 if scenario is FETCHES else 303
        run = load(self.server.port, scenario.people, SECONDS, requests, status)
        count = len(run.durations)
        self.confirmed += count if status == 303 else 0
        return {
            scenario.rate: run.rate,
            scenario.p50: run.percentile(50) * 1e3,
            scenario.p99: run.percentile(99) * 1e3,
            scenario.cpu: (self.server.cpu() - cpu) / count * 1e6,
        }


@contextmanager
def running(harness: Harness, implementation: Implementation, scenario: Scenario) -> Iterator[Driver]:
    """Run a server for a scenario; afterwards its relay must hold exactly the messages that it confirmed."""
    with harness.relay(scenario) as relay, harness.server(implementation, scenario, relay) as server:
        driver = Driver(server)
        yield driver
        if implementation is not BASELINE and (accepted := relay.accepted()) != driver.confirmed:
            raise RuntimeError(f"it confirmed {driver.confirmed} messages, and the relay accepted {accepted}")


def measure(harness: Harness, implementation: Implementation) -> Values:
    """Measure one implementation in every scenario."""
    print(f"{implementation.name} ...", flush=True)
    values = measure_one_person(harness, implementation, ONE)
    values |= measure_one_person(harness, implementation, ABROAD)
    for scenario in SUBMISSIONS:
        with running(harness, implementation, scenario) as driver:
            values |= driver.submit(scenario)
            if scenario is TLS:
                values[MEMORY] = driver.server.memory()
                values |= driver.repeat(FETCHES, repeat(GET))
    return values


def measure_one_person(harness: Harness, implementation: Implementation, scenario: Scenario) -> Values:
    """Measure how long one person waits: at first, as a rule, and for ours after a long pause."""
    with running(harness, implementation, scenario) as driver:
        first = driver.submit_once(scenario)
        usual = median(driver.submit_once(scenario) for _ in range(SAMPLES[scenario]))
        if implementation is OURS:
            time.sleep(PAUSE)
            first = max(first, driver.submit_once(scenario))
    return {scenario.p50: usual, scenario.first: first}


def measure_guards(harness: Harness) -> dict[str, float]:
    """Return the share of a submission's CPU time that each guard takes."""
    return {without.name: measure_guard(harness, without) for without in UNGUARDED}


def measure_guard(harness: Harness, implementation: Implementation) -> float:
    """Return what is saved without a guard; the servers with and without it take turns."""
    print(f"{implementation.name} ...", flush=True)
    with running(harness, OURS, TLS) as whole, running(harness, implementation, TLS) as without:
        drivers = [(driver, driver.submissions(TLS)) for driver in (whole, without)]
        taken = [[driver.run(TLS, requests)[TLS.cpu] for driver, requests in drivers] for _ in range(TURNS)]
    return median(1 - left / all_of_it for all_of_it, left in taken[1:])


def soak(harness: Harness) -> dict[int, float]:
    """Return the memory of our largest process, by the number of submissions so far."""
    print("memory ...", flush=True)
    memory: dict[int, float] = {}
    end = time.monotonic() + SOAK_SECONDS
    with running(harness, OURS, TLS) as driver:
        while driver.confirmed < SOAK_SUBMISSIONS and time.monotonic() < end:
            driver.submit(TLS)
            memory[driver.confirmed] = driver.server.memory()
    return memory


def measure_best_possible(harness: Harness) -> tuple[Values, dict[str, float]]:
    """Return the best possible values on this machine, and the highest rates of the benchmark's own parts."""
    print("best possible ...", flush=True)
    best = {SLOW.p99: SLOW.seconds * 1000}
    for scenario in (ONE, ABROAD):
        with harness.relay(scenario) as relay:
            best[scenario.p50] = best[scenario.first] = best_possible.round_trip(relay) * 1000
    best |= {scenario.rate: scenario.highest_rate for scenario in (FAR, SLOW)}
    tools: dict[str, float] = {}
    for scenario in (TLS, PLAIN):
        with harness.relay(scenario) as relay:
            best[scenario.rate] = best_possible.with_smtplib(relay, scenario.people, SECONDS)
            flights = best_possible.with_one_flight(relay, scenario.people, SECONDS)
            tools[f"The benchmark's relay alone, {scenario.title}, one flight per message"] = flights
    with running(harness, BASELINE, PLAIN) as driver:
        tools["gunicorn alone, 64 people, POST of the form"] = driver.submit(PLAIN)[PLAIN.rate]
        best[FETCHES.rate] = driver.repeat(FETCHES, repeat(GET))[FETCHES.rate]
    return best, tools


def measure_others(
    harness: Harness, others: list[Implementation], missing: dict[str, str]
) -> dict[str, Values]:
    """Return the values of other implementations; add to `missing` why one has none."""
    values: dict[str, Values] = {}
    for other in others:
        if other.install:
            missing[other.name] = f"install it with `{other.install}`"
            continue
        try:
            values[other.name] = measure(harness, other)
        except RuntimeError as error:
            missing[other.name] = str(error)
    return values


def save_page(harness: Harness) -> None:
    """Save the page of our form, so that all implementations send the same one."""
    with harness.relay(ONE) as relay, harness.server(OURS, ONE, relay) as server:
        page = httpx.get(f"http://{HOST}:{server.port}/enquiry/").text
    harness.page.write_text(TOKEN.sub(PLACE_OF_TOKEN, page), "utf-8")


def main() -> None:
    """Measure this project, what is best possible and the others, and report."""
    load_average = os.getloadavg()[0]
    missing: dict[str, str] = {}
    with tempfile.TemporaryDirectory(dir=SCRATCH) as folder:
        harness = Harness.prepare(Path(folder))
        build(harness.site)
        save_page(harness)
        ours, memory = measure(harness, OURS), soak(harness)
        ours[MEMORY] = max(memory.values())
        best, tools = measure_best_possible(harness)
        peers = measure_others(harness, SAME_WORK, missing)
        plain = measure_others(harness, LESS_WORK, missing)
        guards = measure_guards(harness)
    report.publish(Results(ours, peers, plain, guards, missing, best, tools, memory, load_average))


if __name__ == "__main__":
    main()
