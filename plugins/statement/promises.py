"""The promises that the statement marks, like {: #promise-not-stored }, against content/promises.toml."""

from collections.abc import Iterator

from plugins.reading.mistakes import Mistake, suggestion
from plugins.reading.site import Site

REGISTER = "content/promises.toml"
MARK = "promise-"


def check(site: Site) -> Iterator[Mistake]:
    """Compare the newest version and, in preview, drafts with the register; older versions cannot change."""
    register = set(site.settings["PROMISES"])
    for version in [*site.context["STATEMENT_VERSIONS"][:1], *site.context["STATEMENT_DRAFTS"]]:
        ids = version.document.html.ids
        marked = {name.removeprefix(MARK): ids[name][0] for name in ids if name.startswith(MARK)}
        for name in marked.keys() - register:
            cure = suggestion(name, register, f"Add it to {REGISTER} with what keeps it.")
            yield version.document.path, marked[name], f'{REGISTER} knows no promise "{name}". {cure}'
        for name in register - marked.keys():
            cure = (
                f"Write {{: #{MARK}{name} }} under the paragraph that makes it, or take it out of {REGISTER}."
            )
            yield version.document.path, 1, f'The promise "{name}" is not marked. {cure}'
