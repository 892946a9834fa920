"""What content/organisation.toml and content/published.toml may hold, as JSON Schemas.

Each value says in `description` what it is, and in `examples` how it is written: editors are told both.
"""

import re
from typing import Any

from jsonschema import FormatChecker

from plugins.reading.typed import INVISIBLE

Schema = dict[str, Any]

EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}")
OWN_PATH = re.compile(r"/(?!/)[\w./~%?=&#+-]*", re.ASCII)
HTTPS = re.compile(r"https://[\w-]+(?:\.[\w-]+)+(?::\d+)?(?:[/?#][\w./~%?=&#+,:@!;-]*)?", re.ASCII)
TELEPHONE = re.compile(r"[\d+(][\d ()/+-]{5,38}\d")
EXAMPLE_HOST = r"(?:example\.(?:com|net|org)|example|invalid|localhost|test)"
EXAMPLE = re.compile(rf"@(?:.*\.)?{EXAMPLE_HOST}\.?\Z", re.IGNORECASE)
REACHED = " that reaches somebody (none at example.com, example.net or example.org does)"
A_TABLE = "a table, which begins with a line in square brackets"
FORMATS = FormatChecker(formats=())


@FORMATS.checks("line")
def is_line(value: object) -> bool:
    """Tell whether this is one line of plain text."""
    return not isinstance(value, str) or (
        value.strip() == value and not INVISIBLE.search(value) and not re.search(r"[<>\t\n]", value)
    )


@FORMATS.checks("email")
def is_email(value: object) -> bool:
    """Tell whether this is an e-mail address that may reach somebody, or a list of such."""
    addresses = list(map(str, value if isinstance(value, list) else [value]))
    return all(EMAIL.fullmatch(address) and not EXAMPLE.search(address) for address in addresses)


@FORMATS.checks("page")
def is_page(value: object) -> bool:
    """Tell whether this is the address of a page of ours, or a whole one of another website."""
    return bool(OWN_PATH.fullmatch(str(value)) or HTTPS.fullmatch(str(value)))


@FORMATS.checks("telephone")
def is_telephone(value: object) -> bool:
    """Tell whether this is a telephone number as people write it."""
    return bool(TELEPHONE.fullmatch(str(value)))


def line(example: str, longest: int = 200) -> Schema:
    """Describe one line of text that has to be there."""
    return {
        "type": "string",
        "format": "line",
        "minLength": 1,
        "maxLength": longest,
        "description": f"one line of plain text, of {longest} characters at most, without < and >",
        "examples": [example],
    }


def or_empty(schema: Schema) -> Schema:
    """Describe a value that may be left empty."""
    return {"if": {"const": ""}, "else": schema, "examples": [""]}


def table(**facts: Schema) -> Schema:
    """Describe a table of which each fact has to be there, and no other may."""
    closed = {"additionalProperties": False, "properties": facts, "required": list(facts)}
    return {"type": "object", "description": A_TABLE} | closed


PAGE = {
    "type": "string",
    "format": "page",
    "description": "an address of ours that begins with /, or one that begins with https://",
    "examples": ["/contact/"],
}
MAILBOX = {
    "type": "string",
    "format": "email",
    "description": f"an e-mail address{REACHED}",
    "examples": ["name@imqs.co.za"],
}
MAILBOXES = {
    "type": ["string", "array"],
    "format": "email",
    "description": f"an e-mail address{REACHED}, or a list of such",
    "examples": ["name@imqs.co.za"],
}
NUMBER = {
    "type": "string",
    "format": "telephone",
    "description": "a telephone number",
    "examples": ["010 023 5200"],
}
SECTOR = line("Other")
TOPIC = line("I would like to know more about Asset Register.", 1000)
ADVERTISING = (  # the signs that form_backend/signs.py weighs, and what they may weigh together
    "threshold", "links", "shortened", "misplaced", "addresses", "markup", "point", "unasked", "offers",
    "our_name", "price", "mixed", "shouting", "repeated", "fast", "clock", "trap",
)  # fmt: skip
WEIGHT = {
    "type": "number",
    "minimum": 0,
    "maximum": 100,
    "description": "a number from 0 to 100, without quotes",
    "examples": [5],
}
KEY = {"pattern": "^[a-z][a-z0-9_-]*$", "description": "a name in small letters, digits and hyphens"}
ENTRIES = {
    "type": "array",
    "items": table(label=line("Products", 60), address=PAGE),
    "description": "a list of entries that each begin with a line like [[menu]]",
}


def optional(schema: Schema, **facts: Schema) -> Schema:
    """Add facts to a table that it may lack."""
    return schema | {"properties": schema["properties"] | facts}


ORGANISATION = table(
    name=line("IMQS", 60),
    tagline=line("Infrastructure asset management software"),
    address={
        "type": "string",
        "pattern": r"^https://[a-z0-9-]+(\.[a-z0-9-]+)+(:\d+)?\Z",
        "description": "the site's own address, in small letters and without a slash at the end",
        "examples": ["https://www.imqs.co.za"],
    },
    language={
        "type": "string",
        "pattern": r"^[a-z]{2,3}-[A-Z]{2}\Z",
        "description": "a language and a country",
        "examples": ["en-ZA"],
    },
    contact=optional(
        table(
            email=MAILBOX,
            telephone=or_empty(NUMBER),
            street_address=or_empty(line("1 Long Street, Cape Town")),
            information_officer=or_empty(line("Nomvula Ngcobo")),
            paia_manual=or_empty(PAGE),
        ),
        next=MAILBOXES,
        formerly=MAILBOXES,
    ),
    requests=optional(
        table(
            role=line("Operations Manager"),
            email=MAILBOX,
            answer_days={
                "type": "integer",
                "minimum": 1,
                "maximum": 365,
                "description": "a whole number from 1 to 365, without quotes",
                "examples": [30],
            },
        ),
        next=MAILBOX,
        formerly=MAILBOXES,
    ),
    regulator=table(
        name=line("Information Regulator (South Africa)"),
        address=line("54 Maxwell Drive, Johannesburg"),
        telephone=NUMBER,
        toll_free=NUMBER,
        email=MAILBOX,
    ),
    statement=table(
        address={
            "type": "string",
            "pattern": r"^/([a-z0-9-]+/)+\Z",
            "description": "an address of ours that begins and ends with /",
            "examples": ["/about-us/customerprivacystatement/"],
        }
    ),
    enquiry=table(
        sectors={
            "type": "array",
            "items": SECTOR,
            "minItems": 1,
            "uniqueItems": True,
            "description": "a list of different texts",
            "examples": [["Other"]],
        },
        topics={
            "type": "object",
            "description": A_TABLE,
            "propertyNames": KEY,
            "additionalProperties": TOPIC,
        },
    ),
    advertising=table(**dict.fromkeys(ADVERTISING, WEIGHT)),
    redirects={"type": "object", "description": A_TABLE, "additionalProperties": PAGE},
    menu=ENTRIES,
    footer=ENTRIES,
)
OLD_PAGE = {
    "type": "string",
    "format": "line",
    "pattern": "^/",
    "description": "an address of ours that begins with /",
    "examples": ["/contact/"],
}
PUBLISHED = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "addresses": {
            "type": "array",
            "uniqueItems": True,
            "items": OLD_PAGE,
            "examples": [["/contact/"]],
            "description": "a list of different addresses",
        },
        "statement": {
            "type": "object",
            "description": A_TABLE,
            "propertyNames": {"pattern": r"^\d{4}-\d\d-\d\d\Z", "description": "a day like 2027-01-31"},
            "additionalProperties": {
                "type": "string",
                "pattern": r"^[0-9a-f]{64}\Z",
                "description": "the SHA-256 that the build names",
                "examples": ["0123456789abcdef…"],
            },
        },
    },
}
PROMISES = {
    "type": "object",
    "propertyNames": KEY,
    "additionalProperties": table(
        promise=line("We keep no copy of what you send.", 300),
        kept_by={
            "enum": ["code", "operator", "company"],
            "description": "who keeps the promise: code, operator or company",
            "examples": ["code"],
        },
        how=line("The kernel takes away the right to write files.", 500),
    ),
}
