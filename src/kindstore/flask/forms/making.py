"""Forms made of models: what is common to the models of ndb and of db."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from wtforms import Form, fields
from wtforms.validators import InputRequired

from kindstore.flask.forms.checks import AcceptedByProperty, Given, NotGiven
from kindstore.flask.forms.fields import ChoicePropertyField
from kindstore.values.errors import BadArgumentError

Field = Any
"""A field as it stands in the class of a form."""

_NOT_FOR_FIELDS = frozenset(dir(Form)) | {"form_errors"}


class PropertyConverter:
    """Makes a field of a property, by the method ``convert_<PropertyType>(model, prop, kwargs)``.

    The type is that of the property, or of the nearest of its bases that has a method.  *kwargs* are for the field: label,
    default and validators by the property, and what the caller gave for it.  A method that returns None leaves the
    property out.  *converters*: functions of the same arguments by the names of types, which go first.
    """

    NO_AUTO_REQUIRED: ClassVar[frozenset[str]] = frozenset()
    """The types of properties whose fields are not required, although the property is."""

    def __init__(
        self, converters: Mapping[str, Callable[[Any, Any, dict[str, Any]], Field]] | None = None
    ) -> None:
        self.converters: dict[str, Callable[[Any, Any, dict[str, Any]], Field]] = {
            name.removeprefix("convert_"): getattr(self, name)
            for name in dir(self)
            if name.startswith("convert_")
        }
        self.converters.update(converters or {})

    # What the two mappers have different.

    def name_of(self, prop: Any) -> str:
        """The attribute that *prop* is."""
        raise NotImplementedError

    def properties_of(self, model: Any) -> list[Any]:
        """The properties of *model*, in the order in which it declares them."""
        raise NotImplementedError

    def skips(self, prop: Any) -> bool:
        """Whether *prop* has no field, because it sets itself."""
        raise NotImplementedError

    def is_required(self, prop: Any) -> bool:
        """Whether there must be a value."""
        raise NotImplementedError

    def label_of(self, prop: Any) -> str:
        """What the field is called."""
        raise NotImplementedError

    def default_of(self, prop: Any) -> Any:
        """What the field of a new entity shows."""
        raise NotImplementedError

    def choices_of(self, prop: Any) -> list[Any]:
        """The values that there may be; none if there may be any."""
        raise NotImplementedError

    def is_list(self, prop: Any) -> bool:
        """Whether it has a list of values."""
        raise NotImplementedError

    def check_of(self, prop: Any) -> Callable[[Any], object]:
        """A function that raises for a value that *prop* does not take."""
        raise NotImplementedError

    def validators_of(self, model: Any, prop: Any) -> list[Any]:
        """Validators besides that, in which people are told what is wrong."""
        raise NotImplementedError

    # Converting.

    is_marked: bool = True
    """Whether the browser is told which fields are required."""

    def convert(self, model: Any, prop: Any, field_args: Mapping[str, Any] | None = None) -> Field:
        """The field of *prop*, a property of *model*; None if it has none.  *field_args*: arguments for the field."""
        if self.skips(prop):
            return None
        kwargs: dict[str, Any] = {
            "label": self.label_of(prop),
            "default": self.default_of(prop),
            **(field_args or {}),
        }
        names = [each.__name__ for each in type(prop).__mro__]
        given: list[Any] = list(kwargs.get("validators") or ())
        required = self.is_required(prop) and self.NO_AUTO_REQUIRED.isdisjoint(names)
        wanted = any(isinstance(each, InputRequired) for each in given)
        first: list[Any] = [Given(marked=self.is_marked)] if required else [] if wanted else [NotGiven()]
        own = [*self.validators_of(model, prop), AcceptedByProperty(self.check_of(prop))]
        kwargs["validators"] = [*first, *given, *own]
        return self.field_of(model, prop, kwargs, names)

    def field_of(self, model: Any, prop: Any, kwargs: dict[str, Any], names: list[str]) -> Field:
        """The field of *prop* with these arguments; *names* are those of its class and the bases of that."""
        if kwargs.get("choices") or self.choices_of(prop):
            return self.convert_choices(model, prop, kwargs)
        converter = next((self.converters[name] for name in names if name in self.converters), None)
        return (
            self.fallback_converter(model, prop, kwargs)
            if converter is None
            else converter(model, prop, kwargs)
        )

    def convert_choices(self, model: Any, prop: Any, kwargs: dict[str, Any]) -> Field:  # noqa: ARG002
        """The field of a property with choices."""
        kwargs.setdefault("choices", self.choices_of(prop))
        kwargs.setdefault("multiple", self.is_list(prop))
        kwargs.setdefault("allow_blank", not self.is_required(prop))
        return ChoicePropertyField(**kwargs)

    def fallback_converter(self, model: Any, prop: Any, kwargs: dict[str, Any]) -> Field:  # noqa: ARG002
        """The field of a property for which there is no method: none."""
        return None


def fields_of(
    converter: PropertyConverter,
    model: Any,
    only: Iterable[str] | None,
    exclude: Iterable[str] | None,
    field_args: Mapping[str, Mapping[str, Any]] | None,
) -> dict[str, Field]:
    """The fields of *model* by name; see `model_fields`."""
    properties = {converter.name_of(prop): prop for prop in converter.properties_of(model)}
    only = None if only is None else list(only)
    exclude = list(exclude or ())
    for option, names in (("only", only or ()), ("exclude", exclude), ("field_args", field_args or ())):
        for name in names:
            if name not in properties and not hasattr(model, name):
                raise BadArgumentError(
                    f"{option} names a property that the model does not have", model=model.__name__, name=name
                )
    names = [*properties] if only is None else [name for name in only if name in properties]
    found: dict[str, Field] = {}
    for name in names:
        if name in exclude:
            continue
        field = converter.convert(model, properties[name], (field_args or {}).get(name))
        if field is None:
            continue
        if name in _NOT_FOR_FIELDS:
            raise BadArgumentError(
                "a form can't have a field of this name, which is one of its own",
                model=model.__name__,
                name=name,
                hint=f"Leave it out with exclude=[{name!r}], or call the attribute otherwise and give it the stored name.",
            )
        found[name] = field
    return found


def form_of(name: str, base_class: Any, found: Mapping[str, Field], dynamic: bool) -> Any:
    """A class of forms called *name* with the fields *found*.

    *dynamic*: its model stores whatever attributes are set, so a button is kept away from it.
    """
    parts: dict[str, Any] = {**found, "__module__": __name__}
    if dynamic:

        def populate_obj(self: Any, obj: Any) -> None:
            for called, field in self._fields.items():
                if not isinstance(field, fields.SubmitField):
                    field.populate_obj(obj, called)

        parts["populate_obj"] = populate_obj
    return type(f"{name}Form", (base_class,), parts)
