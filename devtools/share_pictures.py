"""Draw the pictures that are shown beside links to the site, from the drawings of its pages.

`python -m devtools.share_pictures`, after a change to theme/templates/illustrations or the stylesheet, writes
theme/static/share/*.png anew, in the size that social networks ask for. It needs Debian's Chromium.
"""

import re
import tomllib
from base64 import b64encode
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from markdown import Markdown
from PIL import Image
from playwright.sync_api import sync_playwright

THEME = Path("theme")
PICTURES = THEME / "static/share"
TEMPLATES = FileSystemLoader(["devtools/templates", THEME / "templates"])


def pages() -> Iterator[tuple[str, str, str]]:
    """Yield the name, the drawing and the title of each product and article that has a drawing."""
    for path in [*Path("content/pages/products").glob("*.md"), *Path("content/news").glob("*.md")]:
        reader = Markdown(extensions=["meta"])
        reader.convert(path.read_text("utf-8"))
        metadata = reader.Meta  # type: ignore[attr-defined]  # the extension's own
        if drawing := metadata.get("drawing") or metadata.get("topic"):
            yield path.stem, drawing[0], metadata["title"][0]


def main() -> None:
    """Draw the picture for all, and one for each page with a drawing."""
    organisation = tomllib.loads(Path("content/organisation.toml").read_text("utf-8"))
    template = Environment(loader=TEMPLATES, autoescape=True).get_template("share.html")
    same = {"organisation": organisation, "style": style()}
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": 1200, "height": 630})
        for name, drawing, words in [("network", "network", organisation["tagline"]), *pages()]:
            page.set_content(template.render(same, drawing=drawing, words=words))
            page.evaluate("document.fonts.load('700 46px Overpass')")
            save(page.screenshot(), PICTURES / f"{name}.png")


def style() -> str:
    """Return the stylesheet with the typeface in it, since a page without an address can load none."""
    css = (THEME / "site.css").read_text("utf-8").replace("font-display: optional", "font-display: block")
    return re.sub(r"url\((fonts/[^)]+)\)", lambda found: f"url({as_data(THEME / 'static' / found[1])})", css)


def as_data(font: Path) -> str:
    """Return a font's content in place of its address."""
    return f"data:font/woff2;base64,{b64encode(font.read_bytes()).decode()}"


def save(screenshot: bytes, path: Path) -> None:
    """Write a picture in as few colours as a drawing needs, which takes a quarter of the bytes."""
    picture = Image.open(BytesIO(screenshot)).convert("RGB")
    reduced = picture.quantize(96, Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE)
    reduced.save(path, optimize=True)


if __name__ == "__main__":
    main()
