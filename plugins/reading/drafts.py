"""What is not public yet shows in preview, at the address that it will have, and in no production build."""

from pelican import signals
from pelican.contents import Article, Content


def hold_back(content: Content) -> None:
    """Make a draft of an article that is dated after the day that the site is built for."""
    if isinstance(content, Article) and content.date.date() > content.settings["SITE_DATE"]:
        content.status = "draft"


def register() -> None:
    """Connect to Pelican."""
    signals.content_object_init.connect(hold_back)
