"""What the law or other parts of the website need cannot be taken away without a word."""

import re
from pathlib import Path

from tests.parts.stack import build_project, checkout, statement_in_force

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


def test_mistakes_beside_the_line(tmp_path: Path) -> None:
    """Where the repository's host builds the site, each mistake is also an annotation of its line."""
    project = checkout(tmp_path)
    edit(project / "content/pages/contact.md", r"^Title: .*?\n", "Title: 100 %: TODO\n")
    built = build_project(project, GITHUB_ACTIONS="true")

    assert (
        '::error file=content/pages/contact.md,line=1::"TODO" was left to be filled in. '
        "Write what belongs there, or take it out."
    ) in built.stdout.splitlines()
