"""Production as it is shipped: nginx in front of the form backend, and systemd's units."""

import json
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from devtools.loopback import HOST
from tests.parts.forms import ENQUIRY
from tests.parts.processes import ROOT, free_port, needs_debian_package, until
from tests.parts.relays import Mailbox
from tests.parts.stack import GUNICORN, Backend, Serve, environment, gunicorn
from tests.parts.web_server import NAME, NGINX, WebServer, nginx

FRESH, NOT_KEPT = "public, max-age=300", "no-store"
OWN = "private, no-cache"
OURS = {"Sec-Fetch-Site": "same-origin"}
FORM = "application/x-www-form-urlencoded"
TOO_LARGE = b"message=" + b"x" * 300_000
TRUSTED = {"FLASK_TRUSTED_PROXIES": "1"}
ANALYZE, ACTIVATE = "/usr/bin/systemd-analyze", "/usr/bin/systemd-socket-activate"
UNITS = [
    *("form-backend.socket", "form-backend.service", "check-mail.service", "check-mail.timer"),
    *("publish.service", "publish.timer", "publish.path", "website-alarm@publish.service"),
    *("website-addresses.service", "website-addresses.timer"),
    *("form-backend-trust.service", "form-backend-trust.path"),
]


@pytest.fixture(scope="module")
def behind(
    site: Path, shared_mailbox: Mailbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Backend]:
    """Run the form backend that stands behind nginx."""
    log = tmp_path_factory.mktemp("behind") / "log"
    with gunicorn(site, shared_mailbox.relay, log, **TRUSTED) as running:
        yield running


@pytest.fixture(scope="module")
def web(site: Path, behind: Backend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    """Run nginx for the tests that need no form backend of their own."""
    with nginx(site, tmp_path_factory.mktemp("nginx") / "prefix", behind.url) as running:
        yield running


@pytest.fixture(scope="module", params=["down", "slow"])
def alone(
    request: pytest.FixtureRequest, site: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WebServer]:
    """Run nginx before a form backend that does not answer: nothing listens, or nothing is said."""
    folder = tmp_path_factory.mktemp("alone") / "prefix"
    with socket.create_server((HOST, 0)) as silent:
        port = silent.getsockname()[1] if request.param == "slow" else free_port()
        with nginx(site, folder, f"http://{HOST}:{port}", proxy_read_timeout="200ms") as running:
            yield running


@pytest.fixture(scope="session")
def headers(site: Path) -> dict[str, str]:
    """Return the headers of every page, from their one definition."""
    return dict(json.loads((site / "form.json").read_text("utf-8"))["headers"])


def has_once(answer: httpx.Response, headers: dict[str, str]) -> bool:
    """Tell whether an answer has each of these headers, once and no other."""
    return {name: answer.headers.get_list(name) for name in headers} == {
        name: [value] for name, value in headers.items()
    }


def test_nginx_accepts_the_configuration(web: WebServer) -> None:
    """Nginx reads the configuration without an error or a warning."""
    checked = subprocess.run(
        [NGINX, "-t", "-q", "-e", "stderr", "-c", str(web.log_file.with_name("nginx.conf"))],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (checked.returncode, checked.stderr) == (0, "")


def test_plain_http_redirects_to_https(web: WebServer) -> None:
    """A request by plain HTTP is redirected to the same address by HTTPS and keeps its method."""
    answer = httpx.get(f"http://{NAME}:{web.plain_port}/enquiry/?about=agreement")

    assert answer.status_code == 308
    assert answer.headers["Location"] == f"https://{NAME}/enquiry/?about=agreement"


def handshake(web: WebServer, name: str, version: ssl.TLSVersion) -> str | None:
    """Shake hands for a host name with one version of TLS, and return the protocol that was agreed on."""
    web.tls.set_alpn_protocols(["h2", "http/1.1"])
    web.tls.maximum_version = web.tls.minimum_version = version
    with (
        socket.create_connection((HOST, web.port)) as connection,
        web.tls.wrap_socket(connection, server_hostname=name) as secured,
    ):
        return secured.selected_alpn_protocol()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_http_2(web: WebServer, version: ssl.TLSVersion) -> None:
    """Browsers get HTTP/2 with TLS 1.2 and TLS 1.3."""
    assert handshake(web, NAME, version) == "h2"


def test_other_host_names(web: WebServer) -> None:
    """A request for another host name gets no answer."""
    with pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
        handshake(web, "example.org", ssl.TLSVersion.TLSv1_3)
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"http://{HOST}:{web.plain_port}/")


@pytest.mark.parametrize(("encoding", "suffix"), [("br", ".br"), ("gzip", ".gz"), ("identity", "")])
def test_static_pages_are_compressed_at_build(web: WebServer, site: Path, encoding: str, suffix: str) -> None:
    """A page is sent as the build compressed it, in the best encoding that the browser accepts."""
    with web.client.stream("GET", "/about-us/", headers={"Accept-Encoding": encoding}) as answer:
        body = b"".join(answer.iter_raw())

    assert body == (site / f"about-us/index.html{suffix}").read_bytes()
    assert answer.headers.get("Content-Encoding", "identity") == encoding
    assert "Accept-Encoding" in answer.headers["Vary"]


def test_forms_are_compressed(web: WebServer) -> None:
    """Nginx compresses a form's page."""
    answer = web.client.get("/enquiry/", headers={"Accept-Encoding": "gzip"})

    assert answer.headers["Content-Encoding"] == "gzip"


CACHED = {
    "/": (200, FRESH),
    "/news-articles/": (200, FRESH),
    "/about-us": (301, FRESH),
    "/nowhere/": (404, NOT_KEPT),
    "/theme/nowhere.0123456789ab.svg": (404, NOT_KEPT),
    "/form.json": (404, NOT_KEPT),
    "/.headers.conf": (404, NOT_KEPT),
    "/.redirects.conf": (404, NOT_KEPT),
    "/enquiry/index.html": (301, FRESH),
    "/enquiry/": (200, OWN),
    "/enquiry/sent/?ref=none": (404, NOT_KEPT),
    "/.well-known/security.txt": (200, FRESH),
    "/robots.txt": (200, FRESH),
    "/%00": (400, NOT_KEPT),
}


@pytest.mark.parametrize("path", CACHED)
def test_headers_are_the_same_everywhere(web: WebServer, headers: dict[str, str], path: str) -> None:
    """Every answer, static or not, has the site's headers and says how long it may be cached."""
    answer = web.client.get(path)

    assert (answer.status_code, answer.headers["Cache-Control"]) == CACHED[path]
    assert has_once(answer, headers)
    assert re.fullmatch("nginx|", answer.headers.get("Server", ""))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_static_pages_are_read_only(web: WebServer, site: Path, method: str) -> None:
    """A method that a static page does not allow gets a 405 page that names those it allows."""
    answer = web.client.request(method, "/about-us/")

    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")
    assert answer.text == (site / "error.html").read_text("utf-8")


def test_enquiry_through_nginx(web: WebServer, behind: Backend, mailbox: Mailbox) -> None:
    """Through nginx an enquiry is delivered and the thank-you page is shown."""
    answer = web.before(behind).enquire()
    thanks = web.client.get(answer.headers["Location"])

    assert (answer.status_code, thanks.status_code) == (303, 200)
    assert ENQUIRY["message"] in mailbox.received[0].text


def test_origin_with_a_port(web: WebServer, behind: Backend) -> None:
    """Nginx passes the host on with its port, so a post with only our Origin is accepted."""
    page = web.before(behind).form()
    found = re.search(r'name="token"[^>]*value="([^"]+)', page.text)
    assert found

    statuses = [
        web.client.post("/enquiry/", data={"token": found[1]}, headers={"Origin": origin}).status_code
        for origin in (web.url, "https://example.org")
    ]

    assert statuses == [422, 403]


def test_client_cannot_choose_its_address(site: Path, mailbox: Mailbox, serve: Serve, tmp_path: Path) -> None:
    """An X-Forwarded-For from the client does not change whose limit its posts count against."""
    strict = serve(mailbox.relay, FLASK_POST_LIMIT="1 per hour", **TRUSTED)
    with nginx(site, tmp_path / "prefix", strict.url) as web:
        statuses = [
            web.client.post(
                "/enquiry/", data=ENQUIRY, headers=OURS | {"X-Forwarded-For": f"192.0.2.{n}"}
            ).status_code
            for n in range(2)
        ]

    assert statuses == [422, 429]


@pytest.mark.parametrize("chunked", [False, True])
def test_too_large(web: WebServer, site: Path, headers: dict[str, str], *, chunked: bool) -> None:
    """A body over the limit gets the 413 page."""
    body = iter([TOO_LARGE[:100_000], TOO_LARGE[100_000:]]) if chunked else TOO_LARGE
    answer = web.client.post("/enquiry/", content=body, headers={"Content-Type": FORM})

    assert answer.status_code == 413
    assert answer.text == (site / "413.html").read_text("utf-8")
    assert has_once(answer, headers)


def test_flood_of_posts(web: WebServer, site: Path, headers: dict[str, str]) -> None:
    """Posts over the limit are refused before they reach the form backend; pages can still be read."""
    elsewhere = httpx.HTTPTransport(verify=web.tls, local_address="127.0.0.2")
    with httpx.Client(transport=elsewhere, base_url=web.url) as client:
        answers = [client.post("/enquiry/", content=b"", headers={"Content-Type": "none"}) for _ in range(70)]
        reading = client.get("/enquiry/")

    statuses = [answer.status_code for answer in answers]
    assert statuses[:61] == [415] * 61
    assert statuses[-1] == 429
    assert answers[-1].text == (site / "429.html").read_text("utf-8")
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert has_once(answers[-1], headers)
    assert reading.status_code == 200


@pytest.mark.parametrize(
    ("asked", "file"),
    [
        ("GET /enquiry/", "enquiry/index.html"),
        ("POST /enquiry/", "enquiry/index.html"),
        ("GET /your-information/?about=agreement", "your-information/index.html"),
        ("GET /enquiry/sent/", "enquiry/sent/index.html"),
        ("GET /healthz", "503.html"),
    ],
)
def test_without_the_form_backend(
    alone: WebServer, site: Path, headers: dict[str, str], asked: str, file: str
) -> None:
    """While the form backend does not answer, the static page shows and names another way to write."""
    answer = alone.client.request(*asked.split())

    assert answer.status_code == 503
    assert answer.text == (site / file).read_text("utf-8")
    assert answer.headers["Cache-Control"] == NOT_KEPT
    assert int(answer.headers["Retry-After"]) > 0
    assert has_once(answer, headers)


def test_static_pages_without_the_form_backend(alone: WebServer) -> None:
    """While the form backend does not answer, static pages are served as ever."""
    assert alone.client.get("/").status_code == 200


def test_old_addresses_redirect(site: Path, tmp_path: Path) -> None:
    """An old address redirects to the new one, however long it is."""
    own_site, old = shutil.copytree(site, tmp_path / "site"), f"/{'old-' * 49}/"
    (own_site / ".redirects.conf").write_text(f"{old} /about-us/;\n")
    with nginx(own_site, tmp_path / "prefix", f"http://{HOST}:{free_port()}") as web:
        answer = web.client.get(old)

    assert (answer.status_code, answer.headers["Location"]) == (301, "/about-us/")


def test_security_txt(web: WebServer) -> None:
    """security.txt names a contact and an expiry date less than a year ahead."""
    lines = web.client.get("/.well-known/security.txt").text.splitlines()
    fields = dict(line.split(": ", 1) for line in lines)

    assert fields["Contact"].startswith("mailto:")
    assert fields["Canonical"].endswith("/.well-known/security.txt")
    now = datetime.now(UTC)
    assert now < datetime.fromisoformat(fields["Expires"]) < now + timedelta(days=365)


def unit(name: str, folder: Path) -> Path:
    """Write a shipped unit for this checkout, with those that it names beside it; return its path."""
    needs_debian_package("systemd", ANALYZE)
    for shipped in (ROOT / "deploy/systemd").rglob("*.*"):
        if shipped.is_file():
            text = shipped.read_text("utf-8").replace("/srv/website/checkout", str(ROOT))
            here = folder / shipped.relative_to(ROOT / "deploy/systemd")
            here.parent.mkdir(exist_ok=True)
            here.write_text(text, "utf-8")
    return folder / name


@pytest.mark.parametrize("name", UNITS)
def test_systemd_accepts_the_units(name: str, tmp_path: Path) -> None:
    """Systemd reads the unit without an error or a warning."""
    path = unit(name, tmp_path)
    verified = subprocess.run(
        [ANALYZE, "verify", "--man=no", path], capture_output=True, text=True, check=False
    )

    assert (verified.returncode, verified.stderr) == (0, "")


@pytest.mark.parametrize(
    ("name", "most"), [("form-backend.service", 1.0), ("check-mail.service", 1.0), ("publish.service", 2.0)]
)
def test_units_are_confined(name: str, most: float, tmp_path: Path) -> None:
    """By systemd's measure of exposure, from 0 to 10, the service can do little beyond its task."""
    path = unit(name, tmp_path)
    command = [ANALYZE, "security", "--offline=yes", "--threshold", str(int(most * 10)), str(path)]
    rated = subprocess.run(command, capture_output=True, check=False)

    assert rated.returncode == 0, rated.stdout.decode()[-100:]


def test_nightly_build_is_just_after_midnight_in_south_africa() -> None:
    """The nightly build runs at 00:05 South African time, whatever the server's time zone."""
    needs_debian_package("systemd", ANALYZE)
    when = re.search("OnCalendar=(.+)", (ROOT / "deploy/systemd/publish.timer").read_text("utf-8"))
    assert when
    command = [ANALYZE, "calendar", "--base-time=2027-01-31 12:00:00 UTC", when[1]]
    answer = subprocess.run(command, env={"TZ": "UTC"}, capture_output=True, text=True, check=True).stdout

    assert "2027-01-31 22:05:00 UTC" in answer


def test_socket_activation(site: Path, mailbox: Mailbox, tmp_path: Path) -> None:
    """The form backend serves on the socket that systemd hands it, not on an address of its own."""
    needs_debian_package("systemd", ACTIVATE)
    path = tmp_path / "socket"
    settings = environment(site, mailbox.relay, BIND="nowhere:0", **TRUSTED)
    passed = [
        f"--setenv={name}={value}" for name, value in settings.items() if name.startswith(("FLASK", "BIND"))
    ]
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen([ACTIVATE, f"--listen={path}", *passed, *GUNICORN], cwd=ROOT, stderr=log)
    try:
        until(path.exists)
        with nginx(site, tmp_path / "prefix", f"http://unix:{path}:") as web:
            answer = Backend(web.url, server, tmp_path / "log", web.client).enquire()
    finally:
        server.terminate()
        server.wait(timeout=60)

    assert answer.status_code == 303
    assert len(mailbox.received) == 1
