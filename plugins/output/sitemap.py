"""sitemap.xml: every page that search engines may list, and when it changed, where that is known."""

from typing import Any

from lxml.etree import tostring
from lxml.objectify import ElementMaker
from pelican.contents import Content

NOT_LISTED = {"error", "sent"}  # templates that ask search engines not to list a page
XML = ElementMaker(
    namespace="http://www.sitemaps.org/schemas/sitemap/0.9",
    nsmap={None: "http://www.sitemaps.org/schemas/sitemap/0.9"},
    annotate=False,
)


def last_modified(content: Content) -> str:
    """Return the day that a page names, or on which its version of the statement took effect, or nothing."""
    day: Any = getattr(content, "modified", None) or getattr(content, "date", None)
    day = day.date() if day else getattr(content, "effective", None)
    return day.isoformat() if day and day <= content.settings["SITE_DATE"] else ""


def text(context: dict[str, Any]) -> str:
    """Return the sitemap, in the order of addresses so that two builds are alike."""
    address = context["ORGANISATION"]["address"]
    contents = [*context["articles"], *context["pages"]]
    entries = []
    for content in sorted(contents, key=lambda content: str(content.url)):
        if content.template not in NOT_LISTED:
            day = last_modified(content)
            entries.append(XML.url(XML.loc(f"{address}/{content.url}"), *([XML.lastmod(day)] if day else [])))
    urls = XML.urlset(*entries)
    return tostring(urls, encoding="utf-8", xml_declaration=True, pretty_print=True).decode()
