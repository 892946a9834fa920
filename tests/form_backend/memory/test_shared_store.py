"""Several processes that share a Redis: the same words go out once, limits hold, nothing typed is in it."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path

import httpx
import pytest
from redis import Redis

from devtools.loopback import HOST
from form_backend.memory.shared_store import COOLDOWN
from tests.parts.canary import Canary
from tests.parts.forms import ENQUIRY, token
from tests.parts.processes import children, until
from tests.parts.relays import Mailbox, ScriptedRelay, Step
from tests.parts.stack import Backend, Serve, gunicorn
from tests.parts.store import StoreServer

Replicas = tuple[Backend, Backend]
SLOWLY: Step = (0.5, b"250 fine\r\n")
SHARED = {
    "FLASK_MAIL_DEADLINE": "1",
    "FLASK_PERSON_LIMIT": "2 per hour",
    "FLASK_POST_LIMIT": "6 per hour",
    "FLASK_TRUSTED_PROXIES": "1",
}


@pytest.fixture(scope="module")
def replicas(
    site: Path, relay: ScriptedRelay, store: StoreServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Replicas]:
    """Run a form backend of one process and one of two, sandboxed, with the store in common."""
    folder, settings = tmp_path_factory.mktemp("replicas"), SHARED | {"FLASK_LIMITS_URL": store.url}
    with (
        gunicorn(site, relay.relay, folder / "first", **settings) as first,
        gunicorn(site, relay.relay, folder / "second", **settings, WEB_CONCURRENCY="2") as second,
    ):
        yield first, second


def send(backend: Backend, address: str, **changed: str) -> httpx.Response:
    """Send an enquiry as a person at this address does, through the web server."""
    words = ENQUIRY | {"token": token(backend.form())} | changed
    headers = {"Sec-Fetch-Site": "same-origin", "X-Forwarded-For": address}
    return backend.client.post("/enquiry/", data=words, headers=headers)


def attempts(relay: ScriptedRelay) -> int:
    """Return how many messages the relay was offered since it follows this script."""
    return relay.heard.upper().count(b"MAIL FROM:")


def outcomes(backend: Backend) -> list[str]:
    """Return what became of each post, as logged."""
    return [line["outcome"] for line in backend.logged("request") if line["status"] != 200]


def events(backend: Backend) -> list[str]:
    """Return the names of what was logged."""
    return [line["event"] for line in backend.log]


@pytest.mark.parametrize(
    ("does", "tries", "outcome"),
    [
        ({"taken": SLOWLY}, 1, "delivered"),
        ({"MAIL": (0.5, b"451 not now\r\n")}, 2, "refused"),
        ({"MAIL": (3600.0,)}, 1, "slow"),
        ({"taken": (0.5, None)}, 1, "in-doubt"),
    ],
)
def test_same_words_to_two_replicas_at_once(
    replicas: Replicas, relay: ScriptedRelay, does: dict[str, Step], tries: int, outcome: str
) -> None:
    """The second copy waits for the first, and sends only if that was refused; then Send works, once."""
    first, second = replicas
    address, words = f"198.51.100.{len(outcome)}", {"message": f"At once: {outcome}"}
    relay.follow(**does)
    with ThreadPoolExecutor() as people:
        flying = people.submit(send, first, address, **words)
        until(lambda: attempts(relay))
        answers = [send(second, address, **words), flying.result()]
    tried = attempts(relay)
    relay.follow()
    again = [send(second, address, **words), send(first, address, **words)]

    assert {answer.status_code for answer in answers} == {303 if outcome == "delivered" else 503}
    assert [outcomes(first)[-2], outcomes(second)[-2]] == [outcome, outcome]
    assert tried == tries
    assert [answer.status_code for answer in again] == [303, 303]
    assert again[0].headers["Location"] == again[1].headers["Location"]
    assert relay.taken == (outcome != "delivered")


def test_second_copy_when_the_first_process_dies(replicas: Replicas, relay: ScriptedRelay) -> None:
    """A person whose first copy died with its process is told that it may have reached us."""
    first, second = replicas
    address, words = "198.51.100.99", {"message": "Whose process died"}
    relay.follow(MAIL=(3600.0,))
    [worker] = children(first.process)
    with ThreadPoolExecutor() as people:
        lost = people.submit(send, first, address, **words)
        until(lambda: attempts(relay))
        waiting = people.submit(send, second, address, **words)
        os.kill(worker, signal.SIGKILL)
        answer = waiting.result()
    relay.follow()

    assert isinstance(lost.exception(), httpx.TransportError)
    assert answer.status_code == 503
    assert outcomes(second)[-1] == "in-doubt"
    assert send(second, address, **words).status_code == 303
    assert relay.taken == 1


PEOPLE = [
    (["192.0.2.1", "192.0.2.1", "192.0.2.1"], [303, 303, 429]),
    (["192.0.2.2", "::ffff:192.0.2.2", "192.0.2.2"], [303, 303, 429]),
    (["192.0.2.3", "192.0.2.4", "192.0.2.5"], [303, 303, 303]),
    (["2001:db8:1::1", "2001:db8:1::2:3", "2001:db8:1:0:4::"], [303, 303, 429]),
    (["2001:db8:2::1", "2001:db8:2:1::1", "2001:db8:2:2::1"], [303, 303, 303]),
]


@pytest.mark.parametrize(("addresses", "statuses"), PEOPLE)
def test_person_limit_holds_across_replicas(
    replicas: Replicas, relay: ScriptedRelay, addresses: list[str], statuses: list[int]
) -> None:
    """Both count the same person, by the /64 of an IPv6 address; a repeat of what was delivered is free."""
    relay.follow()
    messages = [f"From {addresses}, number {number}" for number in range(3)]
    sent = [
        send(backend, address, message=message)
        for backend, address, message in zip(cycle(replicas), addresses, messages, strict=False)
    ]

    assert [answer.status_code for answer in sent] == statuses
    assert send(replicas[1], addresses[0], message=messages[0]).status_code == 303
    assert relay.taken == statuses.count(303)


def test_networks_of_one_text_are_counted_across_replicas(replicas: Replicas, relay: ScriptedRelay) -> None:
    """The same text from many networks is held up, whichever replica they reach."""
    relay.follow()
    text = "Our company repairs the roofs of factories and would like to visit yours"
    statuses = [send(replicas[n % 2], f"198.18.0.{n}", message=text).status_code for n in range(8)]

    assert statuses[:2] == [303, 303]
    assert statuses[-2:] == [422, 422]


def test_post_limit_holds_across_replicas(replicas: Replicas) -> None:
    """Posts with mistakes count against their sender, whichever replica they reach."""
    statuses = [send(replicas[n % 2], "192.0.2.6", email="wrong").status_code for n in range(7)]

    assert statuses == [*[422] * 6, 429]


def test_many_at_once_do_not_exceed_the_limit(replicas: Replicas, relay: ScriptedRelay) -> None:
    """Failures do not count; of too many sent at once, only as many go out as the limit allows."""
    relay.follow(MAIL=(b"451 not now\r\n",))
    failed = [send(backend, "192.0.2.7", message="fails").status_code for backend in replicas]
    relay.follow(taken=SLOWLY)
    with ThreadPoolExecutor() as people:
        flying = [
            people.submit(send, replicas[n % 2], "192.0.2.7", message=f"{n} of many at once")
            for n in range(4)
        ]

    assert failed == [503, 503]
    assert sorted(answer.result().status_code for answer in flying) == [303, 303, 429, 429]
    assert relay.taken == 2


@pytest.mark.promise("not-stored")
def test_store_holds_only_hashes_that_expire(
    replicas: Replicas, relay: ScriptedRelay, store: StoreServer
) -> None:
    """The store gets no typed word and no address, each of its keys expires, and it writes no file."""
    canary, address = Canary(), "203.0.113.77"
    with socket.create_connection((HOST, store.port)) as listener:
        listener.sendall(b"MONITOR\r\n")
        relay.follow(taken=(None,))
        send(replicas[0], address, **canary.words)
        relay.follow()
        delivered = send(replicas[1], address, **canary.words)
        send(replicas[0], address, **canary.words)
        listener.sendall(b"QUIT\r\n")
        heard = listener.makefile("rb").read()
    with Redis(HOST, store.port) as client:
        expiries = {key: client.ttl(key) for key in client.scan_iter()}

    assert delivered.status_code == 303
    assert b'"delivered"' in heard
    assert not canary.found_in(heard)
    assert address.encode() not in heard
    assert len(expiries) > 3
    # Less than none is a key that went meanwhile, but for -1: one that would stay.
    assert all(expiry != -1 and expiry <= 24 * 60 * 60 for expiry in expiries.values())
    assert not list(store.folder.iterdir())


def test_store_that_fails_stops_nobody(replicas: Replicas, relay: ScriptedRelay, store: StoreServer) -> None:
    """While the store hangs or is gone, all posts go through and no word is logged; then it is used again."""
    relay.follow()
    canary = Canary()
    words = canary.words | {"message": f"{canary.mark} again"}
    store.process.send_signal(signal.SIGSTOP)
    with ThreadPoolExecutor(8) as people:
        flying = [
            people.submit(send, replicas[n % 2], f"203.0.113.{n}", message=f"{canary.mark} {n}")
            for n in range(8)
        ]
    store.kill()
    alone = [send(replicas[0], "203.0.113.100", **words).status_code for _ in range(2)]
    lost = relay.taken
    store.start()

    assert [answer.result().status_code for answer in flying] == [303] * 8
    assert (alone, lost) == ([303, 303], 9)
    until(lambda: is_shared(replicas, relay), look_every=0.25)
    for backend in replicas:
        assert "store_away" in events(backend)
        assert not canary.found_in(backend.log_file.read_bytes())


def is_shared(replicas: Replicas, relay: ScriptedRelay) -> bool:
    """Tell whether one replica knows what the other has just delivered, and both have said so."""
    relay.follow()
    now = f"{time.monotonic_ns()}"
    for backend in replicas:
        assert send(backend, f"2001:db8:ffff:{now[-4:]}::1", message=f"Shared at {now}?").status_code == 303
    return relay.taken == 1 and all("store_back" in events(backend) for backend in replicas)


def test_silent_store_is_asked_once(serve: Serve, mailbox: Mailbox) -> None:
    """Only the first submission waits for a store that never answers; for some seconds none asks again."""
    with socket.create_server((HOST, 0)) as black_hole:
        backend = serve(mailbox.relay, FLASK_LIMITS_URL=f"redis://{HOST}:{black_hole.getsockname()[1]}")
        began = time.monotonic()
        answers = [backend.enquire(message=f"Into the void: {n}") for n in range(3)]
        may_ask = 1 + (time.monotonic() - began) // COOLDOWN
        black_hole.setblocking(False)  # noqa: FBT003 - the standard library's
        asked = 0
        while connection := accepted(black_hole):
            connection.close()
            asked += 1

    assert [answer.status_code for answer in answers] == [303, 303, 303]
    assert 1 <= asked <= may_ask
    assert events(backend).count("store_away") == 1


def accepted(listener: socket.socket) -> socket.socket | None:
    """Return the next connection that was made, if there is one."""
    try:
        return listener.accept()[0]
    except BlockingIOError:
        return None


def test_workers_without_a_store_say_so(
    serve: Serve, backend: Backend, replicas: Replicas, mailbox: Mailbox
) -> None:
    """Several workers without a store log one line at start; one worker alone, or with a store, does not."""
    apart = serve(mailbox.relay, WEB_CONCURRENCY="2")

    assert events(apart).count("memory_per_worker") == 1
    assert "memory_per_worker" not in events(backend) + events(replicas[1])
