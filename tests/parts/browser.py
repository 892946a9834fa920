"""The website in a real browser: its pages, and the enquiry form as a person uses it."""

from collections.abc import Callable

from playwright.sync_api import BrowserContext, Page, Response

from tests.parts.forms import ENQUIRY, REFERENCE

OpenContext = Callable[..., BrowserContext]
Words = dict[str, str]
# Every rule of axe-core, those included that it leaves out unless asked: on colour, and all others.
COLOUR_RULES, OTHER_RULES = (
    f"""() => axe.run({{
  resultTypes: ["violations"],
  runOnly: axe.getRules().filter(({{ tags }}) => {which}).map(({{ ruleId }}) => ruleId),
}})"""
    for which in ("tags.includes('cat.color')", "!tags.includes('cat.color')")
)
MOST_STOPS = 60  # more presses of Tab than any page needs
FIRST_FLIGHT = 14_600  # bytes: ten segments, the first that a connection sends
# Notes in window.shifts what moves.
SHIFTS = """
window.shifts = [];
new PerformanceObserver(list => list.getEntries().forEach(({ value, sources }) =>
  window.shifts.push(`${value}: ${sources.map(({ node }) => node?.outerHTML?.slice(0, 60))}`)
)).observe({ type: "layout-shift", buffered: true });
"""
SLOW = {"offline": False, "latency": 150, "downloadThroughput": 100_000, "uploadThroughput": 100_000}
SCROLLS_SIDEWAYS = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


def slow_down(page: Page) -> None:
    """Have a page load over a slow line, with an empty cache."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    session.send("Network.emulateNetworkConditions", SLOW)


def fill(page: Page, words: Words) -> None:
    """Type into the form's fields."""
    for name, text in words.items():
        field = page.locator(f"[name={name}]")
        field.select_option(text) if name == "sector" else field.fill(text)


def typed(page: Page) -> Words:
    """Return what the form's fields hold."""
    return {name: page.locator(f"[name={name}]").input_value() for name in ENQUIRY}


def send(page: Page) -> Response:
    """Press the form's button and return the page that comes."""
    with page.expect_navigation() as navigation:
        page.locator("form button[type=submit]").click()
    return navigation.value


def reference_on(page: Page) -> str:
    """Return the reference that a thank-you page shows."""
    assert "/enquiry/sent/" in page.url
    found = REFERENCE.search(page.locator("main").inner_text())
    assert found, "the page shows no reference"
    return found[0]
