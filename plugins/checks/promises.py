"""The promises that the statement marks, like {: #promise-not-stored }, against content/promises.toml."""

from collections.abc import Iterator

from plugins.checks.site import Site
from plugins.mistakes import Mistake, suggestion

REGISTER = "content/promises.toml"
MARK = "promise-"


def check(site: Site) -> Iterator[Mistake]:
    """Compare the newest version, and in preview drafts; the text of those before it cannot change."""
    register = set(site.settings["PROMISES"])
    for version in [*site.context["STATEMENT_VERSIONS"][:1], *site.context["STATEMENT_DRAFTS"]]:
        ids = version.source.html.ids
        marked = {name.removeprefix(MARK): ids[name] for name in ids if name.startswith(MARK)}
        for name in marked.keys() - register:
            cure = suggestion(name, register, f"Add it to {REGISTER} with what keeps it.")
            yield version.source.path, marked[name], f'{REGISTER} knows no promise "{name}". {cure}'
        for name in register - marked.keys():
            cure = (
                f"Write {{: #{MARK}{name} }} under the paragraph that makes it, or take it out of {REGISTER}."
            )
            yield version.source.path, 1, f'The promise "{name}" is not marked. {cure}'
