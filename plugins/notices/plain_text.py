"""A notice as plain text, for the e-mails: what its page says, as people write it without any markup."""

import re
from collections.abc import Iterator
from textwrap import indent
from urllib.parse import urljoin

from lxml.html import HtmlElement, fragment_fromstring

UNDERLINES = {"h1": "=", "h2": "=", "h3": "-", "h4": "-", "h5": "-", "h6": "-"}
LISTS = {"ul", "ol"}
OTHERS = {
    "blockquote",
    "dd",
    "details",
    "div",
    "dl",
    "dt",
    "hr",
    "li",
    "p",
    "pre",
    "section",
    "summary",
    "table",
}
BLOCKS = {*UNDERLINES, *LISTS, *OTHERS}
BREAK = "\0"  # stands for a line break until white space is one space


def plain_text(html: str, address: str) -> str:
    """Return the text of a page's HTML; links are written out, from the page's whole address."""
    return "\n\n".join(blocks(fragment_fromstring(html, create_parent="div"), address))


def blocks(parent: HtmlElement, address: str) -> Iterator[str]:
    """Yield the paragraphs, headings, lists and tables in an element."""
    words = parent.text or ""
    for child in parent:
        if child.tag in BLOCKS:
            yield from filter(None, [on_lines(words)])
            yield from filter(None, [block(child, address)])
            words = child.tail or ""
        else:
            words += inline(child, address) + (child.tail or "")
    yield from filter(None, [on_lines(words)])


def block(element: HtmlElement, address: str) -> str:
    """Return one of them as text."""
    tag = str(element.tag)
    if tag in LISTS:
        return items(element, address)
    if tag == "table":
        return "\n".join(rows(element, address))
    if tag == "pre":
        return indent(element.text_content().strip("\n"), "    ")
    text = "* * *" if tag == "hr" else "\n\n".join(blocks(element, address))
    if tag in UNDERLINES:
        text += f"\n{UNDERLINES[tag] * len(text)}"
    signs = {"blockquote": "> ", "dd": "  "}
    return indent(text, signs.get(tag, ""), lambda _line: True)


def items(element: HtmlElement, address: str) -> str:
    """Return a list, each item behind its sign or number."""
    texts = []
    loose = element.xpath("boolean(li/p)")
    for number, item in enumerate(element.iterchildren("li"), int(element.get("start", "1"))):
        sign = "-" if element.tag == "ul" else f"{number}."
        text = ("\n\n" if loose else "\n").join(blocks(item, address))
        texts.append(f"{sign} {indent(text, ' ' * (len(sign) + 1)).lstrip()}")
    return ("\n\n" if loose else "\n").join(texts)


def rows(table: HtmlElement, address: str) -> Iterator[str]:
    """Yield a line for each row of a table, in which every cell follows the name of its column."""
    head = [cell_text(cell, address) for cell in table.xpath(".//thead//th")]
    for row in table.xpath(".//tbody/tr"):
        cells = [cell_text(cell, address) for cell in row.xpath("td | th")]
        named = [f"{name}: {text}" if name else text for name, text in zip(head, cells, strict=False)]
        yield f"- {'; '.join(named or cells)}"


def cell_text(cell: HtmlElement, address: str) -> str:
    """Return a cell in one line."""
    return " ".join(" ".join(blocks(cell, address)).split())


def inline(element: HtmlElement, address: str) -> str:
    """Return words within a line: a link as `words (address)`, a picture as what it shows."""
    if element.tag == "br":
        return BREAK
    if element.tag == "img":
        return str(element.get("alt", ""))
    if "footnote-backref" in element.get("class", ""):
        return ""
    words = (element.text or "") + "".join(
        inline(child, address) + (child.tail or "") for child in element.iterchildren("*")
    )
    if element.tag in ("del", "s"):
        return f"[struck out: {words}]"
    href = element.get("href", "#") if element.tag == "a" else "#"
    whole = urljoin(address, href)
    shown = re.sub(r"^(?:mailto:|tel:)", "", whole)
    return words if href.startswith("#") or words.strip() in (whole, shown) else f"{words} ({shown})"


def on_lines(words: str) -> str:
    """Return words with one space between them, and a line for each break."""
    return "\n".join(" ".join(line.split()) for line in words.split(BREAK)).strip()
