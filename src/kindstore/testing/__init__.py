"""For the tests of applications: a fresh store per test, and what may go wrong with it.  `docs/testing.md` is the guide.

`store` gives a test its store, `recorded` tells what a piece of code asks of one, `Faults` make it fail, `Eventual` has
stale global queries, as App Engine's were (spec/service.md 3.9).  The pytest plugin is `kindstore.pytest_plugin`.
"""

from .clock import START, Clock
from .eventual import Eventual
from .faults import Fault, Faults, Faulty
from .passing import Call, Passing, Verb
from .policies import (
    Always,
    Delays,
    MasterSlaveConsistencyPolicy,
    Never,
    Policy,
    Probability,
    PseudoRandomHRConsistencyPolicy,
    TimeBasedHRConsistencyPolicy,
    Unapplied,
)
from .recording import Calls, Recorder, recorded
from .sandbox import Engine, Ids, Sandbox, store

__all__ = [
    "START",
    "Always",
    "Call",
    "Calls",
    "Clock",
    "Delays",
    "Engine",
    "Eventual",
    "Fault",
    "Faults",
    "Faulty",
    "Ids",
    "MasterSlaveConsistencyPolicy",
    "Never",
    "Passing",
    "Policy",
    "Probability",
    "PseudoRandomHRConsistencyPolicy",
    "Recorder",
    "Sandbox",
    "TimeBasedHRConsistencyPolicy",
    "Unapplied",
    "Verb",
    "recorded",
    "store",
]
