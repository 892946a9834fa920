"""The reference that a person and staff quote, and its signature in the address of the thank-you page."""

import hmac
import json
from base64 import b32encode
from collections.abc import Mapping

from itsdangerous import BadSignature, Signer

from form_backend import clock


def content_digest(secret_key: str, form_name: str, answers: Mapping[str, object]) -> bytes:
    """Return the keyed hash of a form's answers today: the same answers on the same day have the same one."""
    content = json.dumps([form_name, answers, clock.today().isoformat()], sort_keys=True)
    return hmac.digest(f"words {secret_key}".encode(), content.encode(), "sha256")


def reference(digest: bytes) -> str:
    """Return a reference like 7F3K-9Q2M: 40 bits of the digest, without characters that look alike."""
    symbols = b32encode(digest[:5]).decode().translate(str.maketrans("IO", "89"))
    return f"{symbols[:4]}-{symbols[4:]}"


def sign(secret_key: str, form_name: str, quoted: str) -> str:
    """Return the reference with a signature that holds for the thank-you page of this form."""
    return _signer(secret_key, form_name).sign(quoted).decode()


def read_signed(secret_key: str, form_name: str, signed: str) -> str | None:
    """Return the reference, or None where we did not sign it for this form."""
    try:
        return _signer(secret_key, form_name).unsign(signed).decode()
    except BadSignature:
        return None


def _signer(secret_key: str, form_name: str) -> Signer:
    return Signer(secret_key, salt=f"sent {form_name}")
