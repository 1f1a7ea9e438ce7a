"""Native partitions: made ahead, never losing a row."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from storage.database import Connection
from storage.partitions import ensure_partitions, summarize_blocks
from storage.queries import readings_since
from storage.writer_batches import WriteBatch
from storage.writer_rows import Rows, write_rows
from tests.storage.rows import NOW, NOW_NS, series_rows

pytestmark = pytest.mark.integration

LONG_AGO = datetime(1900, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
async def native(connection: Connection) -> None:
    cursor = await connection.execute("SELECT method FROM gwanje.series LIMIT 1")
    if await cursor.fetchone() != ("native",):
        pytest.skip("the series are hypertables")


async def count(connection: Connection, table: str) -> int:
    cursor = await connection.execute(f"SELECT count(*) FROM gwanje.{table}".encode())
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def test_days_and_months_ahead_are_made_once(connection: Connection) -> None:
    made = await ensure_partitions(connection, datetime(2026, 12, 30, 23, 0, tzinfo=UTC))
    assert [name for name in made if name.startswith("vds_lane")] == [
        "vds_lane_p20261229", "vds_lane_p20261230", "vds_lane_p20261231", "vds_lane_p20270101", "vds_lane_p20270102",
        "vds_lane_p20270103", "vds_lane_p20270104", "vds_lane_p20270105", "vds_lane_p20270106",
    ]  # fmt: skip
    assert [name for name in made if name.startswith("slope_reading")] == [
        "slope_reading_p202612",
        "slope_reading_p202701",
    ]
    assert await ensure_partitions(connection, datetime(2026, 12, 30, 23, 30, tzinfo=UTC)) == []


async def test_late_partition_takes_its_rows_from_the_default(connection: Connection) -> None:
    rows = series_rows("vds_lane", 100, start_ns=NOW_NS - 50 * 10**9)
    ancient = series_rows("vds_lane", 3, start_ns=-(2**62))
    await write_rows(connection, Rows.of([WriteBatch(series=(rows, ancient))]))
    assert await count(connection, "vds_lane_default") == 103

    await ensure_partitions(connection, NOW)

    assert await count(connection, "vds_lane_default") == 3
    assert await count(connection, f"vds_lane_p{NOW:%Y%m%d}") == 100
    stored = await readings_since(connection, "vds_lane", LONG_AGO - timedelta(days=100_000))
    assert len(stored["time"]) == 103


async def test_new_rows_go_to_their_partition_and_use_its_indexes(connection: Connection) -> None:
    await ensure_partitions(connection, NOW)
    await write_rows(connection, Rows.of([WriteBatch(series=(series_rows("vds_lane", 10),))]))
    assert await count(connection, f"vds_lane_p{NOW:%Y%m%d}") == 10
    cursor = await connection.execute(
        "SELECT am.amname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am am ON am.oid = c.relam"
        " WHERE i.indrelid = %s::regclass ORDER BY 1",
        [f"gwanje.vds_lane_p{NOW:%Y%m%d}"],
    )
    assert [row[0] for row in await cursor.fetchall()] == ["brin", "btree"]


async def test_naive_time_is_refused(connection: Connection) -> None:
    with pytest.raises(ValueError, match="now: expected an aware time"):
        await ensure_partitions(connection, NOW.replace(tzinfo=None))


async def test_search_by_time_reads_few_blocks_right_after_writing(connection: Connection) -> None:
    await ensure_partitions(connection, NOW)
    await write_rows(connection, Rows.of([WriteBatch(series=(series_rows("vds_lane", 40_000),))]))
    query = (
        b"EXPLAIN (ANALYZE, FORMAT JSON) SELECT count(*) FROM gwanje.vds_lane"
        b" WHERE time >= '2026-07-01 12:00Z' AND time < '2026-07-01 12:01Z'"
    )
    await connection.execute(b"SET enable_seqscan = off")

    async def reread() -> int:
        row = await (await connection.execute(query)).fetchone()
        assert row is not None
        return sum(plan.get("Rows Removed by Index Recheck", 0) for plan in plans_of(row[0][0]["Plan"]))

    assert await reread() > 39_000
    await summarize_blocks(connection, "vds_lane")
    assert await reread() < 20_000


def plans_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", []):
        yield from plans_of(part)
