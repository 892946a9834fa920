"""Names of pictures with a hash of the content in them, so that a changed picture has a new address.

The web server recognises such names, and lets browsers cache them for a year.
"""

import re
import shutil
from hashlib import sha256
from pathlib import Path

from pelican import Pelican
from pelican.contents import Content
from pelican.generators import PagesGenerator, StaticGenerator

IMAGES = "images/"  # in content/; other files keep their names, since people may link to them
TO_IMAGE = re.compile(rf'(src|href)="(?=/{IMAGES})')


def hashed(path: Path, file: Path) -> str:
    """Return a path with a hash of a file's content in its name."""
    digest = sha256(file.read_bytes()).hexdigest()[:12]
    return path.with_stem(f"{path.stem}.{digest}").as_posix()


def name_images(generator: StaticGenerator) -> None:
    """Give each picture in content/images its name."""
    for image in generator.staticfiles:
        if image.save_as.startswith(IMAGES):
            path = hashed(Path(image.save_as), Path(generator.path, image.source_path))
            image.override_save_as = image.override_url = path


def follow_images(content: Content) -> None:
    """Have Pelican replace an address like /images/plan.png by the one with the hash."""
    if content._content:  # noqa: SLF001 - its `content` is what Pelican makes of this
        content._content = TO_IMAGE.sub(r'\1="{static}', content._content)  # noqa: SLF001 - as above


def name_theme_files(pelican: Pelican) -> None:
    """Put THEME_FILES among the settings: the address of each file in theme/static/."""
    static = Path(pelican.settings["THEME"], "static")
    names = {file.relative_to(static): file for file in static.rglob("*.*")}
    pelican.settings["THEME_FILES"] = {
        name.as_posix(): hashed(Path("/theme", name), file) for name, file in names.items()
    }


def copy_theme_files(generator: PagesGenerator, writer: object) -> None:  # noqa: ARG001 - Pelican sends both
    """Copy the theme's files to their addresses; a file with that hash in its name needs no second copy."""
    for name, address in generator.settings["THEME_FILES"].items():
        copy = Path(f"{generator.output_path}{address}")
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(Path(generator.theme, "static", name), copy)
