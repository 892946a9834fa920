"""What keeps a picture from being published, and the command that mends it."""

from pathlib import Path

from PIL import Image

from plugins.pictures.encode import LARGEST, ORIENTATION

KINDS = {"AVIF", "GIF", "JPEG", "PNG", "WEBP"}
NOT_SHOWN = {"exif", "xmp", "XML:com.adobe.xmp", "photoshop", "comment"}


def fault(file: Path, shown: str) -> str:
    """Return what is wrong with a picture, or nothing."""
    cure = f'Run make add-picture FILE="{shown}", which makes one that is right, and delete this one.'
    try:
        with Image.open(file, formats=sorted(KINDS)) as image:
            what = fault_of(image)
            if not what:
                image.load()
    except (OSError, SyntaxError, ValueError):
        what = "This is no picture that can be shown, or a part of it is missing."
    except Image.DecompressionBombError:
        what = TOO_LARGE
    return f"{what} {cure}" if what else ""


TOO_LARGE = f"The picture has more than {LARGEST // 1_000_000} million points."


def fault_of(image: Image.Image) -> str:
    """Return what is wrong with a picture that can be opened, or nothing."""
    if image.width * image.height > LARGEST:
        return TOO_LARGE
    if getattr(image, "n_frames", 1) > 1:
        return "The picture moves, which nobody can stop."
    if image.getexif().keys() - {ORIENTATION} or image.info.keys() & NOT_SHOWN or getattr(image, "text", {}):
        return "The picture says where, when or with what it was taken, or by whom."
    return ""
