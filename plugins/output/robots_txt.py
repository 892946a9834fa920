"""robots.txt, which lets search engines read everything, and tells them where the sitemap is."""

from typing import Any


def text(context: dict[str, Any]) -> str:
    """Return the file's text."""
    return f"User-agent: *\nAllow: /\nSitemap: {context['ORGANISATION']['address']}/sitemap.xml\n"
