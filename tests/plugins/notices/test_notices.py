"""Security-breach notices on the website: banner, list, pages and feed, and the mistakes in a notice."""

import json
import shutil
from datetime import date
from pathlib import Path

import lxml.etree
import lxml.html
import pytest

from plugins.notices.notice import HEADINGS, mistakes
from plugins.notices.plain_text import plain_text
from plugins.reading.document import read_document
from plugins.reading.markdown import convert, converter
from tests.parts.notice import NOTICE, notice
from tests.parts.processes import ROOT
from tests.parts.relays import Mailbox
from tests.parts.stack import BuildError, build, gunicorn, once

TODAY = date(2027, 2, 10)
SITE_DATE = TODAY.isoformat()
AS_TEXT = """\
What happened
=============

Someone read mail.

What was affected
=================

Names.

What was not affected
=====================

Passwords.

Possible consequences
=====================

False mail.

What we have done
=================

We closed the account.

What we will do
===============

We will check the others.

What you should do
==================

Do not open attachments.

Who did it
==========

We do not know."""
ATOM = {"atom": "http://www.w3.org/2005/Atom"}
BANNER = "//aside[@aria-label='Security-breach notice']//a/@href"


NOTICES = {
    "last-day": NOTICE,
    "new": notice(
        Title="New",
        Breached="not known yet: we are looking",
        Published=SITE_DATE,
        Updated=SITE_DATE,
        Until="2027-03-31",
    ),
    "past": notice(Title="Past", Until="2027-02-09"),
    "to-come": notice(Title="To come", Published="2027-02-11", Updated="2027-02-11", Until="2027-03-31"),
}


@pytest.fixture(scope="module")
def noticed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the site of a day with notices: one on its last day, one new, one past, one still to come."""

    def make(folder: Path) -> None:
        content = shutil.copytree(ROOT / "content", folder / "content")
        for name, text in NOTICES.items():
            (content / "notices" / f"{name}.md").write_text(text, "utf-8")
        (content / "notices" / ".#new.md").write_text("an editor's own file", "utf-8")
        build(folder / "site", content, SITE_DATE=SITE_DATE)

    return once(tmp_path_factory, "notices", make) / "site"


@pytest.fixture
def notice_path(tmp_path: Path) -> Path:
    """Return the path of a notice without mistakes."""
    path = tmp_path / "mail-read.md"
    path.write_text(NOTICE, "utf-8")
    return path


def test_banner_on_every_page(noticed: Path) -> None:
    """Every page links to the notices that are active on the day of the build, and to no other."""
    banners = {str(page): lxml.html.parse(page).xpath(BANNER) for page in noticed.rglob("*.html")}

    assert len(banners) > 20
    assert {tuple(links) for links in banners.values()} == {("/notices/new/", "/notices/last-day/")}


def test_banner_on_form_pages(noticed: Path, mailbox: Mailbox, tmp_path: Path) -> None:
    """A form shown, a form shown again and an error page carry the banner too."""
    with gunicorn(noticed, mailbox.relay, tmp_path / "log") as backend:
        answers = [backend.form(), backend.enquire(email="wrong"), backend.client.get("/no-such-page")]

    assert [answer.status_code for answer in answers] == [200, 422, 404]
    for answer in answers:
        assert lxml.html.fromstring(answer.text).xpath(BANNER) == ["/notices/new/", "/notices/last-day/"]


def test_list_of_notices(noticed: Path) -> None:
    """The list has the published notices, newest first; a notice dated ahead has no page yet."""
    links = lxml.html.parse(noticed / "notices/index.html").xpath("//main//h2/a/@href")

    assert links == ["/notices/new/", "/notices/past/", "/notices/last-day/"]
    assert not (noticed / "notices/to-come").exists()


def test_notice_page(noticed: Path) -> None:
    """A notice's page shows its title and labelled lines as typed, and every heading."""
    main = lxml.html.parse(noticed / "notices/last-day/index.html").xpath("//main")[0]
    facts = [" ".join(fact.text_content().split()) for fact in main.xpath(".//dd")]

    assert main.xpath("string(.//h1)") == "Someone read mail & <files>"
    assert facts == [
        "1 February 2027",
        "3 February 2027",
        "5 February 2027",
        "7 February 2027",
        "Privacy desk (privacy@imqs.co.za)",
    ]
    assert main.xpath(".//dd/a/@href") == ["mailto:privacy@imqs.co.za"]
    assert main.xpath(".//h2/text()") == list(HEADINGS)


def test_unknown_date(noticed: Path) -> None:
    """Where the day of the breach is not known, the page says so and why."""
    page = lxml.html.parse(noticed / "notices/new/index.html")

    assert page.xpath("normalize-space(//main//dd)") == "not known yet: we are looking"


def test_feed(noticed: Path) -> None:
    """The Atom feed carries every notice, with whole addresses, both its dates and its text."""
    feed = lxml.etree.parse(noticed / "notices/atom.xml")
    links = feed.xpath("atom:entry/atom:link/@href", namespaces=ATOM)
    entry = feed.xpath("atom:entry[2]", namespaces=ATOM)[0]
    parts = {part.tag.partition("}")[2]: part.text for part in entry}

    assert [link.partition("/notices/")[2] for link in links] == ["new/", "past/", "last-day/"]
    assert all(link.startswith("https://") for link in links)
    assert (parts["published"][:10], parts["updated"][:10]) == ("2027-02-05", "2027-02-07")
    assert "<em>mail</em>" in parts["content"]
    assert entry.xpath("string(atom:author/atom:name)", namespaces=ATOM)


def test_notices_in_form_json(noticed: Path, tmp_path: Path) -> None:
    """form.json holds what the e-mails say: in production of published notices, in preview of drafts too."""
    content = shutil.copytree(ROOT / "content", tmp_path / "content")
    (content / "notices/later.md").write_text(notice(Updated="2027-02-05"), "utf-8")
    build(tmp_path / "preview", content, "pelicanconf.py", SITE_DATE="2027-02-04")
    published, drafts = (
        json.loads((site / "form.json").read_text("utf-8"))["notices"]
        for site in (noticed, tmp_path / "preview")
    )

    assert set(published) == {"last-day", "new", "past"}
    assert published["last-day"]["text"] == drafts["later"]["text"]
    assert published["last-day"]["page"] == "/notices/last-day/"
    assert drafts == {
        "later": {
            "title": "Someone read mail & <files>",
            "facts": {
                "Date of the breach": "1 February 2027",
                "Discovered": "3 February 2027",
                "Published": "5 February 2027",
                "Last updated": "5 February 2027",
                "Contact": "Privacy desk (privacy@imqs.co.za)",
            },
            "contact_email": "privacy@imqs.co.za",
            "text": AS_TEXT,
            "page": None,
        }
    }


def test_no_notices(site: Path) -> None:
    """Without notices there is no list, no feed, no banner and no link; the project ships none."""
    links = {link for page in site.rglob("*.html") for link in lxml.html.parse(page).xpath("//@href")}

    assert not (site / "notices").exists()
    assert not [link for link in links if "notices" in link]
    assert not [page for page in site.rglob("*.html") if lxml.html.parse(page).xpath("//aside[@aria-label]")]


NOBODY = "is an example, and reaches nobody. Name one, since answers to the e-mail go there."
PROMPT = "section 22 of POPIA wants people told as soon as reasonably possible, and the dates show it"
ASKED = "section 22 of POPIA asks for it"
NEEDED = "people cannot judge what the breach means for them without it"
NO_LINE = 'The line "{}: …" is missing. Add it, since'
NO_HEADING = 'The heading "## {}" is missing. Add it and text under it, since'
NO_TEXT = 'There is no text under "{}". Write some, since'
LABELS = "Title, Breached, Discovered, Published, Updated, Until, Contact"


@pytest.mark.promise("breach-notice")
@pytest.mark.parametrize(
    ("wrong", "right", "problem"),
    [
        ("Title: Someone read mail & <files>\n", "",
         f'6: {NO_LINE.format("Title")} the notice, the banner and the e-mails are headed by it.'),
        ("Breached: 2027-02-01\n", "",
         f'6: {NO_LINE.format("Breached")} the privacy statement promises people the date of the breach.'),
        ("Discovered: 2027-02-03\n", "", f'6: {NO_LINE.format("Discovered")} {PROMPT}.'),
        ("Published: 2027-02-05\n", "", f'6: {NO_LINE.format("Published")} {PROMPT}.'),
        ("Updated: 2027-02-07\n", "",
         f'6: {NO_LINE.format("Updated")} people who come back must see whether there is news.'),
        ("Until: 2027-02-10\n", "",
         f'6: {NO_LINE.format("Until")} the banner on every page needs a last day.'),
        ("Contact: Privacy desk (privacy@imqs.co.za)\n", "",
         f'6: {NO_LINE.format("Contact")} people must know whom to ask.'),
        ("2027-02-01", "not known yet",
         '2: "not known yet" is no date. Write a day like 2027-01-31, or "not known yet:" and why.'),
        ("2027-02-03", "3 February",
         '3: "3 February" is no date. Write a day like 2027-01-31.'),
        ("2027-02-03", "2027-01-31", "3: Discovered is before Breached. Correct one of the two days."),
        ("Until: 2027-02-10", "Until: 2027-02-03",
         "6: Until is before Published. Correct one of the two days."),
        ("Updated: 2027-02-07", "Updated: 2027-02-11", "5: Updated is in the future. Correct the day."),
        ("privacy@imqs.co.za", "info@example.com",
         f"7: info@example.com {NOBODY}"),
        ("privacy@imqs.co.za", "info@mail.EXAMPLE.org", f"7: info@mail.EXAMPLE.org {NOBODY}"),
        ("privacy@imqs.co.za", "info@example.net",
         f"7: info@example.net {NOBODY}"),
        ("Until: 2027-02-10", "Until: 2027-02-10\nuntil: 2027-02-11",
         '7: There is a second line "Until:". Keep one of them.'),
        ("Until: 2027-02-10", "Until: 2027-02-10\nUntill: 2027-02-11",
         f"7: This has no label. Start it with one of {LABELS} and a colon; an empty line ends them."),
        (" (privacy@imqs.co.za)", "",
         "7: There is no e-mail address in Contact. Name one, since answers to the e-mail go there."),
        ("## What happened\nSomeone read *mail*.\n\n", "",
         f'29: {NO_HEADING.format("What happened")} {NEEDED}.'),
        ("Passwords.", "", f'15: {NO_TEXT.format("What was not affected")} {NEEDED}.'),
        ("## What you should do", "### What you should do",
         f'32: {NO_HEADING.format("What you should do")} {ASKED}.'),
        ("We do not know.\n", "",
         f'30: {NO_TEXT.format("Who did it")} {ASKED} where it is known; where it is not, say so.'),
        ("*mail*", "[mail](/contact/)",
         "10: This link does not work in the e-mails. Begin it with https://."),
    ],
)  # fmt: skip
def test_mistakes(notice_path: Path, wrong: str, right: str, problem: str) -> None:
    """A notice with something missing or wrong is refused with file, line and the reason or the cure."""
    assert NOTICE.count(wrong) == 1
    notice_path.write_text(NOTICE.replace(wrong, right), "utf-8")

    found = mistakes(read_document(notice_path, "content/notices/mail-read.md"), TODAY)

    assert [f"{line}: {sentences}" for line, sentences in found] == [problem]


def test_all_mistakes_at_once(notice_path: Path) -> None:
    """All mistakes in a notice are reported together."""
    notice_path.write_text(NOTICE.replace("Until", "Untill").replace("2027-02-03", "3 February"), "utf-8")

    found = mistakes(read_document(notice_path, "content/notices/mail-read.md"), TODAY)

    assert sorted(line for line, _sentences in found) == [3, 6, 7]


@pytest.mark.parametrize("name", ["Breached", "Discovered"])
def test_days_that_have_not_come(notice_path: Path, name: str) -> None:
    """A breach is neither to come nor to be discovered yet; of a notice to come, only its own days may be."""
    later = {"Published": "2027-02-15", "Updated": "2027-02-15", "Until": "2027-03-31"}
    notice_path.write_text(notice(**later, **{name: "2027-02-11"}), "utf-8")

    told = [sentences for _line, sentences in mistakes(read_document(notice_path, "content/x.md"), TODAY)]
    assert f"{name} is in the future. Correct the day." in told

    notice_path.write_text(notice(**later), "utf-8")
    assert list(mistakes(read_document(notice_path, "content/x.md"), TODAY)) == []


def test_banner_ended_on_its_first_day(tmp_path: Path) -> None:
    """The day before its first as the last one takes a notice's banner down at once; the notice stays."""
    content = shutil.copytree(ROOT / "content", tmp_path / "content")
    days = {"Published": SITE_DATE, "Updated": SITE_DATE}
    (content / "notices/ended.md").write_text(notice(**days, Until="2027-02-09"), "utf-8")
    (content / "notices/shown.md").write_text(notice(**days, Until=SITE_DATE, Title="Shown"), "utf-8")
    build(tmp_path / "site", content, SITE_DATE=SITE_DATE)

    assert lxml.html.parse(tmp_path / "site/index.html").xpath(BANNER) == ["/notices/shown/"]
    assert (tmp_path / "site/notices/ended/index.html").exists()


@pytest.mark.parametrize(
    "character",
    ["\N{LINE SEPARATOR}", "\N{RIGHT-TO-LEFT OVERRIDE}", "\N{ZERO WIDTH SPACE}", "\v", "\x85", "\x1b"],
)
def test_title_with_an_invisible_character(tmp_path: Path, character: str) -> None:
    """A character in a title that nobody can see is told with file, line and cure, and nothing is built."""
    content = shutil.copytree(ROOT / "content", tmp_path / "content")
    days = {"Updated": "2027-02-05"}
    (content / "notices/odd.md").write_text(notice(Title=f"Someone{character}read mail", **days), "utf-8")

    with pytest.raises(BuildError) as ended:
        build(tmp_path / "site", content, SITE_DATE=SITE_DATE)

    told, end = str(ended.value).splitlines()
    assert told.startswith("content/notices/odd.md:1: There is an invisible character")
    assert told.endswith("Take it out.")
    assert end == "Not built: 1 mistake, named above."
    assert not (tmp_path / "site").exists()


MARKDOWN = {
    "Words in *one*, **two** and `three` kinds.": "Words in one, two and three kinds.",
    "[The Regulator](https://inforegulator.org.za/)": "The Regulator (https://inforegulator.org.za/)",
    "<https://inforegulator.org.za/>": "https://inforegulator.org.za/",
    "[Write](mailto:privacy@imqs.co.za)": "Write (privacy@imqs.co.za)",
    "<privacy@imqs.co.za>": "privacy@imqs.co.za",
    "[x][1]\n\n[1]: /contact/": "x (https://www.imqs.co.za/contact/)",
    "[above](#what-happened)": "above",
    "One\\\ntwo\nthree": "One\ntwo three",
    r"1 \* 2 \# 3 &amp; &lt;b&gt;": "1 * 2 # 3 & <b>",
    "~~Monday~~ Tuesday": "[struck out: Monday] Tuesday",
    "### More\n\nText.": "More\n----\n\nText.",
    "- One\n- Two [x](https://a.za)\n  - Deep\n- Three": "- One\n- Two x (https://a.za)\n  - Deep\n- Three",
    "3. Three\n4. Four": "3. Three\n4. Four",
    "1. One\n\n   More\n\n2. Two": "1. One\n\n   More\n\n2. Two",
    "| Who | What |\n|---|---|\n| A | [b](https://a.co.za) |\n| C |  |":
        "- Who: A; What: b (https://a.co.za)\n- Who: C; What: ",
    "> Their words\n>\n> and more": "> Their words\n> \n> and more",
    "```\na  b\n```": "    a  b",
    "* * *": "* * *",
    "Text[^1].\n\n[^1]: A note.": "Text[1].\n\n* * *\n\n1. A note.",
}  # fmt: skip


@pytest.mark.parametrize("markdown", MARKDOWN)
def test_notice_as_plain_text(markdown: str) -> None:
    """The e-mail has headings, links, lists, tables and signs as people write them without any markup."""
    html = convert(converter(), markdown).html

    assert plain_text(html, "https://www.imqs.co.za/notices/x/") == MARKDOWN[markdown]
