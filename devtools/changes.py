"""Begin a change, hand it in, or take it back: the few steps of git that editors need, in plain words.

`make begin`, `make hand-in` and `make undo` run this; docs/editing.md says when.
"""

import argparse
import subprocess
from pathlib import Path

from devtools.names import name_of
from plugins.reading.document import read_text
from plugins.reading.typed import CONFLICT_CURE, conflict_lines

MAIN, ONLINE = "main", "origin/main"
RESTORE = "git stash pop"


def git(*arguments: str) -> str:
    """Run git, and return what it prints; where it fails, end with its own words."""
    finished = run(*arguments)
    if finished.returncode:
        words = (finished.stderr or finished.stdout).strip()
        raise SystemExit(f"git could not do this. Send these lines to whoever looks after the code:\n{words}")
    return finished.stdout.rstrip("\n")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run git."""
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)  # noqa: S607


def changed() -> list[str]:
    """Return the files in content/ that are changed or new, and not committed."""
    # Without the lock that a look takes by itself: the preview looks while somebody hands in.
    look = ("--no-optional-locks", "status", "--porcelain", "-z", "--untracked-files=all", "--no-renames")
    return [entry[3:] for entry in git(*look, "--", "content").split("\0") if entry]


def state() -> str:
    """Say which branch this is and how much of it is not handed in; nothing where git knows nothing."""
    try:
        branch = git("branch", "--show-current") or "none"
        only_here = ("HEAD", "--not", "--remotes")
        committed = git("log", *only_here, "--format=", "--name-only", "-z", "--", "content")
        files = {*changed(), *committed.split("\0")} - {""}
    except (OSError, SystemExit):
        return ""
    if not files:
        return f"Branch {branch}: nothing to hand in"
    return f"Branch {branch}: {len(files)} file{'s' * (len(files) > 1)} changed and not handed in"


def begin(name: str) -> None:
    """Begin a change from what is online, or go on with one of that name."""
    branch = name_of(name)
    if not branch or branch == MAIN:
        raise SystemExit('Give the change a name, like make begin NAME="new words for contact"')
    if files := changed():
        cure = "Hand them in (make hand-in), or take them back (make undo)."
        raise SystemExit(f"You have changes that are not handed in: {', '.join(files)}. {cure}")
    git("fetch", "--quiet", "origin")
    if run("rev-parse", "--quiet", "--verify", branch).returncode == 0:
        git("switch", "--quiet", branch)
        print(f"You go on with the change {branch}.")
        return
    git("switch", "--quiet", "--no-track", "--create", branch, ONLINE)
    print(f"You have begun the change {branch}, from the website as it is online.")
    print("Next: make serve, change the words, and then make hand-in")


def hand_in(message: str) -> None:
    """Commit what is changed in content/, unite it with what others changed, and send it."""
    branch = git("branch", "--show-current")
    if branch in ("", MAIN):
        raise SystemExit(
            'This is no change of your own yet. Begin one: make begin NAME="…". Your words stay.'
        )
    refuse_conflicts()
    uniting = run("rev-parse", "--quiet", "--verify", "MERGE_HEAD").returncode == 0
    git("add", "--all", "content")
    if uniting:
        git("commit", "--quiet", "--no-edit")
    elif run("diff", "--cached", "--quiet").returncode:
        if not message:
            raise SystemExit('Say what you changed, like make hand-in MESSAGE="Say when we answer"')
        git("commit", "--quiet", "--message", message)
    git("fetch", "--quiet", "origin")
    if run("merge", "--quiet", "--no-edit", ONLINE).returncode:
        refuse_conflicts()
        git("merge", "--no-edit", ONLINE)
    if not git("log", "--oneline", f"{ONLINE}..HEAD"):
        raise SystemExit("Nothing is changed in content/, so there is nothing to hand in.")
    git("push", "--quiet", "--set-upstream", "origin", "HEAD")
    print(f"Handed in: the change {branch}.")
    print("Next: open the repository in your browser, and open a pull request (or merge request) for it.")


def refuse_conflicts() -> None:
    """End where git could not unite two people's changes, and name the lines."""
    names = git("diff", "--name-only", "--diff-filter=U").split("\n")
    files = sorted({name for name in [*names, *changed()] if Path(name).is_file()})
    found = [f"{name}:{line}: {CONFLICT_CURE}" for name in files for line in conflict_lines_in(Path(name))]
    if found:
        raise SystemExit("\n".join([*found, "Then run make hand-in again."]))


def conflict_lines_in(path: Path) -> list[int]:
    """Return the first line of each conflict in a text file."""
    return conflict_lines(read_text(path))[::2] if path.suffix in {".md", ".toml", ".txt"} else []


def undo(what: str) -> None:
    """Take back what is not handed in, one file of it, or a change that is online."""
    files = changed()
    if what and not what.startswith("content"):
        undo_online(what)
    elif chosen := [name for name in files if not what or name == what]:
        git("reset", "--quiet", "--", "content")  # a file that git itself has moved cannot be put away
        git("stash", "push", "--quiet", "--include-untracked", "--", *chosen)
        print(f"Taken back: {', '.join(chosen)}.")
        print(f"If you want them after all: {RESTORE}")
    else:
        print("Everything is handed in. To undo a change that is online, run the line of it:")
        git("fetch", "--quiet", "origin")
        print(
            git(
                "log",
                "--format=  make undo WHAT=%h   %ad, %an: %s",
                "--date=short",
                "-10",
                ONLINE,
                "--",
                "content",
            )
        )


def undo_online(number: str) -> None:
    """Begin a change that undoes another."""
    git("fetch", "--quiet", "origin")
    if run("rev-parse", "--quiet", "--verify", f"{number}^{{commit}}").returncode:
        raise SystemExit(f"There is no change {number}. Run make undo alone: it lists the numbers.")
    begin(f"undo-{number}")
    parents = git("rev-list", "--parents", "--max-count=1", number).split()[1:]
    mainline = ["--mainline", "1"] if len(parents) > 1 else []
    if run("revert", "--no-edit", *mainline, number).returncode:
        run("revert", "--abort")
        raise SystemExit(
            f"Later changes build on {number}, so it cannot be undone by itself. Change the words by hand."
        )
    print(f"The change {number} is undone here. Next: make serve to look at it, and then make hand-in")


def main() -> None:
    """Do one of the three."""
    parser = argparse.ArgumentParser(prog="python -m devtools.changes", description="Begin, hand in or undo.")
    steps = {"begin": begin, "hand-in": hand_in, "undo": undo}
    parser.add_argument("step", choices=steps)
    parser.add_argument("given", help="the name, the message, or what to undo")
    options = parser.parse_args()
    steps[options.step](" ".join(options.given.split()))


if __name__ == "__main__":
    main()
