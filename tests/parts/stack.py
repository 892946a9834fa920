"""The real parts that tests run: the build, the form backend under gunicorn, SMTP servers, the website."""

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import socketserver
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx
import lxml.html
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from devtools.front import create_front
from devtools.loopback import HOST, quiet_server
from devtools.mail_catcher import Mail

ROOT = Path(__file__).parents[2]
ORGANISATION = tomllib.loads((ROOT / "content/organisation.toml").read_text("utf-8"))
SECRET = "a secret that only the tests have: 0123456789"  # noqa: S105 - it guards nothing
REFERENCE = re.compile(r"[2-9A-HJ-NP-Z]{4}-[2-9A-HJ-NP-Z]{4}")
ENQUIRY = {
    "name": "Thandeka O'Brien-Dlamini",
    "phone": "082 123 4567",
    "email": "thandeka@example.com",
    "sector": ORGANISATION["enquiry"]["sectors"][0],
    "message": "Which pipes are older than forty years?",
}


def needs_debian_package(package: str, program: str) -> None:
    """Skip the test, naming the package, where its program is not there."""
    if not (shutil.which(program) or Path(program).exists()):
        pytest.skip(f"needs the Debian package {package}")


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
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, env=os.environ | environment)


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


@dataclass(frozen=True)
class Received(Mail):
    """One message as a real SMTP server took it, with the options of its envelope."""

    options: list[str] = field(default_factory=list)


@dataclass
class Mailbox:
    """What arrived, and the address of the relay that took it."""

    port: int = 0
    received: list[Received] = field(default_factory=list)

    @property
    def relay(self) -> str:
        """Return the relay as FLASK_MAIL_RELAYS wants it, in clear text."""
        return f"smtp://{HOST}:{self.port}"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep a message (aiosmtpd calls this by its name) and accept it."""
        assert envelope.mail_from is not None
        assert isinstance(envelope.original_content, bytes)
        sender, recipients, source = envelope.mail_from, envelope.rcpt_tos, envelope.original_content
        self.received.append(Received(sender, recipients, source, options=envelope.mail_options))
        return "250 taken"


class ClosingController(Controller):
    """aiosmtpd's server; when it stops, it hangs up on clients that keep their connections."""

    def __init__(self, *args: Any, **options: Any) -> None:
        """Remember each conversation."""
        super().__init__(*args, **options)
        self.conversations: list[SMTP] = []

    def factory(self) -> SMTP:
        """Begin a conversation (aiosmtpd calls this by its name)."""
        conversation: SMTP = super().factory()  # type: ignore[no-untyped-call]  # aiosmtpd's own
        self.conversations.append(conversation)
        return conversation

    def stop(self, no_assert: bool = False) -> None:  # noqa: FBT001, FBT002 - aiosmtpd's own
        """Hang up, then stop."""
        for conversation in self.conversations:
            if isinstance(conversation.transport, asyncio.WriteTransport):
                self.loop.call_soon_threadsafe(conversation.transport.abort)
        super().stop(no_assert)


@contextmanager
def smtp_server(handler: Any = None, port: int = 0, **options: Any) -> Iterator[Mailbox]:
    """Run a real SMTP server on loopback; `options` are aiosmtpd's, such as `tls_context`."""
    mailbox = handler or Mailbox()
    controller = ClosingController(mailbox, hostname=HOST, port=port or free_port(), **options)
    controller.start()
    mailbox.port = controller.port
    try:
        yield mailbox
    finally:
        controller.stop()


Step = tuple[bytes | float | None, ...]
"""What a scripted relay does at one step: send bytes, wait seconds, and at None hang up."""
ANSWERS: dict[str, Step] = {
    "banner": (b"220 relay.example.org ready\r\n",),
    "DATA": (b"354 go on\r\n",),
    "QUIT": (b"221 goodbye\r\n", None),
}


class ScriptedRelay(socketserver.ThreadingTCPServer):
    """A relay that follows a script: steps by SMTP command, `banner`, and `taken` for the whole message."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 512

    def __init__(self) -> None:
        """Listen on loopback; without a script every step is answered as by a good relay."""
        super().__init__((HOST, 0), Conversation)
        self.port: int = self.server_address[1]
        self.relay = f"smtp://{HOST}:{self.port}"
        self.over = Event()
        self.lines: set[socket.socket] = set()
        self.follow()

    def follow(self, **script: Step) -> None:
        """Hang up, forget what was heard, and do this from now on."""
        for line in tuple(self.lines):
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
        self.script = ANSWERS | script
        self.heard = bytearray()
        self.called = self.taken = 0


class Conversation(socketserver.StreamRequestHandler):
    """One connection to a scripted relay."""

    server: ScriptedRelay

    def handle(self) -> None:
        """Greet, then answer command after command until one side hangs up."""
        self.server.called += 1
        self.server.lines.add(self.connection)
        with suppress(OSError):
            listening = self.do("banner")
            while listening and (line := self.line()):
                verb, _, arguments = line.decode("latin-1").upper().strip().partition(" ")
                if came := verb == "BDAT":
                    self.server.heard += self.rfile.read(int(arguments.split()[0]))
                else:
                    listening = self.do(verb)
                if self.asked_for_message:
                    came = b".\r\n" in iter(self.line, b"")
                if came:
                    self.server.taken += 1
                    listening = self.do("taken")
        self.server.lines.discard(self.connection)

    def line(self) -> bytes:
        """Hear one line."""
        line = self.rfile.readline()
        self.server.heard += line
        return line

    def do(self, step: str) -> bool:
        """Do what the script says, and tell whether the line is still up."""
        did = self.server.script.get(step, (b"250 fine\r\n",))
        for part in did:
            if part is None:
                return False
            if isinstance(part, bytes):
                self.wfile.write(part)
            else:
                self.server.over.wait(part)
        self.asked_for_message = ANSWERS["DATA"][0] in did
        return True


@contextmanager
def scripted_relay() -> Iterator[ScriptedRelay]:
    """Run a scripted relay on loopback."""
    with ScriptedRelay() as relay:
        Thread(target=relay.serve_forever, args=[0.05], daemon=True).start()
        try:
            yield relay
        finally:
            relay.over.set()
            relay.shutdown()


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.create_server((HOST, 0)) as probe:
        return int(probe.getsockname()[1])


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

    @property
    def log(self) -> list[dict[str, Any]]:
        """Return the log's lines, each of them JSON."""
        return [json.loads(line) for line in self.log_file.read_text("utf-8").splitlines()]


def token(page: httpx.Response) -> str:
    """Return the token in a form that was shown."""
    return str(lxml.html.fromstring(page.text).xpath("string(//input[@name='token']/@value)"))


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
    pytest.fail(log_file.read_text("utf-8"))


@contextmanager
def gunicorn(site: Path, relays: str, log_file: Path, **changed: str) -> Iterator[Backend]:
    """Run the form backend; the listening socket is ours at first, so that no request can come too early."""
    with socket.create_server((HOST, 0), backlog=512) as listener, log_file.open("wb") as log:
        process = subprocess.Popen(
            GUNICORN,
            cwd=ROOT,
            env=environment(site, relays, BIND=f"fd://{listener.fileno()}", **changed),
            pass_fds=[listener.fileno()],
            stderr=log,
        )
        url = f"http://{HOST}:{listener.getsockname()[1]}"
        try:
            limits = httpx.Limits(max_connections=None)
            with httpx.Client(base_url=url, timeout=60, limits=limits) as client:
                wait_until_it_serves(client, process, log_file)
                listener.close()  # once gunicorn stops, nothing may answer at its port
                yield Backend(url, process, log_file, client)
        finally:
            process.send_signal(signal.SIGQUIT)  # without waiting for what is in flight
            process.wait(timeout=60)


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
    while any("TracerPid:\t0\n" in status.read_text() for status in threads):
        assert tracer.poll() is None, "strace ended"
        time.sleep(0.01)
    try:
        yield
    finally:
        tracer.terminate()
        tracer.wait(timeout=60)


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


def reference_in(page: httpx.Response) -> str:
    """Return the reference that a page shows."""
    found = REFERENCE.search(page.text)
    assert found, "the page shows no reference"
    return found[0]
