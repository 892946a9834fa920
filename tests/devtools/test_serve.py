"""`make serve`: pages, forms and outbox on one port, rebuilt on save, and nothing left behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import httpx
import lxml.html
import pytest
from axe_playwright_python.base import AXE_SCRIPT, AxeResults
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.parts.browser import SCROLLS_SIDEWAYS
from tests.parts.git import git
from tests.parts.processes import logging_to, needs_debian_package, until
from tests.parts.stack import checkout

WORDS = {
    "name": "Nomvula Ngcobo-d'Arc",
    "email": "nomvula@example.com",
    "sector": "Other",
    "message": "Which pipes are older than forty years?",
}
HOME_PAGE = "content/pages/home.md"
PAGE, PREVIEW_OF_PAGE = "content/pages/about-us.md", "preview/about-us/index.html"
TITLED = "Title: About us\nDescription: Who we are.\n"
SCHEMES: list[Literal["light", "dark"]] = ["light", "dark"]


def free_ports() -> int:
    """Return the first of four free ports in a row."""
    for first in range(20000 + os.getpid() % 1000 * 12, 32000, 4):
        try:
            for port in range(first, first + 4):
                socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return first
    raise RuntimeError("No four free ports in a row.")


@dataclass
class Development:
    """A running `python -m devtools.serve` on a copy of the sources."""

    root: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def printed(self) -> list[str]:
        """Return the lines on standard output."""
        return (self.root.parent / "stdout").read_text("utf-8").splitlines()

    @property
    def complaints(self) -> list[str]:
        """Return the lines on standard error."""
        return (self.root.parent / "stderr").read_text("utf-8").splitlines()

    @property
    def processes(self) -> list[int]:
        """Return every process at work in the copy."""
        everything = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
        return [pid for pid in everything if working_folder(pid) == self.root]

    def address(self, path: str) -> str:
        """Return the full address of a path."""
        return f"http://127.0.0.1:{self.port}{path}"

    def get(self, path: str) -> httpx.Response:
        """Fetch a page."""
        return httpx.get(self.address(path), timeout=30)

    def send(self, words: dict[str, str]) -> httpx.Response:
        """Send the enquiry form as a person would who presses Send again when told to."""
        shown = self.get("/enquiry/")
        answer = self.post(words, shown)
        sent_too_soon = answer.status_code == 422
        return self.post(words, answer) if sent_too_soon else answer

    def post(self, words: dict[str, str], shown: httpx.Response) -> httpx.Response:
        """Send the form that a page shows."""
        token = lxml.html.fromstring(shown.text).xpath("string(//input[@name='token']/@value)")
        return httpx.post(self.address("/enquiry/"), data=words | {"token": token}, timeout=30)

    def catcher(self) -> int:
        """Return the process of the mail catcher."""
        return next(pid for pid in self.processes if b"devtools.mail_catcher" in command_line(pid))


def append(path: Path, text: str) -> None:
    """Add text to a file, in one write."""
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def save_long_ago(path: Path, text: str) -> None:
    """Write a file with an old date, as one has that was not saved during a build."""
    path.write_text(text, "utf-8")
    os.utime(path, (1e9, 1e9 + len(text)))  # another text was saved at another moment


def working_folder(pid: int) -> Path | None:
    """Return the folder that a process works in, or None when it is gone."""
    try:
        return Path(f"/proc/{pid}/cwd").readlink()
    except OSError:
        return None


def command_line(pid: int) -> bytes:
    """Return the command of a process, or nothing when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def start(folder: Path, port: int, **changed: str) -> Development:
    """Start the development site on a copy of the sources, in a shell that has a setting of Flask's own."""
    root = folder / "copy"
    folders = {"HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp")}
    environment = os.environ | folders | {"FLASK_MAIL_FROM": "leaked"} | changed
    with (folder / "stdout").open("wb") as stdout, (folder / "stderr").open("wb") as stderr:
        command = [sys.executable, "-m", "devtools.serve", "--port", str(port)]
        process = subprocess.Popen(command, cwd=root, env=environment, stdout=stdout, stderr=stderr)
    return Development(root, port, process)


def prepare(folder: Path) -> Path:
    """Fill a folder with a copy of the sources, an empty home and an empty folder for temporary files."""
    folder.mkdir(exist_ok=True)
    checkout(folder / "copy")
    for name in ("home", "tmp"):
        (folder / name).mkdir()
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return such a folder."""
    return prepare(tmp_path)


@dataclass
class Builder:
    """A running `python -m devtools.builder` on a copy of the sources."""

    root: Path
    process: subprocess.Popen[str]

    def answer(self) -> dict[str, Any]:
        """Return how the next build went."""
        assert self.process.stdout
        result = json.loads(self.process.stdout.readline())
        assert isinstance(result, dict)
        return result

    def build(self) -> dict[str, Any]:
        """Have the site built again, and return how that went."""
        print(file=self.process.stdin, flush=True)
        return self.answer()

    @property
    def complaints(self) -> list[str]:
        """Return the lines on standard error."""
        return (self.root.parent / "stderr").read_text("utf-8").splitlines()


@pytest.fixture
def builder(folder: Path) -> Iterator[Builder]:
    """Return the running builder, once it has built the site for the first time."""
    command = [sys.executable, "-m", "devtools.builder"]
    with (
        (folder / "stderr").open("wb") as stderr,
        subprocess.Popen(
            command,
            cwd=folder / "copy",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        ) as process,
    ):
        running = Builder(folder / "copy", process)
        running.answer()
        yield running


@contextmanager
def serving(folder: Path, **changed: str) -> Iterator[Development]:
    """Run the development site."""
    running = start(folder, free_ports(), **changed)
    until(lambda: len(running.printed) >= 3 or running.process.poll() is not None)

    assert running.process.poll() is None, running.complaints

    with logging_to(folder / "stderr", "make serve"):
        yield running
    running.process.kill()
    running.process.wait()
    until(lambda: not running.processes)


@pytest.fixture
def development(folder: Path) -> Iterator[Development]:
    """Run a development site for one test."""
    with serving(folder) as running:
        yield running


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Development]:
    """Run a development site for the tests that leave its sources as they are."""
    with serving(prepare(tmp_path_factory.mktemp("untouched"))) as running:
        yield running


def test_first_lines_name_the_addresses(untouched: Development) -> None:
    """The first lines name the site, the form and the outbox, and each answers."""
    addresses = [line.split()[1] for line in untouched.printed[:3]]

    assert [line.split()[0] for line in untouched.printed[:3]] == ["Site", "Form", "Outbox"]
    assert [httpx.get(address).status_code for address in addresses] == [200, 200, 200]


def test_nothing_answers_before_all_of_it_does(folder: Path) -> None:
    """Whoever asks from the first moment on is answered by the form, and never told that it is not there."""
    development = start(folder, free_ports())
    answered: list[int] = []

    def ask() -> bool:
        with suppress(httpx.TransportError):
            answered.append(development.get("/enquiry/").status_code)
        return bool(answered)

    try:
        until(ask)
    finally:
        development.process.send_signal(signal.SIGINT)
        development.process.wait(timeout=60)

    assert answered == [200]


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "x@localhost",
    ],
)
def test_other_names_are_not_served(untouched: Development, host: str) -> None:
    """Under a name that is not this machine's, neither the site nor the mail catcher's own port answers."""
    paths = ["/", "/enquiry/", "/outbox/", "/outbox/1/", "/live-reload", "/live-reload.js", "/no-such-page"]
    answers = [
        httpx.get(f"http://127.0.0.1:{port}{path}", headers={"Host": host.format(port=port)}).status_code
        for port in (untouched.port, untouched.port + 3)
        for path in paths
    ]

    assert set(answers) == {421}


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1", "[::1]:1"])
def test_own_names_are_served(untouched: Development, host: str) -> None:
    """Under each name of this machine, with whatever port, the site and the outbox answer."""
    answers = [
        httpx.get(untouched.address(path), headers={"Host": host}).status_code
        for path in ("/", "/enquiry/", "/outbox/")
    ]

    assert answers == [200, 200, 200]


def test_no_name_is_not_served(untouched: Development) -> None:
    """A request without a Host, and one with two of them, is not served."""
    for hosts in ("", "Host: localhost\r\nHost: evil.example\r\n"):
        with socket.create_connection(("127.0.0.1", untouched.port), timeout=20) as connection:
            connection.sendall(f"GET /outbox/ HTTP/1.0\r\n{hosts}\r\n".encode())

            assert b" 421 " in connection.makefile("rb").readline()


def test_pages_as_in_production(untouched: Development) -> None:
    """A folder's address is redirected to end in a slash, and a missing page gets the site's 404."""
    redirected = untouched.get("/products?from=test")
    missing = untouched.get("/nowhere/")

    assert (redirected.status_code, redirected.headers["Location"]) == (301, "/products/?from=test")
    assert missing.status_code == 404
    assert "default-src 'none'" in missing.headers["Content-Security-Policy"]
    assert missing.headers["Cache-Control"] == "no-store"


def test_enquiry_arrives(untouched: Development) -> None:
    """An enquiry shows in the outbox as staff would see it, and no log holds its words."""
    sent = untouched.send(WORDS)
    thanks = untouched.get(sent.headers["Location"])
    mail = lxml.html.fromstring(untouched.get("/outbox/1/").text)
    headers = dict(zip(mail.xpath("//dt/text()"), mail.xpath("//dd/text()"), strict=True))
    log = "\n".join(untouched.printed + untouched.complaints)

    assert (sent.status_code, thanks.status_code) == (303, 200)
    assert "website@example.org" in headers["From"]
    assert WORDS["email"] in headers["Reply-To"]
    assert WORDS["message"] in mail.xpath("string(//pre)")
    assert WORDS["name"] in mail.xpath("string(//pre)")
    assert "Message-ID:" in untouched.get("/outbox/1/source").text
    assert [word for word in ("Nomvula", "nomvula", "pipes") if word in log] == []


def test_saving_reloads(development: Development) -> None:
    """Saving a page rebuilds the site and tells open pages to reload."""
    with httpx.stream("GET", development.address("/live-reload"), timeout=20) as stream:
        events = (json.loads(line.removeprefix("data: ")) for line in stream.iter_lines() if line)
        before = next(events)
        append(development.root / HOME_PAGE, "\n\nJust written.\n")
        after = next(event for event in events if event != before)

    assert (after["built"], after["mistakes"]) == (True, [])
    assert after["shown"] != before["shown"]
    assert "Just written." in development.get("/").text
    assert '<script src="/live-reload.js" ' in development.get("/").text


def test_start_with_a_mistake(folder: Path) -> None:
    """Where the facts cannot be read at the start, the mistake is told; once corrected, all is served."""
    facts = folder / "copy/content/organisation.toml"
    good = facts.read_text("utf-8")
    facts.write_text(f"[[\n{good}", "utf-8")
    development = start(folder, free_ports())
    try:
        until(
            lambda: any(line.startswith("content/organisation.toml:1: ") for line in development.complaints)
        )
        facts.write_text(good, "utf-8")
        until(lambda: len(development.printed) >= 3)

        assert development.get("/").status_code == 200
    finally:
        development.process.send_signal(signal.SIGINT)
        development.process.wait(timeout=60)


def test_open_pages_are_renewed(development: Development, browser: Browser) -> None:
    """Saved words appear in an open page without a reload, and an open form keeps what was typed."""
    page, form = (browser.new_page(base_url=development.address("")) for _ in range(2))
    page.goto("/about-us/")
    form.goto("/enquiry/")
    form.get_by_label("Name and surname").fill("Nomvula Dlamini")
    for opened in (page, form):
        opened.evaluate("window.here = true")

    for opened, source in ((page, "about-us.md"), (form, "enquiry/index.md")):
        append(development.root / "content/pages" / source, "\n\nJust written.\n")
        expect(opened.get_by_text("Just written.")).to_be_visible()

    expect(form.get_by_label("Name and surname")).to_have_value("Nomvula Dlamini")
    assert page.evaluate("window.here")
    assert form.evaluate("window.here")
    page.close()
    form.close()


def test_mistakes_in_the_browser(development: Development, browser: Browser) -> None:
    """Mistakes show as text over the last good page; they can be hidden, and are gone once corrected."""
    news, template = development.root / "content/news/new.md", development.root / "theme/templates/page.html"
    page = browser.new_page(base_url=development.address(""))
    page.goto("/about-us/")
    panel, written = page.get_by_role("alert", name="Mistakes"), page.get_by_text("Just written.")
    append(development.root / "content/pages/about-us.md", "\n\nJust written.\n")

    expect(written).to_be_visible()

    news.write_text("Title: New\nDate: <b>soon</b>\n\nText\n", "utf-8")

    expect(panel).to_contain_text('"<b>soon</b>" is no date')
    expect(written).to_be_visible()

    panel.press("Escape")

    expect(panel).not_to_be_attached()

    good = template.read_text("utf-8")
    append(template, "{% if %}")

    expect(panel).to_contain_text("theme/templates/page.html:")
    expect(panel).to_contain_text("<b>soon</b>")
    expect(written).to_be_visible()

    news.write_text("Title: New\nDate: <b>later</b>\n\nText\n", "utf-8")

    expect(panel).to_contain_text("<b>later</b>")

    assert_accessible(page, "#mistakes")
    panel.get_by_role("button", name="Hide").click()
    page.reload()

    expect(written).to_be_visible()
    expect(panel).not_to_be_attached()

    template.write_text(good, "utf-8")

    expect(panel).to_be_visible()

    news.unlink()

    expect(panel).not_to_be_attached()
    page.close()


def assert_accessible(page: Page, part: str) -> None:
    """Assert that axe finds nothing wrong with a part of the page, light and dark."""
    page.evaluate(AXE_SCRIPT)
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        found = AxeResults(page.evaluate(f"axe.run('{part}')"))
        assert found.violations_count == 0, found.generate_report()


def test_where_a_page_comes_from(tmp_path: Path, browser: Browser) -> None:
    """The foot of a page names its file, which opens in the editor, the branch, and what is not handed in."""
    needs_debian_package("git", "/usr/bin/git")
    folder = prepare(tmp_path / "an editor's 100%")
    copy = folder / "copy"
    git(copy, "init", "--initial-branch", "new-words")
    git(copy, "add", ".")
    git(copy, "commit", "--message", "Begin")
    git(copy, "clone", "--bare", ".", "../repository")
    git(copy, "remote", "add", "--fetch", "origin", "../repository")
    opens = f"test://open{tmp_path}/an%20editor%27s%20100%25/copy"
    with serving(folder, EDITOR_URL="test://open{path}#{line}") as development:
        page = browser.new_page(base_url=development.address(""))
        page.goto("/about-us/")
        foot = page.get_by_role("complementary", name="Preview")

        expect(foot).to_contain_text("Branch new-words: nothing to hand in")
        expect(foot.get_by_role("link", name=PAGE)).to_have_attribute("href", f"{opens}/{PAGE}#1")

        append(copy / PAGE, "\n\n[nowhere](/nowhere/)\n")
        line = len((copy / PAGE).read_text("utf-8").splitlines())
        place = page.get_by_role("alert", name="Mistakes").get_by_role("link", name=f"{PAGE}:{line}")

        expect(foot).to_contain_text("Branch new-words: 1 file changed and not handed in")
        expect(place).to_have_attribute("href", f"{opens}/{PAGE}#{line}")

        git(copy, "commit", "--all", "--message", "Commit, and do not send")
        (copy / "content/news/\u00e9.md").write_text("Title: New\n", "utf-8")

        expect(foot).to_contain_text("Branch new-words: 2 files changed and not handed in")

        assert_accessible(page, "#preview")
        page.set_viewport_size({"width": 320, "height": 500})
        assert not page.evaluate(SCROLLS_SIDEWAYS)
        page.close()


def test_where_a_page_comes_from_without_git(untouched: Development, browser: Browser) -> None:
    """Without git and an editor the foot names the file alone, on a form and on the page of an error."""
    page = browser.new_page(base_url=untouched.address(""))
    files = {"/enquiry/": "content/pages/enquiry/index.md", "/nowhere/": "content/pages/errors/404.md"}
    for path, file in files.items():
        page.goto(path)
        foot = page.get_by_role("complementary", name="Preview")

        expect(foot).to_have_text(file)
        expect(foot.get_by_role("link")).to_have_count(0)
    page.close()


@pytest.mark.parametrize(
    "given", ["code", "vscode://file/", "vscode://file/{file}", "{path}", "a:{path} {line}"]
)
def test_no_address_of_an_editor(folder: Path, given: str) -> None:
    """An EDITOR_URL of which no link can be made ends the start with the cure."""
    refused = start(folder, free_ports(), EDITOR_URL=given)
    cure = "Write it with {path}, and {line} if the editor knows lines, like vscode://file/{path}:{line}"

    assert refused.process.wait(timeout=20) == 1
    assert refused.complaints == [f'EDITOR_URL: "{given}" is no address of an editor. {cure}']


def test_mistakes_on_a_terminal_are_links(folder: Path) -> None:
    """On a terminal the place of a mistake opens the file at the line in the editor."""
    (folder / "copy" / PAGE).write_text(f"{TITLED}\n[nowhere](/nowhere/)\n", "utf-8")
    ours, terminal = os.openpty()
    with os.fdopen(ours, "rb", buffering=0) as screen, os.fdopen(terminal, "wb") as stderr:
        subprocess.run(
            [sys.executable, "-m", "devtools.builder"],
            cwd=folder / "copy",
            env=os.environ | {"EDITOR_URL": "test://open{path}#{line}"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            check=True,
        )
        shown = screen.read(10_000).decode()

    address = f"test://open{folder}/copy/{PAGE}#4"
    assert f"\x1b]8;;{address}\x1b\\{PAGE}:4\x1b]8;;\x1b\\: There is no page /nowhere/." in shown


OTHER_LABELS = 'COLLECTED = {"size": "Shoe size"}\n\ndef asked_under(_):\n    return COLLECTED\n'
# What is written where, whether the pages are built all the same, and what is said of it.
MISTAKES = [
    (PAGE, "No title here.\n", True, PAGE),
    ("content/news/new.md", "Title: New\nDate: soon\n\nText\n", True, '"soon" is no date'),
    (
        "content/news/new.md",
        "Title: New\nDate: 2026-01-01\nDate: 2026-01-02\n",
        True,
        '"Date" stands in line 2 too',
    ),
    ("content/privacy/tomorrow.md", "Title: Statement\n\nText\n", True, "content/privacy/tomorrow.md:1: "),
    ("content/organisation.toml", 'name = "IMQS"\nof = all\n', False, "content/organisation.toml:2: "),
    ("content/organisation.toml", 'name = "IMQS"\n\n[contact', False, "content/organisation.toml:3: "),
    ("theme/templates/page.html", "\n{% if %}", False, "theme/templates/page.html:2: "),
    ("theme/templates/page.html", "\n\n{{ 1 / 0 }}", False, "theme/templates/page.html:3: "),
    ("plugins/output/sitemap.py", "\ndef\n", False, "plugins/output/sitemap.py:2: "),
    ("pelicanconf.py", "=", False, "pelicanconf.py:1: "),
    ("form_backend/labels.py", OTHER_LABELS, True, 'asks for "Shoe size"'),
]


def test_mistakes_are_reported_until_corrected(builder: Builder) -> None:
    """Each build reports a mistake in one line until it is corrected; the last good page stays."""
    page = builder.root / PREVIEW_OF_PAGE
    good_page, wrong = page.read_text("utf-8"), []
    for path, text, built, expected in MISTAKES:
        changed = builder.root / path
        good = changed.read_text("utf-8") if changed.exists() else ""
        save_long_ago(changed, text)
        answers = [builder.build(), builder.build()]
        lines = answers[0]["mistakes"]
        changed.write_text(good, "utf-8") if good else changed.unlink()
        found = (
            answers == [{"built": built, "mistakes": lines}] * 2,
            any(expected in line for line in lines),
            builder.complaints[-len(lines) :] == lines,
            built or page.read_text("utf-8") == good_page,
            builder.build() == {"built": True, "mistakes": []},
        )
        if not all(found):
            wrong.append((path, text, found, answers))

    assert wrong == []


# A file, some text in it, what takes its place, and what the page then shows.
CHANGES = [
    ("theme/templates/partials/footer.html", "<footer", '<footer id="new"', 'id="new"'),
    ("theme/site.css", "/* Layout */", "p { order: 7 }\n/* Layout */", "order:7"),
    ("content/organisation.toml", 'tagline = "', 'tagline = "New ', "<p>New "),
    ("plugins/reading/markdown.py", '"tabindex", "0"', '"tabindex", "7"', '<table tabindex="7"'),
    ("pelicanconf.py", 'organisation.toml")', 'organisation.toml") | {"tagline": "Set"}', "<p>Set"),
    (PAGE, "***", "First words", "First words"),
    (PAGE, "First", "Second", "Second words"),
]


def test_changes_are_noticed(builder: Builder) -> None:
    """A rebuild picks up a changed theme, fact, plugin, setting, and a page whose date did not change."""
    page = builder.root / PREVIEW_OF_PAGE
    save_long_ago(builder.root / PAGE, f"{TITLED}\n***\n\n| a |\n|---|\n| b |\n")
    builder.build()

    assert list((builder.root / ".cache").rglob("*-Readers"))

    missed, future = [], time.time() + 1000
    for path, before, after, shown in CHANGES:
        changed = builder.root / path
        changed.write_text(changed.read_text("utf-8").replace(before, after, 1), "utf-8")
        os.utime(changed, (future, future))  # as if each were saved twice within a tick of the clock
        shown_before = shown in page.read_text("utf-8")
        built = builder.build() == {"built": True, "mistakes": []}
        if shown_before or not built or shown not in page.read_text("utf-8"):
            missed.append(path)

    assert missed == []


def test_removed_and_replaced_files(builder: Builder) -> None:
    """A removed file is gone, a replaced one is new, and an unchanged page is not written again."""
    picture, shown = builder.root / "content/images/a.webp", builder.root / "preview/images"
    unchanged = builder.root / "preview/about-us/index.html"
    contact = builder.root / "content/pages/contact.md"
    contact_text = contact.read_text("utf-8")
    written = unchanged.stat().st_ctime_ns
    page, record = builder.root / "content/pages/new.md", builder.root / "content/published.toml"
    published = record.read_text("utf-8")
    record.write_text(published.replace('"/about-us/",', '"/about-us/", "/new/",'), "utf-8")
    page.write_text("Title: New\nDescription: What is new.\n\nText\n", "utf-8")
    contact.write_text(f"{contact_text}\n![A plan](/images/a.webp)\n", "utf-8")
    Image.new("RGB", (30, 20)).save(picture)

    assert builder.build() == {"built": True, "mistakes": []}
    assert (builder.root / "preview/new/index.html").exists()

    older = builder.root / "older"
    Image.new("RGB", (20, 30)).save(older, "WEBP")
    os.utime(older, (0, 0))
    older.replace(picture)
    page.unlink()
    record.write_text(published, "utf-8")
    builder.build()

    assert [file.name.partition(".")[0] for file in shown.glob("a-*.webp")] == ["a-20"]
    assert not (builder.root / "preview/new/index.html").exists()
    assert unchanged.stat().st_ctime_ns == written

    contact.write_text(contact_text, "utf-8")
    picture.unlink()
    builder.build()

    assert not list(shown.glob("a-*.webp"))


# Python runs this first: what only Linux has is missing, as are all programs.
ELSEWHERE = """
import os, select, signal, sys

class Missing:
    def find_spec(self, name, *_):
        if name.partition(".")[0] in {"landlockpy", "prctl", "systemd"}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Missing())
for module in (os, select, signal):
    for name in dir(module):
        if name.startswith(("epoll", "EPOLL", "eventfd", "memfd", "pidfd", "sched_", "splice")):
            delattr(module, name)
"""


def test_without_what_only_linux_has(folder: Path) -> None:
    """What editors run works without Linux's own libraries and programs; a line says what is left out."""
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere/sitecustomize.py").write_text(ELSEWHERE, "utf-8")
    environment = {"PATH": "", "PYTHONPATH": str(folder / "elsewhere")}
    for command in ("devtools.new_page statement -- ", "pelican -s publishconf.py --fatal warnings"):
        subprocess.run(
            [sys.executable, "-m", *command.split(" ")],
            cwd=folder / "copy",
            env=os.environ | environment,
            check=True,
            capture_output=True,
        )
    with serving(folder, **environment) as development:
        until(lambda: len(development.printed) == 5)
        append(development.root / HOME_PAGE, "\n\nJust written.\n")

        until(lambda: "Just written." in development.get("/").text)
        assert development.send(WORDS).status_code == 303
        assert WORDS["email"] in development.get("/outbox/1/").text
        assert [line.split(":")[0] for line in development.printed[3:]] == [
            "Without the sandbox",
            "Without setpriv",
        ]
        assert '"event": "unsandboxed"' in "\n".join(development.complaints)

        development.process.send_signal(signal.SIGINT)

        assert development.process.wait(timeout=20) == 0
        assert development.processes == []


def test_backend_is_restarted(development: Development) -> None:
    """A mistake in the form backend leaves the static frame with status 503; correcting it is enough."""
    module = development.root / "form_backend/__init__.py"
    good = module.read_text("utf-8")
    module.write_text("def\n", "utf-8")

    until(lambda: development.get("/enquiry/").status_code == 503)
    assert development.get("/").status_code == 200

    module.write_text(good, "utf-8")

    until(lambda: development.get("/enquiry/").status_code == 200)


def test_mail_catcher_is_killed(development: Development) -> None:
    """While the mail catcher is down the form keeps every word with status 503; then Send delivers once."""
    os.kill(development.catcher(), signal.SIGKILL)
    failed = development.send(WORDS)
    typed = lxml.html.fromstring(failed.text)

    assert failed.status_code == 503
    assert typed.xpath("string(//textarea[@name='message'])").strip() == WORDS["message"]
    assert typed.xpath("string(//input[@name='name']/@value)") == WORDS["name"]

    ports = [f"--smtp-port={development.port + 2}", f"--http-port={development.port + 3}"]
    command = [sys.executable, "-m", "devtools.mail_catcher", *ports]
    with subprocess.Popen(command, cwd=development.root) as catcher:
        until(lambda: development.get("/outbox/").status_code == 200)
        answers = [development.post(WORDS, failed).status_code for _ in range(2)]
        mails = lxml.html.fromstring(development.get("/outbox/").text).xpath("//main//li")
        catcher.terminate()

    assert answers == [303, 303]
    assert len(mails) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_end_everything(development: Development, number: signal.Signals) -> None:
    """A signal ends every process without a traceback and leaves no file outside the checkout."""
    development.send(WORDS)
    development.process.send_signal(number)
    code = development.process.wait(timeout=20)
    outside = [path for name in ("home", "tmp") for path in (development.root.parent / name).iterdir()]

    assert code == 0
    assert development.processes == []
    assert "Traceback" not in "\n".join(development.complaints)
    assert outside == []


def test_crash_ends_everything(development: Development) -> None:
    """Killing the parent process ends its children too."""
    development.process.kill()
    development.process.wait()

    assert until(lambda: not development.processes)


def test_port_in_use(folder: Path) -> None:
    """A port in use ends the start with one sentence that names it and the cure."""
    port = free_ports()
    with socket.create_server(("127.0.0.1", port + 2)):
        refused = start(folder, port)
        code = refused.process.wait(timeout=20)

    cure = f"end what uses it, or take others with `make serve PORT={port + 100}`"

    assert code == 1
    assert refused.complaints == [f"Port {port + 2} cannot be used: {cure}."]
