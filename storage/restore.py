"""Fill an empty database from a backup: all of it or nothing, then up to the schema of this version."""

from __future__ import annotations

import zipfile
from pathlib import Path

import psycopg
from psycopg import sql

from storage.backup import MADE_BY_MIGRATIONS
from storage.backup_file import Manifest, Progress, TableEntry, open_backup, read_manifest, read_table
from storage.database import Connection
from storage.errors import BackupError, MigrationError
from storage.migrate import Migration, migrate, read_migrations
from storage.partitions import make_partitions

LOCK_WAIT_S = 5

_TABLES = """
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'gwanje' AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> ALL(%s)
ORDER BY c.relname
"""


async def restore_backup(
    connection: Connection, path: Path, progress: Progress = lambda _frac, _what: None
) -> Manifest:
    """Check a backup as a whole, then bring its rows into an empty database.

    The rows are one transaction: after an error or a kill the database holds none of them, and the restore can be begun
    again. Migrations that the backup does not have follow afterwards; if they do not get to run, the next start of
    Gwanje runs them.

    Parameters
    ----------
    connection
        In autocommit mode and without a limit on the time of a statement.
    path
        A file from `storage.backup.save_backup`.
    progress
        Called with the part that is done.

    Raises
    ------
    BackupError
        If the file is damaged or of a newer version, or the database holds rows already.
    MigrationError
        If the database is newer than this version of the code, or a migration fails.
    """
    with open_backup(path) as archive:
        manifest = read_manifest(archive)
        migrations = _migrations_of(manifest)
        await _require_empty(connection)
        steps = _Steps(2 * sum(table.size_bytes for table in manifest.tables), progress)
        for table in manifest.tables:
            for part in read_table(archive, table):
                steps.add(len(part), f"checking {table.name}")
        await _prepare(connection, migrations)
        for series, starts in manifest.partitions.items():
            await make_partitions(connection, series, starts)
        try:
            async with connection.transaction():
                await _fill(connection, archive, manifest, steps)
        except psycopg.errors.LockNotAvailable:
            raise BackupError("the database is in use by another gwanje: stop it before a restore") from None
        except psycopg.OperationalError:
            raise
        except psycopg.Error as exc:
            problem = (exc.diag.message_primary or str(exc)).split("\n", 1)[0]
            raise BackupError(f"the database refused the backup and is empty as before: {problem}") from exc
    await migrate(connection)
    await connection.execute(b"ANALYZE")
    steps.finish()
    return manifest


class _Steps:
    def __init__(self, whole: int, progress: Progress) -> None:
        self._whole = max(whole, 1)
        self._done = 0
        self._progress = progress

    def add(self, n_byte: int, what: str) -> None:
        self._done += n_byte
        self._progress(min(self._done / self._whole, 0.999), what)

    def finish(self) -> None:
        self._progress(1.0, "")


def _migrations_of(manifest: Manifest) -> tuple[Migration, ...]:
    """Return the migrations that make the schema of a backup."""
    known = read_migrations()
    if len(manifest.migrations) > len(known):
        last = manifest.migrations[-1]
        raise BackupError(
            f"the backup is newer than this version of Gwanje: it has migration {last.number} ({last.name}), the code "
            f"ends at {len(known)}; restore it with the newer version"
        )
    for applied, migration in zip(manifest.migrations, known, strict=False):
        if (applied.number, applied.checksum) != (migration.number, migration.checksum):
            raise BackupError(
                f"migration {applied.number} ({applied.name}) of the backup is not the file of this version of Gwanje: "
                "its checksum differs"
            )
    return known[: len(manifest.migrations)]


async def _require_empty(connection: Connection) -> None:
    cursor = await connection.execute(_TABLES, [list(MADE_BY_MIGRATIONS)])
    filled = []
    for (name,) in await cursor.fetchall():
        cursor = await connection.execute(
            sql.SQL("SELECT EXISTS (SELECT FROM {})").format(sql.Identifier("gwanje", name))
        )
        if await cursor.fetchone() == (True,):
            filled.append(name)
    if filled:
        raise BackupError(
            f"the database: expected one without rows of Gwanje, was one with rows in {', '.join(filled[:3])}"
            f"{' and others' if len(filled) > 3 else ''}; a restore never mixes with what is there"
        )


async def _prepare(connection: Connection, migrations: tuple[Migration, ...]) -> None:
    """Make the empty schema of the backup's version, in place of an empty one of a later version."""
    cursor = await connection.execute("SELECT to_regclass('gwanje.migration') IS NOT NULL")
    if await cursor.fetchone() == (True,):
        cursor = await connection.execute("SELECT count(*) FROM gwanje.migration")
        row = await cursor.fetchone()
        if row is not None and row[0] > len(read_migrations()):
            raise MigrationError("the database is newer than this version of Gwanje; run the newer version")
        if row is not None and row[0] > len(migrations):
            await _require_empty(connection)
            await connection.execute(b"DROP SCHEMA gwanje CASCADE")
    await migrate(connection, migrations)


async def _fill(connection: Connection, archive: zipfile.ZipFile, manifest: Manifest, steps: _Steps) -> None:
    names = [sql.Identifier("gwanje", table.name) for table in manifest.tables]
    # Waits for a vacuum, which gives way after a second, but not for a control room.
    await connection.execute("SELECT set_config('lock_timeout', %s, true)", [f"{LOCK_WAIT_S * 1000}ms"])
    await connection.execute(sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(sql.SQL(", ").join(names)))
    await connection.execute("SELECT set_config('lock_timeout', '0', true)")
    await _require_empty(connection)
    for table in manifest.tables:
        await _fill_table(connection, archive, table, steps)
    for identity in manifest.identities:
        await connection.execute(
            "SELECT setval(pg_get_serial_sequence(%s, %s), %s, %s)",
            [f"gwanje.{identity.table}", identity.column, identity.last_value, identity.is_called],
        )


async def _fill_table(connection: Connection, archive: zipfile.ZipFile, table: TableEntry, steps: _Steps) -> None:
    statement = sql.SQL("COPY {table} ({columns}) FROM STDIN").format(
        table=sql.Identifier("gwanje", table.name),
        columns=sql.SQL(", ").join(sql.Identifier(column) for column in table.columns),
    )
    async with connection.cursor() as cursor:
        async with cursor.copy(statement) as copy:
            for part in read_table(archive, table):
                await copy.write(part)
                steps.add(len(part), f"filling {table.name}")
        if cursor.rowcount != table.n_row:
            raise BackupError(f"{table.member}: expected {table.n_row} rows, was {cursor.rowcount}")
