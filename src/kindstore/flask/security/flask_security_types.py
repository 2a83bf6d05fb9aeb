"""Flask-Security's datastore classes, under names that say whose they are.

The stub file beside this one gives them the types that their own annotations leave out: half of their methods
have none, and none knows models of one's own mapper.
"""

from flask_security.datastore import Datastore as FsDatastore
from flask_security.datastore import FSQLALiteUserDatastore as FsFSQLALiteUserDatastore
from flask_security.datastore import MongoEngineUserDatastore as FsMongoEngineUserDatastore
from flask_security.datastore import PeeweeUserDatastore as FsPeeweeUserDatastore
from flask_security.datastore import SQLAlchemySessionUserDatastore as FsSQLAlchemySessionUserDatastore
from flask_security.datastore import SQLAlchemyUserDatastore as FsSQLAlchemyUserDatastore
from flask_security.datastore import UserDatastore as FsUserDatastore

__all__ = [
    "FsDatastore",
    "FsFSQLALiteUserDatastore",
    "FsMongoEngineUserDatastore",
    "FsPeeweeUserDatastore",
    "FsSQLAlchemySessionUserDatastore",
    "FsSQLAlchemyUserDatastore",
    "FsUserDatastore",
]
