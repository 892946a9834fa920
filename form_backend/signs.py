"""Signs of advertising: what is found in an enquiry, what it weighs, and how the person is told.

The signs look at links and addresses, at what is offered, at letters made to deceive, and at how the form was
sent. None is a list of names, countries or languages. Every pattern takes time in proportion to the text.
"""

import hmac
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from form_backend.forms import EnquiryForm, SiteForm

SENTENCES = {  # one is shown where the sign is found once, the other where it is found more often
    "links": ("Your message has a link to another website.", "Your message has {} links to other websites."),
    "shortened": ("A link is shortened, so nobody can see where it leads.",) * 2,
    "misplaced": ("There is a link in the field for your name or your telephone number.",) * 2,
    "addresses": (
        "Your message names an address to write to that is not yours.",
        "Your message names {} addresses to write to that are not yours.",
    ),
    "markup": ("Your message has markup, such as [url] or <a href>.",) * 2,
    "point": ("Your message leads up to a link or an address.",) * 2,
    "unasked": ("Your message leads up to a link and asks nothing.",) * 2,
    "offers": (
        "Your message speaks of something that is often advertised through forms.",
        "Your message speaks of {} things that are often advertised through forms.",
    ),
    "our_name": ("Your message names the address of this website.",) * 2,
    "price": ("Your message names a price.",) * 2,
    "mixed": ("Your message has words that mix look-alike letters.",) * 2,
    "shouting": ("Your message is in capital letters or has many exclamation marks.",) * 2,
    "repeated": ("The same text has come from several places within a day.",) * 2,
    "fast": ("The form came back faster than anybody types that much.",) * 2,
    "clock": ("The form came back within a few seconds.",) * 2,
    "trap": ("A field that people do not see was filled in.",) * 2,
}
FOR_EACH = {"links", "addresses", "offers"}  # these weigh once for each that is found; the others weigh once
GONE_NEXT_TIME = {"fast", "clock", "trap"}  # a form that is shown again has no trap and may come back at once

MOST_TARGETS = 20  # links and addresses that are looked at
MOST_SEARCHED = 1500  # characters around the marks of links and addresses
EACH_SEARCH = 20  # characters that take as long as to begin a search
WINDOW = 100  # characters before such a mark, and twice as many behind it
TYPED = 50  # characters a second; the fastest typists manage 20
MOST_AIMS = 3  # links that a text can lead up to; more are a list
CLOSE_TO_THE_END = 40  # characters, as a greeting and a name have
LONG = 1000  # characters, for each of which a text may have another link
LEAST_HASHED = 40  # bytes; many people write the same short texts
LEAST_NETWORKS = 3  # that send the same text; see `is_repeated`

URL_PATH = r"(?:/[!#-&*+\--:=?-Z_a-z~]*)?"
LINK = re.compile(  # in lower case; a name alone counts where it ends like most websites or a path follows it
    r"(?:https?://|(?<![a-z0-9@._/-])www\.)[^\s<>\"'()\[\]{}|,;/]+" + URL_PATH + r"|"
    r"(?<![a-z0-9@._/-])(?:[a-z0-9-]++\.)*(?:[a-z0-9-]++\.[a-z]{2,}(?=/[+\w-]{3})|[a-z0-9-]{2,}+\."
    r"(?:com|net|org|info|biz|online|site|shop|store|xyz|top|club|app|dev|io|example"
    r"|(?:co|com|org|net|gov|ac)\.[a-z]{2}))(?![a-z0-9@-])" + URL_PATH
)
MARK = re.compile(r"\.[a-z]|@|://")  # every link or address has one of these
ADDRESS = re.compile(r"(?<![\w.+-])[\w.+-]++@(?:[\w-]++\.)+\w{2,}|(?<![\w.+@/-])@\w{5,}")
# What forms are sent most: search ranking, followers, articles, videos, loans, quick money, bets, bargains,
# lists of addresses, pills. None is a word of our own trade, and none decides alone.
OFFERED = """
seo, backlink, link building, exchange links, domain authority, page of google, rank on google, google
ranking, top of google, website traffic, organic traffic, lead generation, digital marketing, marketing
agency, marketing company, web design, app development, follower, guest post, guest article, sponsored
post, sponsored article, dofollow, do-follow, explainer, animated video, animation, video production,
loan, lender, collateral, bad credit, credit check, business funding, make money, earn money, money back,
bitcoin, btc, crypto, forex, casino, betting, discount, free shipping, email list, e-mail list, contact
forms, unsubscribe, viagra, cialis
"""
OFFERS = {
    offer: re.compile(r"(?<!\w)" + offer.replace(" ", r"\s") + r"s?(?!\w)")
    for offer in " ".join(OFFERED.split()).split(", ")
}
BY_FIRST_WORD = [  # looked up in the words of a text, which is faster than to search for each
    (first, pattern)
    for offer, pattern in OFFERS.items()
    for first in {offer.partition(" ")[0].encode(), f"{offer}s".partition(" ")[0].encode()}
]
TO_SPACES = bytes.maketrans(b"!\"#$&'()*+,./:;<=>?@[\\]^_`{|}~", b" " * 30)
MARKUP = re.compile(r"\[/?(?:url|link|img|b)[\]=\s]|<a\s{1,9}href|\]\((?:https?:|www\.)")
CURRENCIES = "$€£¥₹₽₩₿"
PRICE = re.compile(rf"[{CURRENCIES}]\s?\d|\d\s?[{CURRENCIES}]")
LOOK_ALIKES = "аеорсухіјѕһԁԛԝкмтвноανρυικ"  # of Cyrillic and Greek, for Latin letters
ORNATE = "\U0001d400-\U0001d7ff"  # mathematical letters
DECEIVING = re.compile(f"[{LOOK_ALIKES}{ORNATE}]")
MIXED = re.compile(f"[a-z][{LOOK_ALIKES}]|[{LOOK_ALIKES}][a-z]|[{ORNATE}]{{2}}")
INTERNAL = (".local", ".lan", ".internal", ".intranet")
# The path of a link to one document or thing, rather than to what a website offers.
PARTICULAR = re.compile(r"\d{3}|\d[a-z]+\d|/[^?]|\.(?:pdf|docx?|xlsx?|zip|csv)$")
SHORTENED_PATH = re.compile(r"\+?(?=[\w-]*[a-z])[\w-]{3,16}")
QUESTION = re.compile("[?\uff1f\u061f]")
DIGITS = re.compile(r"\d+")
PAUSE = re.compile("[\n,.;:!\u2013]")
CAPITALS, SMALL = bytes(range(65, 91)), bytes(range(97, 123))


@dataclass(frozen=True)
class Signs:
    """The signs that were found, how often each, and the table of weights."""

    found: Mapping[str, int]
    weights: Mapping[str, float]

    @property
    def held(self) -> bool:
        """Tell whether they weigh enough to hold a message up."""
        return self._weigh(self.found) >= self.weights["threshold"]

    @property
    def only_this_time(self) -> bool:
        """Tell whether the same text can pass when the form is sent again."""
        left = {name: times for name, times in self.found.items() if name not in GONE_NEXT_TIME}
        return self._weigh(left) < self.weights["threshold"]

    def _weigh(self, found: Mapping[str, int]) -> float:
        return sum(
            self.weights.get(name, 0) * (times if name in FOR_EACH else 1) for name, times in found.items()
        )

    @property
    def sentences(self) -> list[str]:
        """Say each sign that weighs something in a plain sentence."""
        return [
            SENTENCES[name][times > 1].format(times)
            for name, times in self.found.items()
            if self.weights.get(name)
        ]

    def __str__(self) -> str:
        """Return the signs as a header holds them, such as `links=4 repeated=12`."""
        return " ".join(f"{name}={times}" for name, times in self.found.items())


def weigh(form: SiteForm, networks: int) -> Signs:
    """Return the signs in a valid form; `networks` is from how many client networks its text came.

    An information request is looked at only for how it was sent, which never asks anything of the person but
    to press Send again.
    """
    found: dict[str, int] = {}
    if isinstance(form, EnquiryForm):
        found |= _in_text(form)
        found["repeated"] = networks
    found["trap"] = bool(form.website.data)
    found |= _in_time(form)
    return Signs({name: int(times) for name, times in found.items() if times > 0}, form.facts.advertising)


def fingerprint(form: SiteForm, secret_key: str) -> bytes | None:
    """Return the keyed hash of an enquiry without case, digits and white space; None for one that many send.

    Those are the short ones and those that a link of ours has put into the form.
    """
    if not (isinstance(form, EnquiryForm) and form.facts.advertising.get("repeated")):
        return None
    text = _bare(form[form.free_text].data)
    if len(text) < LEAST_HASHED or text in map(_bare, form.facts.topics.values()):
        return None
    return hmac.digest(f"same text {secret_key}".encode(), text, "sha256")


def is_repeated(text: bytes, networks: int) -> bool:
    """Tell whether so many networks are enough for the sign: 3 to 7, drawn for each text by its keyed hash.

    Nobody can know which number holds for a text, so that who posts a guess from several networks cannot tell
    whether somebody else sent it (docs/advertising.md says what remains).
    """
    return networks >= LEAST_NETWORKS + (text[0] & 0b1111).bit_count()


def _bare(text: str) -> bytes:
    return "".join(text.casefold().split()).encode().translate(None, b"0123456789")


def _in_time(form: SiteForm) -> dict[str, int]:
    token, typed = form.posted_token, len(form[form.free_text].data)
    if token.age < token.min_age:
        return {"clock": 1}
    return {"fast": bool(token.min_age) and token.age < token.min_age + typed / TYPED}


@dataclass(frozen=True)
class Target:
    """Where a text points to: a link, or an address to write to, such as an e-mail address or @somebody."""

    start: int
    end: int
    text: str
    host: str = ""  # of a link
    path: str = ""  # of a link, with its query

    @property
    def website(self) -> str:
        """Return the host without its machines, as in city.example.co.za → example.co.za."""
        parts = self.host.split(".")
        country_code = len(parts[-1]) == 2 and len(parts[-2]) <= 3
        return ".".join(parts[-3 if country_code else -2 :])

    @property
    def leads_away(self) -> bool:
        """Tell a link that invites from one that names one document or thing, or a mere name of a website."""
        return bool(self.path or "/" in self.text or "www." in self.text) and not PARTICULAR.search(self.path)

    @property
    def shortened(self) -> bool:
        """Tell by its shape whether a link was shortened."""
        return len(self.host) <= 8 and bool(SHORTENED_PATH.fullmatch(self.path))


def _targets(text: str) -> Iterator[Target]:
    """Find links and addresses in a text in lower case; only what stands around their marks is looked at."""
    on_one_line, done, left = text.replace("\n", " ").replace("\t", " "), 0, MOST_SEARCHED
    while left > 0 and (mark := MARK.search(text, done)):
        start = max(done, on_one_line.rfind(" ", 0, mark.start()) + 1, mark.start() - WINDOW)
        end = _place(on_one_line, " ", mark.end(), mark.end() + 2 * WINDOW)
        if match := LINK.search(text, start, end):
            yield from _link(match)
        elif match := ADDRESS.search(text, start, end):
            yield Target(match.start(), match.end(), match[0])
        done = max(mark.end(), match.end() if match else end)
        left -= done - start + EACH_SEARCH


def _place(text: str, separator: str, start: int, end: int) -> int:
    """Return where the separator stands between two places, or the second of them."""
    place = text.find(separator, start, end)
    return end if place < 0 else place


def _link(match: re.Match[str]) -> Iterator[Target]:
    """Return the link, unless it leads to a machine: a number, or a name of an internal network."""
    link = match[0].rstrip(".:!?")
    host, _, path = link.removeprefix("https://").removeprefix("http://").partition("/")
    host = host.partition("?")[0].partition(":")[0].removeprefix("www.")
    if "." in host and not host.replace(".", "").isdigit() and not host.endswith(INTERNAL):
        yield Target(match.start(), match.start() + len(link), link, host, path)


def _in_text(form: EnquiryForm) -> dict[str, int]:
    text, name, email = (str(field.data).strip() for field in (form.message, form.name, form.email))
    lower, own = text.lower(), form.facts.address.partition("://")[2].removeprefix("www.")
    targets = [*islice(_targets(lower), MOST_TARGETS)]
    words = _without(lower, targets)
    signature = _signature(words, name.lower())
    links = [target for target in targets if target.host]
    ours = [link for link in links if link.host == own or link.host.endswith(f".{own}")]
    foreign = [link for link in links if link not in ours and (link.start < signature or own in link.text)]
    others = [
        address
        for address in targets
        if not address.host and address.start < signature
        if address.text != email.lower() and own not in address.text
    ]
    return {
        "links": _number(foreign, lower) - len(text) // LONG,
        "shortened": any(link.shortened for link in foreign),
        "misplaced": any(LINK.search(str(field.data).lower()) for field in (form.name, form.phone)),
        "addresses": len({address.text for address in others}),
        "markup": bool(MARKUP.search(lower)),
        **_aim(words, foreign or others),
        "offers": _offers(words),
        "our_name": any(link.path == "" and link.host == own for link in ours)
        or any(own in link.path for link in foreign),
        "price": _names_a_price(text),
        "mixed": _mixes_alphabets(f"{lower} {name.lower()}"),
        "shouting": _shouts(text),
    }


def _number(links: list[Target], text: str) -> int:
    """Count links by website, or one by one where running text has more than two of one website.

    Links that differ in numbers only, as of machines, are one.
    """
    running = {DIGITS.sub("", link.text) for link in links if not _listed(link, text)}
    hosts = {DIGITS.sub("", link.host) for link in links if not _listed(link, text)}
    return max(len({link.website for link in links}), len(hosts), len(running) - 1)


def _listed(link: Target, text: str) -> bool:
    """Tell a link on a line of its own, as in a list of pumps, from one in running text."""
    start, end = text.rfind("\n", 0, link.start) + 1, _place(text, "\n", link.end, len(text))
    return "\n" in text and len(f"{text[start : link.start]}{text[link.end : end]}".split()) <= 3


def _aim(words: str, targets: list[Target]) -> dict[str, int]:
    """Tell whether a text leads up to a link or an address, and whether it asks anything."""
    if not 0 < len(targets) <= MOST_AIMS:
        return {}
    last = targets[-1]
    is_mail = not last.host and last.text[0] != "@"  # people do ask to be answered at another address
    before, after = words[: last.start].strip(), words[last.end :].strip()
    if len(after) > CLOSE_TO_THE_END or QUESTION.search(after) or before.endswith("("):
        return {}
    if (is_mail and before) or (last.host and not last.leads_away):
        return {}
    return {"point": 1, "unasked": not QUESTION.search(before)}


def _without(text: str, targets: list[Target]) -> str:
    """Return the text with spaces for the links and addresses, so that every place stays where it is."""
    for target in targets:
        text = f"{text[: target.start]}{' ' * (target.end - target.start)}{text[target.end :]}"
    return text


def _signature(words: str, name: str) -> int:
    """Return where the lines under a letter begin: after the writer's name, or the last lines, all short."""
    for part in name.split()[:5]:
        place = words.rfind(part)
        before, after = PAUSE.split(words[max(0, place - 40) : max(0, place)]), words[place + len(part) :]
        begins_a_line = len(before) > 1 and len(before[-1].split()) < 3
        if len(part) > 2 and begins_a_line and not after[:1].isalnum() and _short(after):
            return place
    start = words.rstrip().rfind("\n\n")
    lines = words[start:].strip() if start >= 0 else ""
    return start if lines.count("\n") >= 2 and _short(lines) else len(words)


def _short(lines: str) -> bool:
    """Tell lines of names and numbers from sentences."""
    return (
        len(lines) <= 300
        and not QUESTION.search(lines)
        and all(sum(word.isalpha() for word in line.split()) <= 8 for line in lines.split("\n"))
    )


def _offers(text: str) -> int:
    said = set(text.encode().translate(TO_SPACES).split())
    return len({pattern for first, pattern in BY_FIRST_WORD if first in said and pattern.search(text)})


def _mixes_alphabets(text: str) -> bool:
    if text.isascii() or not DECEIVING.search(text):
        return False
    first = MIXED.search(text)
    return bool(first and MIXED.search(text, first.end()))  # one may be a typing mistake


def _names_a_price(text: str) -> bool:
    return any(map(text.__contains__, CURRENCIES)) and bool(PRICE.search(text))


def _shouts(text: str) -> bool:
    ascii_text = text.encode("ascii", "ignore")
    capitals = len(ascii_text) - len(ascii_text.translate(None, CAPITALS))
    small = len(ascii_text) - len(ascii_text.translate(None, SMALL))
    return (capitals > 20 and capitals > small) or "!!" in text or text.count("!") > 2
