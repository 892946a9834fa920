"""Git in a test's own repository."""

import subprocess
from pathlib import Path

WHO = ("-c", "user.name=An editor", "-c", "user.email=editor@example.org")


def git(folder: Path, *arguments: str) -> None:
    """Run git in a folder, as an editor."""
    subprocess.run(["/usr/bin/git", *WHO, *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL)


def merge(repository: Path, path: str, text: str) -> None:
    """Add to a file in the repository, as an editor's merge does."""
    with (repository / path).open("a", encoding="utf-8") as file:
        file.write(text)
    git(repository, "commit", "--all", "--message", "A merge")
