"""What a person types is in no log, no file and no cookie, and the kernel sees to it."""

import errno
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from devtools.loopback import HOST
from form_backend import sandbox
from form_backend.settings import Settings
from tests.parts.canary import CHANGES_FILES, Canary, files_changed_since, files_with
from tests.parts.processes import ROOT, needs_debian_package, traced
from tests.parts.relays import ScriptedRelay, scripted_relay
from tests.parts.stack import GUNICORN, Backend, environment, gunicorn

LOG_KEYS = {
    *("time", "level", "event", "route", "outcome", "status", "duration_ms", "reference"),
    *("relay", "recipient", "smtp_code", "error", "where"),
}
EXPECTED = {
    "topic that nobody listed": 200,
    "no such page": 404,
    "wrong method": 405,
    "wrong address": 422,
    "trap filled in": 422,
    "token that is none": 422,
    "another site": 403,
    "too large": 413,
    "with a file": 415,
    "thank-you that is none": 404,
    "not HTTP": 400,
    "relay refuses": 503,
    "relay hangs": 503,
    "relay drops": 503,
    "fault": 500,
    "good": 303,
    "thank-you": 200,
    "too many": 429,
}


def live(backend: Backend, relay: ScriptedRelay, site: Path, canary: Canary) -> dict[str, httpx.Response]:
    """Send the canary through every answer that the form backend knows."""
    client, words, mark = backend.client, canary.words, canary.mark
    client.headers.update(
        {"User-Agent": mark, "Referer": f"http://example.com/{mark}", "X-Forwarded-For": mark}
    )
    ours = {"Sec-Fetch-Site": "same-origin"}
    facts = site / "form.json"
    good_facts = facts.read_text("utf-8")
    seen = {
        "topic that nobody listed": client.get("/enquiry/", params={"about": mark}),
        "no such page": client.get(f"/{mark}/"),
        "wrong method": client.put("/enquiry/", data=words),
        "wrong address": backend.post(words | {"email": mark}),
        "trap filled in": backend.post(words | {"website": mark}),
        "token that is none": client.post("/enquiry/", data=words | {"token": mark}, headers=ours),
        "another site": client.post("/enquiry/", data=words, headers={"Sec-Fetch-Site": "cross-site"}),
        "too large": backend.post(words | {"message": mark * 20_000}),
        "with a file": client.post(
            "/enquiry/", data=words, files={"file": (mark, mark.encode())}, headers=ours
        ),
        "thank-you that is none": client.get("/enquiry/sent/", params={"ref": mark}),
        "not HTTP": not_http(backend, mark),
    }
    relay.follow(RCPT=(f"550 {mark}@example.com is nobody\r\n".encode(),))
    seen["relay refuses"] = backend.post(words)
    relay.follow(EHLO=(3600.0,))
    seen["relay hangs"] = backend.post(words)
    relay.follow(taken=(None,))
    seen["relay drops"] = backend.post(words)
    relay.follow()
    shown = backend.form()
    # So many days lie beyond the calendar, which the code notices only while it writes the mail.
    facts.write_text(json.dumps(json.loads(good_facts) | {"answer_days": 10**9}))
    seen["fault"] = backend.post(words, shown=shown)
    facts.write_text(good_facts)
    seen["good"] = backend.post(words)
    seen["thank-you"] = client.get(seen["good"].headers["Location"])
    seen["too many"] = backend.post(words | {"message": f"{mark} once more"})
    return seen


def not_http(backend: Backend, mark: str) -> httpx.Response:
    """Say something that is not HTTP, and return the answer's status and body."""
    url = urlsplit(backend.url)
    with socket.create_connection((url.hostname, url.port)) as connection:
        connection.sendall(f"{mark} /{mark} {mark}\r\n{mark}\r\n\r\n".encode())
        answer = connection.makefile("rb").read()
    return httpx.Response(int(answer.split()[1]), content=answer)


@dataclass
class Life:
    """What was left of a session."""

    canary: Canary
    began: float
    seen: dict[str, httpx.Response]
    backend: Backend
    trace: list[str]


@pytest.fixture(scope="module")
def life(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    """Live through a session of good, bad and failing posts, watched by strace where it is there."""
    folder = tmp_path_factory.mktemp("life")
    own_site = shutil.copytree(site, folder / "site")
    limits = {"FLASK_PERSON_LIMIT": "1 per hour", "FLASK_MAIL_DEADLINE": "1"}
    with ExitStack() as stack:
        relay = stack.enter_context(scripted_relay())
        backend = stack.enter_context(gunicorn(own_site, relay.relay, folder / "log", **limits))
        backend.form()
        trace = folder / "trace"
        trace.touch()
        canary, began = Canary(), time.time()
        with (
            traced(backend.process, output=trace, calls="%file,ftruncate,memfd_create")
            if shutil.which("strace")
            else nullcontext()
        ):
            seen = live(backend, relay, own_site, canary)
        yield Life(canary, began, seen, backend, trace.read_text().splitlines())


def test_every_answer_was_given(life: Life) -> None:
    """The session that the tests below examine met every kind of answer."""
    assert {name: answer.status_code for name, answer in life.seen.items()} == EXPECTED


@pytest.mark.promise("not-stored")
def test_log_holds_nothing_typed(life: Life) -> None:
    """Each log line is JSON with known keys and holds no typed word, network address or user agent."""
    text = life.backend.log_file.read_bytes()

    assert len(life.backend.log) > len(EXPECTED)
    assert {key for line in life.backend.log for key in line} <= LOG_KEYS
    assert not life.canary.found_in(text)
    assert HOST.encode() not in text


@pytest.mark.promise("no-third-party")
def test_no_cookie(life: Life) -> None:
    """No answer sets a cookie."""
    assert not [name for name, answer in life.seen.items() if "Set-Cookie" in answer.headers]


@pytest.mark.promise("not-stored")
def test_no_file_holds_what_was_typed(life: Life) -> None:
    """No file that changed since the session began holds a word, by name or by content."""
    roots = {tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm", str(Path.home()), str(ROOT)}  # noqa: S108

    assert str(life.backend.log_file) in files_changed_since(life.began, roots)
    assert not files_with(life.canary, life.began, roots)


@pytest.mark.promise("not-stored")
def test_no_file_is_opened_for_writing(life: Life) -> None:
    """While it serves, the process opens no file for writing and creates, renames or removes none."""
    needs_debian_package("strace", "strace")

    assert any("form.json" in line for line in life.trace)
    assert not [line for line in life.trace if CHANGES_FILES.search(line)]


def test_healthz_tells_nothing(life: Life) -> None:
    """/healthz answers 200 and is not logged."""
    lines = len(life.backend.log)

    answer = life.backend.client.get("/healthz")

    assert answer.status_code == 200
    assert len(life.backend.log) == lines


ALLOWED = {"read", "list", "connect to the relay", "connect to the shared limiter"}


def try_everything(folder: Path, relay: int, limiter: int, other: int) -> dict[str, str]:
    """Try what the sandbox forbids and what it allows; say of each `done` or the error's name."""
    acts: dict[str, Callable[[], object]] = {
        "read": (folder / "kept").read_bytes,
        "list": lambda: list(folder.iterdir()),
        "connect to the relay": lambda: socket.create_connection((HOST, relay)).close(),
        "connect to the shared limiter": lambda: socket.create_connection((HOST, limiter)).close(),
        "connect elsewhere": lambda: socket.create_connection((HOST, other)).close(),
        "create": (folder / "new").touch,
        "create in /tmp": lambda: tempfile.TemporaryFile(dir="/tmp").close(),
        "create in /dev/shm": lambda: tempfile.TemporaryFile(dir="/dev/shm").close(),
        "create from a thread": lambda: ThreadPoolExecutor().submit((folder / "threaded").touch).result(),
        "overwrite": lambda: (folder / "kept").open("r+b").close(),
        "append": lambda: (folder / "kept").open("ab").close(),
        "truncate": lambda: os.truncate(folder / "kept", 0),
        "rename": lambda: (folder / "moved").rename(folder / "renamed"),
        "remove": (folder / "doomed").unlink,
        "make a folder": (folder / "folder").mkdir,
        "remove a folder": (folder / "empty").rmdir,
        "link": lambda: (folder / "link").hardlink_to(folder / "kept"),
        "symlink": lambda: (folder / "symlink").symlink_to("kept"),
        "make a pipe": lambda: os.mkfifo(folder / "pipe"),
        "make a socket": lambda: socket.socket(socket.AF_UNIX).bind(str(folder / "socket")),
    }
    return {name: outcome(act) for name, act in acts.items()}


def outcome(act: Callable[[], object]) -> str:
    """Do it, and say how it went."""
    try:
        act()
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return "done"


def main(sandboxed: str, folder: str, *ports: str) -> None:
    """Try everything in a process of its own, inside the sandbox or outside."""
    if sandboxed == "inside":
        sandbox.enter(Settings.from_environ())
    json.dump(try_everything(Path(folder), *map(int, ports)), sys.stdout)


@pytest.mark.promise("not-stored")
@pytest.mark.parametrize("where", ["inside", "outside"])
def test_sandbox(site: Path, tmp_path: Path, where: str) -> None:
    """Inside the sandbox no file can be changed and no other port reached; outside it all of that works."""
    (tmp_path / "empty").mkdir()
    for name in ("kept", "moved", "doomed"):
        (tmp_path / name).write_text("text")
    with ExitStack() as stack:
        listeners = [stack.enter_context(socket.create_server((HOST, 0))) for _ in range(3)]
        ports = [str(listener.getsockname()[1]) for listener in listeners]
        variables = environment(
            site, f"smtp://{HOST}:{ports[0]}", FLASK_LIMITS_URL=f"redis://{HOST}:{ports[1]}"
        )
        run = "import sys; from tests.form_backend.test_nothing_stored import main; main(*sys.argv[1:])"
        tried = subprocess.run(
            [sys.executable, "-B", "-c", run, where, str(tmp_path), *ports],
            cwd=ROOT,
            env=variables,
            stdout=subprocess.PIPE,
            check=True,
        )

    outcomes: dict[str, str] = json.loads(tried.stdout)
    done = {name for name, word in outcomes.items() if word == "done"}
    assert done == (ALLOWED if where == "inside" else outcomes.keys())
    assert set(outcomes.values()) <= {"done", "EACCES"}


def without_landlock(command: list[str], variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command on a kernel that knows no Landlock: strace answers its calls as such a kernel does."""
    needs_debian_package("strace", "strace")
    inject = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=landlock_create_ruleset:error=ENOSYS"]
    return subprocess.run(
        [*inject, *command],
        cwd=ROOT,
        env=variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_refusal_without_landlock(site: Path) -> None:
    """Where the kernel cannot enforce the sandbox, production does not start and says why."""
    ended = without_landlock(GUNICORN, environment(site, f"smtp://{HOST}:25", BIND=f"{HOST}:0"))

    assert ended.returncode != 0
    assert ended.stderr.startswith("FLASK_REQUIRE_SANDBOX ")
    assert ended.stderr.count("\n") == 1


def test_start_without_landlock(site: Path) -> None:
    """Where the operator switched the sandbox off, the app starts and logs that in one line."""
    variables = environment(site, f"smtp://{HOST}:25", FLASK_REQUIRE_SANDBOX="0")

    started = without_landlock(
        [sys.executable, "-c", "import form_backend; form_backend.create_app()"], variables
    )

    events: list[dict[str, Any]] = [json.loads(line) for line in started.stderr.splitlines()]
    assert [line["event"] for line in events] == ["unsandboxed", "started"]
