"""The website in a real browser: the enquiry form as a person uses it, and every page as a person sees it."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

import pytest
from axe_playwright_python.base import AXE_SCRIPT, AxeResults
from playwright.sync_api import BrowserContext, Locator, Page, Request, expect

from devtools.loopback import HOST
from form_backend.forms import FORMS
from tests.parts.browser import (
    COLOUR_RULES,
    MOST_STOPS,
    OTHER_RULES,
    SCROLLS_SIDEWAYS,
    OpenContext,
    Words,
    fill,
    reference_on,
    send,
    typed,
)
from tests.parts.forms import ENQUIRY, expired
from tests.parts.processes import free_port
from tests.parts.relays import Mailbox, Received, smtp_server
from tests.parts.stack import Serve, addresses, gunicorn, website

SENT = "/enquiry/sent/"
WRONG = {"name": "", "email": "thandeka at example.com"}
Scheme = Literal["light", "dark"]
SCHEMES: dict[int, list[Scheme]] = {360: ["light", "dark"], 1280: ["light"]}  # no width changes a colour
LEFT_BEFORE_IT_CAME = re.compile(r"/favicon\.\w+\.svg: net::ERR_ABORTED$")  # visitors are faster
TYPEFACE = re.compile(r"/theme/fonts/")
FOCUS_SHOWS = """element => {
  const style = getComputedStyle(element);
  return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0 || style.boxShadow !== "none";
}"""
PLACE = """element => {
  const { x, y, width, height } = element.getBoundingClientRect();
  return { x: x + scrollX, y: y + scrollY, width, height };
}"""
STORED = """async () => ({
  cookies: document.cookie,
  local: localStorage.length,
  session: sessionStorage.length,
  databases: (await indexedDB.databases()).length,
  caches: (await caches.keys()).length,
  workers: (await navigator.serviceWorker.getRegistrations()).length,
})"""
NOTHING_STORED = {"cookies": "", "local": 0, "session": 0, "databases": 0, "caches": 0, "workers": 0}


@pytest.fixture
def words(request: pytest.FixtureRequest) -> Words:
    """Return an enquiry of this test's own, since the same words are delivered once."""
    return ENQUIRY | {"message": f"Which pipes are older than forty years?\n\n“{request.node.name}” & more"}


@pytest.fixture(scope="module")
def failing(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of the whole site with no relay behind it."""
    log = tmp_path_factory.mktemp("failing") / "log"
    with (
        gunicorn(site, f"smtp://{HOST}:{free_port()}", log) as backend,
        website(site, backend.url) as address,
    ):
        yield address


def marketing_in(received: Received) -> str:
    """Return what staff read of the consent to marketing."""
    return str(re.findall("^ *Marketing by e-mail: (.*?)\\r?$", received.text, re.MULTILINE)[0])


@pytest.mark.parametrize("java_script_enabled", [False, True])
def test_enquiry(
    open_context: OpenContext, mailbox: Mailbox, words: Words, *, java_script_enabled: bool
) -> None:
    """A form with mistakes comes back with all its text and says what to do; corrected, it is delivered."""
    page = open_context(java_script_enabled=java_script_enabled).new_page()
    page.goto("/enquiry/")
    fill(page, words | WRONG)
    page.locator("[name=marketing]").check()
    refused = send(page)
    summary = page.locator(".error-summary")

    assert refused.status == 422
    assert page.title().startswith("Error: ")
    expect(summary).to_be_focused()
    assert summary.get_attribute("role") == "alert"
    assert typed(page) == words | WRONG
    expect(page.locator("[name=marketing]")).to_be_checked()
    assert mailbox.received == []
    for field, link in zip(WRONG, summary.get_by_role("link").all(), strict=True):
        link.click()

        expect(page.locator(f"[name={field}]")).to_be_focused()

    fill(page, words)
    send(page)
    reference = reference_on(page)
    [received] = mailbox.received

    assert reference in received.message["Subject"]
    lines = [line for text in words.values() for line in text.split("\n")]
    assert [line for line in lines if line not in received.text] == []


def test_marks_of_mistakes(open_context: OpenContext) -> None:
    """Only the wrong fields are marked, and each is described by its hint and the summary's sentence."""
    page = open_context().new_page()
    page.goto("/enquiry/")
    fill(page, ENQUIRY | WRONG)
    hinted = {name: described_by(page, name) for name in ENQUIRY}
    send(page)
    marked = [name for name in ENQUIRY if page.locator(f"[name={name}][aria-invalid=true]").count()]
    sentences = page.locator(".error-summary li").all_inner_texts()

    assert marked == list(WRONG)
    for name in ENQUIRY:
        description = described_by(page, name)

        assert hinted[name] in description
        assert [said for said in sentences if said in description] == (
            [sentences[marked.index(name)]] if name in marked else []
        )


def described_by(page: Page, name: str) -> str:
    """Return what a screen reader reads after a field's label."""
    ids = (page.locator(f"[name={name}]").get_attribute("aria-describedby") or "").split()
    return " ".join(page.locator(f"[id={element_id}]").inner_text() for element_id in ids)


@pytest.mark.promise("opt-in-marketing")
def test_marketing_box_stays_unticked(open_context: OpenContext, mailbox: Mailbox, words: Words) -> None:
    """The marketing box is unticked, stays so after a mistake, and staff read No."""
    page = open_context().new_page()
    page.goto("/enquiry/")
    box = page.locator("[name=marketing]")
    before = box.is_checked()
    fill(page, words | WRONG)
    send(page)

    assert (before, box.is_checked()) == (False, False)

    fill(page, words)
    send(page)
    [received] = mailbox.received

    assert marketing_in(received) == "No"


def test_keyboard_alone(open_context: OpenContext, mailbox: Mailbox, words: Words) -> None:
    """By keyboard alone one can skip the menu, see the focus and send, without meeting the bot trap."""
    page = open_context().new_page()
    page.goto("/enquiry/")
    page.keyboard.press("Tab")
    skip = page.locator("a.skip:focus")
    skip.wait_for()
    box = skip.bounding_box()

    assert box
    assert min(box["x"], box["y"]) >= 0

    page.keyboard.press("Enter")
    for name, text in words.items():
        tab_to(page, f"[name={name}]")
        page.keyboard.type(text)
    tab_to(page, "[name=marketing]")
    page.keyboard.press("Space")
    tab_to(page, "form button")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    reference = reference_on(page)
    [received] = mailbox.received

    assert reference in received.message["Subject"]
    assert words["sector"] in received.text
    assert marketing_in(received) == "Yes"


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until something has the focus, which has to show on the way."""
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        stop = page.locator(":focus")
        hidden = stop.get_attribute("name") == "website"

        assert stop.evaluate(FOCUS_SHOWS), stop.evaluate("element => element.outerHTML")
        assert not hidden, "the bot trap takes the focus"

        if page.locator(f"{selector}:focus").count():
            return
    pytest.fail(f"Tab does not lead to {selector}")


def test_relay_is_down(open_context: OpenContext, serve: Serve, site: Path, words: Words) -> None:
    """While the relay is down every word is kept, in a mail link too; then Send delivers once."""
    port = free_port()
    page = open_context().new_page()
    with website(site, serve(f"smtp://{HOST}:{port}").url) as address:
        page.goto(f"{address}/enquiry/")
        fill(page, words)
        page.locator("[name=marketing]").check()
        failed = send(page)
        link = page.locator("main a[href^='mailto:'][href*='body=']").get_attribute("href") or ""
        body = parse_qs(urlsplit(link).query)["body"][0].replace("\r\n", "\n")

        assert failed.status == 503
        assert int(failed.headers["retry-after"]) > 0
        expect(page.locator("[role=alert]")).to_be_focused()
        assert typed(page) == words
        expect(page.locator("[name=marketing]")).to_be_checked()
        assert [text for text in words.values() if text not in body] == []

        with smtp_server(port=port) as mailbox:
            send(page)
            [received] = mailbox.received

            assert reference_on(page) in received.message["Subject"]


def test_back_and_send_again(open_context: OpenContext, mailbox: Mailbox, words: Words) -> None:
    """Back and Send delivers nothing more and shows the same thanks; a changed word is a new enquiry."""
    page = open_context().new_page()
    page.goto("/enquiry/")
    fill(page, words)
    send(page)
    first = reference_on(page)
    page.go_back()

    assert typed(page) == words

    send(page)

    assert reference_on(page) == first
    assert len(mailbox.received) == 1

    page.go_back()
    fill(page, {"message": words["message"] + "!"})
    send(page)
    second = reference_on(page)

    assert second != first
    assert len(mailbox.received) == 2
    assert second in mailbox.received[1].message["Subject"]


def foreign(_: Path) -> str:
    """Return what is no token of ours."""
    return "from elsewhere"


@pytest.mark.parametrize("token", [expired, foreign])
def test_expired_or_foreign_token(
    open_context: OpenContext, mailbox: Mailbox, site: Path, words: Words, token: Callable[[Path], str]
) -> None:
    """A token that is too old or not ours loses no text, and Send works."""
    page = open_context().new_page()
    page.goto("/enquiry/")
    fill(page, words)
    page.locator("[name=token]").evaluate("(field, value) => { field.value = value; }", token(site))
    refused = send(page)

    assert refused.status == 422
    assert typed(page) == words
    assert mailbox.received == []

    send(page)

    assert reference_on(page)
    assert len(mailbox.received) == 1


def visited(site: Path) -> list[str]:
    """Return the pages that are there without having sent something first."""
    return sorted(address for address in addresses(site) if not address.endswith("/sent/"))


def complaints_in(context: BrowserContext) -> list[str]:
    """Return the list to which the browser adds whatever it complains of."""
    complaints: list[str] = []

    def failed(request: Request) -> None:
        said = f"{request.url}: {request.failure}"
        if not LEFT_BEFORE_IT_CAME.search(said):
            complaints.append(said)

    context.on("requestfailed", failed)
    context.on("console", lambda message: complaints.append(f"{message.location}: {message.text}"))
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    return complaints


@pytest.mark.promise("no-transfer")
@pytest.mark.promise("no-third-party")
def test_a_whole_visit(open_context: OpenContext, site: Path, address: str, words: Words) -> None:
    """A visit of every page and an enquiry ask no other host, store nothing, and cause no complaint."""
    context = open_context()
    complaints = complaints_in(context)
    asked = []
    context.on("request", lambda request: asked.append(request.url))
    page = context.new_page()
    for path in visited(site):
        page.goto(path)
    page.goto("/enquiry/")
    fill(page, words)
    send(page)

    assert SENT in page.url
    assert page.evaluate(STORED) == NOTHING_STORED
    assert context.cookies() == []
    assert complaints == []
    assert {url[: len(address) + 1] for url in asked} == {f"{address}/"}


def test_every_width(open_context: OpenContext, site: Path) -> None:
    """From telephone to wide screen, in dark too, no page scrolls sideways and no browser complains."""
    context = open_context(color_scheme="dark")
    complaints = complaints_in(context)
    page = context.new_page()
    wide = []
    for path in visited(site):
        page.goto(path)
        for width in (320, 360, 768, 1280, 1920, 2560):
            page.set_viewport_size({"width": width, "height": 800})
            if page.evaluate(SCROLLS_SIDEWAYS):
                wide.append((path, width))

    assert wide == []
    assert complaints == []


def every_page(page: Page, paths: list[str]) -> Iterator[str]:
    """Bring pages before the browser; say which it is."""
    for path in paths:
        page.goto(path)
        yield path


def every_state(page: Page, site: Path, failing: str, words: Words) -> Iterator[str]:
    """Bring the forms before the browser in each state; say which it is."""
    for form in FORMS:
        page.goto(f"/{form}/")
        yield form
        page.goto(f"/{form}/")
        send(page)
        yield f"{form} in error"
    page.goto("/enquiry/")
    fill(page, words)
    send(page)
    assert SENT in page.url
    yield "thanks"
    page.goto(f"{failing}/enquiry/")
    fill(page, words)
    send(page)
    yield "enquiry not delivered"
    page.route("**/enquiry/", lambda route: route.fulfill(path=site / "enquiry/index.html"))
    page.goto("/enquiry/")
    yield "fallback of the form"


# Colours and the layout for narrow screens are the templates', not the pages'.
ONE_OF_EACH = [
    "/",
    "/products/",
    "/products/imqs-water/",
    "/about-us/",
    "/contact/",
    "/news-articles/",
    "/news-articles/reducing-municipal-water-loss/",
    "/about-us/customerprivacystatement/",
    "/404.html",
]


def inaccessible(page: Page, states: Iterator[str], schemes: list[Scheme]) -> dict[str, str]:
    """Return what axe-core finds in states of a page, by its rules on colour in each of the schemes."""
    found = {}
    for state in states:
        page.evaluate(AXE_SCRIPT)
        results = [page.evaluate(OTHER_RULES)]
        for scheme in schemes:
            page.emulate_media(color_scheme=scheme)
            results.append(page.evaluate(COLOUR_RULES))
        reports = [AxeResults(result) for result in results]
        if any(report.violations_count for report in reports):
            found[state] = "".join(report.generate_report() for report in reports)
    return found


@pytest.mark.parametrize("width", SCHEMES)
def test_accessibility(open_context: OpenContext, width: int) -> None:
    """axe-core with all its rules finds nothing on a page of each kind, light or dark."""
    page = open_context(viewport={"width": width, "height": 800}, reduced_motion="reduce").new_page()

    assert inaccessible(page, every_page(page, ONE_OF_EACH), SCHEMES[width]) == {}


@pytest.mark.parametrize("width", SCHEMES)
def test_accessibility_of_forms(
    open_context: OpenContext, site: Path, failing: str, words: Words, width: int
) -> None:
    """axe-core with all its rules finds nothing in any state of the forms."""
    page = open_context(viewport={"width": width, "height": 800}, reduced_motion="reduce").new_page()

    assert inaccessible(page, every_state(page, site, failing, words), SCHEMES[width]) == {}


def test_accessibility_of_content(open_context: OpenContext, site: Path) -> None:
    """axe-core's rules on content find nothing on any other page."""
    page = open_context().new_page()
    others = [path for path in visited(site) if path not in ONE_OF_EACH]
    found = {}
    for path in every_page(page, others):
        page.evaluate(AXE_SCRIPT)
        result = AxeResults(page.evaluate(OTHER_RULES))
        if result.violations_count:
            found[path] = result.generate_report()

    assert found == {}


def test_forms_on_the_narrowest_telephone(
    open_context: OpenContext, site: Path, failing: str, words: Words
) -> None:
    """On the narrowest telephone no state of the forms scrolls sideways."""
    page = open_context(viewport={"width": 320, "height": 640}).new_page()
    states = every_state(page, site, failing, words)
    wide = [state for state in states if page.evaluate(SCROLLS_SIDEWAYS)]

    assert wide == []


@pytest.mark.parametrize(
    ("path", "item"),
    [
        ("/", ".products-list li"),
        ("/", ".articles li"),
        ("/products/", ".products-list li"),
        ("/news-articles/", ".articles li"),
    ],
)
def test_cards(open_context: OpenContext, path: str, item: str) -> None:
    """A product or article in a list opens wherever its card is clicked."""
    page = open_context().new_page()
    page.goto(path)
    card = page.locator(item).last
    link = card.get_by_role("link").get_attribute("href")
    with page.expect_navigation():
        card.click(position={"x": 5, "y": 5})

    assert urlsplit(page.url).path == link


def looks(page: Page) -> dict[str, Any]:
    """Return what pages have in common: the frame, but for the current page's mark, and its place."""
    header, main, footer = (page.locator(part) for part in ("body > header", "body > main", "body > footer"))
    return {
        "header": header.evaluate("element => element.outerHTML").replace(' aria-current="page"', ""),
        "footer": footer.evaluate("element => element.outerHTML"),
        "stylesheet": page.locator("style").evaluate("element => element.textContent"),
        "header's place": place(header),
        "main's place": place(main) | {"height": None},
        "heading's place": place(page.locator("h1"))["x"],
        "footer's place": place(footer) | {"y": None},
    }


def place(locator: Locator) -> dict[str, Any]:
    """Return where something is on the page, however far it is scrolled, and how large."""
    found = locator.evaluate(PLACE)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("width", [360, 1280])
def test_form_pages_look_like_static_pages(
    open_context: OpenContext, failing: str, words: Words, width: int
) -> None:
    """The form backend's pages have the header, footer, style and layout of static pages."""
    page = open_context(viewport={"width": width, "height": 800}).new_page()
    page.route(TYPEFACE, lambda route: route.abort())  # a page shows it only if it comes in time
    page.goto("/contact/")
    static = looks(page)
    page.goto("/enquiry/")
    shown = looks(page)
    send(page)
    refused = looks(page)
    fill(page, words)
    send(page)
    thanked = looks(page)
    page.goto(f"{failing}/enquiry/")
    fill(page, words)
    send(page)

    assert [shown, refused, thanked, looks(page)] == [static] * 4


def test_form_backend_is_stopped(open_context: OpenContext, site: Path) -> None:
    """With the form backend stopped, its page is whole, has status 503 and names another way to write."""
    page = open_context().new_page()
    page.route(TYPEFACE, lambda route: route.abort())  # a page shows it only if it comes in time
    page.goto("/enquiry/")
    frame = looks(page)
    with website(site, f"http://{HOST}:{free_port()}") as address:
        answer = page.goto(f"{address}/enquiry/")
        another = page.request.get(f"{address}/contact/")

        assert answer
        assert (answer.status, another.status) == (503, 200)
        assert looks(page) == frame
        expect(page.locator("form")).to_have_count(0)
        expect(page.locator("main .message")).to_be_visible()
        expect(page.locator("main .message a[href^='mailto:']")).to_be_visible()


def test_form_backend_stops_while_typing(
    open_context: OpenContext, site: Path, serve: Serve, mailbox: Mailbox, words: Words
) -> None:
    """When the form backend stops while someone types, Back brings the typed words back."""
    backend = serve(mailbox.relay)
    with website(site, backend.url) as address:
        page = open_context().new_page()
        page.goto(f"{address}/enquiry/")
        fill(page, words)
        backend.process.terminate()
        backend.process.wait()
        answer = send(page)
        page.go_back()

        assert answer.status == 503
        assert typed(page) == words
