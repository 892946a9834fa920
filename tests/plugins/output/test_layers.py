"""Layers that keep harm out of the pages, and each holds alone: Markdown, templates, the audit."""

import shutil
from pathlib import Path

import lxml.html
import pytest

from plugins.output.audit import page
from plugins.output.audit.page import Allowed
from plugins.reading.markdown import convert, converter
from tests.parts.processes import ROOT
from tests.parts.stack import BuildError, build

ALLOWED = Allowed("https://www.imqs.co.za", "", live_reload=False)
HARM = '"><img src=x onerror=alert(1)><script>alert(1)</script>'
REFRESH = "<meta http-equiv=refresh content=0;url=https://evil.example>"
TYPED = {  # what is typed, and what the audit finds where nothing else is in its way
    f'<div title=="> {REFRESH}">hi</div>': 'the attribute "http-equiv" of <meta>',
    '<p title=\N{NO-BREAK SPACE}"x onclick=alert(1) y">x</p>': 'the attribute "onclick" of <p>',
    "<script>alert(1)</script>": "a <script> that is not structured data",
    "<svg onload=alert(1)>": 'the attribute "onload" of <svg>',
    "<img src=x onerror=alert(1)>": 'the attribute "onerror" of <img>',
    "<!-- gap -->\n\n<!-- gap -->": "the comment <!--gap-->",
    "<style>p { color: red }</style>": "a <style> that is not the site's stylesheet",
    "Text\n\n<iframe\nsrc=https://evil.example/>\n</iframe>": "the element <iframe>",
}
WITHIN_LINES = ["`x`<b\tonclick=alert(1)>", "| a |\n|---|\n| <u onclick=x> |"]
UNGUARDED = """
from publishconf import *
from plugins import checks
from plugins.reading import markdown
THEME = {theme!r}
PLUGINS = [plugin for plugin in PLUGINS if plugin is not checks]
JINJA_ENVIRONMENT = {{"autoescape": False}}
markdown.OPTIONS["html"] = True
"""


@pytest.mark.parametrize("typed", [*TYPED, *WITHIN_LINES])
def test_markdown_alone(typed: str) -> None:
    """HTML that is typed becomes text, whatever comes after the Markdown."""
    html = convert(converter(), typed).html

    assert [finding.what for finding in page.in_fragment(html, ALLOWED)] == []


def test_templates_alone(tmp_path: Path) -> None:
    """Facts with markup in them, past the schema and the audit, are text on every page."""
    settings = tmp_path / "settings.py"
    settings.write_text(
        "from publishconf import *\n"
        f"THEME = {str(ROOT / 'theme')!r}\n"
        "STOP_AT_MISTAKES = False\n"
        f"HARM = {HARM!r}\n"
        "def spoilt(facts, key=''):\n"
        "    if isinstance(facts, dict):\n"
        "        return {key: spoilt(value, key) for key, value in facts.items()}\n"
        "    if isinstance(facts, list):\n"
        "        return [spoilt(value) for value in facts]\n"
        "    return facts + HARM if isinstance(facts, str) and key != 'address' else facts\n"
        "ORGANISATION = spoilt(ORGANISATION)\n"
        "SITENAME = AUTHOR = ORGANISATION['name']\n",
        "utf-8",
    )
    build(tmp_path / "site", settings=str(settings))
    pages = [lxml.html.parse(file) for file in (tmp_path / "site").rglob("*.html")]

    assert len(pages) > 20
    for built in pages:
        assert built.xpath("//img[@onerror] | //script[not(@type)] | //*[@onerror]") == []
        assert HARM in built.xpath("string(//footer)")


def test_audit_alone(tmp_path: Path) -> None:
    """With raw HTML on, templates that do not escape and no check, the build ends and leaves nothing."""
    content = shutil.copytree(ROOT / "content", tmp_path / "content")
    for number, typed in enumerate(TYPED):
        text = f"Title: Page {number}\nDescription: Page {number}.\n\n{typed}\n"
        (content / f"pages/page-{number}.md").write_text(text, "utf-8")
    settings = tmp_path / "settings.py"
    settings.write_text(UNGUARDED.format(theme=str(ROOT / "theme")), "utf-8")

    with pytest.raises(BuildError) as ended:
        build(tmp_path / "site", content, str(settings))

    for number, found in enumerate(TYPED.values()):
        assert f"/page-{number}/index.html holds {found}." in str(ended.value)
    assert not (tmp_path / "site").exists()
