"""For the tests of applications: a store whose global queries are stale, as App Engine's were (spec/service.md 3.9)."""

from .eventual import Eventual
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

__all__ = [
    "Always",
    "Delays",
    "Eventual",
    "MasterSlaveConsistencyPolicy",
    "Never",
    "Policy",
    "Probability",
    "PseudoRandomHRConsistencyPolicy",
    "TimeBasedHRConsistencyPolicy",
    "Unapplied",
]
