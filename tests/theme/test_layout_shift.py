"""Nothing moves while a page loads, over a slow line either."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext

from tests.parts.browser import SHIFTS, slow_down
from tests.parts.stack import addresses

OpenContext = Callable[..., BrowserContext]

MOVED = "document.body.insertAdjacentHTML('afterbegin', '<div style=height:90px></div>')"


@pytest.mark.parametrize(("width", "slow"), [(360, True), (768, False), (1280, True), (1920, False)], ids=str)
def test_nothing_moves(open_context: OpenContext, site: Path, width: int, *, slow: bool) -> None:
    """Nothing moves on any page, over a slow line with an empty cache or over a fast one with a full one."""
    context = open_context(viewport={"width": width, "height": 800})
    context.add_init_script(SHIFTS)
    moved = {}
    for path in addresses(site):
        page = context.new_page()
        if slow:
            slow_down(page)
        page.goto(path)
        page.evaluate("document.fonts.ready")
        page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        if shifts := page.evaluate("window.shifts"):
            moved[path] = shifts
        page.close()

    assert moved == {}


def test_a_shift_is_noticed(open_context: OpenContext) -> None:
    """The observer sees what moves."""
    context = open_context(bypass_csp=True)
    context.add_init_script(SHIFTS)
    page = context.new_page()
    page.goto("/about-us/")
    page.evaluate(MOVED)
    page.wait_for_function("window.shifts.length > 0")
