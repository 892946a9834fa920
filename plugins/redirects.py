"""Old addresses, and where they lead now: [redirects] in content/organisation.toml.

The servers that hand out the site read them in the built .redirects.conf: nginx as the lines of a map, and
devtools/front.py.
"""

import re
from pathlib import Path

from pelican import signals
from pelican.generators import Generator, PagesGenerator

PLACE = "content/organisation.toml, [redirects]"
ADDRESS = re.compile(r"/[\w./~%+-]{0,200}")  # nothing that means something to nginx


def check(generators: list[Generator]) -> None:
    """Stop the build at an entry that cannot work."""
    context = generators[0].context
    pages = {f"/{content.url}" for content in [*context["articles"], *context["pages"]]}
    for old, new in context["ORGANISATION"]["redirects"].items():
        check_entry(old, new, pages)


def check_entry(old: str, new: str, pages: set[str]) -> None:
    """Stop the build at an entry that is no address, hides a page or leads nowhere."""
    if not ADDRESS.fullmatch(old):
        raise SystemExit(f'{PLACE}: "{old}" is no address on this site; write it like "/old-page/".')
    if old in pages:
        raise SystemExit(f'{PLACE}: "{old}" is a page; take the entry out, or the page away.')
    if new not in pages:
        raise SystemExit(f'{PLACE}: "{old}" leads to "{new}", which is no page; write it like "/products/".')


def write_redirects(generator: PagesGenerator, writer: object) -> None:  # noqa: ARG001 - Pelican sends both
    """Write the table."""
    redirects = generator.settings["ORGANISATION"]["redirects"]
    lines = "".join(f"{old} {new};\n" for old, new in redirects.items())
    Path(generator.output_path, ".redirects.conf").write_text(lines, "utf-8")


def register() -> None:
    """Connect to Pelican."""
    signals.all_generators_finalized.connect(check)
    signals.page_writer_finalized.connect(write_redirects)
