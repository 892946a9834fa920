"""One valid form: deliver it once, within the limits, and say what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from typing import TYPE_CHECKING

from form_backend import log
from form_backend.forms import SiteForm
from form_backend.forms.reference import content_digest
from form_backend.mail.outcomes import Delivery, Outcome
from form_backend.mail.relays import Relays
from form_backend.memory import Memory
from form_backend.messages import compose
from form_backend.settings import Settings
from form_backend.signs import Signs, fingerprint, is_repeated, weigh
from form_backend.site import Site

if TYPE_CHECKING:  # it loads a large library, which is needed only where certificates are configured
    from form_backend.mail.encryption import Encryption


@dataclass(frozen=True)
class Services:
    """What the views and the commands work with."""

    settings: Settings
    site: Site
    memory: Memory
    relays: Relays
    encryption: "Encryption | None" = None

    def for_staff(self, message: EmailMessage, recipients: Sequence[str]) -> EmailMessage:
        """Return the message as it leaves, encrypted to its recipients where that is configured."""
        return self.encryption.encrypt(message, recipients) if self.encryption else message


def digest_of(form: SiteForm, settings: Settings) -> bytes:
    """Return the keyed hash that gives the reference and the Message-ID of what was typed."""
    return content_digest(settings.secret_key, form.name_of_form, form.answers)


def signs_in(form: SiteForm, client: str, services: Services) -> Signs:
    """Weigh the signs of advertising in a valid form, and count its text among those of the last 24 hours."""
    text = fingerprint(form, services.settings.secret_key)
    networks = services.memory.same_texts.count(text, client) if text else 0
    return weigh(form, networks if text and is_repeated(text, networks) else 0)


def submit(form: SiteForm, signs: Signs, digest: bytes, client: str, services: Services) -> Delivery:
    """Hand a valid form to the relays, unless the same person sent the same today; raises TooManyRequests.

    What looks like advertising is held up until the person says that it is none. The same person is who sends
    from the same page (its token's lineage) or from the same network (`client`).
    """
    settings = services.settings
    recipients: tuple[str, ...] = getattr(settings, form.recipients)
    with services.memory.delivered.once(digest, form.lineage, client) as copy:
        if copy.delivery is not None:  # delivered before, or decided by the copy that it waited for
            return copy.delivery
        if signs.held and not form.says_no_advertising:
            copy.delivery = Delivery(Outcome.HELD_UP)
            return copy.delivery
        with services.memory.limits.count_message(client) as counted:
            if not form.facts.requests_go_to(settings.requests_to):
                log.event("recipients_outdated", level="error")
            message = services.for_staff(compose(form, signs, digest, recipients, settings), recipients)
            copy.delivery = services.relays.deliver(message, recipients)
            counted.delivered = copy.delivery.outcome is Outcome.DELIVERED
        return copy.delivery
