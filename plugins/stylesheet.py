"""The one stylesheet, minified and inlined the same on every page, and the headers that let only it apply."""

import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

from markupsafe import Markup
from pelican import Pelican, signals
from rcssmin import cssmin

FONT = re.compile(r"url\((fonts/[^)]+)\)")


def content_security_policy(style: str, *, live_reload: bool) -> str:
    """Return the policy that allows this style by its hash, and nothing from elsewhere."""
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


def inline(pelican: Pelican) -> None:
    """Put STYLESHEET and SECURITY_HEADERS among the settings, where templates and other plugins find them."""
    files = pelican.settings["THEME_FILES"]  # from plugins/hashed_names.py
    style = cssmin(Path(pelican.settings["THEME"], "site.css").read_text("utf-8"))
    style = FONT.sub(lambda found: f"url({files[found[1]]})", style)
    pelican.settings["STYLESHEET"] = Markup(style)  # noqa: S704 - our own file
    pelican.settings["SECURITY_HEADERS"] = {
        "Content-Security-Policy": content_security_policy(
            style, live_reload=pelican.settings["LIVE_RELOAD"]
        ),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
        "Referrer-Policy": "same-origin",
        "Strict-Transport-Security": "max-age=31536000",  # browsers heed it only where it came by TLS
        "X-Content-Type-Options": "nosniff",
    }


def register() -> None:
    """Connect to Pelican."""
    signals.initialized.connect(inline)
