"""The links from the summary of mistakes into the form."""

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, ViewportSize

from form_backend.forms import FORMS
from tests.parts.browser import send

OpenContext = Callable[..., BrowserContext]

TELEPHONE: ViewportSize = {"width": 360, "height": 640}
DESKTOP: ViewportSize = {"width": 1280, "height": 800}
# Whether the label of the field that has the focus, what is wrong with it, and the field are in sight.
IN_SIGHT = """() => {
  const focused = document.activeElement;
  const field = focused.closest(".field");
  const parts = [field.querySelector("label, legend"), field.querySelector(".error"), focused];
  return parts.map(part => {
    const box = part.getBoundingClientRect();
    const fits = box.bottom <= innerHeight || box.height > innerHeight / 2;
    return box.top >= 0 && box.top < innerHeight && fits;
  });
}"""


@pytest.mark.parametrize("viewport", [TELEPHONE, DESKTOP], ids=["telephone", "desktop"])
@pytest.mark.parametrize("form", FORMS)
def test_label_and_error_are_in_sight(open_context: OpenContext, form: str, viewport: ViewportSize) -> None:
    """A link of the summary leads to the field, with its label and what is wrong above it on the screen."""
    page = open_context(viewport=viewport).new_page()
    page.goto(f"/{form}/")
    send(page)
    links = page.locator(".error-summary a")

    assert links.count() > 2
    for number in range(links.count()):
        links.nth(number).click()
        assert page.evaluate(IN_SIGHT) == [True, True, True], links.nth(number).inner_text()
        page.go_back()
