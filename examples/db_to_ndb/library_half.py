"""The same library half-way: books and loans are in ndb, authors still in db; both on one file, in one transaction.

A class moves before those that it refers to: a `ReferenceProperty` needs a class of db at its other end, a `KeyProperty`
needs none.
"""

import datetime as dt

from kindstore import db, ndb


class Author(db.Model):
    """Key name: the name in lower case."""

    name = db.StringProperty(required=True)
    born = db.DateProperty()

    @property
    def books(self):
        """What was the collection of `Book.author`."""
        return Book.query(Book.author == self.key())


class Book(ndb.Model):
    """Id: the shelf mark."""

    title = ndb.StringProperty(required=True)
    author = ndb.KeyProperty(kind="Author")
    subjects = ndb.StringProperty(repeated=True)
    copies = ndb.IntegerProperty("n", default=1)
    summary = ndb.TextProperty()
    added = ndb.DateTimeProperty(auto_now_add=True)

    def _pre_put_hook(self):
        self.title = self.title.strip()


class Loan(ndb.Model):
    """One copy that somebody has; parent: the book."""

    reader = ndb.StringProperty(required=True)
    since = ndb.DateProperty(auto_now_add=True)


def add_author(name, born):
    """Store an author; answer the key as text."""
    return str(Author(key_name=name.lower(), name=name, born=dt.date.fromisoformat(born)).put())


def add_book(mark, title, author_name, copies, *subjects):
    """Store a book; answer the key as text."""
    author = Author.get_by_key_name(author_name.lower())
    book = Book(id=mark, title=title, author=author.key(), copies=int(copies), subjects=list(subjects))
    book.summary = f"{book.title}, by {author.name}"
    return book.put().urlsafe().decode()


@db.transactional  # App Engine's law of entity groups, as long as there are others that rely on it
def lend(mark, reader):
    """Lend a copy to *reader*; answer how many are left, or None if there was none."""
    book = Book.get_by_id(mark)
    if not book.copies:
        return None
    book.copies -= 1
    book.put()
    Loan(parent=book.key, reader=reader).put()
    return book.copies


@ndb.transactional()
def give_back(mark, reader):
    """Take back what *reader* has; answer how many copies there are now."""
    book = Book.get_by_id(mark)
    loan = Loan.query(Loan.reader == reader, ancestor=book.key).get()
    if loan is not None:
        loan.key.delete()
        book.copies += 1
        book.put()
    return book.copies


def books_of(author_name):
    """The titles of an author's books."""
    author = Author.get_by_key_name(author_name.lower())
    return [book.title for book in author.books.order(Book.title)]


def about(subject):
    """Title, author and number of copies of all books about *subject*."""
    books = Book.query(Book.subjects == subject).order(Book.title).fetch()
    authors = db.get([book.author for book in books])
    return [[book.title, author.name, book.copies] for book, author in zip(books, authors, strict=True)]


def readers():
    """Who has which book."""
    loans = ndb.gql("SELECT * FROM Loan ORDER BY reader")
    return [[loan.reader, loan.key.parent().get().title, loan.since.isoformat()] for loan in loans]


def page(cursor=None):
    """The titles of two books by title, and a cursor for those after them; db's cursors lead on here."""
    start = None if cursor is None else ndb.Cursor(urlsafe=cursor)
    books, after, _ = Book.query().order(Book.title).fetch_page(2, start_cursor=start)
    return [[book.title for book in books], after.urlsafe().decode()]


def client(file):
    """Where the data is, for both faces; each request gets a context of it."""
    return ndb.Client(url=file)
