"""Names of files, and so of addresses, and of git's branches, made of words.

It reads nothing of content/: a mistake in the facts must not keep anybody from taking that mistake back.
"""

from pelican.utils import slugify

SIGNS = [("'", ""), ("[^a-z0-9]+", "-"), ("^-|-$", "")]


def name_of(words: str) -> str:
    """Return the letters and digits of words, in small letters and with hyphens."""
    return str(slugify(words, SIGNS))
