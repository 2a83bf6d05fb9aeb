# mypy: disable-error-code="import-not-found, import-untyped, misc, no-any-return, no-untyped-call, attr-defined, var-annotated"
# pyright: basic, reportMissingImports=false, reportAttributeAccessIssue=false, reportReturnType=false
"""Django's ORM, with only the settings a lone model needs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import django
from django.conf import settings
from django.db import connection, models, transaction

from bench.peers.contract import Peer
from bench.record import Fields

settings.configure(
    USE_TZ=False,
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": "",
            "OPTIONS": {
                "init_command": "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL",
                "transaction_mode": "IMMEDIATE",
            },
        }
    },
)
django.setup()


class Record(models.Model):
    name = models.CharField(max_length=200, db_index=True)
    email = models.CharField(max_length=200, db_index=True)
    age = models.IntegerField(db_index=True)
    score = models.FloatField(db_index=True)
    active = models.BooleanField(db_index=True)
    created = models.DateTimeField(db_index=True)
    tags: Any = models.JSONField()
    bio = models.TextField()

    class Meta:
        app_label = "bench"


class DjangoPeer(Peer):
    def __init__(self, path: str) -> None:
        connection.settings_dict["NAME"] = path
        if not connection.introspection.table_names():
            with connection.schema_editor() as editor:
                editor.create_model(Record)

    def load(self, rows: Iterable[Fields]) -> None:
        Record.objects.bulk_create((Record(**fields) for fields in rows), batch_size=1000)

    def durability(self) -> tuple[str, int]:
        with connection.cursor() as cursor:
            journal, synchronous = (
                cursor.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")
            )
        return journal, synchronous

    def discard(self, handles: Iterable[int]) -> None:
        with transaction.atomic():
            for handle in handles:
                Record.objects.filter(pk=handle).delete()

    def settle(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def index(self) -> None:
        with connection.schema_editor() as editor:
            editor.add_index(Record, models.Index(fields=["active", "age", "score"], name="active_age_score"))

    def close(self) -> None:
        connection.close()

    def get(self, number: int) -> Record:
        return Record.objects.get(pk=number)

    def get_multi(self, numbers: Sequence[int]) -> Sequence[Record]:
        found = {record.id: record for record in Record.objects.filter(pk__in=numbers)}
        return [found[number] for number in numbers]

    def query_eq(self, email: str) -> Sequence[Record]:
        return list(Record.objects.filter(email=email))

    def range_100(self, low: float) -> Sequence[Record]:
        return list(Record.objects.filter(score__gte=low).order_by("score")[:100])

    def two_eq(self, age: int) -> Sequence[Record]:
        return list(Record.objects.filter(age=age, active=True))

    def eq_sort(self, age: int) -> Sequence[Record]:
        return list(Record.objects.filter(age=age, active=True).order_by("score")[:20])

    def or_three(self, first: int, second: int, third: int) -> Sequence[Record]:
        wanted = (
            models.Q(age=first, active=True)
            | models.Q(age=second, active=False)
            | models.Q(age=third, active=True)
        )
        return list(Record.objects.filter(wanted).order_by("score")[:50])

    def projection_100(self, age: int) -> Sequence[tuple[int, float]]:
        found = Record.objects.filter(active=True, age__gte=age).order_by("age", "score")
        return list(found.values_list("age", "score")[:100])

    def count(self, age: int) -> int:
        return Record.objects.filter(age__gt=age).count()

    def iterate(self) -> Sequence[Record]:
        return list(Record.objects.all())

    def put_one(self, fields: Fields) -> int:
        return Record.objects.create(**fields).id

    def batch_500(self, rows: Sequence[Fields]) -> Sequence[int]:
        made = Record.objects.bulk_create([Record(**fields) for fields in rows])
        return [record.id for record in made]

    def update_one(self, number: int, age: int) -> None:
        record = Record.objects.get(pk=number)
        record.age = age
        record.save()

    def transfer(self, source: int, target: int, amount: float) -> None:
        with transaction.atomic():
            left, right = Record.objects.get(pk=source), Record.objects.get(pk=target)
            left.score -= amount
            right.score += amount
            left.save()
            right.save()

    def delete_one(self, handle: int) -> None:
        Record.objects.filter(pk=handle).delete()

    def construct(self, rows: Sequence[tuple[Fields]]) -> None:
        for (fields,) in rows:
            Record(**fields)


def open_peer(path: str) -> DjangoPeer:
    """Open or create *path*."""
    return DjangoPeer(path)
