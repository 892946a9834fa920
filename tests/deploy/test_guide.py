"""docs/deploying.md: the tests and commands that it names are there."""

import re
import subprocess
import sys

from tests.parts.processes import ROOT

GUIDE = (ROOT / "docs/deploying.md").read_text("utf-8")


def test_proofs_are_there() -> None:
    """Each test that the guide names as a proof is one of ours."""
    named = set(re.findall(r"`(test_\w+)`", GUIDE))
    sources = [path.read_text("utf-8") for path in (ROOT / "tests").rglob("*.py")]
    ours = {name for source in sources for name in re.findall(r"^def (test_\w+)", source, re.MULTILINE)}

    assert len(named) > 5
    assert named <= ours


def test_commands_are_there() -> None:
    """Each command of `website` that the guide names is one that the program has."""
    named = set(re.findall(r"`website ([a-z-]+)", GUIDE))
    usage = subprocess.run(
        [sys.executable, ROOT / "deploy/setup", "--help"], capture_output=True, text=True, check=True
    ).stdout

    assert len(named) > 7
    assert named <= set(re.findall(r"^    ([a-z-]+)\s", usage, re.MULTILINE))
