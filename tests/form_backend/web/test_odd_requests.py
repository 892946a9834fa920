"""Requests that no browser sends, and sites that change under a form: no half text, no false record."""

import json
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import lxml.html
import pytest

from devtools.loopback import HOST
from tests.parts.forms import ENQUIRY, REQUEST, shown_values, token
from tests.parts.processes import free_port
from tests.parts.relays import Mailbox
from tests.parts.stack import Backend, Serve, gunicorn

URLENCODED = {"Content-Type": "application/x-www-form-urlencoded"}


def test_incomplete_body(backend: Backend, mailbox: Mailbox) -> None:
    """A body shorter than announced is answered 400, and nothing is delivered."""
    body = urlencode({"token": token(backend.form())} | ENQUIRY | {"message": "I do NOT want to be called"})
    place = urlsplit(backend.url)
    head = f"POST /enquiry/ HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Length: {len(body)}\r\n"
    head += f"Content-Type: {URLENCODED['Content-Type']}\r\n\r\n"
    with socket.create_connection((HOST, place.port or 0)) as connection:
        connection.sendall((head + body[:-10]).encode())
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(64)

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert mailbox.received == []


def chunks(backend: Backend) -> Iterator[bytes]:
    """Send a good form, too much of something else, and only then the consent."""
    yield urlencode({"token": token(backend.form())} | ENQUIRY | {"name": "Chunked"}).encode()
    yield b"&padding=" + b"x" * 270_000
    yield b"&marketing=yes"


def test_chunked_body_over_the_limit(backend: Backend, mailbox: Mailbox) -> None:
    """A chunked body over the limit is refused, not cut off."""
    answer = backend.client.post("/enquiry/", content=chunks(backend), headers=URLENCODED)

    assert answer.status_code == 413
    assert mailbox.received == []


def test_body_that_is_not_utf_8(backend: Backend, mailbox: Mailbox) -> None:
    """A body that is not UTF-8 is refused with a sentence, rather than read as an empty form."""
    body = urlencode(ENQUIRY).encode() + b"&name=\xff"
    answer = backend.client.post("/enquiry/", content=body, headers=URLENCODED)

    assert answer.status_code == 400
    assert "Press Back and send it again" in answer.text
    assert mailbox.received == []


@pytest.fixture(scope="module")
def proxied(
    site: Path, shared_mailbox: Mailbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Backend]:
    """Run a form backend behind one proxy."""
    log_file = tmp_path_factory.mktemp("proxied") / "log"
    with gunicorn(site, shared_mailbox.relay, log_file, FLASK_TRUSTED_PROXIES="1") as backend:
        yield backend


@pytest.mark.parametrize("forwarded", ["unknown", "1.2.3.4:5678", '"[2001:db8::1]:80"', "::ffff:192.0.2.7"])
def test_odd_forwarded_addresses(proxied: Backend, forwarded: str) -> None:
    """Whatever address a proxy gives for the client, the message is delivered."""
    words = ENQUIRY | {"message": forwarded, "token": token(proxied.form())}
    answer = proxied.client.post("/enquiry/", data=words, headers={"X-Forwarded-For": forwarded})

    assert answer.status_code == 303


def test_ipv4_mapped_addresses(serve: Serve, mailbox: Mailbox) -> None:
    """Clients with IPv4-mapped IPv6 addresses are counted separately."""
    backend = serve(mailbox.relay, FLASK_TRUSTED_PROXIES="1", FLASK_POST_LIMIT="1 per hour")
    words = ENQUIRY | {"message": "Mapped", "token": token(backend.form())}
    forwarded = [f"::ffff:192.0.2.{number}" for number in (1, 2, 1)]
    statuses = [
        backend.client.post("/enquiry/", data=words, headers={"X-Forwarded-For": client}).status_code
        for client in forwarded
    ]

    assert statuses == [303, 303, 429]


@pytest.fixture
def changing(site: Path, mailbox: Mailbox, tmp_path: Path) -> Iterator[tuple[Backend, Path]]:
    """Run a form backend on a copy of the site, whose form.json the test may change."""
    copy = shutil.copytree(site, tmp_path / "site")
    with gunicorn(copy, mailbox.relay, tmp_path / "log") as backend:
        yield backend, copy / "form.json"


def change(form_json: Path, **facts: Any) -> None:
    """Publish other facts, all at once as a deployment does."""
    new = form_json.with_suffix(".new")
    new.write_text(json.dumps(json.loads(form_json.read_text("utf-8")) | facts), "utf-8")
    new.replace(form_json)


@pytest.mark.promise("opt-in-marketing")
def test_consent_is_to_the_words_shown(changing: tuple[Backend, Path], mailbox: Mailbox) -> None:
    """Consent is asked for again when its wording changed meanwhile, so the mail quotes what was shown."""
    backend, form_json = changing
    words = ENQUIRY | {"marketing": "yes"}
    page = backend.form()
    change(form_json, organisation="Another Name")
    first = backend.post(words, shown=page)
    second = backend.post(shown_values(first) | {"marketing": "yes"}, shown=first)

    assert (first.status_code, second.status_code) == (422, 303)
    assert shown_values(first) == ENQUIRY
    assert "Another Name may send me marketing material" in first.text
    assert "Another Name may send me marketing material" in mailbox.received[0].text


def test_sector_that_was_removed(changing: tuple[Backend, Path], mailbox: Mailbox) -> None:
    """A sector that was removed while the form was open is asked for again; the rest is kept."""
    backend, form_json = changing
    page = backend.form()
    change(form_json, sectors=["Other"])
    answer = backend.post(ENQUIRY, shown=page)

    assert answer.status_code == 422
    assert shown_values(answer) == ENQUIRY | {"sector": ""}
    assert mailbox.received == []


def test_changed_address_for_requests_is_logged(changing: tuple[Backend, Path]) -> None:
    """The log says when the site names another address for requests than the settings."""
    backend, form_json = changing
    change(form_json, requests_email="another@example.org")
    backend.post(REQUEST, "/your-information/")

    assert "recipients_outdated" in [line["event"] for line in backend.log]


def test_built_site_is_removed(changing: tuple[Backend, Path], mailbox: Mailbox) -> None:
    """With the built site removed, the last good pages are served, and the log says so once for each file."""
    backend, form_json = changing
    backend.form()
    shutil.rmtree(form_json.parent)
    statuses = [backend.form().status_code, backend.enquire().status_code]
    unreadable = [line for line in backend.log if line["event"] == "site_unreadable"]

    assert statuses == [200, 303]
    assert len(mailbox.received) == 1
    assert 1 <= len(unreadable) <= 3


def test_mail_link_goes_where_the_form_would(
    changing: tuple[Backend, Path], serve: Serve, site: Path
) -> None:
    """While the relay is down, each form's mail link goes to the address that its messages go to."""
    _backend, form_json = changing
    change(form_json, email="general@example.org")
    backend = serve(f"smtp://{HOST}:{free_port()}", FLASK_SITE_DIR=str(form_json.parent))
    requests = json.loads((site / "form.json").read_text("utf-8"))["requests_email"]
    links = [
        urlsplit(
            lxml.html.fromstring(answer.text).xpath("string(//a[starts-with(@href, 'mailto:')][1]/@href)")
        )
        for answer in (backend.enquire(), backend.post(REQUEST, "/your-information/"))
    ]

    assert [link.path for link in links] == ["general@example.org", requests]
    assert all(parse_qs(link.query)["body"] for link in links)
