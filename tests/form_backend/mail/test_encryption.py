"""S/MIME: what a relay sees of encrypted mail, what its readers see, and which certificates will do."""

import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest

from form_backend.mail.encryption import Encryption
from form_backend.settings import Settings, SettingsError
from tests.parts.canary import Canary
from tests.parts.forms import ENQUIRY, ORGANISATION, REQUEST
from tests.parts.processes import ROOT, needs_debian_package
from tests.parts.relays import Mailbox, Received
from tests.parts.stack import Serve, environment

SALES, REQUESTS = "sales@example.org", ORGANISATION["requests"]["email"]
TIMES = re.compile(r"\d{2}:\d{2}(?::\d{2})?|\d{8}T\d{6}Z")
RELAY = "smtp://127.0.0.1:25"


class Reader:
    """Somebody with a key and a certificate, made by OpenSSL as docs/relays.md says."""

    def __init__(
        self, folder: Path, *names: str, key: str = "rsa:2048", options: tuple[str, ...] = ()
    ) -> None:
        """Make a key and a certificate for these addresses."""
        needs_debian_package("openssl", "openssl")
        folder.mkdir(exist_ok=True)
        self.key, self.certificate = folder / f"{names[0]}.key", folder / f"{names[0]}.pem"
        subject = [
            "-subj",
            "/CN=A reader",
            "-addext",
            f"subjectAltName={','.join(f'email:{one}' for one in names)}",
        ]
        kind = ["-newkey", key, *(["-pkeyopt", "ec_paramgen_curve:P-256"] if key == "ec" else [])]
        files = ["-noenc", "-keyout", str(self.key), "-out", str(self.certificate)]
        openssl("req", "-x509", "-days", "365", *kind, *files, *subject, *options)

    def read(self, source: bytes) -> EmailMessage:
        """Decrypt a mail as it came from the relay."""
        keys = ["-recip", str(self.certificate), "-inkey", str(self.key)]
        inner = message_from_bytes(openssl("cms", "-decrypt", *keys, given=source), policy=default)
        assert isinstance(inner, EmailMessage)
        return inner


def openssl(*arguments: str, given: bytes = b"") -> bytes:
    """Run OpenSSL."""
    command = [shutil.which("openssl") or "openssl", *arguments]
    return subprocess.run(command, input=given, capture_output=True, check=True).stdout


@pytest.fixture(scope="module")
def readers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Reader]:
    """Return those who get enquiries and requests."""
    folder = tmp_path_factory.mktemp("readers")
    return {address: Reader(folder, address) for address in (SALES, "more@example.org", REQUESTS)}


@pytest.fixture(scope="module")
def certificates(readers: dict[str, Reader], tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the name of the file with everybody's certificates."""
    path = tmp_path_factory.mktemp("certificates") / "all.pem"
    path.write_text("".join(reader.certificate.read_text() for reader in readers.values()))
    return str(path)


def as_read(message: EmailMessage) -> list[object]:
    """Return what a reader sees: the headers and each part, without the times."""
    parts = [
        (part.get_content_type(), part.get_filename(), TIMES.sub("", str(part.get_content())))
        for part in message.walk()
        if not part.is_multipart()
    ]
    kept = {name: str(value) for name, value in message.items() if name not in ("Date", "Content-Type")}
    return [kept, *parts]


@pytest.mark.parametrize(
    ("path", "words", "address"),
    [("/enquiry/", ENQUIRY, SALES), ("/your-information/", REQUEST | {"name": "Zoë"}, REQUESTS)],
)
def test_readers_see_what_they_see_today(  # noqa: PLR0913, PLR0917 - fixtures, and columns of the table
    serve: Serve,
    mailbox: Mailbox,
    readers: dict[str, Reader],
    certificates: str,
    path: str,
    words: dict[str, str],
    address: str,
) -> None:
    """Decrypted, a mail is the same to the letter as one that is not encrypted, attachment included."""
    for settings in ({}, {"FLASK_MAIL_CERTIFICATES": certificates}):
        assert serve(mailbox.relay, **settings).post(words, path).status_code == 303

    plain, encrypted = mailbox.received
    assert as_read(readers[address].read(encrypted.source)) == as_read(plain.message)
    assert encrypted.message["Subject"] == plain.message["Subject"]
    assert encrypted.message["Message-ID"] == plain.message["Message-ID"]
    assert (encrypted.sender, encrypted.recipients) == (plain.sender, plain.recipients)


def test_relay_sees_no_word(
    serve: Serve, mailbox: Mailbox, readers: dict[str, Reader], certificates: str
) -> None:
    """The relay's copy holds no word, address or number that was typed, however it is encoded."""
    canary = Canary()
    backend = serve(
        mailbox.relay, FLASK_MAIL_CERTIFICATES=certificates, FLASK_ENQUIRIES_TO=f"{SALES},more@example.org"
    )

    assert backend.post(canary.words).status_code == 303

    [received] = mailbox.received
    assert not canary.found_in(received.source)
    assert set(received.message.keys()) == {
        *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"),
        *("MIME-Version", "Content-Type", "Content-Transfer-Encoding", "Content-Disposition"),
    }
    assert received.message.get_content_type() == "application/pkcs7-mime"
    assert received.message["Content-Type"].params["smime-type"] == "enveloped-data"
    assert "aes-256-cbc" in shown(received)
    for address in (SALES, "more@example.org"):
        assert canary.found_in(readers[address].read(received.source).as_bytes())
    with pytest.raises(subprocess.CalledProcessError):
        readers[REQUESTS].read(received.source)


def shown(received: Received) -> str:
    """Return what OpenSSL says of a mail without a key."""
    return openssl("cms", "-cmsout", "-print", "-noout", given=received.source).decode()


def test_new_certificate_beside_the_old(
    serve: Serve, mailbox: Mailbox, readers: dict[str, Reader], certificates: str, tmp_path: Path
) -> None:
    """Where two certificates of one reader hold, either key opens the mail."""
    newer = Reader(tmp_path, SALES.upper())
    both = tmp_path / "both.pem"
    both.write_text(Path(certificates).read_text() + newer.certificate.read_text())

    serve(mailbox.relay, FLASK_MAIL_CERTIFICATES=str(both)).enquire()

    [received] = mailbox.received
    assert as_read(newer.read(received.source)) == as_read(readers[SALES].read(received.source))


def refused(site: Path, folder: Path, *readers: Reader, more: str = "") -> str:
    """Return the sentence that ends the start where the file holds these certificates."""
    path = folder / "all.pem"
    path.write_text("".join(reader.certificate.read_text() for reader in readers) + more)
    settings = Settings.from_environ(environment(site, RELAY, FLASK_MAIL_CERTIFICATES=str(path)))
    with pytest.raises(SettingsError) as refusal:
        Encryption(path, settings)
    return str(refusal.value)


UNFIT: dict[str, tuple[str, tuple[str, ...], str]] = {
    "elliptic curve": (
        "ec",
        (),
        "has a key that cannot be used; get one with an RSA key of 2048 bits or more",
    ),
    "short key": ("rsa:1024", (), "has a key that cannot be used; get one with an RSA key of 2048 bits"),
    "Edwards curve": ("ed25519", (), "has a key that cannot be used"),
    "for signatures": (
        "rsa:2048",
        ("-addext", "keyUsage=digitalSignature"),
        "is for signatures alone; get one that may be used for encryption",
    ),
}


@pytest.mark.parametrize(("key", "options", "sentence"), UNFIT.values(), ids=UNFIT)
def test_unfit_certificate(  # noqa: PLR0913, PLR0917 - fixtures, and columns of the table
    site: Path, tmp_path: Path, readers: dict[str, Reader], key: str, options: tuple[str, ...], sentence: str
) -> None:
    """A certificate of a kind that cannot be used ends the start, and says which kind to get."""
    unfit = Reader(tmp_path, SALES, key=key, options=options)

    said = refused(site, tmp_path, unfit, readers[REQUESTS])

    assert said.startswith(f"FLASK_MAIL_CERTIFICATES holds a certificate for {SALES} that ")
    assert sentence in said


def dated(folder: Path, address: str, begin: timedelta, end: timedelta) -> Reader:
    """Return a reader whose certificate holds from one moment to another, counted from now."""
    reader = Reader(folder, address)
    request = folder / "request.csr"
    openssl(
        "x509",
        "-x509toreq",
        "-copy_extensions",
        "copy",
        "-in",
        str(reader.certificate),
        "-signkey",
        str(reader.key),
        "-out",
        str(request),
    )
    for name in ("index.txt", "serial"):
        (folder / name).write_text("01\n" if name == "serial" else "")
    (folder / "ca.cnf").write_text(
        f"[ca]\ndefault_ca=own\n[own]\ndatabase={folder}/index.txt\nserial={folder}/serial\nnew_certs_dir={folder}\n"
        "default_md=sha256\npolicy=any\ncopy_extensions=copy\nunique_subject=no\n[any]\ncommonName=supplied\n"
    )
    moments = [f"{datetime.now(UTC) + moment:%Y%m%d%H%M%SZ}" for moment in (begin, end)]
    openssl(
        *(
            "ca",
            "-batch",
            "-notext",
            "-config",
            str(folder / "ca.cnf"),
            "-selfsign",
            "-keyfile",
            str(reader.key),
        ),
        *("-in", str(request), "-out", str(reader.certificate)),
        *("-startdate", moments[0], "-enddate", moments[1]),
    )
    return reader


DAY = timedelta(days=1)


def test_certificate_out_of_its_time(site: Path, tmp_path: Path, readers: dict[str, Reader]) -> None:
    """A certificate that has expired, or does not hold yet, ends the start with its date."""
    expired = dated(tmp_path / "expired", SALES, -10 * DAY, -DAY)
    early = dated(tmp_path / "early", SALES, DAY, 10 * DAY)

    assert "that expired on 20" in refused(site, tmp_path, expired, readers[REQUESTS])
    assert "that begins to hold on 20" in refused(site, tmp_path, early, readers[REQUESTS])


def test_recipient_without_a_certificate(site: Path, tmp_path: Path, readers: dict[str, Reader]) -> None:
    """Everybody who gets mail needs a certificate, and the one who has none is named."""
    said = refused(site, tmp_path, readers[REQUESTS], readers["more@example.org"])

    assert f"holds no certificate for {SALES}; add one that names this address" in said


def test_file_that_is_no_good(site: Path, tmp_path: Path, readers: dict[str, Reader]) -> None:
    """A private key has no place there, and a certificate that was cut off is told as such."""
    key = readers[SALES].key.read_text()
    cut_off = "-----BEGIN CERTIFICATE-----\nMIIC\n-----END CERTIFICATE-----\n"

    assert "take it out of there" in refused(site, tmp_path, readers[SALES], more=key)
    assert "copy it again" in refused(site, tmp_path, readers[SALES], more=cut_off)


def check_mail(site: Path, relay: str, certificates: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run check-mail."""
    return subprocess.run(
        [sys.executable, "-m", "flask", "--app", "form_backend", "check-mail", *options],
        cwd=ROOT,
        env=environment(site, relay, FLASK_MAIL_CERTIFICATES=str(certificates)),
        capture_output=True,
        text=True,
        check=False,
    )


def test_check_mail(site: Path, mailbox: Mailbox, tmp_path: Path, readers: dict[str, Reader]) -> None:
    """The test message is encrypted like any other; a certificate that ends within 30 days is named."""
    ending = dated(tmp_path / "ending", SALES, -DAY, 29 * DAY)
    both = tmp_path / "both.pem"
    both.write_text(ending.certificate.read_text() + readers[REQUESTS].certificate.read_text())

    checked = check_mail(site, mailbox.relay, both, "--send")

    [received] = mailbox.received
    assert checked.returncode == 0
    assert f"The last certificate for {SALES} in FLASK_MAIL_CERTIFICATES expires on 20" in checked.stderr
    assert REQUESTS not in checked.stderr
    assert "Test of the website's mail" in received.message["Subject"]
    assert b"you do not need to do anything" not in received.source
    assert "you do not need to do anything" in str(ending.read(received.source).get_content())


@pytest.mark.parametrize("configured", [True, False])
def test_library_is_loaded_only_where_it_is_needed(
    site: Path, certificates: str, *, configured: bool
) -> None:
    """Without certificates the form backend does not load the library that encrypts."""
    settings = {"FLASK_MAIL_CERTIFICATES": certificates} if configured else {}
    code = "import form_backend, sys; form_backend.create_app(); print('cryptography' in sys.modules)"

    printed = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment(site, RELAY, **settings),
        capture_output=True,
        text=True,
        check=True,
    )

    assert printed.stdout.strip() == str(configured)
