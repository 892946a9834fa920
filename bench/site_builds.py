"""Time the builds of sites with 12, 100 and 1,000 pages: this site, stock Pelican and Hugo.

`python -m bench.site_builds`, a part of `make bench`, prints the medians of several runs and writes them into
docs/benchmarks.md, which says how to read them.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

from bench.editing import RUNS, our_rebuild, our_save, start_up, stock_edits
from bench.implementations import INSTALL_PYTHON, PYTHON
from bench.report import conditions, record, table
from bench.sites import EDITED, other_sites, our_site, real_site
from tests.parts.processes import ROOT

SIZES = (12, 100, 1000)
SIZE_NAMES = [f"{size:,} pages" for size in SIZES]
STOCK = [str(PYTHON), "-m", "pelican", "-s", "pelicanconf.py"]
STOCK_NAME, OUR_NAME = "stock Pelican", "this site, all checks"
NO_COPIES = ["-e", "PRECOMPRESS_BROTLI=false", "PRECOMPRESS_GZIP=false"]  # which stock Pelican does not make


class Taken(NamedTuple):
    """What a build took, in seconds."""

    time: float
    cpu: float


def ours(settings: str) -> list[str]:
    """Return the command for a production build of ours, which fails at any mistake."""
    return [sys.executable, "-m", "pelican", "-s", settings, "--fatal", "warnings", *NO_COPIES]


def commands(scratch: Path) -> Iterator[tuple[str, Path, list[str]]]:
    """Yield each kind of cold build with its folder and its command."""
    yield STOCK_NAME, scratch / "stock", STOCK
    yield OUR_NAME, scratch / "ours", ours("publishconf.py")
    yield "this site, checks off", scratch / "ours", ours("unchecked.py")
    if hugo := shutil.which("hugo"):
        yield "Hugo", scratch / "hugo", [hugo, "--destination", "output"]


def cold_build(root: Path, command: list[str]) -> Taken:
    """Return what a build takes without output and cache of an earlier one."""
    for leftover in ("output", "cache"):
        shutil.rmtree(root / leftover, ignore_errors=True)
    start, before = time.perf_counter(), getrusage(RUSAGE_CHILDREN)
    subprocess.run(command, cwd=root, check=True, capture_output=True)
    after, end = getrusage(RUSAGE_CHILDREN), time.perf_counter()
    return Taken(end - start, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def cold_builds(scratch: Path) -> dict[str, Taken]:
    """Return the medians of builds that take turns, so that all meet the same machine."""
    taken: dict[str, list[Taken]] = {}
    for _ in range(RUNS + 1):  # the first is to warm up
        for name, root, command in commands(scratch):
            taken.setdefault(name, []).append(cold_build(root, command))
    return {name: Taken(*map(median, zip(*builds[1:], strict=True))) for name, builds in taken.items()}


def checks(root: Path) -> dict[str, float]:
    """Return the CPU time of each check in milliseconds."""
    runs = []
    for _ in range(RUNS):
        build = subprocess.run(ours("stopwatch.py"), cwd=root, check=True, capture_output=True, text=True)
        runs.append(json.loads(build.stdout.splitlines()[-1]))
    return {name: median(run[name] for run in runs) for name in runs[0]}


def edits(scratch: Path) -> dict[str, tuple[float, float]]:
    """Return the time of a rebuild, and that from a save to the new page."""
    return {
        STOCK_NAME: stock_edits(scratch / "stock", EDITED, *STOCK),
        "stock Pelican, its cache on": stock_edits(scratch / "cached", EDITED, *STOCK),
        "this site": (our_rebuild(scratch / "ours", EDITED), our_save(scratch / "ours", EDITED)),
    }


class Figures(NamedTuple):
    """All figures of a site of one size."""

    builds: dict[str, Taken]
    checks: dict[str, float]
    edits: dict[str, tuple[float, float]]


def write_sites(scratch: Path, size: int) -> None:
    """Write the sites of this size, ours with the settings that measure what the checks cost."""
    our_site(scratch / "ours", size)
    other_sites(scratch, scratch / "ours")
    for settings in ("unchecked.py", "stopwatch.py"):
        shutil.copy(ROOT / "bench" / settings, scratch / "ours")


def measure(size: int) -> Figures:
    """Return the figures of a site of this size."""
    print(f"{size:,} pages ...", flush=True)
    with TemporaryDirectory() as folder:
        scratch = Path(folder)
        write_sites(scratch, size)
        return Figures(cold_builds(scratch), checks(scratch / "ours"), edits(scratch))


def cold_cell(taken: Taken, stock: Taken) -> str:
    """Return a build's time, and its time and CPU time as ratios to stock Pelican's."""
    return f"{taken.time:.3f} s ({taken.time / stock.time:.2f}; {taken.cpu / stock.cpu:.2f})"


def of_builds(figures: list[Figures]) -> list[list[str]]:
    """Return the rows of cold builds."""
    return [
        [name, *(cold_cell(size.builds[name], size.builds[STOCK_NAME]) for size in figures)]
        for name in figures[0].builds
    ]


def of_checks(figures: list[Figures]) -> list[list[str]]:
    """Return the rows of checks that take a millisecond or more, and of all together."""
    largest = figures[-1].checks
    slow = sorted((name for name in largest if largest[name] >= 1), key=largest.__getitem__, reverse=True)
    rows = [[name, *(f"{size.checks[name]:.0f} ms" for size in figures)] for name in slow]
    return [*rows, [f"all {len(largest)}", *(f"{sum(size.checks.values()):.0f} ms" for size in figures)]]


def of_edits(figures: list[Figures]) -> list[list[str]]:
    """Return the rows of rebuilds and saves."""
    return [
        [name, *(f"{size.edits[name][0]:.3f} s, {size.edits[name][1]:.3f} s" for size in figures)]
        for name in figures[0].edits
    ]


def waiting() -> Iterator[str]:
    """Yield how long whoever works on the site as it is waits for `make serve`, and after a save."""
    with TemporaryDirectory() as folder:
        root = Path(folder, "project")
        edited = real_site(root)
        site, form = start_up(root)
        yield f"- From `make serve` to the home page: {site:.2f} s (target 1.50 s); to the form: {form:.2f} s"
        saved = our_save(root, edited) * 1000
        yield f"- From a save to the browser, this site as it is: {saved:.0f} ms (target 100 ms)"
    if not shutil.which("hugo"):
        yield "- Hugo was not measured, since it is not installed"


def main() -> None:
    """Measure all sizes, and report."""
    if not PYTHON.exists():
        print(f"The builds were not measured, since stock Pelican is missing: {INSTALL_PYTHON}")
        return
    when, figures, sizes = conditions(os.getloadavg()[0]), list(map(measure, SIZES)), SIZE_NAMES
    text = [
        when,
        table(["cold build", *sizes], of_builds(figures)),
        table(["CPU time of a check", *sizes], of_checks(figures)),
        table(["rebuild, save to new page", *sizes], of_edits(figures)),
        "\n".join(waiting()),
    ]
    record("builds", "\n\n".join(part.rstrip() for part in text))


if __name__ == "__main__":
    main()
