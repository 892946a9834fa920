"""Characters that cannot be seen, and that change what people or programs make of a text."""

import re
import unicodedata

# Control characters but tab and line feed, separators of lines and paragraphs, marks of direction, and
# zero-width characters but the joiners, which some scripts and emoji are written with.
INVISIBLE = re.compile(
    "[\0-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)


def named(character: str) -> str:
    """Return an invisible character as people can look it up, like "U+200B, zero width space"."""
    name = unicodedata.name(character, "control character").lower()
    return f"U+{ord(character):04X}, {name}"
