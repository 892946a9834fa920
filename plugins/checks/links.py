"""Links: to a page that exists, to a heading on it, with a topic that the enquiry form knows."""

import posixpath
import re
from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path
from urllib.parse import parse_qs, unquote, urljoin, urlsplit

from pelican.contents import Content

from plugins.reading.mistakes import Mistake, suggestion
from plugins.reading.site import Site, to_come

PELICAN_LINK = re.compile(r"[{|](\w+)[|}]([^?#]*)(.*)")  # {filename}other.md#heading
HOST = re.compile(r"[^\W_](?:[\w-]*\.)+[^\W_]{2,}\.?(?::\d+)?")
SCHEME = re.compile(r"[a-z][a-z0-9+.-]*(?=:)", re.IGNORECASE)
PREVIEW = {"127.0.0.1", "localhost", "0.0.0.0", "::1"}  # noqa: S104 - to recognise it
SCHEMES = {"http", "https", "mailto", "tel"}
ID = re.compile(r'\bid="([\w-]+)"')


def check(site: Site) -> Iterator[Mistake]:
    """Find links that lead nowhere, on pages, in the menu and in the footer."""
    known: dict[tuple[str, date], str] = {}  # many links lead to the same place
    for content in site.contents:
        day, pages = to_come(content), site.pages_beside(content)
        # The words of a statement that has taken effect are fixed, and its links to what has moved lead on.
        fixed = (getattr(content, "effective", None) or date.max) <= site.settings["SITE_DATE"]
        for line, link in content.document.html.links:
            if sentences := wrong_scheme(link):
                yield content.document.path, line, sentences
            whole = address(link, content, site)
            if (whole, day) not in known:
                known[whole, day] = problem(whole, pages, site)
            leads_on = fixed and urlsplit(whole).path in site.facts["redirects"]
            if known[whole, day] and not leads_on:
                yield content.document.path, line, known[whole, day]
    yield from menu_links(site)


def wrong_scheme(link: str) -> str:
    """Say that a link does not begin as one may, where that is so."""
    scheme = SCHEME.match(re.sub(r"[\0- ]", "", link))  # browsers ignore spaces and control characters
    if not scheme or scheme[0].lower() in SCHEMES:
        return ""
    cure = "Begin it with / for a page of ours, else with https:, mailto: or tel:."
    return f'A link may not begin with "{scheme[0]}:". {cure}'


def menu_links(site: Site) -> Iterator[Mistake]:
    """Find links of the menu and the footer that lead nowhere."""
    links = [item["address"] for item in [*site.facts["menu"], *site.facts["footer"]]]
    for line, text in enumerate(site.organisation.lines, 1):
        for link in links:
            is_entry = text.startswith("address") and f'"{link}"' in text
            if is_entry and (sentences := problem(urljoin(site.facts["address"], link), site.pages, site)):
                yield site.organisation.path, line, sentences


def address(link: str, content: Content, site: Site) -> str:
    """Return the whole address that a link on a page leads to."""
    home = site.facts["address"]
    if link.startswith("/") and not link.startswith("//"):
        return f"{home}{link}"
    if match := PELICAN_LINK.match(link):
        kind, name, rest = match.groups()
        folder = "" if name.startswith("/") else content.relative_dir
        name = posixpath.normpath(posixpath.join(folder, name.lstrip("/")))
        found = site.context["generated_content"].get(name) if kind == "filename" else None
        link = f"/{found.url if found else name}{rest}"
    return urljoin(f"{home}/{content.url}", link)


def problem(link: str, pages: dict[str, Content], site: Site) -> str:
    """Return what is wrong with a whole address on a website with these pages, or nothing."""
    target = urlsplit(link)
    if target.hostname in PREVIEW:
        return f"{link} is on your computer alone. Write {link.partition(target.netloc)[2] or '/'} for it."
    if f"{target.scheme}://{target.netloc}" != site.facts["address"]:
        is_whole = target.scheme not in ("http", "https") or HOST.fullmatch(target.netloc)
        return "" if is_whole else f'"{link}" is no address of a website. Correct it.'
    path = unquote(target.path) or "/"
    if path not in pages and (new := site.facts["redirects"].get(path)):
        return f"{path} is an old address. Write {new}, where it leads."
    if path not in pages and path in site.to_come:
        later = f"{path} goes online on {to_come(site.to_come[path])}, later than this page."
        return f"{later} Take the link out until then, or change one of the two dates."
    if path not in pages and path not in site.files:
        elsewhere = "Begin the link with https:// if it leads to another website."
        otherwise = elsewhere if "/www." in path else "Correct the address, or take the link out."
        return f"There is no page {path}. {suggestion(path, [*pages, *site.files], otherwise)}"
    return no_such_place(path, target.fragment, pages.get(path), site) or no_such_topic(
        parse_qs(target.query), site
    )


def no_such_place(path: str, place: str, page: Content | None, site: Site) -> str:
    """Say that a page has no such heading, where that is so."""
    ids = page.document.html.ids if page else {}
    if not place or place in ids or place in template_ids(site.settings["THEME"]):
        return ""
    cure = suggestion(place, ids, f"Write {{: #{place} }} at the end of the heading that is meant.")
    return f'{path} has no heading with the id "{place}". {cure}'


def no_such_topic(query: dict[str, list[str]], site: Site) -> str:
    """Say that the enquiry form knows no such topic, where that is so."""
    topics = site.facts["enquiry"]["topics"]
    for topic in query.get("about", []):
        if topic not in topics:
            cure = suggestion(topic, topics, "Add it to [enquiry.topics] in content/organisation.toml.")
            return f'The enquiry form knows no topic "{topic}". {cure}'
    return ""


@cache
def template_ids(theme: str) -> set[str]:
    """Return the ids that the templates give to what stands around a page's text."""
    templates = Path(theme, "templates").rglob("*.html")
    return {name for path in templates for name in ID.findall(path.read_text("utf-8"))}
