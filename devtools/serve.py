"""Serve the website for those who work on it: `make serve` runs this.

One address, http://127.0.0.1:PORT/, shows the pages, the forms and the outbox. Behind it stand, each a
process of its own and reachable from this machine alone:

- the front (devtools/front.py), in this process, on PORT;
- the form backend as in production (gunicorn with deploy/gunicorn.conf.py) on PORT+1;
- the mail catcher (devtools/mail_catcher.py): SMTP on PORT+2, the outbox's pages on PORT+3;
- the builder (devtools/builder.py), which builds the site into preview/ after every save.

Ctrl-C ends all of them, and so does whatever else ends this process.
"""

import argparse
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from threading import Thread
from typing import IO, Any

from watchfiles import watch

from devtools import editor
from devtools.front import Builds, create_front
from devtools.loopback import HOST, quiet_server, refuse_taken_ports

PREVIEW = Path("preview")
SETTINGS = Path("pelicanconf.py").resolve()
SITE_SOURCES = [*(Path(name).resolve() for name in ("content", "theme", "plugins")), SETTINGS]
LABELS = Path("form_backend/labels.py").resolve()  # the build compares them with the statement
FORM_SOURCES = [Path(name).resolve() for name in ("form_backend", "deploy")]
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SECRET = secrets.token_urlsafe(32)  # outlives a restart of the form backend, so an open form still sends
SETPRIV = shutil.which("setpriv")  # Linux's alone
PYTHON = [*([SETPRIV, "--pdeathsig", "TERM"] if SETPRIV else []), sys.executable, "-m"]


def form_environment(port: int) -> dict[str, str]:
    """Return the form backend's environment, free of the developer's own settings for Flask and gunicorn."""
    site = json.loads((PREVIEW / "form.json").read_text("utf-8"))
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("FLASK_", "GUNICORN_"))}
    return inherited | {
        "FLASK_SECRET_KEY": SECRET,
        "FLASK_MAIL_RELAYS": f"smtp://{HOST}:{port + 2}",
        "FLASK_MAIL_FROM": "website@example.org",
        "FLASK_BOUNCES_TO": "bounces@example.org",
        "FLASK_ENQUIRIES_TO": "sales@example.org",
        "FLASK_REQUESTS_TO": site["requests_email"],
        "FLASK_SITE_DIR": str(PREVIEW),
        "FLASK_TRUSTED_PROXIES": "1",
        "FLASK_REQUIRE_SANDBOX": "0",
    }


@contextmanager
def running(
    *command: str,
    env: dict[str, str] | None = None,
    stdout: IO[str] | int = sys.stderr,
    pass_fds: Sequence[int] = (),
) -> Iterator[subprocess.Popen[str]]:
    """Run a module in its own process group, which Ctrl-C does not reach, and end the group afterwards."""
    process = subprocess.Popen(
        [*PYTHON, *command],
        env=env,
        stdin=subprocess.PIPE,
        stdout=stdout,
        text=True,
        start_new_session=True,
        pass_fds=pass_fds,
    )
    try:
        yield process
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def answers(process: subprocess.Popen[str], port: int, path: str) -> bool:
    """Return whether a server answers within 20 seconds, and before its process ends."""
    deadline = time.monotonic() + 20
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with closing(HTTPConnection(HOST, port, timeout=2)) as connection:
                connection.request("GET", path)
                return connection.getresponse().status == HTTPStatus.OK
        except (OSError, HTTPException):
            time.sleep(0.05)
    return False


class FormBackend:
    """Gunicorn with the form backend, as in production, restarted when its code changes."""

    def __init__(self, port: int, processes: ExitStack) -> None:
        """Prepare to run it on the port after the site's, until the other processes end."""
        self.port = port
        self.stack = processes.enter_context(ExitStack())
        self.serves = False

    def start(self) -> None:
        """Start it, after ending the one that runs; requests wait until it serves."""
        self.stack.close()
        # What the configuration names in its stead is Linux's.
        command = ["gunicorn", "-c", "deploy/gunicorn.conf.py", "--worker-tmp-dir", str(PREVIEW)]
        with socket.create_server((HOST, self.port + 1)) as listener:
            env = form_environment(self.port) | {"BIND": f"fd://{listener.fileno()}"}
            process = running(*command, env=env, pass_fds=[listener.fileno()])
            self.process = self.stack.enter_context(process)

    def ready(self) -> bool:
        """Wait until it serves or has ended, and return whether it serves."""
        self.serves = answers(self.process, self.port + 1, "/healthz")
        return self.serves

    def raise_if_ended(self) -> None:
        """End everything if it has ended unexpectedly."""
        if self.serves and self.process.poll() is not None:
            raise SystemExit(f"The form backend ended unexpectedly (exit code {self.process.returncode}).")


def built(builder: subprocess.Popen[str]) -> dict[str, Any]:
    """Wait for a build, and return its result."""
    answer = builder.stdout.readline() if builder.stdout else ""
    if not answer:
        raise SystemExit("The builder ended unexpectedly.")
    result: dict[str, Any] = json.loads(answer)
    return result


def rebuilt(builder: subprocess.Popen[str]) -> dict[str, Any]:
    """Have the site built again, and return the result."""
    with suppress(BrokenPipeError):
        print(file=builder.stdin, flush=True)
    return built(builder)


def saves() -> Iterator[set[Path]]:
    """Yield the files that were saved, and an empty set five times a second."""
    while True:
        # A set is complete when nothing more was saved for one step (in milliseconds).
        for changes in watch(*SITE_SOURCES, *FORM_SOURCES, step=5, rust_timeout=200, yield_on_timeout=True):
            saved = {Path(path) for _, path in changes}
            yield saved
            if SETTINGS in saved:  # an editor may have replaced it, which ends the kernel's watch on it
                break


def among(saved: set[Path], sources: list[Path]) -> bool:
    """Return whether anything saved belongs to these sources."""
    return any(path.is_relative_to(source) for path in saved for source in sources)


def announce(port: int) -> None:
    """Print where the rest is."""
    print(f"Form    http://{HOST}:{port}/enquiry/")
    print(f"Outbox  http://{HOST}:{port}/outbox/", flush=True)
    from form_backend.sandbox import is_enforceable  # noqa: PLC0415 - once the site is shown: it loads much

    if not is_enforceable():
        print("Without the sandbox: only Linux 6.7 and newer can enforce it.", flush=True)
    if not SETPRIV:
        print("Without setpriv: end this with Ctrl and C, or parts of it stay.", flush=True)


def serve(port: int, processes: ExitStack) -> None:
    """Start everything, then rebuild and restart after saves until interrupted."""
    command = ["devtools.mail_catcher", f"--smtp-port={port + 2}", f"--http-port={port + 3}"]
    catcher = processes.enter_context(running(*command))
    builder = processes.enter_context(running("devtools.builder", stdout=subprocess.PIPE))
    saved_sets = saves()
    next(saved_sets)  # from here on no save is missed
    result = built(builder)
    while not result["built"]:
        next(saved for saved in saved_sets if among(saved, SITE_SOURCES))
        result = rebuilt(builder)
    forms = FormBackend(port, processes)
    forms.start()
    builds = Builds(result["mistakes"])
    front = create_front(PREVIEW, f"http://{HOST}:{port + 1}", f"http://{HOST}:{port + 3}", builds)
    Thread(target=quiet_server(port, front).serve_forever, daemon=True).start()
    print(f"Site    http://{HOST}:{port}/", flush=True)  # its forms wait for the form backend
    if not forms.ready():
        raise SystemExit("The form backend did not start.")
    if not answers(catcher, port + 3, "/outbox/"):
        raise SystemExit("The mail catcher did not start.")
    announce(port)
    catcher_runs = True
    for saved in saved_sets:
        if among(saved, [*SITE_SOURCES, LABELS]):
            builds.announce(**rebuilt(builder))
        if among(saved, FORM_SOURCES):
            forms.start()
            if not forms.ready():
                print("The form backend did not start: correct it and save.", file=sys.stderr)
        forms.raise_if_ended()
        if catcher_runs and catcher.poll() is not None:
            catcher_runs = False
            print("The mail catcher ended. Start it again:", ".venv/bin/python -m", *command, file=sys.stderr)


def end(*_: object) -> None:
    """End everything in order, and ignore further signals meanwhile."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="python -m devtools.serve", description="Serve the website locally."
    )
    parser.add_argument("--port", type=int, default=8000, help="the first of four ports (default 8000)")
    port = parser.parse_args().port
    editor.check()
    cure = f"end what uses it, or take others with `make serve PORT={port + 100}`"
    refuse_taken_ports(range(port, port + 4), cure)
    for number in SIGNALS:
        signal.signal(number, end)
    shutil.rmtree(PREVIEW, ignore_errors=True)
    PREVIEW.mkdir()
    with suppress(KeyboardInterrupt), ExitStack() as processes:
        serve(port, processes)


if __name__ == "__main__":
    main()
