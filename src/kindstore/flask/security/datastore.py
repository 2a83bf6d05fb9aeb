"""`DatastoreUserDatastore`: what Flask-Security asks of a database, of Kindstore.

Every put is committed when it returns, so `commit` has nothing to do.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any
from weakref import WeakKeyDictionary

from kindstore import ndb
from kindstore.mapper.context import current
from kindstore.mapper.operations import get_one
from kindstore.values.errors import (
    BadArgumentError,
    BadKeyError,
    BadValueError,
    NotFoundError,
    UniqueViolationError,
)

from .adapting import new_uniquifier
from .base import UserDatastore, key_of_type, new_family, now, role_name, single_criterion
from .folding import FoldedProperty, fold
from .models import FsRoleMixin, FsUserBaseMixin
from .owned import context_of, keys_below, mark_gone, owned_lists
from .races import answer_again, is_second_answer
from .role_copies import ROLE_MODEL, delete_role, finish_if_it_fits, is_gone, save_role, unfinished
from .saving import CLIENT, fields_of, in_transaction, is_known, query_of, save, stored

_PAGE = 500


class DatastoreUserDatastore(UserDatastore):
    """Accounts, roles and credentials of Flask-Security in Kindstore.

    *db*: the `kindstore.flask.Kindstore` of the application, an `ndb.Client`, or None for the store that code without a
    client works on.  *user_model*, *role_model*, *webauthn_model* and *refresh_tracker_model* are the models of
    `kindstore.flask.security`, or classes of its mixins (else `BadArgumentError`); without *role_model* users have no roles.
    """

    def __init__(
        self,
        db: Any,
        user_model: type[Any],
        role_model: type[Any] | None = None,
        webauthn_model: type[Any] | None = None,
        refresh_tracker_model: type[Any] | None = None,
    ) -> None:
        _check(user_model, FsUserBaseMixin)
        if role_model is not None:
            _check(role_model, FsRoleMixin)
        super().__init__(db, user_model, role_model, webauthn_model, refresh_tracker_model)
        self._finished: WeakKeyDictionary[Any, set[Any]] = WeakKeyDictionary()
        setattr(user_model, ROLE_MODEL, role_model)
        told = {"webauthn": webauthn_model, "refresh_trackers": refresh_tracker_model}
        for owned in owned_lists(user_model):
            model = told.get(owned.name)
            if model is not None:
                owned.tell(user_model, model)

    # Writing.

    def commit(self) -> None:
        """Nothing: what was put is stored."""

    def put(self, obj: Any) -> Any:
        """Write what was changed in *obj*; the result is *obj*.

        Raises `UniqueViolationError` for an address, name or number that somebody else has; in a view of Flask-Security,
        which has looked before, the user gets to read that instead.  `NotFoundError` if *obj* was deleted
        meanwhile, `ConflictError` if others would not stop changing it.
        """
        obj = _itself(obj)
        with self._context():
            self._finish_roles()
            if isinstance(obj, FsUserBaseMixin) and not (obj.fs_uniquifier or is_known(obj)):
                obj.fs_uniquifier = new_uniquifier()
            try:
                if isinstance(obj, FsRoleMixin):
                    save_role(obj, self.user_model)
                else:
                    save(obj)
            except UniqueViolationError:
                answer_again()
                raise
        return self._known(obj)

    def delete(self, obj: Any) -> Any:
        """Delete *obj*: a user with all its credentials, in one commit; a role, once it is taken from all users."""
        obj = _itself(obj)
        for model in (self.user_model, self.role_model, self.webauthn_model, self.refresh_tracker_model):
            if model is not None:
                # What is unique of a key, a deletion knows by the class that its kind had last.
                model._update_kind_map()
        with self._context():
            self._finish_roles()
            if isinstance(obj, FsRoleMixin):
                delete_role(obj, self.user_model)
            elif isinstance(obj, FsUserBaseMixin):
                in_transaction(lambda: ndb.delete_multi([*keys_below(obj), obj.key]))
            else:
                obj.key.delete()
        mark_gone(obj)
        return obj

    def reload(self, obj: Any) -> None:
        """Read *obj* again; without effect if it was deleted."""
        obj = _itself(obj)
        with self._context():
            [found] = stored(type(obj), obj.key)
        if found is not None:
            fields_of(obj).update(fields_of(found))
        for owned in owned_lists(obj.__class__):
            owned.forget(obj)

    def _finish_roles(self) -> None:
        """Once per process, database and namespace: finish what a process that was stopped has begun."""
        context = current()
        if self.role_model is None or context.in_transaction():
            return
        finished = self._finished.setdefault(context.client or context.store, set())
        if context.partition in finished:
            return
        for role in unfinished(self.role_model):
            finish_if_it_fits(role, self.user_model)
        finished.add(context.partition)

    def mf_delete_recovery_code(self, user: Any, idx: int) -> bool:
        """Take a recovery code from *user*; False if there is none, or if another request has used it meanwhile."""
        user = _itself(user)
        codes = list(self.mf_get_recovery_codes(user))
        try:
            code = codes[idx]
        except IndexError:
            return False
        used = False

        def use() -> None:
            nonlocal used
            [found] = stored(self.user_model, user.key)
            used = found is None or code not in found.mf_recovery_codes
            if not used:
                user.mf_recovery_codes = [each for each in codes if each != code]
                save(user)

        with self._context():
            in_transaction(use)
        if used:
            self.reload(user)
            answer_again()
        return not used

    def _prepare_create_user_args(self, **kwargs: Any) -> dict[str, Any]:
        values: dict[str, Any] = super()._prepare_create_user_args(**kwargs)
        for name, value in values.items():
            prop = getattr(self.user_model, name, None)
            if isinstance(value, str) and isinstance(prop, ndb.IntegerProperty):
                # ``flask users create ada@example.org number:12`` knows texts only.
                values[name] = int(value)
        return values

    # Reading.

    def find_user(self, case_insensitive: bool = False, **kwargs: Any) -> Any:
        """The user who has all these values; None if there is none.  Nobody has None or "".

        With *case_insensitive* one value, in any spelling.
        """
        single_criterion(kwargs, case_insensitive)
        if any(value is None or value == "" for value in kwargs.values()):
            return None
        with self._context():
            try:
                if "id" in kwargs:
                    return self._found(self._by_id(**kwargs))
                filters = [self._filter(name, value, case_insensitive) for name, value in kwargs.items()]
                found = query_of(self.user_model, *filters).get()
            except (BadKeyError, BadValueError):
                return None  # no user has a value of another type, or one that can't be stored
            return self._found(found)

    def _by_id(self, **kwargs: Any) -> Any:
        user_id = kwargs.pop("id")
        if type(user_id) is not str and not (type(user_id) is int and 0 < user_id < 2**63):
            return None
        user = self.user_model.get_by_id(user_id)
        return user if all(getattr(user, name, None) == value for name, value in kwargs.items()) else None

    def find_user_by_key(self, key: Any) -> Any:
        """The user of this key; or of this id, which may be a text of digits.  None if there is none."""
        if isinstance(key, ndb.Key):
            with self._context():
                if key.kind() != self.user_model._get_kind():
                    return None
                return self._found(current().store.run(get_one(current(), key, model=self.user_model)))
        user_id = key_of_type(key, int)
        return None if user_id is None else self.find_user(id=user_id)

    def user_pages(self, size: int) -> Iterator[list[Any]]:
        """Every user in the order of the keys, page by page."""
        page = self._page(size)
        while page:
            last = page[-1].key
            yield page
            page = self._page(size, self.user_model.key > last)

    def _page(self, size: int, *after: Any) -> list[Any]:
        with self._context():
            found = query_of(self.user_model, *after).order(self.user_model.key).fetch(size)
        return [self._known(user) for user in found]

    def count_users(self) -> int:
        """How many users there are."""
        with self._context():
            return int(query_of(self.user_model).count())

    def roles(self) -> list[Any]:
        """Every role."""
        if self.role_model is None:
            return []
        with self._context():
            return self._there(query_of(self.role_model).fetch())

    def is_stored(self, obj: Any) -> bool:
        """Whether the store has *obj*."""
        obj = _itself(obj)
        with self._context():
            return bool(obj.has_complete_key() and stored(type(obj), obj.key) != [None])

    def _filter(self, name: str, value: Any, case_insensitive: bool) -> Any:
        if is_second_answer() and self._folded_copy(name) is not None:
            case_insensitive = True
        if case_insensitive and isinstance(value, str):
            folded = self._folded_copy(name)
            if folded is not None:
                return folded == fold(value)
            raise BadArgumentError(
                "there is no folded copy to look this up in any spelling",
                path=f"{self.user_model.__name__}.{name}",
                hint=f'Declare one in the class: {name}_folded = FoldedProperty("{name}").',
            )
        return getattr(self.user_model, name) == value

    def _folded_copy(self, name: str) -> Any:
        for prop in self.user_model._properties.values():
            if isinstance(prop, FoldedProperty) and prop.of == name:
                return prop
        return None

    def find_role(self, role: Any) -> Any:
        """The role of this name, or the stored one like this role object; None if there is none."""
        found = self.find_roles([role_name(role)])
        return found[0] if found else None

    def find_roles(self, names: Iterable[str]) -> list[Any]:
        """The roles of these names, by one query."""
        wanted = list(names)
        if self.role_model is None or not wanted:
            return []
        with self._context():
            try:
                roles = query_of(self.role_model, self.role_model.name.IN(wanted)).fetch()
            except BadValueError:
                # No role has a name that can't be stored; the others are looked for one by one.
                return (
                    [] if len(wanted) == 1 else [role for name in wanted for role in self.find_roles([name])]
                )
            return self._there(roles)

    def _there(self, roles: Iterable[Any]) -> list[Any]:
        found: list[Any] = []
        for role in roles:
            gone = is_gone(role)
            finish_if_it_fits(role, self.user_model)
            if not gone:
                found.append(role)
        return found

    # Passkeys and refresh tokens.

    def create_webauthn(
        self,
        user: Any,
        credential_id: bytes,
        public_key: bytes,
        name: str,
        sign_count: int,
        usage: str,
        device_type: str,
        backup_state: bool,
        transports: list[str] | None = None,
        extensions: str | None = None,
        **kwargs: Any,
    ) -> None:
        """Add a passkey to *user*."""
        if not self.webauthn_model:
            raise NotImplementedError
        self._create_owned(
            "webauthn",
            user,
            self.webauthn_model,
            credential_id=credential_id,
            public_key=public_key,
            name=name,
            sign_count=sign_count,
            usage=usage,
            device_type=device_type,
            backup_state=backup_state,
            transports=transports or [],
            extensions=extensions,
            lastuse_datetime=now(),
            **kwargs,
        )

    def find_webauthn(self, credential_id: bytes) -> Any:
        """The passkey of this id; None if there is none."""
        return self._find_owned(self.webauthn_model, credential_id=credential_id)

    def create_refresh_tracker(self, user: Any, name: str, expires_at: datetime, **kwargs: Any) -> Any:
        """Begin a family of refresh tokens of *user*."""
        if not self.refresh_tracker_model:
            raise NotImplementedError
        return self._create_owned(
            "refresh_trackers",
            user,
            self.refresh_tracker_model,
            gen=1,
            name=name,
            expires_at=expires_at,
            refresh_family=new_family(),
            last_used_at=now(),
            **kwargs,
        )

    def find_refresh_tracker(self, refresh_family: str) -> Any:
        """The family of refresh tokens of this name; None if there is none."""
        return self._find_owned(self.refresh_tracker_model, refresh_family=refresh_family)

    def _create_owned(self, attribute: str, user: Any, model: type[Any], /, **values: Any) -> Any:
        """A new *model* below *user*, if there is that user when it is written."""
        user = _itself(user)
        if not user.has_complete_key():
            self.put(user)  # what it owns has a key below its own
        held = getattr(user, attribute)
        with self._context():
            created = model(parent=user.key, **values)

            def write() -> None:
                # One that this transaction makes is not there yet.
                if is_known(user) and stored(self.user_model, user.key) == [None]:
                    raise NotFoundError("the user was deleted meanwhile", key=user.key)
                save(created)
                save(user)

            in_transaction(write)
        held.append(created)
        return created

    def _find_owned(self, model: type[Any] | None, **value: Any) -> Any:
        if not model:
            raise NotImplementedError
        [(name, wanted)] = value.items()
        with self._context():
            try:
                return query_of(model, getattr(model, name) == wanted).get()
            except BadValueError:
                return None

    # Where.

    def _known(self, model: Any) -> Any:
        """*model*, which reads what it owns from where it was read."""
        if model is not None and isinstance(self.db, ndb.Client):
            fields_of(model)[CLIENT] = self.db
        return model

    def _found(self, user: Any) -> Any:
        return self.with_uniquifier(self._known(user))

    def _context(self) -> AbstractContextManager[object]:
        """A context of the client *db*, unless the code is in one."""
        return context_of(self.db if isinstance(self.db, ndb.Client) else None)


def _itself(obj: Any) -> Any:
    """*obj*, or what it stands for: `current_user` is a proxy."""
    proxied = getattr(obj, "_get_current_object", None)
    return obj if proxied is None else proxied()


def _check(model: Any, mixin: type[Any]) -> None:
    if not (isinstance(model, type) and issubclass(model, mixin)):
        raise BadArgumentError(
            "not a model of accounts",
            model=model,
            hint=f"Derive it from kindstore.flask.security.{mixin.__name__}.",
        )
