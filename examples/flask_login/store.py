"""Where the users are: the file kindstore.db in the instance folder, unless KINDSTORE_URL says otherwise."""

from kindstore.flask import Kindstore

db = Kindstore()
