"""Write the results of a run: tables on the terminal and in docs/benchmarks.md, and the chart."""

import os
import platform
from collections.abc import Iterator
from datetime import UTC, datetime

from bench.chart import chart
from bench.metrics import Metric, Results, Values, targets
from tests.parts.processes import ROOT

DOCS = ROOT / "docs"
PICTURE = "![Bar charts: this project, the others, the best possible and the target](benchmarks.svg)"


def conditions(load_average: float) -> str:
    """Return when and on which machine the figures were measured."""
    system = platform.freedesktop_os_release()["PRETTY_NAME"]
    when = (
        f"{datetime.now(UTC):%-d %B %Y}, {os.cpu_count()} cores, {system}, Python {platform.python_version()}"
    )
    return f"{when}; load average before the start: {load_average:.2f}."


def table(headings: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table with its figures aligned right."""
    lines = [headings, ["---", *["---:"] * (len(headings) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def cell(metric: Metric, values: Values) -> str:
    """Return a value with its unit, or nothing where it was not measured."""
    return metric.unit.format(values[metric]) if metric in values else ""


def verdict(metric: Metric, ours: Values, target: Values) -> str:
    """Return whether a target was met, and how well."""
    if metric not in target:
        return ""
    ratio = metric.ratio(ours[metric], target[metric])
    return f"{'met' if ratio >= 1 else 'missed'}, {ratio:.2f}"


def sentences(results: Results) -> Iterator[str]:
    """Yield what the table does not hold."""
    for name, why in results.missing.items():
        yield f"- {name} was not measured: {why}"
    for name, rate in results.tools.items():
        yield f"- {name}: {rate:,.0f}/s"
    sizes = ", ".join(f"{size:.1f} after {count:,}" for count, size in results.memory.items())
    yield f"- Memory of our largest process in MiB, by the number of submissions: {sizes}"


def figures(results: Results) -> str:
    """Return the whole report: the metrics with a target, all metrics beside the others', and the guards."""
    return "\n".join(
        [
            conditions(results.load_average),
            "",
            PICTURE,
            "",
            "### Against the targets",
            "",
            _against_targets(results),
            "### All figures",
            "",
            _all_figures(results),
            "### What each guard costs",
            "",
            _guards(results.guards),
            "### The benchmark itself",
            "",
            *sentences(results),
        ]
    )


def _against_targets(results: Results) -> str:
    target = targets(results.peers.values(), results.best_possible)
    columns = (results.ours, *results.peers.values(), results.best_possible, target)
    headings = ["", "this project", *results.peers, "best possible", "target", "result"]
    return table(
        headings,
        [
            [
                metric.title,
                *(cell(metric, values) for values in columns),
                verdict(metric, results.ours, target),
            ]
            for metric in target
        ],
    )


def _all_figures(results: Results) -> str:
    columns = (results.ours, *results.peers.values(), *results.plain.values())
    headings = ["", "this project", *results.peers, *results.plain]
    return table(
        headings,
        [[metric.title, *(cell(metric, values) for values in columns)] for metric in results.ours],
    )


def _guards(shares: dict[str, float]) -> str:
    return table(["", "saved of the CPU time"], [[name, f"{share:.0%}"] for name, share in shares.items()])


def record(part: str, text: str) -> None:
    """Print a report, and write it into its part of docs/benchmarks.md."""
    print(text)
    page, start, end = DOCS / "benchmarks.md", f"<!-- {part} -->\n", f"<!-- end of {part} -->\n"
    before, rest = page.read_text("utf-8").split(start)
    page.write_text(f"{before}{start}\n{text}\n\n{end}{rest.split(end)[1]}", "utf-8")


def publish(results: Results) -> None:
    """Print the results of the forms, and write them and the chart into docs/."""
    record("forms", figures(results))
    (DOCS / "benchmarks.svg").write_text(chart(results), "utf-8")
