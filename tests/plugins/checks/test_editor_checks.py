"""What editors are told while they write: each mistake with its file, its line and what to do about it."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from plugins.notices.notice import HEADINGS
from plugins.reading.typed import CONFLICT_CURE
from tests.parts.processes import ROOT
from tests.parts.stack import once, statement_in_force

TODAY = datetime.now(UTC).date()
SITE_DATE, IN_FORCE = TODAY.isoformat(), statement_in_force()
EARLIER, EARLIEST = (f"{int(IN_FORCE[:4]) - years}{IN_FORCE[4:]}" for years in (1, 2))
NEXT, NEW, LAST = (f"{TODAY.year + years}-06-01" for years in (1, 2, 3))
NO_TAG = 'is HTML, which pages do without. Take it out; for the sign "<" write "&lt;".'
NO_ATTRIBUTE = "is not for pages. Take it out."
NO_SCHEME = "Begin it with / for a page of ours, else with https:, mailto: or tel:."
NO_SIGN = 'An address may not hold a space or one of " < >. Write %20, %22, %3C or %3E for it.'
NO_COMMENT = "A comment is published too. Take it out."
ELSEWHERE = "This picture is on another website. Save it in content/images/, and show it from there."
DESCRIBE = (
    "The picture has no alternative text. Describe it for those who cannot see it, like ![A pump station]"
)
LINK = "Correct the address, or take the link out."
OR_ADD = "Correct it, or add it to content/organisation.toml."
MAIN_HEADING = 'The title is this page\'s main heading already. Begin this one with "## ".'
FILL_IN = "was left to be filled in. Write what belongs there, or take it out."
UNREAD = "would show as it stands here. Complete the Markdown around it."
OR_WORDS = "or if it is right add it to content/words.txt."
NAME = "This name makes no address. Name the file in small letters, digits and hyphens, ending in .md."
NO_TITLE = 'The title is missing. Write one at the top, like "Title: Asset Register".'
NO_DESCRIPTION = (
    "The description is missing. "
    'Write one at the top, like "Description: What the page is about, in one sentence.".'
)
NO_PICTURE = "This is no picture for a page. Save it as one of .avif, .gif, .jpeg, .jpg, .png, .webp."
UTF8 = "Some letters cannot be read. Save the file as UTF-8."
UNREADABLE = (
    'What follows the = cannot be read. Write the text between two straight quotes, like: name = "text".'
)
NO_DATE = 'is no date. Write it like "Date: 2027-01-31".'
TOO = "too. Rename this file, or take it away."
PAGE_LABELS = (
    "Description, Drawing, Lead, Modified, Order, Save_as, Status, Summary, Template, Title, Topic, Url"
)
NONE_IN_FORCE = (
    f"No statement is in force on {SITE_DATE}. Name one that is no draft by that day or an earlier one."
)
WITHDRAWN = (
    f"The statement's version of {IN_FORCE} was published, and is there no more. "
    f"Put content/privacy/{IN_FORCE}.md back, not as a draft"
)
A_DAY = "A version is named by the day on which it takes effect. Name this file content/privacy/"
SAME_DAY = f"content/privacy/{IN_FORCE}.md is for the same day. Keep one of the two, under that name."

UNLIKE = "0" * 64  # the SHA-256 of no text
STATEMENT = "/about-us/customerprivacystatement/"
OURS = (ROOT / f"content/privacy/{IN_FORCE}.md").read_text("utf-8")
SPOILT = OURS.replace("- E-mail address", "- Shoe size").replace("#promise-not-stored", "#promise-not-stord")
OTHER_VERSIONS = re.compile(rf"^(?!{IN_FORCE})\d{{4}}-\d\d-\d\d = .*\n", re.MULTILINE)
RECORD = OTHER_VERSIONS.sub("", (ROOT / "content/published.toml").read_text("utf-8"))
PUBLISHED = tomllib.loads(RECORD)
REDIRECTS = """
[redirects]
"/moved/" = "/products/"
"/old; return 200" = "/products/"
"/" = "/products/"
"/lost/" = "/product/"
"/Contact/" = "/contact/"
"/Gone/" = "/contact/"
"/contact" = "/about-us/"
"/robots.txt" = "/contact/"
"/a%20b/" = "/contact/"
"/a//b/" = "/contact/"
"/.well-known/x" = "/contact/"
"/olé/" = "/contact/"
"""
NO_ADDRESSES = ("/a%20b/", "/a//b/", "/.well-known/x", "/olé/")
CONTACT_MOVED = '"/contact" = '
HOME_MOVED = '"/" = "/products/"'
MENU_ENTRY = 'address = "/moved/"'
EMAIL = tomllib.loads((ROOT / "content/organisation.toml").read_text("utf-8"))["contact"]["email"]
ORGANISATION = (
    re.sub(
        '\nstreet_address = ".*"',
        '\nstreet_address = "TODO"',
        (ROOT / "content/organisation.toml").read_text("utf-8"),
        count=1,
    )
    .replace('label = "About us"\naddress = "/about-us/"', 'label = "About us"\naddress = "/about/"')
    .replace('address = "/accessibility/"', MENU_ENTRY)
    .replace("\n[redirects]\n", REDIRECTS)
)
NOTICE = """\
Title: Someone read mail
Breached: 2026-11-23
Discovered: 2026-11-24
Published: 2026-11-25
Updated: 2026-11-25
Until: 2026-12-31
Contact: Privacy desk (privacy@imqs.co.za)

""" + "".join(f"## {heading}\nPasswords.\n" for heading in HEADINGS)

LEFT = [(4, "~~"), (4, "`"), (5, "##"), (5, "[^")]
INDENTED = (
    "Text that begins with four spaces becomes code. Take the spaces out; put code between two lines of ```."
)
UNCLOSED = "All text below becomes code. Write ``` in a line of its own where the code ends."
UNSEEN = "There is an invisible character"
CONTROLS = [(4, '(U+0000) between "One" and "[0m". Take it out.'), (6, '(U+0085) after "Two.". Take it out.')]

CHANGED_AHEAD = '"Modified" is to come. Write the day of the change.'
WHERE = "content/images/, content/news/, content/notices/, content/pages/, content/privacy/"

OF_A = "of a website. Correct it."
NO_HOST = ("https://exa%20mple.org/", "https://x")

PUMP = (ROOT / "theme/static/share/network.png").read_bytes().decode("utf-8", "surrogateescape")

# Texts of pages, from their fourth line on, and what is wrong with each.
TEXTS: list[tuple[str, ...]] = [
    # What does harm
    ("<script>alert(1)</script>", f"4: <script> {NO_TAG}"),
    ('<iframe src="https://example.org/"></iframe>', f"4: <iframe> {NO_TAG}"),
    ('<form action="/x"><input name="q"></form>', f"4: <form> {NO_TAG}", f"4: <input> {NO_TAG}"),
    ("<style>p { color: red }</style>", f"4: <style> {NO_TAG}"),
    ('<link rel="stylesheet" href="https://example.org/x">', f"4: <link> {NO_TAG}"),
    ("<svg/onload=alert(1)>", f"4: <svg> {NO_TAG}"),
    ('Some\n<b onclick="x()">text</b>.', f"5: <b> {NO_TAG}"),
    ("Some text.\n{: onclick=x() }", f'5: The attribute "onclick" of <p> {NO_ATTRIBUTE}'),
    ("Red\n{: style='color: red' }", f'5: The attribute "style" of <p> {NO_ATTRIBUTE}'),
    ("Read [this](javascript:alert(1)).", f'4: A link may not begin with "javascript:". {NO_SCHEME}'),
    ("[y](&#106;avascript:x)", f'4: A link may not begin with "javascript:". {NO_SCHEME}'),
    ("[y](/contact/){: href=javascript:x }", f'4: A link may not begin with "javascript:". {NO_SCHEME}'),
    ("[x][1]\n\n[1]: data:text/html,x", f'6: A link may not begin with "data:". {NO_SCHEME}'),
    ("[a]({filename}contact&period;md?x=&quot;&gt;&lt;meta&gt;)", f"4: {NO_SIGN}"),
    ("![A pump](/images/pump.png?x=&quot;&gt;&lt;meta&gt;)", f"4: {NO_SIGN}"),
    ("![A dog](https://example.org/dog.png)", f"4: {ELSEWHERE}"),
    ("![A dog](//example.org/dog.png)", f"4: {ELSEWHERE}"),
    # HTML in its many forms, and what only looks like it
    ("<div>\n\nText.\n\n</div>", f"4: <div> {NO_TAG}", f"8: <div> {NO_TAG}"),
    ("<div/>", f"4: <div> {NO_TAG}"),
    ("One </div> more.", f"4: <div> {NO_TAG}"),
    ("- One\n- <b>Two</b>\n\n## <i>Three\n", f"5: <b> {NO_TAG}", f"7: <i> {NO_TAG}"),
    ('One <b title="two</b>', f"4: <b> {NO_TAG}"),
    ('<div title=="><meta http-equiv=refresh>">x', f"4: <div> {NO_TAG}", f"4: <meta> {NO_TAG}"),
    ("[*<u>x*](/contact/ '<b>') | ![<b>](/images/pump.png)", f"4: <u> {NO_TAG}"),
    ("<!-- gap -->", f"4: {NO_COMMENT}"),
    ("<!DOCTYPE html>", f"4: {NO_COMMENT}"),
    ("<?php x ?>", f"4: {NO_COMMENT}"),
    ("<![CDATA[x]]>", f"4: {NO_COMMENT}"),
    ("<div><![x", f"4: <div> {NO_TAG}", f"4: {NO_COMMENT}"),
    ("1 < 2, a &lt;b>, `<b>`, \\<b>, <https://example.org/>.\n\n```\n<div>\n```\n",),
    ("`<b>`, `<i>`\n<b> or `<b>`\n<b>", f"5: <b> {NO_TAG}", f"6: <b> {NO_TAG}"),
    # Links
    ("[a](/contat/)", '4: There is no page /contat/. Did you mean "/contact/"?'),
    ("[a](/products) [b](/products)", '4: There is no page /products. Did you mean "/products/"?'),
    ("Text.\n\n[a](qqqq)", '6: There is no page /HERE/qqqq. Did you mean "/HERE/"?'),
    ("[a](https://www.imqs.co.za/qqqq/)", f"4: There is no page /qqqq/. {LINK}"),
    (
        "[a](www.example.org)",
        (
            "4: There is no page /HERE/www.example.org. "
            "Begin the link with https:// if it leads to another website."
        ),
    ),
    ("[a]({filename}qqqq.md) [b]({filename}contact.md)", f"4: There is no page /pages/qqqq.md. {LINK}"),
    ("[a]({static}/organisation.toml)", f"4: There is no page /organisation.toml. {LINK}"),
    ("[a](/moved/)", "4: /moved/ is an old address. Write /products/, where it leads."),
    (
        f"[a]({STATEMENT}#retentio) [b]({STATEMENT}#retention)",
        (f'4: {STATEMENT} has no heading with the id "retentio". Did you mean "retention"?'),
    ),
    (
        "[a](#qqqq) [b](/#products)",
        (
            '4: /HERE/ has no heading with the id "qqqq". '
            "Write {: #qqqq } at the end of the heading that is meant."
        ),
    ),
    (
        "[a](/enquiry/?about=imqs-watr)",
        '4: The enquiry form knows no topic "imqs-watr". Did you mean "imqs-water"?',
    ),
    (
        "[a](/enquiry/?about=qqqq)",
        '4: The enquiry form knows no topic "qqqq". Add it to [enquiry.topics] in content/organisation.toml.',
    ),
    ("[a](http://[x)", '4: "http://%5Bx" is no address of a website. Correct it.'),
    (
        "[a](https://exa%20mple.org/) [b](https://x)",
        *(f'4: "{url}" is no address {OF_A}' for url in NO_HOST),
    ),
    (
        "[a](http://127.0.0.1:8000/products/#x) [b](http://localhost:9000)",
        "4: http://127.0.0.1:8000/products/#x is on your computer alone. Write /products/#x for it.",
        "4: http://localhost:9000 is on your computer alone. Write / for it.",
    ),
    # Pictures
    (
        "![A pump](/images/pumpp.png)",
        '4: There is no picture /images/pumpp.png. Did you mean "/images/pump.png"?',
    ),
    ("![A pump](qqqq)", "4: There is no picture /HERE/qqqq. Save it in content/images/."),
    ("![](/images/pump.png)", f"4: {DESCRIBE}(/images/pump.png)."),
    ("![A pump](/images/pump.png)\n\n![](/images/pump.png)", f"6: {DESCRIBE}(/images/pump.png)."),
    # Headings
    ("## One {: #one }\n\n## Two {: #one }", '6: The id "one" is in line 4 too. Change one of them.'),
    ("# Again\n\nText.", f"4: {MAIN_HEADING}"),
    ("Again\n=====", f"4: {MAIN_HEADING}"),
    (
        "### Deep\n\n## One\n\n#### *Deeper*, isn't it?",
        '4: A heading of level 3 follows one of level 1. Begin it with "## ".',
        '8: A heading of level 4 follows one of level 2. Begin it with "### ".',
    ),
    # E-mail addresses and telephone numbers
    (
        f"[Write](mailto:n{EMAIL})",
        f'4: n{EMAIL} is none of our e-mail addresses. Did you mean "{EMAIL}"?',
    ),
    ("To qqqq@example.org.", f"4: qqqq@example.org is none of our e-mail addresses. {OR_ADD}"),
    (
        "Call 010 023 5201, +27 10 023 5200, +27 (0)10 023-5200, 0800017160.",
        '4: 010 023 5201 is none of our telephone numbers. Did you mean "010 023 5200"?',
    ),
    (
        "On 2026-11-22, 1,000,000 of 0.0272512345 for 1000000000.\n+44 20 7946 0958",
        f"5: +44 20 7946 0958 is none of our telephone numbers. {OR_ADD}",
    ),
    # Spelling
    (
        "We recieve it.\nTeh answer.",
        f'4: "recieve" looks misspelt. Write "receive", {OR_WORDS}',
        f'5: "Teh" looks misspelt. Write "the", {OR_WORDS}',
    ),
    (
        "The enginers and the Manger met Sipho Merwe: pressurised, neighbours' fulfilment, eServices.",
        f'4: "enginers" looks misspelt. Write "engines" or "engineers", {OR_WORDS}',
        f'4: "Manger" looks misspelt. Write "manager", {OR_WORDS}',
    ),
    ("It doesnt.", f'4: "doesnt" looks misspelt. Write "doesn\'t" or "does not", {OR_WORDS}'),
    (
        "It doesn\N{RIGHT SINGLE QUOTATION MARK}t; GRAP; `teh`; [x](/products/?teh=1); <https://example.org/teh>.",
    ),
    # What was left over
    ("TODO: write.", f'4: "TODO" {FILL_IN}'),
    ("XXX or [your name].", f'4: "XXX" {FILL_IN}', f'4: "[your name]" {FILL_IN}'),
    ("Lorem ipsum.\nhttps://example.com/", f'4: "Lorem ipsum" {FILL_IN}', f'5: "example.com" {FILL_IN}'),
    ("**Bold, {{ x }}, `**`", f'4: "**" {UNREAD}', f'4: "{{{{" {UNREAD}'),
    ("[Products] (/products/)", f'4: "] (" {UNREAD}'),
    ("(/products/)[Products]", f'4: "(/products/)[" {UNREAD}'),
    ("One ~~old, `tick\n##Two [^1]", *(f'{at}: "{mark}" {UNREAD}' for at, mark in LEFT)),
    ("> [!NOTE]\n> Text.\n\nA | B\n|--", f'4: "[!" {UNREAD}', f'7: "|" {UNREAD}'),
    # What Markdown makes of it is not what was meant
    ("One.\n\n    Two.\n\n\tThree.", f"6: {INDENTED}"),
    ("```\nOne.\n\n`` Two.", f"4: {UNCLOSED}"),
    (
        "One[^1].\n\n[^1]: Note.\n\n[^2]: Note.",
        "8: No place in the text refers to this footnote. Write [^2] where it belongs.",
    ),
    # What cannot be seen
    (
        "Pump\N{ZERO WIDTH SPACE}station\n\N{SOFT HYPHEN}Pumps\nPumps\N{WORD JOINER}\n\x0b",
        f'4: {UNSEEN} (U+200B) between "Pump" and "station". Take it out.',
        f'5: {UNSEEN} (U+00AD) before "Pumps". Take it out.',
        f'6: {UNSEEN} (U+2060) after "Pumps". Take it out.',
        f"7: {UNSEEN} (U+000B) in this line. Take it out.",
    ),
    ("One\x00 \x1b[0m\x7f\n\nTwo.\x85\x9f", *(f"{at}: {UNSEEN} {rest}" for at, rest in CONTROLS)),
    (
        "Pumpe\N{REPLACEMENT CHARACTER}",
        '4: A letter was lost here, and shows as "\N{REPLACEMENT CHARACTER}". Type it again.',
    ),
    ("Welders \N{MAN}\N{ZERO WIDTH JOINER}\N{WRENCH}.",),
    ("<<<<<<< HEAD\nOurs.\n=======\nTheirs.\n>>>>>>> new-words", f"4: {CONFLICT_CURE}"),
]


def page(name: str, text: str = "Text.", labels: str = "") -> str:
    """Return a page with a title and a description of its own."""
    return f"Title: The page {name}\nDescription: What stands on the page {name}.\n{labels}\n{text}\n"


def line(text: str, wanted: str) -> int:
    """Return the line in which a text has these words."""
    return text[: text.index(wanted)].count("\n") + 1


FILES: dict[str, tuple[str, ...]] = {
    # Labels
    "pages/nothing.md": ("", f"1: {NO_DESCRIPTION}", f"1: {NO_TITLE}"),
    "pages/empty.md": ("Title:\nDescription: A.\n\nText.\n", f"1: {NO_TITLE}"),
    "pages/late.md": (
        "Title: Late\nText without an empty line above it\nDescription: B.\n\nText.\n",
        (
            "2: This line has no label. "
            'Where the text begins, put an empty line above it; else begin with a label, like "Title:".'
        ),
    ),
    "pages/separators.md": (
        "Title: One\u2028Url: x/\nDescription: S\x0be\u2029p.\n\nText\x0bon\u0085one\u2028line.\n\nTODO\n",
        f'1: {UNSEEN} (U+2028) between "One" and "Url:". Take it out.',
        f'2: {UNSEEN} (U+000B) between "S" and "ep.". Take it out.',
        f'4: {UNSEEN} (U+000B) between "Text" and "ononeline.". Take it out.',
        f'6: "TODO" {FILL_IN}',
    ),
    "pages/windows.md": (
        "\ufeffTitle: Windows\r\nDescription: From there,\r\n    in two lines.\r\n\r\nTODO\r\rTeh end.\r\n",
        f'5: "TODO" {FILL_IN}',
        f'7: "Teh" looks misspelt. Write "the", {OR_WORDS}',
    ),
    "pages/titel.md": (
        "Titel: Unknown\nDescription: C.\n\nText.\n",
        '1: "Titel" is no label here. Did you mean "Title"?',
    ),
    "pages/unknown.md": (
        page("q", labels="Qqqq: x\n"),
        f'3: "Qqqq" is no label here. Take the line out, or use one of {PAGE_LABELS}.',
    ),
    "pages/two.md": (
        page("two", labels="title: Two\n"),
        '3: "Title" stands in line 1 too. Keep one of them.',
    ),
    "pages/long.md": (
        f"Title: {'t' * 59}\nDescription: {'d' * 161}\n\nText.\n",
        "1: The title has 59 characters, and search engines show about 58. Shorten it.",
        "2: The description has 161 characters, and search engines show about 160. Shorten it.",
    ),
    "pages/the-same.md": (
        "Description: What stands on the page 1.\nTitle: the PAGE 1\n\nText.\n",
        "1: content/pages/text-1.md has the same description. Give each page its own.",
        "2: content/pages/text-1.md has the same title. Give each page its own.",
    ),
    "pages/values.md": (
        page(
            "v", labels="Status: later\nTemplate: prodct\nModified: soon\nUrl: ../x\nSave_as: /etc/passwd\n"
        ),
        '3: "later" is no status. Write it like "Status: draft".',
        '4: There is no template "prodct". Did you mean "product"?',
        '5: "soon" is no date. Write it like "Modified: 2027-01-31".',
        '6: "../x" is no address for a page. Write it like "Url: 404.html".',
        '7: "/etc/passwd" is no file for a page. Write it like "Save_as: 404.html".',
    ),
    "pages/products/no-facts.md": (
        page("p", labels="Template: product\nOrder: first\nTopic: imqs-watr\n"),
        '1: The summary is missing. Write one at the top, like "Summary: What the product is for.".',
        '4: "first" is no whole number. Write it like "Order: 5".',
        '5: There is no topic "imqs-watr". Did you mean "imqs-water"?',
    ),
    "pages/summary.md": (page("s", labels="Summary: <script>x</script>\n"), f"3: <script> {NO_TAG}"),
    "news/day.md": (page("d", labels="Date: 22/11/2026\n"), f'3: "22/11/2026" {NO_DATE}'),
    "news/february.md": (page("f", labels="Date: 2026-02-30\n"), f'3: "2026-02-30" {NO_DATE}'),
    "news/when.md": (
        page("w", labels="Drawing: pump\n"),
        '1: The date is missing. Write one at the top, like "Date: 2027-01-31".',
        '3: There is no drawing "pump". Did you mean "pumping"?',
    ),
    "news/long-ago.md": (
        page("l", labels="Date: 1927-01-31\nModified: 9999-12-31\n"),
        "3: The year 1927 is hardly meant. Correct the date.",
        "4: The year 9999 is hardly meant. Correct the modified.",
        f"4: {CHANGED_AHEAD}",
    ),
    "news/changed-before.md": (
        page("b", labels="Date: 2026-11-20\nModified: 2026-11-19\n"),
        '4: A page is changed after its "Date". Correct one of the two dates.',
    ),
    "pages/latin.md": ("Title: Caf\udce9\n\nText.\n", f"1: {UTF8}"),
    # Names and addresses
    "stray.md": (page("s"), f"1: This file is not read here. Move it into one of {WHERE}."),
    "news/Bad_Name.md": (page("x", labels="Date: 2026-11-20\n"), f"1: {NAME}"),
    "pages/Two Words.md": (page("t"), f"1: {NAME}"),
    "pages/raw.html": ("<html><body><script>x</script></body></html>", f"1: {NAME}"),
    "news/raw.rst": (".. raw:: html\n\n   <script></script>\n", f"1: {NAME}"),
    "pages/your-information.md": (
        page("c"),
        f"1: content/pages/your-information/index.md has the address /your-information/ {TOO}",
    ),
    f"pages{STATEMENT.rstrip('/')}.md": (
        page("k"),
        f"1: content/privacy/{IN_FORCE}.md has the address {STATEMENT} {TOO}",
    ),
    "pages/new.md": (
        page("n"),
        (
            "1: The address /new/ is new. "
            'To keep it for good, add this line to the addresses in content/published.toml: "/new/",'
        ),
    ),
    # Pictures
    "images/pump.png": (PUMP,),
    "images/big.jpg": (
        "x" * 6_000_000,
        '1: The picture has 6 MB. Run make add-picture FILE="content/images/big.jpg", and delete this one.',
    ),
    "images/drawing.svg": ("<svg/>", f"1: {NO_PICTURE}"),
    "images/x.html": ("<script></script>", f"1: {NO_PICTURE}"),
    # Notices
    "notices/Two words.md": (NOTICE.replace("mail", "two words"), f"1: {NAME}"),
    "notices/notice.txt": (NOTICE, f"1: {NAME}"),
    "notices/2026/down.md": (
        NOTICE.replace("mail", "files"),
        "1: Notices lie side by side. Move the file up into the notices folder itself.",
    ),
    "notices/wrong.md": (
        NOTICE.replace("Until: 2026-12-31\n", "").replace("privacy@imqs.co.za", "privacy@example.com"),
        '6: The line "Until: …" is missing. Add it, since the banner on every page needs a last day.',
        (
            "6: privacy@example.com is an example, and reaches nobody. "
            "Name one, since answers to the e-mail go there."
        ),
    ),
    # The statement
    f"privacy/{IN_FORCE}.md": (
        OURS.replace("all reasonable precautions", "all precautions"),
        (
            f"1: The version of {IN_FORCE} has been in force, so its text may not change. "
            "Take the change back, and write a new version, in a file of its own."
        ),
    ),
    f"privacy/{NEXT}.md": (
        OURS,
        (
            "1: This version was published in other words. "
            "If they are to change, write in content/published.toml: "
            f'{NEXT} = "{sha256(OURS.encode()).hexdigest()}"'
        ),
    ),
    f"privacy/{NEW}.md": (
        SPOILT,
        (
            "1: This version is not on record. Add this line at the end of content/published.toml: "
            f'{NEW} = "{sha256(SPOILT.encode()).hexdigest()}"'
        ),
        (
            '1: The promise "not-stored" is not marked. '
            "Write {: #promise-not-stored } under the paragraph that makes it, "
            "or take it out of content/promises.toml."
        ),
        (
            f"{line(SPOILT, '#what-we-collect')}: "
            'The enquiry form asks for "E-mail address", but the statement does not list it. '
            "List it under this heading, or take the field out of form_backend/labels.py."
        ),
        (
            f"{line(SPOILT, 'Shoe')}: "
            'The statement says that we collect "Shoe size", but no field of the form has this label. '
            "Take the item out, or add the field to form_backend/labels.py."
        ),
        (
            f"{line(SPOILT, 'not-stord')}: "
            'content/promises.toml knows no promise "not-stord". Did you mean "not-stored"?'
        ),
    ),
    f"privacy/{IN_FORCE.replace('-', '')}.md": (OURS, f"1: {SAME_DAY}"),
    f"privacy/old/{IN_FORCE}.md": (OURS, f"1: {SAME_DAY}"),
    "privacy/next.md": (OURS, f"1: {A_DAY}2027-01-31.md."),
    "privacy/2027-02-30.md": (OURS, f"1: {A_DAY}2027-01-31.md."),
    "privacy/2027-5-1.md": (OURS, f"1: {A_DAY}2027-05-01.md."),
    "privacy/2027-05-01.md.txt": (OURS, f"1: {A_DAY}2027-05-01.md."),
    # The facts
    "organisation.toml": (
        ORGANISATION,
        f'{line(ORGANISATION, "TODO")}: "TODO" {FILL_IN}',
        f"{line(ORGANISATION, MENU_ENTRY)}: /moved/ is an old address. Write /products/, where it leads.",
        f'{line(ORGANISATION, "/about/")}: There is no page /about/. Did you mean "/about-us/"?',
        (
            f'{line(ORGANISATION, "/old;")}: "/old; return 200" is no address on this site. '
            'Write it like "/old-page/".'
        ),
        f'{line(ORGANISATION, HOME_MOVED)}: "/" is a page. Take the entry out, or the page away.',
        (
            f'{line(ORGANISATION, "/Contact/")}: "/Contact/" has capital letters. '
            'Write "/contact/", which counts for both.'
        ),
        (
            f'{line(ORGANISATION, "/Gone/")}: "/Gone/" has capital letters. '
            'Write "/gone/", which counts for both.'
        ),
        (f'{line(ORGANISATION, CONTACT_MOVED)}: "/contact" is a page. Take the entry out, or the page away.'),
        f'{line(ORGANISATION, "/robots.txt")}: "/robots.txt" is a file of the website. Take the entry out.',
        *(
            f'{line(ORGANISATION, old)}: "{old}" is no address on this site. Write it like "/old-page/".'
            for old in NO_ADDRESSES
        ),
        (
            f'{line(ORGANISATION, "/lost/")}: "/lost/" leads to "/product/", which is no page. '
            'Did you mean "/products/"?'
        ),
    ),
}
FILES |= {
    f"pages/text-{number}.md": (
        page(str(number), text),
        *(sentences.replace("/HERE/", f"/text-{number}/") for sentences in wrong),
    )
    for number, (text, *wrong) in enumerate(TEXTS, 1)
}

DRAFTS: dict[str, tuple[str, ...]] = {
    "pages/unfinished.md": (page("u", "TODO", "Status: draft\n"), f'5: "TODO" {FILL_IN}')
}
# As published, and in force still: only links that lead on from an old address are let be.
FIXED = f"{OURS}\n[Moved](/moved/)\n"
FILES[f"privacy/{EARLIER}.md"] = (FIXED,)
FILES["published.toml"] = (
    f"""addresses = ["/moved/",
"/gone-from-here/",
ADDRESSES]
[statement]
{EARLIEST} = "{UNLIKE}"
{NEXT} = "{UNLIKE}"
{LAST} = "{UNLIKE}"
{IN_FORCE} = "{PUBLISHED["statement"][IN_FORCE]}"
{EARLIER} = "{sha256(FIXED.encode()).hexdigest()}"
""",
    (
        "2: /gone-from-here/ was published, and no page has this address now. Put the page back, or write "
        '"/gone-from-here/" = "/the-new-page/" under [redirects] in content/organisation.toml.'
    ),
    f"5: {WITHDRAWN.replace(IN_FORCE, EARLIEST)}.",
    (
        f"7: {WITHDRAWN.replace(IN_FORCE, LAST)}, "
        "or take this line out, since the version is not in force yet."
    ),
)
NOT_PUBLISHED = {
    *DRAFTS,
    "news/Bad_Name.md",
    "pages/latin.md",
    "pages/new.md",
    "pages/your-information.md",
    f"pages{STATEMENT.rstrip('/')}.md",
}
# The files that mistakes in other files need.
NEEDED = [
    "organisation.toml",
    "published.toml",
    "images/pump.png",
    f"privacy/{EARLIER}.md",
    f"privacy/{NEXT}.md",
]
SOME_NEED = {"pages/the-same.md": "pages/text-1.md"}

SETTINGS = """\
from pathlib import Path
from {settings} import *
THEME = "{theme}"
ORGANISATION = read_toml(Path("{organisation}"))
"""
Files = dict[str, tuple[str, ...]]


def addresses(files: Files) -> list[str]:
    """Return the addresses of the pages among these files that are on record as published."""
    return [
        f"/{name.replace('pages/', '').replace('news/', 'news-articles/').removesuffix('.md')}/"
        for name in files
        if name.startswith(("pages/", "news/")) and name.endswith(".md") and name not in NOT_PUBLISHED
    ]


def mistakes(files: Files) -> list[str]:
    """Return what a build has to say of these files, in order."""
    found = [
        (f"content/{name}", *mistake.split(": ", 1))
        for name, (_, *wrong) in files.items()
        for mistake in wrong
    ]
    in_order = sorted(found, key=lambda mistake: (mistake[0], int(mistake[1]), mistake[2]))
    return [f"{path}:{number}: {sentences}" for path, number, sentences in in_order]


def write(files: Files, content: Path) -> Path:
    """Add these files to our content, without its drafts and other versions, and return it."""
    shutil.copytree(ROOT / "content", content)
    for path in content.rglob("*.md"):
        version = path.parent.name == "privacy" and path.stem != IN_FORCE
        if version or "\nStatus: draft\n" in path.read_text("utf-8"):
            path.unlink()
    (content / "published.toml").write_text(RECORD, "utf-8")
    listed = ", ".join(f'"{address}"' for address in [*PUBLISHED["addresses"], *addresses(files)])
    for name, (text, *_) in files.items():
        (content / name).parent.mkdir(parents=True, exist_ok=True)
        (content / name).write_bytes(text.replace("ADDRESSES", listed).encode("utf-8", "surrogateescape"))
    return content


def pelican(content: Path, output: Path, settings: str) -> subprocess.CompletedProcess[str]:
    """Build a site from content with facts of its own."""
    own = output.with_suffix(".py")
    facts = content / "organisation.toml"
    own.write_text(SETTINGS.format(settings=settings, theme=ROOT / "theme", organisation=facts))
    command = [sys.executable, "-m", "pelican", str(content), "-s", str(own), "-o", str(output)]
    command += ["--fatal", "warnings", "--log-handler", "plain"]
    environment = os.environ | {"SITE_DATE": SITE_DATE}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def first_words(name: str) -> str:
    """Return how a case is called: by the file, or by what is typed into a page."""
    number = re.fullmatch(r"pages/text-(\d+)\.md", name)
    return " ".join(TEXTS[int(number[1]) - 1][0].split())[:50] if number else name


@dataclass
class Built:
    """A site that was built with mistakes, and what was said of them."""

    files: Files
    site: Path

    @property
    def told(self) -> list[str]:
        """Return the sentences."""
        return (self.site.parent / "told").read_text("utf-8").splitlines()


@pytest.fixture(scope="module")
def preview(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Build one preview with the mistakes of the cases that run and no others."""
    tests = [item for item in request.session.items if isinstance(item, pytest.Function)]
    cases = [test.callspec.params["name"] for test in tests if test.originalname == "test_each_mistake"]
    if any(test.originalname == "test_preview_goes_on" for test in tests):
        cases = [*FILES, *DRAFTS]
    chosen = {*NEEDED, *cases, *(SOME_NEED[name] for name in cases if name in SOME_NEED)}
    files = {name: file for name, file in (FILES | DRAFTS).items() if name in chosen}

    def make(folder: Path) -> None:
        built = pelican(write(files, folder / "content"), folder / "site", "pelicanconf")
        assert built.returncode == 0, built.stderr
        (folder / "told").write_text(built.stderr, "utf-8")

    return Built(files, once(tmp_path_factory, "mistakes", make) / "site")


@pytest.mark.parametrize("name", FILES | DRAFTS, ids=first_words)
def test_each_mistake(preview: Built, name: str) -> None:
    """The preview says what is wrong with each file, in which line, and what to do, and nothing more."""
    told = [mistake for mistake in preview.told if mistake.startswith(f"content/{name}:")]

    assert told == mistakes({name: preview.files[name]})


def test_preview_goes_on(preview: Built) -> None:
    """The preview names all mistakes, in the order of files and lines, and still shows every page."""
    pages = {f"/{path.parent.relative_to(preview.site)}/" for path in preview.site.glob("**/index.html")}

    assert preview.told == mistakes(preview.files)
    assert set(addresses(preview.files)) <= pages


def test_production_stops(tmp_path: Path) -> None:
    """A production build names every mistake, except those in drafts, and writes nothing."""
    built = pelican(write(FILES | DRAFTS, tmp_path / "content"), tmp_path / "site", "publishconf")
    told = built.stderr.splitlines()

    assert told == [*mistakes(FILES), f"Not built: {len(told) - 1} mistakes, named above."]
    assert built.returncode == 1
    assert not (tmp_path / "site").exists()


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({}, ""),
        (
            {"organisation.toml": ('name = "IMQS"\ntagline = IMQS\n',)},
            f"content/organisation.toml:2: {UNREADABLE}\n",
        ),
        (
            {"published.toml": ("addresses = [\n",)},
            f"content/published.toml:1: {UNREADABLE}\n",
        ),
        (
            {f"privacy/{IN_FORCE}.md": (OURS.replace("\n\n", "\nStatus: draft\n\n", 1),)},
            (
                f"content/privacy/{IN_FORCE}.md:1: {NONE_IN_FORCE}\n"
                f"content/published.toml:{line(RECORD, f'{IN_FORCE} =')}: {WITHDRAWN}.\n"
            ),
        ),
    ],
    ids=["no mistake", "organisation.toml", "published.toml", "no statement in force"],
)
def test_nothing_else_is_told(tmp_path: Path, files: Files, told: str) -> None:
    """Our own content has no mistakes; a file that cannot be read is the only one that is told."""
    built = pelican(write(files, tmp_path / "content"), tmp_path / "site", "pelicanconf")

    assert built.stderr == told
