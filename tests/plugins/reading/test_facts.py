"""The facts in content/organisation.toml and content/published.toml: one schema, with line and cure."""

import re
from pathlib import Path

import pytest

from form_backend.signs import SENTENCES
from plugins.reading.facts import ADVERTISING
from plugins.reading.toml import read_toml
from tests.parts.processes import ROOT
from tests.parts.stack import BuildError, build

ORGANISATION = (ROOT / "content/organisation.toml").read_text("utf-8")
EMAIL_CURE = (
    "is not an e-mail address that reaches somebody (none at example.com, example.net or example.org does). "
    'Write it like: email = "name@imqs.co.za"'
)
PAGE = "is not an address of ours that begins with /, or one that begins with https://."
LINKS = re.search(r"^links = \d+", ORGANISATION, re.MULTILINE)[0]  # type: ignore[index]  # it is there
OLD_PAGE = 'is not an address of ours that begins with /. Write it like: "/contact/"'
DAYS = "is not a whole number from 1 to 365, without quotes. Write it like: answer_days = 30"
LINE = "is not one line of plain text, of {} characters at most, without < and >."
WEIGHT = "is not a number from 0 to 100, without quotes. Write it like: links = 5"
ADDRESS = (
    "is not the site's own address, in small letters and without a slash at the end. "
    'Write it like: address = "https://www.imqs.co.za"'
)
INVISIBLE = {
    "a line separator": "\N{LINE SEPARATOR}",
    "another direction": "\N{RIGHT-TO-LEFT OVERRIDE}",
    "a zero-width space": "\N{ZERO WIDTH SPACE}",
    "a byte order mark": "\ufeff",
}
ESCAPES = {r"\n": "a line break", r"\t": "a tab", r"\u0000": "a control character", r"\u007f": "another"}


def told(folder: Path, text: str, name: str = "organisation.toml") -> list[str]:
    """Return what is told of a file with this text."""
    (path := folder / name).write_text(text, "utf-8")
    with pytest.raises(SystemExit) as ended:
        read_toml(path)
    return str(ended.value).split("\n")


def changed(old: str, new: str) -> str:
    """Return our facts with one change, the first of its kind."""
    assert old in ORGANISATION
    return ORGANISATION.replace(old, new, 1)


def number(text: str, wanted: str) -> int:
    """Return the line in which a text has these words."""
    return text[: text.index(wanted)].count("\n") + 1


@pytest.mark.parametrize(
    ("old", "new", "at", "sentences"),
    [
        # What does harm
        ('paia_manual = ""', 'paia_manual = "javascript:alert(1)"', "",
         f'"javascript:alert(1)" {PAGE} Write it like: paia_manual = "/contact/"'),
        ('paia_manual = ""', 'paia_manual = "http://example.org/manual"', "",
         f'"http://example.org/manual" {PAGE} Write it like: paia_manual = "/contact/"'),
        ('paia_manual = ""', 'paia_manual = "//evil.example/"', "",
         f'"//evil.example/" {PAGE} Write it like: paia_manual = "/contact/"'),
        ('paia_manual = ""', 'paia_manual = "https://imqs.co.za@evil.example/"', "",
         f'"https://imqs.co.za@evil.example/" {PAGE} Write it like: paia_manual = "/contact/"'),
        ('paia_manual = ""', "paia_manual = '/x\"><meta>'", "",
         f'"/x\\"><meta>" {PAGE} Write it like: paia_manual = "/contact/"'),
        ('address = "/products/"', 'address = "data:text/html,x"', "",
         f'"data:text/html,x" {PAGE} Write it like: address = "/contact/"'),
        ('role = "Operations Manager"', 'role = "<script>x</script>"', "",
         f'"<script>x</script>" {LINE.format(200)} Write it like: role = "Operations Manager"'),
        ('name = "IMQS"', 'name = "IMQS "', "", f'"IMQS " {LINE.format(60)} Write it like: name = "IMQS"'),
        ('name = "IMQS"', 'name = ""', "", f'"" {LINE.format(60)} Write it like: name = "IMQS"'),
        ('"https://www.imqs.co.za"', '"https://www.imqs.co.za\\nDisallow: /"', "",
         f'"https://www.imqs.co.za\\nDisallow: /" {ADDRESS}'),
        ('"https://www.imqs.co.za"', '"https://www.imqs.co.za\\n"', "",
         f'"https://www.imqs.co.za\\n" {ADDRESS}'),
        ('"https://www.imqs.co.za"', '"https://www.imqs.co.za/"', "", f'"https://www.imqs.co.za/" {ADDRESS}'),
        ('"https://www.imqs.co.za"', '"http://www.imqs.co.za"', "", f'"http://www.imqs.co.za" {ADDRESS}'),
        ('email = "annatjie.taljaard@imqs.co.za"', "email = '\"><script>@imqs.co.za'", "",
         f'"\\"><script>@imqs.co.za" {EMAIL_CURE}'),
        ('email = "annatjie.taljaard@imqs.co.za"', 'email = "a@imqs.co.za\\nBcc: b@imqs.co.za"', "",
         f'"a@imqs.co.za\\nBcc: b@imqs.co.za" {EMAIL_CURE}'),
        ('email = "annatjie.taljaard@imqs.co.za"', 'email = "info@example.com"', "",
         f'"info@example.com" {EMAIL_CURE}'),
        ('email = "annatjie.taljaard@imqs.co.za"', 'email = "info@mail.example.org"', "",
         f'"info@mail.example.org" {EMAIL_CURE}'),
        # Types and ranges
        ("answer_days = 30", 'answer_days = "30"', "", f'"30" {DAYS}'),
        ("answer_days = 30", "answer_days = 999999999", "", f"999999999 {DAYS}"),
        ("answer_days = 30", "answer_days = 366", "", f"366 {DAYS}"),
        ("answer_days = 30", "answer_days = 0", "", f"0 {DAYS}"),
        ("answer_days = 30", 'answer_days = 30\nnext = ["new@imqs.co.za"]', "next = ",
         f'["new@imqs.co.za"] {EMAIL_CURE.replace("email = ", "next = ")}'),
        ("answer_days = 30", "answer_days = -1", "", f"-1 {DAYS}"),
        ("answer_days = 30", "answer_days = 30.0", "", f"30.0 {DAYS}"),
        ("answer_days = 30", "answer_days = true", "", f"true {DAYS}"),
        ("answer_days = 30", "answer_days = 2027-01-31", "", f'"2027-01-31" {DAYS}'),
        ('language = "en-ZA"', 'language = "English"', "",
         '"English" is not a language and a country. Write it like: language = "en-ZA"'),
        ('telephone = ""', 'telephone = "ask"', "",
         '"ask" is not a telephone number. Write it like: telephone = "010 023 5200"'),
        ('  "Other",', '  "<b>",', "", f'"<b>" {LINE.format(200)} Write it like: "Other"'),
        ('  "Other",', "  7,", "", f'7 {LINE.format(200)} Write it like: "Other"'),
        ("imqs-water = ", '"IMQS water" = ', "IMQS water",
         '"IMQS water" is not a name in small letters, digits and hyphens. Change it.'),
        ("[redirects]\n", '[redirects]\n"/old/" = "javascript:x"\n', '"/old/"',
         f'"javascript:x" {PAGE} Write it like: "/old/" = "/contact/"'),
        # Whole, and nothing else
        ('label = "About us"\n', "", '[[menu]]\naddress = "/about',
         'The fact "label" is missing. Write it like: label = "Products"'),
        ('telephone = ""\n', "", "[contact]",
         'The fact "telephone" is missing. Write it like: telephone = ""'),
        ("tagline = ", "taglin = ", "", '"taglin" is no fact here. Did you mean "tagline"?'),
        ('role = "', 'colour = "red"\nrole = "', "colour",
         '"colour" is no fact here. Take it out, or use one of role, email, answer_days, next, formerly.'),
        # The signs of advertising
        (LINKS, "links = 101", "", f"101 {WEIGHT}"),
        (LINKS, "links = -1", "", f"-1 {WEIGHT}"),
        (LINKS, "links = nan", "", f"NaN {WEIGHT}"),
        (LINKS, f"links = 1{'0' * 400}", "", f"1{'0' * 79} {WEIGHT}"),
        (LINKS, 'links = "5"', "", f'"5" {WEIGHT}'),
        (LINKS, "lnks = 4", "", '"lnks" is no fact here. Did you mean "links"?'),
    ],
)  # fmt: skip
def test_mistakes_in_the_facts(tmp_path: Path, old: str, new: str, at: str, sentences: str) -> None:
    """A fact that is wrong, unknown or missing is told with its line and the cure, and nothing else is."""
    text = changed(old, new)

    assert f"content/organisation.toml:{number(text, at or new)}: {sentences}" in told(tmp_path, text)


@pytest.mark.parametrize("what", [*INVISIBLE.values(), *ESCAPES], ids=[*INVISIBLE, *ESCAPES.values()])
@pytest.mark.parametrize("fact", ["name", "tagline", "street_address", "role"])
def test_characters_that_cannot_be_seen(tmp_path: Path, fact: str, what: str) -> None:
    """A fact with a character that nobody sees, or that would begin another line, is told with its line."""
    text = re.sub(
        rf"^{fact} = .*$",
        f'{fact} = "a{what}b"'.replace("\\", r"\\"),
        ORGANISATION,
        count=1,
        flags=re.MULTILINE,
    )

    [sentence] = told(tmp_path, text)

    assert sentence.startswith(f"content/organisation.toml:{number(text, f'{fact} = ')}: ")
    assert "is not one line of plain text" in sentence


def test_every_mistake_at_once(tmp_path: Path) -> None:
    """All mistakes in the facts are told together, in the order of lines."""
    text = changed("answer_days = 30", "answer_days = 0").replace("tagline", "taglin")

    assert [int(line.split(":")[1]) for line in told(tmp_path, text)] == [1, 5, number(text, "answer_days")]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (LINKS, "links = 2.5"),
        ("[redirects]\n", '[redirects]\n"/old/" = "/contact/"\n'),
        (
            "answer_days = 30",
            'answer_days = 30\nnext = "new@imqs.co.za"\nformerly = ["a@imqs.co.za", "b@imqs.co.za"]',
        ),
        ('paia_manual = ""', 'paia_manual = "https://www.imqs.co.za/manual.pdf"'),
        ('telephone = ""', 'telephone = "+27 (0)21 880 0388"'),
        ('name = "IMQS"', "name = 'Smith & Sons \"R&D\" \N{LATIN SMALL LETTER E WITH DIAERESIS}'"),
    ],
)
def test_facts_that_are_right(tmp_path: Path, old: str, new: str) -> None:
    """Our own facts are right, and so are these."""
    (path := tmp_path / "organisation.toml").write_text(changed(old, new), "utf-8")

    assert read_toml(path)["name"]


@pytest.mark.parametrize(
    "table",
    [
        "contact",
        "requests",
        "regulator",
        "statement",
        "enquiry",
        "advertising",
        "redirects",
        "menu",
        "footer",
    ],
)
def test_a_value_where_a_table_belongs(tmp_path: Path, table: str) -> None:
    """A value in place of a table, or of a list of them, is told in its line, and so is what is missing."""
    lines = told(tmp_path, f'name = "IMQS"\n{table} = 3\n')

    assert [line for line in lines if line.startswith("content/organisation.toml:2: 3 is not a ")]
    assert [
        line
        for line in lines
        if line.startswith('content/organisation.toml:1: The fact "tagline" is missing.')
    ]


def test_every_sign_has_its_weight() -> None:
    """The facts ask for the weight of each sign that the form backend knows, and of no other."""
    assert set(ADVERTISING) == {"threshold", *SENTENCES}


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ('addresses = ["javascript:x"]\n', f'1: "javascript:x" {OLD_PAGE}'),
        ('addresses = [\n  "/",\n  7,\n]\n', f"3: 7 {OLD_PAGE}"),
        ('addresses = "/"\n',
         '1: "/" is not a list of different addresses. Write it like: addresses = ["/contact/"]'),
        ("adresses = []\n", '1: "adresses" is no fact here. Did you mean "addresses"?'),
        ('[statement]\n2026-11-22 = "x"\n',
         '2: "x" is not the SHA-256 that the build names. Write it like: 2026-11-22 = "0123456789abcdef…"'),
        ('[statement]\nlater = "' + "0" * 64 + '"\n', '2: "later" is not a day like 2027-01-31. Change it.'),
    ],
)  # fmt: skip
def test_mistakes_in_the_record(tmp_path: Path, text: str, sentences: str) -> None:
    """What is wrong in the record of what was published is told with its line and the cure."""
    assert told(tmp_path, text, "published.toml") == [f"content/published.toml:{sentences}"]


@pytest.mark.parametrize("settings", ["pelicanconf.py", "publishconf.py"])
def test_half_a_menu_entry_ends_a_build(tmp_path: Path, settings: str) -> None:
    """In preview and in production, a mistake in the facts is told in one sentence, not as a traceback."""
    text = changed('label = "About us"\n', "")
    (tmp_path / "organisation.toml").write_text(text, "utf-8")
    own = tmp_path / "settings.py"
    facts = f'ORGANISATION = read_toml(Path("{tmp_path}/organisation.toml"))'
    own.write_text(f"from {settings[:-3]} import *\nfrom pathlib import Path\n{facts}\n", "utf-8")

    with pytest.raises(BuildError) as ended:
        build(tmp_path / "site", settings=str(own))

    line = number(text, '[[menu]]\naddress = "/about')
    missing = 'The fact "label" is missing. Write it like: label = "Products"'
    assert str(ended.value) == f"content/organisation.toml:{line}: {missing}\n"
    assert not (tmp_path / "site").exists()
