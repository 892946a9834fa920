"""The signed token that every rendered form carries, and the reference of what was sent.

The token is a signed time and the statement version shown with the form: no session, and so no cookie.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b32encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import cached_property
from typing import Any, cast

from itsdangerous import BadData, BadSignature, SignatureExpired, Signer, URLSafeTimedSerializer
from wtforms import ValidationError
from wtforms.csrf.core import CSRF, CSRFTokenField
from wtforms.fields.core import UnboundField
from wtforms.form import BaseForm

MAX_AGE = 24 * 60 * 60  # seconds
SAST = timezone(timedelta(hours=2), "SAST")  # South Africa keeps one time all year


@dataclass(frozen=True)
class Tokens:
    """What it takes to issue and to read the tokens of one request's form."""

    secret_key: str
    min_age: float
    statement: str
    known_statements: frozenset[str]
    consent: str
    answers_post: bool

    @cached_property
    def _serializer(self) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(self.secret_key, salt="form token")

    @cached_property
    def _wording(self) -> str:
        """The consent's wording, so that the mail can quote only what the person was shown."""
        return hashlib.sha256(self.consent.encode()).hexdigest()[:16]

    def issue(self) -> str:
        """Return a token; one that answers a POST may be sent at once."""
        min_age = 0 if self.answers_post else self.min_age
        return str(self._serializer.dumps([self.statement, min_age, self._wording]))

    def read(self, token: str) -> str:
        """Return the statement version shown with the form; a ValueError's text says what is wrong."""
        try:
            (statement, min_age, wording), issued = self._serializer.loads(
                token, MAX_AGE, return_timestamp=True
            )
        except SignatureExpired:
            raise ValueError("stale") from None
        except (BadData, ValueError):
            raise ValueError("unknown") from None
        if (datetime.now(UTC) - issued).total_seconds() < min_age:
            raise ValueError("young")
        if statement not in self.known_statements or wording != self._wording:
            raise ValueError("stale")
        return str(statement)


class SignedToken(CSRF):
    """WTForms' cross-site guard as a signed token; the form's `meta.csrf_context` holds its Tokens."""

    tokens: Tokens

    def setup_form(self, form: BaseForm) -> list[tuple[str, UnboundField[Any]]]:
        """Keep the request's Tokens."""
        self.tokens = cast(Tokens, form.meta.csrf_context)
        return super().setup_form(form)

    def generate_csrf_token(self, csrf_token_field: CSRFTokenField) -> str:  # noqa: ARG002 - WTForms' signature
        """Return none yet: it is issued when the form is shown."""
        return ""

    def validate_csrf_token(self, form: BaseForm, field: CSRFTokenField) -> None:
        """Check the token that came back and keep the statement version in it as the form's `statement`."""
        try:
            form.statement = self.tokens.read(field.data or "")  # type: ignore[attr-defined]  # see SiteForm
        except ValueError as problem:
            raise ValidationError(str(problem)) from None


def digest(secret_key: str, form_name: str, fields: Mapping[str, object]) -> bytes:
    """Return the keyed hash of a form's words today, in South Africa: the same words have the same one."""
    words = json.dumps([form_name, fields, datetime.now(SAST).date().isoformat()], sort_keys=True)
    return hmac.digest(f"words {secret_key}".encode(), words.encode(), "sha256")


def reference(digest_of_words: bytes) -> str:
    """Return what people quote, like 7F3K-9Q2M: 40 bits in letters and digits that cannot be mistaken."""
    symbols = b32encode(digest_of_words[:5]).decode().translate(str.maketrans("IO", "89"))
    return f"{symbols[:4]}-{symbols[4:]}"


class References:
    """Sign the reference in a thank-you address, so that nobody can make one up."""

    def __init__(self, secret_key: str) -> None:
        """Sign with this key."""
        self._signer = Signer(secret_key, salt="sent")

    def sign(self, text: str) -> str:
        """Return the reference with its signature."""
        return self._signer.sign(text).decode()

    def read(self, signed: str) -> str | None:
        """Return the reference, or None where the signature is not ours."""
        try:
            return self._signer.unsign(signed).decode()
        except BadSignature:
            return None
