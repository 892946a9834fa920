"""How long an editor waits: from `make serve` to the first page, and from a save to the new page."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from statistics import median
from typing import IO, cast

from devtools.loopback import HOST

RUNS = 5
PORT = 18400
NUMBERS = count()  # no two saves add the same words, so an earlier build never counts as the new one
SERVE = ["make", "--silent", "--old-file=.venv/serve.installed", "serve", f"PORT={PORT}"]  # .venv is ready


@contextmanager
def running(root: Path, *command: str) -> Iterator[tuple[IO[str], IO[str]]]:
    """Run a command in a folder, and yield its standard input and output."""
    wide = os.environ | {"COLUMNS": "200"}  # keeps Pelican's message on one line
    with subprocess.Popen(
        command,
        cwd=root,
        env=wide,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            yield cast("IO[str]", process.stdin), cast("IO[str]", process.stdout)
        finally:
            process.terminate()


def saves(file: Path) -> Iterator[tuple[float, str]]:
    """Save one page again and again; yield the time of each save and the words it added."""
    text = file.read_text("utf-8")
    for _ in range(RUNS + 1):
        time.sleep(0.5)  # until the watcher waits again
        words = f"These words are number {next(NUMBERS)}."
        start = time.perf_counter()
        file.write_text(f"{text}\n{words}\n", "utf-8")
        yield start, words
    file.write_text(text, "utf-8")


def median_when_warm(figures: list[float]) -> float:
    """Return the median of all but the first figure, which includes filling caches."""
    return median(figures[1:])


def page(path: str) -> str:
    """Return a page of `make serve`, as soon as that answers."""
    while True:
        connection = HTTPConnection(HOST, PORT)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        except ConnectionError:
            time.sleep(0.002)
        finally:
            connection.close()


def start_up(root: Path) -> tuple[float, float]:
    """Return the time from the command `make serve` to the home page, and to the form."""
    pages: list[float] = []
    forms: list[float] = []
    for _ in range(RUNS + 1):
        start = time.perf_counter()
        with running(root, *SERVE):
            for path, taken in (("/", pages), ("/enquiry/", forms)):
                page(path)
                taken.append(time.perf_counter() - start)
    return median_when_warm(pages), median_when_warm(forms)


def our_rebuild(root: Path, edited: Path) -> float:
    """Return how long the builder of `make serve` takes for one changed page."""
    taken = []
    with running(root, sys.executable, "-m", "devtools.builder") as (requests, answers):
        answers.readline()
        for _ in saves(root / edited):
            time.sleep(0.02)  # the watcher waits as long for further saves
            start = time.perf_counter()
            print(file=requests, flush=True)
            answers.readline()
            taken.append(time.perf_counter() - start)
    return median_when_warm(taken)


def our_save(root: Path, edited: Path) -> float:
    """Return the time from a save until a browser with live reload has received the new page."""
    taken = []
    with running(root, *SERVE) as (_, printed):
        next(line for line in printed if line.startswith("Outbox"))
        events = HTTPConnection(HOST, PORT)
        events.request("GET", "/live-reload")
        stream = events.getresponse()
        for start, words in saves(root / edited):
            html = ""
            while words not in html:
                stream.readline()
                html = page(f"/news-articles/{edited.stem}/")
            taken.append(time.perf_counter() - start)
        events.close()
    return median_when_warm(taken)


def stock_edits(root: Path, edited: Path, *pelican: str) -> tuple[float, float]:
    """Return how long a rebuild takes by Pelican's own message, and the time from a save to the new page."""
    built, saved = [], []
    with running(root, *pelican, "--autoreload") as (_, printed):
        done = (float(found[1]) for line in printed if (found := re.search(r"in ([\d.]+) seconds", line)))
        next(done)
        for start, words in saves(root / edited):
            while words not in (root / f"output/{edited.stem}.html").read_text("utf-8"):
                time.sleep(0.001)
            saved.append(time.perf_counter() - start)
            built.append(next(done))
    return median_when_warm(built), median_when_warm(saved)
