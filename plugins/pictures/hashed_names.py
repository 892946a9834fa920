"""Names of the theme's files with a hash of the content in them, so that a changed file has a new address.

The web server recognises such names, and lets browsers cache them for a year. Pictures have such names too.
"""

import shutil
from hashlib import sha256
from pathlib import Path

from pelican import Pelican
from pelican.generators import PagesGenerator


def hashed(path: Path, file: Path) -> str:
    """Return a path with a hash of a file's content in its name."""
    digest = sha256(file.read_bytes()).hexdigest()[:12]
    return path.with_stem(f"{path.stem}.{digest}").as_posix()


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
