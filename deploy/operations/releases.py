"""Publishing: the user `website` builds; root copies the build, checks it and switches one symbolic link.

What fails leaves the published site as it is. Root runs and includes nothing that `website` can write.
"""

import fcntl
import os
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from deploy.operations.files import NGINX_CONF
from deploy.operations.machine import StepError, succeeds, switch_link

CODE = Path(__file__).parents[2]
PYTHON = CODE / ".venv/bin/python"
KEPT = 5
HEADER = re.compile(r'add_header [A-Za-z][A-Za-z-]* "[ -!#%-\[\]-~]*" always;')  # no quote, no \, no variable
REDIRECT = re.compile(r"(/(?!/)[\w./~%+-]{0,200}) (/(?!/)[\w./~%+-]{0,200});", re.ASCII)
NGINX = "/usr/sbin/nginx"


@dataclass(frozen=True)
class Site:
    """Where the builds and the published site are."""

    home: Path

    @property
    def current(self) -> Path:
        """Return the link to the published release."""
        return self.home / "current"

    @property
    def published(self) -> Path | None:
        """Return the published release, if there is one."""
        return self.current.resolve() if self.current.exists() else None

    @property
    def hold(self) -> Path:
        """Return the file that keeps a rollback in place."""
        return self.home / "held"

    def releases(self) -> list[Path]:
        """Return the releases, the oldest first."""
        return sorted(path for path in (self.home / "releases").glob("2*") if path.is_dir())

    @contextmanager
    def locked(self, name: str = "releases") -> Iterator[None]:
        """Let nobody else build, or switch, meanwhile."""
        folder = os.open(self.home / name, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)


def build(site: Site, repository: str) -> None:
    """Build the site from this version's code and what editors have merged, as the user `website`."""
    with site.locked("build"):
        work = site.home / "build"
        (work / "publish-now").unlink(missing_ok=True)  # first: a merge from now on asks again
        for left_over in (work / "site", work / "tree"):
            shutil.rmtree(left_over, ignore_errors=True)
        _take_code(work / "tree")
        _take_content(work, repository)
        # The tree is made anew each time; the pictures made from photos are kept beside it.
        kept = ("env", f"PICTURES_CACHE={work / 'pictures'}")
        pelican = ("-m", "pelican", "-s", "publishconf.py", "-o", work / "site", "--fatal", "warnings")
        _execute(work / "tree", *kept, PYTHON, *pelican)
        _execute(CODE, PYTHON, "-m", "form_backend.commands.check_site", work / "site")


def _take_code(tree: Path) -> None:
    unneeded = shutil.ignore_patterns(".venv", ".git", "content", "__pycache__", "tests")
    shutil.copytree(CODE, tree, ignore=unneeded, symlinks=True)


def _take_content(work: Path, repository: str) -> None:
    clone = work / "repository.git"
    if not (clone / "HEAD").exists():
        shutil.rmtree(clone, ignore_errors=True)
        _execute(work, "git", "clone", "--quiet", "--bare", repository, clone)
    # An editor's merge is on main; a history that was written anew is taken as it is.
    _execute(clone, "git", "fetch", "--quiet", repository, "+refs/heads/main:refs/heads/main")
    archive = work / "content.tar"
    _execute(clone, "git", "archive", "--output", archive, "main", "content")
    _execute(work, "tar", "--extract", "--file", archive, "--directory", work / "tree")


def _execute(folder: Path, *command: str | Path) -> None:
    environment = os.environ | {"GIT_TERMINAL_PROMPT": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    if subprocess.run(command, cwd=folder, check=False, env=environment).returncode != 0:
        raise StepError(f"`{' '.join(map(str, command))}` failed: see its message above.")


def publish(site: Site, configuration: str, load: Callable[[], None]) -> Path | None:
    """Publish what was built, or raise a StepError and leave the site as it is; held, do nothing."""
    with site.locked():
        if site.hold.exists():
            print(f"Not published: {site.hold.read_text().strip()} is held until `website release`.")
            return None
        release = take_over(site)
        try:
            check(release, configuration)
            switch(site, release, load)
        except BaseException:
            shutil.rmtree(release, ignore_errors=True)
            raise
        print(f"Published {release}.")
        prune(site)
        return release


def take_over(site: Site) -> Path:
    """Copy the build to where only root can write; only files and folders are taken."""
    source = site.home / "build" / "site"
    if not source.is_dir() or source.is_symlink():
        raise StepError(f"{source} is not there: nothing was built.")
    release = site.home / "releases" / f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}"
    try:
        # Without modes: a copy that belongs to root must be no program that acts as root.
        shutil.copytree(source, release, symlinks=True, copy_function=shutil.copyfile)
        for path in [release, *release.rglob("*")]:
            _set_mode(path)
    except (OSError, shutil.Error, StepError) as error:
        shutil.rmtree(release, ignore_errors=True)
        raise StepError(f"The build could not be taken over: {error}") from None
    return release


def _set_mode(path: Path) -> None:
    kind = path.lstat().st_mode
    if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
        raise StepError(f"{path} is neither a file nor a folder.")
    path.chmod(0o755 if stat.S_ISDIR(kind) else 0o644)


def check(release: Path, configuration: str) -> None:
    """Check what nginx includes, line by line, and then the whole configuration with it."""
    _check_lines(release / ".headers.conf", HEADER)
    moved = [match.groups() for match in _check_lines(release / ".redirects.conf", REDIRECT)]
    old = [before.lower() for before, _ in moved]  # nginx's maps ignore case
    for before, after in moved:
        if old.count(before.lower()) > 1:
            raise StepError(f"[redirects]: {before} stands there twice, since upper and lower case are one.")
        if after.lower() in old:
            raise StepError(f"[redirects]: {before} leads to {after}, which itself leads on.")
    check_nginx(configuration.replace("/srv/website/current", str(release)))


def _check_lines(path: Path, form: re.Pattern[str]) -> list[re.Match[str]]:
    try:
        lines = path.read_text("ascii").split("\n")
    except (OSError, UnicodeDecodeError):
        raise StepError(f"{path.name} is not there, or not ASCII.") from None
    if lines.pop():
        raise StepError(f"{path.name} is not whole.")
    matches = []
    for number, line in enumerate(lines, 1):
        if not (match := form.fullmatch(line)):
            raise StepError(f"{path.name}, line {number}: {line!r} is not what nginx may include.")
        matches.append(match)
    return matches


def check_nginx(configuration: str) -> None:
    """Have nginx check a configuration."""
    with tempfile.NamedTemporaryFile("w", suffix=".conf", encoding="utf-8") as file:
        file.write(configuration)
        file.flush()
        command = [NGINX, "-e", "stderr", "-t", "-q", "-c", file.name]
        checked = subprocess.run(command, capture_output=True, text=True, check=False)
    if checked.returncode != 0:
        raise StepError(f"nginx does not take the configuration: {checked.stderr.strip()}")


def switch(site: Site, release: Path, load: Callable[[], None]) -> None:
    """Publish a release; where the web server cannot load it, the one of before stays."""
    before = site.published
    switch_link(site.current, release)
    try:
        load()
    except StepError:
        if before:
            switch_link(site.current, before)
        raise


def prune(site: Site) -> None:
    """Remove all but the newest releases, and never the published one."""
    stuck = []
    for release in site.releases()[:-KEPT]:
        if release != site.published:
            shutil.rmtree(release, onerror=lambda _call, path, _error: stuck.append(path))
    if stuck:
        raise StepError(f"The site is published, but {stuck[0]} cannot be removed: the disk will fill up.")


def roll_back(site: Site, name: str | None, configuration: str, load: Callable[[], None]) -> Path:
    """Publish an earlier release, and hold it until it is released."""
    with site.locked():
        names = [release.name for release in site.releases()]
        earlier = [one for one in names if site.published and one < site.published.name]
        wanted = name or (earlier[-1] if earlier else "")
        if wanted not in names:
            raise StepError(
                f"There is no earlier release{f' {name}' if name else ''}. There are: {', '.join(names)}."
            )
        release = site.home / "releases" / wanted
        check(release, configuration)
        switch(site, release, load)
        site.hold.write_text(f"{wanted}\n", "utf-8")
        return release


def reload_nginx() -> None:
    """Have a running nginx read its configuration again; one that is down reads it when it starts."""
    if succeeds("systemctl", "is-active", "--quiet", "nginx") and not succeeds(
        "systemctl", "reload", "nginx"
    ):
        raise StepError("nginx could not be reloaded: see journalctl -u nginx.")


def running_configuration() -> str:
    """Return the configuration that nginx runs with."""
    return Path(NGINX_CONF).read_text("utf-8")
