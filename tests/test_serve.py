"""`make serve`: pages, forms and outbox on one port, rebuilt on save, and nothing left behind."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import lxml.html
import pytest

ROOT = Path(__file__).parents[1]
SOURCES = ["content", "docs", "theme", "plugins", "form_backend", "deploy", "devtools", "pelicanconf.py"]
WORDS = {
    "name": "Nomvula Ngcobo-d'Arc",
    "email": "nomvula@example.com",
    "sector": "Other",
    "message": "Which pipes are older than forty years?",
}
HOME_PAGE = "content/pages/home.md"


def until(wanted: Callable[[], object], seconds: float = 20) -> object:
    """Wait for something to become true, and return it."""
    deadline = time.monotonic() + seconds
    while not (found := wanted()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def free_ports() -> int:
    """Return the first of four free ports in a row."""
    for first in range(20000 + os.getpid() % 1000 * 12, 32000, 4):
        try:
            for port in range(first, first + 4):
                socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return first
    raise RuntimeError("No four free ports in a row.")


@dataclass
class Development:
    """A running `python -m devtools.serve` on a copy of the sources."""

    root: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def printed(self) -> list[str]:
        """Return the lines on standard output."""
        return (self.root.parent / "stdout").read_text("utf-8").splitlines()

    @property
    def complaints(self) -> list[str]:
        """Return the lines on standard error."""
        return (self.root.parent / "stderr").read_text("utf-8").splitlines()

    @property
    def processes(self) -> list[int]:
        """Return every process at work in the copy."""
        everything = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
        return [pid for pid in everything if working_folder(pid) == self.root]

    def address(self, path: str) -> str:
        """Return the full address of a path."""
        return f"http://127.0.0.1:{self.port}{path}"

    def get(self, path: str) -> httpx.Response:
        """Fetch a page."""
        return httpx.get(self.address(path), timeout=30)

    def send(self, words: dict[str, str]) -> httpx.Response:
        """Send the enquiry form as a person would who presses Send again when told to."""
        shown = self.get("/enquiry/")
        answer = self.post(words, shown)
        sent_too_soon = answer.status_code == 422
        return self.post(words, answer) if sent_too_soon else answer

    def post(self, words: dict[str, str], shown: httpx.Response) -> httpx.Response:
        """Send the form that a page shows."""
        token = lxml.html.fromstring(shown.text).xpath("string(//input[@name='token']/@value)")
        return httpx.post(self.address("/enquiry/"), data=words | {"token": token}, timeout=30)

    def catcher(self) -> int:
        """Return the process of the mail catcher."""
        return next(pid for pid in self.processes if b"devtools.mail_catcher" in command_line(pid))


def working_folder(pid: int) -> Path | None:
    """Return the folder that a process works in, or None when it is gone."""
    try:
        return Path(f"/proc/{pid}/cwd").readlink()
    except OSError:
        return None


def command_line(pid: int) -> bytes:
    """Return the command of a process, or nothing when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def start(folder: Path, port: int) -> Development:
    """Start the development site on a copy of the sources, in a shell that has a setting of Flask's own."""
    root = folder / "copy"
    folders = {"HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp")}
    environment = os.environ | folders | {"FLASK_MAIL_FROM": "leaked"}
    with (folder / "stdout").open("wb") as stdout, (folder / "stderr").open("wb") as stderr:
        command = [sys.executable, "-m", "devtools.serve", "--port", str(port)]
        process = subprocess.Popen(command, cwd=root, env=environment, stdout=stdout, stderr=stderr)
    return Development(root, port, process)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a copy of the sources, an empty home and an empty folder for temporary files."""
    for name in SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        (tmp_path / "copy").mkdir(exist_ok=True)
        copy(ROOT / name, tmp_path / "copy" / name)
    for name in ("home", "tmp"):
        (tmp_path / name).mkdir()
    return tmp_path


@pytest.fixture
def development(folder: Path) -> Iterator[Development]:
    """Return the running development site."""
    running = start(folder, free_ports())
    until(lambda: len(running.printed) >= 3 or running.process.poll() is not None)

    assert running.process.poll() is None, running.complaints

    yield running
    running.process.kill()
    running.process.wait()
    until(lambda: not running.processes)


def test_three_lines(development: Development) -> None:
    """It says where the site, the form and the outbox are, and they are there."""
    addresses = [line.split()[1] for line in development.printed[:3]]

    assert [line.split()[0] for line in development.printed[:3]] == ["Site", "Form", "Outbox"]
    assert [httpx.get(address).status_code for address in addresses] == [200, 200, 200]


def test_pages_as_in_production(development: Development) -> None:
    """A folder's address gets its slash, a missing page is the site's 404, every page has the headers."""
    redirected = development.get("/products?from=test")
    missing = development.get("/nowhere/")

    assert (redirected.status_code, redirected.headers["Location"]) == (301, "/products/?from=test")
    assert missing.status_code == 404
    assert "default-src 'none'" in missing.headers["Content-Security-Policy"]
    assert missing.headers["Cache-Control"] == "no-store"


def test_enquiry_arrives(development: Development) -> None:
    """An enquiry shows in the outbox as staff would see it, and its words in no line of any log."""
    sent = development.send(WORDS)
    thanks = development.get(sent.headers["Location"])
    mail = lxml.html.fromstring(development.get("/outbox/1/").text)
    headers = dict(zip(mail.xpath("//dt/text()"), mail.xpath("//dd/text()"), strict=True))
    log = "\n".join(development.printed + development.complaints)

    assert (sent.status_code, thanks.status_code) == (303, 200)
    assert "website@example.org" in headers["From"]
    assert WORDS["email"] in headers["Reply-To"]
    assert WORDS["message"] in mail.xpath("string(//pre)")
    assert WORDS["name"] in mail.xpath("string(//pre)")
    assert "Message-ID:" in development.get("/outbox/1/source").text
    assert [word for word in ("Nomvula", "nomvula", "pipes") if word in log] == []


def test_saving_reloads(development: Development) -> None:
    """Saving a page rebuilds it and tells open pages, which include the script, to reload."""
    with httpx.stream("GET", development.address("/live-reload"), timeout=20) as stream:
        events = (line for line in stream.iter_lines() if line)
        before = next(events)
        home = development.root / HOME_PAGE
        home.write_text(home.read_text("utf-8") + "\n\nJust written.\n", "utf-8")
        after = next(event for event in events if event != before)

    assert after.startswith("data: ")
    assert "Just written." in development.get("/").text
    assert '<script src="/live-reload.js" defer></script>' in development.get("/").text


def test_page_taken_away(development: Development) -> None:
    """A page whose file is removed is gone after the rebuild."""
    (development.root / "content/pages/about-us.md").unlink()

    assert until(lambda: development.get("/about-us/").status_code == 404)


MISTAKES = {
    "content/organisation.toml": "name = IMQS\n",
    "theme/templates/home.html": "{% if %}",
    "plugins/statement.py": "def\n",
}


@pytest.mark.parametrize("path", MISTAKES)
def test_mistake(development: Development, path: str) -> None:
    """A mistake prints one line that names it, the last good page stays, and correcting it is enough."""
    changed, home = development.root / path, development.root / HOME_PAGE
    good, page = changed.read_bytes() if changed.exists() else None, development.get("/").text
    before = len(development.complaints)
    changed.write_text(MISTAKES[path], "utf-8")
    until(lambda: len(development.complaints) > before)
    complaints = development.complaints[before:]

    assert len(complaints) == 1
    assert complaints[0].startswith("Not built: ")
    assert development.get("/").text == page

    changed.write_bytes(good) if good else changed.unlink()
    home.write_text(home.read_text("utf-8") + "\n\nWritten later.\n", "utf-8")

    assert until(lambda: "Written later." in development.get("/").text)


def test_backend_is_restarted(development: Development) -> None:
    """A mistake in the form backend leaves the static frame with status 503; correcting it is enough."""
    module = development.root / "form_backend/__init__.py"
    good = module.read_text("utf-8")
    module.write_text("def\n", "utf-8")

    assert until(lambda: development.get("/enquiry/").status_code == 503)
    assert development.get("/").status_code == 200

    module.write_text(good, "utf-8")

    assert until(lambda: development.get("/enquiry/").status_code == 200)


def test_catcher_dies(development: Development) -> None:
    """While the relay is away every word is kept with status 503; once it is back, Send delivers once."""
    os.kill(development.catcher(), signal.SIGKILL)
    failed = development.send(WORDS)
    typed = lxml.html.fromstring(failed.text)

    assert failed.status_code == 503
    assert typed.xpath("string(//textarea[@name='message'])").strip() == WORDS["message"]
    assert typed.xpath("string(//input[@name='name']/@value)") == WORDS["name"]

    ports = [f"--smtp-port={development.port + 2}", f"--http-port={development.port + 3}"]
    command = [sys.executable, "-m", "devtools.mail_catcher", *ports]
    with subprocess.Popen(command, cwd=development.root) as catcher:
        until(lambda: development.get("/outbox/").status_code == 200)
        answers = [development.post(WORDS, failed).status_code for _ in range(2)]
        mails = lxml.html.fromstring(development.get("/outbox/").text).xpath("//main//li")
        catcher.terminate()

    assert answers == [303, 303]
    assert len(mails) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_nothing_is_left(development: Development, number: signal.Signals) -> None:
    """Being told to end leaves no process, no traceback, and no file outside the checkout."""
    development.send(WORDS)
    development.process.send_signal(number)
    code = development.process.wait(timeout=20)
    outside = [path for name in ("home", "tmp") for path in (development.root.parent / name).iterdir()]

    assert code == 0
    assert development.processes == []
    assert "Traceback" not in "\n".join(development.complaints)
    assert outside == []


def test_nothing_is_left_after_a_crash(development: Development) -> None:
    """Killing the parent outright ends its children too."""
    development.process.kill()
    development.process.wait()

    assert until(lambda: not development.processes)


def test_taken_port(folder: Path) -> None:
    """A port in use is one sentence that names it and the cure."""
    port = free_ports()
    with socket.create_server(("127.0.0.1", port + 2)):
        refused = start(folder, port)
        code = refused.process.wait(timeout=20)

    cure = f"end what uses it, or take others with `make serve PORT={port + 100}`"

    assert code == 1
    assert refused.complaints == [f"Port {port + 2} cannot be used: {cure}."]
