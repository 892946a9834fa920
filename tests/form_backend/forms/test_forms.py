"""The forms over HTTP: checked kindly, delivered once, and never a word lost."""

import re
from urllib.parse import parse_qs, urlsplit

import lxml.html
import pytest
from itsdangerous import TimestampSigner

from tests.parts.forms import ENQUIRY, ORGANISATION, REQUEST, reference_in, shown_values, token
from tests.parts.processes import free_port, until
from tests.parts.relays import Mailbox, smtp_server
from tests.parts.stack import Backend, Serve

FORMS = [("/enquiry/", ENQUIRY), ("/your-information/", REQUEST)]
FOREIGN_TOKEN = TimestampSigner("another key", salt="form token").sign("2026-01-01~0~~").decode()
AWKWARD = "\r\n  One <b>&amp;\r\n\r\n\t\"two\" 'three' ü 漢字 \u200f </textarea><script>x</script>\r\n "


def plain(words: dict[str, str]) -> dict[str, str]:
    """Return what was typed as it is kept: one kind of line end, no white space around single lines."""
    free = ("message", "details", "authority")
    one_end = {name: text.replace("\r\n", "\n") for name, text in words.items()}
    return {name: text if name in free else text.strip() for name, text in one_end.items()}


@pytest.mark.parametrize(("path", "words"), FORMS)
def test_delivered_and_thanked(backend: Backend, mailbox: Mailbox, path: str, words: dict[str, str]) -> None:
    """Staff have the message before the person is thanked, under the reference that the person sees."""
    words = words | {"name": "Not Sent Before"}
    answer = backend.post(words, path)

    assert answer.status_code == 303
    [received] = mailbox.received
    thanks = backend.client.get(answer.headers["Location"])
    assert thanks.status_code == 200
    assert reference_in(thanks) in received.message["Subject"]
    assert "Set-Cookie" not in answer.headers


WRONG = [
    ("name", "", "Enter your name and surname."),
    ("name", "   ", "Enter your name and surname."),
    ("name", "x" * 121, "Shorten this by 1 character. The limit is 120."),
    ("phone", "1" * 61, "Shorten this by 1 character. The limit is 60."),
    ("email", "", "Enter your e-mail address"),
    ("email", "thandeka", "Enter an e-mail address like name@example.com."),
    ("email", "a@b@example.com", "Enter an e-mail address like name@example.com."),
    ("email", "thandeka", "Yours has no @ sign."),
    ("email", "thandeka @example.com", "Yours has a space in it."),
    ("email", "@example.com", "Yours has nothing before the @ sign."),
    ("email", "thandeka@", "Yours has nothing after the @ sign."),
    ("email", "thandeka@localhost", "Yours has no dot after the @ sign."),
    ("email", "thandeka@example..com", "Please check yours for typing mistakes."),
    ("email", "thandeka@example.com\nBcc: someone@example.com", "Yours has more than one @ sign."),
    ("email", "x" * 254 + "@example.com", "Shorten this by 12 characters. The limit is 254."),
    ("sector", "", "Choose the sector or industry that you work in."),
    ("sector", "Piracy", "Choose the sector or industry that you work in."),
    ("message", "", "Write what you would like to know."),
    ("message", "\r\n \r\n", "Write what you would like to know."),
    ("message", "x" * 5001, "Shorten this by 1 character. The limit is 5,000."),
]


@pytest.mark.parametrize(("field", "text", "advice"), WRONG)
def test_wrong_input_is_explained(
    backend: Backend, mailbox: Mailbox, field: str, text: str, advice: str
) -> None:
    """A wrong field says what to do, beside it and in the summary; the other fields keep their text."""
    answer = backend.post(ENQUIRY | {"marketing": "yes", field: text})
    page = lxml.html.fromstring(answer.text)

    assert answer.status_code == 422
    assert page.xpath("string(//title)").startswith("Error: ")
    [linked] = page.cssselect(".error-summary a")
    assert linked.get("href") == f"#Form-{field}"
    assert advice in linked.text_content()
    control = page.get_element_by_id(f"Form-{field}")
    assert control.get("aria-invalid") == "true"
    assert advice in page.get_element_by_id(f"Form-{field}-error").text_content()
    assert f"Form-{field}-error" in control.get("aria-describedby", "").split()
    expected = plain(ENQUIRY | {"marketing": "yes", field: text})
    if field != "sector" and "\n" not in text.strip():
        assert shown_values(answer) == expected
    assert mailbox.received == []


GOOD = [
    ("name", "O'Brien-Nkosi, Ṱhabelo 王小明 עִבְרִית"),
    ("phone", "082 123 4567"),
    ("phone", "(012) 345-6789"),
    ("phone", "+27 (0)12 345 6789"),
    ("phone", "+49 30 901820"),
    ("phone", ""),
    ("email", "name+tag@sub.example.co.za"),
    ("email", "用户@example.com"),
    ("email", "info@münchen.example.com"),
    ("message", "字" * 5000),
]


@pytest.mark.parametrize(("field", "text"), GOOD)
def test_input_as_people_write_it(backend: Backend, mailbox: Mailbox, field: str, text: str) -> None:
    """Names, telephone numbers, addresses and texts are accepted as people write them, in any script."""
    answer = backend.post(ENQUIRY | {"message": f"A good {field}"} | {field: text})

    assert answer.status_code == 303
    assert (text or "not given") in mailbox.received[0].text


def test_awkward_text_comes_back_the_same(backend: Backend) -> None:
    """Markup, quotes, white space and any script come back unchanged when the form is shown again."""
    answer = backend.enquire(message=AWKWARD, email="wrong")

    assert answer.status_code == 422
    assert shown_values(answer)["message"] == AWKWARD.replace("\r\n", "\n")


@pytest.mark.promise("opt-in-marketing")
@pytest.mark.parametrize("marketing", ["no", "on", "1", "YES", ""])
def test_consent_is_never_inferred(backend: Backend, mailbox: Mailbox, marketing: str) -> None:
    """Only the ticked box's own value counts as consent."""
    backend.enquire(marketing=marketing, message=f"Crafted: {marketing}.")

    assert "Marketing by e-mail: No" in mailbox.received[0].text


@pytest.mark.promise("agreement-on-request")
def test_topic_prefills_the_message(backend: Backend) -> None:
    """A link with a known topic opens the form with its text; an unknown one is ignored."""
    known = shown_values(backend.form("/enquiry/?about=agreement"))["message"]
    unknown = shown_values(backend.form("/enquiry/?about=<script>"))["message"]

    assert "Annual Licence and Software Maintenance Agreement" in known
    assert unknown == ""


@pytest.mark.promise("once-off-use")
@pytest.mark.parametrize(("path", "words"), FORMS)
def test_same_words_go_out_once(backend: Backend, mailbox: Mailbox, path: str, words: dict[str, str]) -> None:
    """The same words sent again show the same thanks and send nothing; changed words are a new message."""
    words = words | {"name": "Once Only"}
    first, again = backend.post(words, path), backend.post(words, path)
    changed = backend.post(words | {"name": "Once More"}, path)

    assert first.status_code == again.status_code == changed.status_code == 303
    assert first.headers["Location"] == again.headers["Location"] != changed.headers["Location"]
    assert len(mailbox.received) == 2


def test_bot_trap_never_discards_a_person(backend: Backend, mailbox: Mailbox) -> None:
    """With the bot trap filled in, the form comes back with every word and an empty trap, and Send works."""
    trapped = backend.enquire(website="https://example.com/", message="Filled in by a browser")

    assert trapped.status_code == 422
    assert mailbox.received == []
    assert shown_values(trapped) == plain(ENQUIRY | {"message": "Filled in by a browser"})
    assert backend.post(shown_values(trapped), shown=trapped).status_code == 303


def test_sent_too_fast(serve: Serve, mailbox: Mailbox) -> None:
    """Sent faster than people type, the form comes back with every word, and Send works at once."""
    strict = serve(mailbox.relay, FLASK_TOKEN_MIN_AGE="2")  # noqa: S106 - it is a number of seconds
    early = strict.enquire()

    assert early.status_code == 422
    assert shown_values(early) == ENQUIRY
    assert strict.post(shown_values(early), shown=early).status_code == 303
    page, words = strict.form(), ENQUIRY | {"message": "In my own time"}
    until(lambda: strict.post(words, shown=page).status_code == 303, look_every=0.2)


@pytest.mark.parametrize("bad", ["", "nonsense", FOREIGN_TOKEN], ids=["missing", "mangled", "foreign"])
def test_unknown_token_never_loses_text(backend: Backend, mailbox: Mailbox, bad: str) -> None:
    """A token that is missing, mangled or of another key brings the form back, and Send works."""
    words = ENQUIRY | {"message": f"Token {bad}"}
    shown = backend.post(words | {"token": bad})

    assert shown.status_code == 422
    assert mailbox.received == []
    assert shown_values(shown) == words
    assert backend.post(shown_values(shown), shown=shown).status_code == 303


ORIGINS = [
    ({"Sec-Fetch-Site": "same-origin"}, 303),
    ({"Sec-Fetch-Site": "none"}, 303),
    ({"Sec-Fetch-Site": "cross-site"}, 403),
    ({"Sec-Fetch-Site": "same-site"}, 403),
    ({"Origin": "http://HOST"}, 303),
    ({"Origin": "https://evil.example.com"}, 403),
    ({"Origin": "null"}, 303),
    ({"Origin": "https://[broken"}, 403),
    ({}, 303),
]


@pytest.mark.promise("website-secured")
@pytest.mark.parametrize(("headers", "status"), ORIGINS)
def test_only_our_own_page_may_send(
    backend: Backend, mailbox: Mailbox, headers: dict[str, str], status: int
) -> None:
    """A post from another site is refused with its text kept; without such headers the token decides."""
    host = urlsplit(backend.url).netloc
    words = ENQUIRY | {"message": f"From {headers}", "token": token(backend.form())}
    sent = {name: value.replace("HOST", host) for name, value in headers.items()}
    answer = backend.client.post("/enquiry/", data=words, headers=sent)

    assert answer.status_code == status
    assert len(mailbox.received) == (status == 303)
    if status == 403:
        assert shown_values(answer) == {name: text for name, text in words.items() if name != "token"}


def test_relay_down_keeps_every_word(serve: Serve) -> None:
    """While no relay answers nothing is lost: 503, the text, a mail link; once one does, Send delivers."""
    port = free_port()
    backend = serve(f"smtp://127.0.0.1:{port}")
    failed = backend.enquire(marketing="yes")
    page = lxml.html.fromstring(failed.text)

    assert failed.status_code == 503
    assert int(failed.headers["Retry-After"]) > 0
    assert shown_values(failed) == ENQUIRY | {"marketing": "yes"}
    [mailto] = page.cssselect(".message a.button")
    link = urlsplit(str(mailto.get("href")))
    query = parse_qs(link.query)
    assert link.path == ORGANISATION["contact"]["email"]
    assert reference_in(failed) in query["subject"][0]
    assert ENQUIRY["message"] in query["body"][0]
    with smtp_server(port=port) as mailbox:
        delivered = backend.post(shown_values(failed), shown=failed)
        thanks = backend.client.get(delivered.headers["Location"])
        assert len(mailbox.received) == 1
    assert reference_in(thanks) == reference_in(failed)


def test_thank_you_page_needs_our_reference(backend: Backend) -> None:
    """The thank-you page exists only for a reference that we signed."""
    statuses = [backend.client.get(f"/enquiry/sent/{query}").status_code for query in ("", "?ref=7F3K-9Q2M")]

    assert statuses == [404, 404]


REFUSED = [
    ("PUT", "/enquiry/", "text/plain", b"", 405),
    ("POST", "/enquiry/sent/", "text/plain", b"", 405),
    ("GET", "/enquiry/nowhere/", "text/plain", b"", 404),
    ("POST", "/enquiry/", "application/x-www-form-urlencoded", b"m=" + b"x" * 300_000, 413),
    ("POST", "/enquiry/", "multipart/form-data; boundary=x", b"--x--", 415),
    ("POST", "/enquiry/", "application/json", b"{}", 415),
]


@pytest.mark.parametrize("refused", REFUSED, ids=lambda refused: f"{refused[0]}-{refused[4]}")
def test_refusals_are_pages(backend: Backend, refused: tuple[str, str, str, bytes, int]) -> None:
    """Every refusal is a page of the site, with the site's headers."""
    method, path, content_type, body, status = refused
    answer = backend.client.request(method, path, headers={"Content-Type": content_type}, content=body)
    page = lxml.html.fromstring(answer.text)

    assert answer.status_code == status
    assert len(page.cssselect("h1")) == len(page.cssselect("footer")) == 1
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert ("Allow" in answer.headers) == (status == 405)


LIMITS = [
    ({"FLASK_PERSON_LIMIT": "1 per hour"}, "delivered per person"),
    ({"FLASK_POST_LIMIT": "1 per hour"}, "posts per client"),
    ({"FLASK_SITE_LIMIT": "1 per hour"}, "posts for the site"),
]


@pytest.mark.parametrize(("variable", "what"), LIMITS)
def test_limits_keep_every_word(serve: Serve, mailbox: Mailbox, variable: dict[str, str], what: str) -> None:
    """Over a limit the answer is 429, says when to try again, and keeps every word."""
    backend = serve(mailbox.relay, **variable)
    words = ENQUIRY | {"message": f"One too many {what}"}
    first, second = backend.enquire(), backend.post(words)

    assert (first.status_code, second.status_code) == (303, 429)
    assert 0 < int(second.headers["Retry-After"]) <= 3601
    assert re.search(r"again in\s+\d+ minute", second.text)
    assert shown_values(second) == words
    assert len(mailbox.received) == 1


def test_failures_do_not_count_against_a_person(serve: Serve, mailbox: Mailbox) -> None:
    """Only delivered messages count against a person's limit: mistakes and repeats do not."""
    backend = serve(mailbox.relay, FLASK_PERSON_LIMIT="1 per hour")
    statuses = [backend.enquire(email="wrong").status_code for _ in range(3)]
    statuses += [backend.enquire().status_code for _ in range(3)]

    assert statuses == [422, 422, 422, 303, 303, 303]
    assert len(mailbox.received) == 1


def test_forwarded_address_counts_only_behind_known_proxies(serve: Serve, mailbox: Mailbox) -> None:
    """Without a known proxy, an X-Forwarded-For does not get a client around the limit."""
    backend = serve(mailbox.relay, FLASK_POST_LIMIT="1 per hour", FLASK_TRUSTED_PROXIES="0")
    words = ENQUIRY | {"token": token(backend.form())}
    statuses = [
        backend.client.post("/enquiry/", data=words, headers={"X-Forwarded-For": f"192.0.2.{n}"}).status_code
        for n in range(2)
    ]

    assert statuses == [303, 429]
