"""Migrations against a real server."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from storage.database import connect
from storage.errors import MigrationError
from storage.migrate import Migration, enable_timescale, migrate, read_migrations

pytestmark = pytest.mark.integration

TABLES = {
    "alert", "audit", "citizen_epoch", "citizen_log", "dead_letter", "device", "device_event", "finding",
    "finding_change", "journal_checkpoint", "migration", "outbox", "rollup_mark", "series", "situation", "slope_hour",
    "slope_reading", "vds_5min", "vds_hour", "vds_lane", "vds_profile", "weather_hour", "weather_reading",
}  # fmt: skip


async def test_empty_database_gets_every_table(empty_database_url: str) -> None:
    async with await connect(empty_database_url) as connection:
        assert await migrate(connection) == [migration.number for migration in read_migrations()]
        cursor = await connection.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = 'gwanje' AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
        )
        assert {row[0] for row in await cursor.fetchall()} == TABLES
        assert await migrate(connection) == []


async def test_two_starts_at_once_apply_each_migration_once(empty_database_url: str) -> None:
    async with await connect(empty_database_url) as first, await connect(empty_database_url) as second:
        applied = await asyncio.gather(migrate(first), migrate(second))
    assert sorted(applied) == [[], [migration.number for migration in read_migrations()]]


async def test_failed_migration_leaves_nothing_and_is_named(empty_database_url: str) -> None:
    files = [Migration(1, "good", b"CREATE TABLE a ()"), Migration(2, "bad", b"CREATE TABLE b (); SELECT nonsense")]
    async with await connect(empty_database_url) as connection:
        with pytest.raises(MigrationError, match=r'migration 2 \(bad\) failed: column "nonsense" does not exist'):
            await migrate(connection, files)
        cursor = await connection.execute("SELECT to_regclass('a') IS NULL, to_regclass('b') IS NULL")
        assert await cursor.fetchone() == (False, True)
        assert await migrate(connection, [files[0], Migration(2, "bad", b"CREATE TABLE b ()")]) == [2]


async def test_newer_database_is_refused(empty_database_url: str) -> None:
    files = [Migration(1, "one", b""), Migration(2, "two", b"")]
    async with await connect(empty_database_url) as connection:
        await migrate(connection, files)
        with pytest.raises(MigrationError, match=r"newer than this version .* migration 2 \(two\), the code ends at 1"):
            await migrate(connection, files[:1])


async def test_changed_file_is_refused(empty_database_url: str) -> None:
    async with await connect(empty_database_url) as connection:
        await migrate(connection, [Migration(1, "one", b"SELECT 1")])
        with pytest.raises(MigrationError, match="its checksum differs"):
            await migrate(connection, [Migration(1, "one", b"SELECT 2")])
        assert await migrate(connection, [Migration(1, "one", b"SELECT 1")]) == []


@pytest.mark.parametrize(
    ("names", "problem"),
    [(["0001_a.sql", "0003_b.sql"], r"expected the numbers 1 to 2, were \[1, 3\]"), (["one.sql"], r"was one\.sql")],
)
def test_misnamed_files_are_refused(tmp_path: Path, names: list[str], problem: str) -> None:
    for name in names:
        (tmp_path / name).write_text("SELECT 1")
    with pytest.raises(MigrationError, match=problem):
        read_migrations(tmp_path)


async def test_hypertables_where_timescaledb_is_there(empty_database_url: str) -> None:
    async with await connect(empty_database_url) as connection:
        support = await enable_timescale(connection)
        if support.version is None:
            pytest.skip(f"TimescaleDB: {support.reason}")
        await migrate(connection)
        cursor = await connection.execute("SELECT DISTINCT method FROM gwanje.series")
        assert await cursor.fetchall() == [("hypertable",)]


async def test_native_partitions_where_timescaledb_is_not_there(empty_database_url: str) -> None:
    async with await connect(empty_database_url) as connection:
        support = await enable_timescale(connection)
        if support.version is not None:
            pytest.skip("the server has TimescaleDB")
        assert support.reason
        await migrate(connection)
        cursor = await connection.execute("SELECT DISTINCT method FROM gwanje.series")
        assert await cursor.fetchall() == [("native",)]
