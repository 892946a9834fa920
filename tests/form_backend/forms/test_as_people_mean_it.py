"""What people type and paste arrives as they meant it, and nobody is refused for what cannot be seen."""

import pytest

from form_backend.web.guards import URLENCODED
from tests.parts.forms import ENQUIRY, labelled, token
from tests.parts.relays import Mailbox
from tests.parts.stack import Backend

UNSEEN = {
    "zero-width space": "\u200b",
    "byte order mark": "\ufeff",
    "left-to-right mark": "\u200e",
    "right-to-left mark": "\u200f",
    "word joiner": "\u2060",
    "soft hyphen": "\u00ad",
    "zero-width joiner": "\u200d",
    "zero-width non-joiner": "\u200c",
    "embedding": "\u202a",
    "isolate": "\u2066",
    "invisible times": "\u2062",
    "variation selector": "\ufe0f",
    "Mongolian vowel separator": "\u180e",
    "Hangul filler": "\u3164",
    "backspace": "\b",
    "tag": "\U000e0041",
}


@pytest.mark.parametrize("kind", UNSEEN)
def test_unseen_characters_in_an_address(backend: Backend, mailbox: Mailbox, kind: str) -> None:
    """An address and a number copied from elsewhere lose what cannot be seen, around and inside them."""
    character = UNSEEN[kind]
    answer = backend.enquire(
        email=f"{character}thandeka@{character}example.com{character}",
        phone=f"{character}082 123{character} 4567",
        message=f"With a {kind}",
    )

    assert answer.status_code == 303
    [received] = mailbox.received
    assert received.message["Reply-To"] == "thandeka@example.com"
    assert labelled(received)["Contact telephone number"] == "082 123 4567 (+27 82 123 4567)"


@pytest.mark.parametrize("around", ["\u00a0", "\u3000", "\t", " \r\n"])
def test_space_around_an_address(backend: Backend, mailbox: Mailbox, around: str) -> None:
    """White space of any kind around an address is no part of it."""
    answer = backend.enquire(email=f"{around}thandeka@example.com{around}", message=f"Around: {around!r}")

    assert answer.status_code == 303
    assert mailbox.received[0].message["Reply-To"] == "thandeka@example.com"


PHONES = [
    ("082 123 4567 / 012 345 6789", "082 123 4567 / 012 345 6789 (+27 82 123 4567, +27 12 345 6789)"),
    ("082 123 4567 (WhatsApp)", "082 123 4567 (WhatsApp) (+27 82 123 4567)"),
    ("Office: 012 345 6789, after hours 082 123 4567", None),
    ("N/A", "N/A"),
    ("none", "none"),
    ("call me", "call me"),
    ("012", "012"),
    ("+999 123", "+999 123"),
    ("+27 (0)12 345 6789", "+27 (0)12 345 6789 (+27 12 345 6789)"),
    ("012 345 6789 ext. 12", "012 345 6789 ext. 12 (+27 12 345 6789 ext. 12)"),
    ("0 8 2 1 2 3 4 5 6 7", "0 8 2 1 2 3 4 5 6 7 (+27 82 123 4567)"),
    ("०८२ १२३ ४५६७", "०८२ १२३ ४५६७ (+27 82 123 4567)"),
    ("082\t123\t4567", "082 123 4567 (+27 82 123 4567)"),
    ("?" * 60, "?" * 60),
]


@pytest.mark.parametrize(("typed", "read"), PHONES)
def test_telephone_numbers_as_people_write_them(
    backend: Backend, mailbox: Mailbox, typed: str, read: str | None
) -> None:
    """The optional number never stops an enquiry: staff see it as typed, and each number found in it."""
    answer = backend.enquire(phone=typed, message=f"Number {typed}")

    assert answer.status_code == 303
    shown = labelled(mailbox.received[0])["Contact telephone number"]
    assert shown == (read or f"{typed} (+27 12 345 6789, +27 82 123 4567)")


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("Ann\tBee", "Ann Bee"),
        ("Ann\r\nBcc: someone@example.com", "Ann Bcc: someone@example.com"),
        ("  Ann\u2028Bee\u00a0", "Ann Bee"),
        ("Ann\u202eBee", "Ann⟦U+202E⟧Bee"),
    ],
)
def test_name_is_one_line(backend: Backend, mailbox: Mailbox, typed: str, read: str) -> None:
    """Tabs and line ends in a name become spaces; what else cannot be seen is shown to staff."""
    answer = backend.enquire(name=typed, message=f"My name is {typed!r}")

    assert answer.status_code == 303
    assert labelled(mailbox.received[0])["Name and surname"] == read


FLAGS = ["\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f", "🏴\u200d☠️", "🇿🇦"]


@pytest.mark.parametrize("flag", FLAGS)
def test_flags_stay_whole(backend: Backend, mailbox: Mailbox, flag: str) -> None:
    """Emoji that are sequences arrive as they were typed."""
    backend.enquire(message=f"Our flag: {flag}!")

    assert f"> Our flag: {flag}!" in mailbox.received[0].text


def test_stray_tags_are_shown(backend: Backend, mailbox: Mailbox) -> None:
    """Tag characters that belong to no flag could hide a text, so staff see them."""
    backend.enquire(message="Hidden:\U000e0041\U000e007f")

    assert "Hidden:⟦U+E0041⟧⟦U+E007F⟧" in mailbox.received[0].text


NOT_UTF_8 = [
    b"name=Zo%EB",
    b"message=Caf%E9",
    b"name=Zo\xeb",
    b"message=%ED%A0%80",
    b"%E9=1",
    b"message=%C0%AF",
]


@pytest.mark.parametrize("part", NOT_UTF_8)
def test_form_data_that_is_no_utf_8(backend: Backend, mailbox: Mailbox, part: bytes) -> None:
    """What is not UTF-8, raw or escaped, is refused with a sentence rather than mailed as something else."""
    others = {name: text for name, text in ENQUIRY.items() if not part.startswith(name.encode())}
    body = "&".join(f"{name}={text}" for name, text in others.items()).replace(" ", "+").encode()
    body += f"&token={token(backend.form())}&".encode() + part
    answer = backend.client.post("/enquiry/", content=body, headers={"Content-Type": URLENCODED})

    assert answer.status_code == 400
    assert "Press Back and send it again" in answer.text
    assert mailbox.received == []


def test_percent_signs_as_typed(backend: Backend, mailbox: Mailbox) -> None:
    """A percent sign and what follows it arrive as they were typed."""
    backend.enquire(message="100% of %EB and %25 + more")

    assert "> 100% of %EB and %25 + more" in mailbox.received[0].text
