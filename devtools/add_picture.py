"""Take a picture from a camera or telephone into content/images/: upright, small, and nothing but a picture.

`make add-picture FILE="~/Pictures/IMG_2041.HEIC"` runs this; docs/editing.md says how to show the picture.
"""

import argparse
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageCms
from pillow_heif import register_heif_opener

from devtools.names import name_of
from plugins.pictures.encode import clean

IMAGES = Path("content/images")
LARGEST_FILE = 50_000_000
WIDEST = 2400
Image.MAX_IMAGE_PIXELS = 250_000_000  # the largest telephones make 200 million


def opened(file: Path) -> Image.Image:
    """Return the picture in a file, or say why there is none."""
    if not file.is_file():
        raise SystemExit(f"There is no file {file}. Give its whole name, like FILE=~/Pictures/pump.jpg")
    if file.stat().st_size > LARGEST_FILE:
        raise SystemExit(f"{file} has more than {LARGEST_FILE // 1_000_000} MB. Make it smaller first.")
    register_heif_opener()
    try:
        with Image.open(file) as image:
            image.load()
            return clean(in_srgb(image))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        kinds = "a JPEG, HEIC, PNG or WebP picture"
        raise SystemExit(
            f"{file} is not {kinds}, or a part of it is missing. Save it again as a JPEG."
        ) from None


def in_srgb(image: Image.Image) -> Image.Image:
    """Return a picture in the colours of the web; telephones often use wider ones."""
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in ("RGB", "CMYK"):
        return image
    orientation = image.getexif().get(0x0112, 1)
    try:
        converted = ImageCms.profileToProfile(
            image,
            ImageCms.ImageCmsProfile(BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            outputMode="RGB",
        )
    except ImageCms.PyCMSError:
        return image
    assert converted is not None  # noqa: S101 - it is None only when it changes the picture in place
    converted.getexif()[0x0112] = orientation
    return converted


def main() -> None:
    """Write the picture, and print the Markdown that shows it."""
    parser = argparse.ArgumentParser(prog="python -m devtools.add_picture", description="Add a picture.")
    parser.add_argument("file", help="the picture")
    given = parser.parse_args().file.strip()
    if not given:
        raise SystemExit('Name the picture, like make add-picture FILE="~/Pictures/pump.jpg"')
    file = Path(given).expanduser()
    picture = opened(file)
    if picture.width > WIDEST:
        picture = picture.resize(
            (WIDEST, round(picture.height * WIDEST / picture.width)), Image.Resampling.LANCZOS
        )
    name = name_of(file.stem) or "picture"
    path = IMAGES / f"{name}.{'png' if picture.mode == 'RGBA' else 'jpg'}"
    IMAGES.mkdir(exist_ok=True)
    if path.exists() and not (file.exists() and path.samefile(file)):
        raise SystemExit(f"{path} exists already. Give the picture's file another name first.")
    picture.save(path, quality=88, progressive=True, optimize=True)
    print(f"Written  {path}, {picture.width} x {picture.height}, without place, time or device")
    print("Next     paste this line where the picture belongs, and say in the brackets what it shows:")
    print(f'         ![What the picture shows](/images/{path.name} "A caption, if you like")')


if __name__ == "__main__":
    main()
