"""Fields for structures: a form within the form, and lists of such."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from wtforms import fields

from kindstore.flask.forms.checks import AcceptedByProperty
from kindstore.flask.forms.fields import FieldList, FormField


def is_blank(field: Any) -> bool:
    """Whether nothing was filled in."""
    inner: Any = field
    if isinstance(field, fields.FormField):
        return all(map(is_blank, inner.form))
    if isinstance(field, fields.FieldList):
        return all(map(is_blank, inner.entries))
    return field.data in (None, "", [], False)


class StructurePart(FormField):
    """A structure, an instance of *model_class*, as a form within the form.

    Where nothing is filled in there is no structure, but None, unless *required*; but one that was empty before stays so.
    *check* raises for a structure that the property does not take.
    """

    def __init__(
        self,
        form_class: Any,
        label: str | None = None,
        validators: Any = None,
        model_class: Any = None,
        required: bool = False,
        check: Callable[[Any], object] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(form_class, label, **options)
        # Of WTForms a FormField has none, and refuses them; these are asked about the structure as a whole.
        self._checks = [*(validators or ()), *([] if check is None else [AcceptedByProperty(check)])]
        self._model_class, self._required = model_class, required

    @property
    def is_absent(self) -> bool:
        """Whether what was filled in is no structure."""
        if self._required or not is_blank(self):
            return False
        if self.object_data is None:
            return True
        before = self.form_class(None, obj=self.object_data)
        return not all(map(is_blank, before))

    @property
    def kept(self) -> Any:
        """The structure; None if there is none.  It is an object of its own."""
        if self.is_absent:
            return None
        before = self.object_data
        made = self._model_class() if before is None or isinstance(before, dict) else copy.copy(before)
        self.form.populate_obj(made)
        return made

    def validate(self, form: Any, extra_validators: Any = ()) -> bool:
        """Validate what was filled in; nothing, if that is no structure."""
        if self.is_absent:
            return True
        if not super().validate(form, extra_validators):
            return False
        for check in self._checks:
            try:
                check(form, self)
            except ValueError as error:
                self.form.form_errors = [*self.form.form_errors, *map(str, error.args[:1])]
                return False
        return True

    @property
    def errors(self) -> Any:  # type: ignore[override]  # as FormField's is
        """Those of the form within; of what is no structure there are none."""
        return {} if self.is_absent else self.form.errors

    def populate_obj(self, obj: object, name: str) -> None:
        """Set the structure."""
        setattr(obj, name, self.kept)


class StructureListField(FieldList):
    """A list of structures; those in which nothing is filled in are left out.

    *check* raises for a list that the property does not take.
    """

    @property
    def kept(self) -> list[Any]:
        """The structures."""
        return [made for entry in self.entries if (made := entry.kept) is not None]

    def populate_obj(self, obj: object, name: str) -> None:
        """Set the list."""
        setattr(obj, name, self.kept)
