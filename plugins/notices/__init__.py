"""Security-breach notices: what one has to say, and its place on the website."""

from pelican import signals

from plugins.notices.pages import publish_notices


def register() -> None:
    """Connect to Pelican."""
    signals.page_generator_finalized.connect(publish_notices)
