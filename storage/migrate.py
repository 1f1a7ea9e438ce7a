"""Bring the schema of a database up to what this version of the code expects. Forward only.

Migrations are SQL files ``NNNN_name.sql``, numbered without a gap. Each runs in a transaction of its own together with
the row that records it, so a crash leaves the database at one migration or the next. Concurrent starts wait for each
other on an advisory lock.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import psycopg

from storage.database import Connection
from storage.errors import MigrationError

MIGRATIONS = Path(__file__).parent / "migrations"

_LOCK = 0x6777616E6A65
_BOOTSTRAP = b"""
CREATE SCHEMA IF NOT EXISTS gwanje;
CREATE TABLE IF NOT EXISTS gwanje.migration (
    number   integer PRIMARY KEY,
    name     text        NOT NULL,
    checksum text        NOT NULL,
    applied  timestamptz NOT NULL DEFAULT now()
)
"""


class Migration(NamedTuple):
    """One file."""

    number: int
    name: str
    sql: bytes

    @property
    def checksum(self) -> str:
        """SHA-256 of the file, hexadecimal; line ends do not count."""
        return hashlib.sha256(self.sql.replace(b"\r\n", b"\n")).hexdigest()


class TimescaleSupport(NamedTuple):
    """Whether hypertables can be made. ``reason`` says why not."""

    version: str | None
    reason: str | None


def read_migrations(folder: Path = MIGRATIONS) -> tuple[Migration, ...]:
    """Read the files of a folder in their order.

    Raises
    ------
    MigrationError
        If a name is malformed or a number is missing or double.
    """
    found = []
    for path in sorted(folder.glob("*.sql")):
        match = re.fullmatch(r"(\d{4})_(\w+)\.sql", path.name)
        if match is None:
            raise MigrationError(f"migration: expected a name like 0001_first_tables.sql, was {path.name}")
        found.append(Migration(int(match[1]), match[2], path.read_bytes()))
    numbers = [migration.number for migration in found]
    if numbers != list(range(1, len(found) + 1)):
        raise MigrationError(f"migrations: expected the numbers 1 to {len(found)}, were {numbers}")
    return tuple(found)


async def migrate(connection: Connection, migrations: Sequence[Migration] | None = None) -> list[int]:
    """Apply the migrations that the database does not have yet.

    Makes the TimescaleDB extension first when the server offers it. Whether series are hypertables or natively
    partitioned is settled by the migration that makes them.

    Parameters
    ----------
    connection
        In autocommit mode, outside of a transaction.
    migrations
        None: those of this version of the code.

    Returns
    -------
    list of int
        The numbers applied now.

    Raises
    ------
    MigrationError
        If the database is newer than the code, was made from other files, or a migration fails; nothing of a failed
        one remains.
    """
    wanted = read_migrations() if migrations is None else tuple(migrations)
    await connection.execute("SELECT set_config('statement_timeout', '0', false), pg_advisory_lock(%s)", [_LOCK])
    try:
        await connection.execute(_BOOTSTRAP)
        applied = await _check_applied(connection, wanted)
        if not applied:
            await enable_timescale(connection)
        done = []
        for migration in wanted[applied:]:
            await _apply(connection, migration)
            done.append(migration.number)
        return done
    finally:
        if not connection.closed:
            await connection.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])
            await connection.execute("RESET statement_timeout")


async def enable_timescale(connection: Connection) -> TimescaleSupport:
    """Make the TimescaleDB extension if the server can, and return what came of it."""
    cursor = await connection.execute(
        "SELECT default_version, installed_version, current_setting('shared_preload_libraries', true)"
        " FROM pg_available_extensions WHERE name = 'timescaledb'"
    )
    row = await cursor.fetchone()
    if row is None:
        return TimescaleSupport(None, "the server does not have the extension timescaledb")
    version, installed, preloaded = row
    if installed is not None:
        return TimescaleSupport(str(installed), None)
    # Without the preload CREATE EXTENSION ends the session instead of failing.
    if "timescaledb" not in (preloaded or ""):
        return TimescaleSupport(None, "timescaledb is not in the server's shared_preload_libraries")
    try:
        async with connection.transaction():
            await connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
    except psycopg.Error as error:
        return TimescaleSupport(None, f"timescaledb cannot be enabled: {_first_line(error)}")
    return TimescaleSupport(str(version), None)


async def _check_applied(connection: Connection, wanted: Sequence[Migration]) -> int:
    cursor = await connection.execute("SELECT number, name, checksum FROM gwanje.migration ORDER BY number")
    rows = await cursor.fetchall()
    if len(rows) > len(wanted):
        number, name, _ = rows[-1]
        raise MigrationError(
            f"the database is newer than this version of Gwanje: it has migration {number} ({name}), the code ends at "
            f"{len(wanted)}; run the newer version"
        )
    for (number, name, checksum), migration in zip(rows, wanted, strict=False):
        if (number, checksum) != (migration.number, migration.checksum):
            raise MigrationError(
                f"migration {number} ({name}) of the database is not the file of this version of Gwanje "
                f"({migration.name}): its checksum differs"
            )
    return len(rows)


async def _apply(connection: Connection, migration: Migration) -> None:
    try:
        async with connection.transaction():
            await connection.execute(migration.sql)
            await connection.execute(
                "INSERT INTO gwanje.migration (number, name, checksum) VALUES (%s, %s, %s)",
                [migration.number, migration.name, migration.checksum],
            )
    except psycopg.OperationalError:
        raise
    except psycopg.Error as error:
        raise MigrationError(f"migration {migration.number} ({migration.name}) failed: {_first_line(error)}") from error


def _first_line(error: psycopg.Error) -> str:
    return (error.diag.message_primary or str(error)).split("\n", 1)[0]
