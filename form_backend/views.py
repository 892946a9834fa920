"""The routes: show a form, check it, deliver it, redirect; else show it again with every word in it."""

import logging
from dataclasses import dataclass
from functools import partial
from threading import BoundedSemaphore
from urllib.parse import quote

from flask import Flask, Response, abort, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask.views import MethodView, View
from markupsafe import Markup

from form_backend import log
from form_backend.delivered import Delivered
from form_backend.forms import EnquiryForm, InformationRequestForm, SiteForm
from form_backend.frames import Facts, Frame, Site
from form_backend.limits import Limits
from form_backend.messages import compose, plain_words
from form_backend.relay import Delivery, Outcome, Relays
from form_backend.settings import Settings, SettingsError
from form_backend.token import References, Tokens, digest, reference

FORMS: dict[str, type[SiteForm]] = {form.name_of_form: form for form in (EnquiryForm, InformationRequestForm)}
URLENCODED = "application/x-www-form-urlencoded"
NOT_WHOLE = "What you typed did not arrive whole, so we have sent nothing on. Press Back and send it again."
MOST_BYTES = 256 * 1024  # 5,000 characters of any script fit, percent-encoded
RETRY_AFTER = 30  # seconds, after the relays failed
MOST_IN_MAILTO = 1800  # encoded characters; mail programs cut longer addresses off


@dataclass(frozen=True)
class Desk:
    """What the views share."""

    settings: Settings
    site: Site
    limits: Limits
    relays: Relays
    delivered: Delivered
    references: References
    in_flight: BoundedSemaphore


def open_site(settings: Settings) -> Site:
    """Read what the forms need of the built site; one that does not fit the settings is a SettingsError."""
    site = Site(settings.site_dir, [folder for form in FORMS for folder in (form, f"{form}/sent")])
    if not _requests_arrive(site.facts, settings):
        raise SettingsError(
            "FLASK_REQUESTS_TO",
            f"must include {site.facts.requests_email}, the address that the privacy statement names.",
        )
    return site


def _requests_arrive(facts: Facts, settings: Settings) -> bool:
    """Tell whether requests go to the address that the site names; an editor may change it at any time."""
    return facts.requests_email.casefold() in map(str.casefold, settings.requests_to)


@dataclass(frozen=True)
class Blank:
    """The page of a form that nobody has typed into, cut where its token goes."""

    facts: Facts
    frame: Frame
    tokens: Tokens
    before: str
    after: str


class FormPage(MethodView):
    """One form: shown, checked, delivered."""

    init_every_request = False

    def __init__(self, form_class: type[SiteForm], desk: Desk) -> None:
        """Serve this form in the site's frame of the same name."""
        self.form_class, self.desk = form_class, desk
        self._blanks: dict[str, Blank] = {}

    def get(self) -> Response:
        """Show the form, empty or with a topic's text in it."""
        blank = self._blank(request.args.get("about", ""))
        self.desk.relays.expect()
        g.outcome = "shown"
        response = Response(f"{blank.before}{blank.tokens.issue()}{blank.after}")
        # It holds nothing typed, and with `no-store` browsers forget on Back what was typed into it.
        response.headers["Cache-Control"] = "private, no-cache"
        return response

    def _blank(self, topic: str) -> Blank:
        """Return the blank page for a topic; it is rendered once a build, since only its token changes."""
        facts, frame = self.desk.site.facts, self.desk.site.page(self.form_class.name_of_form)
        known = topic if topic in facts.topics else ""
        blank = self._blanks.get(known)
        if blank is None or blank.facts is not facts or blank.frame is not frame:
            form = self.form()
            page = self.show(form, 200).get_data(as_text=True)
            before, after = page.split(form["token"].current_token)
            blank = self._blanks[known] = Blank(facts, frame, form.meta.csrf_context, before, after)
        return blank

    def post(self) -> ResponseReturnValue:
        """Deliver what was typed and redirect, or show the form again and say why."""
        form = self.form()
        if not _from_our_own_page():
            return self.show(form, 403, "cross-site")
        if not form.validate():
            return self.show(form, 422, form.problem)
        words = digest(self.desk.settings.secret_key, form.name_of_form, form.words)
        g.reference = reference(words)
        delivery = self._deliver_once(form, words)
        if delivery.outcome is not Outcome.DELIVERED:
            return self.show(form, 503, delivery.outcome, RETRY_AFTER)
        g.outcome = delivery.outcome
        signed = self.desk.references.sign(g.reference)
        return redirect(url_for(f"{form.name_of_form}_sent", ref=signed), 303)

    def _deliver_once(self, form: SiteForm, words: bytes) -> Delivery:
        if not self.desk.in_flight.acquire(blocking=False):
            return Delivery(Outcome.BUSY)
        send = partial(self._deliver, form, words)
        try:
            return self.desk.delivered.once(words, lambda: self.desk.limits.count_message(send))
        finally:
            self.desk.in_flight.release()

    def _deliver(self, form: SiteForm, words: bytes) -> Delivery:
        settings = self.desk.settings
        recipients: tuple[str, ...] = getattr(settings, form.recipients)
        if not _requests_arrive(form.facts, settings):
            log.event("recipients_outdated", level=logging.ERROR)
        message = compose(form, words, recipients, settings)
        return self.desk.relays.deliver(message, recipients)

    def form(self) -> SiteForm:
        """Return the form as posted, or as it is first shown."""
        facts, posted = self.desk.site.facts, request.method == "POST"
        if posted:
            _check_body()
        tokens = Tokens(
            self.desk.settings.secret_key,
            self.desk.settings.token_min_age,
            facts.statement,
            frozenset(facts.statement_sha256),
            self.form_class.consent(facts),
            answers_post=posted,
        )
        topic = facts.topics.get(request.args.get("about", ""), "")
        formdata = request.form if posted else None
        return self.form_class(facts, tokens, formdata=formdata, data={self.form_class.free_text: topic})

    def show(
        self, form: SiteForm, status: int, problem: str | None = None, retry_after: int | None = None
    ) -> Response:
        """Answer with the form in its frame, and above it what has to be known or done."""
        self.desk.relays.expect()
        g.outcome = problem or ("shown" if status == 200 else "wrong")
        form.issue_token()
        frame = self.desk.site.page(form.name_of_form)
        content = render_template(
            "form/form.html",
            form=form,
            problem=problem,
            minutes=-(-(retry_after or 0) // 60),
            mailto=partial(self._mailto, form),
            reference=g.get("reference"),
            note=Markup(frame.note),  # noqa: S704 - built by Pelican from our own Markdown
        )
        response = Response(frame.fill(content, "" if status == 200 else "Error: "), status)
        response.retry_after = retry_after
        return response

    def _mailto(self, form: SiteForm) -> str:
        subject = " ".join([form.facts.organisation, form.kind, g.get("reference", "")]).strip()
        start, words = f"mailto:{form.contact}?subject={quote(subject)}&body=", plain_words(form)
        if len(start + (body := quote(words.replace("\n", "\r\n"), safe=""))) > MOST_IN_MAILTO:
            body = quote("(Please copy your text from the form into this e-mail.)")
        return start + body


class ThankYouPage(View):
    """Where a delivered form leads; without a reference that we signed there is no such page."""

    init_every_request = False

    def __init__(self, name: str, desk: Desk) -> None:
        """Thank for the form of this name."""
        self.name, self.desk = name, desk

    def dispatch_request(self) -> str:
        """Show the reference."""
        if (quoted := self.desk.references.read(request.args.get("ref", ""))) is None:
            abort(404)
        content = render_template("form/sent.html", reference=quoted)
        return self.desk.site.page(f"{self.name}/sent").fill(content)


def register(app: Flask, desk: Desk) -> None:
    """Add each form's page and its thank-you page, and the address that tells that the process serves."""
    for name, form_class in FORMS.items():
        app.add_url_rule(f"/{name}/", view_func=FormPage.as_view(name, form_class, desk))
        app.add_url_rule(f"/{name}/sent/", view_func=ThankYouPage.as_view(f"{name}_sent", name, desk))
    app.add_url_rule("/healthz", "healthz", lambda: Response("ok\n", mimetype="text/plain"))


def _check_body() -> None:
    """Refuse a body that is no form or did not arrive whole, so that no half of a text is sent on."""
    if request.mimetype != URLENCODED:
        abort(415, "A form can be sent only the way that a web page sends it, without files.")
    try:
        body = request.get_data()
        body.decode()
    except (OSError, UnicodeDecodeError):
        abort(400, NOT_WHOLE)
    if request.content_length is None and len(body) >= MOST_BYTES:
        abort(413)
    if len(body) != (request.content_length or len(body)):
        abort(400, NOT_WHOLE)


def _from_our_own_page() -> bool:
    """Trust the browser's word on where the form stood; where it says nothing, the token decides."""
    if fetch_site := request.headers.get("Sec-Fetch-Site"):
        return fetch_site in ("same-origin", "none")
    origin = request.headers.get("Origin")
    return origin is None or origin.partition("://")[2] == request.host
