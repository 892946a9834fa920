"""Atom feeds of news and of notices, whose addresses work outside the site too."""

from typing import Any

from lxml.html import make_links_absolute
from pelican.writers import Writer

NEWS, NOTICES = "news-articles/atom.xml", "notices/atom.xml"


def paths(context: dict[str, Any]) -> list[str]:
    """Return the paths of the feeds: without a notice there is none of notices."""
    return [NEWS, NOTICES] if context["NOTICES"] else [NEWS]


def write(context: dict[str, Any], writer: Writer) -> None:
    """Write the feeds; each entry is summed up by its description rather than by its first words."""
    address = context["ORGANISATION"]["address"]
    for article in context["articles"]:
        article.metadata.setdefault("summary", getattr(article, "description", ""))
    contents = {NEWS: (context["articles"], "News"), NOTICES: (context["NOTICES"], "Security-breach notices")}
    whole_addresses = context | {"SITEURL": address, "FEED_DOMAIN": address}
    for path in paths(context):
        items, title = contents[path]
        writer.write_feed(items, whole_addresses, path, feed_title=title)


def complete(context: dict[str, Any], feed: Any) -> None:  # noqa: ARG001 - Pelican sends both
    """Give the feed an id of its own, and its links their host."""
    feed.feed["id"] = feed.feed["feed_url"]
    for item in feed.items:
        item["content"] = item["content"] and make_links_absolute(item["content"], item["link"])
