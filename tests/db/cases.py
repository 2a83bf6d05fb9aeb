"""Calls of db, one a line, and what came of each: for App Engine's db and for ours (see `record_cases.py`).

Each group begins with an empty store and new classes; its lines see what earlier ones have set.  A line that is an
expression has its value as the result, any other one nothing; an error is its class and text.
"""

import ast
import re
from typing import Any

SETUP = """
class Person(db.Model):
    name = db.StringProperty(required=True)
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
    user = db.UserProperty()
    nums = db.ListProperty(int)
    tags = db.StringListProperty()
    days = db.ListProperty(dt.date)
    mail = db.EmailProperty()
    link = db.LinkProperty()
    cat = db.CategoryProperty()
    tel = db.PhoneNumberProperty()
    post = db.PostalAddressProperty()
    im = db.IMProperty()
    geo = db.GeoPtProperty()
    rate = db.RatingProperty()
    dark = db.StringProperty(indexed=False)
    lines = db.StringProperty(multiline=True)
    other = db.StringProperty(name='stored')
    boss = db.SelfReferenceProperty(collection_name='staff')
    upper = db.ComputedProperty(lambda self: self.name.upper())

class Any(db.Expando):
    fixed = db.IntegerProperty()

class Animal(polymodel.PolyModel):
    name = db.StringProperty()

class Dog(Animal):
    bark = db.IntegerProperty()

def P(**kw):
    kw.setdefault('name', 'n')
    return Person(**kw)

def names(query):
    return [each.name for each in query]
"""

GROUPS: dict[str, str] = {
    "values": r"""
db.Text('a'), db.Text(b'a'), db.Text(), db.Text(b'\xc3\xa4', 'utf-8')
db.Text('a', encoding='utf-8')
db.Text(3)
db.Blob(b'x'), db.Blob()
db.Blob('x')
db.ByteString('x')
db.Category('')
db.Category(3)
db.Email('a' * 1501)
db.Email('a@b').ToXml(), db.Category('a"b').ToXml(), db.Link('http://a/?b=1&c').ToXml()
db.PhoneNumber('1').ToXml(), db.PostalAddress('a<b').ToXml(), db.Rating(5).ToXml(), db.GeoPt(1, 2).ToXml(), db.IM('sip', 'a').ToXml()
db.Link('x')
db.Link('http://')
db.Link('file:///a')
db.Link('http://a/' + 'b' * 2083)
db.GeoPt(1, 2), str(db.GeoPt('1.5,-2')), db.GeoPt(1, 2) < db.GeoPt(1, 3), hash(db.GeoPt(1, 2)) == hash(db.GeoPt(1.0, 2.0))
db.GeoPt('1')
db.GeoPt(91, 0)
db.GeoPt(0, 181)
db.GeoPt('a', 'b')
db.GeoPt(None)
db.IM('xmpp', 'a@b'), str(db.IM('http://aim.com/ x')), db.IM('sip a') == db.IM('sip', 'a')
db.IM('x')
db.IM('foo', 'bar')
db.IM('sip', '')
db.Rating(5), db.Rating('7'), db.Rating(0)
db.Rating(101)
db.Rating(1.5)
db.Rating('x')
db.BlobKey('k'), str(db.BlobKey('k')), db.BlobKey('k') == 'k', db.BlobKey('a') < db.BlobKey('b')
users.User('a@gmail.com').nickname(), users.User('a@b').nickname(), users.User('a@b').email(), users.User('a@b') == users.User('a@b')
users.User('')
repr(users.User('a@b'))
""",
    "keys": r"""
k = db.Key.from_path('A', 1, 'B', 'x')
k.app(), k.namespace(), k.kind(), k.id(), k.name(), k.id_or_name(), k.has_id_or_name()
k.parent().to_path(), k.entity_group().to_path(), k.parent().parent(), k.to_path()
repr(k)
str(k), db.Key(str(k)) == k, hash(db.Key(str(k))) == hash(k)
str(db.Key.from_path('P', 1))
db.Key.from_path('A', 1, parent=k).to_path()
db.Key.from_path('A', 1, namespace='ns').namespace()
repr(db.Key.from_path('A', 1, namespace='ns'))
db.Key.from_path('A')
db.Key.from_path()
db.Key.from_path(1, 2)
db.Key.from_path('A', 1.5)
db.Key.from_path('A', None)
db.Key.from_path('A', '')
db.Key.from_path('A', 'x' * 1501)
db.Key.from_path('A', 1, foo=2)
db.Key.from_path('A', 1, parent='x')
db.Key.from_path('A', 1, parent=db.Key.from_path('B', 0))
db.Key.from_path('A', 1, parent=k, namespace='other')
db.Key.from_path('A', 0).has_id_or_name(), db.Key.from_path('A', 0).id()
str(db.Key.from_path('A', 0))
db.Key.from_path('A', 0).to_path()
db.Key(5)
sorted([db.Key.from_path('A', i) for i in ('b', 2, 10, '10', 1, 'B')], key=lambda k: k) == [db.Key.from_path('A', i) for i in (1, 2, 10, '10', 'B', 'b')]
db.Key.from_path('A', 1) < db.Key.from_path('A', 1, 'B', 1), db.Key.from_path('A', 1) == 1, db.Key.from_path('A', 1) != db.Key.from_path('A', 2)
""",
    "setting": r"""
Person()
P(name='')
P(name=3)
P(name='a\nb')
P(name='a' * 1501)
P(lines='a\nb').lines
P(age='x')
P(age=True)
P(age=1.5)
P(age=2 ** 63)
P(age=None).age, P().age, P(age=0).age
P(size=1)
P(size=1.5).size
P(ok=1)
P(ok=False).ok
P(role='c')
P(role='').role, P(role=None).role, P(role='a').role
P(text='x').text.__class__.__name__
P(text=3)
P(blob='x')
P(blob=b'x').blob.__class__.__name__
P(short='x')
P(short=b'x' * 1501)
P(at='x')
P(at=dt.date(2020, 1, 1))
P(at=dt.datetime(2020, 1, 1, 12, tzinfo=dt.timezone(dt.timedelta(hours=2)))).at
P(day=dt.datetime(2020, 1, 1))
P(day='x')
P(hour=dt.datetime(2020, 1, 1))
P(hour=dt.time(0)).hour
P(user='x')
P(nums=None)
P(nums=3)
P(nums=(1, 2))
P(nums=['a'])
P(nums=[True]).nums
P(tags=[1])
P(days=[3])
P().nums, P().tags
P(mail='').mail
P(mail=3)
P(link='x')
P(link='file:///x')
P(link='http://a/b').link
P(cat='c').cat.__class__.__name__
P(im='sip a').im
P(im='bad')
P(geo='1,2').geo
P(geo=3)
P(rate=5).rate, P(rate='7').rate
P(rate=200)
P(stored='v').other, P(other='v').other
P(unknown=1).is_saved()
P(upper='x')
P(name='abc').upper
p = P(); p.upper = 3
P(boss=3)
P(boss=P())
P(boss=Any(key_name='x'))
P(boss=db.Key.from_path('Anything', 1)).boss
Person.boss.get_value_for_datastore(P(boss=db.Key.from_path('Anything', 1))).to_path()
P().staff
p = P(key_name='a'); p.staff = 3
Person.name.validate(None)
Person.age.name, Person.other.name, Person.age.data_type, Person.age.datastore_type(), Person.age.model_class is Person
sorted(Person.properties())
sorted(Person.fields()) == sorted(Person.properties()), Person.kind(), Person.entity_type()
db.to_dict(P(name='x', day=dt.date(2020, 1, 1), nums=[1], boss=db.Key.from_path('Person', 1)))
""",
    "declaring": r"""
class A(db.Model): key = db.StringProperty()
class A(db.Model): put = db.StringProperty()
class A(db.Model): key_name = db.StringProperty()
class A(db.Model): __a__ = db.StringProperty()
class B(Person): name = db.StringProperty()
class C1(db.Model): x = db.StringProperty()
class C2(db.Model): x = db.StringProperty()
class C3(C1, C2): pass
class D(C1): y = db.StringProperty()
sorted(D.properties())
db.TextProperty(indexed=True)
db.BlobProperty(indexed=True)
db.ListProperty('x')
db.ListProperty(list)
db.ListProperty(object)
db.ListProperty(int, required=False)
db.ListProperty(db.Text, indexed=True)
db.ReferenceProperty(3)
db.SelfReferenceProperty(reference_class=Person)
class E1(db.Model): boss = db.ReferenceProperty(Person, collection_name='staff')
class E2(db.Model): boss = db.ReferenceProperty(Person)
hasattr(Person, 'e2_set')
class E3(db.Model): a = db.ReferenceProperty(Person); b = db.ReferenceProperty(Person)
db.UserProperty(default=3)
db.class_for_kind('Person') is Person
db.class_for_kind('Nobody')
db.check_reserved_word('put')
db.check_reserved_word('__x__')
db.check_reserved_word('fine')
class F(db.Model): v = db.StringProperty(validator=lambda v: 1 / 0)
F()
polymodel.PolyModel()
Dog.class_key(), Dog.class_name(), Dog.kind(), Animal.class_key()
Dog(name='x', bark=2)._class
Dog(**{'class': ['x']})
""",
    "instances": r"""
p = P(key_name='a')
p.is_saved(), bool(p.has_key()), p.key().to_path(), p.parent_key(), p.parent()
P().key()
P().has_key() and 1 or 0, P().is_saved()
P(key_name='')
P(key_name=3)
P(parent=3)
P(parent=P())
P(parent=p, key_name='b').key().to_path()
P(parent=p.key()).parent_key().to_path()
P(key=db.Key.from_path('Person', 5)).key().to_path()
P(key=('Person', 5)).key().to_path()
P(key=str(db.Key.from_path('Person', 5))).key().to_path()
P(key=3)
P(key=db.Key.from_path('Other', 5))
P(key=db.Key.from_path('Person', 0))
P(key=db.Key.from_path('Person', 5), key_name='x')
P(key=db.Key.from_path('Person', 'x'), key_name='x').key().to_path()
P(key=db.Key.from_path('Person', 5), parent=p)
P(parent=p, key=db.Key.from_path('Person', 'a', 'Person', 5)).key().to_path()
p.put() == p.key(), p.is_saved()
db.get(p.key()).name, db.get(str(p.key())).name, db.get(db.Key.from_path('Person', 'zz'))
[each and each.name for each in db.get([p.key(), db.Key.from_path('Person', 'zz')])]
db.get([])
db.get(db.Key.from_path('Person', 0))
Person.get(p.key()).name
Any.get(p.key())
Person.get_by_key_name('a').name, Person.get_by_key_name('b'), [each and each.name for each in Person.get_by_key_name(['a', 'b'])]
Person.get_by_key_name(3)
Person.get_by_id(3)
Person.get_by_id('x')
Person.get_or_insert('ins', name='one').name, Person.get_or_insert('ins', name='two').name
Person.get_or_insert('fail')
p.parent_key(), p.dynamic_properties(), p.instance_properties()
q = P(parent=p, key_name='kid'); q.put()
db.get(q.key()).parent().name, db.get(q.key()).parent_key().to_path()
db.put([P(key_name='x'), P(key_name='y')]) == [db.Key.from_path('Person', 'x'), db.Key.from_path('Person', 'y')]
db.put(3)
db.put([3])
db.put([])
p.delete()
p.is_saved(), p.key().to_path(), db.get(p.key())
P().delete()
db.delete([db.Key.from_path('Person', 'x'), Person.get_by_key_name('y')])
Person.get_by_key_name(['x', 'y'])
db.delete(3)
db.delete(db.Key.from_path('Person', 0))
r = P(key_name='full', age=3, size=2.5, ok=True, role='a', text='t', blob=b'b', short=b's', at=dt.datetime(2020, 1, 2), day=dt.date(2020, 1, 2), hour=dt.time(3, 4), user=users.User('a@b', _user_id='1'), nums=[3, 1], tags=['x'], days=[dt.date(2020, 1, 1)], mail='m@n', link='http://a/b', cat='c', tel='1', post='p', im='sip a', geo='1,2', rate=5, dark='d', lines='a\nb', stored='s', boss=q.key()).put()
g = db.get(r)
[(each, type(getattr(g, each)).__name__) for each in sorted(Person.properties()) if each not in ('boss',)]
{name: value for name, value in db.to_dict(g).items() if name != 'user'}
g.boss.name, [each.key().name() for each in q.staff]
db.get_async(r).get_result().name, db.put_async(g).get_result() == r, db.delete_async(q).get_result()
db.get(r).boss
db.model_is_projection(g) and 1 or 0
Any(fixed=1, key='x')
db.get(r, foo=1)
db.get(r, deadline=0)
db.get(r, deadline='x')
db.get(r, read_policy=db.EVENTUAL_CONSISTENCY).name
db.put(g, read_policy=db.EVENTUAL_CONSISTENCY)
db.get(r, config=db.create_config(deadline=5)).name
db.get(r, config=3)
db.create_config(foo=1)
db.create_config(deadline=-1)
db.allocate_ids(r, 0)
db.allocate_ids(r, 'x')
db.allocate_ids(r, 10 ** 9 + 1)
db.allocate_ids(3, 1)
b, e = db.allocate_ids(r, 10); e - b
b2, e2 = db.allocate_ids(r, 3); b2 > e or e2 < b
db.allocate_id_range(r, 0, 5)
db.allocate_id_range(r, 6, 5)
db.allocate_id_range(r, 100, 105)
db.put(P(key=db.Key.from_path('Person', 103))).id()
db.allocate_id_range(r, 100, 105)
""",
    "expando": r"""
a = Any(fixed=1, x='s', y=db.Text('t'), z=[1, 2], e=[], n=None, key_name='k')
sorted(a.dynamic_properties())
a.put().name()
b = Any.get_by_key_name('k')
[(each, type(getattr(b, each)).__name__, getattr(b, each)) for each in sorted(b.dynamic_properties())]
b.put = 3
b.__x__ = 3
b.odd = object()
b._hidden = 5; b._hidden
del b.x; sorted(b.dynamic_properties())
b.put().name()
sorted(Any.get_by_key_name('k').dynamic_properties())
b.x
b.nothing
del b.nothing
b.tup = (1, 2)
b.put()
del b.tup
b.late = 'v'; b.put().name()
[each.late for each in Any.all().filter('late =', 'v')]
Any.all().filter('y =', 't').count(), Any.all().filter('z =', 2).count()
Any(fixed='x')
Any(all=3)
[Any.get_by_key_name('k').fixed, sorted(db.to_dict(b))]
d = Dog(name='d', bark=3, key_name='d'); d.put().name()
type(Animal.get_by_key_name('d')).__name__, type(db.get(d.key())).__name__, Dog.get_by_key_name('d').bark
Animal(name='a', key_name='a').put().name()
names(Animal.all().order('name')), names(Dog.all()), names(Dog.gql('WHERE bark = :1', 3)), names(Animal.gql('ORDER BY name DESC'))
Dog.get_by_key_name('a')
Dog.get(Animal.get_by_key_name('a').key())
db.to_dict(d)
""",
    "queries": r"""
db.put([P(key_name=n, name=n, age=a, tags=t, at=dt.datetime(2020, 1, a)) for n, a, t in (('a', 5, ['x', 'y']), ('b', 1, ['y']), ('c', 9, []), ('d', 5, ['z']))]) and None
names(Person.all().order('age').order('name')), names(Person.all().order('-age').order('name'))
names(Person.all().filter('age =', 5)), names(Person.all().filter('age', 5)), names(Person.all().filter('age ==', 5)), names(Person.all().filter(' age  >= ', 5))
names(Person.all().filter('age >', 1).filter('age <', 9)), names(Person.all().filter('age !=', 5)), names(Person.all().filter('age IN', [9, 1])), names(Person.all().filter('age in', (5, 5)))
names(Person.all().filter('name !=', 'b').order('-name')), names(Person.all().filter('name IN', ['d', 'a', 'c']).order('-name'))
names(Person.all().filter('tags =', 'y')), names(Person.all().filter('tags =', 'y').filter('tags =', 'x')), names(Person.all().filter('tags IN', ['x', 'y', 'z']))
names(Person.all().filter('__key__ >', db.Key.from_path('Person', 'b'))), names(Person.all().filter('__key__ =', db.Key.from_path('Person', 'b')))
names(Person.all().filter('age IN', [])), names(Person.all().filter('unknown =', 3)), names(Person.all().filter('text =', 'x'))
names(Person.all().filter('at =', dt.date(2020, 1, 5))), names(Person.all().filter('at >', dt.date(2020, 1, 5)))
Person.all().filter('dark =', 'x')
Person.all().filter('age =', [1])
Person.all().filter('age IN', 3)
Person.all(keys_only=True).filter('age IN', [3])
Person.all(keys_only=True).filter('age !=', 3)
Person.all().filter('age >', 3).filter('name >', 'a').fetch(5)
Person.all().filter('age >', 3).order('name').fetch(5)
Person.all().filter('text =', db.Text('x')).fetch(5)
Person.all().filter('__key__ =', 'x').fetch(5)
Person.all().filter('name =', object()).fetch(5)
Person.all().filter('age IN', list(range(31))).fetch(5)
Person.all().filter('age IN', list(range(16))).filter('name !=', 'x').fetch(5)
Person.all().order('unknown')
Person.all().order('-dark')
db.Query().filter('age =', 3)
db.Query().order('age')
db.Query().order('-__key__')
names(db.Query().order('__key__')), names(db.Query().filter('__key__ >', db.Key.from_path('Person', 'c')))
Person.all().ancestor(3)
Person.all().ancestor(P())
Person.all().ancestor(db.Key.from_path('Person', 0))
names(Person.all().ancestor(db.Key.from_path('Person', 'a')))
Person.all().get().name, Person.all().filter('age =', 77).get()
Person.all().count(), Person.all().count(2), Person.all().count(limit=None), Person.all().filter('age IN', [5, 9]).count(), Person.all().count(offset=1)
names(Person.all().order('name').fetch(2)), names(Person.all().order('name').fetch(2, 1)), names(Person.all().order('name').fetch(None)), names(Person.all().order('name').fetch(limit=2, offset=3))
Person.all().order('name')[1].name, names(Person.all().order('name')[1:3]), names(Person.all().order('name')[:2]), Person.all()[3:1]
Person.all()[9]
Person.all()[-1]
Person.all()[1:]
Person.all()[0:2:2]
Person.all()['x']
Person.all().fetch(-1)
Person.all().fetch('x')
Person.all().fetch(1, -1)
Person.all().fetch()
names(Person.all().order('name').run(limit=2, batch_size=1)), names(Person.all().run(offset=3))
[k.name() for k in Person.all(keys_only=True).order('name')], [k.name() for k in Person.all().order('name').run(keys_only=True)]
Person.all().run(foo=1)
Person.all(keys_only=True).is_keys_only(), Person.all().is_keys_only(), Person.all().projection(), Person.all().is_distinct(), Person.all(projection=['age']).projection()
[(p.age, p.name) for p in db.Query(Person, projection=['name', 'age']).order('name')], db.Query(Person, projection=['age']).get().name
[p.age for p in db.Query(Person, projection=['age'], distinct=True).order('age')], [p.at for p in db.Query(Person, projection=('at',)).order('at')], [p.tags for p in db.Query(Person, projection=['tags'])]
db.Query(Person, distinct=True).fetch(1)
db.put(db.Query(Person, projection=['age']).get())
db.model_is_projection(db.Query(Person, projection=['age']).get())
db.Query(Person, projection=['age']).filter('age =', 3).fetch(1)
db.Query(Person, projection=['dark']).fetch(1)
q = Person.all().order('name')
q.cursor()
q.index_list()
names(q.fetch(2)), names(Person.all().order('name').with_cursor(q.cursor()))
q2 = Person.all().order('name'); names(q2.fetch(3)), names(Person.all().order('name').with_cursor(end_cursor=q2.cursor())), names(Person.all().order('name').with_cursor(q.cursor(), q2.cursor()))
it = Person.all().order('name'); r = it.run(); next(r).name, names(Person.all().order('name').with_cursor(it.cursor()))
c = Person.all().order('name'); c.count(2), names(Person.all().order('name').with_cursor(c.cursor()))
z = Person.all().order('name'); z.fetch(0), names(Person.all().order('name').with_cursor(z.cursor()))
m = Person.all().filter('age IN', [1, 5]); m.fetch(1) and None
m.cursor()
m.index_list()
Person.all().with_cursor('!!!')
Person.all().with_cursor(3)
Person.all().order('age').with_cursor(q.cursor()).fetch(1)
type(q.cursor()).__name__, db.websafe_encode_cursor(db.websafe_decode_cursor(q.cursor())) == q.cursor() if 0 else None
names(db.query_descendants(Person.get_by_key_name('a')))
names(pickle.loads(pickle.dumps(Person.all().order('-name').filter('age =', 5)))) if 0 else None
names(Person.all().filter('boss =', Person.get_by_key_name('a')))
names(Person.all().filter('ok =', None)), names(Person.all().filter('boss =', None).order('name'))
""",
    "gql": r"""
db.put([P(key_name=n, name=n, age=a) for n, a in (('a', 5), ('b', 1), ('c', 9), ('d', 5))]) and None
G = lambda text, *args, **kw: names(db.GqlQuery(text, *args, **kw))
G('SELECT * FROM Person ORDER BY name'), G("SELECT * FROM Person WHERE age > 4 ORDER BY age, name DESC"), G("SELECT * FROM Person WHERE age = :1", 5), G("SELECT * FROM Person WHERE age = :a AND name = :n", a=5, n='d')
G("SELECT * FROM Person WHERE age IN (1, 9)"), G("SELECT * FROM Person WHERE age IN :1", [1, 9]), G("SELECT * FROM Person WHERE age != 5 ORDER BY age"), G("SELECT * FROM Person WHERE __key__ = KEY('Person', 'b')"), G("SELECT * FROM Person WHERE ANCESTOR IS :1", db.Key.from_path('Person', 'a'))
G('SELECT * FROM Person ORDER BY name LIMIT 2'), G('SELECT * FROM Person ORDER BY name LIMIT 1, 2'), G('SELECT * FROM Person ORDER BY name LIMIT 2 OFFSET 1'), db.GqlQuery('SELECT * FROM Person ORDER BY name LIMIT 2').count(), names(db.GqlQuery('SELECT * FROM Person ORDER BY name LIMIT 1').fetch(3))
[k.name() for k in db.GqlQuery('SELECT __key__ FROM Person ORDER BY name')], [p.age for p in db.GqlQuery('SELECT age FROM Person ORDER BY age')], [p.age for p in db.GqlQuery('SELECT DISTINCT age FROM Person')]
names(Person.gql('WHERE age > :1 ORDER BY age', 4)), Person.gql('').count()
db.GqlQuery('SELECT * FROM Nobody')
db.GqlQuery('SELECT FROM')
db.GqlQuery('SELECT * FROM Person WHERE dark = 1')
db.GqlQuery('SELECT * FROM Person ORDER BY dark')
db.GqlQuery('SELECT * FROM Person WHERE age = :1').fetch(1)
db.GqlQuery('SELECT * FROM Person WHERE age = :a').fetch(1)
db.GqlQuery('SELECT * FROM Person WHERE age = :1', 1, 2).fetch(1)
db.GqlQuery('SELECT * FROM Person WHERE age = 1', b=2).fetch(1)
db.GqlQuery('SELECT * FROM Person WHERE age IN :1', 5).fetch(1)
db.GqlQuery('SELECT * FROM Person WHERE age IN :1', list(range(31))).fetch(1)
db.GqlQuery('SELECT * FROM Person WHERE age > 3 AND name > :1', 'a').fetch(1)
db.GqlQuery('SELECT * FROM Person WHERE age > 3 ORDER BY name').fetch(1)
db.GqlQuery('SELECT * FROM Person WHERE name = :1', db.Text('x')).fetch(1)
g = db.GqlQuery('SELECT * FROM Person WHERE age = :1', 5); g.bind(9); names(g)
db.GqlQuery('SELECT age FROM Person').projection(), db.GqlQuery('SELECT * FROM Person').projection(), db.GqlQuery('SELECT __key__ FROM Person').is_keys_only(), db.GqlQuery('SELECT DISTINCT age FROM Person').is_distinct()
names(db.GqlQuery('SELECT * FROM Person WHERE at = DATETIME(2020,1,1)')), names(db.GqlQuery("SELECT * FROM Person WHERE day = DATE('2020-01-01')"))
""",
    "transactions": r"""
a, b = db.put([P(key_name='a'), P(key_name='b')])
db.run_in_transaction(lambda: db.get(a).name), db.run_in_transaction(lambda x, y=0: (x, y), 1, y=2)
db.run_in_transaction(lambda: [each.name for each in db.get([a, b])])
db.run_in_transaction(lambda: (db.get(a), db.get(b)))
db.run_in_transaction(lambda: db.put(P()) and db.put(P()))
db.run_in_transaction(lambda: Person.all().get())
db.run_in_transaction(lambda: names(Person.all().ancestor(a)))
db.run_in_transaction(lambda: names(Person.all().ancestor(a)) + names(Person.all().ancestor(b)))
X = db.create_transaction_options(xg=True)
db.run_in_transaction_options(X, lambda: [each.name for each in db.get([a, b])])
db.run_in_transaction_options(X, lambda: db.get([db.Key.from_path('Person', i) for i in range(1, 27)]))
db.run_in_transaction_options(X, lambda: db.put([P() for i in range(26)]))
db.run_in_transaction(lambda: db.run_in_transaction(lambda: 1))
db.is_in_transaction(), db.run_in_transaction(db.is_in_transaction)
db.run_in_transaction(lambda: 1 / 0)
def f(): raise db.Rollback()
db.run_in_transaction(f)
def f(): db.put(P(key_name='c', parent=a)); raise db.Rollback()
db.run_in_transaction(f), Person.get_by_key_name('c', parent=a)
def f(): db.put(P(key_name='c', parent=a, age=1)); return Person.get_by_key_name('c', parent=a)
db.run_in_transaction(f), Person.get_by_key_name('c', parent=a).age
db.run_in_read_only_transaction(lambda: db.get(a).name)
db.run_in_read_only_transaction(lambda: db.put(P(key=a)))
n = []
def f(): n.append(1); db.get(a); db.non_transactional(lambda: P(key=a, age=len(n)).put())(); P(key=a, name='z').put()
db.run_in_transaction(f)
len(n)
db.run_in_transaction_custom_retries(0, f)
len(n)
db.transactional(lambda: db.is_in_transaction())(), db.transactional(xg=True)(lambda: db.is_in_transaction())(), db.transactional(db.non_transactional(lambda: db.is_in_transaction()))()
db.run_in_transaction(db.transactional(lambda: db.is_in_transaction()))
db.transactional(propagation=db.MANDATORY)(lambda: 1)()
db.run_in_transaction(db.transactional(propagation=db.MANDATORY)(lambda: 1))
db.run_in_transaction(db.transactional(propagation=db.NESTED)(lambda: 1))
db.run_in_transaction(db.transactional(propagation=db.INDEPENDENT)(lambda: db.get(b).name))
db.run_in_transaction(db.transactional(require_new=True)(lambda: 1))
db.run_in_transaction(db.non_transactional(allow_existing=False)(lambda: 1))
db.create_transaction_options(foo=1)
db.create_transaction_options(propagation=9)
db.create_transaction_options(xg=3)
db.create_transaction_options(retries=-1)
db.create_transaction_options(retries='x')
db.create_transaction_options(app='')
db.run_in_transaction_custom_retries(-1, lambda: 1)
[db.NESTED, db.MANDATORY, db.ALLOWED, db.INDEPENDENT]
metadata.get_kinds(), metadata.get_properties_of_kind('Any'), metadata.get_namespaces()
db.run_in_transaction(lambda: metadata.get_kinds())
""",
}


def outcomes(group: str, scope: dict[str, Any]) -> list[str]:
    """What came of each line of *group*; *scope* has the modules of one db, and the setup's classes afterwards."""
    exec(SETUP, scope)
    found: list[str] = []
    for line in GROUPS[group].strip().splitlines():
        *before, last = ast.parse(line).body
        try:
            exec(compile(ast.Module(before, []), "<case>", "exec"), scope)
            if isinstance(last, ast.Expr):
                value = eval(compile(ast.Expression(last.value), "<case>", "eval"), scope)
                found.append(shown(value))
            else:
                exec(compile(ast.Module([last], []), "<case>", "exec"), scope)
                found.append("None")
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the outcome
            found.append(shown_error(error))
    return found


def shown_text(text: str) -> str:
    """A text without modules and addresses."""
    return re.sub(r"<class '[\w.]*?(\w+)'>", r"<class '\1'>", re.sub(r" at 0x[0-9a-f]+", "", text))


def shown(value: Any) -> str:
    """A value without what differs from run to run, and without modules."""
    return re.sub(r"<[\w.]*?(\w+) object at 0x[0-9a-f]+>", r"<\1>", repr(value))


def shown_error(error: Exception) -> str:
    """The class and the text of an error."""
    return f"{type(error).__name__}: {shown_text(str(error))}"
