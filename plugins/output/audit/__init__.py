"""The last step of a build: what was written is read as browsers and nginx read it, against a closed list.

It depends on nothing before it: whatever the templates, the checks or the Markdown let through, ends here. A
production build that holds anything else is removed.
"""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from pelican import Pelican
from pelican.contents import Content
from pelican.generators import Generator
from pelican.settings import Settings

from plugins.output.audit import files, page
from plugins.output.audit.page import Allowed, Finding
from plugins.reading.document import read_text
from plugins.reading.mistakes import Mistake, report, shown
from plugins.reading.typed import line_at

PICTURES = {".avif", ".gif", ".jpeg", ".jpg", ".png", ".webp"}
NOT_TEXT = PICTURES | {".woff2"}
CURE = "No page and no file of the site may. Take it out."


def remember_sources(generators: list[Generator]) -> None:
    """Put WRITTEN_FROM among the settings: the content that each page is written from, by the page's path."""
    context = generators[0].context
    drafts = [*context["drafts"], *context["draft_pages"]]
    contents = [*context["articles"], *context["pages"], *drafts]
    generators[0].settings["WRITTEN_FROM"] = {content.save_as: content for content in contents}


def audit(pelican: Pelican) -> None:
    """Report everything that is not on the list, and remove a production build that holds it."""
    settings = pelican.settings
    if settings.get("TOLD"):  # in a preview: what the checks have named is likely to be found here once more
        return
    found: dict[tuple[str, int, str], str] = {}  # the first page of those that hold the same
    for path in written(settings):
        for finding in findings(path, settings):
            found.setdefault((*place(finding.text, path, settings), finding.what), path)
    mistakes: list[Mistake] = sorted(
        (source, line, f"/{path} holds {what}. {CURE}") for (source, line, what), path in found.items()
    )
    if mistakes and settings["STOP_AT_MISTAKES"]:
        shutil.rmtree(settings["OUTPUT_PATH"])
    report(mistakes, settings)


def written(settings: Settings) -> Iterator[str]:
    """Yield the paths to look at: all files, or in a preview, which keeps old ones, those of this build."""
    output = Path(settings["OUTPUT_PATH"])
    if settings["DELETE_OUTPUT_DIRECTORY"]:
        yield from sorted(str(file.relative_to(output)) for file in output.rglob("*") if file.is_file())
    else:
        yield from settings["WRITTEN_FROM"]


def findings(path: str, settings: Settings) -> Iterator[Finding]:
    """Find what a file may not hold."""
    address, style = settings["ORGANISATION"]["address"], settings["STYLESHEET"]
    allowed = Allowed(address, style, settings["LIVE_RELOAD"])
    content = Path(settings["OUTPUT_PATH"], path).read_bytes()
    if path in settings["WRITTEN_FROM"]:
        yield from page.findings(content.decode(), allowed)
    elif Path(path).suffix not in NOT_TEXT:
        yield from files.findings(path, content, allowed)


def place(text: str, path: str, settings: Settings) -> tuple[str, int]:
    """Return the source file and the line that hold a text: the page's own, the facts, else a template."""
    theme_files = {address: name for name, address in settings["THEME_FILES"].items()}
    if name := theme_files.get(f"/{path}"):
        return f"theme/static/{name}", 1
    content: Content | None = settings["WRITTEN_FROM"].get(path)
    facts, theme = Path(settings["PATH"], "organisation.toml"), Path(settings["THEME"])
    templates = sorted(theme.rglob("*.html"))
    sources = [*([Path(content.source_path)] if content else []), facts, *templates]
    wanted = re.compile(re.escape(text) + (r"(?![\w-])" if text[-1:].isalnum() else ""))  # <b is no <body
    for source in sources if text.strip() else []:
        if source.exists() and (found := wanted.search(words := read_text(source))):
            in_theme = str(source).removeprefix(f"{Path.cwd()}/")
            return (
                in_theme if source in templates else shown(source, settings),
                line_at(words, found.start()),
            )
    return shown(sources[0], settings), 1
