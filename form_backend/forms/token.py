"""The signed token that every form carries: no session, and so no cookie.

It holds the time, the version of the statement and the wording of the consent shown with the form, and a
random lineage that survives when the form is shown again.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal

from itsdangerous import BadData, SignatureExpired, TimestampSigner
from wtforms import ValidationError
from wtforms.csrf.core import CSRF, CSRFTokenField
from wtforms.form import BaseForm

from form_backend.site import Facts

MAX_AGE = 24 * 60 * 60  # seconds
LONGEST = 1000  # characters
SEPARATOR = "~"  # between the parts of what is signed, none of which has it

Problem = Literal["stale", "unknown"]


@dataclass(frozen=True)
class PostedToken:
    """What a token says of the page that carried it, and why it cannot be accepted as it is."""

    problem: Problem | None
    lineage: str
    statement: str = ""
    age: float = 0  # seconds since the page was shown
    min_age: float = 0  # seconds that the page had to be open

    @property
    def proves_consent(self) -> bool:
        """Tell whether the page showed the wording of the consent as it is today."""
        return self.problem is None


@dataclass(frozen=True)
class Tokens:
    """Issue and read the tokens of a form."""

    secret_key: str
    min_age: float
    facts: Facts
    consent: str

    def issue(self, lineage: str, *, min_age: float | None = None) -> str:
        """Return a token for a page that is shown now; a minimum age of 0 lets it be sent at once."""
        least = self.min_age if min_age is None else min_age
        parts = [self.facts.statement, str(least), _fingerprint(self.consent), lineage]
        return _signer(self.secret_key).sign(SEPARATOR.join(parts)).decode()

    def read(self, token: str) -> PostedToken:
        """Return what a posted token says; one that we did not sign begins a new lineage."""
        if len(token) > LONGEST:
            return PostedToken("unknown", new_lineage())
        try:
            signed, issued = _signer(self.secret_key).unsign(token, MAX_AGE, return_timestamp=True)
            statement, min_age, wording, lineage = signed.decode().split(SEPARATOR)
        except SignatureExpired:
            return PostedToken("stale", new_lineage())
        except (BadData, ValueError):
            return PostedToken("unknown", new_lineage())
        if statement not in self.facts.statement_sha256 or wording != _fingerprint(self.consent):
            return PostedToken("stale", lineage)
        age = (datetime.now(UTC) - issued).total_seconds()
        return PostedToken(None, lineage, statement, age, float(min_age))


def new_lineage() -> str:
    """Return a lineage for a form that is shown for the first time."""
    return secrets.token_urlsafe(9)


@lru_cache(maxsize=1)
def _signer(secret_key: str) -> TimestampSigner:
    return TimestampSigner(secret_key, salt="form token")


@lru_cache(maxsize=8)
def _fingerprint(wording: str) -> str:
    return hashlib.sha256(wording.encode()).hexdigest()[:16]


class SignedToken(CSRF):
    """WTForms' guard against cross-site requests, by the signed token of the form."""

    def generate_csrf_token(self, csrf_token_field: CSRFTokenField) -> Any:  # noqa: ARG002 - WTForms' signature
        """Return nothing yet: a token is issued when the form is shown."""
        return ""

    def validate_csrf_token(self, form: BaseForm, field: CSRFTokenField) -> None:  # noqa: ARG002 - as above
        """Refuse the form where its token says so."""
        if problem := form.posted_token.problem:  # type: ignore[attr-defined]  # see SiteForm
            raise ValidationError(problem)
