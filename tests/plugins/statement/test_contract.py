"""The contract between the statement's words, the code and the tests: whatever changes alone is caught."""

import json
import re
import shutil
import subprocess
import sys
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path

import lxml.html
import pytest

from tests.parts.forms import ENQUIRY
from tests.parts.processes import ROOT
from tests.parts.promises import register
from tests.parts.relays import Mailbox
from tests.parts.stack import Backend, build_project, checkout, gunicorn_of, statement_in_force


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


def test_register_lists_the_promises_of_the_statement() -> None:
    """docs/promises.md lists exactly the promises that are marked in the statement in force."""
    text = (ROOT / "content/privacy" / f"{statement_in_force()}.md").read_text("utf-8")
    marked = re.findall(r"\{:.*#promise-([a-z-]+)", text)

    assert sorted(marked) == sorted(register())


@pytest.mark.promise("agreement-on-request")
def test_statement_links_to_the_agreement(site: Path, backend: Backend) -> None:
    """The statement's link opens the form with the request for the agreement prefilled."""
    page = lxml.html.parse(site / "about-us" / "customerprivacystatement" / "index.html")
    [link] = page.xpath("//*[@id='promise-agreement-on-request']//a/@href")
    message = lxml.html.fromstring(backend.form(link).text).get_element_by_id("message").text_content()

    assert "Annual Licence and Software Maintenance Agreement" in message


@pytest.mark.promise("update-or-delete")
def test_statement_names_who_gets_requests(site: Path, backend: Backend, mailbox: Mailbox) -> None:
    """Requests go to the address that the statement names, and the statement links to their form."""
    page = lxml.html.parse(site / "about-us" / "customerprivacystatement" / "index.html")
    form, mailto = page.xpath("//*[@id='promise-update-or-delete']//a/@href")
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
    ("unheard-of", 1, "A test proves unheard-of, but promises.md knows no such promise."),
    ("unheard-of", 1, "kept is kept by code, but no test is marked @pytest.mark.promise('kept')."),
]


@pytest.mark.parametrize(
    ("promise", "status", "sentence"), RUNS, ids=["both agree", "unknown promise", "promise without a test"]
)
def test_promises_and_tests_must_agree(tmp_path: Path, promise: str, status: int, sentence: str) -> None:
    """A promise kept by code but without a test, or a test of an unknown promise, fails the test run."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "promises.md").write_text(
        "| kept | code | It is. |\n| theirs | company | They do. |\n"
    )
    (tmp_path / "tests" / "parts").mkdir(parents=True)
    shutil.copy(ROOT / "tests" / "parts" / "promises.py", tmp_path / "tests" / "parts")
    (tmp_path / "tests" / "test_it.py").write_text(MARKED.format(promise=promise))
    (tmp_path / "pytest.ini").write_text("[pytest]\ntestpaths = tests\npythonpath = tests/parts\n")
    command = [sys.executable, "-m", "pytest", "-p", "promises"]
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert finished.returncode == status
    assert sentence in " ".join(finished.stdout.split())


def test_form_follows_the_statement(tmp_path: Path, mailbox: Mailbox) -> None:
    """A field and the version that announces it are deployed long before, and take effect together."""
    project = checkout(tmp_path / "project")
    in_force, day = statement_in_force(), date.today() + timedelta(days=40)  # noqa: DTZ011 - any day to come
    spoil(
        project / "form_backend/labels.py",
        "ASKED_FROM: dict[str, str] = {}",
        f'ASKED_FROM = {{"phone": "{day}"}}',
    )
    versions = {}
    for version in project.glob("content/privacy/*.md"):
        text = version.read_text("utf-8")
        version.unlink()
        if version.stem == in_force:
            versions = {in_force: text.replace("- Contact telephone number\n", ""), str(day): text}
    for name, text in versions.items():
        (project / f"content/privacy/{name}.md").write_text(text, "utf-8")
    record = project / "content/published.toml"
    hashes = [f'{name} = "{sha256(text.encode()).hexdigest()}"\n' for name, text in versions.items()]
    addresses = record.read_text("utf-8").partition("[statement]")[0]
    record.write_text(f"{addresses}[statement]\n{''.join(hashes)}", "utf-8")
    asked = {}
    for built_for in (day - timedelta(days=1), day):
        built = build_project(project, SITE_DATE=str(built_for))

        assert built.returncode == 0, built.stderr

        with gunicorn_of(
            project, project / "output", mailbox.relay, tmp_path / f"{built_for}", {}
        ) as backend:
            form = lxml.html.fromstring(backend.form("/enquiry/").text)
            asked[built_for] = form.xpath("count(//input[@name='phone'])")
            answer = backend.post(ENQUIRY)

            assert answer.status_code == 303
    assert list(asked.values()) == [0, 1]
    told = [message.message.get_content() for message in mailbox.received]
    assert [ENQUIRY["phone"] in text for text in told] == [False, True]
