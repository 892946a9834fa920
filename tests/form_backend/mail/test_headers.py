"""Headers: each parses back to what was meant, whatever the settings and the lists of people allow."""

from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import default
from email.utils import getaddresses

from hypothesis import example, given
from hypothesis import strategies as st

from form_backend.commands.people import read_people
from form_backend.messages import begin, mailbox

UNIT = "Van der Merwe, Johannes Petrus Cornelius Hendrik Theunis (Water and Sanitation)"
OWN = "website@example.org"
CELLS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=200),
    st.text(st.sampled_from('ab =?utf-8qB_"\\<>@,;:()[].Zé'), max_size=60),
)


def parsed(name: str, recipients: list[str], subject: str) -> EmailMessage:
    """Return a message as a reader sees it; no line of it may be longer than RFC 5322 allows."""
    source = begin(OWN, name, recipients, subject, "unique").as_bytes()

    assert max(map(len, source.split(b"\r\n"))) <= 998
    message = message_from_bytes(source, policy=default)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    assert message.keys() == ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"]
    return message


def names(message: EmailMessage, header: str) -> list[str]:
    """Return the names in a header, decoded as RFC 2047 says.

    Python 3.11's new parser puts a space between two encoded words of a name, which the RFC takes out.
    """
    raw = "".join(value for key, value in message.raw_items() if key == header)
    return [
        str(make_header(decode_header(name))) for name, _address in getaddresses([raw.replace("\r\n", "")])
    ]


@given(cell=CELLS, subject=CELLS)
@example(cell=UNIT, subject=UNIT)
@example(cell="=?utf-8?q?Bcc?=", subject="=?utf-8?q?Bcc?=")
@example(cell="é" * 200, subject="x" * 200)
def test_any_name_and_subject(cell: str, subject: str) -> None:
    """Any name that a list of people may hold stays one name of one address, and a subject as it was."""
    row = '"' + cell.replace('"', '""') + '"'
    people = read_people(f"email,name\nperson@example.com,{row}\n").people
    subject = " ".join(subject.split())

    for person in people:
        message = parsed(person.name, [mailbox(person.email, person.name)], subject)

        assert names(message, "From") == names(message, "To") == [person.name]
        assert [address.addr_spec for address in message["From"].addresses] == [OWN]
        assert [address.addr_spec for address in message["To"].addresses] == ["person@example.com"]
        assert message["Subject"] == subject


def test_forty_recipients() -> None:
    """A long list of recipients is folded between addresses."""
    recipients = [f"unit-{number}.of-the-municipality@long.example.org" for number in range(40)]

    message = parsed("The website", recipients, "Enquiry")

    assert [address.addr_spec for address in message["To"].addresses] == recipients


def test_long_name_with_a_comma() -> None:
    """A name that has to be quoted keeps its quotes however long it is."""
    message = parsed(UNIT, [mailbox("water@example.org", UNIT)], UNIT)

    assert [str(address) for address in message["To"].addresses] == [f'"{UNIT}" <water@example.org>']
    assert message["Subject"] == UNIT
