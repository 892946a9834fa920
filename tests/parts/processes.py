"""Processes that tests start: what they need, how to wait for them, their logs and their system calls."""

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from devtools.loopback import HOST

Found = TypeVar("Found")
ROOT = Path(__file__).parents[2]
PATIENCE = 60  # seconds
LOGS: dict[Path, str] = {}
"""The logs of the servers that are running, with the servers' names; a test that fails shows them."""


def needs_debian_package(package: str, program: str) -> None:
    """Skip the test, naming the package, where its program is not there."""
    if not (shutil.which(program) or Path(program).exists()):
        pytest.skip(f"needs the Debian package {package}")


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.create_server((HOST, 0)) as probe:
        return int(probe.getsockname()[1])


def until(wanted: Callable[[], Found], look_every: float = 0.01) -> Found:
    """Wait until something is true, and return it; fail after more time than any working machine needs."""
    gives_up = time.monotonic() + PATIENCE
    while not (found := wanted()):
        if time.monotonic() > gives_up:
            pytest.fail(f"It did not happen within {PATIENCE} seconds.")
        time.sleep(look_every)
    return found


@contextmanager
def logging_to(log_file: Path, name: str) -> Iterator[None]:
    """Have a test that fails meanwhile show the end of a server's log."""
    LOGS[log_file] = name
    try:
        yield
    finally:
        del LOGS[log_file]


def listens(port: int) -> bool:
    """Tell whether something takes connections on this port."""
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def children(process: subprocess.Popen[bytes]) -> list[int]:
    """Return the ids of the processes that a process has started: gunicorn's workers."""
    return [*map(int, Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text("utf-8").split())]


@contextmanager
def traced(
    *processes: subprocess.Popen[bytes], output: Path, calls: str, options: Sequence[str] = ()
) -> Iterator[None]:
    """Have strace note in a file the system calls of processes and their children, as they run now."""
    pids = [str(pid) for process in processes for pid in (process.pid, *children(process))]
    command = ["strace", "-f", "-qq", *options, "-o", str(output), "-e", f"trace={calls}"]
    tracer = subprocess.Popen([*command, *(option for pid in pids for option in ("-p", pid))])
    threads = [status for pid in pids for status in Path(f"/proc/{pid}/task").glob("*/status")]
    until(lambda: tracer.poll() or all("TracerPid:\t0\n" not in status.read_text() for status in threads))
    assert tracer.poll() is None, "strace ended"
    try:
        yield
    finally:
        tracer.terminate()
        tracer.wait(timeout=60)
