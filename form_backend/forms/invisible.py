"""Characters that cannot be seen: taken out of addresses, and made visible to staff elsewhere."""

import re
import unicodedata

# Unicode's Default_Ignorable_Code_Point, and the control characters that are no white space.
UNSEEN = re.compile(
    "[\0-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]+"
)
LINE_ENDS_AND_TABS = re.compile("[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]+")
# A flag such as Scotland's, which is spelled with letters that cannot be seen.
FLAG = re.compile("(\U0001f3f4[\U000e0020-\U000e007e]+\U000e007f)")
KEPT = frozenset("\t\u200c\u200d\u2060")  # tab, and the joiners that scripts and emoji are written with


def without_unseen(text: str) -> str:
    """Return an address or a number without the characters that were copied along unseen."""
    return UNSEEN.sub("", text)


def on_one_line(text: str) -> str:
    """Return the text with a space for line ends and tabs, as a spreadsheet or a letter has them."""
    return LINE_ENDS_AND_TABS.sub(" ", text)


def show_hidden(text: str) -> str:
    """Make control, direction and other invisible characters visible, like ⟦U+202E⟧."""
    if text.isprintable():
        return text
    return "".join(
        part if part and FLAG.fullmatch(part) else "".join(map(_visible, part)) for part in FLAG.split(text)
    )


def _visible(character: str) -> str:
    hidden = character not in KEPT and unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp"}
    return f"⟦U+{ord(character):04X}⟧" if hidden else character
