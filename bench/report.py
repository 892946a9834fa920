"""Say what a run came to: tables in Markdown, on the terminal and in docs/benchmarks.md, and the chart."""

import os
import platform
from collections.abc import Iterator
from datetime import UTC, datetime

from bench.chart import chart
from bench.figures import Answers, Question, Results, needed
from tests.parts.processes import ROOT

DOCS = ROOT / "docs"
PICTURE = "![Rates, waits and costs: this project, others, the limit and the target](benchmarks.svg)"


def here(load: float) -> str:
    """Return when and on what figures were measured, and how busy it was before."""
    when = f"{datetime.now(UTC):%-d %B %Y}, {os.cpu_count()} cores, Python {platform.python_version()}"
    return f"{when}; load before the start: {load:.2f}."


def table(headings: list[str], rows: list[list[str]]) -> str:
    """Return a table in Markdown, its figures to the right."""
    lines = [headings, ["---", *["---:"] * (len(headings) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def cell(question: Question, answers: Answers) -> str:
    """Return an answer, or nothing where there is none."""
    return question.unit.format(answers[question]) if question in answers else ""


def verdict(question: Question, ours: Answers, target: Answers) -> str:
    """Return whether a target was met, and how much of it."""
    if question not in target:
        return ""
    ratio = question.ratio(ours[question], target[question])
    return f"{'met' if ratio >= 1 else 'missed'}, {ratio:.2f}"


def sentences(results: Results) -> Iterator[str]:
    """Yield what does not fit into the table."""
    for name, why in results.missing.items():
        yield f"- {name} was not measured: {why}"
    for name, rate in results.ceilings.items():
        yield f"- {name}: {rate:,.0f}/s at most"
    sizes = ", ".join(f"{size:.1f} after {count:,}" for count, size in results.memory.items())
    yield f"- Memory of our larger process, in MiB, by submissions: {sizes}"


def figures(results: Results) -> str:
    """Return all that is to be read: first what has a target, then the rest."""
    target = needed(results.others.values(), results.limits)
    everybody = (results.ours, *results.others.values(), results.limits, target)
    rows = [
        [
            question.title,
            *(cell(question, answers) for answers in everybody),
            verdict(question, results.ours, target),
        ]
        for question in [*target, *(question for question in results.ours if question not in target)]
    ]
    headings = ["", "this project", *results.others, "limit", "needed", ""]
    return "\n".join([here(results.load), "", PICTURE, "", table(headings, rows), *sentences(results)])


def record(part: str, text: str) -> None:
    """Print figures, and write them into their part of the documentation."""
    print(text)
    page, start, end = DOCS / "benchmarks.md", f"<!-- {part} -->\n", f"<!-- end of {part} -->\n"
    before, rest = page.read_text("utf-8").split(start)
    page.write_text(f"{before}{start}\n{text}\n\n{end}{rest.split(end)[1]}", "utf-8")


def publish(results: Results) -> None:
    """Print the figures, and write them and the chart into the documentation."""
    record("forms", figures(results))
    (DOCS / "benchmarks.svg").write_text(chart(results), "utf-8")
