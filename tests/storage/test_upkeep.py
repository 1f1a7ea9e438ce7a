"""Upkeep: everything when it is due, and again when it failed."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest

from storage.database import Connection
from storage.repositories.devices import DeviceRow, register_devices
from storage.retention import load_policy
from storage.rollup_queries import profile
from storage.upkeep import Upkeep
from storage.writer_batches import WriteBatch
from storage.writer_rows import Rows, write_rows
from tests.storage.rows import NOW, series_rows

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
async def _readings(connection: Connection) -> None:
    await register_devices(connection, [DeviceRow("v", "vds", "d")])
    rows = series_rows("vds_lane", 300, period_s=[1.0] * 300, quality=[0] * 300)
    await write_rows(connection, Rows.of([WriteBatch(series=(rows,))]))


async def test_each_task_is_done_when_it_is_due(connection: Connection) -> None:
    upkeep = Upkeep(load_policy())
    everything = [task.name for task in upkeep.tasks]
    later = NOW + timedelta(hours=2)
    assert await upkeep.step(connection, later) == everything
    found = await profile(connection, "v", "weekday", "5min")
    assert found is not None
    assert found.columns["slot_min"].tolist() == [21 * 60]
    assert await upkeep.step(connection, later + timedelta(seconds=59)) == []
    assert await upkeep.step(connection, later + timedelta(seconds=61)) == ["rollups"]
    assert await upkeep.step(connection, later + timedelta(hours=1)) == ["partitions", "rollups"]
    assert await upkeep.step(connection, later - timedelta(days=3)) == everything


async def test_new_start_leaves_profiles_of_today(connection: Connection) -> None:
    first = NOW + timedelta(hours=2)
    for hours, computed in ((0, first), (23, first), (25, first + timedelta(hours=25))):
        await Upkeep(load_policy()).step(connection, first + timedelta(hours=hours))
        cursor = await connection.execute(b"SELECT DISTINCT computed FROM gwanje.vds_profile")
        assert await cursor.fetchall() == [(computed,)]


async def test_what_failed_is_done_again(connection: Connection) -> None:
    upkeep = Upkeep(load_policy())
    await connection.execute(b"ALTER TABLE gwanje.rollup_mark RENAME TO gone")
    with pytest.raises(psycopg.errors.UndefinedTable):
        await upkeep.step(connection, NOW)
    await connection.execute(b"ALTER TABLE gwanje.gone RENAME TO rollup_mark")
    assert await upkeep.step(connection, NOW) == ["rollups", "retention", "profiles"]
