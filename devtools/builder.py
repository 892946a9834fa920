"""Build the site into preview/, once for every line that arrives on standard input.

`python -m devtools.serve` starts it and sends a line whenever something was saved; by hand, press Enter.
Each line is answered with "built" or "failed" on standard output; what is wrong goes to standard error,
in one line, and the pages of the last good build stay. When the input ends, so does the builder.

Each build runs in a fork of this process: Pelican is loaded already, while settings, plugins and whatever a
build leaves behind (Pelican reports a warning only the first time) are new every time.
"""

import logging
import multiprocessing
import sys
import time
import traceback
from contextlib import redirect_stdout
from pathlib import Path

from jinja2 import TemplateSyntaxError
from pelican import Pelican
from pelican.log import console
from pelican.log import init as init_logging
from pelican.settings import read_settings


class OneLine(logging.Handler):
    """Print what Pelican complains of in one line, and remember having done so."""

    complained = False

    def emit(self, record: logging.LogRecord) -> None:
        """Print the record."""
        self.complained = True
        complain(record.getMessage())


def complain(text: str) -> None:
    """Print a mistake in one line."""
    print("Not built:", " ".join(text.split()), file=sys.stderr)


def place(error: Exception) -> str:
    """Return the project's file and line that an error came from, or nothing when it came from elsewhere."""
    if isinstance(error, SyntaxError | TemplateSyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}: "
    root = Path.cwd()
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.is_relative_to(root) and not path.is_relative_to(root / ".venv") and path != Path(__file__):
            return f"{path.relative_to(root)}:{frame.lineno}: "
    return ""


def build() -> None:
    """Build the site; a mistake ends this process with one line about it."""
    console.quiet = True
    said = OneLine()
    init_logging(level=logging.WARNING, fatal="warnings", handler=said)
    started = time.time()
    try:
        settings = read_settings("pelicanconf.py")
        Pelican(settings).run()
    except SystemExit as reason:
        complain(str(reason))
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 - whatever is wrong, the next save may put it right
        if not said.complained:  # else it is only Pelican's way to stop at a warning
            complain(f"{place(error)}{type(error).__name__}: {error}")
        sys.exit(1)
    remove_older(Path(settings["OUTPUT_PATH"]), started)


def remove_older(output: Path, started: float) -> None:
    """Remove what this build did not write, so that a page taken away is gone."""
    for path in output.rglob("*"):
        if path.is_file() and path.stat().st_ctime < started:  # mtime may be a copied file's own
            path.unlink()


def main() -> None:
    """Answer each line of standard input with a build."""
    fork = multiprocessing.get_context("fork")
    for _ in sys.stdin:
        with redirect_stdout(sys.stderr):  # standard output is for the answers alone
            process = fork.Process(target=build)
            process.start()
            process.join()
        print("failed" if process.exitcode else "built", flush=True)


if __name__ == "__main__":
    main()
