"""Validators: what a form accepts, the model accepts."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from wtforms.validators import InputRequired, StopValidation, ValidationError

from kindstore import ndb
from kindstore.values.errors import BadValueError, Error, UniqueViolationError

_REFUSALS: Final = (Error, ValueError, TypeError, ArithmeticError)
"""What properties and their validators raise."""


class Given(InputRequired):
    """A value must be there; for fields in which None is what was left empty.

    *marked*: the browser is told, too.
    """

    def __init__(self, message: str | None = None, marked: bool = True) -> None:
        super().__init__(message)
        self.field_flags = {"required": True} if marked else {}

    def __call__(self, form: Any, field: Any) -> None:  # noqa: ARG002 - WTForms' signature
        """Raise if it is not so."""
        if not field.process_errors and (field.data is None or field.data == []):
            raise StopValidation(self.message or field.gettext("This field is required."))


class NotGiven:
    """No further validator is asked about a field that was left empty."""

    field_flags: Final = {"optional": True}

    def __call__(self, form: Any, field: Any) -> None:  # noqa: ARG002 - WTForms' signature
        """Raise if it is not so."""
        if not field.process_errors and field.data is None:
            raise StopValidation


class MaxBytes:
    """A text of at most *most* bytes in UTF-8."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.field_flags = {"maxlength": most}

    def __call__(self, form: Any, field: Any) -> None:  # noqa: ARG002 - WTForms' signature
        """Raise if it is not so."""
        if isinstance(field.data, str):
            size = len(field.data.encode(errors="surrogatepass"))
            if size > self.most:
                raise ValidationError(
                    f"Too long: {size:,} bytes in UTF-8, at most {self.most:,} are possible."
                )


class Within:
    """A number from *least* to *most*."""

    def __init__(self, least: int, most: int) -> None:
        self.least, self.most = least, most

    def __call__(self, form: Any, field: Any) -> None:  # noqa: ARG002 - WTForms' signature
        """Raise if it is not so."""
        if isinstance(field.data, int) and not self.least <= field.data <= self.most:
            text = field.gettext("Number must be between %(min)s and %(max)s.")
            raise ValidationError(text % {"min": self.least, "max": self.most})


class AcceptedByProperty:
    """The property takes the value, and it can be stored: *check* raises if not."""

    def __init__(self, check: Callable[[Any], object]) -> None:
        self._check = check

    def __call__(self, form: Any, field: Any) -> None:  # noqa: ARG002 - WTForms' signature
        """Raise if it is not so."""
        if field.errors or field.data is None:
            return
        try:
            self._check(getattr(field, "kept", field.data))
        except _REFUSALS as error:
            raise ValidationError(message_of(error)) from error


class Unique:
    """No other entity has the value of *prop*, which is unique in the entities of *model*.

    Somebody may be faster all the same: then the put is refused, and `report` shows that in the form.
    """

    def __init__(self, model: Any, prop: Any, message: str | None = None) -> None:
        self._model, self._prop, self.message = model, prop, message

    def __call__(self, form: Any, field: Any) -> None:
        """Raise if it is not so."""
        if field.errors or field.data is None or field.data == field.object_data:
            return
        entity = getattr(form, "_obj", None)
        own = entity._key if isinstance(entity, ndb.Model) else None
        namespace = None if own is None else own.partition.namespace
        # Of the whole kind: a subclass of a PolyModel shares it.
        same = ndb.Query(kind=self._model._get_kind(), filters=self._prop == field.data, namespace=namespace)
        if any(key != own for key in same.fetch(2, keys_only=True)):
            raise ValidationError(self.message or taken(field.gettext))


def taken(gettext: Callable[[str], str]) -> str:
    """What is said of a unique value that another entity has."""
    return gettext("Already exists.")


def message_of(error: Exception) -> str:
    """What *error*, a refusal of a property, says to the person who filled in the form."""
    if not isinstance(error, Error):
        return str(error) or "Not a valid value."
    return error.message or "Not a valid value."


def report(form: Any, error: Error) -> bool:
    """Show *error*, which a put raised, beside the field of *form* that it is about.

    True if it is about the values of an entity: a unique value that another one has, or a value that can't be stored.
    What no field is about is among ``form.form_errors``.  False, with nothing done, for all other errors.
    """
    if isinstance(error, UniqueViolationError):
        given: Any = error.facts.get("property", ())
        names = [given] if isinstance(given, str) else list(given)
        message = taken(next((field.gettext for field in form._fields.values()), str))
    elif isinstance(error, BadValueError):
        names = [each.partition(".")[2] for each in str(error.facts.get("path") or "").split(", ")]
        message = message_of(error)
    else:
        return False
    shown = False
    for name in names:
        field = form._fields.get(name.partition(".")[0].partition("[")[0])
        if field is not None and not hasattr(field, "form"):
            field.errors = [*field.errors, message]
            shown = True
    if not shown:
        form.form_errors = [*form.form_errors, message]
    return True
