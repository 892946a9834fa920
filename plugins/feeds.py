"""Atom feeds: of news here, of notices by their own module, with addresses that hold outside the site too."""

from typing import Any

from lxml.html import make_links_absolute
from pelican import signals
from pelican.contents import Content
from pelican.generators import ArticlesGenerator, Generator
from pelican.writers import Writer

NEWS = "news-articles/atom.xml"


def write_feed(generator: Generator, writer: Writer, contents: list[Content], path: str, title: str) -> None:
    """Write a feed of contents."""
    address = generator.settings["ORGANISATION"]["address"]
    context = generator.context | {"SITEURL": address, "FEED_DOMAIN": address}
    writer.write_feed(contents, context, path, feed_title=title)


def write_news(generator: ArticlesGenerator, writer: Writer) -> None:
    """Write the feed of articles, each summed up by its description rather than by its first words."""
    articles = generator.context["articles"]
    for article in articles:
        article.metadata.setdefault("summary", getattr(article, "description", ""))
    write_feed(generator, writer, articles, NEWS, "News")


def complete(context: dict[str, Any], feed: Any) -> None:  # noqa: ARG001 - Pelican sends both
    """Give the feed an id of its own, and its links their host."""
    feed.feed["id"] = feed.feed["feed_url"]
    for item in feed.items:
        item["content"] = item["content"] and make_links_absolute(item["content"], item["link"])


def register() -> None:
    """Connect to Pelican."""
    signals.article_writer_finalized.connect(write_news)
    signals.feed_generated.connect(complete)
