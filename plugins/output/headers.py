"""The security headers of every answer: in form.json for the form backend, in .headers.conf for nginx."""

from base64 import b64encode
from hashlib import sha256
from typing import Any

from pelican import Pelican


def content_security_policy(style: str, *, live_reload: bool) -> str:
    """Return the policy that allows this stylesheet by its hash, and nothing from another host."""
    style_hash = b64encode(sha256(style.encode()).digest()).decode()
    return "; ".join(
        [
            "default-src 'none'",
            f"style-src 'sha256-{style_hash}'",
            "img-src 'self'",
            "font-src 'self'",
            "connect-src 'self'",
            *(["script-src 'self'"] if live_reload else []),
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ]
    )


def set_headers(pelican: Pelican) -> None:
    """Put SECURITY_HEADERS among the settings."""
    style, live_reload = pelican.settings["STYLESHEET"], pelican.settings["LIVE_RELOAD"]
    pelican.settings["SECURITY_HEADERS"] = {
        "Content-Security-Policy": content_security_policy(style, live_reload=live_reload),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
        "Referrer-Policy": "same-origin",
        "Strict-Transport-Security": "max-age=31536000",  # browsers ignore it on an answer without TLS
        "X-Content-Type-Options": "nosniff",
    }


def text(context: dict[str, Any]) -> str:
    """Return the headers as nginx includes them."""
    headers = context["SECURITY_HEADERS"].items()
    return "".join(f'add_header {name} "{value}" always;\n' for name, value in headers)
