"""What people type into the forms, what a page shows of it, and what staff read of it."""

import json
import re
import tomllib
from pathlib import Path
from time import time

import httpx
import lxml.html
from itsdangerous import TimestampSigner

from tests.parts.processes import ROOT
from tests.parts.relays import Received

SECRET = "a secret that only the tests have: 0123456789"  # noqa: S105 - it guards nothing
ORGANISATION = tomllib.loads((ROOT / "content/organisation.toml").read_text("utf-8"))
REFERENCE = re.compile(r"[2-9A-HJ-NP-Z]{4}-[2-9A-HJ-NP-Z]{4}")
ENQUIRY = {
    "name": "Thandeka O'Brien-Dlamini",
    "phone": "082 123 4567",
    "email": "thandeka@example.com",
    "sector": ORGANISATION["enquiry"]["sectors"][0],
    "message": "Which pipes are older than forty years?",
}


def token(page: httpx.Response) -> str:
    """Return the token in a form that was shown."""
    return str(lxml.html.fromstring(page.text).xpath("string(//input[@name='token']/@value)"))


def reference_in(page: httpx.Response) -> str:
    """Return the reference that a page shows."""
    found = REFERENCE.search(page.text)
    assert found, "the page shows no reference"
    return found[0]


def assert_all_kept(page: httpx.Response, words: dict[str, str]) -> None:
    """Assert that the page says 503, holds every word, and offers both ways on."""
    assert page.status_code == 503
    assert int(page.headers["Retry-After"]) > 0
    fields = dict(lxml.html.fromstring(page.text).forms[0].fields)
    # A browser drops the line break after <textarea>, lxml does not.
    assert {name: fields[name].removeprefix("\n") for name in words} == words
    assert mail_link(page).startswith("mailto:")
    assert reference_in(page)


def mail_link(page: httpx.Response) -> str:
    """Return the page's link that writes an e-mail with what was typed."""
    return str(lxml.html.fromstring(page.text).xpath("string(//main//a[contains(@href, '?subject=')]/@href)"))


REQUEST = {
    "request": "delete",
    "name": "Zoë van der Merwe",
    "email": "zoe@example.com",
    "phone": "",
    "details": "All that you hold about me.\r\nI no longer work there.",
    "authority": "",
}


def shown_values(page: httpx.Response) -> dict[str, str]:
    """Return what a page's form holds, as a browser reads it: the line end after <textarea> is not text."""
    [form] = lxml.html.fromstring(page.text).forms
    return {name: value.removeprefix("\n") for name, value in form.form_values() if name != "token"}


HIDDEN = re.compile(r"⟦U\+([0-9A-F]{4,6})⟧")


def labelled(received: Received) -> dict[str, str]:
    """Return the labelled lines of a mail."""
    lines = [line.strip() for line in received.text.split("\n")]
    return dict(line.split(": ", 1) for line in lines if ": " in line and not line.startswith(">"))


def free_text(received: Received) -> str:
    """Return the free text with line prefixes taken off and hidden characters put back."""
    assert received.text.startswith("Message:\n")
    lines = [line for line in received.text.split("\n") if line.startswith("  > ")]
    return HIDDEN.sub(lambda mark: chr(int(mark[1], 16)), "\n".join(line[4:] for line in lines))


LINES = [
    "x" * 4000,
    "." * 200,
    "trailing space ",
    ".",
    "..",
    "From here",
    ">quoted",
    "\ttab",
    "soft\u00adhyphen",
    "=3D",
]


class Yesterday(TimestampSigner):
    """Sign as the form backend did more than a day ago."""

    def get_timestamp(self) -> int:
        """Return that time."""
        return int(time()) - 25 * 60 * 60


def expired(site: Path) -> str:
    """Return a token of the form backend's that has grown too old."""
    statement = json.loads((site / "form.json").read_text("utf-8"))["statement"]
    return Yesterday(SECRET, salt="form token").sign(f"{statement}~0~~").decode()
