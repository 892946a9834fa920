"""The enquiry form as the documentation of Flask, Flask-WTF and Flask-Mail has it."""

import os

from flask import Flask, redirect, render_template_string
from flask.typing import ResponseReturnValue
from flask_mail import Mail, Message
from flask_wtf import FlaskForm
from wtforms import EmailField, SelectField, StringField, TelField, TextAreaField
from wtforms.validators import DataRequired, Email

SECTOR = os.environ["SECTOR"]
PAGE = """\
<!doctype html>
<title>Enquiry</title>
<form method="post">
  {{ form.hidden_tag() }}
  {% for field in (form.name, form.phone, form.email, form.sector, form.message) %}
    <p>{{ field.label }} {{ field }} {{ field.errors | join(" ") }}</p>
  {% endfor %}
  <button>Send</button>
</form>
"""

app = Flask(__name__)
app.config.update(
    SECRET_KEY=os.environ["FLASK_SECRET_KEY"],
    MAIL_SERVER=os.environ["SMTP_HOST"],
    MAIL_PORT=int(os.environ["SMTP_PORT"]),
    MAIL_DEFAULT_SENDER="website@example.org",
)
if "SMTP_CA" in os.environ:  # which Flask-Mail does not use: it checks no certificate
    app.config.update(
        MAIL_USE_SSL=True,
        MAIL_USERNAME=os.environ["SMTP_USER"],
        MAIL_PASSWORD=os.environ["SMTP_PASSWORD"],
    )
mail = Mail(app)


class EnquiryForm(FlaskForm):
    """What a prospect sends."""

    name = StringField("Name", [DataRequired()])
    phone = TelField("Telephone")
    email = EmailField("E-mail", [DataRequired(), Email()])
    sector = SelectField("Sector", [DataRequired()], choices=[(SECTOR, SECTOR)])
    message = TextAreaField("Message", [DataRequired()])


@app.route("/enquiry/", methods=["GET", "POST"])
def enquiry() -> ResponseReturnValue:
    """Send what was typed, or show the form."""
    form = EnquiryForm()
    if not form.validate_on_submit():
        return render_template_string(PAGE, form=form)
    message = Message(
        f"Enquiry: {form.sector.data}", ["sales@example.org"], form.message.data, reply_to=form.email.data
    )
    mail.send(message)
    return redirect("/enquiry/sent/", 303)
