"""What changed between two texts: additions and deletions, marked for readers and for screen readers."""

import re

from lxml.html import HtmlElement, fragment_fromstring, tostring
from lxml.html.builder import CLASS, SPAN
from lxml.html.diff import htmldiff
from markupsafe import Markup

TIDY = {
    # htmldiff writes the address of each link after its words; keep only those that changed.
    r"(?: Link: [^<]*)? </a>": "</a>",
    # It puts spaces around what it marks, and inside the mark where a line ended.
    r"(?<=[^>\s])\s+(?=</(?:ins|del)>)": "",
    r" (?=<(?:ins|del)>[,.;:!?)])|(?<=</ins>|</del>) (?=[,.;:!?)])": "",
}
SPOKEN = {"ins": ("Added: ", " End of addition. "), "del": ("Taken out: ", " End of deletion. ")}


def changes_since(new: str, old: str) -> Markup:
    """Return the new text with what it adds in `ins` and what it takes out in `del`."""
    marked = htmldiff(old, new)
    for pattern, replacement in TIDY.items():
        marked = re.sub(pattern, replacement, marked)
    root = fragment_fromstring(marked, create_parent="div")
    for edit in root.xpath("//ins | //del"):
        if edit.text_content().strip() or edit.xpath(".//img"):
            speak(edit)
        else:
            edit.drop_tag()
    keep_first_of_each_id(root)
    inside = "".join(tostring(element, encoding="unicode") for element in root)
    return Markup(inside)  # noqa: S704 - made of two texts that are HTML already


def speak(edit: HtmlElement) -> None:
    """Say in hidden words what the marks show, since most screen readers ignore ins and del."""
    before, after = (SPAN(CLASS("visually-hidden"), words) for words in SPOKEN[str(edit.tag)])
    before.tail, edit.text = edit.text, None
    edit.insert(0, before)
    edit.append(after)


def keep_first_of_each_id(root: HtmlElement) -> None:
    """Drop an id that occurs again: a chapter that moved occurs in the comparison twice."""
    seen = set()
    for element in root.xpath("//*[@id]"):
        if element.get("id") in seen:
            del element.attrib["id"]
        else:
            seen.add(element.get("id"))
