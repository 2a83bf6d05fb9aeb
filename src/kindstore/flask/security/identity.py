"""What a user may be called by: SECURITY_USER_IDENTITY_ATTRIBUTES, as a list of names or in Flask-Security's form."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from flask import current_app, has_app_context
from flask_security import utils

from kindstore.values.errors import BadArgumentError

SETTING = "SECURITY_USER_IDENTITY_ATTRIBUTES"


@dataclass(frozen=True)
class Criterion:
    """Ask for the user whose *attribute* is *value*."""

    attribute: str
    value: Any
    case_insensitive: bool


def _as_it_is(identifier: str) -> str:
    return identifier


_KNOWN: Mapping[str, Mapping[str, Any]] = {
    "email": {"mapper": utils.uia_email_mapper, "case_insensitive": True},
    "username": {"mapper": utils.uia_username_mapper, "case_insensitive": True},
    "us_phone_number": {"mapper": utils.uia_phone_mapper},
}


def translated(attributes: Sequence[object]) -> list[Mapping[str, Any]]:
    """*attributes* as Flask-Security 4 and newer wants them: names (as before 4) become names with a mapper.

    Raises BadArgumentError for what is neither a name nor a mapping.
    """
    if isinstance(attributes, str):
        attributes = [attributes]
    return [_translated(each) for each in attributes]


def _translated(attribute: object) -> Mapping[str, Any]:
    if isinstance(attribute, str):
        return {attribute: dict(_KNOWN.get(attribute, {"mapper": _as_it_is}))}
    if not isinstance(attribute, Mapping):
        raise BadArgumentError(
            f"{SETTING} holds names of attributes, or mappings as Flask-Security's", found=attribute
        )
    return cast("Mapping[str, Any]", attribute)


def criteria(identifier: str, user_model: type[Any]) -> Iterator[Criterion]:
    """What to ask for, in order, to find the user that *identifier* names.

    Outside of an application with Flask-Security there are no settings and no mappers: email and username.
    """
    if has_app_context() and SETTING in current_app.config and "security" in current_app.extensions:
        attributes = translated(cast("Sequence[object]", current_app.config[SETTING]))
    else:
        attributes = [{name: {"mapper": _as_it_is}} for name in ("email", "username")]
    for each in attributes:
        for name, details in each.items():
            value = cast("Callable[[str], Any]", details["mapper"])(identifier)
            if value and hasattr(user_model, name):
                yield Criterion(name, value, bool(details.get("case_insensitive", False)))
