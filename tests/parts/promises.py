"""A pytest plugin: a promise of the statement that code keeps has a test, and such a test a promise."""

import tomllib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REGISTER = ROOT / "content" / "promises.toml"


@dataclass(frozen=True)
class Promise:
    """A promise of content/promises.toml."""

    promise: str
    kept_by: str
    how: str


def register() -> dict[str, Promise]:
    """Return the promises by their ids."""
    rows = tomllib.loads(REGISTER.read_text("utf-8"))
    return {name: Promise(**row) for name, row in rows.items()}


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", "promise(name): proves this promise of the privacy statement")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Send the promise along with the test's report, which may come from another process."""
    for marker in item.iter_markers("promise"):
        item.user_properties.append(("promise", marker.args[0]))


def proofs(reporter: pytest.TerminalReporter) -> dict[str, dict[str, set[str]]]:
    """Return the tests of each promise by their outcome."""
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in reporter.stats.get(outcome, []):
            for name, value in getattr(report, "user_properties", []):
                if name == "promise":
                    found[value][outcome].add(report.nodeid.partition("[")[0])
    return found


def broken(config: pytest.Config, tests: dict[str, dict[str, set[str]]]) -> list[str]:
    """Return a sentence for each promise without a test and each test without a promise."""
    known = register()
    wrong = [
        f"A test proves {name}, but {REGISTER.name} knows no such promise."
        for name in tests.keys() - known.keys()
    ]
    whole_suite = not (
        config.getoption("keyword") or config.getoption("lf", default=False) or config.args != ["tests"]
    )
    if whole_suite:
        wrong += [
            f"{name} is kept by code, but no test is marked @pytest.mark.promise({name!r})."
            for name, promise in known.items()
            if promise.kept_by == "code" and name not in tests
        ]
    return wrong


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table: promise, kept by, tests, and whether they proved it here."""
    tests = proofs(terminalreporter)
    if not tests:
        return
    terminalreporter.section("promises of the privacy statement")
    for name, promise in register().items():
        by_outcome = tests.get(name, {})
        count = sum(map(len, by_outcome.values()))
        state = next((word for word in ("failed", "error", "skipped") if by_outcome.get(word)), "proved")
        proof = f"{state} here by {count} test{'s' * (count > 1)}" if count else ""
        terminalreporter.write_line(f"{name:24}{promise.kept_by:10}{proof:26}{promise.how}")
    for sentence in broken(terminalreporter.config, tests):
        terminalreporter.write_line(sentence, red=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run where words and tests have parted ways."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter and broken(session.config, proofs(reporter)):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
