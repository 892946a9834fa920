"""Type: no word breaks that has room, in any font, and the typeface is ours."""

from collections.abc import Callable
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont
from playwright.sync_api import BrowserContext

from tests.parts.processes import ROOT
from tests.parts.stack import addresses

OpenContext = Callable[..., BrowserContext]

FONTS = ROOT / "theme/static/fonts"
MOST_FOR_FONTS = 45_000
# Letters with marks in South Africa's languages: Afrikaans, Sepedi, Setswana and Tshivenda have them.
LETTERS = "áäéèêëíîïóôöúûüýÁÄÉÈÊËÍÎÏÓÔÖÚÛÜÝŉšŠḓḽṅṋṱḒḼṄṊṰ"
WIDTHS = [320, 390, 640, 768, 1000, 1280, 1600, 1920, 2560]
FAMILIES = ["Overpass", "DejaVu Sans", "Liberation Serif", "Liberation Mono"]
ONE_OF_EACH_KIND = [
    *("/", "/products/", "/products/project-control-system/", "/news-articles/", "/about-us/", "/contact/"),
    *("/news-articles/reducing-municipal-water-loss/", "/news-articles/cutting-operating-cost/"),
    *("/about-us/customerprivacystatement/", "/enquiry/", "/your-information/", "/404.html"),
]
# Words on more than one line that would have fitted on one. A hyphen or a slash may end a line.
BROKEN_WORDS = """() => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  const broken = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const holder = node.parentElement;
    if (holder.closest("svg, style, script, option, .visually-hidden")) continue;
    if (!holder.getClientRects().length) continue;
    let block = holder;
    while (getComputedStyle(block).display === "inline") block = block.parentElement;
    const style = getComputedStyle(block);
    const room = block.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    for (const word of node.data.matchAll(/[^\\s\\u200b\\/-]+[\\/-]?/g)) {
      range.setStart(node, word.index);
      range.setEnd(node, word.index + word[0].length);
      const pieces = [...range.getClientRects()].filter(piece => piece.width > 0.5);
      const lines = new Set(pieces.map(piece => Math.round(piece.top)));
      const width = pieces.reduce((sum, piece) => sum + piece.width, 0);
      if (lines.size > 1 && width < room) broken.push(`${word[0]} in ${block.tagName}`);
    }
  }
  return broken;
}"""
# What is wider than its box, or reaches beyond the window.
CUT = """() => [...document.querySelectorAll("h1, h2, .button, .menu a, .lead, label")].filter(element => {
  const wider = element.clientWidth > 0 && element.scrollWidth > element.clientWidth + 1;
  return element.getClientRects().length && (wider || element.getBoundingClientRect().right > innerWidth + 1);
}).map(element => element.outerHTML.slice(0, 80))"""


@pytest.mark.parametrize("family", FAMILIES)
def test_no_word_breaks(open_context: OpenContext, family: str) -> None:
    """Whatever the font and the width, a word that fits on a line stays whole, and no heading is cut off."""
    page = open_context(bypass_csp=True).new_page()
    wrong = {}
    for path in ONE_OF_EACH_KIND:
        page.goto(path)
        page.add_style_tag(content=f"* {{ font-family: '{family}' !important; }}")
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            if found := [*page.evaluate(BROKEN_WORDS), *page.evaluate(CUT)]:
                wrong[path, width] = found

    assert wrong == {}


def test_a_broken_word_is_noticed(open_context: OpenContext) -> None:
    """The look for broken words finds one."""
    page = open_context(bypass_csp=True, viewport={"width": 1280, "height": 800}).new_page()
    page.goto("/about-us/")
    page.add_style_tag(content=".prose p { word-break: break-all; }")

    assert page.evaluate(BROKEN_WORDS)


def test_files() -> None:
    """The typeface has the letters of South Africa's languages, at most 45 KB, and a licence beside it."""
    files = [*FONTS.glob("*.woff2")]
    letters = {chr(code) for file in files for code in TTFont(file).getBestCmap()}

    assert sum(file.stat().st_size for file in files) <= MOST_FOR_FONTS
    assert set(LETTERS) - letters == set()
    assert "SIL OPEN FONT LICENSE Version 1.1" in (FONTS / "OFL.txt").read_text("utf-8")


def test_font_is_used(open_context: OpenContext, site: Path) -> None:
    """Each page preloads the typeface under a hashed name, once, and shows it; text never waits for it."""
    page = open_context().new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for path in addresses(site):
        asked.clear()
        page.goto(path)
        page.evaluate("document.fonts.ready")

        assert [url for url in asked if "overpass-extended" in url] == []
        assert page.evaluate("document.fonts.check('16px Overpass')"), path
        preloaded = page.locator("link[rel=preload]").get_attribute("href") or ""
        assert (site / preloaded.lstrip("/")).read_bytes() == (FONTS / "overpass.woff2").read_bytes()
    page.goto("/")
    displays = page.evaluate("[...document.fonts].map(font => font.display)")

    assert set(displays[:2]) == {"optional"}
