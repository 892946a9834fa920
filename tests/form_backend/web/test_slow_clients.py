"""Clients that send or read a few bytes at a time hold nobody else up."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from devtools.loopback import HOST
from tests.parts.forms import ENQUIRY
from tests.parts.processes import free_port, needs_debian_package, until
from tests.parts.relays import Mailbox
from tests.parts.stack import Backend, Serve
from tests.parts.web_server import nginx

# That few, so that few slow clients could hold them all.
CONNECTIONS = {"GUNICORN_CMD_ARGS": "--worker-connections=4"}
EACH = 20
SLOW = {
    "headers": ["-H"],
    "body": ["-B", "-t", "POST"],
    "read": ["-X", "-w", "1", "-y", "1", "-n", "5", "-z", "1"],
}


def connections(port: int) -> int:
    """Count the connections that are up at a port of ours."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text("utf-8").splitlines()[1:]]
    return sum(line[1].endswith(f":{port:04X}") and line[3] == "01" for line in lines)


@contextmanager
def slow_clients(url: str, port: int, *modes: str) -> Iterator[None]:
    """Have slow clients of these kinds connected to a port."""
    needs_debian_package("slowhttptest", "slowhttptest")
    command = ["slowhttptest", "-c", str(EACH), "-r", "100", "-i", "5", "-l", "60", "-u", f"{url}/enquiry/"]
    running = [subprocess.Popen([*command, *SLOW[mode]], stdout=subprocess.DEVNULL) for mode in modes]
    try:
        until(lambda: connections(port) >= EACH * len(modes))
        yield
    finally:
        for process in running:
            process.kill()
            process.wait(timeout=60)


def test_nginx_with_slow_clients(serve: Serve, mailbox: Mailbox, site: Path, tmp_path: Path) -> None:
    """With clients connected that send headers or bodies or read slowly, nginx passes an enquiry on."""
    folder, port = tmp_path / "nginx", free_port()
    backend = serve(mailbox.relay, FLASK_TRUSTED_PROXIES="1", **CONNECTIONS)
    # slowhttptest names no server in TLS, which our configuration wants: it gets a port of its own.
    nameless = {"ssl_certificate": f"{folder}/fullchain.pem; listen {HOST}:{port} ssl http2"}
    with ExitStack() as stack:
        web = stack.enter_context(nginx(site, folder, backend.url, **nameless))
        elsewhere = httpx.HTTPTransport(verify=web.tls, local_address="127.0.0.2")  # posts count by address
        client = stack.enter_context(httpx.Client(transport=elsewhere, base_url=web.url))
        stack.enter_context(slow_clients(f"https://{HOST}:{port}", port, *SLOW))

        answer = Backend(web.url, backend.process, backend.log_file, client).enquire()

        assert answer.status_code == 303
        assert connections(port) >= EACH * len(SLOW)


def test_gunicorn_with_slow_clients(serve: Serve, mailbox: Mailbox) -> None:
    """With slow clients connected and no web server in front, an enquiry is delivered."""
    backend = serve(mailbox.relay)
    shown, port = backend.form(), httpx.URL(backend.url).port or 0
    with slow_clients(backend.url, port, *SLOW):
        answer = backend.post(ENQUIRY, shown=shown)

    assert answer.status_code == 303
