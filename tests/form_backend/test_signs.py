"""Advertising is held up and never lost; enquiries go through."""

import json
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import lxml.html
import pytest
from playwright.sync_api import BrowserContext, expect

from form_backend.signs import SENTENCES
from tests.parts.forms import ENQUIRY, ORGANISATION, REQUEST, shown_values, token
from tests.parts.processes import free_port, until
from tests.parts.relays import Mailbox, Received, smtp_server
from tests.parts.stack import Backend, Serve, gunicorn

MESSAGES = Path(__file__).parent / "signs"
LINKS = (
    "See https://a.example/x and https://b.example/x and https://c.example/x and https://d.example/x today."
)
HELD = {"message": LINKS, "marketing": "yes"}
TICKED = {"not_advertising": "yes"}


def messages(name: str) -> list[dict[str, str]]:
    """Return the messages of one file."""
    return list(tomllib.loads((MESSAGES / f"{name}.toml").read_text("utf-8"))["message"])


def held_up(backend: Backend, sent: list[dict[str, str]]) -> list[str]:
    """Send each message, and return the texts of those that were held up."""
    held = []
    for message in sent:
        text = message["text"].replace("\n", "\r\n")
        words = {field: message[field] for field in ("name", "email", "phone") if field in message}
        answer = backend.enquire(**words, message=text)
        assert answer.status_code in (303, 422)
        if answer.status_code == 422:
            assert "Is this advertising?" in answer.text
            held.append(message["text"])
    return held


def test_advertising_is_held_up(backend: Backend) -> None:
    """Of what public forms are sent as advertising, four in five are held up by the text alone."""
    sent = messages("advertising")
    held = held_up(backend, sent)

    assert len(held) >= 0.8 * len(sent)


def test_enquiries_go_through(backend: Backend) -> None:
    """Of enquiries as people write them, at most one in a hundred is held up."""
    sent = messages("enquiries")
    held = held_up(backend, sent)

    assert len(held) <= 0.01 * len(sent), held


def test_hard_enquiries_go_through(backend: Backend) -> None:
    """Of enquiries made to be mistaken for advertising, at most one in eight is held up."""
    sent = messages("hard_enquiries")
    held = held_up(backend, sent)

    assert len(held) <= len(sent) / 8, held


def box(page: httpx.Response) -> Any:
    """Return the box that a held-up form asks to tick."""
    [found] = lxml.html.fromstring(page.text).cssselect("form input[name=not_advertising]")
    return found


def asks_for_a_tick(page: httpx.Response) -> bool:
    """Tell whether the page is a held-up form with the box."""
    return page.status_code == 422 and bool(
        lxml.html.fromstring(page.text).cssselect("[name=not_advertising]")
    )


def marked(received: Received) -> bool:
    """Tell whether a mail carries the mark and the header for rules of mailboxes."""
    assert ("X-Website-Signs" in received.message) == received.message["Subject"].startswith(
        "[advertising?] "
    )
    return "X-Website-Signs" in received.message


def test_held_up_and_delivered(backend: Backend, mailbox: Mailbox) -> None:
    """The form comes back whole, says why in plain words, and one tick delivers it with a mark."""
    held = backend.enquire(**HELD)
    page = lxml.html.fromstring(held.text)

    assert held.status_code == 422
    assert mailbox.received == []
    assert shown_values(held) == ENQUIRY | HELD
    [alert] = page.cssselect("[role=alert]")
    assert "Your message has 4 links to other websites." in alert.text_content()
    assert not box(held).checked
    assert "This is an enquiry, not advertising." in page.text_content()
    assert backend.post(shown_values(held) | TICKED, shown=held).status_code == 303
    [received] = mailbox.received
    assert marked(received)
    assert re.fullmatch(r"(?=.*\blinks=4\b)[a-z_]+=\d+( [a-z_]+=\d+)*", received.message["X-Website-Signs"])
    assert "Marketing by e-mail: Yes" in received.text


def test_the_tick_changes_no_reference(serve: Serve, site: Path, tmp_path: Path, mailbox: Mailbox) -> None:
    """A message that was held up has the reference that it would have had."""
    words = HELD | {"message": f"{LINKS} The same."}
    lenient = serve(mailbox.relay, FLASK_SITE_DIR=str(with_threshold(1000, site, tmp_path)))
    through = lenient.enquire(**words)
    strict = serve(mailbox.relay)
    ticked = strict.enquire(**words, **TICKED)

    assert through.status_code == ticked.status_code == 303
    assert through.headers["Location"] == ticked.headers["Location"]
    assert [marked(received) for received in mailbox.received] == [False, True]


def with_threshold(threshold: float, site: Path, folder: Path) -> Path:
    """Return a copy of the site by links, with another threshold."""
    copy = folder / "site"
    copy.mkdir()
    for path in site.iterdir():
        (copy / path.name).symlink_to(path)
    facts: dict[str, Any] = json.loads((site / "form.json").read_text("utf-8"))
    facts["advertising"]["threshold"] = threshold
    (copy / "form.json").unlink()
    (copy / "form.json").write_text(json.dumps(facts), "utf-8")
    return copy


@pytest.fixture(scope="module")
def watchful(
    site: Path, shared_mailbox: Mailbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Backend]:
    """Run a form backend that holds an enquiry up for any sign at all."""
    folder = tmp_path_factory.mktemp("watchful")
    with gunicorn(with_threshold(1, site, folder), shared_mailbox.relay, folder / "log") as backend:
        yield backend


QUESTION = "Which pipes are older than forty years?"
FOUND = [
    (f"Is https://a.example/x right? {QUESTION}", "links=1"),
    (f"HTTP://A.example/x, www.b.example and c-d.com: {QUESTION}", "links=3"),
    (f"Is https://a.example/one or https://a.example/two right? {QUESTION}", "links=1"),
    (f"Is t.me/somebody right? {QUESTION}", "links=1 shortened=1"),
    (f"Write to other@example.com. {QUESTION}", "addresses=1"),
    (f"[URL=x]buy[/URL] {QUESTION}", "markup=1"),
    (f'<A HREF="x">buy</a> {QUESTION}', "markup=1"),
    (f"[our map](https://a.example/x) {QUESTION}", "links=1 markup=1"),
    ("Look at https://a.example/x", "links=1 point=1 unasked=1"),
    ("Do you know https://a.example/x", "links=1 point=1 unasked=1"),
    ("Is it good? Then see https://a.example/x. Thanks", "links=1 point=1"),
    ("a@b.example", "addresses=1 point=1 unasked=1"),
    (f"Backlinks and a loan! {QUESTION}", "offers=2"),
    (f"I saw imqs.co.za. {QUESTION}", "our_name=1"),
    (f"For $100? {QUESTION}", "price=1"),
    (f"Fr\u0435\u0435 m\u043en\u0435y {QUESTION}", "mixed=1"),
    (f"Now!!! {QUESTION}", "shouting=1"),
    (QUESTION.upper(), "shouting=1"),
]
INNOCENT = [
    QUESTION,
    "Pumps http://10.0.0.1/a, http://10.0.0.2:8080 and https://pump.local/b?",
    "On https://www.imqs.co.za/products/ and rustenburg.imqs.co.za/map it says so?",
    f"{QUESTION}\r\n\r\nRegards\r\nThandeka Dlamini\r\nTel. 012 345 6789\r\nwww.a.example\r\nb.example/c",
    f"{QUESTION}\r\n\r\nDlamini\r\nA Company\r\nwww.a.example",
    f"Reply to {ENQUIRY['email']} or info@imqs.co.za. {QUESTION}",
    "A sensor of 45 kΩ in 150 μm, with node.js, pipes.shp and e.g.this or km/h.Please call?",
    "Какие трубы старше сорока лет? Данные в GIS и SCADA.",
    "哪些管道使用GIS系统超过四十年",
    "Fifty Rand (R50) at 15%: WHO PAYS? The loaned museo in Seoul!",
]


@pytest.mark.parametrize(("text", "signs"), FOUND)
def test_what_is_found(watchful: Backend, mailbox: Mailbox, text: str, signs: str) -> None:
    """Each sign is found by what it is made of, in capitals and small letters."""
    assert watchful.enquire(message=text).status_code == 422
    watchful.enquire(message=text, **TICKED)

    assert mailbox.received[0].message["X-Website-Signs"] == signs


@pytest.mark.parametrize("field", ["name", "phone"])
def test_a_link_where_none_belongs(watchful: Backend, mailbox: Mailbox, field: str) -> None:
    """A link in the name or the telephone number is a sign."""
    watchful.enquire(**{field: "see www.a.example"}, **TICKED)

    assert mailbox.received[0].message["X-Website-Signs"] == "misplaced=1"


@pytest.mark.parametrize("text", INNOCENT)
def test_what_is_no_sign(watchful: Backend, text: str) -> None:
    """Machines, our own pages, lines under a letter, file names, units and scripts are no signs."""
    assert watchful.enquire(message=text, name="Thandeka Dlamini B.Com").status_code == 303


def test_held_up_while_the_relay_is_down(serve: Serve) -> None:
    """After the tick a relay that is down costs no second tick: the box stays ticked, and Send delivers."""
    port = free_port()
    backend = serve(f"smtp://127.0.0.1:{port}")
    held = backend.enquire(**HELD)
    failed = backend.post(shown_values(held) | TICKED, shown=held)

    assert (held.status_code, failed.status_code) == (422, 503)
    assert shown_values(failed) == ENQUIRY | HELD | TICKED
    with smtp_server(port=port) as mailbox:
        assert backend.post(shown_values(failed), shown=failed).status_code == 303
        assert [marked(received) for received in mailbox.received] == [True]


def test_back_and_send_after_delivery(backend: Backend, mailbox: Mailbox) -> None:
    """Once delivered, the same words from the page before show the same thanks, tick or no tick."""
    words = ENQUIRY | HELD | {"name": "Back and Send"}
    held = backend.post(words)
    delivered = backend.post(words | TICKED, shown=held)
    again = backend.post(words, shown=held)

    assert (held.status_code, delivered.status_code, again.status_code) == (422, 303, 303)
    assert delivered.headers["Location"] == again.headers["Location"]
    assert len(mailbox.received) == 1


def test_a_mistake_beside_the_tick(backend: Backend) -> None:
    """A mistake in another field does not untick the box."""
    shown = backend.enquire(**HELD, **TICKED, email="wrong")

    assert shown.status_code == 422
    assert box(shown).checked


def test_information_requests_are_never_held_up(backend: Backend, mailbox: Mailbox) -> None:
    """Whoever asks to update or delete information is asked for no tick, whatever the text holds."""
    answer = backend.post(
        REQUEST | {"details": f"{LINKS} [url=https://e.example]SEO loans[/url]!!!"}, "/your-information/"
    )

    assert answer.status_code == 303
    assert not marked(mailbox.received[0])


def test_a_trap_among_other_signs(backend: Backend) -> None:
    """A filled trap alone asks for one more Send; where the text is held up as well, for the tick."""
    alone = backend.enquire(website="x", message="Only the trap")
    both = backend.enquire(**HELD, website="x", name="Trapped and Held")

    assert not asks_for_a_tick(alone)
    assert asks_for_a_tick(both)
    assert "A field that people do not see was filled in." in both.text
    assert backend.post(shown_values(alone), shown=alone).status_code == 303
    assert backend.post(shown_values(both), shown=both).status_code == 422


def test_haste_counts_together_with_others(serve: Serve, mailbox: Mailbox) -> None:
    """A long text sent at once is delivered; with other signs it comes back, and Send works."""
    backend = serve(mailbox.relay, FLASK_TOKEN_MIN_AGE="1")  # noqa: S106 - it is a number of seconds
    long = "We would like to know more about the register of our pumps and pipes. " * 60
    signs = "It costs $9, as https://a.example/x and https://b.example/x say, does it not? "
    page = backend.form()
    until(lambda: backend.post(ENQUIRY | {"message": long}, shown=page).status_code == 303, look_every=0.2)
    hasty = backend.post(ENQUIRY | {"message": signs * 12}, shown=page)

    assert hasty.status_code == 422
    assert not asks_for_a_tick(hasty)
    assert backend.post(shown_values(hasty), shown=hasty).status_code == 303


SAME = "Our company repairs the roofs of factories and would like to visit yours"


def from_networks(backend: Backend, texts: list[str]) -> list[int]:
    """Send each text from a network of its own, and return the answers' statuses."""
    statuses = []
    for number, text in enumerate(texts):
        words = ENQUIRY | {"token": token(backend.form()), "message": text}
        headers = {"Sec-Fetch-Site": "same-origin", "X-Forwarded-For": f"198.51.100.{number}"}
        statuses.append(backend.client.post("/enquiry/", data=words, headers=headers).status_code)
    return statuses


@pytest.fixture
def behind_a_proxy(serve: Serve, mailbox: Mailbox) -> Backend:
    """Run a form backend that believes one proxy's word on where a post comes from."""
    return serve(mailbox.relay, FLASK_TRUSTED_PROXIES="1")


def test_the_same_text_from_many_networks(behind_a_proxy: Backend) -> None:
    """It is held up from the third to seventh network on; case, digits and spaces make no difference."""
    variants = [SAME, SAME.upper(), SAME.replace(" ", "  ")]
    statuses = from_networks(behind_a_proxy, [f"{variants[n % 3]} {n}" for n in range(10)])

    assert statuses == sorted(statuses)
    assert statuses[:2] == [303, 303]
    assert statuses[6:] == [422] * 4


COMMON = [
    "Please call me, {n}",
    "083 555 {n:04}",
    ORGANISATION["enquiry"]["topics"]["agreement"],
]


@pytest.mark.parametrize("text", COMMON)
def test_what_many_people_write(behind_a_proxy: Backend, text: str) -> None:
    """Short texts and the texts of our own links are never held up, from however many networks they come."""
    assert set(from_networks(behind_a_proxy, [text.format(n=n) for n in range(12)])) == {303}


def test_nobody_learns_what_others_sent(behind_a_proxy: Backend) -> None:
    """Who posts a guess sees the same answer whether somebody else sent it or not."""
    guesses = [
        f"We plan to replace the water meters of {town} and ask for an offer" for town in "ABCDEFGHIJKL"
    ]
    answers = {tuple(from_networks(behind_a_proxy, [guess, guess])) for guess in guesses}

    assert answers == {(303, 303)}


def test_the_table_names_every_sign() -> None:
    """Editors find every sign in the table, and nothing else but the threshold."""
    assert set(ORGANISATION["advertising"]) == {*SENTENCES, "threshold"}


def test_held_up_without_javascript(open_context: Callable[..., BrowserContext], mailbox: Mailbox) -> None:
    """In a browser without JavaScript the reasons take the focus; a tick by its label and Send deliver."""
    page = open_context(java_script_enabled=False).new_page()
    page.goto("/enquiry/")
    for label in ("Name and surname", "E-mail address"):
        page.get_by_label(label).fill("kea@example.com")
    page.get_by_label("Sector or industry").select_option(index=1)
    page.get_by_label("Your message").fill(f"{LINKS} In a browser.")
    page.get_by_role("button", name="Send enquiry").click()
    alert = page.get_by_role("alert")

    expect(alert).to_be_focused()
    expect(alert).to_contain_text("Is this advertising?")
    alert.get_by_label("This is an enquiry, not advertising.").check()
    alert.get_by_role("button", name="Send enquiry").click()
    expect(page).to_have_url(re.compile("/enquiry/sent/"))
    assert [marked(received) for received in mailbox.received] == [True]
