"""Pictures: present, our own, described in words, and nothing but a picture."""

import re
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from pelican.contents import Content

from plugins.checks.links import address
from plugins.pictures.faults import fault
from plugins.reading.mistakes import Mistake, shown, suggestion
from plugins.reading.site import Site

KINDS = {".avif", ".gif", ".jpeg", ".jpg", ".png", ".webp"}
LARGEST = 5_000_000  # bytes: git keeps every version for good
NAME = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")


def check(site: Site) -> Iterator[Mistake]:
    """Find pictures that do not show, lack a description or take too long to load."""
    for content in site.contents:
        for line, source, words in content.document.html.images:
            if sentences := problem(source, words, content, site):
                yield content.document.path, line, sentences
    for file in sorted(site.folder.glob("images/**/[!.]*")):
        path = shown(file, site.settings)
        if file.is_file() and file.suffix.lower() not in KINDS:
            yield path, 1, f"This is no picture for a page. Save it as one of {', '.join(sorted(KINDS))}."
        elif file.is_file() and not NAME.fullmatch(file.name):
            cure = "Name it in letters, digits and hyphens, like pump-station.jpg."
            yield path, 1, f"This name makes no address. {cure}"
        elif file.is_file() and (size := file.stat().st_size) > LARGEST:
            cure = f'Run make add-picture FILE="{path}", and delete this one.'
            yield path, 1, f"The picture has {size // 1_000_000} MB. {cure}"
        elif file.is_file() and (sentences := fault(file, path)):
            yield path, 1, sentences


def problem(source: str, words: str, content: Content, site: Site) -> str:
    """Return what is wrong with a picture on a page, or nothing."""
    target = urlsplit(address(source, content, site))
    path = unquote(target.path)
    if f"{target.scheme}://{target.netloc}" != site.facts["address"]:
        return "This picture is on another website. Save it in content/images/, and show it from there."
    if path not in site.files or not path.startswith("/images/") or not (site.folder / path[1:]).is_file():
        pictures = [file for file in site.files if file.startswith("/images/")]
        return f"There is no picture {path}. {suggestion(path, pictures, 'Save it in content/images/.')}"
    if not words.strip():
        like = f"![A pump station]({source})"
        return f"The picture has no alternative text. Describe it for those who cannot see it, like {like}."
    return ""
