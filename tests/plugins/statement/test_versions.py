"""The privacy statement's versions: each in force from its day, kept for good, compared with the last."""

import json
import re
import shutil
from copy import deepcopy
from hashlib import sha256
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from lxml.html import HtmlElement, document_fromstring
from playwright.sync_api import Browser

from tests.parts.forms import ENQUIRY
from tests.parts.processes import ROOT
from tests.parts.relays import Mailbox
from tests.parts.stack import BuildError, build, gunicorn, once, put_on_record, website

NO_FORMS = "http://127.0.0.1:9"  # nothing listens there
STATEMENT = "about-us/customerprivacystatement"
HEAD = "Title: Our statement\nDescription: What we promise.\n"
# What is collected, as our own statement lists it: without it, no site is built.
OURS = max((ROOT / "content/privacy").glob("*.md")).read_text("utf-8")
COLLECTED = re.findall(r"^## [^\n]*#what-we-collect.*?(?=^## )", OURS, re.DOTALL | re.MULTILINE)[0]
# So are the promises.
PROMISES = set(re.findall(r"#(promise-[a-z-]+)", OURS)) - set(re.findall(r"#(promise-[a-z-]+)", COLLECTED))
COLLECTED += "".join(f"Kept.\n{{: #{promise} }}\n\n" for promise in sorted(PROMISES))
DRAFT = f"{HEAD}Status: draft\nDecisions: Whether *this* is wanted.\n"
SPOKEN = "//*[@class='visually-hidden']"
TODAY = "2022-01-01"

# The chapters of a small statement.
ONCE = "## Use {: #use }\n\nWe use it once.\nThen it goes.\n\n"
TWICE = "## Use {: #use }\n\nWe use it twice.\nThen it goes.\n\n"
RIGHTS = "## Rights {: #rights }\n\n- to ask\n- to object\n\n"
PLACE = "## Place {: #place }\n\nIt stays.\n\n- here\n- there\n\n[Rights](#rights), [*all*](/robots.txt).\n\n"
SHORT = "## Place {: #place }\n\nIt stays here & **now**, [we hope](#place).\n\n"
LONGER = "## Place {: #place }\n\nIt stays here & **now**, [we hope](#place), or do we?\n\n"

# Each version differs from the one before it in a way of its own, which its key names.
EDITS = {
    "the first": ONCE + RIGHTS,
    "a word changed": TWICE + RIGHTS,
    "a chapter added": TWICE + PLACE + RIGHTS,
    "a chapter moved": RIGHTS + TWICE + PLACE,
    "all but a chapter taken out": SHORT,
    "an end of a sentence changed": LONGER,
}
DAYS = [f"2021-0{month}-01" for month in range(1, len(EDITS) + 1)]
VERSIONS = {day: COLLECTED + edited for day, edited in zip(DAYS, EDITS.values(), strict=True)}


def content(folder: Path, files: dict[str, str]) -> Path:
    """Write the statement's versions into a content folder of their own."""
    for name, text in files.items():
        path = folder / "content/privacy" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    put_on_record(folder / "content")
    return folder / "content"


def published(*days: str) -> dict[str, str]:
    """Return the files of versions that are no drafts."""
    return {f"{day}.md": f"{HEAD}\n{VERSIONS[day]}" for day in days}


def page(site: Path, *path: str) -> HtmlElement:
    """Return a page of the statement."""
    return document_fromstring(site.joinpath(STATEMENT, *path, "index.html").read_text("utf-8"))


def days_with_a_page(site: Path) -> set[str]:
    """Return the days of the versions that have an address of their own."""
    return {path.name for path in (site / STATEMENT).iterdir() if path.is_dir()}


def announced(statement: HtmlElement) -> list[str]:
    """Return the days on which the page says that the statement changes."""
    return [str(day) for day in statement.xpath("//main//p[@class='notice']//time/@datetime")]


def links(statement: HtmlElement) -> set[str]:
    """Return where a page links to below the statement's address."""
    found = statement.xpath(f"//main//a[starts-with(@href, '/{STATEMENT}/')]/@href")
    return {str(address).removeprefix(f"/{STATEMENT}/") for address in found}


def article(site: Path, *path: str) -> HtmlElement:
    """Return the text of the statement on a page, without the links to what keeps its promises."""
    [text] = page(site, *path).iter("article")
    for link in text.find_class("kept"):
        link.drop_tree()
    return text


def words(element: HtmlElement, without: str = "none") -> list[str]:
    """Return the words in an element, less those in the elements of an XPath."""
    kept = deepcopy(element)
    for unwanted in kept.xpath(without):
        unwanted.drop_tree()
    return kept.text_content().split()


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a site whose statement has every version of ours, the last one in force."""

    def make(folder: Path) -> None:
        build(folder / "site", content(folder, published(*DAYS)), SITE_DATE=TODAY)

    return once(tmp_path_factory, "versions", make) / "site"


@pytest.mark.parametrize(
    ("today", "in_force", "coming"),
    [
        ("2021-01-01", "2021-01-01", ["2021-02-01", "2021-03-01"]),
        ("2021-01-31", "2021-01-01", ["2021-02-01", "2021-03-01"]),
        ("2021-02-01", "2021-02-01", ["2021-03-01"]),
        ("2030-01-01", "2021-03-01", []),
    ],
)
def test_schedule(tmp_path: Path, today: str, in_force: str, coming: list[str]) -> None:
    """The newest version that has begun is in force, later ones are announced, and all can be read."""
    files = published(*DAYS[:3])
    site = tmp_path / "site"
    build(site, content(tmp_path, files), SITE_DATE=today)
    statement, facts = page(site), json.loads((site / "form.json").read_text("utf-8"))
    texts = {day: words(article(site, day)) for day in DAYS[:3]}

    assert words(article(site)) == texts[in_force]
    assert len(set(map(tuple, texts.values()))) == len(texts)
    assert announced(statement) == coming
    assert links(statement) >= {address for day in coming for address in (f"{day}/", f"{day}/changes/")}
    assert facts["statement"] == in_force
    assert facts["statement_sha256"] == {
        name.removesuffix(".md"): sha256(text.encode()).hexdigest() for name, text in files.items()
    }


@pytest.mark.parametrize("day", DAYS)
def test_version(many: Path, day: str) -> None:
    """A version's page gives its day, its file's hash, its contents, what changed, and the other versions."""
    version = page(many, day)
    headings = version.xpath("//article/h2/@id")
    before_the_text = version.xpath("//main/header")[0]

    assert before_the_text.xpath(".//time/@datetime")[0] == day
    assert sha256(f"{HEAD}\n{VERSIONS[day]}".encode()).hexdigest()[:12] in version.text_content()
    contents = version.xpath("//nav[@aria-label='On this page']//a/@href")
    assert contents == [f"#{heading}" for heading in headings]
    assert links(version) >= {f"{other}/" for other in DAYS} | {f"{other}/changes/" for other in DAYS[1:]}
    assert (f"{day}/changes/" in links(before_the_text)) == (day != DAYS[0])
    assert (many / STATEMENT / day / "changes").exists() == (day != DAYS[0])


@pytest.mark.parametrize("day", DAYS[1:], ids=list(EDITS)[1:])
def test_what_changed(many: Path, day: str) -> None:
    """Without the deletions the words are the new version's; without the additions, the old version's."""
    changes = article(many, day, "changes")
    new, old = (article(many, other) for other in (day, DAYS[DAYS.index(day) - 1]))

    assert words(changes, f"//del | {SPOKEN}") == words(new)
    assert words(changes, f"//ins | {SPOKEN}") == words(old)
    assert changes.xpath("//ins | //del")


@pytest.mark.parametrize("day", DAYS[1:], ids=list(EDITS)[1:])
def test_marks_are_spoken(many: Path, day: str) -> None:
    """Each change begins and ends with hidden words for screen readers, in places where HTML allows them."""
    changes = page(many, day, "changes")
    marks, ids = changes.xpath("//article//ins | //article//del"), changes.xpath("//@id")
    said = {(mark.tag, mark[0].text_content(), mark[-1].text_content()) for mark in marks}
    hidden = {mark[end].get("class") for mark in marks for end in (0, -1)}

    assert said <= {("ins", "Added: ", " End of addition. "), ("del", "Taken out: ", " End of deletion. ")}
    assert hidden == {"visually-hidden"}
    assert [key.tag for key in changes.xpath("//main//p[@class='notice']/*")] == ["ins", "del"]
    assert changes.xpath("//ul/ins | //ul/del") == []
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("day", DAYS[1:], ids=list(EDITS)[1:])
def test_spaces_around_marks(many: Path, day: str) -> None:
    """No change ends in a space, and no space stands before punctuation."""
    changes = article(many, day, "changes")
    loose = [word for word in words(changes, SPOKEN) if word[0] in ",.;:!?)"]
    read = [mark.text_content() for mark in changes.xpath(".//ins | .//del")]

    assert loose == []
    assert [text for text in read if re.search(r"\s End of", text)] == []


def test_changed_address_of_a_link(tmp_path: Path) -> None:
    """A link with the same words and another address shows both addresses; other links do not."""
    old, new = "Ask [our staff](/robots.txt), who read it.\n", "Ask [our staff](/sitemap.xml), who read it.\n"
    added = "\nSee [the *other* one](/robots.txt).\n"
    files = {
        "2021-01-01.md": f"{HEAD}\n{old}\n{COLLECTED}",
        "2021-02-01.md": f"{HEAD}\n{new}{added}\n{COLLECTED}",
    }
    build(tmp_path / "site", content(tmp_path, files))
    changes = article(tmp_path / "site", "2021-02-01", "changes")
    read = " ".join(words(changes, SPOKEN))

    assert read.startswith("Ask our staff Link: /sitemap.xml Link: /robots.txt, who read it. See the other ")
    assert changes.xpath("//del//text()[contains(., '/robots.txt')]")


def test_nothing_changed(tmp_path: Path) -> None:
    """Two versions with the same words are said to be the same, without marks."""
    same = f"{HEAD}\n{COLLECTED}"
    build(tmp_path / "site", content(tmp_path, {"2021-01-01.md": same, "2021-02-01.md": same}))
    changes = page(tmp_path / "site", "2021-02-01", "changes")

    assert "the same" in changes.xpath("string(//main//p[@class='notice'])")
    assert changes.xpath("//ins | //del") == []


def test_draft(tmp_path: Path) -> None:
    """A draft shows in preview only, marked as one; it is never in force, announced or compared with."""
    files = published(DAYS[0], DAYS[2]) | {"2021-02-01.md": f"{DRAFT}\n{VERSIONS[DAYS[1]]}"}
    source = content(tmp_path, files)
    preview, production = tmp_path / "preview", tmp_path / "production"
    build(preview, source, "pelicanconf.py", SITE_DATE="2021-02-15")
    build(production, source, SITE_DATE="2021-02-15")
    draft, notice = page(preview, "2021-02-01"), "//main//*[@class='notice']"
    facts = [json.loads((site / "form.json").read_text("utf-8")) for site in (preview, production)]

    assert draft.xpath("string(//h1)").startswith("Draft: ")
    assert "draft" in draft.xpath(f"string({notice})")
    assert draft.xpath(f"string({notice}//em)") == "this"
    assert page(preview, "2021-02-01", "changes").xpath("string(//h1)").startswith("Draft: ")
    assert "2021-02-01/" in links(page(preview))
    assert announced(page(preview)) == announced(page(production)) == ["2021-03-01"]
    assert [(each["statement"], list(each["statement_sha256"])) for each in facts] == [
        ("2021-01-01", ["2021-03-01", "2021-01-01"])
    ] * 2
    assert "2021-01-01/" in links(page(preview, "2021-03-01", "changes").xpath("//main/header")[0])
    assert days_with_a_page(production) == {"2021-01-01", "2021-03-01"}
    assert [
        path for path in production.rglob("*") if path.is_file() and b"2021-02-01" in path.read_bytes()
    ] == []


def test_our_versions(tmp_path: Path, site: Path) -> None:
    """The preview shows every version of our statement, and production all but the drafts."""
    build(tmp_path, settings="pelicanconf.py")
    files = {path.stem: path.read_text("utf-8") for path in (ROOT / "content/privacy").glob("*.md")}
    drafts = {day for day, text in files.items() if "\nStatus: draft\n" in text}

    assert days_with_a_page(tmp_path) == set(files)
    assert days_with_a_page(site) == set(files) - drafts


def test_wrong_site_date(tmp_path: Path) -> None:
    """A SITE_DATE that is no date stops the build with one sentence."""
    with pytest.raises(BuildError) as failed:
        build(tmp_path / "site", SITE_DATE="tomorrow")

    assert str(failed.value) == 'SITE_DATE: "tomorrow" is no date; write it like 2027-01-31.\n'


def test_version_changes_while_a_form_is_open(tmp_path: Path, mailbox: Mailbox) -> None:
    """A form is delivered under the version it was shown with, even if another is in force by then."""
    source = shutil.copytree(ROOT / "content", tmp_path / "content")
    site = tmp_path / "site"
    build(site, source)
    first = json.loads((site / "form.json").read_text("utf-8"))["statement"]
    to_whom = json.loads((site / "form.json").read_text("utf-8"))["requests_email"]
    (source / "privacy/2999-01-01.md").write_text(f"{HEAD}\n{COLLECTED}Write to {to_whom}.\n", "utf-8")
    put_on_record(source)
    with gunicorn(site, mailbox.relay, tmp_path / "log") as backend:
        shown = backend.form()
        build(site, source, SITE_DATE="2999-01-01")
        answers = [backend.post(ENQUIRY, shown=shown), backend.enquire(message="Sent under the new one.")]

    assert [answer.status_code for answer in answers] == [303, 303]
    for received, version in zip(mailbox.received, [first, "2999-01-01"], strict=True):
        assert f"version {version}" in received.text
        assert sha256((source / f"privacy/{version}.md").read_bytes()).hexdigest() in received.text


def test_marks_without_colour(many: Path, browser: Browser) -> None:
    """In forced colours, additions and deletions still look different."""
    with website(many, NO_FORMS) as address, browser.new_context(forced_colors="active") as context:
        visit = context.new_page()
        visit.goto(f"{address}/{STATEMENT}/{DAYS[3]}/changes/")
        lines = {
            tag: visit.locator(f"article {tag}").first.evaluate(
                "element => getComputedStyle(element).textDecorationLine"
            )
            for tag in ("ins", "del")
        }

    assert lines == {"ins": "underline", "del": "line-through"}


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
def test_axe(many: Path, browser: Browser, color_scheme: Literal["light", "dark"]) -> None:
    """axe-core finds nothing on a version that is not in force, and on what changed."""
    with website(many, NO_FORMS) as address, browser.new_context(color_scheme=color_scheme) as context:
        visit, found = context.new_page(), {}
        for path in (f"{DAYS[3]}/", f"{DAYS[3]}/changes/"):
            visit.goto(f"{address}/{STATEMENT}/{path}")
            results = Axe().run(visit, options={"rules": {}})
            if results.violations_count:
                found[path] = results.generate_report()

    assert found == {}
