# mypy: disable-error-code="import-not-found, misc, no-any-return, attr-defined, untyped-decorator"
# pyright: basic, reportMissingImports=false, reportAttributeAccessIssue=false, reportReturnType=false
"""SQLAlchemy's ORM: one Session kept, its identity map emptied after every call."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, and_, create_engine, delete, event, func, insert, or_, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from bench.peers.contract import Peer
from bench.record import Fields


class Base(DeclarativeBase):
    pass


class Record(Base):
    __tablename__ = "record"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(index=True)
    email: Mapped[str] = mapped_column(index=True)
    age: Mapped[int] = mapped_column(index=True)
    score: Mapped[float] = mapped_column(index=True)
    active: Mapped[bool] = mapped_column(index=True)
    created: Mapped[datetime] = mapped_column(index=True)
    tags: Mapped[list[str]] = mapped_column(JSON)
    bio: Mapped[str]


class SQLAlchemyPeer(Peer):
    def __init__(self, path: str) -> None:
        self._engine = create_engine(f"sqlite:///{path}")

        @event.listens_for(self._engine, "connect")
        def durable(connection: Any, _: Any) -> None:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")

        Base.metadata.create_all(self._engine)
        self._session = Session(self._engine, expire_on_commit=False)

    def load(self, rows: Iterable[Fields]) -> None:
        self._session.execute(insert(Record), list(rows))
        self._session.commit()

    def durability(self) -> tuple[str, int]:
        journal, synchronous = (
            self._session.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous")
        )
        return journal, synchronous

    def discard(self, handles: Iterable[int]) -> None:
        for handle in handles:
            self._session.execute(delete(Record).where(Record.id == handle))
        self._session.commit()

    def settle(self) -> None:
        self._session.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
        self._session.rollback()

    def index(self) -> None:
        Index("ix_record_active_age_score", Record.active, Record.age, Record.score).create(self._engine)

    def close(self) -> None:
        self._session.close()
        self._engine.dispose()

    def _all(self, statement: Any) -> list[Record]:
        found = list(self._session.scalars(statement))
        self._session.expunge_all()
        return found

    def get(self, number: int) -> Record:
        found = self._session.get_one(Record, number)
        self._session.expunge_all()
        return found

    def get_multi(self, numbers: Sequence[int]) -> Sequence[Record]:
        found = {record.id: record for record in self._all(select(Record).where(Record.id.in_(numbers)))}
        return [found[number] for number in numbers]

    def query_eq(self, email: str) -> Sequence[Record]:
        return self._all(select(Record).where(Record.email == email))

    def range_100(self, low: float) -> Sequence[Record]:
        return self._all(select(Record).where(Record.score >= low).order_by(Record.score).limit(100))

    def two_eq(self, age: int) -> Sequence[Record]:
        return self._all(select(Record).where(Record.age == age, Record.active == True))  # noqa: E712

    def eq_sort(self, age: int) -> Sequence[Record]:
        wanted = select(Record).where(Record.age == age, Record.active == True)  # noqa: E712
        return self._all(wanted.order_by(Record.score).limit(20))

    def or_three(self, first: int, second: int, third: int) -> Sequence[Record]:
        wanted = or_(
            and_(Record.age == first, Record.active == True),  # noqa: E712
            and_(Record.age == second, Record.active == False),  # noqa: E712
            and_(Record.age == third, Record.active == True),  # noqa: E712
        )
        return self._all(select(Record).where(wanted).order_by(Record.score).limit(50))

    def projection_100(self, age: int) -> Sequence[tuple[int, float]]:
        pairs = select(Record.age, Record.score).where(Record.active == True, Record.age >= age)  # noqa: E712
        return self._session.execute(pairs.order_by(Record.age, Record.score).limit(100)).all()

    def count(self, age: int) -> int:
        return self._session.scalar(select(func.count()).select_from(Record).where(Record.age > age))

    def iterate(self) -> Sequence[Record]:
        return self._all(select(Record))

    def put_one(self, fields: Fields) -> int:
        record = Record(**fields)
        self._session.add(record)
        self._session.commit()
        self._session.expunge_all()
        return record.id

    def batch_500(self, rows: Sequence[Fields]) -> Sequence[int]:
        made = [Record(**fields) for fields in rows]
        self._session.add_all(made)
        self._session.commit()
        self._session.expunge_all()
        return [record.id for record in made]

    def update_one(self, number: int, age: int) -> None:
        record = self._session.get_one(Record, number)
        record.age = age
        self._session.commit()
        self._session.expunge_all()

    def transfer(self, source: int, target: int, amount: float) -> None:
        with self._session.begin():
            left, right = self._session.get_one(Record, source), self._session.get_one(Record, target)
            left.score -= amount
            right.score += amount
        self._session.expunge_all()

    def delete_one(self, handle: int) -> None:
        self._session.execute(delete(Record).where(Record.id == handle))
        self._session.commit()

    def construct(self, rows: Sequence[tuple[Fields]]) -> None:
        for (fields,) in rows:
            Record(**fields)


def open_peer(path: str) -> SQLAlchemyPeer:
    """Open or create *path*."""
    return SQLAlchemyPeer(path)
