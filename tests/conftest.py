"""What every test gets: a database of its own, and no setting of the caller's shell."""

import os

import pytest
from hypothesis import HealthCheck, settings

# Two workers share two cores with whatever else runs: a slow example is no finding.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("soak", settings.get_profile("default"), max_examples=2_000)
settings.load_profile("soak" if os.environ.get("KINDSTORE_SOAK") else "default")


@pytest.fixture(autouse=True)
def no_settings_from_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own store must never be the one that a test writes to."""
    for name in [name for name in os.environ if name.startswith(("KINDSTORE_", "DATASTORE_"))]:
        if name not in {"KINDSTORE_SOAK", "KINDSTORE_SEED"}:  # these are for the tests
            monkeypatch.delenv(name)
