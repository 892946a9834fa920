"""Damaged files: whatever a file of content/ holds, each build answers with file, line, fault and cure."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random

import pytest

from tests.parts.notice import NOTICE
from tests.parts.processes import ROOT
from tests.parts.stack import build_project, checkout

SENTENCES = re.compile(r"content/[^\n]*?:[1-9]\d*: [^\n]+[.?:,\"}]")
NOT_BUILT = re.compile(r"Not built: [1-9]\d* mistakes?, named above\.")
NAMES_CODE = re.compile(r"Traceback|[A-Z]\w+(?:Error|Exception|Warning)\b|plugins/|[Pp]elican")
BYTES = [
    *(b"\0", b"\x0b", b"\x1b[0m", b"\x7f", b"\t", b"\r", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf0\x9f"),
    *(letter.encode() for letter in "\x85\xa0\xad\u200b\u2028\u202e\ufeff\ufffd\uffff\U000e0041\U0010ffff"),
    *(
        b"<div",
        b"<!--",
        b"<![CDATA[",
        b"&#0;",
        b"&#x110000;",
        b"&",
        b'"',
        b"'",
        b"\\",
        b"`",
        b"```\n",
        b"~~~\n",
    ),
    *(b"[", b"](", b"[](", b"[a](http://[", b"[a](//", b"[a]({filename}", b"[a]({static}/../x)", b"[a](\0)"),
    *(
        b"![",
        b"![](/images/",
        b"[^1]",
        b"\n[^1]: x\n",
        b"\n[a]: <",
        b"{: #x",
        b"{: onclick=x }",
        b"{{",
        b"{%",
    ),
    *(
        b"\n<<<<<<< HEAD\n",
        b"\n=======\n",
        b"\n---\n",
        b"\n|-|-|\n",
        b"\n# ",
        b"\n####### ",
        b"\n    ",
        b"\n:   ",
    ),
    *(
        b"\n- [x] ",
        b"\n> [!NOTE]\n",
        b"\nTitle: x\n",
        b"\nDate: 0000-00-00\n",
        b"\nStatus: x\n",
        b"\nSlug: ../x\n",
    ),
    *(
        b"\nTemplate: base\n",
        b"\nSave_as: \n",
        b"\nUrl: \n",
        b"\nLang: xx\n",
        b"\nTags: a\n",
        b"a@b",
        b"0" * 30,
    ),
]
WHOLE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "a byte order mark": lambda _: b"\xef\xbb\xbf",
    "blank": lambda _: b" \n\t\n\n",
    "cut off": lambda source: source[: len(source) // 2],
    "without its beginning": lambda source: source[len(source) // 3 :],
    "without empty lines": lambda source: re.sub(rb"\n\n+", b"\n", source),
    "without line ends": lambda source: source.replace(b"\n", b" "),
    "with every line ten times": lambda source: b"".join(
        line * 10 for line in source.splitlines(keepends=True)
    ),
    "backwards": lambda source: b"\n".join(source.split(b"\n")[::-1]),
    "in UTF-16": lambda source: source.decode().encode("utf-16"),
    "in UTF-16 without a mark": lambda source: source.decode().encode("utf-16-le"),
    "in Latin-1": lambda source: f"Café {source.decode()}".encode("latin-1", "replace"),
    "in capitals": bytes.upper,
    "indented": lambda source: re.sub(rb"^", b"    ", source, flags=re.MULTILINE),
    "quoted": lambda source: re.sub(rb"^", b"> " * 30, source, flags=re.MULTILINE),
    "a picture": lambda _: (ROOT / "theme/static/share/network.png").read_bytes()[:5000],
    "HTML": lambda _: b"<!DOCTYPE html>\n<title>x</title>\n",
}
NAMES = (
    "Two words.md",
    "\u00e9.md",
    ".md",
    "x.MD",
    "x.markdown",
    "a/b.md",
    "-.md",
    "x.md.md",
    "con:1.md",
    "x.md~",
)
ROUNDS = 6
DAY = {"SITE_DATE": "2027-02-08"}  # on which the notice is right


def damages(random: Random) -> Iterator[Callable[[bytes], bytes]]:
    """Yield damages without end, each kind as often as the others."""
    kinds: list[str | bytes] = [*WHOLE, *BYTES]
    while True:
        for kind in random.sample(kinds, len(kinds)):
            if isinstance(kind, str):
                yield WHOLE[kind]
            else:
                place = random.random()
                yield partial(with_bytes, extra=kind, place=place)


def with_bytes(source: bytes, extra: bytes, place: float) -> bytes:
    """Put bytes into a file; half of the places are in its labels or at the beginning of a line."""
    if place < 1 / 4:
        at = int(4 * place * max(source.find(b"\n\n"), 1))
    elif place < 1 / 2:
        starts = [0, *(found.end() for found in re.finditer(rb"\n(?=[#|\->*\d:\[])", source))]
        at = starts[int((4 * place - 1) * len(starts))]
    else:
        at = int((2 * place - 1) * len(source))
    return source[:at] + extra + source[at:]


class Project:
    """A copy of the project, whose preview and production site are built again and again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.content = folder / "content"
        (self.content / "notices").mkdir(exist_ok=True)
        (self.content / "notices/mail.md").write_text(NOTICE, "utf-8")
        self.whole = {path: path.read_bytes() for path in sorted(self.content.rglob("*.*")) if path.is_file()}
        command = [sys.executable, "-m", "devtools.builder"]
        self.builder = subprocess.Popen(
            command,
            cwd=folder,
            env=os.environ | DAY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.told()

    def told(self) -> list[str]:
        """Return what the next finished build has to say."""
        assert self.builder.stdout
        mistakes: list[str] = json.loads(self.builder.stdout.readline())["mistakes"]
        return mistakes

    def built(self) -> list[str]:
        """Build both again, at the same time, and return what is wrong."""
        assert self.builder.stdin
        self.builder.stdin.write("\n")
        self.builder.stdin.flush()
        production = build_project(self.folder, **DAY)
        *told, last = production.stderr.splitlines() or [""]
        if not NOT_BUILT.fullmatch(last):  # where the facts cannot be read, their mistake ends the build
            told += [last] if last else []

        assert production.returncode == bool(told)
        return self.told() + told

    def repair(self) -> None:
        """Write every file as it was, and remove those that were added."""
        shutil.rmtree(self.content)
        for path, source in self.whole.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(source)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Return a project that is built when it is told to."""
    running = Project(checkout(tmp_path_factory.mktemp("damage") / "project"))
    yield running
    running.builder.communicate("")


def not_understood(told: list[str]) -> list[str]:
    """Return what no editor could act on."""
    return [line for line in told if not SENTENCES.fullmatch(line) or NAMES_CODE.search(line)]


@pytest.mark.parametrize("number", range(ROUNDS))
def test_damaged_pages(project: Project, number: int) -> None:
    """Every file has a damage of its own, and each is told in sentences that an editor understands."""
    kinds = damages(Random(number))
    project.repair()
    for path, source in project.whole.items():
        if path.suffix in {".md", ".txt"} and path.stem != "2026-11-22":
            path.write_bytes(next(kinds)(source))
    told = project.built()

    assert told
    assert not_understood(told) == []


def test_one_damaged_page(project: Project) -> None:
    """Where a page alone is damaged, what comes after the checks runs too, and tells what it finds alike."""
    random = Random("one")
    kinds = damages(random)
    project.repair()

    assert project.built() == []

    for path in random.sample([path for path in project.whole if path.suffix == ".md"], 3):
        project.repair()
        path.write_bytes(next(kinds)(project.whole[path]))

        assert not_understood(project.built()) == []


@pytest.mark.parametrize("name", ["organisation.toml", "published.toml"])
def test_damaged_facts(project: Project, name: str) -> None:
    """Each damage to the facts or to the record is told in sentences."""
    kinds = damages(Random(name))
    source = project.whole[project.content / name]
    for _ in range(5):
        project.repair()
        (project.content / name).write_bytes(next(kinds)(source))

        assert not_understood(project.built()) == []


def test_odd_names(project: Project) -> None:
    """A file with an odd name, a folder with the name of a page, and one too many are told in sentences."""
    project.repair()
    for folder in ("", "news", "notices", "pages", "privacy", "images", "other"):
        for name in NAMES:
            path = project.content / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("Title: x\n\nText.\n", "utf-8")
        (project.content / folder / "folder.md").mkdir()
    told = project.built()

    assert not_understood(told) == []
