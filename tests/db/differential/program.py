"""Random programs for App Engine's db and for ours: lines of Python, and what came of each.

The lines of a seed are the same everywhere; they name entities by key names, never by ids, which differ.
"""

import ast
import random
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

T = TypeVar("T")

SETUP = """
class P(db.Model):
    name = db.StringProperty()
    age = db.IntegerProperty(default=7)
    size = db.FloatProperty()
    ok = db.BooleanProperty()
    role = db.StringProperty(choices=['a', 'b'])
    text = db.TextProperty()
    blob = db.BlobProperty()
    short = db.ByteStringProperty()
    at = db.DateTimeProperty()
    day = db.DateProperty()
    hour = db.TimeProperty()
    nums = db.ListProperty(int)
    tags = db.StringListProperty()
    days = db.ListProperty(dt.date)
    mail = db.EmailProperty()
    link = db.LinkProperty()
    cat = db.CategoryProperty()
    im = db.IMProperty()
    geo = db.GeoPtProperty()
    rate = db.RatingProperty()
    dark = db.StringProperty(indexed=False)
    boss = db.SelfReferenceProperty(collection_name='staff')
    upper = db.ComputedProperty(lambda self: (self.name or '').upper())

class X(db.Expando):
    fixed = db.IntegerProperty()

class Animal(polymodel.PolyModel):
    name = db.StringProperty()

class Dog(Animal):
    bark = db.IntegerProperty()

class Puppy(Dog):
    weeks = db.IntegerProperty()

def K(*path):
    return db.Key.from_path(*path)

def keys(query):
    return ['/'.join(map(str, (each if isinstance(each, db.Key) else each.key()).to_path())) for each in query]

def shown(instance):
    if instance is None:
        return None
    values = [(name, type(value).__name__, value) for name, value in sorted(db.to_dict(instance).items())]
    return type(instance).__name__, keys([instance]), values

def pages(make, size):
    found, cursor = [], None
    for _ in range(4):
        query = make()
        if cursor is not None:
            query.with_cursor(cursor)
        found.append(keys(query.fetch(size)))
        cursor = query.cursor()
    return found

def changed(key, **values):
    instance = db.get(key)
    if instance is None:
        return None
    for name, value in values.items():
        setattr(instance, name, value)
    instance.put()
    return shown(instance)

COUNT = [100]

def contended(key, xg, retries, *others):
    tries = []
    def work():
        found = db.get(key)
        tries.append(None if found is None else found.age)
        if len(tries) < 3:
            COUNT[0] += 1
            db.non_transactional(lambda: P(key=key, age=COUNT[0]).put())()
        P(key=key, age=-1).put()
        for other in others:
            P(key=other, age=-2).put()
        return len(tries)
    options = db.create_transaction_options(xg=xg, retries=retries)
    return db.run_in_transaction_options(options, work), tries
"""

_VALUES: dict[str, list[str]] = {
    "name": ["'a'", "'b'", "'ab'", "'é'", "''", "None", "'x' * 1501", "3", "'a\\nb'"],
    "age": ["0", "1", "5", "-3", "2 ** 40", "None", "2 ** 63", "'x'", "True", "1.5"],
    "size": ["0.0", "1.5", "-2.25", "None", "1"],
    "ok": ["True", "False", "None", "1"],
    "role": ["'a'", "'b'", "''", "None", "'c'"],
    "text": ["'t'", "'t' * 2000", "None", "db.Text('x')", "5"],
    "blob": ["b'b'", "None", "db.Blob(b'x' * 2000)", "'b'"],
    "short": ["b's'", "b'\\xff\\x00'", "None", "b's' * 1501"],
    "at": ["dt.datetime(2020, 1, 2, 3, 4, 5, 6)", "dt.datetime(1960, 1, 1)", "None", "dt.date(2020, 1, 1)"],
    "day": ["dt.date(2020, 1, 2)", "dt.date(1815, 12, 10)", "None", "dt.datetime(2020, 1, 1)"],
    "hour": ["dt.time(0)", "dt.time(3, 4, 5, 6)", "None", "5"],
    "nums": ["[]", "[1]", "[3, 1]", "[1, 5, 5]", "[-1, 2]", "None", "['x']"],
    "tags": ["[]", "['x']", "['x', 'y']", "['z', 'a']", "'x'"],
    "days": ["[]", "[dt.date(2020, 1, 1), dt.date(2019, 1, 1)]"],
    "mail": ["'a@b'", "'c@d'", "None", "''", "3"],
    "link": ["'http://a/b'", "None", "'nolink'"],
    "cat": ["'c'", "'d'", "None"],
    "im": ["'sip a'", "db.IM('xmpp', 'b')", "None", "'bad'"],
    "geo": ["'1,2'", "db.GeoPt(-1, 2)", "None", "'91,0'"],
    "rate": ["5", "100", "None", "101"],
    "dark": ["'d'", "None"],
    "boss": ["None", "K('P', 'a')", "K('P', 'a', 'P', 'b')", "K('P', 'gone')"],
}
_DYNAMIC = (
    *("1", "'s'", "1.5", "True", "None", "db.Text('t')", "db.Blob(b'b')", "[1, 2]", "['a', 'b']"),
    *("dt.datetime(2020, 1, 1)", "db.Email('a@b')", "db.Category('c')", "db.Rating(3)", "db.GeoPt(1, 2)"),
    *("K('P', 'a')", "db.IM('sip', 'a')", "object()", "(1, 2)", "[db.Text('a')]", "db.ByteString(b'b')"),
)
_OPERATORS = ("=", "<", "<=", ">", ">=", "!=")
_FILTERED = ("name", "age", "size", "ok", "role", "nums", "tags", "at", "mail", "cat", "geo", "rate", "boss")


class Lines:
    """The lines of one seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def line(self) -> str:
        """One more."""
        kinds: list[tuple[int, Callable[[], str]]] = [
            (20, self._put),
            (8, self._put_expando),
            (6, self._put_animal),
            (8, self._change),
            (6, self._delete),
            (8, self._get),
            (26, self._query),
            (8, self._gql),
            (6, self._paged),
            (8, self._projection),
            (6, self._transaction),
            (4, self._odd),
        ]
        weights = [weight for weight, _ in kinds]
        return self._random.choices(kinds, weights)[0][1]()

    def _choice(self, options: Sequence[T]) -> T:
        return self._random.choice(options)

    def _value(self, name: str) -> str:
        options = _VALUES[name]
        # Mostly good ones: the bad ones stand at the end of each list.
        at = min(self._random.randrange(len(options)), self._random.randrange(len(options)))
        return options[at]

    def _path(self, kind: str = "P") -> str:
        name = self._choice("abcdef")
        above = f"'P', '{self._choice('ab')}', " if self._random.random() < 0.4 else ""
        return f"{above}'{kind}', '{name}'"

    def _put(self) -> str:
        names = self._random.sample(sorted(_VALUES), self._random.randrange(6))
        values = "".join(f", {name}={self._value(name)}" for name in names)
        put = f"P(key=K({self._path()}){values})"
        return f"keys([db.get({put}.put())])"

    def _put_expando(self) -> str:
        names = self._random.sample(["x", "y", "z", "name", "fixed", "_hidden", "put"], 3)
        values = "".join(f", {name}={self._choice(_DYNAMIC)}" for name in names)
        return f"shown(db.get(X(key_name='{self._choice('abc')}'{values}).put()))"

    def _put_animal(self) -> str:
        made = self._choice(
            ["Animal(name='a'", "Dog(name='d', bark=3", "Puppy(name='p', bark=1, weeks=2", "Dog(bark='x'"]
        )
        return f"shown(db.get({made}, key_name='{self._choice('abcdef')}').put()))"

    def _change(self) -> str:
        name = self._choice(sorted(_VALUES))
        return f"changed(K({self._path()}), {name}={self._value(name)})"

    def _delete(self) -> str:
        return self._choice(
            [
                f"db.delete(K({self._path()}))",
                f"db.delete([K({self._path()}), K({self._path()})])",
                f"db.get(K({self._path()})).delete()",
                f"db.delete(K({self._path('X')}))",
            ]
        )

    def _get(self) -> str:
        return self._choice(
            [
                f"shown(db.get(K({self._path()})))",
                f"[shown(each) for each in db.get([K({self._path()}), K({self._path()})])]",
                f"shown(db.get(K({self._path()})).boss)",
                f"keys(db.get(K({self._path()})).staff)",
                f"shown(db.get(K({self._path()})).parent())",
                f"shown(X.get_by_key_name('{self._choice('abc')}'))",
                f"shown(Dog.get_by_key_name('{self._choice('abcdef')}'))",
                f"keys([P.get_or_insert('{self._choice('abcdef')}', age={self._value('age')})])",
            ]
        )

    def _filters(self) -> list[tuple[str, str, str]]:
        found: list[tuple[str, str, str]] = []
        for _ in range(self._choice([0, 1, 1, 1, 2, 2, 3])):
            name = self._choice(_FILTERED)
            value = (
                self._value(name) if name not in ("nums", "tags") else self._choice(["1", "5", "'x'", "'y'"])
            )
            found.append((name, self._choice(["=", "=", *_OPERATORS]), value))
        return found

    def _orders(self) -> list[str]:
        names = self._random.sample(
            ["name", "age", "size", "at", "mail", "geo", "rate"], self._choice([0, 0, 1, 2])
        )
        return [self._choice(["", "-"]) + name for name in names]

    def _made_query(self, filters: list[tuple[str, str, str]], orders: list[str]) -> str:
        text = "P.all()"
        for name, op, value in filters:
            text += f".filter('{name} {op}', {value})"
        for order in orders:
            text += f".order('{order}')"
        if self._random.random() < 0.2:
            text += f".ancestor(K('P', '{self._choice('ab')}'))"
        return text

    def _query(self) -> str:
        filters, orders = self._filters(), self._orders()
        query = self._made_query(filters, orders)
        if self._random.random() < 0.15:
            name = self._choice(["name", "age", "role"])
            members = ", ".join(self._value(name) for _ in range(self._choice([0, 1, 2, 3])))
            # Without other alternatives: App Engine's ways of merging them are its own.
            query = f"P.all().filter('{name} IN', [{members}]).order('{self._choice(['', '-'])}age')"
        return self._choice(
            [
                f"keys({query})",
                f"keys({query}.fetch({self._choice([0, 1, 2, 5])}, {self._choice([0, 0, 1, 3])}))",
                f"{query}.count()",
                f"{query}.count({self._choice([0, 1, 3])})",
                f"keys({query}.run(keys_only=True, limit=3))",
                f"shown({query}.get())",
                f"keys({query}[1:3])",
            ]
        )

    def _gql(self) -> str:
        filters, orders = self._filters(), self._orders()
        conditions = [f"{name} {op} :{at}" for at, (name, op, _) in enumerate(filters, 1)]
        text = "SELECT " + self._choice(["*", "*", "__key__"]) + " FROM P"
        text += f" WHERE {' AND '.join(conditions)}" if conditions else ""
        sorting = [f"{order.strip('-')} {'DESC' if order.startswith('-') else 'ASC'}" for order in orders]
        text += f" ORDER BY {', '.join(sorting)}" if sorting else ""
        text += self._choice(["", "", " LIMIT 2", " LIMIT 1, 2", " LIMIT 3 OFFSET 1"])
        values = "".join(f", {value}" for _, _, value in filters)
        return f'keys(db.GqlQuery("{text}"{values}))'

    def _paged(self) -> str:
        filters = [each for each in self._filters() if each[1] != "!="]
        return f"pages(lambda: {self._made_query(filters, self._orders())}, {self._choice([1, 2, 3])})"

    def _projection(self) -> str:
        names = self._random.sample(
            ["name", "age", "size", "ok", "at", "day", "tags", "mail", "geo"], self._choice([1, 2])
        )
        distinct = self._choice(["", ", distinct=True"])
        # Distinct results are told apart in the order of what they are distinct by.
        order = self._choice(names)
        values = ", ".join(f"each.{name}" for name in names)
        query = f"db.Query(P, projection={names!r}{distinct}).order('{order}')"
        if len(names) == 1:
            return f"[({values},) for each in {query}]"
        other = next(name for name in names if name != order)
        return f"[({values}) for each in {query}.order('{other}')]"

    def _transaction(self) -> str:
        one, other = self._path(), self._path()
        return self._choice(
            [
                f"db.run_in_transaction(changed, K({one}), age={self._value('age')})",
                f"db.run_in_transaction(lambda: [shown(db.get(K({one}))), shown(db.get(K({other})))])",
                f"db.run_in_transaction(lambda: keys(P.all().ancestor(K({one}))))",
                f"contended(K({one}), {self._choice([True, False])}, {self._choice([0, 1, 2, 3])})",
                f"contended(K({one}), {self._choice([True, False])}, 3, K({other}))",
                f"db.run_in_transaction(lambda: P(key=K({one}), age=1).put() and 1 / 0)",
                "db.run_in_transaction(lambda: P.all().get())",
            ]
        )

    def _odd(self) -> str:
        return self._choice(
            [
                "keys(Animal.all().order('name')), keys(Dog.all()), keys(Puppy.all())",
                "keys(Dog.all().filter('bark >', 1)), keys(Dog.gql('WHERE bark > :1', 1))",
                "keys(X.all().order('fixed')), keys(X.all().filter('x =', 1)), keys(X.all().filter('y =', 's'))",
                "keys(X.all().order('x')), keys(X.all().order('-z'))",
                "keys(db.Query().ancestor(K('P', 'a')))",
                "keys(db.query_descendants(P(key_name='a')))",
                "P.all().order('dark')",
                "P.all().filter('dark =', 'd')",
                "P.all().filter('tags =', ['x'])",
            ]
        )


def run(lines: list[str], scope: dict[str, Any]) -> list[str]:
    """What came of *lines*; *scope* has the modules of one db."""
    exec(SETUP, scope)
    return [_outcome(line, scope) for line in lines]


def _outcome(line: str, scope: dict[str, Any]) -> str:
    try:
        value = eval(compile(ast.parse(line, mode="eval"), "<line>", "eval"), scope)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the outcome
        return re.sub(r" at 0x[0-9a-f]+", "", f"{type(error).__name__}: {error}")
    return re.sub(r"<[\w.]*?(\w+) object at 0x[0-9a-f]+>", r"<\1>", repr(value))


def lines_of(seed: int, number: int) -> list[str]:
    """The first *number* lines of a seed."""
    lines = Lines(seed)
    return [lines.line() for _ in range(number)]
