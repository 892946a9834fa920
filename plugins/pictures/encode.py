"""Pictures of pages: made anew in the widths that the layout needs, and nothing else of a file.

WebP for the browsers that know it; for the others JPEG, or PNG for what has clear parts. A folder keeps them
between builds.
"""

import os
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import PIL
from PIL import Image, ImageOps

CACHE = Path(os.environ.get("PICTURES_CACHE", ".cache-pictures"))
WIDTHS = (480, 800, 1200)  # a telephone, a column of text, and that on a fine screen
OPTIONS: dict[str, dict[str, Any]] = {
    "webp": {"quality": 75, "method": 6},
    "jpg": {"quality": 80, "progressive": True, "optimize": True},
    "png": {"optimize": True},
}
RECIPE = repr((WIDTHS, OPTIONS, PIL.__version__)).encode()
ORIENTATION, TURNED = 0x0112, {5, 6, 7, 8}  # by a quarter, in a camera's own words
LARGEST = 20_000_000  # pixels: what a browser on a small telephone can still open, and a build in a second


@dataclass(frozen=True)
class Picture:
    """A picture in several widths, each with its address."""

    width: int
    height: int
    addresses: dict[str, dict[int, str]]  # by format and width

    def srcset(self, kind: str) -> str:
        """Return the value of a srcset attribute."""
        return ", ".join(f"{address} {width}w" for width, address in self.addresses[kind].items())

    @property
    def fallback(self) -> str:
        """Return the format that every browser knows."""
        return next(kind for kind in self.addresses if kind != "webp")

    @property
    def largest(self) -> str:
        """Return the address of the widest picture that every browser shows."""
        return self.addresses[self.fallback][self.width]


def clean(image: Image.Image) -> Image.Image:
    """Return the upright first picture of a file, and nothing else of it."""
    pixels = ImageOps.exif_transpose(image).convert("RGBA" if has_clear_parts(image) else "RGB")
    pixels.info = {}
    return pixels


def has_clear_parts(image: Image.Image) -> bool:
    """Tell whether one can see through a part of a picture."""
    return "A" in image.getbands() or "transparency" in image.info


@cache
def made_from(file: Path, source_hash: str) -> Picture | None:
    """Return a picture, made if the cache does not hold it, or None where the file has a fault."""
    try:
        with Image.open(file) as image:
            if image.width * image.height <= LARGEST:
                return in_all_widths(image, file.stem, source_hash)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        pass  # faults.py says what is wrong
    return None


def in_all_widths(image: Image.Image, name: str, source_hash: str) -> Picture:
    """Return a picture in its widths and formats; what is missing in the cache is made."""
    turned = image.getexif().get(ORIENTATION, 1) in TURNED
    whole = image.size[::-1] if turned else image.size
    widths = sorted({min(width, whole[0]) for width in WIDTHS})
    heights = {width: max(1, round(whole[1] * width / whole[0])) for width in widths}
    kinds = ("webp", "png" if has_clear_parts(image) else "jpg")
    addresses = {
        kind: {width: f"/images/{name}-{width}.{source_hash}.{kind}" for width in widths} for kind in kinds
    }
    files = {CACHE / Path(of[width]).name: width for of in addresses.values() for width in widths}
    missing = {path: width for path, width in files.items() if not path.exists()}
    pixels = clean(image) if missing else image
    for path, width in missing.items():
        write(pixels.resize((width, heights[width]), Image.Resampling.LANCZOS), path)
    return Picture(widths[-1], heights[widths[-1]], addresses)


def picture(file: Path) -> Picture | None:
    """Return what a file becomes; its addresses change with its content."""
    return made_from(file, sha256(file.read_bytes() + RECIPE).hexdigest()[:12]) if file.is_file() else None


def write(pixels: Image.Image, path: Path) -> None:
    """Write a picture; another build at the same time sees none of it or all."""
    path.parent.mkdir(exist_ok=True)
    unfinished = path.with_name(f"{os.getpid()}-{path.name}")
    pixels.save(unfinished, **OPTIONS[path.suffix[1:]])
    unfinished.rename(path)
