"""`make begin`, `make hand-in` and `make undo`: two editors and a repository, with real git."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.parts.processes import needs_debian_package
from tests.parts.stack import checkout

PAGE = "content/pages/contact.md"


class Editor:
    """A clone of the repository, and what its commands say."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.page = folder / PAGE

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command there; git asks nobody."""
        quiet = os.environ | {
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_EDITOR": "false",
        }
        names = {
            f"GIT_{who}_{what}": "editor@example.org"
            for who in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        }
        return subprocess.run(
            command, cwd=self.folder, env=quiet | names, capture_output=True, text=True, check=False
        )

    def git(self, *arguments: str) -> str:
        """Run git, and return what it prints."""
        finished = self.run("git", *arguments)
        assert finished.returncode == 0, finished.stderr
        return finished.stdout.strip()

    def make(self, *words: str) -> str:
        """Run make without setting anything up or building, and return what it says."""
        ready = ("-o", ".venv/serve.installed", "-o", "build", f"RUN={sys.executable} -m")
        finished = self.run("make", "--no-print-directory", *ready, *words)
        return finished.stdout + finished.stderr

    def write(self, new: str) -> None:
        """Change the last line of the page."""
        lines = self.page.read_text("utf-8").rstrip("\n").split("\n")
        self.page.write_text("\n".join([*lines[:-1], new, ""]), "utf-8")


@pytest.fixture
def editors(tmp_path: Path) -> tuple[Editor, Editor]:
    """Return two editors of one repository."""
    needs_debian_package("git", "/usr/bin/git")
    first = Editor(checkout(tmp_path / "first"))
    first.git("init", "--quiet", "--initial-branch", "main")
    first.git("add", ".")
    first.git("commit", "--quiet", "--message", "Begin")
    first.git("clone", "--quiet", "--bare", ".", str(tmp_path / "repository"))
    first.git("remote", "add", "origin", str(tmp_path / "repository"))
    first.git("fetch", "--quiet")
    first.git("clone", "--quiet", str(tmp_path / "repository"), str(tmp_path / "second"))
    return first, Editor(tmp_path / "second")


def merge(editor: Editor) -> None:
    """Put an editor's change online, as a colleague does in the browser."""
    editor.git("push", "--quiet", "origin", "HEAD:main")


def test_begin_and_hand_in(editors: tuple[Editor, Editor]) -> None:
    """A change begins from what is online, is handed in under its name, and can be gone on with."""
    first, second = editors

    assert "This is no change of your own yet." in first.make("hand-in", "MESSAGE=x")
    assert "You have begun the change new-words" in first.make("begin", "NAME=New words!")
    assert "nothing to hand in" in first.make("hand-in", "MESSAGE=x")

    first.write("It costs R5$000; isn't it?")

    assert "Say what you changed" in first.make("hand-in")
    assert f"not handed in: {PAGE}." in first.make("begin", "NAME=other")
    assert "Handed in: the change new-words." in first.make("hand-in", "MESSAGE=It's R5$000")
    assert first.git("log", "-1", "--format=%s", "origin/new-words") == "It's R5$000"

    first.make("begin", "NAME=other")

    assert "You go on with the change new-words." in first.make("begin", "NAME=new words")

    merge(first)
    second.make("begin", "NAME=second")

    assert "R5$000" in second.page.read_text("utf-8")


def test_two_changed_the_same_lines(editors: tuple[Editor, Editor]) -> None:
    """Where two changed the same lines, the file and the line are named; once corrected, it is handed in."""
    first, second = editors
    for editor, words in ((first, "Ours."), (second, "Theirs.")):
        editor.make("begin", f"NAME={words}")
        editor.write(words)
    first.make("hand-in", "MESSAGE=Ours")
    merge(first)
    told = second.make("hand-in", "MESSAGE=Theirs")
    line = second.page.read_text("utf-8").split("\n").index("<<<<<<< HEAD") + 1

    assert f"{PAGE}:{line}: Two people changed the same lines." in told
    assert "Then run make hand-in again." in told
    assert "Two people changed the same lines." in second.make("hand-in", "MESSAGE=Theirs")

    lines = second.page.read_text("utf-8").split("\n")
    second.page.write_text("\n".join([*lines[: line - 1], "Both.", ""]), "utf-8")

    assert "Handed in: the change theirs." in second.make("hand-in", "MESSAGE=Theirs")
    assert second.git("show", f"origin/theirs:{PAGE}").endswith("Both.")


def test_undo_of_facts_that_cannot_be_read(editors: tuple[Editor, Editor]) -> None:
    """A mistake in the facts keeps nobody from taking it back."""
    editor, _ = editors
    facts = editor.folder / "content/organisation.toml"
    before = facts.read_text("utf-8")
    facts.write_text(f"[[{before}", "utf-8")

    assert "not handed in: content/organisation.toml." in editor.make("begin", "NAME=words")
    assert "Taken back: content/organisation.toml." in editor.make("undo")
    assert facts.read_text("utf-8") == before


def test_undo(editors: tuple[Editor, Editor]) -> None:
    """What is not handed in is taken back and kept; what is online is undone by a change of its own."""
    first, second = editors
    before = first.page.read_text("utf-8")
    first.make("begin", "NAME=words")
    first.write("Not meant.")
    (new := first.folder / "content/news/new.md").write_text("Title: New\n", "utf-8")

    assert f"Taken back: {PAGE}." in first.make("undo", f"WHAT={PAGE}")
    assert first.page.read_text("utf-8") == before
    assert "Taken back: content/news/new.md." in first.make("undo")
    assert not new.exists()

    first.git("stash", "pop")

    assert new.exists()

    first.git("mv", PAGE, "content/pages/reach-us.md")

    assert f"Taken back: {PAGE}, content/pages/reach-us.md, content/news/new.md." in first.make("undo")
    assert first.page.read_text("utf-8") == before

    first.git("stash", "pop")
    first.git("checkout", PAGE)
    (first.folder / "content/pages/reach-us.md").unlink()

    first.make("hand-in", "MESSAGE=A new article")
    merge(first)
    listed = second.make("undo")
    number = second.git("rev-parse", "--short", "origin/main")

    assert f"make undo WHAT={number}" in listed
    assert "There is no change 1234567." in second.make("undo", "WHAT=1234567")
    assert f"The change {number} is undone here." in second.make("undo", f"WHAT={number}")
    assert not (second.folder / "content/news/new.md").exists()
    assert f"Handed in: the change undo-{number}." in second.make("hand-in")
