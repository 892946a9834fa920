"""What others sent is nobody's business, and consent is nobody else's to give."""

from itertools import product

import httpx
import pytest

from tests.parts.forms import ENQUIRY, ORGANISATION, REQUEST, shown_values, token
from tests.parts.relays import Mailbox
from tests.parts.stack import Backend, Serve
from tests.parts.store import StoreServer

VICTIM, ATTACKER = "203.0.113.201", "203.0.113.202"
BEHIND_A_PROXY = {"FLASK_TRUSTED_PROXIES": "1"}


def send(backend: Backend, client: str, words: dict[str, str], path: str = "/enquiry/") -> httpx.Response:
    """Send a form with a fresh token from a client's network."""
    posted = {"token": token(backend.form(path))} | words
    headers = {"Sec-Fetch-Site": "same-origin", "X-Forwarded-For": client}
    return backend.client.post(path, data=posted, headers=headers)


@pytest.fixture(params=["memory", "store"])
def guessed(request: pytest.FixtureRequest, serve: Serve, mailbox: Mailbox) -> Backend:
    """Return a form backend with a limit of 2 messages a person, with memory of its own and with a store."""
    changed = BEHIND_A_PROXY | {"FLASK_PERSON_LIMIT": "2 per hour"}
    if request.param == "store":
        store: StoreServer = request.getfixturevalue("store")
        changed["FLASK_LIMITS_URL"] = store.url
    return serve(mailbox.relay, **changed)


@pytest.mark.promise("website-secured")
def test_guessing_what_others_sent(guessed: Backend, mailbox: Mailbox) -> None:
    """A guess is answered the same whether or not somebody sent just that, below the limit and above it."""
    secret, other = ({"message": message} | {"marketing": "yes"} for message in ("The secret", "Not sent"))
    send(guessed, VICTIM, ENQUIRY | secret)
    below = [send(guessed, ATTACKER, ENQUIRY | guess).status_code for guess in (secret, other)]
    above = [
        send(guessed, ATTACKER, ENQUIRY | guess).status_code for guess in (secret | {"name": "X"}, other)
    ]
    third = "203.0.113.203"
    for number in range(2):
        send(guessed, third, ENQUIRY | {"message": f"To use up the limit: {number}"})
    beyond = [send(guessed, third, ENQUIRY | guess).status_code for guess in (secret, {"message": "Never"})]

    assert below == [303, 303]
    assert above == [429, 303]  # the second is the attacker's own message
    assert beyond == [429, 429]
    assert sum("> The secret" in received.text for received in mailbox.received) == 2


@pytest.mark.parametrize(("path", "words"), [("/enquiry/", ENQUIRY), ("/your-information/", REQUEST)])
def test_same_person_sends_again(
    backend: Backend, mailbox: Mailbox, path: str, words: dict[str, str]
) -> None:
    """The same message goes out once from one page, wherever it is sent from, and once from one network."""
    words = words | {"name": f"Sent again to {path}"}
    page = backend.form(path)
    statuses = [backend.post(words, path, shown=page).status_code for _ in range(2)]
    statuses.append(backend.post(words, path).status_code)

    assert statuses == [303, 303, 303]
    assert len(mailbox.received) == 1


def test_same_page_from_another_network(serve: Serve, mailbox: Mailbox) -> None:
    """A telephone that changes from Wi-Fi to mobile data and sends again is the same person."""
    backend = serve(mailbox.relay, **BEHIND_A_PROXY)
    words = ENQUIRY | {"token": token(backend.form())}
    answers = [
        backend.client.post("/enquiry/", data=words, headers={"X-Forwarded-For": client})
        for client in (VICTIM, ATTACKER)
    ]

    assert [answer.status_code for answer in answers] == [303, 303]
    assert answers[0].headers["Location"] == answers[1].headers["Location"]
    assert len(mailbox.received) == 1


def test_form_shown_again_keeps_its_lineage(serve: Serve, mailbox: Mailbox) -> None:
    """A page that was shown again and sent from elsewhere is still the page that sent the message."""
    backend = serve(mailbox.relay, **BEHIND_A_PROXY)
    again = backend.enquire(email="wrong")
    words = ENQUIRY | {"token": token(again)}
    for client in (VICTIM, ATTACKER):
        backend.client.post("/enquiry/", data=words, headers={"X-Forwarded-For": client})

    assert len(mailbox.received) == 1


FOREIGN: dict[str, tuple[dict[str, str], str | None]] = {
    "from another site": ({"Sec-Fetch-Site": "cross-site"}, None),
    "from another origin": ({"Origin": "https://evil.example.com"}, None),
    "without a token": ({}, ""),
    "with a token of another key": ({}, "IjIwMjYi.aaaa.bbbb"),
    "with a very long token": ({}, "x" * 5000),
}


@pytest.mark.promise("opt-in-marketing")
@pytest.mark.parametrize("how", FOREIGN)
def test_consent_is_not_carried_over(backend: Backend, mailbox: Mailbox, how: str) -> None:
    """A ticked box that did not come from our own page comes back unticked, so Send mails a No."""
    headers, forged = FOREIGN[how]
    posted = token(backend.form()) if forged is None else forged
    words = ENQUIRY | {"marketing": "yes", "message": f"Crafted {how}", "token": posted}
    answer = backend.client.post("/enquiry/", data=words, headers=headers)

    assert answer.status_code in (403, 422)
    assert "marketing" not in shown_values(answer)
    assert shown_values(answer)["message"] == words["message"]
    assert backend.post(shown_values(answer), shown=answer).status_code == 303
    assert "Marketing by e-mail: No" in mailbox.received[0].text


def test_consent_after_a_limit(serve: Serve, mailbox: Mailbox) -> None:
    """Over a limit the box stays ticked only where the token proves that our own page showed it."""
    backend = serve(mailbox.relay, FLASK_POST_LIMIT="1 per hour")
    words = ENQUIRY | {"marketing": "yes"}
    page = backend.form()
    backend.post(words, shown=page)
    ours = backend.post(words | {"message": "Ours"}, shown=page)
    foreign = backend.client.post("/enquiry/", data=words | {"token": "made up"})

    assert (ours.status_code, foreign.status_code) == (429, 429)
    assert "marketing" in shown_values(ours)
    assert "marketing" not in shown_values(foreign)


def test_reference_is_signed_for_its_form(backend: Backend) -> None:
    """A reference of one form leads to no thank-you page of the other."""
    address = backend.enquire(message="Signed for the enquiry").headers["Location"]

    statuses = [
        backend.client.get(address.replace("/enquiry/", f"/{form}/")).status_code
        for form in ("enquiry", "your-information")
    ]

    assert statuses == [200, 404]


REFUSED = [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example.com"}]


@pytest.mark.parametrize(("headers", "form"), [*product(REFUSED, ["/enquiry/", "/your-information/"])])
def test_refusal_names_another_way(backend: Backend, headers: dict[str, str], form: str) -> None:
    """Every page that refuses a post from elsewhere names the address to write to."""
    answer = backend.client.post(form, data={"name": "Someone"}, headers=headers)
    contact = ORGANISATION["contact" if form == "/enquiry/" else "requests"]["email"]

    assert answer.status_code == 403
    assert f"write to {contact}" in answer.text
