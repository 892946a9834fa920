"""Whatever in content/ leads out of it, or is no file, ends the build before it is read."""

import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.parts.processes import ROOT
from tests.parts.stack import BuildError, build

A_LINK = "1: This is a link. Put the file or the folder itself in its place."
NO_FILE = "1: This is neither a file nor a folder. Take it away."


@pytest.fixture
def content(tmp_path: Path) -> Path:
    """Return a copy of our content, beside a secret and a folder with one."""
    (tmp_path / "secret.png").write_bytes((ROOT / "theme/static/share/network.png").read_bytes())
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/page.md").write_text("Title: Secret\nDescription: Secret.\n\nSecret.\n", "utf-8")
    return Path(shutil.copytree(ROOT / "content", tmp_path / "content"))


def link(path: str, to: str) -> Callable[[Path], None]:
    """Return what makes a symbolic link in the content."""
    return lambda content: (content / path).symlink_to(content.parent / to)


def chain(content: Path) -> None:
    """Link to a link."""
    link("images/a.png", "secret.png")(content)
    (content / "images/b.png").symlink_to("a.png")


def facts(content: Path) -> None:
    """Put the facts elsewhere, and a link in their place."""
    (content / "organisation.toml").rename(content.parent / "facts.toml")
    link("organisation.toml", "facts.toml")(content)


def listener(content: Path) -> None:
    """Put a socket among the pictures; its address may be no longer than 107 bytes."""
    folder = Path.cwd()
    os.chdir(content / "images")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("x.png")
    os.chdir(folder)


@pytest.mark.parametrize("settings", ["pelicanconf.py", "publishconf.py"])
@pytest.mark.parametrize(
    ("make", "told"),
    [
        (link("images/plan.png", "secret.png"), [f"images/plan.png:{A_LINK}"]),
        (link("images/plans", "secrets"), [f"images/plans:{A_LINK}"]),
        (link("images/.plans", "secrets"), [f"images/.plans:{A_LINK}"]),
        (link("pages/secrets", "secrets"), [f"pages/secrets:{A_LINK}"]),
        (link("news/secret.md", "secrets/page.md"), [f"news/secret.md:{A_LINK}"]),
        (link("privacy/2027-05-01.md", "content/privacy/2027-03-01.md"), [f"privacy/2027-05-01.md:{A_LINK}"]),
        (link("images/nowhere.png", "nowhere"), [f"images/nowhere.png:{A_LINK}"]),
        (link("images/again", "content"), [f"images/again:{A_LINK}"]),
        (link("words", "secrets"), [f"words:{A_LINK}"]),
        (chain, [f"images/a.png:{A_LINK}", f"images/b.png:{A_LINK}"]),
        (facts, [f"organisation.toml:{A_LINK}"]),
        (lambda content: os.mkfifo(content / "images/x.png"), [f"images/x.png:{NO_FILE}"]),
        (lambda content: os.mkfifo(content / "pages/x.md"), [f"pages/x.md:{NO_FILE}"]),
        (listener, [f"images/x.png:{NO_FILE}"]),
    ],
)
def test_what_is_no_file_of_content(
    tmp_path: Path, content: Path, settings: str, make: Callable[[Path], None], told: list[str]
) -> None:
    """A link of any kind, a pipe and a socket are told with the cure, and nothing is built."""
    make(content)

    with pytest.raises(BuildError) as ended:
        build(tmp_path / "site", content, settings)

    assert str(ended.value) == "".join(f"content/{line}\n" for line in told)
    assert not (tmp_path / "site").exists()


def test_a_folder_that_is_a_link(tmp_path: Path, content: Path) -> None:
    """content/ itself may be no link either."""
    (tmp_path / "elsewhere").symlink_to(content)

    with pytest.raises(BuildError, match="This is a link"):
        build(tmp_path / "site", tmp_path / "elsewhere")


def test_what_an_editor_keeps_beside_an_open_file(tmp_path: Path, content: Path) -> None:
    """The link with which Emacs locks a file does not stop the build."""
    (content / "pages/.#contact.md").symlink_to("somebody@machine.4711")

    build(tmp_path / "site", content)

    assert (tmp_path / "site/contact/index.html").exists()
