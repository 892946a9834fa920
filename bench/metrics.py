"""The metrics, the scenarios they are measured in, the results of a run, and the target of each metric."""

from collections.abc import Collection
from dataclasses import dataclass
from statistics import median

RATE, MILLISECONDS, MICROSECONDS, MEBIBYTES = "{:,.0f}/s", "{:,.1f} ms", "{:,.0f} µs", "{:,.1f} MiB"


@dataclass(frozen=True)
class Metric:
    """One figure to measure."""

    title: str
    unit: str  # a format string for the number
    less_is_better: bool = True

    def ratio(self, value: float, target: float) -> float:
        """Return how well a value meets its target: 1 meets it, 2 is twice as good."""
        return target / value if self.less_is_better else value / target


@dataclass(frozen=True)
class Scenario:
    """How many people use the form at once, and what their mail relay is like."""

    title: str
    people: int
    tls: bool = True
    round_trip: float = 0  # seconds between the server and the relay
    seconds: float = 0  # that the relay takes over each message
    processes: int = 2  # of the server

    @property
    def rate(self) -> Metric:
        """How many requests are answered per second."""
        return Metric(f"{self.title}: rate", RATE, less_is_better=False)

    @property
    def p50(self) -> Metric:
        """The median response time."""
        return Metric(f"{self.title}: p50", MILLISECONDS)

    @property
    def p99(self) -> Metric:
        """The response time that 99 % of the requests do not exceed."""
        return Metric(f"{self.title}: p99", MILLISECONDS)

    @property
    def cpu(self) -> Metric:
        """The CPU time that all processes of the server use for one request."""
        return Metric(f"{self.title}: CPU per request", MICROSECONDS)

    @property
    def first(self) -> Metric:
        """The response time of the first submission after a start or a pause."""
        return Metric(f"{self.title}: first submission", MILLISECONDS)

    @property
    def highest_rate(self) -> float:
        """The rate if people waited for nothing but the distance and the relay."""
        return self.people / (self.round_trip + self.seconds)


ONE = Scenario("1 person, relay 20 ms away", 1, round_trip=0.020, processes=1)
ABROAD = Scenario("1 person, relay 150 ms away", 1, round_trip=0.150, processes=1)
FAR = Scenario("64 people, relay 20 ms away", 64, round_trip=0.020)
TLS = Scenario("64 people, relay nearby", 64)
PLAIN = Scenario("64 people, relay nearby, no TLS", 64, tls=False)
SLOW = Scenario("256 people, relay takes 200 ms", 256, seconds=0.2)
FETCHES = Scenario("64 people, GET of the form", 64)
SUBMISSIONS = (FAR, TLS, PLAIN, SLOW)
MEMORY = Metric("Memory per process, 64 people", MEBIBYTES)

Values = dict[Metric, float]


@dataclass(frozen=True)
class Results:
    """Everything that one run of the benchmark measured."""

    ours: Values
    peers: dict[str, Values]  # those that do the same work, by name
    plain: dict[str, Values]  # those that do less
    guards: dict[str, float]  # the share of a submission's CPU time that is saved without each of our guards
    missing: dict[str, str]  # what was not measured, and why
    best_possible: Values  # on this machine
    tools: dict[str, float]  # the highest rates of the benchmark's own parts, per second
    memory: dict[int, float]  # ours, in MiB, by the number of submissions so far
    load_average: float  # of the minute before the start


def medians(runs: list[Values]) -> Values:
    """Return the median of each metric over several runs."""
    return {metric: median(run[metric] for run in runs) for metric in runs[0]}


def targets(peers: Collection[Values], best_possible: Values) -> Values:
    """Return the target of each metric that has one; docs/benchmarks.md lists them in words.

    What depends on the machine is compared with peers that do the same work; without any it has no target.
    """
    of_peers = {
        FAR.rate: 1.75,
        TLS.rate: 0.8,
        TLS.cpu: 750 / 589,
        FETCHES.cpu: 150 / 125,
    }
    compared = {
        metric: factor * (min if metric.less_is_better else max)(values[metric] for values in peers)
        for metric, factor in of_peers.items()
        if peers
    }
    return {
        ONE.p50: 1.15 * best_possible[ONE.p50],
        ONE.first: 1.25 * best_possible[ONE.p50],
        ABROAD.p50: 1.15 * best_possible[ABROAD.p50],
        ABROAD.first: 1.25 * best_possible[ABROAD.p50],
        **compared,
        SLOW.rate: 0.9 * SLOW.highest_rate,
        SLOW.p99: 1.75 * SLOW.seconds * 1000,
        MEMORY: 48,
    }
