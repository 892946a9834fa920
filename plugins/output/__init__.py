"""What is written beside the pages, and what pages tell machines."""

from plugins.output import (
    feeds,
    form_json,
    headers,
    redirects,
    robots_txt,
    security_txt,
    sitemap,
    structured_data,
    stylesheet,
)

MODULES = [
    stylesheet,  # before the headers, which hold its hash
    headers,
    feeds,
    form_json,
    redirects,
    robots_txt,
    security_txt,
    sitemap,
    structured_data,
]


def register() -> None:
    """Connect to Pelican."""
    for module in MODULES:
        module.register()
