"""The site as search engines, feed readers, social networks and old links find it."""

import json
import shutil
import struct
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import lxml.etree
import lxml.html
import pytest

from devtools.loopback import HOST
from tests.parts.processes import ROOT, free_port
from tests.parts.stack import addresses, build, once, statement_in_force, website
from tests.parts.web_server import nginx

ATOM = {"atom": "http://www.w3.org/2005/Atom"}
SITEMAP = {"sitemap": "http://www.sitemaps.org/schemas/sitemap/0.9"}
PNG_SIZE = struct.Struct(">16x2I")  # where a PNG file says how wide and high it is
ARTICLE = "/news-articles/maintenance-strategy/"
MODIFIED = datetime.now(UTC).date().isoformat()
IMAGE = "images/plan.png"
FOR_GOOD = "public, max-age=31536000, immutable"
OLD = {"/old-page": "/products/", "/old/page.aspx": "/about-us/", f"/{'long/' * 30}": "/contact/"}
NO_FORMS = f"http://{HOST}:{free_port()}"
Listed = dict[str, lxml.html.HtmlElement]
Served = Callable[[Path, Path], AbstractContextManager[httpx.Client]]


@pytest.fixture(scope="module")
def home(site: Path) -> str:
    """Return the site's address in the world, without a slash at the end."""
    return str(json.loads((site / "form.json").read_text("utf-8"))["address"])


@pytest.fixture(scope="module")
def listed(site: Path) -> Listed:
    """Return the pages that search engines may list."""
    pages = {address: lxml.html.parse(file).getroot() for address, file in addresses(site).items()}
    return {address: page for address, page in pages.items() if page.xpath("//link[@rel='canonical']")}


def settings(folder: Path, redirects: dict[str, str]) -> str:
    """Write settings for a production site with redirects of its own; return where."""
    path = folder / "settings.py"
    path.write_text(
        "from publishconf import *\n"
        f"THEME = {str(ROOT / 'theme')!r}\n"
        f"ORGANISATION = ORGANISATION | {{'redirects': ORGANISATION['redirects'] | {redirects}}}\n"
    )
    return str(path)


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a site with old addresses, an image, and two pages that say when they were changed."""

    def make(folder: Path) -> None:
        content = shutil.copytree(ROOT / "content", folder / "content")
        shutil.copy(ROOT / "theme/static/share/network.png", content / IMAGE)
        with (content / "news/maintenance-strategy.md").open("a", encoding="utf-8") as article:
            article.write(f"\n![A plan](/{IMAGE})\n")
        for name in ("news/maintenance-strategy.md", "pages/contact.md"):
            path = content / name
            path.write_text(f"Modified: {MODIFIED}\n{path.read_text('utf-8')}", "utf-8")
        build(folder / "site", content, settings(folder, OLD), SITE_DATE=MODIFIED)

    return once(tmp_path_factory, "changed", make) / "site"


def below(folder: str, address: str) -> bool:
    """Tell whether a page stands below another."""
    return address.startswith(folder) and address != folder


def properties(page: lxml.html.HtmlElement) -> dict[str, str]:
    """Return a page's Open Graph properties."""
    return {meta.get("property", ""): meta.get("content", "") for meta in page.xpath("//meta[@property]")}


def test_share_pictures(listed: Listed, site: Path, home: str) -> None:
    """Each page names a small picture by its full address, with its true size and a description."""
    for address, page in listed.items():
        said = properties(page)
        picture = (site / said["og:image"].removeprefix(f"{home}/")).read_bytes()
        size = said["og:image:width"], said["og:image:height"]

        assert said["og:image"].startswith(f"{home}/"), address
        assert len(picture) < 50_000, address
        assert tuple(map(str, PNG_SIZE.unpack_from(picture))) == size, address
        assert said["og:image:alt"], address


def test_pages_with_a_drawing_have_pictures_of_their_own(listed: Listed) -> None:
    """A page with a drawing shows its own picture, once it was made; the others share one."""
    made = {path.stem for path in (ROOT / "theme/static/share").iterdir()}
    pictures = {
        address: Path(properties(page)["og:image"]).name.partition(".")[0] for address, page in listed.items()
    }
    drawn = {address for address, page in listed.items() if page.xpath("//main//figure")}
    own = {address: Path(address).name for address in drawn if Path(address).name in made}

    assert pictures == dict.fromkeys(listed, "network") | own
    assert own


def entries(page: lxml.html.HtmlElement) -> dict[str, dict[str, Any]]:
    """Return a page's structured data by its type."""
    [source] = page.xpath("//script[@type='application/ld+json']/text()")
    return {entry["@type"]: entry for entry in json.loads(source)["@graph"]}


def strings(data: Any) -> list[str]:
    """Return every text in structured data."""
    if isinstance(data, dict | list):
        parts = data.values() if isinstance(data, dict) else data
        return [text for part in parts for text in strings(part)]
    return [data] if isinstance(data, str) else []


def test_structured_data(listed: Listed, site: Path, home: str) -> None:
    """Structured data names each page's kind and only addresses that exist."""
    kinds = {address: set(entries(page)) for address, page in listed.items()}
    texts = {text for page in listed.values() for text in strings(list(entries(page).values()))}
    paths = {text.removeprefix(home).partition("#")[0] for text in texts if text.startswith(home)}

    for address, kind in kinds.items():
        assert ("NewsArticle" in kind) == below("/news-articles/", address)
        assert ("SoftwareApplication" in kind) == below("/products/", address)
        assert kind >= {"Organization", "WebSite"} | ({"BreadcrumbList"} if address != "/" else set())
    assert [path for path in paths if path not in listed and not (site / path.lstrip("/")).is_file()] == []


def test_structured_data_says_what_the_page_says(listed: Listed, home: str) -> None:
    """Structured data has the headline, dates and breadcrumb that readers see."""
    for address, page in listed.items():
        data = entries(page)
        heading = page.xpath("normalize-space(//h1)")
        if address != "/":
            steps = data["BreadcrumbList"]["itemListElement"]
            links = page.xpath("//nav[@aria-label='Breadcrumb']//a")
            shown = [(link.get("href"), link.text_content()) for link in links] or [("/", "Home")]

            assert [(step["item"], step["name"]) for step in steps] == [
                (f"{home}{path}", name) for path, name in [*shown, (address, heading)]
            ]
        if article := data.get("NewsArticle"):
            assert article["headline"] == heading
            assert article["datePublished"][:10] == page.xpath("string(//time/@datetime)")
        if product := data.get("SoftwareApplication"):
            assert product["name"] == heading


def test_no_data_on_pages_that_are_not_listed(site: Path, listed: Listed) -> None:
    """Error pages and thank-you pages have no structured data."""
    others = [path for address, path in addresses(site).items() if address not in listed]

    assert others
    assert [path for path in others if "ld+json" in path.read_text("utf-8")] == []


def last_modified(site: Path) -> dict[str, str]:
    """Return what the sitemap says of each page: when it was changed, or nothing."""
    urls = lxml.etree.parse(site / "sitemap.xml").xpath("/sitemap:urlset/sitemap:url", namespaces=SITEMAP)
    return {
        url.findtext("sitemap:loc", namespaces=SITEMAP): url.findtext("sitemap:lastmod", "", SITEMAP)
        for url in urls
    }


def test_sitemap(site: Path, listed: Listed, home: str) -> None:
    """The sitemap lists exactly the pages that may be listed, and robots.txt names the sitemap."""
    robots = (site / "robots.txt").read_text("utf-8").splitlines()

    assert set(last_modified(site)) == {f"{home}{address}" for address in listed}
    assert f"Sitemap: {home}/sitemap.xml" in robots


def test_dates_in_sitemap(changed: Path, home: str) -> None:
    """The sitemap gives the day on which a page changed, where that is known."""
    said = last_modified(changed)
    statement = "/about-us/customerprivacystatement/"
    known = {ARTICLE: MODIFIED, "/contact/": MODIFIED, statement: statement_in_force(), "/about-us/": ""}

    assert {address: said[home + address] for address in known} == known


def test_feed(site: Path, home: str) -> None:
    """The feed has what Atom requires, an entry for each article, and addresses that hold anywhere."""
    feed = lxml.etree.parse(site / "news-articles/atom.xml").getroot()
    articles = {f"{home}{address}" for address in addresses(site) if below("/news-articles/", address)}
    parts = [feed, *feed.findall("atom:entry", ATOM)]
    [own] = feed.xpath("atom:link[@rel='self']/@href", namespaces=ATOM)
    ids = [part.findtext("atom:id", namespaces=ATOM) for part in parts]

    assert own == f"{home}/news-articles/atom.xml"
    assert len(set(ids)) == len(ids)
    assert set(feed.xpath("atom:entry/atom:link/@href", namespaces=ATOM)) == articles
    for part in parts:
        assert part.findtext("atom:title", namespaces=ATOM)
        assert datetime.fromisoformat(part.findtext("atom:updated", "", ATOM)).tzinfo
    for entry in parts[1:]:
        content = lxml.html.fromstring(entry.findtext("atom:content", "", ATOM))

        assert entry.findtext("atom:author/atom:name", namespaces=ATOM)
        assert entry.findtext("atom:summary", namespaces=ATOM)
        assert [link for link in content.xpath("//@href | //@src") if "://" not in link] == []


def test_feed_is_announced(listed: Listed) -> None:
    """Every page links to the news feed."""
    announced = "//link[@rel='alternate' and @type='application/atom+xml']/@href"

    assert {page.xpath(announced)[0] for page in listed.values()} == {"/news-articles/atom.xml"}


def test_changed_article(changed: Path, home: str) -> None:
    """A changed article has both days, of publication and of change, in the feed and its data."""
    feed = lxml.etree.parse(changed / "news-articles/atom.xml")
    [entry] = feed.xpath(f"//atom:entry[atom:link/@href='{home}{ARTICLE}']", namespaces=ATOM)
    data = entries(lxml.html.parse(changed / ARTICLE.strip("/") / "index.html").getroot())["NewsArticle"]

    assert data["dateModified"] == entry.findtext("atom:updated", namespaces=ATOM)
    assert data["dateModified"].startswith(MODIFIED)
    assert data["datePublished"] == entry.findtext("atom:published", namespaces=ATOM)
    assert not data["datePublished"].startswith(MODIFIED)


@contextmanager
def embedded(site: Path, _: Path) -> Iterator[httpx.Client]:
    """Serve the site as `make serve` does."""
    with website(site, NO_FORMS) as address, httpx.Client(base_url=address) as client:
        yield client


@contextmanager
def production(site: Path, folder: Path) -> Iterator[httpx.Client]:
    """Serve the site as production does."""
    with nginx(site, folder / "nginx", NO_FORMS) as web:
        yield web.client


def test_pictures_are_cached_for_a_year(changed: Path, tmp_path: Path, home: str) -> None:
    """Browsers may cache a picture for a year, since its address changes with its content."""
    shown = "//link[@rel='icon']/@href | //meta[@property='og:image']/@content | //img/@src"
    pages = [lxml.html.parse(file) for file in addresses(changed).values()]
    named = {picture.removeprefix(home) for page in pages for picture in page.xpath(shown)}
    with production(changed, tmp_path) as client:
        answers = {address: client.get(address) for address in named}

    assert {Path(address).parent.as_posix() for address in named} == {"/images", "/theme", "/theme/share"}
    for address, answer in answers.items():
        assert (answer.status_code, answer.headers["Cache-Control"]) == (200, FOR_GOOD), address
        made_anew = address.startswith(
            "/images/"
        )  # its name holds the hash of the file that it was made from
        assert made_anew or sha256(answer.content).hexdigest()[:12] in address


@pytest.mark.parametrize("served", [embedded, production])
def test_old_addresses(changed: Path, tmp_path: Path, served: Served) -> None:
    """An old address, in any case, redirects permanently to its new page; other pages are not affected."""
    with served(changed, tmp_path) as client:
        answers = {old: client.get(asked) for old in OLD for asked in (old, old.upper())}
        page, missing = client.get("/products/"), client.get("/old-page/no-such-page")

    assert {old: answer.headers["Location"] for old, answer in answers.items()} == OLD
    assert {answer.status_code for answer in answers.values()} == {301}
    assert (page.status_code, missing.status_code) == (200, 404)
