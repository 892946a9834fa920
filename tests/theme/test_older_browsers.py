"""Browsers that do not know newer CSS, or no CSS at all: forms and links stay usable and legible."""

import re
import subprocess
from collections.abc import Callable, Iterator
from typing import Any, Literal

import pytest
from playwright.sync_api import BrowserContext, Page, Route

from tests.parts.browser import fill, reference_on, send, typed
from tests.parts.forms import ENQUIRY
from tests.parts.processes import needs_debian_package
from tests.parts.relays import Mailbox
from tests.parts.stack import Backend

OpenContext = Callable[..., BrowserContext]

THEME = re.compile(r"/theme/")  # files beside the pages
STYLE = re.compile(r"(?<=<style>).*?(?=</style>)", re.DOTALL)
NESTING = "nesting"
# What a browser does not know, as it stands in a declaration, a selector or an at-rule.
FEATURES = {
    "light-dark()": r"light-dark\(",
    "color-mix()": r"color-mix\(",
    ":has()": r":has\(",
    "layers": r"^@layer",
    "logical properties": r"^(?:[a-z-]+-)?(?:block|inline)(?:-[a-z]+)*:|^inset\b",
    "ranges in media queries": r"^@media.*[<>]",
    "newer units": r"\d(?:vi|vb|[dsl]v[hw]|cq[wibh])\b",
    "newer colours": r"\b(?:oklch|oklab|lab|lch|color)\(",
    "parts of details": r"::details-content",
    NESTING: r"(?!)",
}
LOOKS = """elements => elements.map(element => {
  const style = getComputedStyle(element);
  const { color, backgroundColor, borderTopColor, borderTopStyle, borderTopWidth } = style;
  const { width, height } = element.getBoundingClientRect();
  const html = element.outerHTML.slice(0, 60);
  return { html, color, backgroundColor, borderTopColor, borderTopStyle, borderTopWidth, width, height };
})"""
PARTS = (
    "form input:not(.trap *), form select, form textarea, form label, form legend, .button, main a, "
    ".menu a, .error, .hint, .error-summary, .note, .page-head, .site-head, .site-foot, body, html"
)
FILLS = "paths => paths.map(path => getComputedStyle(path).fill)"
MOST_OF_A_PAGE = 30  # what is looked at, at least


def blocks(css: str) -> Iterator[tuple[str, str | None]]:
    """Go through rules and their bodies, and through statements and declarations, which have none."""
    start = depth = opened = 0
    for found in re.finditer(r"[{};]", css):
        place, sign = found.start(), found[0]
        if sign == "{":
            depth += 1
            if depth == 1:
                opened = place
        elif sign == "}":
            depth -= 1
            if depth == 0:
                yield css[start:opened].strip(), css[opened + 1 : place]
                start = place + 1
        elif depth == 0:
            yield css[start:place].strip(), None
            start = place + 1
    if rest := css[start:].strip():
        yield rest, None


def without(css: str, *features: str) -> str:
    """Return what a browser makes of a stylesheet that does not know some features: it passes over them."""
    unknown = re.compile("|".join(FEATURES[feature] for feature in features))
    kept = []
    for prelude, body in blocks(css):
        if unknown.search(prelude):
            continue
        if body is None:
            kept.append(f"{prelude};")
        elif prelude.startswith(("@media", "@supports", "@layer")):
            kept.append(f"{prelude}{{{without(body, *features)}}}")
        else:
            inner = [
                f"{declaration};" if nested is None else f"{declaration}{{{nested}}}"
                for declaration, nested in blocks(body)
                if not unknown.search(declaration) and (nested is None or NESTING not in features)
            ]
            kept.append(f"{prelude}{{{''.join(inner)}}}")
    return "".join(kept)


@pytest.mark.parametrize(
    ("feature", "css"),
    [
        ("light-dark()", "a{color:light-dark(#000,#fff)}"),
        ("color-mix()", "a{color:color-mix(in srgb,red,blue)}"),
        (":has()", "a:has(b){color:red}@supports selector(:has(*)){a{color:red}}"),
        ("layers", "@layer one,two;@layer one{a{color:red}}"),
        (
            "logical properties",
            "a{inline-size:1px;margin-block:0;border-block-end:0;inset:0;padding-inline-start:0}",
        ),
        ("ranges in media queries", "@media (width>=48rem){a{color:red}}"),
        (NESTING, "a{& b{color:red}}"),
    ],
)
def test_what_a_browser_does_not_know(feature: str, css: str) -> None:
    """What stands for an older browser takes out what it has to, and leaves the rest."""
    plain = "b{display:inline-block;color:#000;}@media print{b{color:red;}}"

    assert re.sub(r"[\w@() .:*]+\{\}", "", without(css + plain, feature)) == plain


def show_older(context: BrowserContext, *features: str) -> None:
    """Have every page come with the stylesheet of a browser that does not know these features."""
    replace_style(context, lambda css: without(css, *features) if features else css)


def replace_style(context: BrowserContext, replace: Callable[[str], str]) -> None:
    """Have every page come with another stylesheet, and without the typeface, which may come too late."""

    def answer(route: Route) -> None:
        response = route.fetch(max_redirects=0)
        route.fulfill(response=response, body=STYLE.sub(lambda style: replace(style[0]), response.text()))

    context.route("**/*", answer)
    context.route(THEME, lambda route: route.abort())


def looks(page: Page) -> dict[str, list[dict[str, Any]]]:
    """Return how the form looks, as it is first shown and with mistakes."""
    found = {}
    for form in ("enquiry", "your-information"):
        page.goto(f"/{form}/")
        found[form] = page.locator(PARTS).evaluate_all(LOOKS)
        send(page)
        found[f"{form} in error"] = page.locator(PARTS).evaluate_all(LOOKS)
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_forms_look_the_same(open_context: OpenContext, width: int, scheme: Literal["light", "dark"]) -> None:
    """Without newer features, one by one and all at once, forms keep their colours, borders and sizes."""
    options: dict[str, Any] = {
        "viewport": {"width": width, "height": 800},
        "color_scheme": scheme,
        "bypass_csp": True,
        "reduced_motion": "reduce",
    }
    context = open_context(**options)
    show_older(context)
    as_meant = looks(context.new_page())

    assert min(map(len, as_meant.values())) >= MOST_OF_A_PAGE
    for features in [*((feature,) for feature in FEATURES), tuple(FEATURES)]:
        context = open_context(**options)
        show_older(context, *features)

        assert looks(context.new_page()) == as_meant, features


def test_map_in_an_older_browser(open_context: OpenContext) -> None:
    """Where the map cannot change its colours, it offers no choice, and shows the legend of what it shows."""
    context = open_context(bypass_csp=True)
    show_older(context, ":has()")
    page = context.new_page()
    page.goto("/")

    assert not page.get_by_text("Colour the pipes by").is_visible()
    assert [item.is_visible() for item in page.locator(".network .legend").all()] == [True, False, False]


def test_enquiry_without_css(open_context: OpenContext, mailbox: Mailbox) -> None:
    """With no stylesheet at all the form can be filled in and sent, and drawings are lines, not shapes."""
    context = open_context(bypass_csp=True)
    replace_style(context, lambda _css: "")
    page = context.new_page()
    page.goto("/enquiry/")
    words = ENQUIRY | {"message": "Sent from a page without a stylesheet."}
    fill(page, words)
    page.locator("[name=email]").fill("no address")
    send(page)

    assert page.get_by_label("Leave this empty").count() == 0
    assert typed(page) == words | {"email": "no address"}

    page.locator("[name=email]").fill(words["email"])
    send(page)

    assert reference_on(page) in mailbox.received[0].message["Subject"]

    page.goto("/products/")
    fills = page.locator("svg.map path:not(.job, .bar)").evaluate_all(FILLS)

    assert set(fills) == {"none"}


def test_text_browser(address: str, backend: Backend) -> None:
    """In a text browser a page says where it leads, and the form names its fields before each of them."""
    needs_debian_package("w3m", "/usr/bin/w3m")
    home = dump(f"{address}/")
    form = dump(f"{backend.url}/enquiry/")
    labels = ("Name and surname", "Contact telephone number", "E-mail address", "Sector", "Your message")
    order = [form.index(label) for label in labels]

    assert (
        home.index("Products") < home.index("Your infrastructure, on one map") < home.index("Asset Register")
    )
    assert order == sorted(order)
    assert form.index("Your message") < form.index("Send enquiry")


def dump(url: str) -> str:
    """Return a page as a text browser shows it."""
    command = ["/usr/bin/w3m", "-dump", "-cols", "80", url]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
