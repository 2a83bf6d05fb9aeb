"""A small library, written for App Engine's db: authors, their books, and who has borrowed them."""

import datetime as dt

from kindstore import db


class Author(db.Model):
    """Key name: the name in lower case."""

    name = db.StringProperty(required=True)
    born = db.DateProperty()


class Book(db.Model):
    """Key name: the shelf mark."""

    title = db.StringProperty(required=True)
    author = db.ReferenceProperty(Author, collection_name="books")
    subjects = db.StringListProperty()
    copies = db.IntegerProperty(default=1, name="n")
    summary = db.TextProperty()
    added = db.DateTimeProperty(auto_now_add=True)

    def put(self, **options):
        """Tidy the title before it is stored."""
        self.title = self.title.strip()
        return super().put(**options)


class Loan(db.Model):
    """One copy that somebody has; parent: the book."""

    reader = db.StringProperty(required=True)
    since = db.DateProperty(auto_now_add=True)


def add_author(name, born):
    """Store an author; answer the key as text."""
    return str(Author(key_name=name.lower(), name=name, born=dt.date.fromisoformat(born)).put())


def add_book(mark, title, author_name, copies, *subjects):
    """Store a book; answer the key as text."""
    author = Author.get_by_key_name(author_name.lower())
    book = Book(key_name=mark, title=title, author=author, n=int(copies), subjects=list(subjects))
    book.summary = db.Text(f"{book.title}, by {author.name}")
    return str(book.put())


@db.transactional
def lend(mark, reader):
    """Lend a copy to *reader*; answer how many are left, or None if there was none."""
    book = Book.get_by_key_name(mark)
    if not book.copies:
        return None
    book.copies -= 1
    book.put()
    Loan(parent=book, reader=reader).put()
    return book.copies


@db.transactional
def give_back(mark, reader):
    """Take back what *reader* has; answer how many copies there are now."""
    book = Book.get_by_key_name(mark)
    loan = Loan.all().ancestor(book).filter("reader =", reader).get()
    if loan is not None:
        loan.delete()
        book.copies += 1
        book.put()
    return book.copies


def books_of(author_name):
    """The titles of an author's books."""
    author = Author.get_by_key_name(author_name.lower())
    return [book.title for book in author.books.order("title")]


def about(subject):
    """Title, author and number of copies of all books about *subject*."""
    books = Book.all().filter("subjects =", subject).order("title")
    return [[book.title, book.author.name, book.copies] for book in books]


def readers():
    """Who has which book."""
    loans = db.GqlQuery("SELECT * FROM Loan ORDER BY reader")
    return [[loan.reader, loan.parent().title, loan.since.isoformat()] for loan in loans]


def page(cursor=None):
    """The titles of two books by title, and a cursor for those after them."""
    books = Book.all().order("title")
    if cursor is not None:
        books.with_cursor(cursor)
    return [[book.title for book in books.fetch(2)], books.cursor().decode()]


def client(file):
    """Where the data is; each request gets a context of it."""
    return db.Client(url=file)
