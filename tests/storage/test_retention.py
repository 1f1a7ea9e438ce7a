"""Retention: what is old goes, whatever holds it; what people did stays."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.numbers import THRESHOLDS, NumberError
from storage.database import Connection, connect
from storage.partitions import ensure_partitions
from storage.retention import RetentionPolicy, apply_retention, can_compress, load_policy
from storage.series import SeriesName
from storage.writer_batches import WriteBatch
from storage.writer_rows import Rows, write_rows
from tests.storage.rows import NOW, NOW_NS, series_rows

pytestmark = pytest.mark.integration

DAY_NS = 86_400 * 10**9
POLICY = RetentionPolicy(
    detector_days=3, sensor_days=40, minutes_days=5, hours_days=90, event_days=40, dead_letter_days=40,
    compress_after_days=2,
)  # fmt: skip


async def write(connection: Connection, name: SeriesName, days_ago: list[float]) -> None:
    times = NOW_NS - (np.asarray(days_ago) * DAY_NS).astype(np.int64)
    await write_rows(connection, Rows.of([WriteBatch(series=(series_rows(name, len(times), time=times),))]))


async def ages(connection: Connection, table: str) -> list[float]:
    cursor = await connection.execute(
        f"SELECT extract(epoch FROM %s - time)::float8 / 86400 FROM gwanje.{table} ORDER BY 1".encode(), [NOW]
    )
    return [round(row[0], 3) for row in await cursor.fetchall()]


async def method(connection: Connection) -> str:
    cursor = await connection.execute("SELECT method FROM gwanje.series LIMIT 1")
    row = await cursor.fetchone()
    assert row is not None
    return str(row[0])


async def test_old_partitions_go_and_the_rest_is_deleted_by_rows(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.retention.ROWS_AT_ONCE", 2)
    for days in range(6, -1, -1):
        await ensure_partitions(connection, NOW - timedelta(days=days))
    await write(connection, "vds_lane", [0.0, 1.0, 2.9, 3.1, 5.0, 700.0, 701.0, 702.0, 703.0, 704.0])
    await write(connection, "weather_reading", [39.0, 41.0, 4_000.0])
    run = await apply_retention(connection, NOW, POLICY)
    assert await ages(connection, "weather_reading") == [39.0] if await method(connection) == "native" else [39.0, 41.0]
    # The whole day in which the limit lies is kept: NOW is noon.
    assert await ages(connection, "vds_lane") == [0.0, 1.0, 2.9, 3.1]
    if await method(connection) == "native":
        # Until noon of 28 June is three days ago.
        assert [name for name in run.dropped if "vds_lane" in name] == [
            f"vds_lane_p202606{day}" for day in (24, 25, 26, 27)
        ]
        assert run.n_deleted == 7
    assert (await apply_retention(connection, NOW, POLICY))[:2] == ((), 0)


@given(st.lists(st.floats(0, 20), max_size=12))
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_young_is_lost_and_nothing_much_older_stays(database_url: str, days_ago: list[float]) -> None:
    async def play() -> list[float]:
        async with await connect(database_url) as connection:
            await connection.execute(b"TRUNCATE gwanje.vds_lane")
            for days in range(12, -1, -3):
                await ensure_partitions(connection, NOW - timedelta(days=days))
            await write(connection, "vds_lane", days_ago)
            await apply_retention(connection, NOW, POLICY)
            return await ages(connection, "vds_lane")

    left = asyncio.run(play())
    assert {round(one, 3) for one in days_ago if one <= 3} <= set(left)
    assert all(one <= 4 for one in left)


async def test_partition_in_use_is_dropped_next_time(
    connection: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if await method(connection) != "native":
        pytest.skip("the series are hypertables")
    monkeypatch.setattr("storage.retention.LOCK_WAIT_S", 0.05)
    await ensure_partitions(connection, NOW - timedelta(days=20))
    async with await connect(database_url) as reader, reader.transaction():
        await reader.execute(b"SELECT FROM gwanje.vds_lane")
        run = await apply_retention(connection, NOW, POLICY)
        assert "vds_lane_p20260611" in run.postponed
    run = await apply_retention(connection, NOW, POLICY)
    assert "vds_lane_p20260611" in run.dropped
    assert run.postponed == ()


async def test_what_people_did_stays(connection: Connection) -> None:
    await connection.execute(
        "INSERT INTO gwanje.audit (at, who, action, subject) VALUES (%s, 'kim', 'approve', 'A')",
        [NOW - timedelta(days=9_000)],
    )
    await apply_retention(connection, NOW, POLICY)
    assert await (await connection.execute(b"SELECT who FROM gwanje.audit")).fetchall() == [("kim",)]


async def test_every_series_has_a_time_and_readings_outlive_no_roll_up(connection: Connection) -> None:
    policy = load_policy()
    cursor = await connection.execute("SELECT name FROM gwanje.series")
    assert {row[0] for row in await cursor.fetchall()} == set(policy.days)
    assert policy.detector_days < policy.minutes_days < policy.hours_days
    assert policy.oldest_rollup(NOW) > NOW - timedelta(days=policy.detector_days)


async def test_chunks_are_packed_where_the_server_can(connection: Connection) -> None:
    if not await can_compress(connection):
        pytest.skip("no TimescaleDB with the full licence")
    await write(connection, "vds_lane", [0.0, 0.1, 2.95, 2.96])
    run = await apply_retention(connection, NOW + timedelta(hours=13), replace(POLICY, detector_days=9))
    assert len(run.compressed) == 1
    assert len(await ages(connection, "vds_lane")) == 4
    # A late row finds its like in what is packed, and a new one its place beside it.
    late = series_rows("vds_lane", 2, time=NOW_NS - np.array([int(2.95 * DAY_NS), int(2.9 * DAY_NS)]))
    async with connection.transaction():
        written = await write_rows(connection, Rows.of([WriteBatch(late=(late,))]))
    assert written.n_repeated == 1
    assert len(await ages(connection, "vds_lane")) == 5
    again = await apply_retention(connection, NOW + timedelta(hours=13), replace(POLICY, detector_days=9))
    assert again.dropped == ()


def test_wrong_policy_is_named(tmp_path: Path) -> None:
    text = (THRESHOLDS / "retention.toml").read_text()
    (tmp_path / "retention.toml").write_text(text.replace("value = 400", "value = 0", 1))
    with pytest.raises(NumberError, match=r"minutes_days: expected a number above 0 in d, was 0 d"):
        load_policy(tmp_path)


async def test_naive_time_is_refused(connection: Connection) -> None:
    with pytest.raises(ValueError, match="now: expected an aware time"):
        await apply_retention(connection, NOW.replace(tzinfo=None), POLICY)
