"""Mail to staff encrypted to its readers: S/MIME (RFC 8551), CMS enveloped data with AES-256.

Whoever imports this loads the `cryptography` package: the app does so only where certificates are configured.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7EnvelopeBuilder, PKCS7Options
from cryptography.x509 import (
    Certificate,
    ExtensionNotFound,
    ExtensionType,
    KeyUsage,
    RFC822Name,
    SubjectAlternativeName,
    load_pem_x509_certificates,
)
from cryptography.x509.oid import NameOID, PublicKeyAlgorithmOID

from form_backend.settings import Settings, SettingsError

Extension = TypeVar("Extension", bound=ExtensionType)

VARIABLE = "FLASK_MAIL_CERTIFICATES"
LEAST_BITS = 2048  # of an RSA key
SOON = timedelta(days=30)
# What a relay needs to see. The rest of a message, such as Reply-To, is for its readers alone.
IN_CLEAR = ("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted")


class Encryption:
    """The certificates of everybody who gets mail from the forms."""

    def __init__(self, path: Path, settings: Settings) -> None:
        """Find each recipient's certificates; one without any that can be used now is a SettingsError."""
        found = _read(path)
        recipients = settings.enquiries_to + settings.requests_to
        self._certificates = {address: _usable(address, found) for address in recipients}

    def encrypt(self, message: EmailMessage, recipients: Sequence[str]) -> EmailMessage:
        """Return a message that holds the whole of this one, headers included, for its recipients alone."""
        envelope = PKCS7EnvelopeBuilder().set_data(message.as_bytes())
        envelope = envelope.set_content_encryption_algorithm(AES256)
        for certificate in dict.fromkeys(one for to in recipients for one in self._certificates[to]):
            envelope = envelope.add_recipient(certificate)
        encrypted = EmailMessage(message.policy)
        for name in IN_CLEAR:
            encrypted.set_raw(name, message[name])
        encrypted.set_content(
            envelope.encrypt(Encoding.DER, [PKCS7Options.Binary]),
            "application",
            "pkcs7-mime",
            filename="smime.p7m",
            params={"smime-type": "enveloped-data", "name": "smime.p7m"},
        )
        return encrypted

    def expiring(self) -> dict[str, datetime]:
        """Return for which recipients the last certificate expires soon, and when."""
        last = {
            address: max(certificate.not_valid_after_utc for certificate in certificates)
            for address, certificates in self._certificates.items()
        }
        return {address: end for address, end in last.items() if end < datetime.now(UTC) + SOON}


def _read(path: Path) -> list[Certificate]:
    content = path.read_bytes()
    if b"PRIVATE KEY-----" in content:
        raise SettingsError(
            VARIABLE, "names a file with a private key, which its owner alone may have; take it out of there."
        )
    try:
        return load_pem_x509_certificates(content)
    except ValueError:
        raise SettingsError(
            VARIABLE, "holds a certificate that cannot be read; copy it again, in PEM form."
        ) from None


def _usable(address: str, found: Iterable[Certificate]) -> list[Certificate]:
    """Return the certificates to which mail for this address can be encrypted now, at least one."""
    own = [certificate for certificate in found if address.casefold() in _addresses(certificate)]
    if not own:
        raise SettingsError(VARIABLE, f"holds no certificate for {address}; add one that names this address.")
    problems = [_problem(certificate) for certificate in own]
    if all(problems):
        raise SettingsError(VARIABLE, f"holds a certificate for {address} that {problems[-1]}.")
    return [certificate for certificate, problem in zip(own, problems, strict=True) if not problem]


def _addresses(certificate: Certificate) -> set[str]:
    """Return the e-mail addresses that a certificate names; older ones have theirs in the subject."""
    named = {str(name.value) for name in certificate.subject.get_attributes_for_oid(NameOID.EMAIL_ADDRESS)}
    if names := _extension(certificate, SubjectAlternativeName):
        named.update(names.get_values_for_type(RFC822Name))
    return {name.casefold() for name in named}


def _extension(certificate: Certificate, kind: type[Extension]) -> Extension | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except (ExtensionNotFound, ValueError):
        return None


def _problem(certificate: Certificate) -> str:
    """Return why nothing can be encrypted to a certificate, and the cure; nothing where all is well."""
    now, begin, end = datetime.now(UTC), certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if end <= now:
        return f"expired on {end:%Y-%m-%d}; put the new one there"
    if begin > now:
        return f"begins to hold on {begin:%Y-%m-%d}; put one there that holds today"
    is_rsa = certificate.public_key_algorithm_oid == PublicKeyAlgorithmOID.RSAES_PKCS1_v1_5
    key = certificate.public_key() if is_rsa else None
    if not isinstance(key, RSAPublicKey) or key.key_size < LEAST_BITS:
        return f"has a key that cannot be used; get one with an RSA key of {LEAST_BITS} bits or more"
    usage = _extension(certificate, KeyUsage)
    if usage and not usage.key_encipherment:
        return "is for signatures alone; get one that may be used for encryption (key encipherment)"
    return ""
