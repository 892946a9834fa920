"""The Markdown that editors write: GitHub's, with attribute lists like {: #id .class }, without raw HTML."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from unicodedata import normalize
from urllib.parse import quote, urlsplit

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.rules_core.replacements import replace_rare
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from mdit_py_plugins.deflist import deflist_plugin
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.gfm_autolink import gfm_autolink_plugin

from plugins.reading.html import RAW_HTML, TAG
from plugins.reading.mistakes import Found
from plugins.reading.typed import line_at

OPTIONS = {
    "html": False,
    "xhtmlOut": False,
    "typographer": True,
    "strikethrough_single_tilde": True,
    "tasklists": True,
}
RULES = ["table", "strikethrough", "replacements", "smartquotes"]
ATTRIBUTE_LIST = re.compile(r"\{:([^}\n]*)\}")
AT_END = re.compile(r"(^|\n|[ \t]+)\{:([^}\n]*)\}\s*$")
ATTRIBUTE = re.compile(r"""#(\S+)|\.(\S+)|([^\s=]+)=(?:"([^"]*)"|'([^']*)'|(\S*))""")
OPENED_BY = {"image": "image", "code_inline": "code_inline", "link_close": "link_open"}
BOXES: dict[object, str] = {False: "\N{BALLOT BOX}", True: "\N{BALLOT BOX WITH CHECK}"}
INDENTED = (
    "Text that begins with four spaces becomes code. Take the spaces out; put code between two lines of ```."
)
UNCLOSED = "All text below becomes code. Write {} in a line of its own where the code ends."
BACK = (
    ' <a href="#fnref{}" class="footnote-backref">\N{LEFTWARDS ARROW WITH HOOK}\N{VARIATION SELECTOR-15}'
    '<span class="visually-hidden"> Back to the text</span></a>'
)


def converter() -> MarkdownIt:
    """Return what converts Markdown to HTML; making one takes longer than converting a page."""
    md = MarkdownIt("commonmark", OPTIONS).enable(RULES)
    md.use(deflist_plugin).use(footnote_plugin, inline=False).use(gfm_autolink_plugin)
    # The plugin has every rule tried at each "w"; a bare address begins with "www." alone.
    md.inline.terminator_re = re.compile(rf"{md.inline.terminator_re.pattern}(?:(?<!w)|(?=ww\.))")
    # Addresses stay as they were typed: Pelican completes some, and plugins/checks/links.py looks at all.
    md.validateLink = lambda url: True  # type: ignore[method-assign]  # noqa: ARG005 - as markdown-it's own
    md.normalizeLink = readable  # type: ignore[method-assign]
    md.inline.ruler.at("html_inline", show_tag)
    md.inline.ruler.before("html_inline", "attributes", inline_attributes)
    md.core.ruler.before("inline", "attributes", block_attributes)
    md.core.ruler.after("inline", "heading_ids", heading_ids)
    md.core.ruler.after("inline", "tables_and_lists", tables_and_lists)
    md.core.ruler.after("inline", "figures", figures)
    md.core.ruler.at("replacements", dashes_and_dots)
    for rule in (show_tag_element, list_item_open, fence, footnote_anchor):
        md.add_render_rule(rule.__name__, rule)
    return md


def readable(url: str) -> str:
    """Return an address as it was typed; one that no program can take apart is quoted."""
    try:
        urlsplit(url)
    except ValueError:  # like http://[x
        return quote(url, safe="/:?#@!$&'()*+,;=%")
    return url


class Converted(NamedTuple):
    """What became of Markdown, with the lines that only the converter knows."""

    html: str
    headings: list[int]
    surprises: list[Found]


def convert(md: MarkdownIt, markdown: str, lines_above: int = 0) -> Converted:
    """Return the HTML, the lines of its headings, and what would surprise whoever wrote the Markdown."""
    notes: dict[str, Any] = {}
    tokens = md.parse(markdown, notes)
    html: str = md.renderer.render(tokens, md.options, notes)
    headings = [token.map[0] + 1 for token in tokens if token.type == "heading_open" and token.map]
    found = [*surprises(tokens, markdown.split("\n")), *unused_notes(notes, markdown)]
    return Converted(
        html.strip(),
        [lines_above + line for line in headings],
        [(lines_above + line, sentences) for line, sentences in found],
    )


def surprises(tokens: list[Token], lines: list[str]) -> Iterator[Found]:
    """Find text that becomes code by an indentation, or because no line ends the code above it."""
    for token in tokens:
        first, end = token.map or (0, 0)
        if token.type == "code_block":
            yield first + 1, INDENTED
        elif token.type == "fence" and (
            end == first + 1 or not lines[end - 1].rstrip().endswith(token.markup)
        ):
            yield first + 1, UNCLOSED.format(token.markup)


def unused_notes(notes: dict[str, Any], markdown: str) -> Iterator[Found]:
    """Find footnotes that no place in the text refers to: they would not be shown."""
    for name, number in notes.get("footnotes", {}).get("refs", {}).items():
        if number < 0:
            mark = name.removeprefix(":")
            line = line_at(markdown, max(0, markdown.find(f"[^{mark}]:")))
            yield line, f"No place in the text refers to this footnote. Write [^{mark}] where it belongs."


def show_tag(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - markdown-it calls it
    """Show a tag as text in an element of its own, where the checks find it and editors see it."""
    if not (tag := TAG.match(state.src, state.pos)):
        return False
    if not silent:
        state.push("show_tag_element", RAW_HTML, 0).content = tag[0]
    state.pos = tag.end()
    return True


def inline_attributes(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - markdown-it calls it
    """Give a link, a picture or code the attributes of the list behind it."""
    found = ATTRIBUTE_LIST.match(state.src, state.pos)
    if silent or not found or state.pending or not state.tokens:
        return False
    wanted = OPENED_BY.get(state.tokens[-1].type)
    opened = next((token for token in reversed(state.tokens) if token.type == wanted), None)
    if not opened:
        return False
    set_attributes(opened, found[1])
    state.pos = found.end()
    return True


def block_attributes(state: StateCore) -> None:
    """Set the attributes of the list at the end of a heading or cell, or in a paragraph's last line."""
    for index, token in enumerate(state.tokens):
        if token.type == "inline" and (found := AT_END.search(token.content)):
            opened = state.tokens[index - 1]
            if opened.type == "paragraph_open":
                if found[1] not in ("\n", ""):
                    continue
                if opened.hidden:  # in a list without empty lines, where only the item is an element
                    opened = state.tokens[index - 2]
            set_attributes(opened, found[2])
            token.content = token.content[: found.start()]


def set_attributes(token: Token, attributes: str) -> None:
    """Set the attributes of a list like #id .class name="value"."""
    for name, kind, key, *values in ATTRIBUTE.findall(attributes):
        if kind:
            token.attrJoin("class", kind)
        else:
            token.attrSet("id" if name else key, name or "".join(values))


def heading_ids(state: StateCore) -> None:
    """Give each heading without an id one that is made of its words."""
    taken = {str(token.attrs["id"]) for token in every_token(state.tokens) if "id" in token.attrs}
    for index, token in enumerate(state.tokens):
        if token.type == "heading_open" and "id" not in token.attrs:
            words = "".join(child.content for child in state.tokens[index + 1].children or [])
            base = name = slug(words)
            number = 0
            while not name or name in taken:
                number += 1
                name = f"{base}_{number}"
            taken.add(name)
            token.attrSet("id", name)


def every_token(tokens: list[Token]) -> Iterator[Token]:
    """Yield each block's token, and each within."""
    for token in tokens:
        yield token
        yield from token.children or []


def slug(words: str) -> str:
    """Return words as an id, in small letters, digits and hyphens."""
    ascii_only = normalize("NFKD", words).encode("ascii", "ignore").decode("ascii")
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", ascii_only).strip().lower())


def tables_and_lists(state: StateCore) -> None:
    """Align cells by a class, since the site allows no styles, and let the keyboard scroll tables."""
    for token in state.tokens:
        if token.type == "table_open":
            token.attrSet("tabindex", "0")
        elif token.attrs.get("class") == "contains-task-list":
            del token.attrs["class"]  # its other items keep their dots
        elif token.type in ("th_open", "td_open") and str(token.attrs.get("style", "")).startswith("text-"):
            token.attrSet("class", str(token.attrs.pop("style")).removeprefix("text-align:"))


def figures(state: StateCore) -> None:
    """Make a figure of a paragraph that is one picture with a title, and a caption of the title."""
    for opened, inline, closed in zip(state.tokens, state.tokens[1:], state.tokens[2:], strict=False):
        children = inline.children or []
        if opened.type == "paragraph_open" and len(children) == 1 and "title" in children[0].attrs:
            if children[0].type != "image":
                continue
            opened.tag = closed.tag = "figure"
            opened.hidden = closed.hidden = False
            caption = Token("text", "", 0, content=str(children[0].attrs.pop("title")))
            around = [Token("caption_open", "figcaption", 1), Token("caption_close", "figcaption", -1)]
            inline.children = [children[0], around[0], caption, around[1]]


def dashes_and_dots(state: StateCore) -> None:
    """Make dashes and an ellipsis of hyphens and dots; markdown-it's own rule makes a sign of "(c)" too."""
    for token in state.tokens:
        replace_rare(token.children or [])


def show_tag_element(_renderer: RendererHTML, tokens: list[Token], index: int, *_: Any) -> str:
    """Return a tag as text."""
    return f"<{RAW_HTML}>{tokens[index].content.replace('<', '&lt;')}</{RAW_HTML}>"


def list_item_open(renderer: RendererHTML, tokens: list[Token], index: int, options: Any, env: Any) -> str:
    """Return the beginning of a list item; a box that nobody can tick is a character."""
    box = BOXES.get(tokens[index].meta.get("checked", ""), "")
    return renderer.renderToken(tokens, index, options, env) + (f"{box} " if box else "")


def fence(renderer: RendererHTML, tokens: list[Token], index: int, options: Any, env: Any) -> str:
    """Return code between fences, which the keyboard can scroll; its language makes no difference here."""
    tokens[index].attrs = {"tabindex": "0"}
    return renderer.code_block(tokens, index, options, env)


def footnote_anchor(_renderer: RendererHTML, tokens: list[Token], index: int, *_: Any) -> str:
    """Return the link from a footnote back to its place in the text, with words for screen readers."""
    note, place = (tokens[index].meta[key] for key in ("id", "subId"))
    return BACK.format(f"{note + 1}:{place}" if place > 0 else note + 1)
