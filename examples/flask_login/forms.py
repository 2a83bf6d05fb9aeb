"""The forms, with Flask-WTF: each has a token against forged requests (CSRF)."""

from flask_wtf import FlaskForm
from wtforms import BooleanField, HiddenField, PasswordField, StringField, SubmitField
from wtforms.validators import DataRequired, EqualTo, Length, Regexp


def _folded(name: str | None) -> str | None:
    """Names are the same in capitals."""
    return name and name.strip().casefold()


class LoginForm(FlaskForm):
    """Name and password, and where to go then."""

    username = StringField(
        "Name",
        filters=[_folded],
        validators=[DataRequired("Your name, please."), Length(max=30, message="Nobody has so long a name.")],
    )
    password = PasswordField(
        "Password",
        validators=[
            DataRequired("Your password, please."),
            Length(max=200, message="Nobody has so long a password."),
        ],
    )
    remember = BooleanField("Remember me on this device")
    next = HiddenField()
    submit = SubmitField("Log in")


class RegisterForm(FlaskForm):
    """What a new account needs."""

    username = StringField(
        "Name",
        filters=[_folded],
        validators=[
            DataRequired("A name, please."),
            Regexp(r"^[a-z0-9][a-z0-9._-]{1,29}\Z", message="2 to 30 letters, digits, dots, dashes."),
        ],
    )
    password = PasswordField(
        "Password",
        validators=[
            DataRequired("A password, please."),
            Length(10, 200, "At least 10 characters: a few words are easy to remember."),
        ],
    )
    again = PasswordField(
        "The same password again", validators=[EqualTo("password", "These two are not the same.")]
    )
    submit = SubmitField("Make my account")


class PasswordForm(FlaskForm):
    """A new password."""

    password = PasswordField(
        "New password",
        validators=[
            DataRequired("A password, please."),
            Length(10, 200, "At least 10 characters: a few words are easy to remember."),
        ],
    )
    again = PasswordField(
        "The same password again", validators=[EqualTo("password", "These two are not the same.")]
    )
    submit = SubmitField("Change my password")
