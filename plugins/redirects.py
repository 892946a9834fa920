"""Old addresses, and where they lead now: [redirects] in content/organisation.toml.

The servers that hand out the site read them in the built .redirects.conf: nginx as the lines of a map, and
devtools/front.py.
"""

import re
from pathlib import Path

from pelican import signals
from pelican.generators import Generator, PagesGenerator

from plugins.mistakes import report, suggestion

ADDRESS = re.compile(r"/[\w./~%+-]{0,200}")  # nothing that means something to nginx


def check(generators: list[Generator]) -> None:
    """Find entries that cannot work."""
    context = generators[0].context
    pages = {f"/{content.url}" for content in [*context["articles"], *context["pages"]]}
    organisation = Path(context["PATH"], "organisation.toml")
    if not organisation.exists():  # the facts are those of another site
        return
    lines = organisation.read_text("utf-8").splitlines()
    for old, new in context["ORGANISATION"]["redirects"].items():
        if sentences := problem(old, new, pages):
            line = next((number for number, line in enumerate(lines, 1) if f'"{old}" =' in line), 1)
            report(f"content/{organisation.name}", line, sentences)


def problem(old: str, new: str, pages: set[str]) -> str:
    """Return what is wrong with an entry that is no address, hides a page or leads nowhere."""
    if not ADDRESS.fullmatch(old):
        return f'"{old}" is no address on this site. Write it like "/old-page/".'
    if old in pages:
        return f'"{old}" is a page. Take the entry out, or the page away.'
    if new not in pages:
        cure = suggestion(new, pages, "Name one that is there.")
        return f'"{old}" leads to "{new}", which is no page. {cure}'
    return ""


def write_redirects(generator: PagesGenerator, writer: object) -> None:  # noqa: ARG001 - Pelican sends both
    """Write the table."""
    redirects = generator.settings["ORGANISATION"]["redirects"]
    lines = "".join(f"{old} {new};\n" for old, new in redirects.items())
    Path(generator.output_path, ".redirects.conf").write_text(lines, "utf-8")


def register() -> None:
    """Connect to Pelican."""
    signals.all_generators_finalized.connect(check)
    signals.page_writer_finalized.connect(write_redirects)
