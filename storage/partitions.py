"""Partitions of the time series, made ahead of time where TimescaleDB does not do it."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import psycopg
from psycopg import sql

from storage.database import Connection

BACK_DAYS = 1
AHEAD_DAYS = 7
BACK_MONTHS = 0
AHEAD_MONTHS = 1

_LOCK = 0x6777616E6A66
_BLOCK_INDEXES = """
SELECT x.indexrelid::regclass::text FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid
JOIN pg_am a ON a.oid = c.relam JOIN pg_inherits h ON h.inhrelid = x.indrelid
WHERE h.inhparent = %s::regclass AND a.amname = 'brin' AND pg_relation_size(x.indrelid) > 0
"""
_EXISTS = "SELECT to_regclass(%s) IS NOT NULL"


async def ensure_partitions(connection: Connection, now: datetime) -> list[str]:
    """Make the partitions from yesterday to a week ahead (daily) or to next month (monthly).

    Rows of other times stand in a series' default partition; those that belong into a new partition are moved, so it
    is harmless to be late. Each partition is a transaction of its own. Call it at the start and every few hours.

    Parameters
    ----------
    connection
        In autocommit mode.
    now
        The present time, aware.

    Returns
    -------
    list of str
        Names of the tables made now; empty where the series are hypertables.

    Raises
    ------
    ValueError
        If `now` is naive.
    """
    if now.tzinfo is None:
        raise ValueError("now: expected an aware time, was a naive one")
    cursor = await connection.execute(
        "SELECT name, time_column, step FROM gwanje.series WHERE method = 'native' ORDER BY name"
    )
    made = []
    for name, time_column, step in await cursor.fetchall():
        for start, end in _daily(now) if step == "day" else _monthly(now):
            table = _table_of(name, step, start)
            if await _make(connection, name, time_column, table, start, end):
                made.append(table)
    return made


async def make_partitions(connection: Connection, series: str, starts: Iterable[datetime]) -> list[str]:
    """Make the partitions that begin at some times, to fill them from elsewhere.

    Parameters
    ----------
    connection
        In autocommit mode.
    series
        Its name; one that is unknown here has no partitions.
    starts
        Aware; the day or month that each lies in is meant.

    Returns
    -------
    list of str
        As `ensure_partitions`.
    """
    cursor = await connection.execute(
        "SELECT time_column, step FROM gwanje.series WHERE method = 'native' AND name = %s", [series]
    )
    row = await cursor.fetchone()
    if row is None:
        return []
    time_column, step = row
    made = []
    for time in starts:
        start = time.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        start = start.replace(day=1) if step == "month" else start
        end = _months_later(start, 1) if step == "month" else start + timedelta(days=1)
        table = _table_of(series, step, start)
        if await _make(connection, series, time_column, table, start, end):
            made.append(table)
    return made


async def summarize_blocks(connection: Connection, series: str) -> None:
    """Let the index by time know what was written last; until then, a search by time reads all blocks it knows not.

    A vacuum does it too, but not within the minute. A partition that is being vacuumed is left out.

    Parameters
    ----------
    connection
        In autocommit mode.
    series
        Its name.
    """
    cursor = await connection.execute(_BLOCK_INDEXES, [f"gwanje.{series}"])
    for (index,) in await cursor.fetchall():
        # Waiting for longer would end an automatic vacuum, and then none would ever come to its end.
        with contextlib.suppress(psycopg.errors.LockNotAvailable):
            async with connection.transaction():
                await connection.execute("SELECT set_config('lock_timeout', '100ms', true)")
                await connection.execute("SELECT brin_summarize_new_values(%s::regclass)", [index])


def _table_of(series: str, step: str, start: datetime) -> str:
    return f"{series}_p{start:%Y%m%d}" if step == "day" else f"{series}_p{start:%Y%m}"


async def _make(
    connection: Connection, series: str, time_column: str, table: str, start: datetime, end: datetime
) -> bool:
    cursor = await connection.execute(_EXISTS, [f"gwanje.{table}"])
    if await cursor.fetchone() == (True,):
        return False
    names = {
        "new": sql.Identifier("gwanje", table),
        "series": sql.Identifier("gwanje", series),
        "rest": sql.Identifier("gwanje", f"{series}_default"),
        "time": sql.Identifier(time_column),
        "start": sql.Literal(start),
        "end": sql.Literal(end),
    }
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        cursor = await connection.execute(_EXISTS, [f"gwanje.{table}"])
        if await cursor.fetchone() == (True,):
            return False
        # Nothing may slip into the default partition between the move and the attachment.
        await connection.execute(sql.SQL("LOCK TABLE {rest} IN ACCESS EXCLUSIVE MODE").format(**names))
        await connection.execute(sql.SQL("CREATE TABLE {new} (LIKE {series} INCLUDING ALL)").format(**names))
        await connection.execute(
            sql.SQL(
                "WITH moved AS (DELETE FROM {rest} WHERE {time} >= {start} AND {time} < {end} RETURNING *)"
                " INSERT INTO {new} SELECT * FROM moved"
            ).format(**names)
        )
        await connection.execute(
            sql.SQL("ALTER TABLE {series} ATTACH PARTITION {new} FOR VALUES FROM ({start}) TO ({end})").format(**names)
        )
    return True


def _daily(now: datetime) -> list[tuple[datetime, datetime]]:
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    days = [today + timedelta(days=number) for number in range(-BACK_DAYS, AHEAD_DAYS + 1)]
    return [(day, day + timedelta(days=1)) for day in days]


def _monthly(now: datetime) -> list[tuple[datetime, datetime]]:
    first = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    starts = [_months_later(first, number) for number in range(-BACK_MONTHS, AHEAD_MONTHS + 2)]
    return list(itertools.pairwise(starts))


def _months_later(first: datetime, number: int) -> datetime:
    month = first.month - 1 + number
    return first.replace(year=first.year + month // 12, month=month % 12 + 1)
