"""Fixtures: the site built once, the form backend as in production, relays on loopback, a browser."""

import os
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import trustme
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from tests.parts.processes import LOGS, free_port, needs_debian_package
from tests.parts.relays import Mailbox, ScriptedRelay, scripted_relay, smtp_server
from tests.parts.stack import Backend, Serve, build, gunicorn, once, website
from tests.parts.store import StoreServer

pytest_plugins = ["tests.parts.promises"]
os.environ.pop("GITHUB_ACTIONS", None)  # with it, each build of a test would say more

CHROMIUM = "/usr/bin/chromium"
CHROMIUM_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
PATIENCE = 30_000  # milliseconds in which even a busy machine does what a test awaits


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let CI insist that every test runs."""
    parser.addoption("--fail-on-skip", action="store_true", help="a skipped test fails the run")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run where a test was skipped though none may be."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if session.config.getoption("--fail-on-skip") and reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Have a failed test show what the servers logged and what the browser showed."""
    report = yield
    if report.failed:
        for log_file, name in LOGS.items():
            lines = log_file.read_text("utf-8", "replace").splitlines()[-20:]
            report.sections.append((f"The last lines of {name}'s log", "\n".join(lines)))
        browser = getattr(item, "funcargs", {}).get("browser")
        for page in [page for context in browser.contexts for page in context.pages] if browser else []:
            try:
                shown = page.locator("body").aria_snapshot(timeout=5000)
            except PlaywrightError as error:  # a page that never came shows nothing, either
                shown = str(error)
            report.sections.append((f"The browser's page {page.url}", shown))
    return report


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the production site, built once for all workers; read it, never write it."""
    return once(tmp_path_factory, "site", lambda output: build(output, compressed=True))


@pytest.fixture(scope="session")
def shared_mailbox() -> Iterator[Mailbox]:
    """Run one relay for all tests of a worker."""
    with smtp_server() as running:
        yield running


@pytest.fixture
def mailbox(shared_mailbox: Mailbox) -> Mailbox:
    """Return a relay that takes every message, empty."""
    shared_mailbox.received.clear()
    return shared_mailbox


@pytest.fixture(scope="session")
def relay() -> Iterator[ScriptedRelay]:
    """Run one relay that follows a script for all tests of a worker."""
    with scripted_relay() as running:
        yield running


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """Return a certificate authority."""
    return trustme.CA()


@pytest.fixture(scope="session")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the name of the file that FLASK_MAIL_CA_FILE wants, to trust that authority."""
    authority.cert_pem.write_to_path(path := tmp_path_factory.mktemp("authority") / "ca.pem")
    return str(path)


@pytest.fixture(scope="session")
def shared_backend(
    site: Path, shared_mailbox: Mailbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Backend]:
    """Run one form backend for all tests of a worker that need no settings of their own."""
    with gunicorn(site, shared_mailbox.relay, tmp_path_factory.mktemp("backend") / "log") as running:
        yield running


@pytest.fixture
def backend(shared_backend: Backend, mailbox: Mailbox) -> Backend:  # noqa: ARG001 - its relay, emptied
    """Return a form backend in front of the relay of `mailbox`."""
    shared_backend.client.cookies.clear()
    return shared_backend


@pytest.fixture
def serve(site: Path, tmp_path: Path) -> Iterator[Serve]:
    """Return a function that runs a form backend for relays, with variables of its own, for one test."""
    with ExitStack() as stack:

        def start(relays: str, **changed: str) -> Backend:
            log_file = tmp_path / f"log-{time.monotonic_ns()}"
            return stack.enter_context(gunicorn(site, relays, log_file, **changed))

        yield start


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Run Debian's Chromium."""
    needs_debian_package("chromium", CHROMIUM)
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def address(site: Path, backend: Backend) -> Iterator[str]:
    """Return the address of the whole production site, forms included."""
    with website(site, backend.url) as running:
        yield running


@pytest.fixture
def open_context(browser: Browser, address: str) -> Iterator[Callable[..., BrowserContext]]:
    """Return a function that opens a fresh browser context on the site; options are Playwright's."""
    contexts: list[BrowserContext] = []

    def start(**options: Any) -> BrowserContext:
        contexts.append(browser.new_context(base_url=address, **options))
        return contexts[-1]

    yield start
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreServer]:
    """Run one store for all tests of a worker."""
    needs_debian_package("redis-server", "redis-server")
    server = StoreServer(tmp_path_factory.mktemp("store"), free_port())
    server.start()
    yield server
    server.kill()
