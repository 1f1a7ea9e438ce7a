"""What can go wrong with the store.

``StorageError``
    ├── ``DatabaseUnavailable`` — no connection; try again later.
    ├── ``BackupError`` — a backup cannot be made, read or restored.
    ├── ``MigrationError`` — the schema is not what this version of the code expects.
    ├── ``JournalError`` — the journal's files cannot be used.
    ├── ``VersionConflict`` — somebody else changed the row first.
    └── ``SlowClient`` — a subscriber of the live view fell too far behind.
"""

from __future__ import annotations


class StorageError(Exception):
    """Base of the errors of the store."""


class DatabaseUnavailable(StorageError):  # noqa: N818  it is a condition, and named so across the project
    """The database cannot be reached; the text is one line and holds no password."""


class BackupError(StorageError):
    """A backup cannot be made, read or restored; the text is one line, and nothing was changed."""


class MigrationError(StorageError):
    """The schema cannot be brought to, or is not, what this version of the code expects."""


class JournalError(StorageError):
    """The files of the journal cannot be used; the text names the file, what was expected and what was there."""


class VersionConflict(StorageError):  # noqa: N818
    """A row was changed by somebody else, or is not in the expected state.

    Parameters
    ----------
    subject
        Kind and identifier of the row, such as ``alert A-17``.
    expected_version
        The version that the change builds on.
    actual_version
        The version that is stored; None when there is no such row.
    """

    def __init__(self, subject: str, expected_version: int | None, actual_version: int | None) -> None:
        expected = "not to exist" if expected_version is None else f"version {expected_version}"
        actual = "does not exist" if actual_version is None else f"version {actual_version}"
        super().__init__(f"{subject}: expected {expected}, was {actual}")
        self.subject = subject
        self.expected_version = expected_version
        self.actual_version = actual_version


class SlowClient(StorageError):  # noqa: N818
    """A subscriber fell so far behind that situations or alerts would have to be dropped."""
