"""The file of a backup: a ZIP archive with one member a table, as ``COPY`` writes text, and a manifest.

::

    tables/vds_lane.copy    what COPY … TO STDOUT gave, in UTF-8
    …
    manifest.json           versions, and for each table its columns, rows, bytes and SHA-256

The manifest is written last, so that a file without one is an unfinished backup.
"""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import msgspec

from storage.errors import BackupError

FORMAT = 1
MANIFEST = "manifest.json"
PART_BYTES = 1 << 18
Progress = Callable[[float, str], None]
"""Told which part of the work is done, 0 to 1, and what is being done."""

_MANIFEST_BYTES = 16_000_000


class AppliedMigration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A migration of the database that was saved."""

    number: int
    name: str
    checksum: str


class TableEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table: its columns in the order of the COPY, and what a reader has to find."""

    name: str
    columns: list[str]
    n_row: int
    size_bytes: int
    sha256: str

    @property
    def member(self) -> str:
        """Name in the archive."""
        return f"tables/{self.name}.copy"


class IdentityEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far the numbers of an identity column were given out."""

    table: str
    column: str
    last_value: int
    is_called: bool


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is in a backup.

    Attributes
    ----------
    created
        When, by the clock of the machine that made it.
    server
        Version of PostgreSQL.
    tables
        In an order in which they can be filled: who is referred to comes first.
    partitions
        Starts of the days or months of each series.
    """

    format: int
    created: datetime
    server: str
    migrations: list[AppliedMigration]
    tables: list[TableEntry]
    identities: list[IdentityEntry]
    partitions: dict[str, list[datetime]]


def read_manifest(archive: zipfile.ZipFile) -> Manifest:
    """Read what is in an open backup.

    Raises
    ------
    BackupError
        If there is no manifest that this version understands.
    """
    try:
        with archive.open(MANIFEST) as file:
            text = file.read(_MANIFEST_BYTES)
        version = msgspec.json.decode(text, type=dict[str, msgspec.Raw]).get("format")
        if version is None or bytes(version) != str(FORMAT).encode():
            was = "missing" if version is None else bytes(version).decode()
            raise BackupError(f"manifest.json: format: expected {FORMAT}, was {was}; a newer Gwanje made the file")
        return msgspec.json.decode(text, type=Manifest)
    except KeyError:
        raise BackupError("manifest.json: expected in the file, was missing: the backup was not finished") from None
    except (msgspec.MsgspecError, zipfile.BadZipFile, zlib.error, UnicodeDecodeError, OSError, EOFError) as exc:
        raise BackupError(f"manifest.json: expected a manifest of a backup, was damaged ({exc})") from None


def open_backup(path: Path) -> zipfile.ZipFile:
    """Open the file of a backup.

    Raises
    ------
    BackupError
        If it cannot be read, or is no archive or a cut one.
    """
    try:
        return zipfile.ZipFile(path)
    except OSError as exc:
        raise BackupError(f"{path}: expected a file that can be read, was not ({exc.strerror})") from None
    except zipfile.BadZipFile:
        raise BackupError(f"{path}: expected a whole file of gwanje backup, was cut off or another file") from None


def read_table(archive: zipfile.ZipFile, table: TableEntry) -> Iterator[bytes]:
    """Give the bytes of a table part by part, and at the end hold them against the manifest.

    Raises
    ------
    BackupError
        If the table is missing or not what was saved.
    """
    digest = hashlib.sha256()
    size_bytes = 0
    try:
        with archive.open(table.member) as file:
            while part := file.read(PART_BYTES):
                digest.update(part)
                size_bytes += len(part)
                yield part
    except KeyError:
        raise BackupError(f"{table.member}: expected in the file, was missing") from None
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError) as exc:
        raise BackupError(f"{table.member}: expected what was saved, was damaged ({exc})") from None
    if size_bytes != table.size_bytes or digest.hexdigest() != table.sha256:
        raise BackupError(
            f"{table.member}: expected {table.size_bytes} bytes with SHA-256 {table.sha256}, "
            f"was {size_bytes} with {digest.hexdigest()}"
        )
