"""Connections to relays: no more than a relay allows, first come first served; a new one for a spent one."""

import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from time import monotonic

import gevent
import pytest

from form_backend.mail.pool import Slots
from tests.parts.forms import ENQUIRY, assert_all_kept
from tests.parts.processes import until
from tests.parts.relays import Mailbox, ScriptedRelay
from tests.parts.stack import Serve
from tests.parts.unreliable import ENOUGH, EXTENSIONS, Habits, UnreliableRelay


def test_slots_are_handed_out_in_turn() -> None:
    """Whoever comes while others wait stands behind them, even at the moment when a slot comes free."""
    slots, order = Slots(1), list[int]()

    def work(number: int) -> None:
        assert slots.acquire(monotonic() + 60)
        order.append(number)
        gevent.sleep(0)
        slots.release()

    assert slots.acquire(monotonic())
    waiting = [gevent.spawn(work, number) for number in range(5)]
    gevent.sleep(0)
    slots.release()

    assert not slots.acquire(monotonic())
    gevent.joinall(waiting)
    assert order == [0, 1, 2, 3, 4]
    assert slots.acquire(monotonic())


def test_slot_that_nobody_waits_for_any_more() -> None:
    """Who gave up waiting gets no slot, and keeps none from others."""
    slots = Slots(1)
    assert slots.acquire(monotonic())

    assert not slots.acquire(monotonic() + 0.01)
    slots.release()

    assert slots.acquire(monotonic())


def test_never_more_connections_than_the_relay_allows(serve: Serve, relay: ScriptedRelay) -> None:
    """Whoever comes when all three are busy waits for one, and all three are used again and again."""
    relay.follow(taken=(0.02, b"250 fine\r\n"))
    backend = serve(f"{relay.relay}?connections=3")
    shown = backend.form()

    with ThreadPoolExecutor(24) as people:
        sent = [
            people.submit(backend.post, ENQUIRY | {"message": f"Number {number}"}, shown=shown)
            for number in range(24)
        ]

    assert [answer.result().status_code for answer in sent] == [303] * 24
    assert (relay.taken, relay.most_lines, relay.called) == (24, 3, 3)


def test_no_connection_in_time(serve: Serve, relay: ScriptedRelay) -> None:
    """Who waits longer than the deadline allows is told that many are writing, and keeps every word."""
    relay.follow(taken=(3600.0, b"250 fine\r\n"))
    backend = serve(f"{relay.relay}?connections=1", FLASK_MAIL_DEADLINE="2")
    shown = backend.form()
    words = [ENQUIRY | {"message": f"Number {number}"} for number in range(2)]

    with ThreadPoolExecutor() as people:
        answers = list(people.map(lambda sent: backend.post(sent, shown=shown), words))

    assert [line["outcome"] for line in backend.logged("relay")] == ["busy", "in-doubt"]
    for answer, sent in zip(answers, words, strict=True):
        assert_all_kept(answer, sent)
    assert ["A great many people" in answer.text for answer in answers].count(True) == 1
    assert relay.called == 1


def test_busy_relay_is_passed_over(serve: Serve, relay: ScriptedRelay, mailbox: Mailbox) -> None:
    """Where another relay is named, it takes what the first has no connection for."""
    relay.follow(taken=(3600.0, b"250 fine\r\n"))
    backend = serve(f"{relay.relay}?connections=1,{mailbox.relay}", FLASK_MAIL_DEADLINE="4")
    shown = backend.form()

    with ThreadPoolExecutor() as people:
        first = people.submit(backend.post, ENQUIRY, shown=shown)
        until(lambda: relay.taken)
        second = backend.post(ENQUIRY | {"message": "second"}, shown=shown)

    assert (first.result().status_code, second.status_code) == (503, 303)
    assert len(mailbox.received) == 1


@pytest.mark.parametrize("offers", EXTENSIONS, ids=" ".join)
@pytest.mark.parametrize("limit", ["", "?connections=1"])
def test_spent_connection_is_replaced(serve: Serve, offers: tuple[str, ...], limit: str) -> None:
    """A relay that takes five messages over a connection and then says 452 gets the sixth over a new one."""
    with ExitStack() as stack:
        relay = UnreliableRelay(random.Random(4711))
        stack.callback(relay.stop)
        relay.behave(Habits(offers=offers, messages=5))
        backend = serve(f"{relay.address}{limit}")
        shown = backend.form()

        answers = [backend.post(ENQUIRY | {"message": f"Number {at}"}, shown=shown) for at in range(12)]

    assert [answer.status_code for answer in answers] == [303] * 12
    assert len(relay.took) == 12
    assert relay.called >= 3
    assert {line["outcome"] for line in backend.logged("relay")} == {"delivered"}


def test_relay_that_refuses_for_now_on_a_new_connection_too(serve: Serve, relay: ScriptedRelay) -> None:
    """One new connection is tried, and no more."""
    relay.follow()
    backend = serve(f"{relay.relay}?connections=1")
    assert backend.enquire().status_code == 303
    relay.script["MAIL"] = ENOUGH

    assert_all_kept(backend.enquire(message="later"), ENQUIRY | {"message": "later"})
    assert relay.called == 2
    assert [line.get("smtp_code") for line in backend.logged("relay")] == [250, 452]
