"""Rows that may be in the tables already: redelivered, backfilled, out of order. Each is stored once.

They go through a temporary table of the session, and from there only those for which no row of the same key is found;
the search takes the index (device, time) row by row, whatever the planner believes of a table it never saw. The key of
a reading is its time, device and, for detectors, lane; that of an event its time, device, stream and sequence number.
Times are compared as PostgreSQL keeps them, in whole microseconds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from psycopg import sql

from storage.database import Connection
from storage.series import SERIES, SeriesRows
from storage.writer_batches import DeviceEvent
from storage.writer_copy import EVENT_COLUMNS, copy_events, copy_series

_EVENT_KEY = ("time", "device", "stream", "seq")


async def insert_late_series(connection: Connection, rows: SeriesRows) -> int:
    """Store the rows that are new, inside the caller's transaction; of rows with one key the first.

    Returns
    -------
    int
        How many rows were left out because they were there already.

    Raises
    ------
    ValueError
        If a value does not fit its column.
    """
    first = first_rows(rows)
    columns = [column.name for column in SERIES[rows.name]]
    key = ("time", "device", "lane") if "lane" in columns else ("time", "device")
    stage = await _empty_stage(connection, rows.name)
    await copy_series(connection, first, into=stage)
    return len(rows) - await _move(connection, rows.name, stage, columns, key)


async def insert_late_events(connection: Connection, events: Sequence[DeviceEvent]) -> int:
    """Store the events that are new, inside the caller's transaction; of events with one key the first.

    Returns
    -------
    int
        How many events were left out because they were there already.
    """
    first: dict[tuple[object, ...], DeviceEvent] = {}
    for event in events:
        first.setdefault((event.time, event.device, event.stream, event.seq), event)
    stage = await _empty_stage(connection, "device_event")
    await copy_events(connection, list(first.values()), into=stage)
    return len(events) - await _move(connection, "device_event", stage, EVENT_COLUMNS, _EVENT_KEY)


def first_rows(rows: SeriesRows) -> SeriesRows:
    """Return the first row of each key, in the order given."""
    times = rows.columns["time"]
    if times.dtype.kind == "M":
        times = times.astype("datetime64[ns]").view(np.int64)
    key = {"time": np.asarray(times, dtype=np.int64) // 1000, "device": rows.columns["device"]}
    if "lane" in rows.columns:
        key["lane"] = rows.columns["lane"]
    packed = np.empty(len(rows), dtype=[(name, np.int64) for name in key])
    for name, values in key.items():
        packed[name] = values
    order = np.lexsort([packed[name] for name in key])  # stable, so the first of equal rows comes first
    ordered = packed[order]
    begins = np.ones(len(rows), dtype=np.bool_)
    begins[1:] = ordered[1:] != ordered[:-1]
    if begins.all():
        return rows
    chosen = np.sort(order[begins])
    return SeriesRows(rows.name, {name: values[chosen] for name, values in rows.columns.items()})


async def _empty_stage(connection: Connection, table: str) -> sql.Identifier:
    """Return the session's own temporary table with the columns of a table, empty."""
    stage = sql.Identifier("pg_temp", f"late_{table}")
    # Emptied at each commit without a change of the catalogue, unlike one that is made anew or truncated.
    await connection.execute(
        sql.SQL("CREATE TEMPORARY TABLE IF NOT EXISTS {} (LIKE {}) ON COMMIT DELETE ROWS").format(
            sql.Identifier(f"late_{table}"), sql.Identifier("gwanje", table)
        )
    )
    await connection.execute(sql.SQL("DELETE FROM {}").format(stage), prepare=False)
    return stage


async def _move(
    connection: Connection, table: str, stage: sql.Identifier, columns: Sequence[str], key: Sequence[str]
) -> int:
    # OFFSET 0 keeps the search a search per row: as a join, it may read whole partitions. Not prepared: a plan that was
    # made while a partition was empty would read all of it ever after.
    same = sql.SQL(" AND ").join(sql.SQL("there.{0} = given.{0}").format(sql.Identifier(name)) for name in key)
    statement = sql.SQL(
        "INSERT INTO {table} ({columns}) SELECT {columns} FROM {stage} AS given"
        " WHERE NOT EXISTS (SELECT FROM {table} AS there WHERE {same} OFFSET 0)"
    ).format(
        table=sql.Identifier("gwanje", table),
        columns=sql.SQL(", ").join(sql.Identifier(name) for name in columns),
        stage=stage,
        same=same,
    )
    cursor = await connection.execute(statement, prepare=False)
    return cursor.rowcount
