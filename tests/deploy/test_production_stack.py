"""The whole production stack, nginx, form backend and relay under TLS: nothing that a person typed stays."""

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, cast

import httpx
import pytest
import trustme
from aiosmtpd.smtp import SMTP, Envelope, Session
from playwright.sync_api import Browser

from devtools.loopback import HOST
from tests.parts.canary import CHANGES_FILES, Canary, files_with
from tests.parts.forms import expired, token
from tests.parts.processes import ROOT, free_port, needs_debian_package, traced, until
from tests.parts.relays import Mailbox, presenting, smtp_server
from tests.parts.stack import Backend, gunicorn
from tests.parts.web_server import NAME, WebServer, nginx

OURS = {"Sec-Fetch-Site": "same-origin"}
FORM = "application/x-www-form-urlencoded"
TEMPORARY = {tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm", "/run"}  # noqa: S108
PLACES = TEMPORARY | {"/var/log", "/var/lib", str(Path.home()), str(ROOT)}
WRITES = "write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,sendfile,%file,ftruncate,memfd_create"
CONTENTS = ("-y", "-s", "400000")  # strace shows names of files, and what is written in full
TO_A_FILE = re.compile(r"\b(?:p?write\w*|sendfile)\(\d+<(?!socket:|pipe:|TCP|UNIX|anon_inode:)")
EXPECTED = {
    "relay down": 503,
    "wrong address": 422,
    "trap filled in": 422,
    "expired token": 422,
    "another site": 403,
    "too large": 413,
    "too large, in chunks": 413,
    "large, byte by byte": 422,
    "with a file": 415,
    "slow": 422,
    "left half-way": 0,
    "address that is none": 404,
    "not HTTP": 400,
    "relay refuses": 503,
    "relay drops": 503,
    "fault": 500,
    "good": 303,
    "thank-you": 200,
    "by HTTP/2 in a browser": 200,
    "ended in flight": 303,
    "nobody there": 503,
}


class Moody(Mailbox):
    """A relay that takes, refuses, or drops the line after the dot, or takes its time."""

    mood = "good"
    holds_one = False

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Do with the message as the mood is; aiosmtpd calls this by its name."""
        if self.mood == "slow":
            self.holds_one = True
            await asyncio.sleep(0.5)
        elif self.mood == "refuses":
            return f"550 {envelope.content!r:.200}"
        elif self.mood == "drops":
            cast(asyncio.Transport, server.transport).abort()
            return "250 nobody hears this"
        return await super().handle_DATA(server, session, envelope)


def just_now() -> float:
    """Return the time, a little early: the clock of files is coarser."""
    return time.time() - 1


@dataclass
class Life:
    """A session on the production stack, and what was left of it."""

    folder: Path
    web: WebServer
    backend: Backend
    relay: Moody
    canary: Canary = field(default_factory=Canary)
    began: float = field(default_factory=just_now)
    seen: dict[str, httpx.Response] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    kept_by_browser: dict[str, Any] = field(default_factory=dict)

    @property
    def trace(self) -> list[str]:
        """Return what strace noted."""
        return (self.folder / "trace").read_text("utf-8", "replace").splitlines()

    def post(self, **changed: str) -> httpx.Response:
        """Send the canary's words, with some of them changed."""
        return self.web.before(self.backend).post(self.canary.words | changed)


def raw(
    web: WebServer, *parts: bytes, pause: float = 0, before_leaving: Callable[[], object] | None = None
) -> httpx.Response:
    """Send pieces to nginx and return the answer; status 0 where we left without reading all of it.

    `before_leaving` is called once the first byte of the answer is here.
    """
    with (
        socket.create_connection((HOST, web.port)) as connection,
        web.tls.wrap_socket(connection, server_hostname=NAME) as secured,
    ):
        for part in parts:
            secured.sendall(part)
            time.sleep(pause)
        if before_leaving:
            secured.recv(1)
            before_leaving()
        if parts[-1].endswith(b"..."):
            return httpx.Response(0)
        with secured.makefile("rb") as stream:
            answer = stream.read()
    return httpx.Response(int(answer.split()[1]), content=answer)


def head(*headers: str) -> bytes:
    """Return the beginning of a post."""
    lines = [
        "POST /enquiry/ HTTP/1.1",
        f"Host: {NAME}",
        "Connection: close",
        f"Content-Type: {FORM}",
        *headers,
    ]
    return "\r\n".join([*lines, "Sec-Fetch-Site: same-origin", "", ""]).encode()


def send_badly(life: Life, site: Path) -> dict[str, httpx.Response]:
    """Send the canary in every way that ends before a relay is asked."""
    client, words, mark = life.web.client, life.canary.words, life.canary.mark
    body = f"message={mark}+and+more".encode()
    large = f"message={mark * 9000}".encode()
    in_bytes = b"".join(b"1\r\n%c\r\n" % byte for byte in large[:200_000]) + b"0\r\n\r\n"
    chunked = {"Content-Type": FORM} | OURS
    return {
        "wrong address": life.post(email=mark),
        "trap filled in": life.post(website=mark),
        "expired token": life.post(token=expired(site)),
        "another site": client.post("/enquiry/", data=words, headers={"Sec-Fetch-Site": "cross-site"}),
        "too large": client.post("/enquiry/", data={"message": mark * 20_000}, headers=OURS),
        "too large, in chunks": client.post("/enquiry/", content=iter([large, large]), headers=chunked),
        "large, byte by byte": raw(life.web, head("Transfer-Encoding: chunked"), in_bytes),
        "with a file": client.post(
            "/enquiry/", data=words, files={"file": (mark, mark.encode())}, headers=OURS
        ),
        "slow": raw(life.web, head(f"Content-Length: {len(body)}"), body[:20], body[20:], pause=0.2),
        "left half-way": raw(life.web, head("Content-Length: 90000"), body + b"..."),
        "address that is none": client.get(f"/{mark}/", params={"q": mark}, headers={"Referer": mark}),
        "not HTTP": raw(life.web, f"{mark} /{mark} {mark}\r\n{mark}\r\n\r\n".encode()),
    }


def send_well(life: Life, site: Path) -> dict[str, httpx.Response]:
    """Send the canary to relays of every mood, and into a fault of ours."""
    facts, seen, mark = site / "form.json", {}, life.canary.mark
    for mood in ("refuses", "drops"):
        life.relay.mood = mood
        seen[f"relay {mood}"] = life.post()
    life.relay.mood = "good"
    good_facts, shown = facts.read_text("utf-8"), life.web.client.get("/enquiry/")
    # So many days lie beyond the calendar, which the code notices only while it writes the mail.
    facts.write_text(json.dumps(json.loads(good_facts) | {"answer_days": 10**9}))
    seen["fault"] = life.post(token=token(shown))
    facts.write_text(good_facts)
    seen["good"] = life.post()
    seen["thank-you"] = life.web.client.get(
        seen["good"].headers["Location"], headers={"User-Agent": mark, "Cookie": mark}
    )
    return seen


def visit(life: Life, browser: Browser) -> httpx.Response:
    """Visit the site in a browser, fail at the form, then send it; note what the browser asked and kept."""
    context = browser.new_context(base_url=life.web.url, ignore_https_errors=True)
    page = context.new_page()
    page.on("request", lambda request: life.requests.append(request.url))
    for address in ("/", "/about-us/customerprivacystatement/", "/enquiry/"):
        page.goto(address)
    for name in ("name", "phone", "email", "message"):
        page.fill(f"[name={name}]", life.canary.words[name])
    page.fill("[name=message]", f"{life.canary.mark} " * 180)
    page.click("main form button")
    page.select_option("[name=sector]", life.canary.words["sector"])
    page.click("main form button")
    page.wait_for_url("**/sent/**")
    kept = "[localStorage.length, sessionStorage.length, (await indexedDB.databases()).length]"
    life.kept_by_browser = {
        "storage": page.evaluate(f"async () => {kept}"),
        "cookies": context.cookies(),
        "protocol": page.evaluate("performance.getEntriesByType('navigation')[0].nextHopProtocol"),
    }
    context.close()
    return httpx.Response(200)


def end_in_flight(life: Life) -> dict[str, httpx.Response]:
    """End the form backend while a submission waits for the relay; then send once more."""
    life.relay.mood = "slow"
    shown, taken = token(life.web.client.get("/enquiry/")), len(life.relay.received)
    words = {"message": f"{life.canary.mark} in flight", "token": shown}
    with ThreadPoolExecutor() as pool:
        flying = pool.submit(life.post, **words)
        until(lambda: life.relay.holds_one)
        assert len(life.relay.received) == taken, "the message was no longer in flight"
        life.backend.process.send_signal(signal.SIGTERM)
        seen = {"ended in flight": flying.result()}
    life.backend.process.wait(timeout=60)
    return seen | {"nobody there": life.web.client.post("/enquiry/", data=life.canary.words, headers=OURS)}


@pytest.fixture(scope="module")
def life(site: Path, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    """Live through all of it, watched by strace."""
    needs_debian_package("strace", "strace")
    folder = tmp_path_factory.mktemp("production")
    own_site = shutil.copytree(site, folder / "site")
    authority, port = trustme.CA(), free_port()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    settings = {
        "FLASK_MAIL_CA_FILE": str(folder / "ca.pem"),
        "FLASK_TRUSTED_PROXIES": "1",
        "FLASK_MAIL_DEADLINE": "5",
    }
    with ExitStack() as stack:
        backend = stack.enter_context(
            gunicorn(own_site, f"smtps://{HOST}:{port}", folder / "log", **settings)
        )
        web = stack.enter_context(nginx(own_site, folder / "nginx", backend.url))
        life = Life(folder, web, backend, Moody())
        with traced(backend.process, web.process, output=folder / "trace", calls=WRITES, options=CONTENTS):
            life.seen["relay down"] = life.post()
            stack.enter_context(
                smtp_server(life.relay, port, ssl_context=presenting(authority.issue_cert(HOST)))
            )
            life.seen |= send_badly(life, own_site) | send_well(life, own_site)
            life.seen["by HTTP/2 in a browser"] = visit(life, browser)
            life.seen |= end_in_flight(life)
        yield life


def written_to_files(canary: Canary, trace: list[str]) -> list[str]:
    """Return the calls that write a word of ours anywhere but to a socket or a pipe, or change any file."""
    return [
        line[:200]
        for line in trace
        if (TO_A_FILE.search(line) and canary.found_in(line.encode())) or CHANGES_FILES.search(line)
    ]


def test_every_answer_was_given(life: Life) -> None:
    """The session that the tests below examine met every kind of answer."""
    assert {name: answer.status_code for name, answer in life.seen.items()} == EXPECTED
    assert sum(life.canary.found_in(received.text.encode()) for received in life.relay.received) == 3


def test_no_file_holds_what_was_typed(life: Life) -> None:
    """No file that changed holds a word, but for one in each place, put there to show that they are found."""
    with ExitStack() as stack:
        places = [place for place in PLACES if os.access(place, os.W_OK)]
        planted = [stack.enter_context(NamedTemporaryFile(dir=place)) for place in places]
        for file in planted:
            file.write(life.canary.words["phone"].encode())
            file.flush()

        found = files_with(life.canary, life.began, PLACES)

    assert found - {str(life.folder / "trace")} == {file.name for file in planted}


def test_nothing_typed_is_written_to_a_file(life: Life) -> None:
    """Nginx and the form backend write typed words to sockets only, and open no file for writing."""
    assert any(life.canary.found_in(line.encode()) for line in life.trace)
    assert not written_to_files(life.canary, life.trace)


def test_logs_hold_no_address(life: Life) -> None:
    """Nginx logs nothing, and the form backend's log holds no network address."""
    assert life.web.log_file.read_text("utf-8") == ""
    assert HOST not in life.backend.log_file.read_text("utf-8")


def test_headers_hold_nothing_typed(life: Life) -> None:
    """No answer's headers and no later page hold a typed word, and no answer sets a cookie."""
    later = [life.web.client.get(path) for path in ("/", "/enquiry/", "/nowhere/")]
    told = [repr(answer.headers).encode() for answer in [*life.seen.values(), *later]]

    assert not any(life.canary.found_in(headers) for headers in told)
    assert not any(b"set-cookie" in headers.lower() for headers in told)
    assert not any(life.canary.found_in(answer.content) for answer in later)


def test_visit_asks_no_other_host(life: Life) -> None:
    """A visit by HTTP/2 asks no other host and leaves no cookie and no storage in the browser."""
    assert life.kept_by_browser == {"storage": [0, 0, 0], "cookies": [], "protocol": "h2"}
    assert len(life.requests) > 4
    assert {httpx.URL(url).host for url in life.requests} == {NAME}


OFF = {
    "bodies": ({"client_body_buffer_size": "8k"}, "trace"),
    "answers": ({"proxy_max_temp_file_size": "1m; limit_rate 1k", "proxy_buffers": "4 16k"}, "trace"),
    "error log": ({"error_log": "stderr info"}, "log"),
    "access log": ({"access_log": "FOLDER/access.log"}, "access.log"),
}


@pytest.mark.parametrize("setting", OFF)
def test_each_setting_of_nginx_matters(site: Path, backend: Backend, tmp_path: Path, setting: str) -> None:
    """Without any one of the settings that keep nginx from storing, the search finds what was typed."""
    needs_debian_package("strace", "strace")
    off, place = OFF[setting]
    folder, canary, began = tmp_path / "nginx", Canary(), just_now()
    here = {directive: value.replace("FOLDER", str(folder)) for directive, value in off.items()}
    body = f"message={canary.mark * 9000}...".encode()
    trace = tmp_path / "trace"

    def found() -> bool:
        if place == "trace":
            return bool(written_to_files(canary, trace.read_text("utf-8", "replace").splitlines()))
        return str(folder / place) in files_with(canary, began, {str(folder)})

    def wait() -> None:
        until(found, look_every=0.1)

    with (
        nginx(site, folder, backend.url, **here) as web,
        traced(web.process, output=trace, calls=WRITES, options=CONTENTS),
    ):
        stays = wait if place == "trace" else None
        raw(web, head(f"Content-Length: {len(body)}"), body, before_leaving=stays)
        raw(web, f"GET /{canary.mark} HTTP/1.1\r\n\r\n".encode())
        wait()
