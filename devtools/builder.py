"""Build the site into preview/: once at the start, and again for every line that arrives on standard input.

`python -m devtools.serve` starts it and sends a line whenever something was saved; by hand, press Enter.
Each build writes a line of JSON to standard output: whether the pages were built, and the mistakes, which
also go to standard error, a line each. Pages with mistakes are built where that is possible, and as long as
there are mistakes no page of an earlier build is removed. When the input ends, the builder ends.

Each build runs in a fork of this process. Pelican and the plugins are loaded already, but the settings and
what a build leaves in memory are new every time (Pelican reports a warning only once per process). When the
code has changed, this process restarts and deletes the cache, in which Pelican keeps the HTML of each file.
"""

import gc
import json
import logging
import multiprocessing
import os
import shutil
import sys
import time
import traceback
from contextlib import redirect_stdout, suppress
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import ClassVar

from jinja2 import FileSystemBytecodeCache, TemplateSyntaxError
from pelican import Pelican, writers
from pelican.log import console
from pelican.log import init as init_logging
from pelican.readers import BaseReader, Readers
from pelican.settings import Settings, read_settings

from devtools.editor import on_terminal

ROOT = Path.cwd()
CODE = ("pelicanconf.py", "plugins/**/*.py", "form_backend/labels.py")
CACHE = Path(".cache")
CLOCK_TICK = 10_000_000  # nanoseconds: the time stamp of a save may be this much too early


class Mistakes(logging.Handler):
    """Collects what Pelican and the plugins report as wrong, a line each."""

    def __init__(self) -> None:
        """Start without mistakes."""
        super().__init__(logging.WARNING)
        self.lines: list[str] = []
        self.in_reader = False

    def emit(self, record: logging.LogRecord) -> None:
        """Add what is reported, with the exception behind it, which Pelican leaves out."""
        error = sys.exc_info()[1]
        self.add(record.getMessage() + (f": {described(error)}" if error else ""))
        readers = (frame.f_locals.get("self") for frame, _ in traceback.walk_stack(None))
        self.in_reader |= any(isinstance(reader, BaseReader) for reader in readers)

    def add(self, text: str) -> None:
        """Add a mistake in one line, with paths as people know them."""
        line = " ".join(text.replace(f"{ROOT}/", "").split())
        print(on_terminal(line) if sys.stderr.isatty() else line, file=sys.stderr)
        self.lines.append(line)


def described(error: BaseException) -> str:
    """Return what went wrong, and the project's file and line that it came from, if it came from there."""
    if isinstance(error, SystemExit):  # a plugin's own sentence
        return str(error)
    text = f"{type(error).__name__}: {error}"
    if isinstance(error, SyntaxError | TemplateSyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}: {text}"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.is_relative_to(ROOT) and not path.is_relative_to(ROOT / ".venv") and path != Path(__file__):
            return f"{path}:{frame.lineno}: {text}"
    return text


class OnlyIfChanged(StringIO):
    """A file written only when its text has changed: most pages stay the same, and writing is slow."""

    opened: ClassVar[set[Path]] = set()

    def __init__(self, path: str, _mode: str, encoding: str) -> None:
        """Take the arguments of `open(path, "w", encoding=…)`, which this replaces."""
        super().__init__()
        self.path, self.text_encoding = Path(path), encoding
        self.opened.add(self.path)

    def close(self) -> None:
        """Write the file if its text has changed."""
        new = self.getvalue().encode(self.text_encoding)
        if not self.path.is_file() or self.path.read_bytes() != new:
            self.path.write_bytes(new)
        super().close()


def fast_settings() -> Settings:
    """Return the development settings, with caches that make a rebuild fast."""
    CACHE.mkdir(exist_ok=True)
    cache = {"CACHE_CONTENT": True, "LOAD_CONTENT_CACHE": True, "GZIP_CACHE": False, "CACHE_PATH": str(CACHE)}
    settings = read_settings("pelicanconf.py", override=cache)
    settings["JINJA_ENVIRONMENT"]["bytecode_cache"] = FileSystemBytecodeCache(str(CACHE))
    return settings


def build() -> None:
    """Build the site, and report the result."""
    gc.disable()  # the process ends with the build
    mistakes, built = Mistakes(), False
    init_logging(level=logging.WARNING, handler=mistakes)
    writers.open = OnlyIfChanged
    reading = time.time_ns()
    try:
        pelican = Pelican(fast_settings())
        reading = time.time_ns() - CLOCK_TICK
        pelican.run()
        built = True
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever is wrong, the next save may put it right
        for line in described(error).splitlines():
            mistakes.add(line)
    if built:
        written = OnlyIfChanged.opened | pelican.settings["PICTURES"]
        tidy(Path(pelican.output_path), written, keep=bool(mistakes.lines))
    saved_meanwhile = any(saved > reading for saved in stamps("content/**/*.md").values())
    if mistakes.in_reader or saved_meanwhile:  # a cached page repeats no warning, and may hold an older text
        shutil.rmtree(CACHE)
    answer(mistakes.lines, built=built)


def tidy(output: Path, written: set[Path], *, keep: bool) -> None:
    """Remove the pages that earlier builds wrote and this one did not, unless all are to be kept."""
    (record := output / ".written").touch()
    before = {Path(line) for line in record.read_text("utf-8").splitlines()}
    for path in set() if keep else before - written:
        path.unlink(missing_ok=True)
    record.write_text("\n".join(map(str, written | before if keep else written)), "utf-8")


def answer(mistakes: list[str], *, built: bool) -> None:
    """Report the result of a build on standard output."""
    print(json.dumps({"built": built, "mistakes": mistakes}), file=sys.__stdout__, flush=True)


def stamps(*patterns: str) -> dict[Path, int]:
    """Return when each file that a pattern names was last saved."""
    found = {}
    for path in (path for pattern in patterns for path in ROOT.glob(pattern)):
        with suppress(FileNotFoundError):  # an editor's temporary file
            found[path] = path.stat().st_mtime_ns
    return found


def build_in_fork() -> None:
    """Build in a forked process, and delete the cache if that process crashes."""
    process = multiprocessing.get_context("fork").Process(target=build)
    process.start()
    process.join()
    if process.exitcode:
        answer([f"The build ended unexpectedly (exit code {process.exitcode})."], built=False)
        shutil.rmtree(CACHE, ignore_errors=True)


def warm_up() -> None:
    """Load once what every build needs; the build itself reports what is wrong with it."""
    console.quiet = True
    console.print("This loads what the first line on a terminal needs.")
    import_module("pelican.plugins.precompress")  # which Pelican loads wherever it is installed
    logging.disable()
    with suppress(Exception, SystemExit):
        import_module("plugins.checks.spelling").dictionary()
        settings = fast_settings()
        Pelican(settings)
        Readers(settings).read_file(settings["PATH"], max(Path(settings["PATH"], "privacy").glob("*.md")))
    logging.disable(logging.NOTSET)


def main() -> None:
    """Build now, and again for each line on standard input."""
    code = stamps(*CODE)
    shutil.rmtree(CACHE, ignore_errors=True)
    with redirect_stdout(sys.stderr):  # standard output is for the results alone
        warm_up()
        build_in_fork()
        while sys.stdin.readline():
            if stamps(*CODE) != code:
                os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - ourselves
            build_in_fork()


if __name__ == "__main__":
    main()
