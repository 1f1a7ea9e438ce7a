"""What can go wrong with the parts that ``gwanje up`` brings along.

``EmbeddedError``
    ├── ``EmbeddedPostgresError`` — the database server cannot be found, made or started.
    ├── ``ProcessEndedError`` — a child process ended before it was ready.
    └── ``PartFailedError`` — a supervised part did not come up at the first start.
"""

from __future__ import annotations


class EmbeddedError(Exception):
    """An embedded part does not work; the text is one line that says what to do."""


class EmbeddedPostgresError(EmbeddedError):
    """The embedded PostgreSQL cannot be found, initialised, started or reached."""


class ProcessEndedError(EmbeddedError):
    """A child process ended before it was ready; the text says how."""


class PartFailedError(EmbeddedError):
    """A supervised part did not come up at the first start.

    Parameters
    ----------
    name
        Name of the part.
    reason
        Why, in one line.
    """

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name} did not start: {reason}")
        self.name = name
        self.reason = reason
