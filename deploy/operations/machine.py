"""The server that is set up: files are written where they differ, commands run, and each change is told."""

import difflib
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

MARK = "Written by deploy/setup"
STAMPS = Path("/var/lib/website-setup")


class StepError(Exception):
    """A step could not be done; the sentence says why, and what to do."""


@dataclass(frozen=True)
class File:
    """One file that setup writes."""

    text: str
    mode: int = 0o644


@dataclass
class Machine:
    """A server, or with another root a folder that takes its files while no command runs."""

    root: Path = Path("/")
    dry_run: bool = False
    changes: list[str] = field(default_factory=list)

    @property
    def acts(self) -> bool:
        """Tell whether commands run and the server changes."""
        return not self.dry_run and self.root == Path("/")

    def path(self, name: str | Path) -> Path:
        """Return where a file of the server is."""
        return self.root / str(name).lstrip("/")

    def changed(self, what: str) -> None:
        """Tell of a change before it is made."""
        self.changes.append(what)
        print(f"    {'would change' if self.dry_run else 'change'}: {what}")

    def write(self, name: str, file: File) -> bool:
        """Write a file where it differs, and tell whether it did; one that is not ours is the operator's."""
        path = self.path(name)
        before = path.read_text("utf-8") if path.exists() else ""
        if path.exists() and MARK not in before:
            raise StepError(
                f"{path} is in the way: it was not written by setup. Move it away, and run this again."
            )
        if path.exists() and (before, path.stat().st_mode & 0o777) == (file.text, file.mode):
            return False
        self.changed(name)
        if self.dry_run:
            print_difference(before, file.text)
            return True
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".{path.name}.new")
        new.unlink(missing_ok=True)
        with os.fdopen(
            os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, file.mode), "w", encoding="utf-8"
        ) as out:
            out.write(file.text)
        new.chmod(file.mode)
        new.replace(path)
        return True

    def link(self, name: str, target: str) -> bool:
        """Switch a symbolic link at once, and tell whether it led elsewhere."""
        path = self.path(name)
        if path.is_symlink() and str(path.readlink()) == target:
            return False
        self.changed(f"{name} leads to {target}")
        if not self.dry_run:
            path.parent.mkdir(parents=True, exist_ok=True)
            switch_link(path, target)
        return True

    def folder(self, name: str, owner: str = "root", mode: int = 0o755) -> None:
        """Make a folder that is not there."""
        path = self.path(name)
        if not path.is_dir():
            self.changed(name)
            if not self.dry_run:
                path.mkdir(parents=True)
                path.chmod(mode)
                if self.acts:
                    shutil.chown(path, owner, owner)

    def run(self, *command: str | Path, told: bool = True) -> None:
        """Run a command that changes something; where it fails, its last words are part of the sentence."""
        line = " ".join(map(str, command))
        if told:
            self.changes.append(line)
            print(f"    {'run' if self.acts else 'would run'}: {line}")
        if self.acts:
            environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "GIT_TERMINAL_PROMPT": "0"}
            done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
            if done.returncode != 0:
                said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-8:]
                raise StepError("\n      ".join([f"`{line}` failed:", *said]))

    def is_done(self, name: str, digest: str) -> bool:
        """Tell whether a stamp says that a step was done for these inputs."""
        stamp = self.path(STAMPS / name)
        return stamp.exists() and stamp.read_text("utf-8") == digest

    def note_done(self, name: str, digest: str) -> None:
        """Remember that a step was done for these inputs."""
        if self.acts:
            self.path(STAMPS).mkdir(parents=True, exist_ok=True)
            self.path(STAMPS / name).write_text(digest, "utf-8")


def switch_link(path: Path, target: str | Path) -> None:
    """Switch a symbolic link at once, whatever an earlier try has left behind."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    new.symlink_to(target)
    new.replace(path)


def print_difference(before: str, after: str) -> None:
    """Print what would change in a file."""
    for line in difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0):
        if not line.startswith(("---", "+++", "@@")):
            print(f"      {line}")


def output_of(*command: str | Path) -> str:
    """Return what a command that changes nothing prints; empty where it fails or is not there."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except FileNotFoundError:
        return ""


def succeeds(*command: str | Path) -> bool:
    """Tell whether a command that changes nothing succeeds."""
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def states(*units: str) -> dict[str, str]:
    """Return the state of each unit."""
    told = output_of("systemctl", "is-active", *units).splitlines()
    return dict(zip(units, told or ["unknown"] * len(units), strict=True))
