"""Save all that is in the schema into one file, as it was at one instant, while everything goes on."""

from __future__ import annotations

import contextlib
import hashlib
import os
import zipfile
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import psycopg
from psycopg import sql

from storage.backup_file import (
    FORMAT,
    MANIFEST,
    AppliedMigration,
    IdentityEntry,
    Manifest,
    Progress,
    TableEntry,
)
from storage.database import Connection
from storage.errors import BackupError

MADE_BY_MIGRATIONS = ("migration", "series")
"""Tables that a restored database gets from its own migrations."""

_BUFFER_BYTES = 1 << 18
_TABLES = """
SELECT c.relname, array_agg(a.attname ORDER BY a.attnum),
    (SELECT coalesce(sum(pg_table_size(t.relid)), 0)::float8 FROM pg_partition_tree(c.oid) AS t)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
WHERE n.nspname = 'gwanje' AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> ALL(%s)
GROUP BY c.oid, c.relname ORDER BY c.relname
"""
_REFERENCES = """
SELECT c.conrelid::regclass::text, c.confrelid::regclass::text FROM pg_constraint c
JOIN pg_namespace n ON n.oid = c.connamespace WHERE n.nspname = 'gwanje' AND c.contype = 'f'
"""
_IDENTITIES = """
SELECT c.relname, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'gwanje' AND a.attidentity <> '' AND NOT c.relispartition ORDER BY 1, 2
"""
_PARTITIONS = r"""
SELECT (regexp_match(pg_get_expr(c.relpartbound, c.oid), 'FROM \(''([^'']+)''\)'))[1]::timestamptz AS start
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = %s::regclass AND pg_get_expr(c.relpartbound, c.oid) <> 'DEFAULT' ORDER BY 1
"""
_CHUNKS = """
SELECT range_start, range_end FROM timescaledb_information.chunks
WHERE hypertable_schema = 'gwanje' AND hypertable_name = %s
"""


async def save_backup(
    connection: Connection, path: Path, now: datetime, progress: Progress = lambda _frac, _what: None
) -> Manifest:
    """Write a backup.

    Memory stays bounded whatever the size. The file is written under a temporary name beside `path` and renamed when it
    is whole and on the disk.

    Parameters
    ----------
    connection
        In autocommit mode and without a limit on the time of a statement; closed to others meanwhile.
    path
        Where to; must not be there yet.
    now
        The present time, aware, for the manifest.
    progress
        Called with the part that is done.

    Raises
    ------
    BackupError
        If there is nothing to save, or the file is there already or cannot be written.
    """
    _require_free(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                manifest = await _save(connection, archive, now, progress)
                archive.writestr(MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=1))
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)  # unlike a rename, never over a file that appeared meanwhile
        _sync_folder(path.parent)
    except FileExistsError:
        raise BackupError(f"{path}: expected a name that is free, was a file by now") from None
    except OSError as exc:
        raise BackupError(f"{path}: expected a file that can be written, was not ({exc.strerror})") from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
    return manifest


async def _save(connection: Connection, archive: zipfile.ZipFile, now: datetime, progress: Progress) -> Manifest:
    await connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
    await connection.set_read_only(True)
    try:
        async with connection.transaction():
            migrations = await _migrations(connection)
            cursor = await connection.execute(_TABLES, [list(MADE_BY_MIGRATIONS)])
            found = {name: (columns, size) for name, columns, size in await cursor.fetchall()}
            whole = sum(size for _, size in found.values()) or 1.0
            tables: list[TableEntry] = []
            done = 0.0
            for name in await _in_order(connection, found):
                columns, size = found[name]
                progress(done / whole, name)
                tables.append(await _save_table(connection, archive, name, columns))
                done += size
            progress(1.0, "")
            return Manifest(
                format=FORMAT,
                created=now,
                server=str(connection.info.parameter_status("server_version")),
                migrations=migrations,
                tables=tables,
                identities=await _identities(connection),
                partitions=await _partitions(connection),
            )
    finally:
        if not connection.closed:
            await connection.set_isolation_level(None)
            await connection.set_read_only(None)


async def _migrations(connection: Connection) -> list[AppliedMigration]:
    cursor = await connection.execute("SELECT to_regclass('gwanje.migration') IS NOT NULL")
    if await cursor.fetchone() != (True,):
        raise BackupError("the database holds nothing of Gwanje: expected the schema gwanje, was missing")
    cursor = await connection.execute("SELECT number, name, checksum FROM gwanje.migration ORDER BY number")
    return [AppliedMigration(*row) for row in await cursor.fetchall()]


async def _save_table(connection: Connection, archive: zipfile.ZipFile, name: str, columns: list[str]) -> TableEntry:
    # The query form, for COPY of a partitioned table by its name gives nothing.
    statement = sql.SQL("COPY (SELECT {columns} FROM {table}) TO STDOUT").format(
        columns=sql.SQL(", ").join(sql.Identifier(column) for column in columns), table=sql.Identifier("gwanje", name)
    )
    digest = hashlib.sha256()
    size_bytes = 0
    waiting = bytearray()
    member = TableEntry(name, columns, 0, 0, "").member
    async with connection.cursor() as cursor:
        with archive.open(member, "w", force_zip64=True) as file:

            def store() -> None:
                nonlocal size_bytes
                digest.update(waiting)
                file.write(waiting)
                size_bytes += len(waiting)
                waiting.clear()

            async with cursor.copy(statement) as copy:
                async for part in copy:
                    waiting += part
                    if len(waiting) >= _BUFFER_BYTES:
                        store()
            store()
        return TableEntry(name, columns, cursor.rowcount, size_bytes, digest.hexdigest())


async def _in_order(connection: Connection, names: Iterable[str]) -> list[str]:
    """Return tables so that each comes after those it refers to."""
    cursor = await connection.execute(_REFERENCES)
    needs = [(source.split(".")[-1], target.split(".")[-1]) for source, target in await cursor.fetchall()]
    waiting = sorted(names)
    ordered: list[str] = []
    while waiting:
        ready = [name for name in waiting if not any(s == name and t in waiting and t != s for s, t in needs)]
        if not ready:
            raise BackupError(f"tables {', '.join(waiting)}: expected an order to fill them in, was none")
        ordered += ready
        waiting = [name for name in waiting if name not in ready]
    return ordered


async def _identities(connection: Connection) -> list[IdentityEntry]:
    cursor = await connection.execute(_IDENTITIES)
    entries = []
    for table, column in await cursor.fetchall():
        cursor = await connection.execute("SELECT pg_get_serial_sequence(%s, %s)", [f"gwanje.{table}", column])
        row = await cursor.fetchone()
        assert row is not None
        schema, _, sequence = str(row[0]).partition(".")
        cursor = await connection.execute(
            sql.SQL("SELECT last_value, is_called FROM {}").format(sql.Identifier(schema, sequence))
        )
        row = await cursor.fetchone()
        assert row is not None
        entries.append(IdentityEntry(table, column, *row))
    return entries


async def _partitions(connection: Connection) -> dict[str, list[datetime]]:
    cursor = await connection.execute("SELECT name, step, method FROM gwanje.series ORDER BY name")
    starts: dict[str, list[datetime]] = {}
    for name, step, method in await cursor.fetchall():
        if method == "native":
            cursor = await connection.execute(_PARTITIONS, [f"gwanje.{name}"])
            starts[name] = [row[0] for row in await cursor.fetchall()]
        else:
            cursor = await connection.execute(_CHUNKS, [name])
            ends = [edge for start, end in await cursor.fetchall() for edge in (start, end - timedelta(microseconds=1))]
            first = {"hour": 0, "minute": 0, "second": 0, "microsecond": 0} | ({"day": 1} if step == "month" else {})
            starts[name] = sorted({edge.replace(**first) for edge in ends})
    return starts


def _require_free(path: Path) -> None:
    if path.exists():
        raise BackupError(f"{path}: expected a name that is free, was a file; move it away or give another name")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
