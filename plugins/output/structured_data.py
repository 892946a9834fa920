"""Structured data: what a page is, as JSON-LD in the terms of schema.org, and its breadcrumbs and picture."""

from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import pass_context
from jinja2.runtime import Context
from lxml.etree import parse
from pelican import Pelican
from pelican.contents import Article, Content, Page
from pelican.generators import Generator

Data = dict[str, Any]


@pass_context
def above(context: Context, page: Content) -> list[Page]:
    """Return the pages above this one, from the top, without the home page."""
    higher = accumulate(f"{part}/" for part in page.url.split("/")[:-2])
    return [context["PAGES_BY_URL"][url] for url in higher if url in context["PAGES_BY_URL"]]


class Picture(NamedTuple):
    """A picture to show beside a link to a page, made by devtools/share_pictures.py from a drawing."""

    address: str
    words: str


def picture(page: Content) -> Picture:
    """Return the page's own picture, or the one for all."""
    files, drawing = page.settings["THEME_FILES"], getattr(page, "drawing", getattr(page, "topic", ""))
    name = page.slug.rpartition("/")[2]
    if not drawing or f"share/{name}.png" not in files:
        name = drawing = "network"
    return Picture(files[f"share/{name}.png"], words_of(drawing, page.settings["THEME"]))


@cache
def words_of(drawing: str, theme: str) -> str:
    """Return what a drawing says of itself."""
    return str(parse(Path(theme, f"templates/illustrations/{drawing}.svg")).findtext("{*}title", ""))


@pass_context
def structured_data(context: Context, page: Content) -> Data:
    """Return the company, its website, and what the page is, in the terms of schema.org."""
    organisation = context["ORGANISATION"]
    site = organisation["address"]
    graph = [company(organisation), website(organisation)]
    if page.url:
        graph.append(breadcrumb_list(page, above(context, page), site))
    if isinstance(page, Article):
        graph.append(news_article(page, site))
    elif page.template == "product":
        graph.append(software(page, site))
    return {"@context": "https://schema.org", "@graph": graph}


def company(organisation: Data) -> Data:
    """Return what the organisation file says of the company; what is empty there stays out."""
    contact = organisation["contact"]
    postal = {"addressCountry": "ZA", "streetAddress": contact["street_address"]}
    facts = {
        "name": organisation["name"],
        "url": f"{organisation['address']}/",
        "description": organisation["tagline"],
        "email": contact["email"],
        "telephone": contact["telephone"],
        "address": {"@type": "PostalAddress"} | {key: value for key, value in postal.items() if value},
    }
    stated = {key: value for key, value in facts.items() if value}
    return {"@type": "Organization", **reference(organisation["address"])} | stated


def reference(site: str) -> Data:
    """Return how other entries name the company."""
    return {"@id": f"{site}/#organization"}


def website(organisation: Data) -> Data:
    """Return the website as a whole."""
    site = organisation["address"]
    return {
        "@type": "WebSite",
        "@id": f"{site}/#website",
        "url": f"{site}/",
        "name": organisation["name"],
        "inLanguage": organisation["language"],
        "publisher": reference(site),
    }


def breadcrumb_list(page: Content, higher: list[Page], site: str) -> Data:
    """Return the way to the page from the home page."""
    steps = [("Home", ""), *((other.title, other.url) for other in [*higher, page])]
    items = [
        {"@type": "ListItem", "position": position, "name": name, "item": f"{site}/{url}"}
        for position, (name, url) in enumerate(steps, 1)
    ]
    return {"@type": "BreadcrumbList", "itemListElement": items}


def described(page: Content, site: str) -> Data:
    """Return what every entry about a page's subject says."""
    url = f"{site}/{page.url}"
    return {
        "url": url,
        "description": getattr(page, "description", ""),
        "image": f"{site}{picture(page).address}",
    }


def news_article(article: Article, site: str) -> Data:
    """Return an article."""
    return {
        "@type": "NewsArticle",
        "headline": article.title,
        "mainEntityOfPage": f"{site}/{article.url}",
        "datePublished": article.date.isoformat(),
        "dateModified": getattr(article, "modified", article.date).isoformat(),
        "author": reference(site),
        "publisher": reference(site),
    } | described(article, site)


def software(page: Page, site: str) -> Data:
    """Return a product."""
    return {
        "@type": "SoftwareApplication",
        "name": page.title,
        "applicationCategory": "BusinessApplication",
        "publisher": reference(site),
    } | described(page, site)


def add_filters(pelican: Pelican) -> None:
    """Let templates write `page|above`, `page|picture` and `page|structured_data|tojson`."""
    filters = {"above": above, "picture": picture, "structured_data": structured_data}
    pelican.settings["JINJA_FILTERS"].update(filters)


def add_pages_by_url(generators: list[Generator]) -> None:
    """Put PAGES_BY_URL in the context, for breadcrumbs."""
    context = generators[0].context
    context["PAGES_BY_URL"] = {page.url: page for page in context["pages"]}
