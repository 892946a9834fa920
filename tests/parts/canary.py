"""Words that nobody else writes, and the search for them."""

import re
import secrets
import subprocess
from base64 import b64encode
from binascii import hexlify
from contextlib import suppress
from pathlib import Path

from tests.parts.forms import ENQUIRY

CHANGES_FILES = re.compile(
    r"O_(WRONLY|RDWR|CREAT|TRUNC)"
    r"|\b(creat|memfd_create|f?truncate|rename\w*|unlink\w*|rmdir|mkdir\w*|mknod\w*|link|linkat|symlink\w*)\("
)

PART = 1 << 20  # bytes
BROWSERS_OWN = re.compile(r"/(\.org\.chromium|org\.chromium|playwright|\.config/chromium|chromium)")


class Canary:
    """Words that nobody else writes, in every field, and what they look like encoded."""

    def __init__(self) -> None:
        """Make up new ones."""
        self.mark = f"kanarie{secrets.token_hex(8)}"
        digits = f"82{secrets.randbelow(9_000_000) + 1_000_000}"
        phone = f"+27 {digits[:2]} {digits[2:5]} {digits[5:]}"
        self.words = ENQUIRY | {
            "name": f"{self.mark} O'Brien",
            "phone": phone,
            "email": f"{self.mark}@example.com",
            "message": f"We have {self.mark} pipes.",
        }
        self._traces = [trace for word in (self.mark, digits, phone) for trace in encodings(word.encode())]

    def found_in(self, data: bytes) -> bool:
        """Tell whether the data hold a word of ours."""
        return any(trace in data for trace in self._traces)

    def found_in_file(self, path: str) -> bool:
        """Tell whether a file holds a word of ours; one that is gone does not."""
        overlap = b""
        with suppress(OSError), Path(path).open("rb") as file:
            while part := file.read(PART):  # a file may be larger than the memory
                if self.found_in(overlap + part):
                    return True
                overlap = part[-max(map(len, self._traces)) :]
        return False


def encodings(word: bytes) -> list[bytes]:
    """Return a word raw, in URLs, in hexadecimal, and in base64 wherever it begins."""
    inside = [
        b64encode(b" " * before + word)[-(-before * 8 // 6) : (before + len(word)) * 8 // 6]
        for before in range(3)
    ]
    return [word, word.replace(b" ", b"+").replace(b"+27", b"%2B27"), hexlify(word), *inside]


def files_changed_since(began: float, roots: set[str]) -> list[str]:
    """Find the regular files under some folders that were written since a moment."""
    command = ["find", *roots, "-type", "f", "-newermt", f"@{began}", "-print0"]
    # It complains of what others remove meanwhile.
    found = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    return found.stdout.decode("utf-8", "surrogateescape").split("\0")[:-1]


def files_with(canary: Canary, began: float, roots: set[str]) -> set[str]:
    """Return the files, changed since a moment, that hold a word of the canary's by name or by content."""
    return {
        path
        for path in files_changed_since(began, roots)
        if not BROWSERS_OWN.search(path)
        and (canary.found_in(path.encode("utf-8", "surrogateescape")) or canary.found_in_file(path))
    }
