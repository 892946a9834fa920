"""Publishing: what is merged goes online whole, and whatever fails leaves the published site as it is."""

import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

from deploy.operations import releases
from deploy.operations.files import nginx_conf
from deploy.operations.install import nginx_version
from deploy.operations.machine import StepError
from deploy.operations.releases import Site
from tests.parts.git import git, merge
from tests.parts.processes import ROOT, needs_debian_package
from tests.parts.web_server import BROTLI, NGINX, certificate

HOME_PAGE = "content/pages/home.md"
HEADERS = 'add_header Referrer-Policy "same-origin" always;\n'


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository with this project's content."""
    repository = tmp_path / "repository"
    shutil.copytree(ROOT / "content", repository / "content")
    git(repository, "init", "--initial-branch", "main")
    git(repository, "add", ".")
    git(repository, "commit", "--message", "The content")
    return repository


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Return the folders of a server on which nothing is built yet."""
    for name in ("build", "releases"):
        (tmp_path / "home" / name).mkdir(parents=True)
    return Site(tmp_path / "home")


@pytest.fixture
def configuration(tmp_path: Path) -> str:
    """Return nginx's configuration as shipped, with a certificate of the test."""
    needs_debian_package("nginx", NGINX)
    needs_debian_package("libnginx-mod-http-brotli-static", BROTLI)
    (tmp_path / "certificate").mkdir()
    certificate(tmp_path / "certificate")
    text = nginx_conf("www.example.org", nginx_version())
    return text.replace("/etc/nginx/website/certificate", str(tmp_path / "certificate"))


def built(site: Site, text: str = "built", headers: str = HEADERS, redirects: str = "") -> None:
    """Leave a small build, as the user `website` does."""
    work = site.home / "build/site"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    (work / "index.html").write_text(text)
    (work / ".headers.conf").write_text(headers)
    (work / ".redirects.conf").write_text(redirects)


def nothing() -> None:
    """Stand for a web server that takes the new site."""


def refuse() -> None:
    """Stand for a web server that cannot be reloaded."""
    raise StepError("nginx could not be reloaded")


@pytest.fixture
def published(site: Site, configuration: str) -> Path:
    """Publish a first release."""
    built(site, "first")
    release = releases.publish(site, configuration, nothing)
    assert release
    return release


def test_merge_is_published_and_a_bad_one_is_not(repository: Path, site: Site, configuration: str) -> None:
    """New words go live whole, whatever is left over of an earlier try; a bad build stays where it is."""
    merge(repository, HOME_PAGE, "\n\nNew words from an editor.\n")
    site.home.joinpath("build/tree").mkdir()
    site.home.joinpath("build/publish-now").touch()
    site.home.joinpath(".current.new").symlink_to("nowhere")

    releases.build(site, str(repository))
    first = releases.publish(site, configuration, nothing)

    assert first is not None
    assert first == site.published
    assert "New words from an editor." in (first / "index.html").read_text("utf-8")
    assert not (site.home / "build/publish-now").exists()

    merge(repository, "content/organisation.toml", "\nthis is no TOML\n")

    with pytest.raises(StepError, match="pelican"):
        releases.build(site, str(repository))
    with pytest.raises(StepError, match="nothing was built"):
        releases.publish(site, configuration, nothing)
    assert site.published == first


def test_pictures_are_made_once(repository: Path, site: Site) -> None:
    """The pictures that a build made of a photo are there for the next one, which makes none of them anew."""
    Image.new("RGB", (600, 400)).save(repository / "content/images/pipe.jpg")
    git(repository, "add", ".")
    merge(repository, HOME_PAGE, "\n\n![A pipe](/images/pipe.jpg)\n")

    releases.build(site, str(repository))
    made = {path: path.stat().st_mtime_ns for path in (site.home / "build/pictures").iterdir()}
    releases.build(site, str(repository))

    assert len(made) == 4
    assert {path: path.stat().st_mtime_ns for path in (site.home / "build/pictures").iterdir()} == made


@pytest.mark.parametrize(
    ("headers", "redirects", "sentence"),
    [
        (f"{HEADERS}error_log /tmp/owned;\n", "", "line 2"),
        ('add_header X "$ssl_client_cert" always;\n', "", "line 1"),
        ('add_header X "a\\" always; error_log /tmp/x; #" always;\n', "", "line 1"),
        ('add_header X "a" always; include /etc/shadow;\n', "", "line 1"),
        (HEADERS.rstrip("\n"), "", "not whole"),
        (HEADERS + "\u00a0\n", "", "not ASCII"),
        (HEADERS, "/Contact/ /contact/;\n", "itself leads on"),
        (HEADERS, "/a/ /b/;\n/b/ /c/;\n", "itself leads on"),
        (HEADERS, "/Old/ /contact/;\n/old/ /contact/;\n", "twice"),
        (HEADERS, "~.* /contact/;\n", "line 1"),
        (HEADERS, "/old/ $request_body;\n", "line 1"),
        (HEADERS, "/old/ /contact/;include /etc/passwd;\n", "line 1"),
        (HEADERS, "/old/ //evil.example/;\n", "line 1"),
        (HEADERS, f"/{'x' * 300}/ /contact/;\n", "line 1"),
    ],
)
def test_what_nginx_includes_is_strict(tmp_path: Path, headers: str, redirects: str, sentence: str) -> None:
    """A line that could mean anything else to nginx is refused."""
    (tmp_path / ".headers.conf").write_text(headers)
    (tmp_path / ".redirects.conf").write_text(redirects)

    with pytest.raises(StepError, match=sentence):
        releases.check(tmp_path, configuration="")


def link(work: Path) -> None:
    """Put a symbolic link into the build."""
    (work / "shadow").symlink_to("/etc/passwd")


def pipe(work: Path) -> None:
    """Put a named pipe into the build."""
    os.mkfifo(work / "pipe")


def no_headers(work: Path) -> None:
    """Take a file away that nginx includes."""
    (work / ".headers.conf").unlink()


def directive(work: Path) -> None:
    """Have the build tell nginx to write a file."""
    (work / ".headers.conf").write_text("error_log /tmp/owned;\n")


@pytest.mark.parametrize("spoil", [link, pipe, no_headers, directive, shutil.rmtree])
def test_build_that_root_does_not_take(
    site: Site, published: Path, configuration: str, spoil: Callable[[Path], None]
) -> None:
    """A build with anything but files and folders, or not whole, is refused, and the published site stays."""
    built(site, "second")
    spoil(site.home / "build/site")

    with pytest.raises(StepError):
        releases.publish(site, configuration, nothing)

    assert site.published == published
    assert site.releases() == [published]


def test_copy_belongs_to_root_alone(site: Site, configuration: str) -> None:
    """A build's file that would act with its owner's rights is an ordinary file once published."""
    built(site)
    (site.home / "build/site/tool").touch(0o600)
    (site.home / "build/site/tool").chmod(0o4755)

    release = releases.publish(site, configuration, nothing)

    assert release
    assert (release / "tool").stat().st_mode & 0o7777 == 0o644


def test_configuration_that_nginx_refuses(site: Site, published: Path, configuration: str) -> None:
    """Where nginx does not take the whole configuration, nothing is switched."""
    built(site, "second")

    with pytest.raises(StepError, match="nginx does not take"):
        releases.publish(site, f"{configuration}\nno_such_directive;", nothing)

    assert site.published == published
    assert site.releases() == [published]


def test_reload_that_fails(site: Site, published: Path, configuration: str) -> None:
    """Where the running nginx cannot load the new site, the link leads back to the one that it serves."""
    built(site, "second")

    with pytest.raises(StepError, match="could not be reloaded"):
        releases.publish(site, configuration, refuse)

    assert site.published == published
    assert site.releases() == [published]


@contextmanager
def immovable(path: Path) -> Iterator[None]:
    """Have the file system refuse to remove a file."""
    if subprocess.run(["/usr/bin/chattr", "+i", path], check=False, capture_output=True).returncode != 0:
        pytest.skip("needs root and a file system with immutable files")
    try:
        yield
    finally:
        subprocess.run(["/usr/bin/chattr", "-i", path], check=True)


def test_old_release_that_cannot_be_removed(site: Site, published: Path, configuration: str) -> None:
    """With it the newest goes online, and the alarm is raised; the published release is never removed."""
    with immovable(published / "index.html"):
        for number in range(releases.KEPT - 1):
            built(site, f"build {number}")
            releases.publish(site, configuration, nothing)
        built(site, "the newest")
        with pytest.raises(StepError, match="cannot be removed"):
            releases.publish(site, configuration, nothing)

        newest = site.releases()[-1]
        assert site.published == newest
        assert (newest / "index.html").read_text() == "the newest"


def test_the_newest_releases_are_kept(site: Site, configuration: str) -> None:
    """Five stay, to go back to."""
    for number in range(releases.KEPT + 2):
        built(site, f"build {number}")
        releases.publish(site, configuration, nothing)

    texts = [(release / "index.html").read_text() for release in site.releases()]
    assert texts == [f"build {number}" for number in range(2, releases.KEPT + 2)]


def test_rollback_stays_until_it_is_released(site: Site, published: Path, configuration: str) -> None:
    """After a rollback nothing is published until it is released, and the release is not lost by pruning."""
    built(site, "second")
    second = releases.publish(site, configuration, nothing)

    assert releases.roll_back(site, None, configuration, nothing) == published
    built(site, "third")
    assert releases.publish(site, configuration, nothing) is None
    assert site.published == published

    site.hold.unlink()
    third = releases.publish(site, configuration, nothing)
    assert third not in (None, second)
    assert site.published == third


@pytest.mark.parametrize("name", [None, "20200101T000000Z", "../build/site"])
def test_rollback_to_nowhere(site: Site, published: Path, configuration: str, name: str | None) -> None:
    """A release that is not there is named with those that are, and nothing changes."""
    with pytest.raises(StepError, match=published.name):
        releases.roll_back(site, name, configuration, nothing)

    assert site.published == published
    assert not site.hold.exists()


def test_two_cannot_switch_at_once(site: Site, published: Path, configuration: str) -> None:
    """A rollback during a publishing waits for its end."""
    built(site, "second")
    entered, leave = threading.Event(), threading.Event()

    def slow_reload() -> None:
        entered.set()
        leave.wait(60)

    publishing = threading.Thread(target=releases.publish, args=[site, configuration, slow_reload])
    publishing.start()
    entered.wait(60)
    rolling_back = threading.Thread(target=releases.roll_back, args=[site, None, configuration, nothing])
    rolling_back.start()
    assert not site.hold.exists()
    leave.set()
    publishing.join(60)
    rolling_back.join(60)

    assert site.published == published
    assert site.hold.exists()
