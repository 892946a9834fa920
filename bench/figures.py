"""What is asked, what came of it, and what is to be reached."""

from collections.abc import Collection
from dataclasses import dataclass
from statistics import median

RATE, MILLISECONDS, MICROSECONDS, MEBIBYTES = "{:,.0f}/s", "{:,.1f} ms", "{:,.0f} µs", "{:,.1f} MiB"


@dataclass(frozen=True)
class Question:
    """One thing to measure."""

    title: str
    unit: str  # with a place for the number
    less_is_better: bool = True

    def ratio(self, figure: float, needed: float) -> float:
        """Return 1 or more where the figure is as good as what is needed."""
        return needed / figure if self.less_is_better else figure / needed


@dataclass(frozen=True)
class Crowd:
    """So many people at once, and a relay so far away that takes so long over a message."""

    title: str
    at_once: int
    tls: bool = True
    round_trip: float = 0  # seconds
    seconds: float = 0
    processes: int = 2  # of the server

    @property
    def rate(self) -> Question:
        """Ask how many are served in a second."""
        return Question(self.title, RATE, less_is_better=False)

    @property
    def p50(self) -> Question:
        """Ask how long half of them wait at most."""
        return Question(f"{self.title}: p50", MILLISECONDS)

    @property
    def p99(self) -> Question:
        """Ask how long 99 of a hundred wait at most."""
        return Question(f"{self.title}: p99", MILLISECONDS)

    @property
    def cpu(self) -> Question:
        """Ask how much CPU of all the server's processes one takes."""
        return Question(f"{self.title}, CPU for one", MICROSECONDS)

    @property
    def possible(self) -> float:
        """Return how many could be served in a second if they waited for nothing but distance and relay."""
        return self.at_once / (self.round_trip + self.seconds)


ONE = Crowd("One person, relay 20 ms away", 1, round_trip=0.020, processes=1)
FAR = Crowd("64 at once, relay 20 ms away", 64, round_trip=0.020)
TLS = Crowd("64 at once, relay near, TLS", 64)
PLAIN = Crowd("64 at once, relay near, no TLS", 64, tls=False)
SLOW = Crowd("256 at once, relay takes 200 ms", 256, seconds=0.2)
READERS = Crowd("64 at once, GET of the form", 64, tls=False)
SENDERS = (FAR, TLS, PLAIN, SLOW)
FIRST = Question("The same, first after a start or a pause", MILLISECONDS)
MEMORY = Question("Memory of a process, 64 at once", MEBIBYTES)

Answers = dict[Question, float]
# What the best of others reached on two cores on another day, for what is not installed here.
RECORDED = {FAR.rate: 251.0, TLS.rate: 892.0, PLAIN.rate: 1726.0, READERS.rate: 4733.0, PLAIN.cpu: 724.0}


@dataclass(frozen=True)
class Results:
    """All that came of one run of the bench."""

    ours: Answers
    others: dict[str, Answers]  # by name
    missing: dict[str, str]  # who was not measured, and why
    limits: Answers  # what nothing here could exceed
    ceilings: dict[str, float]  # of the bench's own parts, per second
    memory: dict[int, float]  # ours, in MiB, after so many submissions
    load: float  # processes that ran here on average in the minute before


def medians(runs: list[Answers]) -> Answers:
    """Return the median of each answer."""
    return {question: median(run[question] for run in runs) for question in runs[0]}


def needed(others: Collection[Answers], limits: Answers) -> Answers:
    """Return what is to be reached: so many times the best of others, or the limit, in the same run."""
    best = {
        question: (min if question.less_is_better else max)([row[question] for row in others] or [recorded])
        for question, recorded in RECORDED.items()
    }
    return {
        ONE.p50: 1.25 * limits[ONE.p50],
        FIRST: 1.25 * limits[ONE.p50],
        FAR.rate: 4 * best[FAR.rate],
        TLS.rate: 1.5 * best[TLS.rate],
        PLAIN.rate: best[PLAIN.rate],
        SLOW.rate: 0.85 * SLOW.possible,
        SLOW.p99: 400,
        READERS.rate: best[READERS.rate],
        PLAIN.cpu: min(best[PLAIN.cpu], RECORDED[PLAIN.cpu]),
        MEMORY: 60,
    }
