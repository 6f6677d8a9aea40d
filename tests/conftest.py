"""Settings of every test: one thread, seeded examples, processes one after the other."""

from __future__ import annotations

import os

# Before NumPy or PyTorch is imported: tests run side by side, each on one thread.
for _library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent

# `make test` runs 25 examples of each law, `make soak` thousands (--hypothesis-profile=soak).
_QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large]
settings.register_profile("quick", max_examples=25, deadline=None, suppress_health_check=_QUIET)
settings.register_profile("soak", max_examples=2000, deadline=None, suppress_health_check=_QUIET)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the folder that holds README.md, the root of the checkout."""
    return ROOT


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put multi-process tests into one group, and leave the long ones to `make soak`."""
    profiles = (config.getoption("--hypothesis-profile"), os.environ.get("HYPOTHESIS_PROFILE"))
    long_run = "soak" in profiles
    for item in items:
        if item.get_closest_marker("multiprocess"):
            item.add_marker(pytest.mark.xdist_group("multiprocess"))
        if item.get_closest_marker("soak") and not long_run:
            item.add_marker(pytest.mark.skip(reason="thousands of cases: run by `make soak`"))
