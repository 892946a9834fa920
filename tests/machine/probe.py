"""Run inside a copy of the form backend's unit: try each way to a disk or to others, and print how it went.

Outside, as root and without the sandbox, the same ways are open: what is closed is closed by the unit.
"""

import ctypes
import errno
import json
import os
import resource
import socket
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

GATEWAY, NOT_ALLOWED = "10.0.2.2", "10.0.2.4"  # the relay's address, and one that is not allowed
RELAY_PORT, OTHER_PORT = 465, 9418
MSG_FASTOPEN, IPPROTO_MPTCP = 0x20000000, 262
IO_URING_SETUP, ADD_KEY, MQ_OPEN, SETXATTR, MSGGET = 425, 248, 240, 188, 68
libc = ctypes.CDLL(None, use_errno=True)


def call(number: int, *arguments: object) -> None:
    """Make a system call, and raise OSError where it fails."""
    if libc.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), "")


def connect(port: int, host: str = GATEWAY, protocol: int = 0) -> None:
    """Open a TCP connection, or one by MPTCP."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol) as one:
        one.settimeout(5)
        one.connect((host, port))


def fast_open() -> None:
    """Send with the first packet of a TCP connection, without a call to connect."""
    with socket.socket() as one:
        one.settimeout(5)
        with suppress(BlockingIOError):  # the packet is on its way
            one.sendto(b"x", MSG_FASTOPEN, (GATEWAY, OTHER_PORT))


def datagram(host: str) -> None:
    """Send a datagram."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.sendto(b"x", (host, 53))


def system_log() -> None:
    """Write to the system's log."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
        one.sendto(b"<13>probe", "/dev/log")


def attribute() -> None:
    """Set an attribute of a file that was opened before."""
    call(SETXATTR, str(Path(__file__)).encode(), b"user.probe", b"x", 1, 0)


def dump_core() -> None:
    """Raise where a crash would leave no core dump."""
    if resource.getrlimit(resource.RLIMIT_CORE) == (0, 0):
        raise OSError(errno.EPERM, "")


def swap() -> None:
    """Raise where the unit's memory may not be swapped."""
    group = Path("/proc/self/cgroup").read_text().strip().partition("::")[2]
    limit = Path(f"/sys/fs/cgroup{group}/memory.swap.max")
    if limit.exists() and limit.read_text().strip() == "0":
        raise OSError(errno.EPERM, "")


WAYS: dict[str, Callable[[], object]] = {
    "read": lambda: Path("/srv/website/current/index.html").read_bytes(),
    "connect to the relay": lambda: connect(RELAY_PORT),
    "ask the resolver": lambda: datagram(GATEWAY),
    "write in /tmp": lambda: tempfile.TemporaryFile(dir="/tmp").close(),
    "write in /var/tmp": lambda: tempfile.TemporaryFile(dir="/var/tmp").close(),
    "write in /dev/shm": lambda: tempfile.TemporaryFile(dir="/dev/shm").close(),
    "write in the site": lambda: Path("/srv/website/current/probe").touch(),
    "write in /run": lambda: Path("/run/probe").touch(),
    "set a file's attribute": attribute,
    "TCP to another port": lambda: connect(OTHER_PORT),
    "TCP to another host": lambda: connect(RELAY_PORT, NOT_ALLOWED),
    "MPTCP to another port": lambda: connect(OTHER_PORT, protocol=IPPROTO_MPTCP),
    "fast open to another port": fast_open,
    "UDP to another host": lambda: datagram(NOT_ALLOWED),
    "io_uring": lambda: call(IO_URING_SETUP, 8, ctypes.create_string_buffer(256)),
    "system log": system_log,
    "keyring": lambda: call(ADD_KEY, b"user", b"probe", b"x", 1, -5),
    "message queue": lambda: call(MQ_OPEN, b"probe", os.O_CREAT | os.O_RDWR, 0o600, None),
    "System V message queue": lambda: call(MSGGET, 4711, 0o1600),
    "core dump": dump_core,
    "swap": swap,
}


def outcome(way: Callable[[], object]) -> str:
    """Try, and say how it went."""
    try:
        way()
    except TimeoutError:
        return "no answer"
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, "refused")
    return "done"


if __name__ == "__main__":
    if sys.argv[1] == "inside":
        from form_backend import create_app

        create_app()
    print(f"\nPROBE {json.dumps({name: outcome(way) for name, way in WAYS.items()})}", flush=True)
