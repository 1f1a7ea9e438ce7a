"""Late rows: whatever comes twice, in whatever batches, is there once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.checkpoints import Checkpoint
from storage.database import Connection, connect
from storage.late import first_rows
from storage.partitions import ensure_partitions
from storage.queries import newest_times
from storage.repositories.devices import DeviceRow, register_devices
from storage.series import SERIES, SeriesRows
from storage.writer import Writer
from storage.writer_batches import DeviceEvent, WriteBatch
from storage.writer_rows import Rows, write_rows, write_rows_apart
from tests.storage.rows import NOW, NOW_NS, series_rows

pytestmark = pytest.mark.integration

Reading = tuple[int, int, int, int]
"""Time after the start [µs], nanoseconds beyond it, device, lane."""
READINGS = st.tuples(
    st.sampled_from([-90_000_000_000, 0, 1, 2, 30_000_000]),
    st.sampled_from([0, 1, 999]),
    st.integers(1, 3),
    st.integers(1, 2),
)


def vds(readings: list[Reading], first_value: int = 0) -> SeriesRows:
    time, beyond, device, lane = np.array(readings, dtype=np.int64).reshape(-1, 4).T
    rows = series_rows("vds_lane", len(readings))
    return SeriesRows(
        "vds_lane",
        {
            **rows.columns,
            "time": NOW_NS + time * 1000 + beyond,
            "device": device.astype(np.int32),
            "lane": lane.astype(np.int16),
            "volume": first_value + np.arange(len(readings), dtype=np.float32),
        },
    )


def event(offset_us: int, seq: int, **given: Any) -> DeviceEvent:
    time = NOW + timedelta(microseconds=offset_us)
    values = {"time": time, "received": NOW, "device": 1, "kind": "tower", "stream": "event", "seq": seq, "payload": {}}
    return DeviceEvent(**(values | given))


async def stored(connection: Connection, columns: str, table: str) -> list[tuple[Any, ...]]:
    return await (await connection.execute(f"SELECT {columns} FROM gwanje.{table}".encode())).fetchall()


VDS_KEY = "(extract(epoch FROM time) * 1000000)::bigint, device, lane"


@given(batches=st.lists(st.lists(READINGS, max_size=12), max_size=6), split=st.integers(1, 3))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_redelivery_leaves_the_set_of_distinct_rows(
    database_url: str, batches: list[list[Reading]], split: int
) -> None:
    async def play() -> list[tuple[Any, ...]]:
        async with await connect(database_url) as connection:
            await connection.execute(b"TRUNCATE gwanje.vds_lane")
            for start in range(0, len(batches), split):
                group = [WriteBatch(late=(vds(one),)) for one in batches[start : start + split]]
                async with connection.transaction():
                    await write_rows(connection, Rows.of(group))
            return await stored(connection, VDS_KEY, "vds_lane")

    there = asyncio.run(play())
    wanted = {(NOW_NS // 1000 + time, device, lane) for one in batches for time, _, device, lane in one}
    assert sorted(there) == sorted(wanted)


@given(st.lists(READINGS, max_size=40))
def test_first_row_of_each_key_stays_in_its_place(readings: list[Reading]) -> None:
    seen: dict[tuple[int, int, int], int] = {}
    for number, (time, _, device, lane) in enumerate(readings):
        seen.setdefault((time, device, lane), number)
    assert first_rows(vds(readings)).columns["volume"].tolist() == list(seen.values())


async def test_new_rows_count_and_known_ones_do_not(connection: Connection, database_url: str) -> None:
    await ensure_partitions(connection, NOW)
    old = vds([(0, 0, 1, 1), (0, 0, 1, 2)])
    redelivered = vds([(0, 999, 1, 1), (0, 0, 1, 3), (0, 1, 1, 3), (5, 0, 1, 1)], first_value=100)
    slope = series_rows("slope_reading", 3)
    weather = series_rows("weather_reading", 2)
    writer = Writer(lambda: connect(database_url), now=lambda: NOW, interval_s=0.01)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(writer.run())
        for _ in range(2):
            await writer.put(
                WriteBatch(late=(redelivered, slope, weather), late_events=(event(0, 1), event(0, 1), event(0, 2)))
            )
            await writer.put(WriteBatch(series=(old,) if not writer.status.transactions else ()))
            old = vds([])
        writer.close()
    assert sorted(await stored(connection, "device, lane, volume", "vds_lane")) == [
        (1, 1, 0.0), (1, 1, 103.0), (1, 2, 1.0), (1, 3, 101.0)
    ]  # fmt: skip
    assert len(await stored(connection, "time", "slope_reading")) == 3
    assert len(await stored(connection, "time", "weather_reading")) == 2
    assert sorted(await stored(connection, "seq", "device_event")) == [(1,), (2,)]
    assert writer.status.rows_written == 11
    assert writer.status.rows_repeated == 15


async def test_same_events_of_other_streams_and_sequence_numbers_are_different(connection: Connection) -> None:
    events = (event(0, 1), event(0, 2), event(1, 1), event(0, 1, stream="ack"), event(0, 1, device=2))
    for _ in range(2):
        async with connection.transaction():
            await write_rows(connection, Rows.of([WriteBatch(late_events=events)]))
    assert len(await stored(connection, "seq", "device_event")) == 5


async def test_late_rows_that_are_refused_become_dead_letters(connection: Connection) -> None:
    rows = vds([(number, 0, 1, 1) for number in range(9)])
    lanes = np.ones(9, dtype=np.int64)
    lanes[4] = 70_000
    bad = SeriesRows("vds_lane", {**rows.columns, "lane": lanes})
    events = (event(0, 1), event(0, 2, payload=b"no JSON"), event(0, 3))
    batches = [WriteBatch(late=(rows.part(0, 2), bad), late_events=events, checkpoint=Checkpoint("j", 1))]
    for repeated in (2, 2 + 8 + 2):
        async with connection.transaction():
            written = await write_rows_apart(connection, Rows.of(batches, join=False), lambda: NOW)
        assert written == (2, repeated)
    assert len(await stored(connection, "time", "vds_lane")) == 8
    assert sorted(await stored(connection, "seq", "device_event")) == [(1,), (3,)]
    assert len(await stored(connection, "topic", "dead_letter")) == 4


async def test_search_takes_the_index_of_one_partition(connection: Connection) -> None:
    await ensure_partitions(connection, NOW)
    many = vds([(number, 0, number % 50, 1) for number in range(20_000)])
    await write_rows(connection, Rows.of([WriteBatch(series=(many,))]))
    # Prepared by psycopg after five runs: the plan must not be the one of an empty table.
    for start in range(8):
        async with connection.transaction():
            written = await write_rows(connection, Rows.of([WriteBatch(late=(many.part(start, start + 500),))]))
            cursor = await connection.execute(
                b"SELECT sum(seq_tup_read), sum(idx_scan) >= 500 FROM pg_stat_xact_user_tables"
                b" WHERE schemaname = 'gwanje' AND relname LIKE 'vds_lane%' OR relname LIKE '_hyper%chunk'"
            )
            assert await cursor.fetchone() == (0, True)
        assert written == (0, 500)


async def test_newest_time_is_that_of_series_and_events(connection: Connection) -> None:
    await ensure_partitions(connection, NOW)
    keys = await register_devices(
        connection,
        [
            DeviceRow("a", "vds", "d"), DeviceRow("b", "slope", "d"), DeviceRow("c", "weather", "d"),
            DeviceRow("e", "tower", "d"), DeviceRow("f", "vds", "d"),
        ],
    )  # fmt: skip
    assert await newest_times(connection) == {}
    far_ns = 40 * 86_400 * 10**9
    series = (
        vds([(-90_000_000_000, 0, 1, 1), (5, 999, 1, 2), (3, 0, 1, 1)]),
        series_rows("slope_reading", 3, device=2),
        series_rows("weather_reading", 1, device=3, start_ns=NOW_NS + far_ns),
    )
    events = (event(7, 1, device=4), event(2_000_000 + 1, 1, device=2))
    await write_rows(connection, Rows.of([WriteBatch(series=series, events=events)]))
    assert keys.tolist() == [1, 2, 3, 4, 5]
    assert await newest_times(connection) == {
        1: NOW_NS + 5_000, 2: NOW_NS + 2_000_001_000, 3: NOW_NS + far_ns, 4: NOW_NS + 7_000
    }  # fmt: skip


def test_key_columns_are_in_every_series() -> None:
    for columns in SERIES.values():
        assert {"time", "device"} <= {column.name for column in columns}
