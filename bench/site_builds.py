"""Time the builds of sites with 12, 100 and 1,000 pages: this site, stock Pelican and Hugo.

`python -m bench.site_builds`, a part of `make bench`, prints the medians of several runs and writes them into
docs/benchmarks.md, which says how to read them.
"""

import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import IO, cast

from bench.report import conditions, record, table
from devtools.loopback import HOST
from tests.parts.stack import statement_in_force

SIZES = (12, 100, 1000)
RUNS = 5
PORT = 18400
NUMBERS = count()  # no two saves add the same words, so an earlier build never counts as the new one
SOURCES = ("content", "deploy", "devtools", "docs", "form_backend", "plugins", "theme", "pelicanconf.py")
KEPT = {"enquiry", "errors", "your-information", f"{statement_in_force()}.md"}  # the forms need these
STATEMENT = Path("content/privacy", f"{statement_in_force()}.md")
MENU_ADDRESS = re.compile(r'^(label = .*\naddress = )".*"', re.MULTILINE)
LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
OUR_LABELS = re.compile(r"^(?:Template|Status|Save_as|Url):.*\n", re.MULTILINE)
STOCK = """\
SITENAME, TIMEZONE, THEME, PLUGINS = "Stock", "Africa/Johannesburg", "simple", []
PATH, PAGE_PATHS, ARTICLE_PATHS = "content", ["pages", "privacy"], ["news"]
PATH_METADATA = r"(?:(?:pages|news)/)?(?P<slug>.+?)(?:/index)?\\.md"
"""
CACHED = 'CACHE_CONTENT = LOAD_CONTENT_CACHE = True\nCONTENT_CACHING_LAYER = "generator"\n'
HUGO = {
    "single.html": "<!DOCTYPE html><title>{{ .Title }}</title><h1>{{ .Title }}</h1>{{ .Content }}",
    "list.html": "<!DOCTYPE html><title>{{ .Title }}</title>{{ range .Pages }}<p>{{ .Title }}</p>{{ end }}",
}
PELICAN = [sys.executable, "-m", "pelican", "-s", "pelicanconf.py"]
EDITED = Path("content/news/edited.md")


def articles(folder: Path, number: int) -> None:
    """Write articles of 600 words each; the first is the one that is edited later."""
    chance = random.Random(0)  # noqa: S311 - the same words in each run
    words = [word for word in STATEMENT.read_text("utf-8").split() if word.isalpha()]
    for index in range(number):
        parts = (" ".join(chance.choices(words, k=100)) for _ in range(6))
        text = "\n\n".join(f"## Part {part}\n\n{text}." for part, text in enumerate(parts, 1))
        head = f"Title: Article {index}\nDescription: What article {index} says.\nDate: 2026-01-01\n"
        (folder / (f"article-{index}.md" if index else EDITED.name)).write_text(f"{head}\n{text}\n", "utf-8")


def our_site(root: Path, size: int) -> None:
    """Write this project's sources with this many Markdown files in content/, and no links between them."""
    for name in SOURCES:
        copy = shutil.copytree if Path(name).is_dir() else shutil.copy
        copy(name, root / name)
    content = root / "content"
    for path in content.rglob("*.md"):
        if not {path.name, path.parent.name} & KEPT:
            path.unlink()
        elif path.name != STATEMENT.name:
            path.write_text(LINK.sub(r"\1", path.read_text("utf-8")), "utf-8")
    articles(content / "news", size - len(list(content.rglob("*.md"))))
    facts = content / "organisation.toml"
    facts.write_text(MENU_ADDRESS.sub(r'\1"/enquiry/"', facts.read_text("utf-8")), "utf-8")
    addresses = [f"/news-articles/{path.stem}/" for path in (content / "news").glob("*.md")]
    published = (content / "published.toml").read_text("utf-8").partition("[statement]")
    listed = f"addresses = {json.dumps(['/enquiry/', '/your-information/', *addresses])}\n"
    (content / "published.toml").write_text(listed + "".join(published[1:]), "utf-8")


def other_sites(root: Path, ours: Path) -> None:
    """Write the same Markdown for stock Pelican without its cache, for the same with it, and for Hugo."""
    for path in (ours / "content").rglob("*.md"):
        head, _, text = OUR_LABELS.sub("", path.read_text("utf-8")).partition("\n\n")
        title = head.partition("\n")[0].removeprefix("Title: ")
        place = path.relative_to(ours)
        for name, metadata in (("stock", head), ("hugo", json.dumps({"title": title}))):
            target = root / name / place
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(f"{metadata}\n\n{text}", "utf-8")
    (root / "stock/pelicanconf.py").write_text(STOCK, "utf-8")
    shutil.copytree(root / "stock", root / "cached")
    (root / "cached/pelicanconf.py").write_text(STOCK + CACHED, "utf-8")
    (root / "hugo/hugo.toml").write_text(f'baseURL = "http://{HOST}/"\n', "utf-8")
    (root / "hugo/layouts/_default").mkdir(parents=True)
    for name, layout in HUGO.items():
        (root / "hugo/layouts/_default" / name).write_text(layout, "utf-8")


def cold_build(root: Path, *command: str) -> float:
    """Return how long a build command takes without output and cache of an earlier build."""
    taken = []
    for _ in range(RUNS):
        for leftover in ("output", "cache"):
            shutil.rmtree(root / leftover, ignore_errors=True)
        start = time.perf_counter()
        subprocess.run(command, cwd=root, check=True, capture_output=True)
        taken.append(time.perf_counter() - start)
    return median(taken)


def saves(root: Path) -> Iterator[tuple[float, str]]:
    """Save one page again and again; yield the time of each save and the words it added."""
    text = (root / EDITED).read_text("utf-8")
    for _ in range(RUNS + 1):
        time.sleep(0.5)  # until the watcher waits again
        words = f"These words are number {next(NUMBERS)}."
        start = time.perf_counter()
        (root / EDITED).write_text(f"{text}\n{words}\n", "utf-8")
        yield start, words


def median_when_warm(figures: list[float]) -> float:
    """Return the median of all but the first figure, which includes filling caches."""
    return median(figures[1:])


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


def our_rebuild(root: Path) -> float:
    """Return how long the builder of `make serve` takes for one changed page."""
    taken = []
    with running(root, sys.executable, "-m", "devtools.builder") as (requests, answers):
        answers.readline()
        for _ in saves(root):
            time.sleep(0.02)  # the watcher waits as long for further saves
            start = time.perf_counter()
            print(file=requests, flush=True)
            answers.readline()
            taken.append(time.perf_counter() - start)
    return median_when_warm(taken)


def our_save(root: Path) -> float:
    """Return the time from a save until a browser with live reload has received the new page."""
    taken = []
    with running(root, sys.executable, "-m", "devtools.serve", "--port", str(PORT)) as (_, printed):
        next(line for line in printed if line.startswith("Outbox"))
        events, page = HTTPConnection(HOST, PORT), HTTPConnection(HOST, PORT)
        events.request("GET", "/live-reload")
        stream = events.getresponse()
        for start, words in saves(root):
            html = ""
            while words not in html:
                stream.readline()
                page.request("GET", f"/news-articles/{EDITED.stem}/")
                html = page.getresponse().read().decode()
            taken.append(time.perf_counter() - start)
        events.close()
        page.close()
    return median_when_warm(taken)


def stock_edits(root: Path) -> tuple[float, float]:
    """Return how long a rebuild takes by Pelican's own message, and the time from a save to the new page."""
    built, saved = [], []
    with running(root, *PELICAN, "--autoreload") as (_, printed):
        done = (float(found[1]) for line in printed if (found := re.search(r"in ([\d.]+) seconds", line)))
        next(done)
        for start, words in saves(root):
            while words not in (root / f"output/{EDITED.stem}.html").read_text("utf-8"):
                time.sleep(0.001)
            saved.append(time.perf_counter() - start)
            built.append(next(done))
    return median_when_warm(built), median_when_warm(saved)


def measure(size: int, scratch: Path) -> Iterator[tuple[str, tuple[float | None, ...]]]:
    """Yield the name and the figures of each generator for a site of this size."""
    ours = scratch / "ours"
    our_site(ours, size)
    other_sites(scratch, ours)
    for name, folder in (("stock Pelican", "stock"), ("stock Pelican, its cache on", "cached")):
        root = scratch / folder
        yield name, (cold_build(root, *PELICAN), *stock_edits(root))
    yield "this site", (cold_build(ours, *PELICAN, "-o", "output"), our_rebuild(ours), our_save(ours))
    if hugo := shutil.which("hugo"):
        yield "Hugo", (cold_build(scratch / "hugo", hugo, "--destination", "output"), None, None)
    else:
        yield "Hugo: not installed", (None, None, None)


def cell(figure: float | None, stock: float | None) -> str:
    """Return a figure, and its ratio to stock Pelican's."""
    return f"{figure:.3f} s ({figure / stock:.2f})" if figure and stock else ""


def main() -> None:
    """Measure all sizes, and report."""
    when, rows = conditions(os.getloadavg()[0]), []
    for size in SIZES:
        with TemporaryDirectory() as scratch:
            stock: tuple[float | None, ...] = ()
            for name, figures in measure(size, Path(scratch)):
                print(f"{size:,} pages, {name} ...", flush=True)
                stock = stock or figures
                rows.append([f"{size:,} pages, {name}", *map(cell, figures, stock)])
    record("builds", f"{when}\n\n{table(['', 'cold build', 'rebuild', 'save to HTML'], rows)}".rstrip())


if __name__ == "__main__":
    main()
