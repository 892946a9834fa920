"""Security-breach notices: what one has to say, and its place on the website."""

from plugins.notices import pages


def register() -> None:
    """Connect to Pelican."""
    pages.register()
