"""What is kept for how long: old readings and roll-ups go, what people decided and were told stays.

Audit, alerts, deliveries, situations and findings are never removed. Of a series whole partitions or chunks are
dropped, so that up to one of them is kept longer than said; nothing is dropped while somebody holds a table for long.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import psycopg
from psycopg import sql

from config.numbers import THRESHOLDS, NumberError, load_numbers
from storage.database import Connection

ROWS_AT_ONCE = 10_000
LOCK_WAIT_S = 2

_COMPRESSED = ("vds_lane", "slope_reading", "weather_reading")
_UPPER = r"TO \('([^']+)'\)"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPolicy:
    """How long rows are kept, by the time in them, in days.

    Attributes
    ----------
    detector_days
        Readings of detectors.
    sensor_days
        Readings of slope nodes and weather stations.
    minutes_days, hours_days
        Roll-ups of 5 minutes and of an hour.
    event_days
        Events and answers of devices.
    dead_letter_days
        Messages that did not fit.
    compress_after_days
        When chunks of readings are packed, where TimescaleDB can.
    """

    detector_days: float
    sensor_days: float
    minutes_days: float
    hours_days: float
    event_days: float
    dead_letter_days: float
    compress_after_days: float

    @property
    def days(self) -> Mapping[str, float]:
        """Days by series; one that is not in it is kept."""
        return {
            "vds_lane": self.detector_days,
            "slope_reading": self.sensor_days,
            "weather_reading": self.sensor_days,
            "vds_5min": self.minutes_days,
            "vds_hour": self.hours_days,
            "slope_hour": self.hours_days,
            "weather_hour": self.hours_days,
            "device_event": self.event_days,
            "dead_letter": self.dead_letter_days,
        }

    def oldest_rollup(self, now: datetime) -> datetime:
        """Return from when on every reading is there, so that a roll-up may be computed anew."""
        kept_days = min(self.detector_days, self.sensor_days, self.minutes_days)
        return now - timedelta(days=kept_days) + timedelta(hours=2)


class RetentionRun(NamedTuple):
    """What a run did.

    Attributes
    ----------
    dropped
        Partitions or chunks.
    n_deleted
        Rows that stood in default partitions.
    compressed
        Chunks that were packed.
    postponed
        Partitions in use, to be dropped at the next run.
    """

    dropped: tuple[str, ...]
    n_deleted: int
    compressed: tuple[str, ...]
    postponed: tuple[str, ...]


def load_policy(folder: Path = THRESHOLDS) -> RetentionPolicy:
    """Read ``retention.toml``.

    Raises
    ------
    NumberError
        If an entry is missing, unknown, not in days or not above 0; the message names it.
    """
    numbers = load_numbers("retention", folder)
    wanted = {field.name for field in fields(RetentionPolicy)}
    for entry in sorted(wanted ^ numbers.keys()):
        problem = "expected a number, was missing" if entry in wanted else "expected no such entry, was there"
        raise NumberError(f"{folder / 'retention'}.toml: {entry}: {problem}")
    for entry, number in numbers.items():
        if number.unit != "d" or not 0 < number.value < 1e6:
            was = f"{number.value:g} {number.unit}"
            raise NumberError(f"{folder / 'retention'}.toml: {entry}: expected a number above 0 in d, was {was}")
    return RetentionPolicy(**{entry: number.value for entry, number in numbers.items()})


async def apply_retention(connection: Connection, now: datetime, policy: RetentionPolicy) -> RetentionRun:
    """Drop what is older than the policy keeps; call it once or a few times a day.

    Parameters
    ----------
    connection
        In autocommit mode: each partition, chunk and 10,000 rows are a transaction of their own.
    now
        The present time, aware.
    policy
        How long.

    Raises
    ------
    ValueError
        If `now` is naive.
    """
    if now.tzinfo is None:
        raise ValueError("now: expected an aware time, was a naive one")
    cursor = await connection.execute("SELECT name, time_column, method FROM gwanje.series ORDER BY name")
    dropped: list[str] = []
    postponed: list[str] = []
    compressed: list[str] = []
    n_deleted = 0
    for name, time_column, method in await cursor.fetchall():
        if name not in policy.days:
            continue
        before = now - timedelta(days=policy.days[name])
        if method == "hypertable":
            dropped += await _drop_chunks(connection, name, before)
            if name in _COMPRESSED:
                compressed += await _compress(connection, name, now - timedelta(days=policy.compress_after_days))
            continue
        for partition in await _old_partitions(connection, name, before):
            done = await _drop_partition(connection, partition)
            (dropped if done else postponed).append(partition)
        n_deleted += await _delete_rest(connection, f"{name}_default", time_column, before)
    return RetentionRun(tuple(dropped), n_deleted, tuple(compressed), tuple(postponed))


async def can_compress(connection: Connection) -> bool:
    """Whether the server can pack chunks: TimescaleDB with its full licence."""
    cursor = await connection.execute(
        "SELECT current_setting('timescaledb.license', true) = 'timescale'"
        " AND EXISTS (SELECT FROM pg_proc WHERE proname = 'compress_chunk')"
    )
    row = await cursor.fetchone()
    return row is not None and row[0] is True


async def _old_partitions(connection: Connection, series: str, before: datetime) -> list[str]:
    cursor = await connection.execute(
        "SELECT name FROM (SELECT c.relname AS name,"
        " (regexp_match(pg_get_expr(c.relpartbound, c.oid), %s))[1]::timestamptz AS upper"
        " FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = %s::regclass) AS partition"
        " WHERE upper <= %s ORDER BY upper",
        [_UPPER, f"gwanje.{series}", before],
    )
    return [row[0] for row in await cursor.fetchall()]


async def _drop_partition(connection: Connection, partition: str) -> bool:
    """Drop a partition; False when somebody uses the table for so long that waiting would stop the writer."""
    try:
        async with connection.transaction():
            await connection.execute("SELECT set_config('lock_timeout', %s, true)", [f"{LOCK_WAIT_S * 1000:.0f}ms"])
            await connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier("gwanje", partition)))
    except psycopg.errors.LockNotAvailable:
        return False
    return True


async def _delete_rest(connection: Connection, table: str, time_column: str, before: datetime) -> int:
    statement = sql.SQL(
        "DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {table} WHERE {time} < %s LIMIT %s))"
    ).format(table=sql.Identifier("gwanje", table), time=sql.Identifier(time_column))
    n_deleted = 0
    while True:
        cursor = await connection.execute(statement, [before, ROWS_AT_ONCE], prepare=False)
        n_deleted += cursor.rowcount
        if cursor.rowcount < ROWS_AT_ONCE:
            return n_deleted


async def _drop_chunks(connection: Connection, series: str, before: datetime) -> list[str]:
    cursor = await connection.execute(
        "SELECT drop_chunks(%s::regclass, older_than => %s::timestamptz)::text", [f"gwanje.{series}", before]
    )
    return [row[0] for row in await cursor.fetchall()]


async def _compress(connection: Connection, series: str, before: datetime) -> list[str]:
    if not await can_compress(connection):
        return []
    cursor = await connection.execute(
        "SELECT compression_enabled FROM timescaledb_information.hypertables"
        " WHERE hypertable_schema = 'gwanje' AND hypertable_name = %s",
        [series],
    )
    if await cursor.fetchone() == (False,):
        await connection.execute(
            sql.SQL(
                "ALTER TABLE {} SET (timescaledb.compress, timescaledb.compress_segmentby = 'device',"
                " timescaledb.compress_orderby = 'time DESC')"
            ).format(sql.Identifier("gwanje", series))
        )
    cursor = await connection.execute(
        "SELECT format('%%I.%%I', chunk_schema, chunk_name) FROM timescaledb_information.chunks"
        " WHERE hypertable_schema = 'gwanje' AND hypertable_name = %s AND NOT is_compressed AND range_end <= %s"
        " ORDER BY range_end",
        [series, before],
    )
    chunks = [row[0] for row in await cursor.fetchall()]
    for chunk in chunks:
        await connection.execute("SELECT compress_chunk(%s::regclass, if_not_compressed => true)", [chunk])
    return chunks
