"""The base classes of the App Engine SDK's ndb tests, made of public names: a fresh store and a context for each test.

A pytest plugin, loaded after `alias_app_engine`; in the place of ``google.appengine.ext.ndb.test_utils``, whose originals start the SDK's stubs.
"""

from __future__ import annotations

import sys
import unittest
from typing import Any

from alias_app_engine import NDB, native
from google.appengine.ext import ndb

from kindstore.connect import connect
from kindstore.mapper import context as contexts
from kindstore.ndb import Client
from kindstore.store.ids import IdPolicy


class NDBBaseTest(unittest.TestCase):
    APP_ID = "ndb-test-app-id"
    conn = None  # a connection of the SDK's, which tests of internals hand to ndb

    def setUp(self) -> None:
        super().setUp()
        self.ResetKindMap()
        store = connect(":memory:", project=self.APP_ID, id_policy=IdPolicy.SEQUENTIAL)
        self.addCleanup(store.close)
        entered = Client(store=store).context(cache_policy=False)
        self.ctx = entered.__enter__()
        self.addCleanup(entered.__exit__, None, None, None)

    def tearDown(self) -> None:
        super().tearDown()
        self.ResetKindMap()

    def ResetKindMap(self) -> None:
        kinds = ndb.Model._kind_map
        for kind in [kind for kind in kinds if not kind.startswith("__")]:
            del kinds[kind]

    def ExpectWarnings(self) -> None:
        pass

    ExpectErrors = HRTest = ExpectWarnings

    def MakeContext(self, **_: Any) -> contexts.Context:
        return contexts.current().new(identities=None)

    def assertEqual(self, first: Any, second: Any, msg: Any = None) -> None:
        """Take text for the bytes that the SDK's port to Python 3 has in its place, and a tuple for a list.

        What `Query.map` gives is a tuple, as in google-cloud-ndb, whose tests ask for one.
        """
        if isinstance(first, tuple) and isinstance(second, list):
            first = list(first)
        if first != second and native(first) == native(second):
            return
        super().assertEqual(first, second, msg)


class NDBTest(NDBBaseTest):
    the_module: Any = None

    def testAllVariableIsConsistent(self) -> None:
        if self.the_module is None:
            return
        names = self.the_module.__all__
        self.assertEqual([name for name in names if not hasattr(self.the_module, name)], [])
        self.assertEqual([name for name in dir(self.the_module) if name not in names], [])


@unittest.skip("the SDK's own tests need a Datastore emulator for these")
class NDBCloudDatastoreV1Test(NDBBaseTest):
    pass


sys.modules[f"{NDB}.test_utils"] = ndb.test_utils = sys.modules[__name__]
