"""Draw the pictures that social networks show beside a link to the site, from the drawings of its pages.

After a change to theme/templates/illustrations or the stylesheet, `python -m devtools.share_pictures`
rewrites theme/static/share/*.png in the size that social networks ask for. It needs Debian's Chromium.
"""

import re
import tomllib
from base64 import b64encode
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from PIL import Image
from playwright.sync_api import sync_playwright

from plugins.reading.document import read_document

THEME = Path("theme")
PICTURES = THEME / "static/share"
TEMPLATES = FileSystemLoader(["devtools/templates", THEME / "templates"])


def pages() -> Iterator[tuple[str, str, str]]:
    """Yield the name, the drawing and the title of each product and article that has a drawing."""
    for path in [*Path("content/pages/products").glob("*.md"), *Path("content/news").glob("*.md")]:
        document = read_document(path, str(path))
        if drawing := document.value("drawing") or document.value("topic"):
            yield path.stem, drawing, document.value("title")


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
    """Write a picture with as few colours as a drawing needs, which saves three quarters of the bytes."""
    picture = Image.open(BytesIO(screenshot)).convert("RGB")
    reduced = picture.quantize(96, Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE)
    reduced.save(path, optimize=True)


if __name__ == "__main__":
    main()
