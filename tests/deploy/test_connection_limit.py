"""One address cannot hold all of the web server's connections with answers that it does not take in."""

import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from devtools.loopback import HOST
from tests.parts.processes import free_port
from tests.parts.web_server import NAME, WebServer, nginx

ALL, MOST = 64, 20  # connections of nginx, and answers on their way to one address
SETTINGS, HEADERS = 4, 1
WINDOW_OF_NOTHING = struct.pack(">HI", 4, 0)
GET_HOME = bytes([0x82, 0x84, 0x87, 0x41, len(NAME)]) + NAME.encode()  # HPACK's static table, and our name


def frame(kind: int, flags: int, stream: int, content: bytes) -> bytes:
    """Return an HTTP/2 frame."""
    return struct.pack(">I", len(content))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + content


def ask_and_take_nothing(web: WebServer) -> socket.socket:
    """Ask for the home page by HTTP/2 with a window of 0, and return the connection, which stays open."""
    web.tls.set_alpn_protocols(["h2"])
    connection = web.tls.wrap_socket(socket.create_connection((HOST, web.port)), server_hostname=NAME)
    connection.sendall(
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        + frame(SETTINGS, 0, 0, WINDOW_OF_NOTHING)
        + frame(HEADERS, 0b101, 1, GET_HOME)  # the stream's only frame
    )
    connection.recv(9)  # nginx has answered with its own settings
    return connection


@contextmanager
def greedy(web: WebServer) -> Iterator[None]:
    """Have one address hold as many connections as nginx has, less three."""
    with ExitStack() as stack:
        for _ in range(ALL - 3):
            stack.enter_context(ask_and_take_nothing(web))
        yield


def others_are_served(site: Path, folder: Path, most: int) -> bool:
    """Tell whether someone else gets the home page meanwhile, where one address may have so many answers."""
    scale = {"worker_processes": "1", "worker_connections": str(ALL), "limit_conn": f"clients {most}"}
    with nginx(site, folder, f"http://{HOST}:{free_port()}", send_timeout="60s", **scale) as web:
        elsewhere = httpx.HTTPTransport(verify=web.tls, local_address="127.0.0.2")
        with greedy(web), httpx.Client(transport=elsewhere, base_url=web.url, timeout=5) as client:
            try:
                return client.get("/").status_code == 200
            except httpx.TransportError:
                return False


@pytest.mark.parametrize(("most", "served"), [(MOST, True), (10 * ALL, False)])
def test_one_address_does_not_lock_others_out(site: Path, tmp_path: Path, most: int, *, served: bool) -> None:
    """With the limit, others are served while one address takes in nothing; without it, they are not."""
    assert others_are_served(site, tmp_path / "nginx", most) is served


@pytest.mark.parametrize(("send_timeout", "ends"), [("200ms", True), ("60s", False)])
def test_untaken_answer_ends(site: Path, tmp_path: Path, send_timeout: str, *, ends: bool) -> None:
    """A client that takes nothing in is left after the time limit, and not before."""
    times = {"send_timeout": send_timeout, "keepalive_timeout": "200ms"}
    with (
        nginx(site, tmp_path / "nginx", f"http://{HOST}:{free_port()}", **times) as web,
        ask_and_take_nothing(web) as connection,
    ):
        connection.settimeout(20 if ends else 2)
        try:
            while connection.recv(4096):
                pass
            left = True
        except TimeoutError:
            left = False

    assert left is ends
