"""The project itself: locked dependencies, and documents that say what is so."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.parts.processes import ROOT

LOCKS = sorted(ROOT.glob("requirements*.txt"))
CODE = re.compile(r"`[^`\n]+`|^ {4,}.*$", re.MULTILINE)
VARIABLE = re.compile(r"\bFLASK_[A-Z_]+\b")


def locked(path: Path) -> dict[str, list[str]]:
    """Return each locked requirement with its hashes."""
    entries = re.split(r"\n(?=\S)", path.read_text("utf-8"))
    requirements = [entry for entry in entries if not entry.startswith("#")]
    return {
        entry.partition("\\")[0].strip(): re.findall(r"--hash=sha256:[0-9a-f]{64}", entry)
        for entry in requirements
    }


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_every_requirement_is_pinned_by_hash(path: Path) -> None:
    """A lock names one version of each package with its hashes, and no place to fetch it from."""
    requirements = locked(path)

    assert requirements
    for line, hashes in requirements.items():
        assert [specifier.operator for specifier in Requirement(line).specifier] == ["=="]
        assert hashes
    assert "://" not in path.read_text("utf-8")
    assert "index" not in path.read_text("utf-8")


def test_locks_hold_what_the_project_asks_for() -> None:
    """Each dependency of pyproject.toml is in the locks that need it, in a version that it allows."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    groups = project["dependency-groups"]
    asked = {
        "requirements.txt": project["project"]["dependencies"],
        "requirements-serve.txt": project["project"]["dependencies"] + groups["serve"],
        "requirements-dev.txt": project["project"]["dependencies"] + groups["serve"] + groups["dev"],
    }

    assert [path.name for path in LOCKS] == sorted(asked)
    for name, wanted in asked.items():
        pinned = {Requirement(line).name.lower() for line in locked(ROOT / name)}
        names = {Requirement(line).name.lower() for line in wanted if isinstance(line, str)}
        assert names <= pinned


def test_locks_agree() -> None:
    """A package has the same version in production, in development and in tests."""
    production, serve, dev = (
        {requirement.partition(" ;")[0] for requirement in locked(ROOT / name)}
        for name in ("requirements.txt", "requirements-serve.txt", "requirements-dev.txt")
    )

    assert production <= serve <= dev


def test_readme_lists_the_settings() -> None:
    """The README's table names each variable that the form backend reads, and no other."""
    read = set(VARIABLE.findall((ROOT / "form_backend" / "settings.py").read_text("utf-8")))
    rows = [
        line for line in (ROOT / "README.md").read_text("utf-8").splitlines() if line.startswith("| `FLASK_")
    ]
    listed = {name for row in rows for name in VARIABLE.findall(row.split("|")[1])}

    assert listed == read


@pytest.mark.parametrize(
    "path", [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")], ids=lambda path: path.name
)
def test_documents_link_to_what_exists(path: Path) -> None:
    """A link from one document to a file of the project finds it; examples are no links."""
    words = CODE.sub("", path.read_text("utf-8"))
    targets = re.findall(r"\]\((?!https?:|mailto:|#)([^)#]+)", words)

    assert [target for target in targets if not (path.parent / target).exists()] == []


def test_every_checkout_has_the_same_line_ends(tmp_path: Path) -> None:
    """A clone on a system that prefers CRLF has LF all the same, so hashes and scripts stay valid."""
    original = tmp_path / "original"
    shutil.copytree(ROOT / "content", original / "content")
    shutil.copytree(ROOT / "deploy", original / "deploy")
    shutil.copy(ROOT / ".gitattributes", original)
    git = ["git", "-c", "core.autocrlf=true", "-c", "user.name=A", "-c", "user.email=a@example.org"]
    for command in (["init"], ["add", "."], ["commit", "--message", "All"], ["clone", ".", "../clone"]):
        subprocess.run([*git, *command], cwd=original, check=True, capture_output=True)

    files = [path.relative_to(original) for path in original.rglob("*.*") if path.is_file()]
    files = [path for path in files if path.parts[0] != ".git"]
    assert files
    assert [
        path for path in files if (tmp_path / "clone" / path).read_bytes() != (ROOT / path).read_bytes()
    ] == []
