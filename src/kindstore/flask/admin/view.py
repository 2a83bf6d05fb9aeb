"""`ModelView`: the screens of Flask-Admin for the entities of an ndb model."""

# pyright: reportPrivateUsage=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from functools import reduce
from pathlib import Path
from typing import Any, ClassVar, Final, cast

from flask import flash, g, request
from jinja2 import ChoiceLoader, FileSystemLoader, pass_context

from kindstore import ndb
from kindstore.flask.admin import formatting
from kindstore.flask.admin.base import (
    BaseModelView,
    action,
    create_editable_list_form,
    gettext,
    lazy_gettext,
    ngettext,
    recreate_field,
)
from kindstore.flask.admin.filters import PropertyFilter, filters_for, starts_with
from kindstore.flask.admin.form import (
    AdminConverter,
    CellWidget,
    KeyLoader,
    Versioned,
    is_for_cells,
    searchable,
    version_of,
)
from kindstore.flask.admin.listing import Page, in_order, page_of
from kindstore.flask.forms import checks
from kindstore.flask.forms.ndb import ModelConverterBase, model_form
from kindstore.flask.forms.references import key_name, key_of_text, key_text, labelling
from kindstore.flask.forms.texts import Wording
from kindstore.mapper.filters import PropertyOrder
from kindstore.mapper.references import ModelKey
from kindstore.store.conjunctions import MAX_DISJUNCTIONS
from kindstore.values.errors import (
    BadArgumentError,
    BadQueryError,
    BadValueError,
    ConflictError,
    Error,
    NeedIndexError,
)
from kindstore.values.key import Key

_log = logging.getLogger("kindstore.flask.admin")

_TEMPLATES: Final = Path(__file__).parent / "templates"
_UNREADABLE: Final = (ndb.BlobProperty, ndb.BlobKeyProperty, ndb.PickleProperty)
"""Properties whose values say nothing to people."""


class _ChangedMeanwhileError(Exception):
    """The entity is another one than the form was made of."""


class _ExistsError(Exception):
    """There is an entity with the key that a new one was given."""


class ModelView(BaseModelView):  # type: ignore[misc]
    """The screens for the entities of *model*, an `ndb.Model`: list, filters, search, create, edit, details, delete, export.

    What it shows and allows is said by attributes, Flask-Admin's own and those below; the other arguments are
    `flask_admin.model.BaseModelView`'s.  `BadArgumentError` for a model of another sort, and for names in the
    attributes that are not names of properties or are of ones by which no query can filter, sort or search.
    """

    namespace: str | None = None
    """Whose entities are shown; None: those of the namespace in which the request works.  See `get_namespace`."""
    count_limit: int = 10_000
    """Lists of up to so many entities have their number and numbers of pages; longer ones only the next and previous page."""
    model_form_converter: ClassVar[Any] = AdminConverter
    """What makes the fields of the forms; called with the view."""
    form_choices: ClassVar[dict[str, Sequence[Any]] | None] = None
    """Choices by property: values, or pairs of a value and its label."""
    list_template = "kindstore/list.html"
    column_type_formatters = formatting.BASE_FORMATTERS
    column_type_formatters_detail = formatting.DETAIL_FORMATTERS
    column_type_formatters_export = formatting.EXPORT_FORMATTERS

    def __init__(self, model: Any, *args: Any, **options: Any) -> None:
        if not (isinstance(model, type) and issubclass(model, ndb.Model)):
            raise BadArgumentError(
                "a ModelView is for a class of ndb models",
                model=model,
                hint="Classes of kindstore.db have none.",
            )
        self._search_properties: list[Any] = []
        super().__init__(model, *args, **options)

    def create_blueprint(self, admin: Any) -> Any:
        """Flask-Admin's blueprint, with our templates in front of its own."""
        blueprint: Any = super().create_blueprint(admin)
        blueprint.jinja_loader = ChoiceLoader([FileSystemLoader(_TEMPLATES), blueprint.jinja_loader])
        return blueprint

    # What there is, and whose.

    def get_namespace(self) -> str | None:
        """The namespace whose entities are shown, for this request; None: that in which it works."""
        return self.namespace

    def get_query(self) -> ndb.Query[Any]:
        """The query for what may be seen here.  Override it to allow less: nothing else can be edited or deleted."""
        found: ndb.Query[Any] = self.model._query(namespace=self.get_namespace())
        return found

    def get_pk_value(self, model: Any) -> str:
        """The key of *model* as text."""
        return key_text(model._key)

    def key_of(self, pk: Any) -> ndb.Key | None:
        """The key that *pk*, url-safe text, or the id or name of an entity without parent, is; None if it can be none here."""
        kind = self.model._get_kind()
        place = self.model._query(namespace=self.get_namespace())._partition
        try:
            key = key_of_text(str(pk), kind)
        except ValueError:
            try:
                text = str(pk)
                key = ndb.Key.of(place, (kind, int(text) if text.isdecimal() else text))
                _ = key.path_bytes
            except (Error, ValueError):
                return None
        return key if key.partition == place else None

    def get_one(self, id: Any) -> Any:  # noqa: A002 - Flask-Admin's name
        """The entity of the key *id*; None if there is none, or none that may be seen here."""
        found = self.get_several([id])
        return found[0] if found else None

    def get_several(self, ids: Iterable[Any]) -> list[Any]:
        """The entities of the keys *ids* that may be seen here."""
        keys = list(dict.fromkeys(key for key in map(self.key_of, ids) if key is not None))
        if not keys:
            return []
        entities = [each for each in ndb.get_multi(keys) if isinstance(each, self.model)]
        if type(self).get_query is ModelView.get_query or not entities:
            return entities
        query, found = self.get_query(), [each._key for each in entities]
        parts = [found[start : start + MAX_DISJUNCTIONS] for start in range(0, len(found), MAX_DISJUNCTIONS)]
        seen = {key for part in parts for key in self._among(query, part)}
        return [each for each in entities if each._key in seen]

    def _among(self, query: ndb.Query[Any], keys: list[Any]) -> list[Any]:
        """The keys among *keys* that *query* finds."""
        try:
            return query.filter(self.model._key.IN(keys)).fetch(keys_only=True)
        except BadQueryError:  # with alternatives of its own there are too many
            if len(keys) == 1:
                raise
            half = len(keys) // 2
            return self._among(query, keys[:half]) + self._among(query, keys[half:])

    # Columns.

    def _properties_in_order(self) -> list[Any]:
        return ModelConverterBase().properties_of(self.model)

    def _property(self, name: Any) -> Any:
        """The property *name* of the model, dotted for one in a structure; `BadArgumentError` if there is none."""
        if isinstance(name, ndb.Property):
            return name
        try:
            found: Any = (
                self.model._key if name == "key" else reduce(getattr, str(name).split("."), self.model)
            )
        except AttributeError:
            found = None
        if not isinstance(found, ndb.Property):
            raise BadArgumentError("there is no such property", model=self.model.__name__, name=name)
        return found

    def scaffold_list_columns(self) -> list[str]:
        """All properties but those of bytes, in the order of the class; with `column_display_pk` after the key."""
        names = [
            prop._code_name
            for prop in self._properties_in_order()
            if not (isinstance(prop, _UNREADABLE) and not _is_legible(prop))
        ]
        return ["key", *names] if self.column_display_pk else names

    def scaffold_sortable_columns(self) -> dict[str, str]:
        """Those that are indexed and have one value; the key as well."""
        names = [
            prop._code_name
            for prop in self._properties_in_order()
            if prop._indexed and not prop._repeated and not hasattr(prop, "_model_class")
        ]
        return {name: name for name in ["key", *names]}

    def get_sortable_columns(self) -> dict[Any, Any]:
        """Flask-Admin's; `BadArgumentError` for a column that has no index."""
        found: dict[Any, Any] = super().get_sortable_columns()
        for name in found.values():
            prop = self._property(name)
            if not prop._indexed or hasattr(prop, "_model_class"):
                raise BadArgumentError("no list can be sorted by this property", name=name)
        return found

    def _get_field_value(self, model: Any, name: Any) -> Any:
        try:
            return super()._get_field_value(model, name)
        except Error as error:  # a value that the class can't read, a pickle for one
            return f"({error.message})"

    # References.

    def label_of(self, name: str, entity: Any) -> Any:
        """What stands for *entity*, to which the property *name* refers: as ``get_label`` in `form_args` says."""
        return labelling(((self.form_args or {}).get(name) or {}).get("get_label"))(entity)

    def url_of(self, key: Key) -> str | None:
        """Where the entity of *key* is shown; None if there is no view of it here that this request may see."""
        kind = key.path[-2]
        known: dict[Any, Any] = g.setdefault("_kindstore_views", {})
        if (self.admin, kind) not in known:
            known[self.admin, kind] = next((view for view in self.admin._views if _shows(view, kind)), None)
        view = known[self.admin, kind]
        if view is None:
            return None
        screen = "details_view" if view.can_view_details else "edit_view"
        return cast("str", view.get_url(f"{view.endpoint}.{screen}", id=key_text(key)))

    @pass_context
    def get_detail_value(self, context: Any, model: Any, name: str) -> Any:
        """Flask-Admin's, with all that the entity refers to read at once."""
        formatting.read_for([model], (column for column, _ in self._details_columns))
        return self._get_list_value(
            context, model, name, self.column_formatters_detail, self.column_type_formatters_detail
        )

    # Searching and filtering.

    def init_search(self) -> bool:
        """Whether there is something to search by: indexed texts, of which the beginning is looked for."""
        self._search_properties = [
            searchable(self.model, self._property(name)) for name in self.column_searchable_list or ()
        ]
        return bool(self._search_properties)

    def search_placeholder(self) -> str | None:
        """What the search looks at."""
        names = ", ".join(self.get_column_name(name) for name in self.column_searchable_list or ())
        return f"{names} starts with"

    def scaffold_filters(self, name: Any) -> list[PropertyFilter]:
        """The filters by the property *name*, dotted for one in a structure, or "key"."""
        prop = self._property(name)
        label = self.get_column_name(prop._code_name if isinstance(name, ndb.Property) else name)
        kind = self.model._get_kind() if isinstance(prop, ModelKey) else getattr(prop, "_kind", None)
        found = filters_for(prop, str(label), self._key_words(kind)) if prop._indexed else []
        if not found:
            raise BadArgumentError(
                "no query can filter by this property", model=self.model.__name__, name=name
            )
        return found

    def is_valid_filter(self, filter: Any) -> bool:  # noqa: A002 - Flask-Admin's name
        """Whether it is a filter of ours."""
        return isinstance(filter, PropertyFilter)

    def _key_words(self, kind: str | None) -> Wording:
        def value_of(text: str) -> Key:
            try:
                return key_of_text(text, kind)
            except ValueError:
                if kind is None:
                    raise
            text = text.strip()
            place = self.get_namespace()
            options: Any = {} if place is None else {"namespace": place}
            key = ndb.Key(kind, int(text) if text.isdecimal() else text, **options)
            try:
                _ = key.path_bytes
            except Error:
                raise ValueError("Not a valid key.") from None
            return key

        return Wording(key_name, value_of)

    # The list.

    def get_list(
        self,
        page: int | None,
        sort_column: Any,
        sort_desc: Any,
        search: str | None,
        filters: Any,
        page_size: int | None = None,
    ) -> tuple[int | None, Any]:
        """How many entities there are, None if that is not known, and those of one page.

        *page_size* 0: all of them, as an iterator.  A query that the store refuses is a message, and an empty list.
        """
        g._kindstore_list = None
        try:
            query = self._asked(sort_column, sort_desc, search, filters)
            if page_size == 0:
                return None, self._all(query)
            size = page_size or self.page_size
            count = self._count(query)
            found = self._page(query, max(0, page or 0), size, count)
        except (BadQueryError, NeedIndexError, BadValueError, BadArgumentError) as error:
            flash(str(error), "error")
            return 0, iter(()) if page_size == 0 else []
        g._kindstore_list = found
        self._read_references(found.rows, self._list_columns)
        return count, found.rows

    def _asked(self, sort_column: Any, sort_desc: Any, search: str | None, filters: Any) -> ndb.Query[Any]:
        query = self.get_query()
        for index, _, value in filters or ():
            chosen = self._filters[index]
            query = chosen.apply(query, chosen.clean(value))
        term = (search or "").strip()
        if term and self._search_properties:
            nodes = [starts_with(prop, term) for prop in self._search_properties]
            query = query.filter(ndb.OR(*nodes))
        return in_order(query, self._orders(sort_column, sort_desc))

    def _orders(self, sort_column: Any, sort_desc: Any) -> list[PropertyOrder]:
        if sort_column in self._sortable_columns:
            chosen = [(sort_column, bool(sort_desc))]
        else:
            chosen = self._get_default_order() or []
        found: list[PropertyOrder] = []
        for name, descends in chosen:
            prop = self._property(self._sortable_columns.get(name, name))
            found.append(PropertyOrder(prop._name, reverse=bool(descends)))
        return found

    def _count(self, query: ndb.Query[Any]) -> int | None:
        if self.simple_list_pager:
            return None
        count = query.count(self.count_limit + 1)
        return count if count <= self.count_limit else None

    def _page(self, query: ndb.Query[Any], page: int, size: int, count: int | None) -> Page:
        mark = request.args.get("cursor") if page and count is None else None
        return page_of(query, size, page * size, mark)

    def _all(self, query: ndb.Query[Any]) -> Any:
        rows: list[Any] = []
        for row in query:
            rows.append(row)
            if len(rows) == 500:
                self._read_references(rows, self._export_columns)
                yield from rows
                rows = []
        self._read_references(rows, self._export_columns)
        yield from rows

    def _read_references(self, rows: list[Any], columns: Iterable[tuple[Any, str]]) -> None:
        names = [
            name for name, _ in columns if isinstance(getattr(self.model, str(name), None), ndb.KeyProperty)
        ]
        formatting.read_for(rows, names)

    def _get_list_url(self, view_args: Any) -> str:
        """The address of a page of the list; by its mark, where the pages have no numbers."""
        extra = {name: value for name, value in view_args.extra_args.items() if name != "cursor"}
        here = self._get_list_extra_args()
        page, found = view_args.page or 0, g.get("_kindstore_list")
        asked = [
            (each.sort, each.sort_desc, each.search, each.filters or [], each.page_size or 0)
            for each in (view_args, here)
        ]
        if asked[0] != asked[1]:
            page = 0  # of another list
        elif found is not None and page:
            step = page - (here.page or 0)
            mark = {1: found.after, -1: found.before, 0: request.args.get("cursor")}.get(step)
            if mark is not None:
                extra["cursor"] = mark
        return cast("str", super()._get_list_url(view_args.clone(page=page, extra_args=extra)))

    def render(self, template: str, **kwargs: Any) -> Any:
        """Flask-Admin's; the list is told whether there is a next page."""
        found = g.get("_kindstore_list")
        kwargs.setdefault("has_next_page", found is not None and found.after is not None)
        return super().render(template, **kwargs)

    # Forms.

    def _field_args(self) -> dict[str, Any]:
        names = [prop._code_name for prop in self._properties_in_order()]
        found: dict[str, Any] = {name: dict((self.form_args or {}).get(name) or {}) for name in names}
        for given, option in (
            (self.column_labels, "label"),
            (self.column_descriptions, "description"),
            (self.form_choices, "choices"),
        ):
            for name in names:
                if given and name in given:
                    found[name].setdefault(option, given[name])
        return {name: args for name, args in found.items() if args}

    def scaffold_form(self) -> Any:
        """The class of forms for the entities of the model."""
        extra = self.form_extra_fields or {}
        only = (
            None if self.form_columns is None else [name for name in self.form_columns if name not in extra]
        )
        made = model_form(
            self.model,
            self.form_base_class,
            only=only,
            exclude=self.form_excluded_columns,
            field_args=self._field_args(),
            converter=self.model_form_converter(self),
        )
        for name, field in extra.items():
            setattr(made, name, recreate_field(field))
        return made

    def scaffold_list_form(self, widget: Any = None, validators: Any = None) -> Any:
        """The class of forms for cells that are edited in place."""
        plain = model_form(
            self.model,
            self.form_base_class,
            only=self.column_editable_list,
            field_args=validators,
            converter=self.model_form_converter(self),
        )
        for name in self.column_editable_list or ():
            field = getattr(plain, name, None)
            if field is None or not is_for_cells(field):
                raise BadArgumentError("this can't be edited in a cell of the list", name=name)
        made = create_editable_list_form(self.form_base_class, plain, widget or CellWidget())

        def populate_obj(form: Any, obj: Any) -> None:
            for name, field in form._fields.items():
                if name in self.column_editable_list:
                    field.populate_obj(obj, name)

        made.populate_obj = populate_obj
        return made

    def get_edit_form(self) -> Any:
        """The class of forms for editing: it remembers which state of the entity it was made of."""
        plain: Any = super().get_edit_form()
        return type(plain.__name__, (plain, Versioned), {})

    def edit_form(self, obj: Any = None) -> Any:
        """The form for editing *obj*."""
        form = super().edit_form(obj)
        if obj is not None and form.entity_version.raw_data is None:
            form.entity_version.data = version_of(obj)
        return form

    def _get_ruleset_missing_fields(self, ruleset: Any, form: Any) -> list[str]:
        return [
            name for name in super()._get_ruleset_missing_fields(ruleset, form) if name != "entity_version"
        ]

    def _create_ajax_loader(self, name: str, options: dict[str, Any]) -> KeyLoader:
        prop = self._property(name)
        kind = getattr(prop, "_kind", None)
        options = dict(options)
        model = options.pop("model", None) or (kind and self.model._kind_map.get(kind))
        if model is None:
            raise BadArgumentError("this property refers to no kind that has a model", name=name)
        args = (self.form_args or {}).get(name) or {}
        options = {"get_label": args.get("get_label"), "namespace": self.get_namespace, **options}
        return KeyLoader(name, model, **options)

    # Writing.

    def new_entity(self) -> Any:
        """A new entity, to be filled by a form.  Override it for a key of your own making, or a parent."""
        place = self.get_namespace()
        return self.model() if place is None else self.model(namespace=place)

    def create_model(self, form: Any) -> Any:
        """Put a new entity with what *form* says; False, with a message, if that is refused."""
        try:
            with _transaction():
                entity = self.new_entity()
                form.populate_obj(entity)
                self._on_model_change(form, entity, True)
                key = entity._key
                if key is not None and key.is_complete and key.get() is not None:
                    raise _ExistsError
                entity._put()
        except Exception as error:  # noqa: BLE001 - as Flask-Admin has it: hooks may raise anything
            return self._refused(form, error, "Failed to create record. %(error)s")
        self.after_model_change(form, entity, True)
        return entity

    def update_model(self, form: Any, model: Any) -> bool:
        """Change the entity *model* as *form* says; False, with a message, if that is refused.

        It is read again, and refused if somebody else has changed or deleted it since the form was shown.
        """
        try:
            with _transaction():
                entity = model._key.get()
                shown = form._fields.get("entity_version")
                if entity is None:
                    raise _ChangedMeanwhileError
                if shown is not None and shown.data and shown.data != version_of(entity):
                    raise _ChangedMeanwhileError
                form.populate_obj(entity)
                self._on_model_change(form, entity, False)
                entity._put()
        except Exception as error:  # noqa: BLE001 - as Flask-Admin has it: hooks may raise anything
            return self._refused(form, error, "Failed to update record. %(error)s")
        self.after_model_change(form, entity, False)
        return True

    def delete_model(self, model: Any) -> bool:
        """Delete the entity *model*; False, with a message, if that is refused."""
        return self._delete([model])

    def _delete(self, entities: list[Any]) -> bool:
        try:
            for entity in entities:
                self.on_model_delete(entity)
            ndb.delete_multi([entity._key for entity in entities])
        except Exception as error:  # noqa: BLE001 - as Flask-Admin has it: hooks may raise anything
            return self._refused(None, error, "Failed to delete record. %(error)s")
        for entity in entities:
            self.after_model_delete(entity)
        return True

    def _refused(self, form: Any, error: Exception, message: str) -> bool:
        """Tell the person what was wrong, beside the field if it is about one; what nobody expected, the log as well."""
        if isinstance(error, _ChangedMeanwhileError | ConflictError):
            text = "Somebody else has changed or deleted it meanwhile. Open it again to see how it is now."
            flash(gettext(message, error=text), "error")
        elif isinstance(error, _ExistsError):
            flash(gettext(message, error="There is one with this key already."), "error")
        elif isinstance(error, Error) and form is not None and checks.report(form, error):
            flash(gettext(message, error=""), "error")
        elif not self.handle_view_exception(error):
            flash(gettext(message, error=str(error)), "error")
            _log.exception(message, {"error": error}, exc_info=error)
        return False

    # Actions.

    def is_action_allowed(self, name: str) -> bool:
        """Flask-Admin's; nothing is deleted where `can_delete` is not."""
        if name == "delete" and not self.can_delete:
            return False
        return bool(super().is_action_allowed(name))

    @action(  # type: ignore[untyped-decorator]
        "delete", lazy_gettext("Delete"), lazy_gettext("Are you sure you want to delete selected records?")
    )
    def action_delete(self, ids: list[str]) -> None:
        """Delete the entities that were chosen, all in one commit."""
        entities = self.get_several(ids)
        if self._delete(entities):
            flash(
                ngettext(
                    "Record was successfully deleted.",
                    "%(count)s records were successfully deleted.",
                    len(entities),
                    count=len(entities),
                ),
                "success",
            )


def _shows(view: Any, kind: Any) -> bool:
    if not isinstance(view, ModelView) or view.model._get_kind() != kind:
        return False
    return bool((view.can_view_details or view.can_edit) and view.is_accessible())


def _is_legible(prop: Any) -> bool:
    """Whether a property that is stored as bytes has values for people: JSON, packed text, structures."""
    return isinstance(prop, ndb.JsonProperty | ndb.CompressedTextProperty | ndb.LocalStructuredProperty)


def _transaction() -> Any:
    return nullcontext() if ndb.in_transaction() else ndb.transaction()
