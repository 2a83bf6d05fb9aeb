"""Random GQL: queries that the grammars have, with arguments, and texts that are nearly queries."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from kindstore.store.gql import Dialect
from kindstore.values.key import Key, Partition
from kindstore.values.reference import to_urlsafe

PARTITION = Partition.of("p")
ENCODED = to_urlsafe(Key.of(PARTITION, ("A", 7, "B", "x")))


def _split(text: str) -> list[str]:
    return text.split()


APP_ENGINE_WORDS = _split(
    """SELECT DISTINCT FROM WHERE IN ANCESTOR IS AND OR NOT ORDER BY ASC DESC GROUP LIMIT OFFSET HINT
    ORDER_FIRST FILTER_FIRST ANCESTOR_FIRST TRUE FALSE NULL KEY GEOPT USER DATETIME DATE TIME"""
)
V1_WORDS = _split(
    """SELECT DISTINCT ON FROM WHERE AND OR NOT IN IS NULL CONTAINS HAS ANCESTOR DESCENDANT ORDER BY ASC DESC
    LIMIT FIRST OFFSET TRUE FALSE KEY PROJECT NAMESPACE BLOB DATETIME ARRAY COUNT COUNT_UP_TO SUM AVG AS
    AGGREGATE OVER"""
)
SCRAPS = [
    *_split(", ( ) * ; = < > <= >= != <> == : @ ' \" ` . - + \\ \0 $ # é ß \ud800 日本"),
    *_split(":1 :2 :a :0 @1 @2 @a @0 0 1 -1 1.5 .5 +5 1e5 007 9223372036854775807 9223372036854775808 1."),
    *_split("'' 'a' 'it''s' \"a\" \"a\"\"b\" `a` `a``b` a.b a..b a. .a __key__ -- /* */ LIKE BETWEEN"),
    *_split("'2024-02-29' '12:34:56' '2024-02-29T12:34:56Z' 'YWJj' 99999999999999999999"),
    "'2024-02-29 12:34:56'",
    ENCODED,
    "\n",
    "\t",
    " ",
    "",
]


class Sentences:
    """An endless supply from one seed.  `args` and `kwargs` are those of the last query."""

    def __init__(self, rng: random.Random, dialect: Dialect) -> None:
        self.rng = rng
        self.is_v1 = dialect is Dialect.V1
        self.has_not_in = dialect is Dialect.NDB
        self.words = V1_WORDS if self.is_v1 else APP_ENGINE_WORDS
        self.args: list[Any] = []
        self.kwargs: dict[str, Any] = {}

    # Choices

    def maybe(self, chance: float) -> bool:
        return self.rng.random() < chance

    def one(self, *choices: str | Callable[[], str]) -> str:
        """One of *choices*; of a function what it gives, so that no argument is made in vain."""
        chosen = self.rng.choice(choices)
        return chosen if isinstance(chosen, str) else chosen()

    def pick(self, *choices: Any) -> Any:
        """One of *choices*, whatever they are."""
        return self.rng.choice(choices)

    def some(self, make: Callable[[], str], most: int = 3, joint: str = ", ") -> str:
        return joint.join(make() for _ in range(self.rng.randint(1, most)))

    def word(self, word: str) -> str:
        """A keyword, in any case."""
        return word if self.maybe(0.8) else "".join(self.one(c.lower(), c.upper()) for c in word)

    def words_of(self, text: str) -> str:
        return " ".join(self.word(word) for word in text.split())

    # What both dialects have

    def query(self) -> str:
        """A query; its arguments are in `args` and `kwargs`."""
        self.args, self.kwargs = [], {}
        return self.v1_query() if self.is_v1 else self.app_engine_query()

    def nearly(self) -> str:
        """A text that was a query, until something happened to it."""
        text = self.query()
        for _ in range(self.rng.randint(1, 3)):
            at, to = sorted((self.rng.randint(0, len(text)), self.rng.randint(0, len(text))))
            scrap = self.one(*SCRAPS) if self.maybe(0.7) else self.word(self.one(*self.words))
            kind = self.rng.random()
            if kind < 0.3:
                text = text[:at] + scrap + text[at:]
            elif kind < 0.5:
                text = f"{text[:at]} {scrap} {text[at:]}"
            elif kind < 0.6:
                text = text[:at] + text[min(to, at + 6) :]
            elif kind < 0.7:
                text = text[:at]
            else:  # a whole word
                words = text.split(" ")
                place = self.rng.randrange(len(words))
                words[place : place + 1] = self.pick([], [scrap], [words[place], scrap], [words[place]] * 2)
                text = " ".join(words)
        return text

    def scraps(self) -> str:
        """Words in no order."""
        pool = [*SCRAPS, *self.words]
        return self.one(" ", "").join(self.one(*pool) for _ in range(self.rng.randint(0, 12)))

    def argument(self, value: Any) -> str:
        """A parameter for *value*."""
        sign = "@" if self.is_v1 else ":"
        if self.maybe(0.5):
            self.args.append(value)
            return f"{sign}{len(self.args)}"
        name = self.one("a", "b_c", "limit", f"x{len(self.kwargs)}")
        if name in self.kwargs:
            name = f"y{len(self.kwargs)}"
        self.kwargs[name] = value
        return f"{sign}{name}"

    def number(self) -> str:
        return self.one(
            "0", "1", "-1", "42", "-7", "007", "1.5", "-0.25", "100000", "9223372036854775807", "3.0"
        )

    def value_given(self) -> Any:
        return self.pick(1, -3, 1.5, "a", "é", "", None, True, b"x", Key.of(PARTITION, ("A", 1)))

    def orders(self) -> str:
        return self.some(lambda: self.name() + self.one("", " " + self.word("ASC"), " " + self.word("DESC")))

    # App Engine's

    def app_engine_query(self) -> str:
        parts = [self.word("SELECT"), self.app_engine_selection()]
        if self.maybe(0.9):
            parts += [self.word("FROM"), self.kind()]
        if self.maybe(0.8):
            ancestor = [self.words_of("ANCESTOR IS") + " " + self.ancestor()] if self.maybe(0.2) else []
            conditions = ancestor + [self.condition() for _ in range(self.rng.randint(not ancestor, 3))]
            self.rng.shuffle(conditions)
            parts += [self.word("WHERE"), f" {self.word('AND')} ".join(conditions)]
        if self.maybe(0.3):
            parts += [self.words_of("ORDER BY"), self.orders()]
        limit = self.one("", "", "", "5", "1", "2, 7", "0,3", "010")
        parts += [self.word("LIMIT"), limit] if limit else []
        if self.maybe(0.2) and "," not in limit:
            parts += [self.word("OFFSET"), self.one("0", "3", "12")]
        if self.maybe(0.1):
            parts += [self.word("HINT"), self.word(self.one("ORDER_FIRST", "FILTER_FIRST", "ANCESTOR_FIRST"))]
        if self.maybe(0.1):
            parts.append(";")
        return self.one(" ", " ", "  ", "\n").join(parts)

    def app_engine_selection(self) -> str:
        if self.maybe(0.5):
            return "*"
        if self.maybe(0.2):
            return "__key__"
        return (self.word("DISTINCT") + " " if self.maybe(0.3) else "") + self.some(self.name)

    def name(self) -> str:
        if self.is_v1:
            return self.one(
                "a", "b", "c_d", "a.b", "__key__", "`a b`", "`x``y`.z", "$v", "key", "naïve", "count1"
            )
        return self.one(
            "a", "b", "c_d", "a.b", "__key__", '"a-b"', '"x""y"', "naïve", "order", "limit", "keys"
        )

    def kind(self) -> str:
        return (
            self.one("A", "Kind", "A.B", "`A b`", "Key")
            if self.is_v1
            else self.one("A", "Kind", "A.B", '"A-b"', "hint")
        )

    def condition(self) -> str:
        name = self.name()
        if self.has_not_in and self.maybe(0.15):
            return f"{name} {self.words_of('NOT IN')} {self.members()}"
        if self.maybe(0.25):
            return f"{name} {self.word('IN')} {self.members()}"
        joint = self.one(" ", " ", "")
        return f"{name}{joint}{self.one('=', '=', '!=', '<', '<=', '>', '>=')}{joint}{self.value()}"

    def members(self) -> str:
        if self.maybe(0.3):
            return self.argument([self.value_given() for _ in range(self.rng.randint(0, 3))])
        return f"({self.some(self.value)})"

    def value(self) -> str:
        return self.cast() if self.maybe(0.3) else self.literal()

    def literal(self) -> str:
        if self.maybe(0.3):
            return self.argument(self.value_given())
        return self.one(
            self.number(), "'a'", "'it''s'", "''", "'日本'", *map(self.word, ("TRUE", "FALSE", "NULL"))
        )

    def ancestor(self) -> str:
        key = Key.of(PARTITION, ("A", 1, "B", "x"))
        return self.one(self.key_cast, lambda: self.argument(key), f"'{ENCODED}'")

    def key_cast(self) -> str:
        inside = self.some(lambda: self.one("'A'", "'B'") + ", " + self.one("1", "42", "007", "'x'"))
        if self.maybe(0.2):
            inside = self.one(f"'{ENCODED}'", lambda: "'A', " + self.argument(self.pick(5, "n")))
        return f"{self.word('KEY')}({inside})"

    def cast(self) -> str:
        def number(*most: int) -> str:
            return ", ".join(str(self.rng.randint(1, each)) for each in most)

        name, inside = self.pick(
            ("GEOPT", "1.5, -7"),
            ("GEOPT", f"{self.rng.randint(-120, 120)}, {self.rng.randint(-200, 200)}"),
            ("USER", "'a@b.c'"),
            ("DATETIME", "'2024-02-29 12:34:56'"),
            ("DATETIME", number(3000, 12, 31)),
            ("DATETIME", number(3000, 12, 28, 23, 59, 60, 1_000_000)),
            ("DATETIME", lambda: self.argument(2024) + ", 1, 2"),
            ("DATE", "'2024-02-29'"),
            ("DATE", "'2023-02-29'"),
            ("DATE", number(3000, 13, 31)),
            ("TIME", "'12:34:56'"),
            ("TIME", "'1:2:3'"),
            ("TIME", number(24, 60, 60)),
            ("TIME", "7"),
            ("KEY", None),
        )
        if inside is None:
            return self.key_cast()
        return f"{self.word(name)}({inside() if callable(inside) else inside})"

    # v1's

    def v1_query(self) -> str:
        if self.maybe(0.2):
            aggregates = self.some(self.aggregate)
            if self.maybe(0.5):
                return f"{self.word('AGGREGATE')} {aggregates} {self.word('OVER')} ({self.v1_select()})"
            return f"{self.word('SELECT')} {aggregates}{self.v1_from()}"
        return self.v1_select()

    def v1_from(self) -> str:
        source = f" {self.word('FROM')} {self.kind()}" if self.maybe(0.9) else ""
        return source + (f" {self.word('WHERE')} {self.compound(2)}" if self.maybe(0.8) else "")

    def v1_select(self) -> str:
        text = f"{self.word('SELECT')} {self.v1_selection()}{self.v1_from()}"
        if self.maybe(0.3):
            text += f" {self.words_of('ORDER BY')} {self.orders()}"
        if self.maybe(0.3):
            limit = self.one("0", "5", lambda: self.argument(3), lambda: self.argument(b"cursor"))
            text += f" {self.word('LIMIT')} {limit}"
        elif self.maybe(0.1):
            text += f" {self.word('LIMIT')} {self.word('FIRST')}(5, {self.argument(b'cursor')})"
        if self.maybe(0.2):
            text += f" {self.word('OFFSET')} " + self.one(
                "0", "7", lambda: self.argument(b"start") + self.one("", " + 2")
            )
        return text

    def v1_selection(self) -> str:
        kind = self.rng.random()
        if kind < 0.5:
            return "*"
        if kind < 0.6:
            return "__key__"
        if kind < 0.7:
            return f"{self.words_of('DISTINCT ON')} ({self.some(self.name)}) {self.one('*', self.some(self.name))}"
        return (self.word("DISTINCT") + " " if self.maybe(0.3) else "") + self.some(self.name)

    def aggregate(self) -> str:
        function = self.one("COUNT(*)", "COUNT_UP_TO(10)", f"SUM({self.name()})", f"AVG({self.name()})")
        return function + (f" {self.word('AS')} n{self.rng.randrange(10**9)}" if self.maybe(0.4) else "")

    def compound(self, depth: int) -> str:
        if depth and self.maybe(0.3):
            return f"({self.compound(depth - 1)})"
        if depth and self.maybe(0.5):
            return f"{self.compound(depth - 1)} {self.word(self.one('AND', 'OR'))} {self.compound(depth - 1)}"
        return self.v1_condition()

    def v1_condition(self) -> str:
        name = self.name()
        compare = self.one("=", "!=", "<", "<=", ">", ">=")
        form = self.one(
            "{n} {c} {v}",
            "{v} {c} {n}",
            "{n} IS NULL",
            "{n} CONTAINS {v}",
            "{v} IN {n}",
            "{n} IN {m}",
            "{n} NOT IN {m}",
        )
        parts = {"n": name, "c": compare}
        if "{v}" in form:
            parts["v"] = self.v1_value()
        if "{m}" in form:
            parts["m"] = (
                self.argument([1, "a"])
                if self.maybe(0.3)
                else f"{self.word('ARRAY')}({self.some(self.v1_value)})"
            )
        return form.format(**parts)

    def v1_value(self) -> str:
        if self.maybe(0.25):
            return self.argument(self.value_given())
        return self.one(
            self.number(),
            "1e5",
            "-2.5E-3",
            "'a'",
            '"b"',
            r"'it\'s'",
            "'it''s'",
            r'"\n\t\\"',
            "TRUE",
            "false",
            "Null",
            "KEY(A, 1)",
            "KEY(A, 1, `B c`, 'x')",
            "KEY(PROJECT('q'), NAMESPACE('n'), A, 1)",
            "BLOB('YWJj')",
            "BLOB('YWI=')",
            "DATETIME('2024-02-29T12:34:56Z')",
            "DATETIME('2024-02-29T12:34:56.123456-08:00')",
        )
