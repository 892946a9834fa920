"""The pages of a form: show it, check it, deliver it and redirect; else show it again, filled in."""

from functools import lru_cache, partial
from urllib.parse import quote

from flask import Response, abort, g, render_template, request
from flask.views import MethodView, View
from markupsafe import Markup

from form_backend.forms import FORMS, SiteForm
from form_backend.forms.reference import read_signed, reference, sign
from form_backend.forms.token import Tokens, new_lineage
from form_backend.mail.outcomes import Outcome
from form_backend.messages import as_typed
from form_backend.signs import Signs
from form_backend.site import Facts, Frame
from form_backend.submission import Services, digest_of, signs_in, submit
from form_backend.web.guards import is_from_our_own_page, posted_fields

RETRY_AFTER = 30  # seconds, after the relays failed
MOST_IN_MAILTO = 1800  # encoded characters; mail programs cut longer addresses off
TOKEN_PLACE = b"the token goes here"


class FormPage(MethodView):
    """One form: shown, checked, delivered."""

    init_every_request = False

    def __init__(self, form_class: type[SiteForm], services: Services) -> None:
        """Serve this form in the site's frame of the same name."""
        self.form_class, self.services = form_class, services

    def get(self) -> Response:
        """Show the form, empty or with a topic's text in it."""
        facts, frame = self.services.site.facts, self.services.site.page(self.form_class.name_of_form)
        topic = request.args.get("about", "")
        topic = topic if topic in facts.topics else ""
        before, after = _empty_page(self.form_class.name_of_form, facts, frame, topic)
        settings = self.services.settings
        tokens = Tokens(settings.secret_key, settings.token_min_age, facts, self.form_class.consent(facts))
        self.services.relays.prewarm()
        g.outcome = "shown"
        response = Response(before + tokens.issue(new_lineage()).encode() + after)
        # The page holds nothing typed, and with `no-store` browsers forget on Back what was typed into it.
        response.headers["Cache-Control"] = "private, no-cache"
        return response

    def post(self) -> Response:
        """Deliver what was typed and redirect, or show the form again and say why."""
        form = posted_form(self.form_class, self.services)
        if not is_from_our_own_page():
            return show_again(form, self.services, 403, "cross-site")
        if not form.validate():
            return show_again(form, self.services, 422, form.problem)
        digest = digest_of(form, self.services.settings)
        g.reference = reference(digest)
        signs = signs_in(form, g.client, self.services)
        delivery = submit(form, signs, digest, g.client, self.services)
        if delivery.outcome is Outcome.HELD_UP:
            return hold_up(form, signs, self.services)
        if delivery.outcome is not Outcome.DELIVERED:
            return show_again(form, self.services, 503, delivery.outcome, RETRY_AFTER)
        g.outcome = delivery.outcome
        signed = sign(self.services.settings.secret_key, form.name_of_form, g.reference)
        return Response(status=303, headers={"Location": f"/{form.name_of_form}/sent/?ref={signed}"})


class ThankYouPage(View):
    """Where a delivered form leads; it exists only for a reference that we signed for this form."""

    init_every_request = False

    def __init__(self, name: str, services: Services) -> None:
        """Thank for the form of this name."""
        self.name, self.services = name, services

    def dispatch_request(self) -> str:
        """Show the reference."""
        signed = request.args.get("ref", "")
        if (quoted := read_signed(self.services.settings.secret_key, self.name, signed)) is None:
            abort(404)
        content = render_template("form/sent.html", reference=quoted)
        return self.services.site.page(f"{self.name}/sent").fill(content)


def posted_form(form_class: type[SiteForm], services: Services) -> SiteForm:
    """Return the form as posted; a body that is no form ends the request with an error page."""
    facts, settings = services.site.facts, services.settings
    return form_class(facts, settings.secret_key, settings.token_min_age, formdata=posted_fields())


def hold_up(form: SiteForm, signs: Signs, services: Services) -> Response:
    """Show the form with its signs of advertising and a box to tick; without, where Send works anyway."""
    if signs.only_this_time:
        return show_again(form, services, 422, "trapped" if "trap" in signs.found else "young")
    form.held_up_by = signs.sentences
    return show_again(form, services, 422, "held-up")


def show_again(
    form: SiteForm, services: Services, status: int, problem: str | None, retry_after: int | None = None
) -> Response:
    """Answer a post with the form in its frame, everything typed in it, and above it what is wrong."""
    services.relays.prewarm()
    g.outcome = problem or "wrong"
    if problem == "cross-site" or not form.posted_token.proves_consent:
        form.withdraw_consent()
    form.issue_token()
    frame = services.site.page(form.name_of_form)
    content = _filled_in(form, frame, problem, retry_after)
    response = Response(frame.fill(content, "Error: "), status)
    response.retry_after = retry_after
    return response


@lru_cache(maxsize=64)  # one entry for each form and topic; new facts or a new frame make new ones
def _empty_page(form_name: str, facts: Facts, frame: Frame, topic: str) -> tuple[bytes, bytes]:
    """Return the page of a form that nobody has typed into: what stands before its token, and after it."""
    form_class = FORMS[form_name]
    prefilled = {form_class.free_text: facts.topics.get(topic, "")}
    form = form_class(facts, secret_key="", token_min_age=0, formdata=None, data=prefilled)
    form["token"].current_token = TOKEN_PLACE.decode()
    before, after = frame.fill(_filled_in(form, frame)).encode().split(TOKEN_PLACE)
    return before, after


def _filled_in(
    form: SiteForm, frame: Frame, problem: str | None = None, retry_after: int | None = None
) -> str:
    return render_template(
        "form/form.html",
        form=form,
        problem=None if form.held_up_by else problem,  # form/signs.html says it
        minutes=-(-(retry_after or 0) // 60),
        mailto=partial(_mailto, form),
        reference=g.get("reference"),
        note=Markup(frame.note),  # noqa: S704 - built by Pelican from our own Markdown
    )


def _mailto(form: SiteForm) -> str:
    """Return a link that begins an e-mail with what was typed, or with advice where that is too long."""
    subject = " ".join([form.facts.organisation, form.kind, g.get("reference", "")]).strip()
    start, typed = f"mailto:{form.contact}?subject={quote(subject)}&body=", as_typed(form)
    body = quote(typed.replace("\n", "\r\n"), safe="") if len(typed) <= MOST_IN_MAILTO else typed
    if len(start + body) > MOST_IN_MAILTO:
        body = quote("(Please copy your text from the form into this e-mail.)")
    return start + body
