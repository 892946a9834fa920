"""Photos from a camera: taken in upright and stripped, refused otherwise, shown in the widths of pages."""

import gzip
import re
import struct
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import lxml.html
import pytest
from PIL import Image, PngImagePlugin
from pillow_heif import from_pillow
from playwright.sync_api import Browser

from tests.parts.browser import FIRST_FLIGHT, SHIFTS, slow_down
from tests.parts.stack import build_project, checkout, website

SECRETS = (b"GPS", b"TelePhone 9", b"Thandi", b"Exif", b"xmp", b"photoshop")
RED, BLUE = (200, 30, 30), (30, 30, 200)
ARTICLE = """\
Title: Photos
Date: 2026-11-20
Description: Three photos, and a plan.

![The first](/images/one.jpg "Taken *in* the morning")

![The second](/images/two.jpg)

Text ![the third](/images/three.jpg), and [the second in full](/images/two.jpg).

![A plan](/images/plan.png)
"""


def photo(orientation: int = 1, size: tuple[int, int] = (3000, 2000)) -> bytes:
    """Return a camera's JPEG, with place and thumbnail: upright, its upper left corner is red."""
    upright = Image.new("RGB", size, BLUE)
    upright.paste(RED, (0, 0, size[0] // 2, size[1] // 2))
    undo = {
        2: 0,
        3: 3,
        4: 1,
        5: 5,
        6: 2,
        7: 6,
        8: 4,
    }  # how a camera held like this writes it: Image.Transpose
    stored = upright.transpose(Image.Transpose(undo[orientation])) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112], exif[0x0110], exif[0x013B] = orientation, "TelePhone 9", "Thandi"
    exif.get_ifd(0x8825)[1] = "S"
    thumbnail = BytesIO()
    stored.resize((160, 120)).save(thumbnail, "JPEG")
    written = BytesIO()
    comment = b"GPS of Thandi"
    stored.save(written, "JPEG", exif=exif, comment=comment, quality=60, xmp=b"<x:xmpmeta/>")
    source = written.getvalue()
    application = (
        b"\xff\xed"
        + struct.pack(">H", len(thumbnail.getvalue()) + 16)
        + b"Photoshop 3.0\0"
        + thumbnail.getvalue()
    )
    return source[:2] + application + source[2:]


def in_format(kind: str) -> bytes:
    """Return a picture of a kind that telephones and screens make."""
    image = Image.new("RGBA" if kind == "PNG" else "RGB", (600, 400), RED)
    written = BytesIO()
    if kind == "HEIF":
        from_pillow(image).save(written)
    else:
        text = PngImagePlugin.PngInfo()
        text.add_text("Author", "Thandi")
        image.save(written, kind, **({"pnginfo": text} if kind == "PNG" else {}))
    return written.getvalue()


def add(project: Path, file: Path) -> subprocess.CompletedProcess[str]:
    """Run `make add-picture` without setting anything up."""
    command = [
        "make",
        "-o",
        ".venv/serve.installed",
        f"RUN={sys.executable} -m",
        "add-picture",
        f"FILE={file}",
    ]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the project."""
    return checkout(tmp_path_factory.mktemp("pictures") / "project")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_taken_in_upright_and_stripped(project: Path, tmp_path: Path, orientation: int) -> None:
    """A photo is turned upright and made smaller; place, person, device and thumbnail stay outside."""
    (file := tmp_path / f"IMG {orientation}'s.JPG").write_bytes(photo(orientation))
    said = add(project, file)
    path = project / f"content/images/img-{orientation}s.jpg"

    assert said.returncode == 0, said.stderr
    assert f"![What the picture shows](/images/{path.name}" in said.stdout
    with Image.open(path) as image:
        assert image.size == (2400, 1600)
        corner = image.convert("RGB").crop((0, 0, 1, 1)).tobytes()
        assert corner[0] > 150 > corner[2]
        assert not image.getexif()
    assert [secret for secret in SECRETS if secret in path.read_bytes()] == []


@pytest.mark.parametrize("kind", ["HEIF", "PNG", "WEBP", "JPEG"])
def test_kinds_that_are_taken_in(project: Path, tmp_path: Path, kind: str) -> None:
    """A HEIC, whatever its name says, a PNG and a WebP become a picture that every browser shows."""
    (file := tmp_path / f"{kind}.jpg").write_bytes(in_format(kind))
    said = add(project, file)
    path = project / f"content/images/{kind.lower()}.{'png' if kind == 'PNG' else 'jpg'}"

    assert said.returncode == 0, said.stderr
    with Image.open(path) as image:
        assert (image.format, image.size) == ("PNG" if kind == "PNG" else "JPEG", (600, 400))
        assert b"Thandi" not in path.read_bytes()


REFUSED = {
    "nothing": (None, "There is no file"),
    "empty.jpg": (b"", "is not a JPEG, HEIC, PNG or WebP picture, or a part of it is missing"),
    "page.png": (b"<html></html>", "is not a JPEG, HEIC, PNG or WebP picture, or a part of it is missing"),
    "cut.jpg": (
        photo(size=(300, 200))[:-900],
        "is not a JPEG, HEIC, PNG or WebP picture, or a part of it is missing",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_not_taken_in(project: Path, tmp_path: Path, name: str) -> None:
    """What is no whole picture is refused in one sentence, and nothing is written."""
    source, sentence = REFUSED[name]
    before = sorted(project.glob("content/images/*"))
    if source is not None:
        (tmp_path / name).write_bytes(source)
    said = add(project, tmp_path / name)

    assert sentence in said.stderr.splitlines()[0]
    assert said.returncode != 0
    assert sorted(project.glob("content/images/*")) == before


def moving() -> bytes:
    """Return a picture that moves."""
    frames = [Image.new("RGB", (50, 50), colour) for colour in (RED, BLUE)]
    frames[0].save(written := BytesIO(), "GIF", save_all=True, append_images=frames[1:])
    return written.getvalue()


def enormous() -> bytes:
    """Return a picture with more points than pages may show."""
    Image.new("1", (6000, 4000)).save(written := BytesIO(), "PNG")
    return written.getvalue()


NO_PICTURE = "This is no picture that can be shown, or a part of it is missing."
TELLS = "The picture says where, when or with what it was taken, or by whom."
FAULTS = {
    "camera.jpg": (photo(), TELLS),
    "heic.jpg": (in_format("HEIF"), NO_PICTURE),
    "author.png": (in_format("PNG"), TELLS),
    "cut.jpg": (in_format("JPEG")[:-300], NO_PICTURE),
    "empty.png": (b"", NO_PICTURE),
    "page.webp": (b"<html>", NO_PICTURE),
    "moving.gif": (moving(), "The picture moves, which nobody can stop."),
    "large.png": (enormous(), "The picture has more than 20 million points."),
}


def test_refused_by_the_build(tmp_path: Path) -> None:
    """A photo that was laid into the folder as it is, or is no picture, stops the build with the cure."""
    project = checkout(tmp_path)
    (images := project / "content/images").mkdir(exist_ok=True)
    for name, (source, _) in FAULTS.items():
        (images / name).write_bytes(source)
    (images / "two words.jpg").write_bytes(in_format("JPEG"))
    told = build_project(project).stderr.splitlines()
    cure = 'Run make add-picture FILE="{}", which makes one that is right, and delete this one.'
    faults = {f"content/images/{name}": what for name, (_, what) in FAULTS.items()}

    assert told[:-1] == sorted(
        [
            *(f"{path}:1: {what} {cure.format(path)}" for path, what in faults.items()),
            (
                "content/images/two words.jpg:1: This name makes no address. "
                "Name it in letters, digits and hyphens, like pump-station.jpg."
            ),
        ]
    )


@pytest.fixture(scope="module")
def with_article(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a built project with an article that shows three photos and a plan."""
    folder = tmp_path_factory.mktemp("article")
    project = checkout(folder / "project")
    for name, source in {
        "one.jpg": photo(6),
        "two.jpg": photo(1, (700, 900)),
        "three.jpg": photo(8, (1600, 1200)),
        "plan.jpg": in_format("PNG"),
    }.items():
        (folder / name).write_bytes(source)
        assert add(project, folder / name).returncode == 0
    (project / "content/news/photos.md").write_text(ARTICLE, "utf-8")
    record = project / "content/published.toml"
    listed = record.read_text("utf-8").replace("addresses = [", 'addresses = ["/news-articles/photos/",')
    record.write_text(listed, "utf-8")
    built = build_project(project)

    assert built.returncode == 0, built.stderr

    return project


def test_shown_in_an_article(with_article: Path) -> None:
    """Pages show pictures made anew, in several widths and with their size; a second build makes none."""
    output = with_article / "output"
    page = lxml.html.document_fromstring((output / "news-articles/photos/index.html").read_text("utf-8"))
    images = page.xpath("//main//img")
    assert page.xpath("string(//figure/figcaption)") == "Taken *in* the morning"
    assert [image.get("loading") for image in images] == [None, "lazy", "lazy", "lazy"]
    assert [(image.get("width"), image.get("height")) for image in images] == [
        ("1200", "800"),
        ("700", "900"),
        ("1200", "900"),
        ("600", "400"),
    ]
    named = set(re.findall(r"/images/[^\s\"]+", lxml.html.tostring(page, encoding="unicode")))
    published = {f"/images/{path.name}" for path in output.glob("images/*")}
    assert named == published
    assert page.xpath("//a[text()='the second in full']/@href")[0] == images[1].get("src")
    for path in output.glob("images/*"):
        with Image.open(path) as image:
            assert str(image.width) == re.findall(r"-(\d+)\.", path.name)[0]
            assert not image.getexif()

    made = {path: path.stat().st_mtime_ns for path in (with_article / ".cache-pictures").iterdir()}

    assert build_project(with_article).returncode == 0
    assert {path: path.stat().st_mtime_ns for path in (with_article / ".cache-pictures").iterdir()} == made


@pytest.mark.parametrize("width", [360, 1280])
def test_photos_keep_the_budgets(with_article: Path, browser: Browser, width: int) -> None:
    """The article comes in a connection's first flight, and nothing moves while its photos load."""
    html = (with_article / "output/news-articles/photos/index.html").read_bytes()

    assert len(gzip.compress(html, 6)) <= FIRST_FLIGHT

    with website(with_article / "output", "http://127.0.0.1:9") as address:
        context = browser.new_context(viewport={"width": width, "height": 700}, base_url=address)
        context.add_init_script(SHIFTS)
        page = context.new_page()
        slow_down(page)
        page.goto("/news-articles/photos/", wait_until="commit")
        for image in page.locator("main img").all():
            image.scroll_into_view_if_needed()
            page.wait_for_function(
                "image => image.complete && image.naturalWidth", arg=image.element_handle()
            )
        shifts = page.evaluate("window.shifts")
        context.close()

    assert shifts == []
