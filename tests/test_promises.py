"""The contract between the statement's words, the code and the tests: whatever changes alone is caught."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import lxml.html
import pytest

from tests.promises import register
from tests.stack import ROOT, Backend, Mailbox

SOURCES = ["content", "docs", "theme", "plugins", "form_backend", "pelicanconf.py", "publishconf.py"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a copy of what a build needs, to be spoilt."""
    for name in SOURCES:
        source = ROOT / name
        shutil.copytree(source, tmp_path / name) if source.is_dir() else shutil.copy(source, tmp_path)
    return tmp_path


def statement_in_force(root: Path, site: Path) -> Path:
    """Return the Markdown file of the statement in force."""
    version = json.loads((site / "form.json").read_text("utf-8"))["statement"]
    return root / "content" / "privacy" / f"{version}.md"


def spoil(path: Path, old: str, new: str) -> None:
    """Replace words in a file that has them."""
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def complaints_of_build(checkout: Path) -> list[str]:
    """Return what a build that must fail says, less where and in which version it says so."""
    command = [sys.executable, "-m", "pelican", "-s", "publishconf.py", "-o", str(checkout / "output")]
    command += ["--log-handler", "plain"]
    finished = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    assert finished.returncode
    return re.findall(r"^content/privacy/[\d-]+\.md:\d+: (.*)$", finished.stderr, re.MULTILINE)


@pytest.mark.promise("only-these-fields")
def test_changed_words_stop_the_build(checkout: Path, site: Path) -> None:
    """A statement that lists more or less than the form asks stops the build with file, line and cure."""
    spoil(statement_in_force(checkout, site), "- E-mail address\n", "- Shoe size\n")
    complaints = complaints_of_build(checkout)

    assert (
        'The statement says that we collect "Shoe size", but no field of the form has this label. '
        "Take the item out, or add the field to form_backend/forms.py."
    ) in complaints
    assert (
        'The enquiry form asks for "E-mail address", but the statement does not list it. '
        "List it under this heading, or take the field out of form_backend/forms.py."
    ) in complaints


@pytest.mark.promise("only-these-fields")
def test_changed_form_stops_the_build(checkout: Path) -> None:
    """A field that is asked for under another label, or anew, stops the build."""
    spoil(checkout / "form_backend" / "forms.py", '"Sector or industry",', '"Identity number",')
    complaints = "\n".join(complaints_of_build(checkout))

    assert '"Sector or industry", but no field of the form has this label' in complaints
    assert 'asks for "Identity number", but the statement does not list it' in complaints


def test_register_is_the_statement(site: Path) -> None:
    """The register lists the promises that the statement in force marks, no more and no fewer."""
    marked = re.findall(r"\{:.*#promise-([a-z-]+)", statement_in_force(ROOT, site).read_text("utf-8"))

    assert sorted(marked) == sorted(register())


@pytest.mark.promise("agreement-on-request")
def test_statement_links_to_the_agreement(site: Path, backend: Backend) -> None:
    """The statement's link opens the form with the request for the agreement already written."""
    page = lxml.html.parse(site / "about-us" / "customerprivacystatement" / "index.html")
    [link] = page.xpath("//*[@id='promise-agreement-on-request']//a[not(@class='kept')]/@href")
    message = lxml.html.fromstring(backend.form(link).text).get_element_by_id("message").text_content()

    assert "Annual Licence and Software Maintenance Agreement" in message


@pytest.mark.promise("update-or-delete")
def test_statement_names_who_gets_requests(site: Path, backend: Backend, mailbox: Mailbox) -> None:
    """The address that the statement names is the one that a request goes to, and its form is linked."""
    page = lxml.html.parse(site / "about-us" / "customerprivacystatement" / "index.html")
    form, mailto = page.xpath("//*[@id='promise-update-or-delete']//a[not(@class='kept')]/@href")
    words = {"request": "update", "name": "Named", "email": "named@example.com", "details": "Which?"}
    backend.post(words, form)

    assert mailbox.received[0].recipients == [mailto.removeprefix("mailto:")]


@pytest.mark.parametrize("path", ["index.html", "sent/index.html"])
def test_pages_say_what_the_organisation_file_says(site: Path, path: str) -> None:
    """The pages about requests name the days that the mail to staff counts with."""
    facts = json.loads((site / "form.json").read_text("utf-8"))
    words = lxml.html.parse(site / "your-information" / path).getroot().text_content()

    assert f"within {facts['answer_days']} days of receiving your request" in words
    assert facts["requests_email"] in words


MARKED = "import pytest\n\n\n@pytest.mark.promise({promise!r})\ndef test_it() -> None:\n    assert True\n"
RUNS = [
    ("kept", 0, "kept code proved here by 1 test It is."),
    ("unheard-of", 1, "A test proves unheard-of, but promises.toml knows no such promise."),
    ("unheard-of", 1, "kept is kept by code, but no test is marked @pytest.mark.promise('kept')."),
]


@pytest.mark.parametrize(("promise", "status", "sentence"), RUNS)
def test_promise_without_test_fails_the_run(tmp_path: Path, promise: str, status: int, sentence: str) -> None:
    """A promise kept by code without a test, or a test of a promise no longer there, fails the tests."""
    (tmp_path / "content").mkdir()
    (tmp_path / "content" / "promises.toml").write_text(
        'kept = {promise = "Kept.", kept_by = "code", how = "It is."}\n'
        'theirs = {promise = "Theirs.", kept_by = "company", how = "They do."}\n'
    )
    (tmp_path / "tests").mkdir()
    shutil.copy(ROOT / "tests" / "promises.py", tmp_path / "tests")
    (tmp_path / "tests" / "test_it.py").write_text(MARKED.format(promise=promise))
    (tmp_path / "pytest.ini").write_text("[pytest]\ntestpaths = tests\npythonpath = tests\n")
    command = [sys.executable, "-m", "pytest", "-p", "promises"]
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert finished.returncode == status
    assert sentence in " ".join(finished.stdout.split())
