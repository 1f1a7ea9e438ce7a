"""Databases of every earlier version, with rows in every table, come up to today's with all of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import psycopg
import pytest

from storage.database import Connection, connect
from storage.errors import MigrationError
from storage.migrate import Migration, migrate, read_migrations
from storage.rollups import update_rollups
from storage.writer_batches import WriteBatch
from storage.writer_rows import Rows, write_rows
from tests.gwanje.polling import eventually
from tests.storage.filling import contents, fill
from tests.storage.rows import NOW, series_rows

pytestmark = pytest.mark.integration

ALL = read_migrations()
ROLLUPS = 3
"""The migration that made roll-ups."""
SLOW = Migration(
    len(ALL) + 1, "slow", b"CREATE TABLE gwanje.half (); SELECT pg_sleep(60); CREATE TABLE gwanje.whole ()"
)


@pytest.fixture
async def empty(empty_database_url: str) -> AsyncIterator[Connection]:
    async with await connect(empty_database_url) as opened:
        yield opened


@pytest.mark.parametrize("version", range(1, len(ALL) + 1))
async def test_every_row_of_every_version_stays(empty: Connection, version: int) -> None:
    assert await migrate(empty, ALL[:version]) == list(range(1, version + 1))
    await fill(empty)
    before = await contents(empty)
    assert all(before.values())
    assert await migrate(empty) == list(range(version + 1, len(ALL) + 1))
    after = await contents(empty)
    assert {table: after[table] for table in before} == before
    # The writer and the jobs of today work on it, and the readings from before roll-ups are rolled up.
    async with empty.transaction():
        await write_rows(empty, Rows.of([WriteBatch(late=(series_rows("vds_lane", 3, device=9),))]))
    assert (await update_rollups(empty, NOW + timedelta(days=9_000))).n_waiting == 0
    assert len((await contents(empty))["vds_5min"]) >= (5 if version < ROLLUPS else 1)


async def test_migration_that_is_cut_leaves_the_version_before(empty: Connection, empty_database_url: str) -> None:
    await migrate(empty)
    await fill(empty)
    before = await contents(empty)
    async with await connect(empty_database_url) as cut:
        running = asyncio.create_task(migrate(cut, [*ALL, SLOW]))
        asleep = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"

        async def sleeping() -> tuple[int] | None:
            return await (await empty.execute(asleep.encode())).fetchone()

        (pid,) = await eventually(sleeping)
        await empty.execute("SELECT pg_terminate_backend(%s)", [pid])
        with pytest.raises(psycopg.OperationalError):
            await running
    assert await contents(empty) == before
    assert await migrate(empty) == []


async def test_what_is_half_there_by_another_hand_is_named_and_stays(empty: Connection) -> None:
    await migrate(empty, ALL[:1])
    await empty.execute(b"CREATE TABLE gwanje.journal_checkpoint (mine integer)")
    await fill_first_table(empty)
    before = await contents(empty)
    with pytest.raises(MigrationError, match=r"migration 2 \(journal_checkpoints\) failed: relation .* already exists"):
        await migrate(empty)
    assert await contents(empty) == before
    await empty.execute(b"DROP TABLE gwanje.journal_checkpoint")
    assert await migrate(empty) == list(range(2, len(ALL) + 1))


@pytest.mark.parametrize("change", ["newer", "checksum"])
async def test_schema_that_is_not_ours_is_refused_and_stays(empty: Connection, change: str) -> None:
    await migrate(empty)
    await fill(empty)
    if change == "newer":
        await empty.execute("INSERT INTO gwanje.migration VALUES (%s, 'later', 'x')", [len(ALL) + 1])
        problem = rf"newer than this version of Gwanje: it has migration {len(ALL) + 1} \(later\), the code ends at"
    else:
        await empty.execute(b"UPDATE gwanje.migration SET checksum = 'x' WHERE number = 2")
        problem = r"migration 2 \(journal_checkpoints\) of the database is not the file of this version"
    before = await contents(empty)
    with pytest.raises(MigrationError, match=problem):
        await migrate(empty)
    assert await contents(empty) == before


async def fill_first_table(connection: Connection) -> None:
    await connection.execute(b"INSERT INTO gwanje.device VALUES (1, 'a', 'vds', 'd')")
