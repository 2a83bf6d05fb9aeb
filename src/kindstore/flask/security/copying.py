"""Moving accounts from one user datastore to another: `copy_accounts`."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from kindstore.flask.security.account_records import (
    PASSKEY,
    TRACKER,
    Account,
    Values,
    account_of,
    role_values,
)
from kindstore.values.errors import BadArgumentError

Context = Callable[[], AbstractContextManager[Any]]
Progress = Callable[[str, int, int], None]


@dataclass
class Report:
    """What was copied, and the proof: both databases were read again and compared, account by account.

    *differences* has one line for each account or role that is not the same in the target.  *source_digest* and
    *target_digest* are over all accounts of the source, and over what the target has of them.
    """

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    roles_created: int = 0
    roles_updated: int = 0
    source_digest: str = ""
    target_digest: str = ""
    differences: list[str] = field(default_factory=list[str])

    @property
    def is_equal(self) -> bool:
        """Whether the target has every account and role of the source, as it is there."""
        return not self.differences and self.source_digest == self.target_digest

    @property
    def changed(self) -> int:
        """How much was written; 0 for a copy that was complete already."""
        return self.created + self.updated + self.roles_created + self.roles_updated


def copy_accounts(
    source: Any,
    target: Any,
    *,
    progress: Progress | None = None,
    into_existing: bool = False,
    attributes: Iterable[str] = (),
    batch: int = 200,
    source_context: Context = nullcontext,
    target_context: Context = nullcontext,
) -> Report:
    """Copy every role, account and credential of *source* to *target*, and compare.

    Ids are the target's own; password hashes, uniquifiers (sessions and tokens live on if the secret keys are the
    same), secrets of two factors, recovery codes, passkeys, refresh trackers and times are those of the source.
    *attributes* names further ones to copy.  Times are compared to the millisecond, which is what MongoDB keeps.

    *batch* accounts are committed at a time.  A copy that was stopped is resumed by doing it again; one that is
    complete changes nothing.  *progress* is called with "copy" or "compare", how many are done, and of how many.
    *source_context* and *target_context* are what each side needs to be entered: an application's `app_context`.

    What *target* has no place for (a model without roles, or without an attribute) is a difference of the report.

    Raises BadArgumentError, with nothing written, if *target* has accounts that *source* does not have, unless
    *into_existing* says that they may stay.
    """
    wanted = tuple(attributes)
    report = Report()
    tell = progress or _tell_nobody
    copier = _Copier(source, target, source_context, target_context, wanted, batch)
    if not into_existing:
        copier.refuse_strangers()
    copier.copy_roles(report)
    copier.copy_users(report, tell)
    copier.compare(report, tell)
    return report


def _tell_nobody(_step: str, _done: int, _total: int) -> None: ...


@dataclass
class _Copier:
    source: Any
    target: Any
    source_context: Context
    target_context: Context
    attributes: tuple[str, ...]
    batch: int

    # Each side is entered for one batch only: two applications can't be current at once.

    def accounts(self, datastore: Any, context: Context) -> Iterable[list[Account]]:
        """The accounts of *datastore*, read in its context and usable out of it."""
        pages = datastore.user_pages(self.batch)
        while True:
            with context():
                page = next(pages, None)
                if page is None:
                    return
                accounts = [account_of(user, self.attributes) for user in page]
            yield accounts

    def refuse_strangers(self) -> None:
        for accounts in self.accounts(self.target, self.target_context):
            with self.source_context():
                for account in accounts:
                    found = _find(self.source, account)
                    own = None if found is None else account_of(found, self.attributes)
                    if own is None or own.values.get("fs_uniquifier") not in {
                        None,
                        account.values.get("fs_uniquifier"),
                    }:
                        raise BadArgumentError(
                            "the target has an account that is not of the source",
                            account=account.identity[1],
                            hint="Copy to an empty database, or ask for into_existing.",
                        )

    def copy_roles(self, report: Report) -> None:
        if self.target.role_model is None:
            return
        with self.source_context():
            roles = [role_values(role) for role in self.source.roles()]
        with self.target_context():
            for values in roles:
                known = {
                    name: value for name, value in values.items() if hasattr(self.target.role_model, name)
                }
                stored = self.target.find_role(values["name"])
                if stored is None:
                    self.target.create_role(**known)
                    report.roles_created += 1
                elif role_values(stored) != values:
                    for name in ("description", "permissions"):
                        if hasattr(self.target.role_model, name):
                            setattr(stored, name, known.get(name, [] if name == "permissions" else None))
                    self.target.put(stored)
                    report.roles_updated += 1
            self.target.commit()

    def copy_users(self, report: Report, tell: Progress) -> None:
        with self.source_context():
            total = self.source.count_users()
        done = 0
        for accounts in self.accounts(self.source, self.source_context):
            with self.target_context():
                for account in accounts:
                    self.copy_user(account, report)
                self.target.commit()
            done += len(accounts)
            tell("copy", done, total)

    def copy_user(self, account: Account, report: Report) -> None:
        user = _find(self.target, account)
        # What a target has no place for is left out here, and named by the comparison.
        roles = account.roles if self.target.role_model is not None else frozenset[str]()
        known = {name: v for name, v in account.values.items() if hasattr(self.target.user_model, name)}
        if user is None:
            user = self.target.create_user(**{"active": False} | known, roles=sorted(roles))
            report.created += 1
            there = Account({}, roles, {}, {})
        else:
            there = account_of(user, self.attributes)
            different = account.difference(there)
            if not different:
                report.unchanged += 1
                return
            for name in different:
                if name in known or name in there.values:
                    setattr(user, name, known.get(name, False if name == "active" else None))
            self.target.put(user)
            report.updated += 1
        for name in roles - there.roles:
            self.target.add_role_to_user(user, name)
        for name in there.roles - roles:
            self.target.remove_role_from_user(user, name)
        self.copy_passkeys(user, account, there)
        self.copy_trackers(user, account, there)

    def copy_passkeys(self, user: Any, account: Account, there: Account) -> None:
        if self.target.webauthn_model is None:
            return
        for key in there.passkeys.keys() - account.passkeys.keys():
            self.target.delete_webauthn(self.target.find_webauthn(key))
        for key, values in account.passkeys.items():
            if key not in there.passkeys:
                new: dict[str, Any] = {"sign_count": 0, "backup_state": False}
                new |= {name: value for name, value in values.items() if name != "lastuse_datetime"}
                self.target.create_webauthn(user, **new)
            if values != there.passkeys.get(key):
                self._set(self.target.find_webauthn(key), values, PASSKEY)

    def copy_trackers(self, user: Any, account: Account, there: Account) -> None:
        if self.target.refresh_tracker_model is None:
            return
        for family in there.trackers.keys() - account.trackers.keys():
            self.target.delete(self.target.find_refresh_tracker(family))
        for family, values in account.trackers.items():
            if family not in there.trackers:
                made = self.target.create_refresh_tracker(user, values["name"], values["expires_at"])
                self._set(made, values, TRACKER)
            elif values != there.trackers[family]:
                self._set(self.target.find_refresh_tracker(family), values, TRACKER)

    def _set(self, obj: Any, values: Values, names: tuple[str, ...]) -> None:
        # What has no value here has none by the datastore either, but for what was changed: it is set to nothing.
        for name in names:
            if name in values:
                if getattr(obj, name) != values[name]:
                    setattr(obj, name, values[name])
            elif getattr(obj, name, None):
                setattr(obj, name, [] if name == "transports" else None)
        self.target.put(obj)

    def compare(self, report: Report, tell: Progress) -> None:
        with self.source_context():
            total = self.source.count_users()
            roles = [role_values(role) for role in self.source.roles()]
        with self.target_context():
            for values in roles:
                stored = self.target.find_role(values["name"])
                if stored is None or role_values(stored) != values:
                    report.differences.append(f"role {values['name']}")
        sums = [0, 0]
        done = 0
        for accounts in self.accounts(self.source, self.source_context):
            with self.target_context():
                for account in accounts:
                    user = _find(self.target, account)
                    copy = None if user is None else account_of(user, self.attributes)
                    sums[0] += account.digest()
                    sums[1] += 0 if copy is None else copy.digest(like=account)
                    wrong = ["missing"] if copy is None else account.difference(copy)
                    if wrong:
                        report.differences.append(f"account {account.identity[1]}: {', '.join(wrong)}")
            done += len(accounts)
            tell("compare", done, total)
        # Sums do not depend on the order, which is each database's own.
        report.source_digest, report.target_digest = (f"{each % 2**256:064x}" for each in sums)


def _find(datastore: Any, account: Account) -> Any:
    uniquifier = account.values.get("fs_uniquifier")
    if uniquifier and hasattr(datastore.user_model, "fs_uniquifier"):
        # It stays when the address changes.
        user = datastore.find_user(fs_uniquifier=uniquifier)
        if user is not None:
            return user
    name, value = account.identity
    if value is None:
        raise BadArgumentError("an account has nothing to find it by", values=sorted(account.values))
    return datastore.find_user(**{name: value})
