"""What the law or other parts of the website need cannot be taken away without a word."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.parts.stack import build_project, checkout, statement_in_force

LEFT = "was left to be filled in. Write what belongs there, or take it out."
NOTE_WANTED = "since section 18 of POPIA wants people told what is collected, why, and what they may ask for."


def edit(path: Path, pattern: str, replacement: str) -> None:
    """Replace what a pattern matches in a file, which it has to."""
    text, count = re.subn(pattern, replacement, path.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    assert count, pattern
    path.write_text(text, "utf-8")


def test_what_is_required(tmp_path: Path) -> None:
    """A form or its privacy note, a page's template, the sector "Other": each is missed, with the reason."""
    project = checkout(tmp_path)
    pages = project / "content/pages"
    edit(pages / "enquiry/index.md", r"^\[form\]\n\n.*", "[form]\n\n## What we do with it\n")
    edit(pages / "your-information/index.md", r"^\[form\]\n", "")
    edit(pages / "contact.md", r"^Template: contact\n", "")
    edit(pages / "products/index.md", r"^Template: products\n", "Template: page\n")
    edit(project / "content/organisation.toml", r'^  "Other",\n', "")
    told = build_project(project).stderr.splitlines()
    lines = len((pages / "your-information/index.md").read_text("utf-8").split("\n"))

    assert told[:-1] == [
        (
            'content/organisation.toml:33: The sector "Other" is missing. Add it, '
            "since whoever finds no sector of theirs could not send the form."
        ),
        (
            'content/pages/contact.md:1: This page needs "Template: contact". '
            "Without it the e-mail address and the other ways to reach us would be missing."
        ),
        (
            "content/pages/enquiry/index.md:8: The privacy note below [form] is missing. "
            f"Write it again, {NOTE_WANTED}"
        ),
        (
            'content/pages/products/index.md:4: This page needs "Template: products". '
            "Without it the list of products would be missing."
        ),
        (
            f"content/pages/your-information/index.md:{lines}: "
            "This page does not say where its form belongs. "
            "Write [form] once, in a line of its own, with an empty line above and below."
        ),
    ]


def test_note_names_the_statement(tmp_path: Path) -> None:
    """The privacy note leads to the statement, and the form has empty lines around it."""
    project = checkout(tmp_path)
    enquiry = project / "content/pages/enquiry/index.md"
    edit(enquiry, r"^Our \[Customer Privacy.*", "")
    edit(enquiry, r"^\[form\]\n", "[form]\nAbout it:\n")
    told = build_project(project).stderr.splitlines()

    assert told[:-1] == [
        (
            "content/pages/enquiry/index.md:8: The privacy note below [form] does not link to the statement. "
            "Add a link like [Customer Privacy Statement](/about-us/customerprivacystatement/), "
            f"{NOTE_WANTED}"
        ),
        "content/pages/enquiry/index.md:8: [form] stands for the form. Put an empty line above and below it.",
    ]


def test_addresses_follow_the_statement(tmp_path: Path) -> None:
    """A new address for requests waits for its version; a new contact leaves no old one behind."""
    project = checkout(tmp_path)
    facts = project / "content/organisation.toml"
    old = re.findall(r'^email = "(.*?)"', facts.read_text("utf-8"), re.MULTILINE)[0]
    statement = f"content/privacy/{statement_in_force()}.md"
    edit(facts, r"(\[requests\].*?\nemail = \").*?\"", r'\1privacy@imqs.co.za"')
    told = build_project(project).stderr.splitlines()

    assert told[0] == (
        f"content/organisation.toml:18: {statement}, which is in force, does not name privacy@imqs.co.za. "
        'Put the old one back, write next = "privacy@imqs.co.za" below it, '
        "and publish a version that names it."
    )

    edit(facts, r"privacy@imqs.co.za", old)
    edit(facts, r"(\[contact\]\nemail = \").*?\"", r'\1info@imqs.co.za"')
    told = build_project(project).stderr.splitlines()

    assert told[0] == (
        f"content/pages/accessibility.md:35: {old} only answers requests about personal information. "
        "Write info@imqs.co.za, or name the page that it is for: /your-information/."
    )
    assert not any("your-information/index.md" in line for line in told)


def test_last_lines_of_make(tmp_path: Path) -> None:
    """After a mistake `make hand-in` ends with its sentence, and says what make's own last line is."""
    project = checkout(tmp_path)
    edit(project / "content/pages/contact.md", r"^Title: .*?\n", "Title: TODO\n")
    ready = ("-o", ".venv/serve.installed", f"RUN={sys.executable} -m")
    command = ["make", "--no-print-directory", *ready, "hand-in", "MESSAGE=x"]
    ended = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.splitlines()[:-1] == [
        f'content/pages/contact.md:1: "TODO" {LEFT}',
        "Not built: 1 mistake, named above.",
        "What to do is said above. The line below comes from make, and says no more.",
    ]
    assert re.match(r"make(\[\d\])?: \*\*\* ", ended.stderr.splitlines()[-1])


# A file, a pattern, and what takes its place: each ends the build at another place in the code.
WRONG = [
    ("content/pages/contact.md", r"^Title: .*?\n", "Title: 100 %: TODO\nDate: soon\n"),
    ("content/pages/contact.md", r"\Z", "[a](/nowhere/) ![A plan](/images/plan.png) Teh `end\n"),
    ("content/news/maintenance-strategy.md", r"\A.*\Z", "Title: Caf\udce9\n"),
    ("content/organisation.toml", r'^name = "IMQS"', 'name = "IMQS'),
    ("content/organisation.toml", r'^name = "IMQS"', "name = 5\ntown = 6"),
    ("content/organisation.toml", r"\A", "<<<<<<< HEAD\n"),
    ("content/organisation.toml", r"\A", "# \udce9\n"),
    ("content/promises.toml", r"\A", "[[\n"),
    ("content/published.toml", r"\A", "=\n"),
    ("content/privacy/2026-11-22.md", r"^Title", "Status: draft\nTitle"),
    ("theme/templates/page.html", r"\Z", "{% block content %}<b>x</b>{% endblock %}\n"),
]


@pytest.mark.parametrize(("path", "pattern", "new"), WRONG, ids=range(len(WRONG)))
def test_mistakes_beside_the_line(tmp_path: Path, path: str, pattern: str, new: str) -> None:
    """Where the repository's host builds the site, each mistake is also an annotation of its line."""
    project = checkout(tmp_path)
    text = (project / path).read_text("utf-8")
    changed = re.sub(pattern, lambda _: new, text, count=1, flags=re.MULTILINE | re.DOTALL)
    (project / path).write_text(changed, "utf-8", "surrogateescape")
    told = build_project(project, GITHUB_ACTIONS="true").stderr.splitlines()
    plain = [re.fullmatch(r"(\w+/\S+?):(\d+): (.*)", line) for line in told]
    annotations = [f"::error file={m[1]},line={m[2]}::{m[3]}".replace("%", "%25") for m in plain if m]

    assert annotations
    assert [line for line in told if line.startswith("::")] == annotations


def test_link_out_of_the_folder_beside_the_line(tmp_path: Path) -> None:
    """A link to elsewhere is annotated, too; a name's own signs do not end the annotation."""
    project = checkout(tmp_path)
    (project / "content/images/100%,a.png").symlink_to("/etc/passwd")
    told = build_project(project, GITHUB_ACTIONS="true").stderr.splitlines()

    assert told[0].startswith("::error file=content/images/100%25%2Ca.png,line=1::This is a link. ")
