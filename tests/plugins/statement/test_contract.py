"""The contract between the statement's words, the code and the tests: whatever changes alone is caught."""

import json
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import lxml.html
import pytest

from tests.parts.forms import labelled, shown_values
from tests.parts.processes import ROOT
from tests.parts.promises import register
from tests.parts.relays import Mailbox
from tests.parts.stack import Backend, build, checkout, gunicorn, put_on_record, statement_in_force


def spoil(path: Path, old: str, new: str) -> None:
    """Replace words in a file that has them."""
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def complaints_of_build(project: Path) -> list[str]:
    """Return what a build that must fail says, less where and in which version it says so."""
    command = [sys.executable, "-m", "pelican", "-s", "publishconf.py", "-o", str(project / "output")]
    command += ["--log-handler", "plain"]
    finished = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert finished.returncode
    return re.findall(r"^content/privacy/[\d-]+\.md:\d+: (.*)$", finished.stderr, re.MULTILINE)


@pytest.mark.promise("only-these-fields")
def test_changed_words_stop_the_build(tmp_path: Path) -> None:
    """A statement that lists more or less than the form asks for stops the build and says what to do."""
    project = checkout(tmp_path)
    spoil(project / "content/privacy" / f"{statement_in_force()}.md", "- E-mail address\n", "- Shoe size\n")
    complaints = complaints_of_build(project)

    assert (
        'The statement says that we collect "Shoe size", but no field of the form has this label. '
        "Take the item out, or add the field to form_backend/labels.py."
    ) in complaints
    assert (
        'The enquiry form asks for "E-mail address", but the statement does not list it. '
        "List it under this heading, or take the field out of form_backend/labels.py."
    ) in complaints


@pytest.mark.promise("only-these-fields")
def test_changed_form_stops_the_build(tmp_path: Path) -> None:
    """A form that asks for a field under another label stops the build."""
    project = checkout(tmp_path)
    spoil(project / "form_backend" / "labels.py", '"Sector or industry",', '"Identity number",')
    complaints = "\n".join(complaints_of_build(project))

    assert '"Sector or industry", but no field of the form has this label' in complaints
    assert 'asks for "Identity number", but the statement does not list it' in complaints


DAY = f"{datetime.now(UTC).year + 1}-06-01"
NEW_FIELD = """
    organisation = StringField(
        COLLECTED["organisation"], [at_most(120), Optional()], filters=[single_line]
    )
    sector = SelectField("""


@pytest.fixture
def with_a_new_field(tmp_path: Path) -> Path:
    """Return a checkout in which CONTRIBUTING's recipe for a new field was followed."""
    project = checkout(tmp_path / "project")
    labels, form = project / "form_backend/labels.py", project / "form_backend/forms/enquiry.py"
    spoil(labels, '    "sector":', '    "organisation": "Organisation",\n    "sector":')
    spoil(labels, "SINCE: dict[str, str] = {}", f'SINCE: dict[str, str] = {{"organisation": "{DAY}"}}')
    spoil(form, "\n    sector = SelectField(", NEW_FIELD)
    spoil(form, "import YesField,", "import YesField, at_most, single_line,")
    spoil(form, "from wtforms import SelectField", "from wtforms import SelectField, StringField")
    spoil(
        form, "from form_backend.labels", "from wtforms.validators import Optional\nfrom form_backend.labels"
    )
    privacy = project / "content/privacy"
    new = (privacy / f"{statement_in_force()}.md").read_text("utf-8")
    (privacy / f"{DAY}.md").write_text(new.replace("- E-mail", "- Organisation\n- E-mail"), "utf-8")
    for draft in privacy.glob("*.md"):
        if "\nStatus: draft\n" in draft.read_text("utf-8"):
            draft.unlink()
    put_on_record(project / "content")
    return project


@pytest.mark.promise("only-these-fields")
@pytest.mark.parametrize("asked", [False, True], ids=["before its day", "from its day"])
def test_new_field_is_asked_from_its_day(
    with_a_new_field: Path,
    mailbox: Mailbox,
    tmp_path: Path,
    asked: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """Field and version are deployed before; the nightly build alone has the form ask, and the mail tell."""
    site = tmp_path / "site"
    build(site, with_a_new_field / "content", project=with_a_new_field, SITE_DATE=DAY if asked else "")
    with gunicorn(site, mailbox.relay, tmp_path / "log", with_a_new_field) as backend:
        shown = shown_values(backend.form())
        answer = backend.enquire(organisation="Water Board")

    assert ("organisation" in shown) == asked
    assert answer.status_code == 303
    assert labelled(mailbox.received[0]).get("Organisation") == ("Water Board" if asked else None)


def test_register_lists_the_promises_of_the_statement() -> None:
    """The register lists exactly the promises that are marked in the statement in force."""
    text = (ROOT / "content/privacy" / f"{statement_in_force()}.md").read_text("utf-8")
    marked = re.findall(r"\{:.*#promise-([a-z-]+)", text)

    assert sorted(marked) == sorted(register())


@pytest.mark.promise("agreement-on-request")
def test_statement_links_to_the_agreement(site: Path, backend: Backend) -> None:
    """The statement's link opens the form with the request for the agreement prefilled."""
    page = lxml.html.parse(site / "about-us" / "customerprivacystatement" / "index.html")
    [link] = page.xpath("//*[@id='promise-agreement-on-request']//a[not(@class='kept')]/@href")
    message = lxml.html.fromstring(backend.form(link).text).get_element_by_id("Form-message").text_content()

    assert "Annual Licence and Software Maintenance Agreement" in message


@pytest.mark.promise("update-or-delete")
def test_statement_names_who_gets_requests(site: Path, backend: Backend, mailbox: Mailbox) -> None:
    """Requests go to the address that the statement names, and the statement links to their form."""
    page = lxml.html.parse(site / "about-us" / "customerprivacystatement" / "index.html")
    form, mailto = page.xpath("//*[@id='promise-update-or-delete']//a[not(@class='kept')]/@href")
    words = {"request": "update", "name": "Named", "email": "named@example.com", "details": "Which?"}
    backend.post(words, form)

    assert mailbox.received[0].recipients == [mailto.removeprefix("mailto:")]


@pytest.mark.parametrize("path", ["index.html", "sent/index.html"])
def test_days_to_answer_a_request(site: Path, path: str) -> None:
    """The pages about requests give the same number of days as the mail to staff."""
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


@pytest.mark.parametrize(
    ("promise", "status", "sentence"), RUNS, ids=["both agree", "unknown promise", "promise without a test"]
)
def test_promises_and_tests_must_agree(tmp_path: Path, promise: str, status: int, sentence: str) -> None:
    """A promise kept by code but without a test, or a test of an unknown promise, fails the test run."""
    (tmp_path / "content").mkdir()
    (tmp_path / "content" / "promises.toml").write_text(
        'kept = {promise = "Kept.", kept_by = "code", how = "It is."}\n'
        'theirs = {promise = "Theirs.", kept_by = "company", how = "They do."}\n'
    )
    (tmp_path / "tests" / "parts").mkdir(parents=True)
    shutil.copy(ROOT / "tests" / "parts" / "promises.py", tmp_path / "tests" / "parts")
    (tmp_path / "tests" / "test_it.py").write_text(MARKED.format(promise=promise))
    (tmp_path / "pytest.ini").write_text("[pytest]\ntestpaths = tests\npythonpath = tests/parts\n")
    command = [sys.executable, "-m", "pytest", "-p", "promises"]
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert finished.returncode == status
    assert sentence in " ".join(finished.stdout.split())
