"""`make new-article`, `make new-notice`, `make new-statement`: pages to fill in, with what is left named."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.parts.stack import checkout

TODAY = datetime.now(UTC).date().isoformat()
TO_FILL_IN = re.compile(r"\[Your [^]\n]*]")
BEGIN = {
    "new-article TITLE=Thandi's  pipes: *5 %* less?": "content/news/thandis-pipes-5-less.md",
    'new-article TITLE=R5$000 isn\'t "much" `id`': "content/news/r5-000-isnt-much-id.md",
    "new-notice TITLE=Mail": "content/notices/mail.md",
    "new-statement DATE=2036-06-01": "content/privacy/2036-06-01.md",
}
NO_TITLE = 'The title is missing, and the address is made from it. Give one, like TITLE="Why pipes age".'
REFUSED = {
    "new-article TITLE=Home": "content/news/home.md exists already. Edit it, or give another title or day.",
    "new-article": NO_TITLE,
    "new-notice TITLE=?": NO_TITLE,
    "new-statement DATE=soon": '"soon" is no date. Write it like DATE=2027-01-01.',
    f"new-statement DATE={TODAY}": f"{TODAY} is not ahead. Name a day to come, like DATE=2027-01-01.",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a copy of what these commands and a preview need."""
    return checkout(tmp_path)


def run(project: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command there on the day of these tests."""
    environment = os.environ | {"SITE_DATE": TODAY}
    return subprocess.run(
        command, cwd=project, env=environment, input="", capture_output=True, text=True, check=False
    )


def make(project: Path, words: str) -> subprocess.CompletedProcess[str]:
    """Run make with a target and at most one variable, without setting anything up."""
    ready = ("-o", ".venv/serve.installed", f"RUN={sys.executable} -m")
    return run(project, "make", *ready, *words.split(" ", 1))


def mistakes(project: Path, files: Iterable[str]) -> list[str]:
    """Build the preview, and return what it finds wrong with these files."""
    finished = run(project, sys.executable, "-m", "devtools.builder")
    assert finished.returncode == 0, finished.stderr
    built = json.loads(finished.stdout)
    assert built["built"], finished.stderr
    return [mistake for mistake in built["mistakes"] if mistake.partition(":")[0] in files]


def test_new_pages(project: Path) -> None:
    """Each new page shows in preview at once; the preview names what is to be filled in, and nothing else."""
    said = {path: make(project, words).stdout for words, path in BEGIN.items()}
    files = {path: project / path for path in said}
    left = {
        f'{path}:{number}: "{words}" was left to be filled in. Write what belongs there, or take it out.'
        for path, file in files.items()
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1)
        for words in TO_FILL_IN.findall(line)
    }

    assert {path: path in words for path, words in said.items()} == dict.fromkeys(said, True)
    assert set(mistakes(project, files)) == left
    for path, words in said.items():
        address = re.findall(r"at /(\S+) in the preview", words)[0]

        assert (project / "preview" / address / "index.html").is_file(), path

    for number, file in enumerate(files.values()):
        file.write_text(TO_FILL_IN.sub(f"Written {number}", file.read_text("utf-8")), "utf-8")

    assert mistakes(project, files) == []


@pytest.mark.parametrize("words", REFUSED)
def test_new_page_refused(project: Path, words: str) -> None:
    """No file is overwritten and no statement is dated back; one sentence gives the reason."""
    (project / "content/news/home.md").write_text("Mine\n")
    before = {path: path.read_bytes() for path in project.glob("content/**/*.md")}
    refused = make(project, words)

    assert refused.stderr.splitlines()[0] == REFUSED[words]
    assert refused.returncode != 0
    assert {path: path.read_bytes() for path in project.glob("content/**/*.md")} == before


def test_help(project: Path) -> None:
    """`make` alone lists every command."""
    phony = re.search(r"^\.PHONY: (.*)$", (project / "Makefile").read_text("utf-8"), re.MULTILINE)
    listed = [line.split()[1] for line in run(project, "make", "--no-print-directory").stdout.splitlines()]

    assert phony
    assert sorted(listed) == sorted(phony[1].split())
