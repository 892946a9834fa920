"""What is dated ahead is checked today as it will be on its day, and the days before, on and after."""

import json
import shutil
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from plugins.notices.notice import HEADINGS
from tests.parts.stack import build_project, checkout, statement_in_force

DAY = date.fromisoformat(statement_in_force()) + timedelta(days=400)
BEFORE, AFTER = DAY - timedelta(days=1), DAY + timedelta(days=1)
OR_WORDS = "or if it is right add it to content/words.txt."
NEXT_EMAIL = "privacy@imqs.co.za"
ARTICLE = "Title: Pipes age\nDate: {day}\nDescription: Why pipes age.\n\n{text}\n"
NOTICE = f"""\
Title: Someone read mail
Breached: {DAY - timedelta(days=400)}
Discovered: {DAY - timedelta(days=400)}
Published: {DAY}
Updated: {DAY}
Until: {AFTER}
Contact: Privacy desk (privacy@imqs.co.za)

""" + "".join(f"## {heading}\nPasswords.\n" for heading in HEADINGS)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a copy of the project."""
    return checkout(tmp_path)


def record(project: Path, line: str, after: str) -> None:
    """Add a line to content/published.toml."""
    path = project / "content/published.toml"
    path.write_text(path.read_text("utf-8").replace(after, f"{after}\n{line}"), "utf-8")


def told(project: Path, day: date) -> list[str]:
    """Return the mistakes that a production build of that day names."""
    built = build_project(project, SITE_DATE=str(day))
    assert built.returncode == bool(built.stderr), built.stdout + built.stderr
    return built.stderr.splitlines()[:-1]


def test_days_go_by(project: Path) -> None:
    """An article, a notice and a version take effect on their day by the nightly build alone."""
    content, output = project / "content", project / "output"
    in_force = (content / f"privacy/{statement_in_force()}.md").read_text("utf-8")
    for version in content.glob("privacy/*.md"):
        if version.stem != statement_in_force():
            version.unlink()
    old_email = in_force.split("(mailto:")[-1].split(")")[0]
    following = in_force.replace(old_email, NEXT_EMAIL)
    (content / f"privacy/{DAY}.md").write_text(following, "utf-8")
    record(project, f'{DAY} = "{sha256(following.encode()).hexdigest()}"', "[statement]")
    record(project, '  "/news-articles/pipes-age/",', "addresses = [")
    facts = content / "organisation.toml"
    facts.write_text(
        facts.read_text("utf-8").replace("[requests]", f'[requests]\nnext = "{NEXT_EMAIL}"'), "utf-8"
    )
    (content / "news/pipes-age.md").write_text(ARTICLE.format(day=DAY, text="Text."), "utf-8")
    (content / "notices").mkdir(exist_ok=True)
    (content / "notices/mail.md").write_text(NOTICE, "utf-8")
    online = {}
    for day in (BEFORE, DAY, AFTER):
        shutil.rmtree(output, ignore_errors=True)

        assert told(project, day) == [], day

        form = json.loads((output / "form.json").read_text("utf-8"))
        article = (output / "news-articles/pipes-age/index.html").exists()
        online[day] = (article, "mail" in form["notices"], form["statement"], form["requests_email"])

    changed = (True, True, str(DAY), NEXT_EMAIL)
    assert online == {
        BEFORE: (False, False, statement_in_force(), old_email),
        DAY: changed,
        AFTER: changed,
    }


def test_article_ahead_is_checked_today(project: Path) -> None:
    """An article dated ahead has the same mistakes today as on its day, a new address among them."""
    text = "TODO: recieve [a](/nowhere/) [b](/news-articles/later/)"
    (project / "content/news/pipes-age.md").write_text(ARTICLE.format(day=DAY, text=text), "utf-8")
    later = ARTICLE.format(day=AFTER, text="After [that](/news-articles/pipes-age/).")
    later = later.replace("Pipes age", "Later").replace("Why pipes", "How pipes")
    (project / "content/news/later.md").write_text(later, "utf-8")
    path = "content/news/pipes-age.md"

    assert (
        told(project, BEFORE)
        == told(project, DAY)
        == [
            (
                "content/news/later.md:1: The address /news-articles/later/ is new. To keep it for good, "
                'add this line to the addresses in content/published.toml: "/news-articles/later/",'
            ),
            (
                f"{path}:1: The address /news-articles/pipes-age/ is new. To keep it for good, "
                'add this line to the addresses in content/published.toml: "/news-articles/pipes-age/",'
            ),
            f'{path}:5: "TODO" was left to be filled in. Write what belongs there, or take it out.',
            f'{path}:5: "recieve" looks misspelt. Write "receive", {OR_WORDS}',
            (
                f"{path}:5: /news-articles/later/ goes online on {AFTER}, later than this page. "
                "Take the link out until then, or change one of the two dates."
            ),
            f"{path}:5: There is no page /nowhere/. Correct the address, or take the link out.",
        ]
    )
