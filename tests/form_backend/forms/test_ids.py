"""Ids of the form and ids of the page around it: they cannot meet."""

import shutil
from pathlib import Path

import lxml.html
import pytest

from form_backend.forms import FORMS
from tests.parts.processes import ROOT
from tests.parts.relays import Mailbox
from tests.parts.stack import build, gunicorn, once


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a site whose form pages have a heading named like each field, and like the form."""

    def make(folder: Path) -> None:
        content = shutil.copytree(ROOT / "content", folder / "content")
        for name, form in FORMS.items():
            fields = [field for field in vars(form) if not field.startswith("_")]
            names = sorted(
                {*fields, "email", "website", "token", "name-hint", "email-error", "request-0", "form"}
            )
            headings = "".join(f"## {heading}\n\nText.\n\n" for heading in names)
            page = content / "pages" / name / "index.md"
            page.write_text(page.read_text("utf-8").replace("[form]", f"{headings}[form]"), "utf-8")
        build(folder / "site", content)

    return once(tmp_path_factory, "crowded", make) / "site"


@pytest.mark.parametrize("name", FORMS)
def test_headings_named_like_fields(crowded: Path, mailbox: Mailbox, tmp_path: Path, name: str) -> None:
    """Labels, hints and errors belong to their fields, whatever the editor calls the page's headings."""
    with gunicorn(crowded, mailbox.relay, tmp_path / "log") as backend:
        answers = [backend.form(f"/{name}/"), backend.post({"email": "wrong"}, f"/{name}/")]

    for answer in answers:
        page = lxml.html.fromstring(answer.text)
        ids = [str(name) for name in page.xpath("//@id")]
        assert "name" in ids  # a heading has it
        assert len(ids) == len(set(ids))
        for label in page.xpath("//form//label[@for]"):
            assert page.get_element_by_id(label.get("for")).tag in ("input", "select", "textarea")
        for link in page.xpath("//*[@role='alert']//a/@href"):
            assert page.get_element_by_id(link.removeprefix("#")).tag in ("input", "select", "textarea")
        described = " ".join(page.xpath("//form//@aria-describedby")).split()
        assert {page.get_element_by_id(name).tag for name in described} == {"p"}
        assert page.xpath("//form/@id") == ["Form"]
    assert [answer.status_code for answer in answers] == [200, 422]
