"""The page on what keeps each promise, the statement, the guide and the one register behind them."""

from pathlib import Path

import lxml.html
import pytest

from tests.parts.processes import ROOT
from tests.parts.promises import Promise, register

STATEMENT = "/about-us/customerprivacystatement/"
PAGE = "/what-we-promise/"
LINKED_FROM = [STATEMENT, "/how-this-website-works/", "/"]


def tree(site: Path, address: str) -> lxml.html.HtmlElement:
    """Return a page of the site, parsed."""
    return lxml.html.parse(site / address.strip("/") / "index.html").getroot()


@pytest.mark.parametrize(("name", "promise"), register().items(), ids=list(register()))
def test_promise(site: Path, name: str, promise: Promise) -> None:
    """The page gives a promise, who keeps it and how, and leads to its sentence, which leads back."""
    row = tree(site, PAGE).get_element_by_id(name)
    sentence = tree(site, STATEMENT).get_element_by_id(f"promise-{name}")
    words = " ".join(row.text_content().split())

    assert row.xpath("string(.//h3)") == promise.promise
    assert promise.how in words
    assert row.xpath(".//strong[contains(@class, 'keeper')]/@class") == [f"keeper {promise.kept_by}"]
    assert row.xpath(".//a/@href") == [f"{STATEMENT}#promise-{name}"]
    assert sentence.xpath(".//a[@class='kept']/@href") == [f"{PAGE}#{name}"]


@pytest.mark.parametrize("address", LINKED_FROM)
def test_page_is_linked(site: Path, address: str) -> None:
    """The statement, the page on how the website works, and the footer lead to the page."""
    assert PAGE in tree(site, address).xpath("//a/@href")


def test_guide_has_the_register() -> None:
    """docs/promises.md holds the register's rows, in its order."""
    rows = [f"| {name} | {promise.kept_by} | {promise.how} |" for name, promise in register().items()]
    table = (ROOT / "docs/promises.md").read_text("utf-8").partition("|---|---|---|\n")[2]

    assert table.splitlines() == rows
