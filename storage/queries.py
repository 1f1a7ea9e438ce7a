"""Reading measured values: for a page, for a warm start, and the dead letters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from psycopg import sql

from storage.copy import Column, parse_copy
from storage.database import Connection
from storage.series import SERIES, SeriesName

SERIES_OF_KIND: Mapping[str, SeriesName] = {
    "vds": "vds_lane",
    "slope": "slope_reading",
    "weather": "weather_reading",
}


class Readings(NamedTuple):
    """Readings of one device.

    Attributes
    ----------
    kind
        Kind of the device.
    columns
        An array per column of `storage.series.SERIES`, in the order of ``time``; empty when the kind has no series.
        Times are int64 nanoseconds since 1970-01-01T00:00:00Z; missing reals are NaN.
    """

    device: str
    kind: str
    columns: dict[str, NDArray[np.generic]]


class DeadLetterRow(NamedTuple):
    """A dead letter without its payload."""

    received: datetime
    topic: str
    device: str | None
    field: str
    problem: str
    size_bytes: int


async def readings(
    connection: Connection, device: str, since: datetime, *, until: datetime | None = None, limit: int = 100_000
) -> Readings | None:
    """Return the readings of a device from a time on; None when there is no such device.

    With more than `limit` rows, the newest of them.
    """
    cursor = await connection.execute("SELECT key, kind FROM gwanje.device WHERE id = %s", [device])
    row = await cursor.fetchone()
    if row is None:
        return None
    key, kind = row
    series = SERIES_OF_KIND.get(kind)
    if series is None:
        return Readings(device, kind, {})
    statement = sql.SQL(
        "SELECT {columns} FROM {table} WHERE device = {key} AND time >= {since} AND time < {until}"
        " ORDER BY time DESC LIMIT {limit}"
    ).format(
        columns=_names(SERIES[series]),
        table=sql.Identifier("gwanje", series),
        key=sql.Literal(key),
        since=sql.Literal(since),
        until=sql.SQL("'infinity'") if until is None else sql.Literal(until),
        limit=sql.Literal(limit),
    )
    columns = await fetch_columns(connection, SERIES[series], statement)
    return Readings(device, kind, {name: values[::-1] for name, values in columns.items()})


async def readings_since(connection: Connection, series: SeriesName, since: datetime) -> dict[str, NDArray[np.generic]]:
    """Return all rows of a series from a time on, ordered by time and device; to warm up the engine.

    Returns
    -------
    dict of str to ndarray
        As `Readings.columns`; ``device`` holds keys.
    """
    statement = sql.SQL("SELECT {columns} FROM {table} WHERE time >= {since} ORDER BY time, device").format(
        columns=_names(SERIES[series]), table=sql.Identifier("gwanje", series), since=sql.Literal(since)
    )
    return await fetch_columns(connection, SERIES[series], statement)


async def latest_readings(
    connection: Connection, series: SeriesName, since: datetime
) -> dict[str, NDArray[np.generic]]:
    """Return the newest row of each device (of each lane, for detectors) from a time on.

    Returns
    -------
    dict of str to ndarray
        As `Readings.columns`; ``device`` holds keys.
    """
    keys = sql.SQL("device, lane") if series == "vds_lane" else sql.SQL("device")
    statement = sql.SQL(
        "SELECT DISTINCT ON ({keys}) {columns} FROM {table} WHERE time >= {since} ORDER BY {keys}, time DESC"
    ).format(
        keys=keys,
        columns=_names(SERIES[series]),
        table=sql.Identifier("gwanje", series),
        since=sql.Literal(since),
    )
    return await fetch_columns(connection, SERIES[series], statement)


async def newest_times(connection: Connection) -> dict[int, int]:
    """Return when each device last spoke for itself, over its series and its events.

    One look into an index for each device and table, whatever the tables hold.

    Returns
    -------
    dict of int to int
        Newest device time by device key, in whole microseconds; devices of which nothing is stored are not in it.
        [ns since 1970-01-01T00:00:00Z]
    """
    newest: dict[int, int] = {}
    for kind, table in (*SERIES_OF_KIND.items(), (None, "device_event")):
        statement = sql.SQL(
            "SELECT d.key, (extract(epoch FROM newest.time) * 1000000)::bigint FROM gwanje.device d CROSS JOIN LATERAL"
            " (SELECT time FROM {table} WHERE device = d.key AND isfinite(time) ORDER BY time DESC LIMIT 1) AS newest"
            " WHERE {kind}::text IS NULL OR d.kind = {kind}"
        ).format(table=sql.Identifier("gwanje", table), kind=sql.Literal(kind))
        cursor = await connection.execute(statement, prepare=False)
        for key, time_us in await cursor.fetchall():
            newest[key] = max(time_us * 1000, newest.get(key, time_us * 1000))
    return newest


async def dead_letters(connection: Connection, limit: int = 100) -> list[DeadLetterRow]:
    """Return the newest dead letters first."""
    cursor = await connection.execute(
        "SELECT received, topic, device, field, problem, size_bytes FROM gwanje.dead_letter"
        " ORDER BY received DESC LIMIT %s",
        [limit],
    )
    return [DeadLetterRow(*row) for row in await cursor.fetchall()]


def page_series(readings: Readings) -> dict[str, list[tuple[float, float | None]]]:
    """Return the series that a page draws: for each name, pairs of time [s since 1970] and value.

    The lanes of a detector are put together per time: ``flow_veh_h`` is the hourly equivalent of their volumes, missing
    when any lane's is; ``speed_kmh`` is the mean weighted by volume over the lanes that have a speed;
    ``occupancy_pct`` is the mean over the lanes that have one. Other kinds give each of their columns, soil moisture
    one per depth that has a value. Missing and infinite values become None.
    """
    columns = readings.columns
    if not columns:
        return {}
    times_s = np.asarray(columns["time"], dtype=np.int64) / 1e9
    if readings.kind == "vds":
        times_s, values = _station(times_s, columns)
    else:
        values = {}
        for column in SERIES[SERIES_OF_KIND[readings.kind]]:
            data = np.asarray(columns[column.name])
            if column.type == "float32":
                values[column.name] = data.astype(np.float64)
            elif column.type == "float32[]":
                for depth in range(column.length):
                    if not np.isnan(data[:, depth]).all():
                        values[f"{column.name}_{depth + 1}"] = data[:, depth].astype(np.float64)
    return {name: _pairs(times_s, data) for name, data in values.items()}


def _station(
    times_s: NDArray[np.float64], columns: Mapping[str, NDArray[np.generic]]
) -> tuple[NDArray[np.float64], dict[str, NDArray[np.float64]]]:
    def real(name: str) -> NDArray[np.float64]:
        return np.asarray(columns[name], dtype=np.float64)

    unique_s, place = np.unique(times_s, return_inverse=True)

    def total(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.bincount(place, weights=values, minlength=unique_s.size), dtype=np.float64)

    volume, speed_kmh, occupancy_pct = real("volume"), real("speed_kmh"), real("occupancy_pct")
    flow_veh_h = total(volume * 3600.0 / real("period_s"))
    weight = np.where(np.isfinite(speed_kmh) & np.isfinite(volume), volume, 0.0)
    known = np.isfinite(occupancy_pct)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_kmh = total(np.where(weight > 0, weight * speed_kmh, 0.0)) / total(weight)
        mean_pct = total(np.where(known, occupancy_pct, 0.0)) / total(known.astype(np.float64))
    return unique_s, {"speed_kmh": mean_kmh, "flow_veh_h": flow_veh_h, "occupancy_pct": mean_pct}


def _pairs(times_s: NDArray[np.float64], values: NDArray[np.float64]) -> list[tuple[float, float | None]]:
    finite = np.isfinite(values)
    # float32 columns carry about seven digits; more would only be noise on the wire.
    rounded = np.round(np.where(finite, values, 0.0), 4).tolist()
    kept: list[float | None] = [value if known else None for value, known in zip(rounded, finite.tolist(), strict=True)]
    return list(zip(times_s.tolist(), kept, strict=True))


def _names(columns: Sequence[Column]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(column.name) for column in columns)


async def fetch_columns(
    connection: Connection, columns: Sequence[Column], statement: sql.Composed
) -> dict[str, NDArray[np.generic]]:
    """Run a query of never-null columns through a binary COPY, which numpy reads without a step per row.

    Raises
    ------
    ValueError
        If a value is NULL, or a time is outside of 1677 to 2262.
    """
    copying = sql.SQL("COPY ({}) TO STDOUT (FORMAT BINARY)").format(statement)
    payload = bytearray()
    async with connection.cursor() as cursor, cursor.copy(copying) as copy:
        async for part in copy:
            payload += part
    return parse_copy(columns, payload)
