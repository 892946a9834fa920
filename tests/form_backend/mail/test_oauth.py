"""Login by OAuth 2.0: against a token endpoint over TLS and relays that check what they are shown."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import trustme

from devtools.loopback import HOST
from tests.parts.dovecot import dovecot, jwt
from tests.parts.forms import ENQUIRY, assert_all_kept
from tests.parts.oauth import SECRET, USER, Endpoint, Says, TokenMailbox, refuses, token, token_endpoint
from tests.parts.postfix import postfix
from tests.parts.processes import free_port, until
from tests.parts.relays import smtp_server
from tests.parts.stack import Backend, Serve

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH")  # the relay is on loopback
BOTH: list[str] = []  # the mechanisms that a relay leaves out
XOAUTH2 = ["OAUTHBEARER"]


@pytest.fixture
def endpoint(authority: trustme.CA) -> Iterator[Endpoint]:
    """Run a token endpoint."""
    with token_endpoint(authority) as running:
        yield running


@contextmanager
def relay(handler: TokenMailbox | None = None, without: list[str] = XOAUTH2) -> Iterator[TokenMailbox]:
    """Run a relay that takes tokens alone."""
    mailbox = handler or TokenMailbox()
    options: dict[str, Any] = {"auth_exclude_mechanism": ["LOGIN", "PLAIN", *without]}
    with smtp_server(mailbox, mailbox.port, auth_require_tls=False, auth_required=True, **options):
        yield mailbox


Start = Callable[..., Backend]


@pytest.fixture
def start(serve: Serve, endpoint: Endpoint, ca_file: str, tmp_path: Path) -> Start:
    """Return a function that runs a form backend that logs in to a relay with the endpoint's tokens."""
    settings = endpoint.variables(tmp_path) | {"FLASK_MAIL_CA_FILE": ca_file}

    def run(mailbox: TokenMailbox, **changed: str) -> Backend:
        user = USER.replace("@", "%40")
        return serve(f"smtp://{user}@{HOST}:{mailbox.port}", **settings | changed)

    return run


def assert_nothing_told(backend: Backend, *secrets: str) -> None:
    """Assert that the log holds no secret."""
    log = backend.log_file.read_text("utf-8")

    assert not [secret for secret in (SECRET, "token-", *secrets) if secret in log]


@pytest.mark.parametrize(("without", "mechanism"), [(BOTH, "OAUTHBEARER"), (XOAUTH2, "XOAUTH2")])
@pytest.mark.parametrize("length", [7, 4096])
def test_login(start: Start, endpoint: Endpoint, without: list[str], mechanism: str, length: int) -> None:
    """One token of any length logs in all connections, by the newer mechanism where the relay has it."""
    endpoint.says = lambda _number: token("t" * length)
    with relay(without=without) as mailbox:
        backend = start(mailbox)
        shown = backend.form()
        with ThreadPoolExecutor(8) as people:
            posts = [
                people.submit(backend.post, ENQUIRY | {"message": f"Number {number}"}, shown=shown)
                for number in range(8)
            ]

        assert [post.result().status_code for post in posts] == [303] * 8

    assert set(mailbox.logins) == {(mechanism, "t" * length)}
    assert endpoint.asked == [
        {
            "grant_type": ["client_credentials"],
            "client_id": ["the website"],
            "client_secret": [SECRET],
            "scope": ["https://relay.example.org/.default"],
            "path": ["/tenant/token?version=2"],
        }
    ]
    assert [line["status"] for line in backend.logged("oauth")] == [200]
    assert_nothing_told(backend, "t" * length)


def test_token_is_ready_before_it_is_needed(start: Start, endpoint: Endpoint) -> None:
    """A form that is shown has a token fetched and a connection opened, before anything is sent."""
    with relay() as mailbox:
        start(mailbox).form()
        until(lambda: mailbox.logins)

    assert len(endpoint.asked) == 1


def test_refused_token_is_replaced_once(start: Start, endpoint: Endpoint) -> None:
    """A relay that refuses a token that was kept is shown a fresh one, and the person notices nothing."""
    mailbox = TokenMailbox(good=lambda shown: shown == f"token-{len(endpoint.asked)}")
    with relay(mailbox):
        backend = start(mailbox)
        assert backend.enquire().status_code == 303
        withdrawn = mailbox.good
        mailbox.good = lambda shown: shown != "token-1" and withdrawn(shown)
    with relay(mailbox):  # again, so that every connection is new
        assert backend.enquire(message="after it was withdrawn").status_code == 303

    assert [shown for _mechanism, shown in mailbox.logins][-2:] == ["token-1", "token-2"]
    assert len(endpoint.asked) == 2
    assert_nothing_told(backend)


def test_relay_that_refuses_every_token(start: Start) -> None:
    """A fresh token is not tried again: the relay has refused, and every word is kept."""
    with relay(TokenMailbox(good=lambda _shown: False)) as mailbox:
        backend = start(mailbox)

        assert_all_kept(backend.enquire(), ENQUIRY)

    assert [(line["outcome"], line["smtp_code"]) for line in backend.logged("relay")] == [("refused", 535)]
    assert len(mailbox.logins) <= 3  # while the form was shown, and for the enquiry
    assert_nothing_told(backend)


FAILURES: dict[str, tuple[Says, str, int | None]] = {
    "wrong secret": (refuses(400, "invalid_client"), "unreachable", 400),
    "too often": (refuses(429, "slow_down", Retry_After="30"), "unreachable", 429),
    "not itself": (Says(503, b"<html>busy</html>"), "unreachable", 503),
    "elsewhere": (Says(302, b"", {"Location": "http://127.0.0.1/"}), "unreachable", 302),
    "no JSON": (Says(200, b"<html>"), "unreachable", 200),
    "nested too deeply": (Says(200, b"[" * 60_000), "unreachable", 200),
    "no object": (Says(200, b"[]"), "unreachable", 200),
    "no token": (Says(200, b'{"token_type": "Bearer"}'), "unreachable", 200),
    "number as token": (Says(200, b'{"access_token": 4711}'), "unreachable", 200),
    "another header in the token": (token("token-1\r\nRSET"), "unreachable", 200),
    "another field in the token": (token("token-1\1auth=x"), "unreachable", 200),
    "another type": (Says(200, b'{"access_token": "x", "token_type": "mac"}'), "unreachable", 200),
    "hangs": (Says(hangs=3600), "slow", None),
    "drips": (Says(200, b" " * 1000, a_byte=0.05), "slow", None),
}


@pytest.mark.parametrize(("says", "outcome", "status"), FAILURES.values(), ids=FAILURES)
def test_without_a_token_nothing_is_lost(
    start: Start, endpoint: Endpoint, says: Says, outcome: str, status: int | None
) -> None:
    """Whatever the endpoint does, the answer comes inside the deadline and keeps every word."""
    endpoint.says = lambda _number: says
    with relay() as mailbox:
        backend = start(mailbox, FLASK_MAIL_DEADLINE="1")

        assert_all_kept(backend.enquire(), ENQUIRY)

    until(lambda: backend.logged("oauth"))
    assert not mailbox.logins
    assert [line["outcome"] for line in backend.logged("relay")] == [outcome]
    assert backend.logged("oauth")[0].get("status") == status
    assert not backend.logged("fault")
    assert not backend.logged("library")
    assert_nothing_told(backend, "in more words")


def test_endpoint_that_proves_nothing(
    serve: Serve, authority: trustme.CA, ca_file: str, tmp_path: Path
) -> None:
    """An endpoint whose certificate is for another host, or that is not there, is not told the secret."""
    with relay() as mailbox, token_endpoint(authority, "login.example.org") as endpoint:
        settings = endpoint.variables(tmp_path) | {"FLASK_MAIL_CA_FILE": ca_file}
        nobody = f"https://{HOST}:{free_port()}/token"
        address = f"smtp://website@{HOST}:{mailbox.port}"
        backends = [
            serve(address, **settings | {"FLASK_MAIL_OAUTH_TOKEN_URL": url} if url else settings)
            for url in (None, nobody)
        ]

        for backend in backends:
            assert_all_kept(backend.enquire(), ENQUIRY)

    outcomes = [[line["outcome"] for line in backend.logged("relay")] for backend in backends]
    assert outcomes == [["untrusted"], ["unreachable"]]
    assert not endpoint.asked


def test_endpoint_down_while_a_token_is_valid(start: Start, endpoint: Endpoint) -> None:
    """While a token holds, new connections use it, and nobody notices that no other could be had."""
    endpoint.says = lambda number: token("token-1", 60) if number == 1 else refuses(503, "down")
    with relay() as mailbox:
        backend = start(mailbox)
        assert backend.enquire().status_code == 303
    with relay(mailbox):  # again, so that every connection is new
        assert backend.enquire(message="over a new connection").status_code == 303

    assert {shown for _mechanism, shown in mailbox.logins} == {"token-1"}


@pytest.mark.parametrize("lifetime", ["3", 3, 3.0])
def test_token_is_renewed_before_it_expires(start: Start, endpoint: Endpoint, lifetime: object) -> None:
    """A token that grows old is renewed in the background, and an expired one is not shown to a relay."""
    endpoint.says = lambda number: token(f"token-{number}", lifetime)
    with relay() as mailbox:
        backend = start(mailbox)
        assert backend.enquire().status_code == 303
        born = monotonic()
        until(lambda: monotonic() > born + 3)
    with relay(mailbox):  # again, so that every connection is new
        assert backend.enquire(message="after it expired").status_code == 303

    assert mailbox.logins[-1][1] != "token-1"


def test_odd_lifetimes(start: Start, endpoint: Endpoint) -> None:
    """A token whose lifetime makes no sense is good for one login at least."""
    lifetimes = [0, -1, "NaN", False, "soon", None, [], 10**400, 1e300]
    mailbox = TokenMailbox(good=lambda shown: shown == f"token-{len(endpoint.asked)}")
    endpoint.says = lambda number: token(f"token-{number}", lifetimes[number % len(lifetimes)])
    with relay(mailbox):
        backend = start(mailbox)
    for number in range(len(lifetimes)):
        with relay(mailbox):  # again, so that every connection is new
            assert backend.enquire(message=f"Number {number}").status_code == 303

    assert not backend.logged("library")


def test_endpoint_is_left_alone_when_it_asks_for_that(start: Start, endpoint: Endpoint) -> None:
    """Until the time in Retry-After has passed, nothing is asked, and everyone hears so at once."""
    endpoint.says = lambda _number: refuses(429, "slow_down", Retry_After="60")
    with relay() as mailbox:
        backend = start(mailbox)

        for number in range(3):
            words = ENQUIRY | {"message": f"Number {number}"}
            assert_all_kept(backend.post(words), words)

    assert len(endpoint.asked) == 1
    assert json.dumps(backend.log).count("oauth") == 1


def test_it_works_again_as_soon_as_the_endpoint_does(start: Start, endpoint: Endpoint) -> None:
    """Send works once the endpoint gives tokens again, without a restart."""
    endpoint.says = lambda number: token("token-2") if number > 1 else refuses(500, "down")
    with relay() as mailbox:
        backend = start(mailbox)
        assert_all_kept(backend.enquire(), ENQUIRY)

        until(lambda: backend.enquire().status_code == 303, look_every=0.5)


@pytest.mark.parametrize("mechanism", ["xoauth2", "oauthbearer"])
def test_postfix_with_dovecot(
    serve: Serve, authority: trustme.CA, tmp_path: Path, endpoint: Endpoint, mechanism: str
) -> None:
    """A real relay with a real SASL server takes a good token, and refuses one that somebody else signed."""
    with dovecot(mechanism) as sasl, postfix(authority, **sasl) as real:
        settings = real.settings | endpoint.variables(tmp_path) | {"FLASK_MAIL_PASSWORD_FILE": ""}
        endpoint.says = lambda _number: token(jwt(USER, b"a key that the relay does not know"))
        backend = serve(real.relays["smtps"], **settings)
        assert_all_kept(backend.enquire(), ENQUIRY)
        assert backend.logged("relay")[0]["smtp_code"] == 535
        endpoint.says = lambda _number: token(jwt(USER))

        until(lambda: backend.enquire().status_code == 303, look_every=1)
        real.wait_until_handed_on()

    assert len(real.mailbox.received) == 1
