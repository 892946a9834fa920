"""The built production site, every page of it: what readers, browsers, search engines and the law need."""

import gzip
import json
import re
import shutil
import tomllib
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import html5lib
import lxml.html
import pytest

from devtools.front import FORMS as FORM_ADDRESSES
from form_backend.forms import FORMS
from form_backend.site import END_GAP, GAP, NOTE, TITLE, Facts, Site
from tests.parts.browser import FIRST_FLIGHT
from tests.parts.forms import ENQUIRY, ORGANISATION
from tests.parts.notice import notice
from tests.parts.processes import ROOT
from tests.parts.stack import Backend, addresses, build

STATEMENT = "/about-us/customerprivacystatement/"
FRAMES = {
    *(f"/{form}/{page}" for form in FORMS for page in ("", "sent/")),
    *(f"/{error}.html" for error in (*Site.ERRORS, "error")),
}
MARKS = (TITLE, GAP, NOTE, END_GAP)
MOST_FOR_HOME = 60_000
ELSEWHERE = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)
LOADING_CSS = re.compile(r"@import|url\(\s*[\"']?(?:https?:)?//", re.IGNORECASE)
LEFTOVER = re.compile(r"\{\{|\{%|\{#|\{:|\[form\]|\]\(|\*\*|<!-- (?:gap|note) -->.*<!-- gap -->", re.DOTALL)

SOON = "Description: Not for the public yet.\n\nSoon.\n"
UNFINISHED = {
    "pages/draft.md": f"Title: Unfinished\nStatus: draft\n{SOON}",
    "news/draft.md": f"Title: Unfinished\nDate: 2027-01-01\nStatus: draft\n{SOON}",
    "news/later.md": f"Title: Unfinished too\nDate: 2027-02-05\n{SOON}",
    "notices/later.md": notice(Title="Unfinished", Updated="2027-02-05"),
}


@dataclass(frozen=True)
class Page:
    """One page, from the built site or from the form backend."""

    address: str
    html: str

    @cached_property
    def tree(self) -> lxml.html.HtmlElement:
        """Return it parsed."""
        return lxml.html.fromstring(self.html)

    def find(self, xpath: str) -> list[Any]:
        """Return what an XPath expression finds."""
        found = self.tree.xpath(xpath)
        assert isinstance(found, list)
        return found

    @property
    def title(self) -> str:
        """Return the title, or nothing."""
        return "".join(self.find("/html/head/title/text()"))

    @property
    def description(self) -> str:
        """Return the description, or nothing."""
        return "".join(self.find("//meta[@name='description']/@content"))


Pages = dict[str, Page]


@pytest.fixture(scope="module")
def pages(site: Path) -> Pages:
    """Return every page of the built site by its address."""
    return {address: Page(address, file.read_text("utf-8")) for address, file in addresses(site).items()}


@pytest.fixture(scope="module")
def form_json(site: Path) -> dict[str, Any]:
    """Return what the build tells the form backend."""
    found = json.loads((site / "form.json").read_text("utf-8"))
    assert isinstance(found, dict)
    return found


@pytest.fixture
def answers(backend: Backend) -> Pages:
    """Return the form backend's pages: the form as it is first shown, shown again, thanks and an error."""
    sent = backend.enquire(message="To see the page that says thank you.")
    responses = {
        "/enquiry/": backend.form(),
        "/enquiry/ in error": backend.post({"email": "no address", "marketing": "yes"}),
        "/enquiry/ from elsewhere": backend.client.post(
            "/enquiry/", data=ENQUIRY, headers={"Origin": "null"}
        ),
        "/your-information/": backend.form("/your-information/"),
        "/your-information/ in error": backend.post({}, "/your-information/"),
        "/enquiry/sent/": backend.client.get(sent.headers["Location"]),
        "/enquiry/sent/ unsigned": backend.client.get("/enquiry/sent/"),
    }
    return {name: Page(name, response.text) for name, response in responses.items()}


def title(page: Page) -> Iterator[str]:
    """Have a title that a list of results shows whole."""
    if not 1 <= len(page.title) <= 65:
        yield page.title


def description(page: Page) -> Iterator[str]:
    """Have a description that a list of results shows whole."""
    if not 50 <= len(page.description) <= 160:
        yield page.description


def language(page: Page) -> Iterator[str]:
    """Say which language it is in."""
    if not page.find("/html/@lang[starts-with(., 'en')]"):
        yield "no language"


def heading(page: Page) -> Iterator[str]:
    """Have one h1, and no level of headings left out."""
    levels = [
        int(element.tag[1]) for element in page.find("//*[self::h1 or self::h2 or self::h3 or self::h4]")
    ]
    if levels.count(1) != 1:
        yield f"{levels.count(1)} h1"
    for above, level in zip([0, *levels], levels, strict=False):
        if level > above + 1:
            yield f"h{level} under h{above}"


def images(page: Page) -> Iterator[str]:
    """Say in words what an image shows; a drawing has a name or is hidden from screen readers."""
    named = "@aria-label or @aria-labelledby or ./*[local-name()='title']"
    hidden = "ancestor-or-self::*[@aria-hidden='true']"
    yield from page.find("//img[not(normalize-space(@alt))]/@src")
    for element in page.find(f"//svg[not({hidden}) and not(@role='img' and ({named}))]"):
        yield lxml.html.tostring(element, encoding="unicode")[:80]


def nothing_loaded_from_elsewhere(page: Page) -> Iterator[str]:
    """Name another host only where nothing is loaded from it: in links, canonical and og: addresses."""
    may_name = (
        "self::a/@href",
        "self::link[@rel='canonical']/@href",
        "self::meta[starts-with(@property,'og:')]",
    )
    for element in page.find("//*"):
        if not any(element.xpath(place) for place in may_name):
            yield from (
                value for name, value in element.items() if ELSEWHERE.match(value) and name != "xmlns"
            )
    yield from LOADING_CSS.findall("".join(page.find("//style/text()")))


def nothing_runs(page: Page) -> Iterator[str]:
    """Hold no script, no event handler and no style attribute: the policy refuses them all."""
    yield from page.find("//script[not(@type='application/ld+json')]/@src")
    yield from page.find("//script[not(@type='application/ld+json')]/text()")
    yield from page.find("//@*[name()='style' or starts-with(name(), 'on')]")
    yield from page.find("//@*[starts-with(., 'javascript:')]")


def nothing_left_over(page: Page) -> Iterator[str]:
    """Show no mark of the templates' or the editors' languages."""
    yield from LEFTOVER.findall(re.sub(r"<(style|script).*?</\1>", "", page.html, flags=re.DOTALL))


def unique_ids(page: Page) -> Iterator[str]:
    """Use each id once, and refer only to ids that are there."""
    ids = page.find("//@id")
    yield from (name for name, uses in Counter(ids).items() if uses > 1)
    referring = page.find("//@for | //@aria-labelledby | //@aria-describedby | //@aria-controls")
    yield from (name for names in referring for name in names.split() if name not in ids)


def valid_html(page: Page) -> Iterator[str]:
    """Parse without an error, to the end."""
    parser = html5lib.HTMLParser()
    parser.parse(page.html)
    yield from (f"line {line}: {code}" for (line, _column), code, _details in parser.errors)
    if not page.html.rstrip().endswith("</html>"):
        yield "not whole"


def light(page: Page) -> Iterator[str]:
    """Fit in the first flight of packets."""
    if (size := len(gzip.compress(page.html.encode(), 6))) > FIRST_FLIGHT:
        yield f"{size} bytes"


RULES = [
    title,
    description,
    language,
    heading,
    images,
    nothing_loaded_from_elsewhere,
    nothing_runs,
    nothing_left_over,
    unique_ids,
    valid_html,
    light,
]
Rule = Callable[[Page], Iterator[str]]


def breaches(pages: Pages, rule: Rule) -> dict[str, list[str]]:
    """Return what breaks a rule, by page."""
    return {address: found for address, page in pages.items() if (found := list(rule(page)))}


@pytest.mark.parametrize("rule", RULES)
def test_every_page(pages: Pages, rule: Rule) -> None:
    """Each built page keeps the rule."""
    assert breaches(pages, rule) == {}


def test_every_answer(answers: Pages) -> None:
    """Each page of the form backend keeps all the rules for built pages."""
    assert {rule.__name__: found for rule in RULES if (found := breaches(answers, rule))} == {}


def test_home_page_weight(pages: Pages, site: Path) -> None:
    """The home page and everything that it loads have at most 60 KB."""
    loaded = pages["/"].find("//link[@rel='icon' or @rel='stylesheet']/@href | //@src")
    files = [site / "index.html", *(site / address.lstrip("/") for address in loaded)]

    assert sum(len(gzip.compress(file.read_bytes(), 6)) for file in files) <= MOST_FOR_HOME


@pytest.mark.parametrize("said", ["title", "description"])
def test_no_two_pages_alike(pages: Pages, said: str) -> None:
    """No two pages have the same title or description."""
    uses = Counter(getattr(page, said) for page in pages.values())

    assert [text for text, count in uses.items() if count > 1] == []


def test_canonical_addresses(pages: Pages, form_json: dict[str, Any]) -> None:
    """Each page names its canonical address or asks not to be listed."""
    said = "//link[@rel='canonical']/@href | //meta[@name='robots']/@content"
    wrong = {
        address: found
        for address, page in pages.items()
        if (found := page.find(said)) not in ([form_json["address"] + address], ["noindex"])
    }

    assert wrong == {}


def test_links(pages: Pages, answers: Pages, site: Path, form_json: dict[str, Any]) -> None:
    """Every link inside the site leads to a page, file, heading or topic that exists."""
    broken = []
    for page in [*pages.values(), *answers.values()]:
        for link in page.find("//@href | //@src | //@action | //meta[@property='og:url']/@content"):
            target = urlsplit(urljoin(page.address.split()[0], link.removeprefix(form_json["address"])))
            if target.scheme or target.netloc:
                continue
            shown = page if link.startswith("#") else pages.get(target.path)
            there = shown or target.path in FORM_ADDRESSES or (site / target.path.lstrip("/")).is_file()
            if not there:
                broken.append(f"{page.address}: {link}")
            if target.fragment and (not shown or target.fragment not in shown.find("//@id")):
                broken.append(f"{page.address}: {link}")
            if not set(parse_qs(target.query).get("about", [])) <= set(form_json["topics"]):
                broken.append(f"{page.address}: {link}")

    assert broken == []


@pytest.mark.promise("website-secured")
def test_one_stylesheet(pages: Pages, answers: Pages, form_json: dict[str, Any]) -> None:
    """All pages inline the same stylesheet, and the policy allows that one, no other, and no script."""
    styles = {tuple(page.find("//style/text()")) for page in [*pages.values(), *answers.values()]}
    [[style]] = styles
    policy = form_json["headers"]["Content-Security-Policy"].split("; ")

    assert f"style-src 'sha256-{b64encode(sha256(style.encode()).digest()).decode()}'" in policy
    assert "default-src 'none'" in policy
    assert not [rule for rule in policy if rule.startswith("script-src") or "unsafe" in rule]


def test_frames(pages: Pages) -> None:
    """The pages that the form backend fills hold each gap once and in order; no other page holds any."""
    frames = {address: page.html for address, page in pages.items() if any(m in page.html for m in MARKS[1:])}

    assert set(frames) == FRAMES
    for address, html in frames.items():
        assert [html.count(mark) for mark in MARKS] == [1, 1, 1, 1], address
        assert sorted(MARKS, key=html.index) == list(MARKS), address


def test_form_json(pages: Pages, form_json: dict[str, Any]) -> None:
    """form.json holds everything that the form backend reads, and it is true of the site."""
    versions = form_json["statement_sha256"]
    files = {day: (ROOT / f"content/privacy/{day}.md").read_bytes() for day in versions}

    assert set(form_json) == {field.name for field in fields(Facts)}
    assert all(value for name, value in form_json.items() if name != "notices")
    assert form_json["statement"] in versions
    assert versions == {day: sha256(source).hexdigest() for day, source in files.items()}
    assert all(f"{STATEMENT}{day}/" in pages for day in versions)
    assert form_json["requests_email"] in pages[STATEMENT].html
    assert "Other" in form_json["sectors"]
    assert len(set(form_json["sectors"])) == len(form_json["sectors"])


FACTS = {
    "about-this-statement": [
        "Protection of Personal Information Act 4 of 2013",
        "Regulations",
        "all reasonable precautions",
        "prospective customers",
        "collect, communicate and use",
        '"personal information" means',
    ],
    "what-we-collect": ["only to reply to an enquiry", "directly from the person", "product"],
    "marketing": ["may choose", "marketing material", "blank", "do not want"],
    "retention": ["only as long as", "purposes", "once-off response", "not store it in a database"],
    "disclosure": ["third party", "only with your consent", "the law requires"],
    "transfer": ["not transfer", "other countries"],
    "information-security": ["all reasonable precautions", "submit", "unauthorised access", "disclosure"],
    "products": [
        "web-based viewers of processed data",
        "consultant or service provider",
        "Data Controller",
        "Data Processor",
        "Data Processing Agreement",
        "demand analysis modules",
        "Annual Licence and Software Maintenance Agreement",
        "on request",
    ],
    "client-data": [
        "cloud platforms in South Africa",
        "anti-virus",
        "monitoring",
        "firewalls",
        "front end",
        "password",
        "user-management",
    ],
    "security-breaches": ["by e-mail", "the date of the breach", "mitigat"],
    "contact": ["updated or deleted", "Operations Manager", ORGANISATION["requests"]["email"], "Questions"],
}


def section(page: Page, heading_id: str) -> list[lxml.html.HtmlElement]:
    """Return what stands under a heading of the second level."""
    here = f"preceding-sibling::h2[1][@id='{heading_id}']"
    return page.find(f"//h2[@id='{heading_id}']/following-sibling::*[not(self::h2) and {here}]")


@pytest.mark.parametrize("heading_id", FACTS)
def test_statement_says(pages: Pages, heading_id: str) -> None:
    """The privacy statement says each of its eleven facts, under a heading that can be linked to."""
    paragraphs = " ".join(element.text_content() for element in section(pages[STATEMENT], heading_id))
    text = " ".join(re.sub("[“”]", '"', paragraphs).split()).casefold()

    assert [term for term in FACTS[heading_id] if term.casefold() not in text] == []


@pytest.mark.promise("only-these-fields")
def test_statement_names_what_the_form_asks(pages: Pages, backend: Backend) -> None:
    """The statement lists the form's fields, under the same labels, and no others."""
    labels = [
        label.text.strip()
        for label in lxml.html.fromstring(backend.form().text).xpath("//label")
        if label.get("for") not in ("Form-message", "Form-marketing", "Form-website")
    ]
    listed = [
        item.text_content()
        for part in section(pages[STATEMENT], "what-we-collect")
        for item in part.iter("li")
    ]

    assert listed == labels


def test_published_addresses(pages: Pages) -> None:
    """Every address that was published is a page or redirects to one."""
    published = tomllib.loads((ROOT / "content/published.toml").read_text("utf-8"))["addresses"]

    assert {STATEMENT, *published} <= {*pages, *ORGANISATION["redirects"]}


def files_of(folder: Path) -> dict[Path, bytes]:
    """Return a folder's files with their content."""
    return {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_builds_are_reproducible(site: Path, tmp_path: Path) -> None:
    """Building again, in another time zone and with another hash seed, gives the same bytes."""
    build(tmp_path, compressed=True, TZ="Pacific/Auckland", PYTHONHASHSEED="1")

    assert files_of(tmp_path) == files_of(site)


def test_reload_script(site: Path, tmp_path: Path) -> None:
    """The development site loads the reload script and names a page's file; the production site neither."""
    build(tmp_path, settings="pelicanconf.py")
    home = Page("/", (tmp_path / "index.html").read_text("utf-8"))

    assert home.find("//script/@src") == ["/live-reload.js"]
    assert home.find("//script/@data-file") == ["content/pages/home.md"]
    for path in addresses(site).values():
        assert not re.search("live-reload|data-file|content/pages", path.read_text("utf-8")), path


def test_drafts_stay_in_preview(tmp_path: Path) -> None:
    """Drafts and pages dated ahead show in preview, marked as such, and are absent from production."""
    content = shutil.copytree(ROOT / "content", tmp_path / "content")
    for path, text in UNFINISHED.items():
        (content / path).write_text(text, "utf-8")
    record = content / "published.toml"
    listed = record.read_text("utf-8").replace("addresses = [", 'addresses = ["/news-articles/later/",')
    record.write_text(listed, "utf-8")
    preview, production = tmp_path / "preview", tmp_path / "production"
    build(preview, content, "pelicanconf.py", SITE_DATE="2027-02-04")
    build(production, content, SITE_DATE="2027-02-04")
    marks = [
        "".join(
            Page(at, (preview / at / "index.html").read_text("utf-8")).find(
                "//*[@aria-label='Draft']//text()"
            )
        )
        for at in ("draft", "news-articles/draft", "news-articles/later", "notices/later", "about-us")
    ]
    public = b"".join(path.read_bytes() for path in production.rglob("*") if path.is_file())

    assert ["Draft" in mark for mark in marks] == [True, True, True, True, False]
    assert ["5 February 2027" in mark for mark in marks] == [False, False, True, True, False]
    assert b"Unfinished" not in public
    assert b"Draft" not in public
