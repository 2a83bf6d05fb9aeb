"""Fields that refer to other entities: a choice among those that a query finds, or the text of a key.

What is submitted is held against the query, so that nobody can choose what was not offered.  An entity that is referred
to already and is not found (it is gone, or the query has others) is offered as well: a form that is submitted as it was
shown changes nothing.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

from wtforms import fields, widgets
from wtforms.fields.choices import SelectFieldBase
from wtforms.validators import ValidationError

from kindstore import db, ndb
from kindstore.flask.forms.fields import BLANK, Choice, Worded
from kindstore.flask.forms.texts import Wording
from kindstore.values.errors import Error
from kindstore.values.key import Key, kind_of


def key_text(key: Any) -> str:
    """*key* as text for URLs and forms."""
    return (
        key.urlsafe().decode()
        if isinstance(key, ndb.Key)
        else ndb.Key.of(key.partition, key.path).urlsafe().decode()
    )


def key_of_text(text: str, kind: str | None = None) -> ndb.Key:
    """The key that *text* is; ValueError if it is none, is incomplete, or is of another kind than *kind*."""
    try:
        key = ndb.Key(urlsafe=text.strip())
        _ = key.path_bytes  # refuses what no store takes, an endless name for one
    except (Error, ValueError, TypeError):
        raise ValueError("Not a valid key.") from None
    if not key.is_complete or (kind is not None and key.kind() != kind):
        raise ValueError("Not a valid key.")
    return key


def key_name(key: Key) -> str:
    """*key* for people: "Author 5", "Country CH › City 7"."""
    path = key.path
    return " › ".join(f"{kind} {name}" for kind, name in zip(path[::2], path[1::2], strict=True))


def label_of(entity: Any) -> Any:
    """What stands for *entity* where nothing else was said: its `__str__`, if its class has one, else its key."""
    own: Any = type(entity).__str__
    if own is not object.__str__:
        return str(entity)
    key = entity.key() if isinstance(entity, db.Model) else entity._key
    return key_name(key)


def labelling(get_label: Any) -> Callable[[Any], Any]:
    """The function that *get_label* is: one already, the name of an attribute, or None for `label_of`."""
    if get_label is None:
        return label_of
    return operator.attrgetter(get_label) if isinstance(get_label, str) else get_label


class _ReferenceField(SelectFieldBase):
    """A choice among the entities of *query*: a query, a list, or a function that makes one.

    *reference_class*: the class of which all entities are offered if there is no *query*.  *get_label*: the name of an
    attribute, or a function of an entity; labels are escaped.  *allow_blank*: there may be none, which *blank_text* says.
    """

    widget = widgets.Select()
    multiple = False

    def __init__(
        self,
        label: str | None = None,
        validators: Any = None,
        reference_class: Any = None,
        get_label: Any = None,
        allow_blank: bool = False,
        blank_text: str = "",
        query: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(label, validators, **options)
        self.reference_class, self.get_label = reference_class, labelling(get_label)
        self.allow_blank, self.blank_text = allow_blank, blank_text
        self.query = query

    # What the two mappers have different.

    def _all(self) -> Any:
        """The query for everything of the class."""
        raise NotImplementedError

    def _key(self, value: Any) -> Any:
        """The key of *value*, a key or an entity."""
        raise NotImplementedError

    def _has(self, query: Any, key: Any) -> bool | None:
        """Whether *query* finds *key*; None if that can't be asked."""
        raise NotImplementedError

    def _value_of(self, key: ndb.Key) -> Any:
        """What the property takes for *key*; None if it takes none."""
        raise NotImplementedError

    # The field.

    def _asked(self) -> Any:
        query = self.query
        if query is None:
            query = self._all()
        return query() if callable(query) else query

    def process_data(self, value: Any) -> None:
        """Take the value of an object."""
        self.data = value

    def iter_choices(self) -> Iterator[Any]:
        """What there is to choose."""
        if self.allow_blank and not self.multiple:
            yield Choice(BLANK, self.blank_text or " ", self.data is None, {})
        chosen = {self._key(value): value for value in self._values(self.data)}
        for entity in self._asked():
            key = self._key(entity)
            yield Choice(key_text(key), self._label(entity), chosen.pop(key, None) is not None, {})
        for key in chosen:
            yield Choice(key_text(key), key_name(key), True, {})

    def _label(self, entity: Any) -> Any:
        label = self.get_label(entity)
        return label if hasattr(label, "__html__") else str(label)

    def _values(self, value: Any) -> list[Any]:
        if self.multiple:
            return list(value or ())
        return [] if value is None else [value]

    def process_formdata(self, valuelist: list[Any]) -> None:
        """Take what was submitted; ValueError for what is no key."""
        if not self.multiple:
            if valuelist and valuelist[0] in (BLANK, ""):
                self.data = None
            elif valuelist:
                self.data = None
                self.data = self._taken(valuelist[0])
            return
        before: list[Any] = self.object_data or []
        if set(map(key_text, map(self._key, before))) == set(valuelist):
            self.data = before  # a browser sends each once, in the order of the choices
        else:
            self.data = None
            self.data = [self._taken(text) for text in valuelist]

    def _taken(self, text: str) -> Any:
        for known in self._values(self.object_data):
            if key_text(self._key(known)) == text:
                return known
        try:
            found = self._value_of(key_of_text(text))
        except ValueError:
            found = None
        if found is None:
            raise ValueError(self.gettext("Not a valid choice."))
        return found

    def pre_validate(self, form: Any) -> None:  # noqa: ARG002
        """ValidationError for what the query does not offer, and for nothing where something must be chosen."""
        if self.process_errors:
            return
        if self.data is None and not self.allow_blank and not self.multiple:
            raise ValidationError(self.gettext("Not a valid choice."))
        known = {self._key(value) for value in self._values(self.object_data)}
        added = [key for key in map(self._key, self._values(self.data)) if key not in known]
        if added and not self._offers(added):
            raise ValidationError(self.gettext("Not a valid choice."))

    def _offers(self, keys: list[Any]) -> bool:
        query = self._asked()
        asked = [self._has(query, key) for key in keys]
        if None not in asked:
            return all(asked)
        return {self._key(entity) for entity in query}.issuperset(keys)


class KeyPropertyField(_ReferenceField):
    """A key, chosen among those of the entities of an ndb *query*.  `data` is the key."""

    __doc__ = f"{__doc__}\n\n{_ReferenceField.__doc__}"

    def _all(self) -> Any:
        if self.reference_class is None:
            raise TypeError(f"the field {self.name!r} has neither a reference_class nor a query")
        return self.reference_class._query()

    def _key(self, value: Any) -> Any:
        return value if isinstance(value, Key) else value._key

    def _has(self, query: Any, key: Any) -> bool | None:
        if not isinstance(query, ndb.Query) or query._limit is not None or query._offset is not None:
            return None
        if query.kind is not None and query.kind != kind_of(key):
            return False
        if key.partition != query._partition:
            return False
        return query.filter(ndb.Model._key == key).get(keys_only=True) is not None

    def _value_of(self, key: ndb.Key) -> Any:
        return key


class KeyListPropertyField(KeyPropertyField):
    """Keys, chosen among those of the entities of an ndb query.  `data` is the list of keys."""

    widget = widgets.Select(multiple=True)
    multiple = True


class ReferencePropertyField(_ReferenceField):
    """An instance, chosen among those of a `kindstore.db` *query*.  `data` is the instance."""

    __doc__ = f"{__doc__}\n\n{_ReferenceField.__doc__}"

    def _all(self) -> Any:
        if self.reference_class is None:
            raise TypeError(f"the field {self.name!r} has neither a reference_class nor a query")
        return self.reference_class.all()

    def _key(self, value: Any) -> Any:
        return value if isinstance(value, Key) else value.key()

    def _has(self, query: Any, key: Any) -> bool | None:  # noqa: ARG002
        return None

    def _value_of(self, key: ndb.Key) -> Any:
        return db.get(db.Key.like(key))


class KeyTextField(Worded, fields.StringField):
    """A key of no kind in particular, or of *kind*, as its url-safe text.  `data` is the key."""

    def __init__(
        self, label: str | None = None, validators: Any = None, kind: str | None = None, **options: Any
    ) -> None:
        super().__init__(label, validators, **options)
        self.wording = key_wording(kind)


def key_wording(kind: str | None) -> Wording:
    """Keys, as url-safe text; those of *kind* only, if it is given."""
    return Wording(key_text, lambda text: key_of_text(text, kind))


def keys_of(values: Iterable[Any]) -> list[Key]:
    """The keys among *values*, lists of them included."""
    found: list[Key] = []
    for value in values:
        if isinstance(value, Key):
            found.append(value)
        elif isinstance(value, list):
            found += keys_of(cast("Any", value))
    return found
