"""The real parts that tests run: the build, the form backend under gunicorn, the website."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
from filelock import FileLock

from devtools.front import create_front
from devtools.loopback import HOST, quiet_server
from tests.parts.forms import ENQUIRY, SECRET, token
from tests.parts.processes import ROOT, logging_to

PROJECT = [
    *("content", "deploy", "devtools", "docs", "form_backend", "plugins", "theme"),
    *("Makefile", "pelicanconf.py", "publishconf.py"),
]


def checkout(folder: Path) -> Path:
    """Copy the project into a folder, without the tests and what is made, and return it."""
    folder.mkdir(exist_ok=True)
    for name in PROJECT:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    return folder


def build_project(project: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Build the production site of a copy of the project into its own output/."""
    command = [
        sys.executable,
        "-m",
        "pelican",
        "-s",
        "publishconf.py",
        "--fatal",
        "warnings",
        "--log-handler",
        "plain",
    ]
    command += ["-e", "PRECOMPRESS_BROTLI=false", "PRECOMPRESS_GZIP=false"]
    return subprocess.run(
        command, cwd=project, env=os.environ | environment, capture_output=True, text=True, check=False
    )


class BuildError(Exception):
    """A build that failed, in its own words."""


def build(
    output: Path,
    content: Path = ROOT / "content",
    settings: str = "publishconf.py",
    *,
    compressed: bool = False,
    **environment: str,
) -> None:
    """Build a site into a folder, by default the production one of this checkout, warnings fatal."""
    command = [sys.executable, "-m", "pelican", str(content), "-s", settings, "-o", str(output)]
    command += ["--fatal", "warnings", "--log-handler", "plain"]
    if not compressed:  # half of the time, and only the web server reads it
        command += ["-e", "PRECOMPRESS_BROTLI=false", "PRECOMPRESS_GZIP=false"]
    finished = subprocess.run(
        command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    if finished.returncode:
        raise BuildError(finished.stderr) from None


def once(tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """Return a folder that one worker makes and all workers share."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    with FileLock(shared / f"{name}.lock"):
        if not (shared / name).exists():
            make(shared / f"{name}.unfinished")
            (shared / f"{name}.unfinished").rename(shared / name)
    return shared / name


def statement_in_force() -> str:
    """Return the day from which the statement in force today holds, as content/ has it."""
    today = datetime.now(UTC).date().isoformat()
    files = {path.stem: path.read_text("utf-8") for path in (ROOT / "content/privacy").glob("*.md")}
    return max(day for day, text in files.items() if day <= today and "\nStatus: draft\n" not in text)


def put_on_record(content: Path) -> None:
    """Note every version of the statement that is no draft as published, which every build asks for."""
    record = content / "published.toml"
    addresses = record.read_text("utf-8").partition("[statement]")[0] if record.exists() else ""
    versions = [
        path for path in content.glob("privacy/*.md") if "\nStatus: draft\n" not in path.read_text("utf-8")
    ]
    lines = [f'{path.stem} = "{sha256(path.read_bytes()).hexdigest()}"\n' for path in versions]
    record.write_text(f"{addresses}[statement]\n{''.join(lines)}", "utf-8")


def addresses(site: Path) -> dict[str, Path]:
    """Return every page of the built site by its address."""
    return {f"/{file.relative_to(site)}".removesuffix("index.html"): file for file in site.rglob("*.html")}


@dataclass
class Backend:
    """The form backend under gunicorn, as in production."""

    url: str
    process: subprocess.Popen[bytes]
    log_file: Path
    client: httpx.Client

    def form(self, path: str = "/enquiry/") -> httpx.Response:
        """Fetch a form's page."""
        return self.client.get(path)

    def post(
        self, words: dict[str, str], path: str = "/enquiry/", shown: httpx.Response | None = None
    ) -> httpx.Response:
        """Send a form with the token of a page that showed it; a fresh page, unless one is given."""
        posted = {"token": token(shown or self.form(path))} | words
        return self.client.post(path, data=posted, headers={"Sec-Fetch-Site": "same-origin"})

    def enquire(self, **changed: str) -> httpx.Response:
        """Send a good enquiry, with some words of it changed."""
        return self.post(ENQUIRY | changed)

    def logged(self, event: str, since: int = 0) -> list[dict[str, Any]]:
        """Return the log's lines about one kind of event, after so many lines."""
        return [line for line in self.log[since:] if line["event"] == event]

    @property
    def log(self) -> list[dict[str, Any]]:
        """Return the log's lines, each of them JSON."""
        return [json.loads(line) for line in self.log_file.read_text("utf-8").splitlines()]


def environment(site: Path, relays: str, **changed: str) -> dict[str, str]:
    """Return the form backend's environment for tests: no minimum age, limits out of the way."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("FLASK_")}
    return (
        inherited
        | {
            "FLASK_SECRET_KEY": SECRET,
            "FLASK_MAIL_RELAYS": relays,
            "FLASK_MAIL_FROM": "website@example.org",
            "FLASK_BOUNCES_TO": "bounces@example.org",
            "FLASK_ENQUIRIES_TO": "sales@example.org",
            "FLASK_REQUESTS_TO": json.loads((site / "form.json").read_text("utf-8"))["requests_email"],
            "FLASK_SITE_DIR": str(site),
            "FLASK_TOKEN_MIN_AGE": "0",
            "FLASK_PERSON_LIMIT": "100000 per hour",
            "FLASK_POST_LIMIT": "100000 per hour",
            "FLASK_SITE_LIMIT": "100000 per minute",
        }
        | changed
    )


GUNICORN = [sys.executable, "-m", "gunicorn", "-c", "deploy/gunicorn.conf.py"]
Serve = Callable[..., Backend]


def wait_until_it_serves(client: httpx.Client, process: subprocess.Popen[bytes], log_file: Path) -> None:
    """Return once the form backend answers; one that ended instead shows why."""
    while process.poll() is None:
        try:
            client.get("/healthz", timeout=1).raise_for_status()
        except httpx.TimeoutException:
            continue
        return
    pytest.fail(f"The form backend ended:\n{log_file.read_text('utf-8')}", pytrace=False)


def gunicorn(site: Path, relays: str, log_file: Path, **changed: str) -> AbstractContextManager[Backend]:
    """Run this checkout's form backend."""
    return gunicorn_of(ROOT, site, relays, log_file, changed)


@contextmanager
def gunicorn_of(
    project: Path, site: Path, relays: str, log_file: Path, changed: dict[str, str]
) -> Iterator[Backend]:
    """Run the form backend; the listening socket is ours at first, so that no request can come too early."""
    with socket.create_server((HOST, 0), backlog=512) as listener, log_file.open("wb") as log:
        process = subprocess.Popen(
            GUNICORN,
            cwd=project,
            env=environment(site, relays, BIND=f"fd://{listener.fileno()}", **changed),
            pass_fds=[listener.fileno()],
            stderr=log,
        )
        url = f"http://{HOST}:{listener.getsockname()[1]}"
        try:
            limits = httpx.Limits(max_connections=None)
            with (
                logging_to(log_file, "the form backend"),
                httpx.Client(base_url=url, timeout=60, limits=limits) as client,
            ):
                wait_until_it_serves(client, process, log_file)
                listener.close()  # once gunicorn stops, nothing may answer at its port
                yield Backend(url, process, log_file, client)
        finally:
            process.send_signal(signal.SIGQUIT)  # without waiting for what is in flight
            process.wait(timeout=60)


@contextmanager
def website(site: Path, forms: str) -> Iterator[str]:
    """Serve the whole site, pages and forms, at one address, as the web server does in production."""
    server = quiet_server(0, create_front(site, forms))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://{HOST}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
