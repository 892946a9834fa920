"""The HTML of pictures: a browser takes the smallest that is sharp on its screen, and nothing moves."""

import re
import shutil
from pathlib import Path

from pelican.contents import Content
from pelican.generators import PagesGenerator

from plugins.pictures.encode import CACHE, Picture, picture

IMG = re.compile(r'<img src="/images/([^"?#]+)"([^>]*)>')
LINK = re.compile(r'href="/images/([^"?#]+)"')
MADE = re.compile(r"/(images/[^\s\"]+\.(?:webp|jpg|png))")
SIZES = (
    "(min-width: 40rem) 34rem, 92vw"  # the measure of the text in theme/site.css, and a telephone's column
)


def show_pictures(content: Content) -> None:
    """Show the pictures of a page; plugins/checks/images.py reports what cannot be shown."""
    if "/images/" in (content._content or ""):  # noqa: SLF001 - its `content` is what Pelican makes of this
        folder = Path(content.settings["PATH"], "images")
        shown = 0

        def element(found: re.Match[str]) -> str:
            nonlocal shown
            made = picture(folder / found[1])
            shown += 1
            return html(made, found[2].rstrip(" /"), lazy=shown > 1) if made else found[0]

        def link(found: re.Match[str]) -> str:
            made = picture(folder / found[1])
            return f'href="{made.largest}"' if made else found[0]

        content._content = LINK.sub(link, IMG.sub(element, content._content))  # noqa: SLF001 - as above


def html(made: Picture, attributes: str, *, lazy: bool) -> str:
    """Return a picture's element; the first of a page is loaded at once."""
    loading = ' loading="lazy"' if lazy else ""
    size = f'width="{made.width}" height="{made.height}"'
    srcset = f'srcset="{made.srcset(made.fallback)}" sizes="{SIZES}"'
    source = f'<source type="image/webp" srcset="{made.srcset("webp")}" sizes="{SIZES}">'
    image = f'<img src="{made.largest}" {srcset} {size}{loading} decoding="async"{attributes}>'
    return f"<picture>{source}{image}</picture>"


def write_pictures(generator: PagesGenerator, writer: object) -> None:  # noqa: ARG001 - Pelican sends both
    """Copy the pictures that pages show, and publish no file as it lies in content/images."""
    generator.context["staticfiles"].clear()
    drafts = generator.settings["SHOW_DRAFTS"]
    contents = [page for page in generator.context["generated_content"].values() if page]
    contents = [page for page in contents if drafts or page.status != "draft"]
    named = {path for page in contents for path in MADE.findall(page._content or "")}  # noqa: SLF001 - as above
    generator.settings["PICTURES"] = {Path(generator.output_path, path) for path in named}
    for path in named:
        if (made := CACHE / Path(path).name).exists() and not (
            copy := Path(generator.output_path, path)
        ).exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(made, copy)
