"""The project itself: locked dependencies, and documents that say what is so."""

import re
import shutil
import subprocess
import sys
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
    """A lock file pins one version of each package by hash and names no index."""
    requirements = locked(path)

    assert requirements
    for line, hashes in requirements.items():
        assert [specifier.operator for specifier in Requirement(line).specifier] == ["=="]
        assert hashes
    assert "://" not in path.read_text("utf-8")
    assert "index" not in path.read_text("utf-8")


def test_locks_hold_what_the_project_asks_for() -> None:
    """Each dependency in pyproject.toml is in the lock files that need it, in an allowed version."""
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
    """Links from documents to files of the project lead to files that exist."""
    words = CODE.sub("", path.read_text("utf-8"))
    targets = re.findall(r"\]\((?!https?:|mailto:|#)([^)#]+)", words)

    assert [target for target in targets if not (path.parent / target).exists()] == []


def test_the_guides_example_can_be_followed() -> None:
    """The words that the editors' guide changes as an example stand in the file that it names."""
    guide = (ROOT / "docs/editing.md").read_text("utf-8")
    examples = re.findall(r'open `(content/\S+)` in your text editor, change "([^"]+)" to "', guide)

    assert examples
    assert [words for path, words in examples if words not in (ROOT / path).read_text("utf-8")] == []


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


TREE_LINE = re.compile(r"^( *)([\w.]+/?)  ", re.MULTILINE)


def tree_in(document: str) -> set[str]:
    """Return the paths that the tree in a document shows."""
    shown, folder = set(), ""
    tree = (ROOT / document).read_text("utf-8").partition("```\n")[2].partition("```")[0]
    for indent, name in TREE_LINE.findall(tree):
        folder = folder if indent else name
        shown.add(folder + name if indent else name)
    return shown


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_tree_shows_what_is_there(document: str) -> None:
    """Each path in the tree of a document exists."""
    assert tree_in(document)
    assert [path for path in sorted(tree_in(document)) if not (ROOT / path).exists()] == []


def test_tree_shows_every_folder_of_the_code() -> None:
    """CONTRIBUTING's tree has a line for each folder of the form backend and of the plugins."""
    inits = [init for name in ("form_backend", "plugins") for init in (ROOT / name).glob("*/__init__.py")]

    assert {f"{init.parent.relative_to(ROOT)}/" for init in inits} <= tree_in("CONTRIBUTING.md")


def test_labels_load_nothing() -> None:
    """The build imports the labels of the form without Flask or any other library."""
    show = "import form_backend.labels, sys; print({'flask', 'wtforms', 'gevent'} & sys.modules.keys())"
    shown = subprocess.run([sys.executable, "-c", show], cwd=ROOT, capture_output=True, text=True, check=True)

    assert shown.stdout == "set()\n"
