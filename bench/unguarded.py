"""The form backend with one of its guards taken off, to show what that guard costs. Nothing else uses it."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask

from form_backend import addresses, log, sandbox
from form_backend import create_app as guarded
from form_backend.forms import fields
from form_backend.forms.token import PostedToken, Tokens
from form_backend.memory.copies import Copy
from form_backend.memory.delivered import Delivered
from form_backend.memory.limits import Counted, Limits
from form_backend.signs import Signs
from form_backend.site import Facts
from form_backend.web import form_page

ALL = "all of these"
PARSED = addresses.parse("thandeka@example.com")


def _limits() -> None:
    @contextmanager
    def count_message(_limits: Limits, _client: str) -> Iterator[Counted]:
        yield Counted()

    _replace(Limits, count_post=lambda _limits, _client: None, count_message=count_message)


def _delivered() -> None:
    @contextmanager
    def once(_delivered: Delivered, _digest: bytes, *_person: str) -> Iterator[Copy]:
        yield Copy()

    _replace(Delivered, once=once)


def _signs() -> None:
    _replace(form_page, signs_in=lambda form, _client, _services: Signs({}, form.facts.advertising))


def _token() -> None:
    def read(tokens: Tokens, _token: str) -> PostedToken:
        return PostedToken(None, "lineage", tokens.facts.statement)

    _replace(Tokens, issue=lambda _tokens, _lineage: "token", read=read)


def _libraries() -> None:
    _replace(addresses, parse=lambda _text: PARSED)
    _replace(fields, international=lambda _text: [])


def _log() -> None:
    _replace(log, event=lambda _name, **_fields: None)


def _headers() -> None:
    _replace(Facts, headers=property(lambda _facts: {}, lambda _facts, _headers: None))


def _sandbox() -> None:
    _replace(sandbox, enter=lambda _settings: None)


GUARDS: dict[str, Callable[[], None]] = {
    "rate limits": _limits,
    "memory of delivered messages": _delivered,
    "signs of advertising": _signs,
    "token": _token,
    "libraries for addresses and telephone numbers": _libraries,
    "log lines": _log,
    "security headers": _headers,
    "sandbox": _sandbox,
}


def _replace(owner: Any, **replacements: Any) -> None:
    for name, replacement in replacements.items():
        setattr(owner, name, replacement)


def create_app() -> Flask:
    """Return the app without the guard that the environment names."""
    off = os.environ["WITHOUT"]
    for name, take_off in GUARDS.items():
        if off in (name, ALL):
            take_off()
    return guarded()
