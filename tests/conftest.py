"""Fixtures for all tests, one plugin module a subject."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

pytest_plugins = ["tests.fix_database", "tests.fix_system"]

# How long an example takes says something of the machine and its other work; time goals are in benchmarks/.
settings.register_profile("gwanje", deadline=None)
settings.load_profile("gwanje")


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """A command that a test runs in this process sends logs to that test's output, which ends with the test."""
    yield
    structlog.reset_defaults()
