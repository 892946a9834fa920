"""The check of a built site before it is published."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.parts.processes import ROOT


def check(site: Path) -> subprocess.CompletedProcess[str]:
    """Run the check, without any setting."""
    environment = {name: text for name, text in os.environ.items() if not name.startswith("FLASK_")}
    return subprocess.run(
        [sys.executable, "-m", "form_backend.commands.check_site", str(site)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(site: Path, tmp_path: Path) -> Path:
    """Return a copy of the site that a test may change."""
    return shutil.copytree(site, tmp_path / "site")


def test_good_site(site: Path) -> None:
    """A whole site passes without a word."""
    checked = check(site)

    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


WRONG: list[dict[str, Any]] = [
    {"answer_days": "30"},
    {"answer_days": 999_999_999},
    {"sectors": []},
    {"organisation": "Two\nlines"},
    {"statement": "1999-01-01"},
    {"statement_sha256": []},
]


@pytest.mark.parametrize("facts", WRONG, ids=json.dumps)
def test_site_on_which_every_request_would_fail(copy: Path, facts: dict[str, Any]) -> None:
    """Facts with which a form could not be sent are told in one sentence, without a traceback."""
    form_json = copy / "form.json"
    form_json.write_text(json.dumps(json.loads(form_json.read_text("utf-8")) | facts), "utf-8")

    checked = check(copy)

    assert checked.returncode == 1
    assert "Traceback" not in checked.stderr
    assert len(checked.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "missing", ["form.json", "enquiry/index.html", "your-information/sent/index.html", "503.html"]
)
def test_site_that_is_not_whole(copy: Path, missing: str) -> None:
    """A file that the form backend needs is named."""
    (copy / missing).unlink()

    checked = check(copy)

    assert checked.returncode == 1
    assert missing in checked.stderr
