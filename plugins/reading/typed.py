"""Text as people type and paste it, and what was meant by it."""

import re

INVISIBLE = re.compile(
    "[\0-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\u2800\u3164\ue000-\uf8ff\ufdd0-\ufdef\ufeff\uffa0\ufff0-\ufffc\ufffe\uffff"
    "\U000e0000-\U000e0fff]"
    "(?<![\u2190-\u2bff\U0001f000-\U0001faff\ufe0f]\u200d)"  # there it joins the parts of an emoji
)
LOST = re.compile("\N{REPLACEMENT CHARACTER}")
CONFLICT = re.compile(r"^(?:<{7}|\|{7}|>{7})(?:[ \t].*)?$", re.MULTILINE)
CONFLICT_CURE = (
    "Two people changed the same lines. Keep the lines that are right; take out the others, and the lines "
    "that begin with <<<<<<<, ======= or >>>>>>>."
)

BLANK = r"[^\S\n]"
INDENT = re.compile(rf"^{BLANK}+", re.MULTILINE)
MARKER = re.compile(
    rf"^( *(?:> ?)*(?:#{{1,6}}|\d{{1,9}}[.)]|[-*+>:])){BLANK}*[^\S\n\t ]{BLANK}*", re.MULTILINE
)
BULLET = re.compile(
    rf"^( *(?:> ?)*)(?:[•·∙‣⁃▪▫◦●○■□➢➤❖\uf0a7\uf0a8\uf0b7\uf0d8\uf0fc]{BLANK}+|[o§–—]\t{BLANK}*)",
    re.MULTILINE,
)
DASHES = re.compile(rf"^(?: *[–—]{BLANK}.*(?:\n|\Z)){{2,}}", re.MULTILINE)
DASH = re.compile(rf"^( *)[–—]{BLANK}+", re.MULTILINE)


def as_meant(text: str) -> str:
    """Return Markdown line by line with its own bullets and spaces in place of those of other programs."""
    text = INDENT.sub(lambda found: re.sub(r"[^\t]", " ", found[0]), text)
    text = MARKER.sub(r"\1 ", BULLET.sub(r"\1- ", text))
    text = DASHES.sub(lambda found: DASH.sub(r"\1- ", found[0]), text)
    return INVISIBLE.sub("", text)


def conflict_lines(text: str) -> list[int]:
    """Return the numbers of the lines with which git marks what it could not unite."""
    return [line_at(text, found.start()) for found in CONFLICT.finditer(text)]


def line_at(text: str, position: int) -> int:
    """Return the number of the line at a position in a text."""
    return text.count("\n", 0, position) + 1
