"""Publishing: an editor's merge is built, checked and switched to at once; a bad one changes nothing."""

import subprocess
from pathlib import Path

import pytest

from tests.parts.processes import ROOT
from tests.parts.stack import checkout

GIT = ["git", "-c", "user.name=An editor", "-c", "user.email=editor@example.org"]
HOME_PAGE = "content/pages/home.md"


def git(folder: Path, *arguments: str) -> None:
    """Run git quietly in a folder."""
    subprocess.run([*GIT, *arguments], cwd=folder, check=True, capture_output=True)


def merge(repository: Path, path: str, text: str) -> None:
    """Add to a file in the repository, as an editor's merge does."""
    with (repository / path).open("a", encoding="utf-8") as file:
        file.write(text)
    git(repository, "commit", "--all", "--message", "A merge")


def publish(home: Path) -> subprocess.CompletedProcess[str]:
    """Run the script."""
    script = home / "checkout" / "deploy" / "publish.sh"
    return subprocess.run([script, home], capture_output=True, text=True, check=False)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository of this project, with a server's checkout of it at `home/checkout`."""
    repository = checkout(tmp_path / "repository")
    git(repository, "init", "--initial-branch", "main")
    git(repository, "add", ".")
    git(repository, "commit", "--message", "The project")
    (tmp_path / "home" / "releases").mkdir(parents=True)
    git(tmp_path, "clone", str(repository), "home/checkout")
    (tmp_path / "home" / "checkout" / ".venv").symlink_to(ROOT / ".venv")
    return repository


def test_merge_is_published_and_a_bad_one_is_not(repository: Path, tmp_path: Path) -> None:
    """New words go live as a whole, new code does not, and a build that fails leaves the site as it was."""
    home = tmp_path / "home"
    for number in range(7):
        (home / "releases" / f"2026010{number}T000000Z").mkdir()
    merge(repository, HOME_PAGE, "\n\nNew words from an editor.\n")
    merge(repository, "publishconf.py", "raise SystemExit('code that nobody has looked at')\n")

    finished = publish(home)

    assert finished.returncode == 0, finished.stderr
    published = (home / "current").resolve()
    assert "New words from an editor." in (published / "index.html").read_text("utf-8")
    assert len(list((home / "releases").iterdir())) == 5

    merge(repository, "content/organisation.toml", "\nthis is no TOML\n")

    assert publish(home).returncode != 0
    assert (home / "current").resolve() == published
    assert len(list((home / "releases").iterdir())) == 5
