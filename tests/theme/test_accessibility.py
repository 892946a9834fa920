"""The website for everybody: what axe-core in tests/theme/test_browser.py cannot tell."""

from collections.abc import Callable
from operator import itemgetter
from typing import Any, Literal

import pytest
from axe_playwright_python.base import AXE_SCRIPT, AxeResults
from playwright.sync_api import BrowserContext, Page, ViewportSize, expect

from form_backend.forms import FORMS
from tests.parts.browser import COLOUR_RULES, MOST_STOPS, SCROLLS_SIDEWAYS, send

OpenContext = Callable[..., BrowserContext]

TELEPHONE: ViewportSize = {"width": 360, "height": 740}
TABLET: ViewportSize = {"width": 768, "height": 1024}
DESKTOP: ViewportSize = {"width": 1280, "height": 800}
ZOOMED: ViewportSize = {"width": 320, "height": 256}  # a window of 1280 by 1024 at 400 %
ONE_OF_EACH_KIND = [
    *("/", "/products/", "/products/imqs-water/", "/news-articles/", "/news-articles/maintenance-strategy/"),
    *("/contact/", "/your-information/", "/about-us/customerprivacystatement/", "/no-such-page/"),
]
LANDMARKS = """
- link "Skip to the content"
- banner:
  - link /home page$/
  - navigation "Main":
    - list
  - link "Enquire"
- main:
  - heading [level=1]
- contentinfo:
  - navigation "About this website":
    - list
"""
FORM_IN_ERROR = """
- heading [level=1]
- alert:
  - heading [level=2]
  - list:
    - listitem:
      - link
- textbox "Name and surname" [invalid]
- textbox "E-mail address" [invalid]
- complementary "Your privacy":
  - list
- button /^Send/
"""
# WCAG 2.2, success criterion 1.4.12.
SPACED = """* { line-height: 1.5 !important; letter-spacing: .12em !important; }
* { word-spacing: .16em !important; }
p { margin-block-end: 2em !important; }"""
TEXT = "body *:not(svg *, .visually-hidden, option)"
CUT_OFF = """elements => elements.filter(element => {
  const style = getComputedStyle(element);
  const cut = (overflow, more) => ["hidden", "clip"].includes(overflow) && more > 1;
  return cut(style.overflowX, element.scrollWidth - element.clientWidth)
    || cut(style.overflowY, element.scrollHeight - element.clientHeight);
}).map(element => element.outerHTML.slice(0, 80))"""
# What has the focus, or the label that shows in its stead: its edges, and whether some of it is not covered.
STOP = """() => {
  let element = document.activeElement;
  if (element === document.body) return null;
  if (getComputedStyle(element).opacity === "0") element = element.labels[0];
  const box = element.getClientRects()[0];
  const lines = [box.top + 3, box.top + box.height / 2, box.bottom - 3];
  const seen = lines.some(y => element.contains(document.elementFromPoint(box.x + box.width / 2, y)));
  return { top: box.top + scrollY, bottom: box.bottom + scrollY, left: box.left, right: box.right, seen,
           html: element.outerHTML.slice(0, 120) };
}"""
MOTIONS: list[Literal["reduce", "no-preference"]] = ["reduce", "no-preference"]
MOVING = "document.getAnimations().length > 0"
FULL = {"light": "rgb(0, 0, 0)", "dark": "rgb(255, 255, 255)"}
COLOURS = "elements => elements.map(element => getComputedStyle(element).color)"
BORDERS = "elements => elements.map(element => getComputedStyle(element).borderBlockEndColor)"
OUTLINES = "elements => elements.map(element => getComputedStyle(element).outlineStyle)"
WITHOUT_A_BORDER = """elements => elements.filter(element => {
  const { borderTopStyle, borderTopWidth } = getComputedStyle(element);
  return borderTopStyle === "none" || parseFloat(borderTopWidth) === 0;
}).map(element => element.outerHTML.slice(0, 80))"""


@pytest.mark.parametrize("path", ["/", "/news-articles/", "/your-information/", "/no-such-page/"])
def test_landmarks(open_context: OpenContext, path: str) -> None:
    """Static pages, forms and error pages have the same landmarks in the same order."""
    page = open_context().new_page()
    page.goto(path)

    expect(page.locator("body")).to_match_aria_snapshot(LANDMARKS)


@pytest.mark.parametrize("form", FORMS)
def test_form_in_error(open_context: OpenContext, form: str) -> None:
    """Screen readers get the summary of a form in error first, and each field's name and state."""
    page = open_context().new_page()
    page.goto(f"/{form}/")
    send(page)

    expect(page.locator("main")).to_match_aria_snapshot(FORM_IN_ERROR)


def test_text_spacing(open_context: OpenContext) -> None:
    """With wider text spacing at 400 % zoom, no page scrolls sideways or cuts text off."""
    page = open_context(viewport=ZOOMED, bypass_csp=True).new_page()
    wrong = {}
    for path in ONE_OF_EACH_KIND:
        page.goto(path)
        page.add_style_tag(content=SPACED)
        found = page.locator(TEXT).evaluate_all(CUT_OFF)
        if page.evaluate(SCROLLS_SIDEWAYS):
            found.append("scrolls sideways")
        if found:
            wrong[path] = found

    assert wrong == {}


def stops(page: Page) -> list[dict[str, Any]]:
    """Return what Tab leads to, all through a page, but for the link that skips the menu."""
    found = []
    page.keyboard.press("Tab")
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        if not (stop := page.evaluate(STOP)):
            break
        found.append(stop)
    return found


def is_read_after(stop: dict[str, Any], earlier: dict[str, Any]) -> bool:
    """Tell whether one stop is below another, or in the same row or a later column."""
    return bool(stop["top"] > earlier["bottom"] - 1 or stop["left"] > earlier["right"] - 1)


@pytest.mark.parametrize("viewport", [ZOOMED, TELEPHONE, TABLET, DESKTOP], ids=itemgetter("width"))
def test_focus(open_context: OpenContext, viewport: ViewportSize) -> None:
    """Tab follows the reading order, and nothing covers the element that has the focus."""
    page = open_context(viewport=viewport, reduced_motion="reduce").new_page()
    for path in ("/", "/products/imqs-water/", "/enquiry/", "/about-us/customerprivacystatement/"):
        page.goto(path)
        found = stops(page)
        back = [
            stop["html"]
            for place, stop in enumerate(found)
            if not all(is_read_after(stop, earlier) for earlier in found[:place])
        ]

        assert len(found) > 10
        assert [stop["html"] for stop in found if not stop["seen"]] == []
        assert back == [], path


def test_forced_colours(open_context: OpenContext) -> None:
    """In forced colours, buttons and fields keep their borders, and the current or chosen item stands out."""
    page = open_context(forced_colors="active").new_page()
    page.goto("/enquiry/")
    send(page)

    bare = page.locator(".button, input[type=text], select, textarea").evaluate_all(WITHOUT_A_BORDER)

    assert bare == []

    page.goto("/products/")
    colours = page.locator(".menu a").evaluate_all(BORDERS)

    assert len(set(colours)) == 2

    page.goto("/")
    outlines = page.locator("fieldset label").evaluate_all(OUTLINES)

    assert [style != "none" for style in outlines] == [True, False, False]


def test_movement(open_context: OpenContext) -> None:
    """Nothing moves for those who prefer reduced motion; for others, only what they have just changed."""
    page = open_context().new_page()
    moving = {}
    for motion in MOTIONS:
        page.emulate_media(reduced_motion=motion)
        page.goto("/")
        before = page.evaluate(MOVING)
        page.get_by_text("Material", exact=True).click()
        moving[motion] = before, page.evaluate(MOVING)

    assert moving == {"reduce": (False, False), "no-preference": (False, True)}


def test_print(open_context: OpenContext) -> None:
    """In print, from a dark screen too, text is dark enough and screen-only parts are left out."""
    page = open_context(color_scheme="dark").new_page()
    page.emulate_media(media="print")
    found = {}
    for path in ONE_OF_EACH_KIND:
        page.goto(path)
        page.evaluate(AXE_SCRIPT)
        results = AxeResults(page.evaluate(COLOUR_RULES))
        if results.violations_count:
            found[path] = results.generate_report()

        expect(page.locator("nav:visible, .button:visible, .skip:visible")).to_have_count(0)

    assert found == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_more_contrast(open_context: OpenContext, scheme: Literal["light", "dark"]) -> None:
    """With more contrast preferred, text has the full colour, and contrast reaches level AAA."""
    page = open_context(contrast="more", color_scheme=scheme).new_page()
    page.goto("/enquiry/")
    send(page)
    colours = page.locator("main p:not([role=alert] *, .error), main h1").evaluate_all(COLOURS)
    page.evaluate(AXE_SCRIPT)
    found = AxeResults(page.evaluate(COLOUR_RULES))

    assert set(colours) == {FULL[scheme]}
    assert found.violations_count == 0, found.generate_report()
