"""Reading roll-ups and profiles."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from psycopg import sql

from storage.copy import Column
from storage.database import Connection
from storage.queries import fetch_columns
from storage.rollup_marks import BUCKET_S, HOUR_S

Step = Literal["5min", "hour"]
DayType = Literal["weekday", "saturday", "holiday"]
DAY_TYPES: tuple[DayType, ...] = ("weekday", "saturday", "holiday")
STEP_S: Mapping[Step, int] = {"5min": BUCKET_S, "hour": HOUR_S}


def _reals(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, "float32") for name in names)


_COUNTS = (Column("n_reading", "int32"), Column("n_doubtful", "int32"))
_VDS = (
    Column("bucket", "time"), Column("lane", "int16"), *_COUNTS,
    *_reals(
        "observed_s", "volume", "heavy", "heavy_volume", "speed_kmh", "speed_volume", "occupancy_pct", "occupancy_s"
    ),
)  # fmt: skip
_SLOPE = (
    Column("bucket", "time"), *_COUNTS,
    *_reals(
        "rain_mm", "rain_s", "tilt_x_deg", "tilt_y_deg", "pore_pressure_kpa", "pore_pressure_max_kpa", "extension_mm",
        "extension_max_mm", "battery_min_v", "rssi_dbm",
    ),
)  # fmt: skip
_WEATHER = (
    Column("bucket", "time"), *_COUNTS,
    *_reals(
        "rain_mm", "rain_s", "temp_c", "temp_min_c", "temp_max_c", "rh_pct", "wind_kmh", "wind_max_kmh", "wind_deg",
        "visibility_min_m", "road_surface_c", "road_surface_min_c",
    ),
)  # fmt: skip
_TABLES: Mapping[tuple[str, Step], tuple[str, tuple[Column, ...]]] = {
    ("vds", "5min"): ("vds_5min", _VDS),
    ("vds", "hour"): ("vds_hour", _VDS),
    ("slope", "hour"): ("slope_hour", _SLOPE),
    ("weather", "hour"): ("weather_hour", _WEATHER),
}
_PROFILE = (
    Column("lane", "int16"), Column("slot_min", "int16"), Column("n_day", "int32"),
    *_reals(
        "flow_p15_veh_h", "flow_p50_veh_h", "flow_p85_veh_h", "speed_p15_kmh", "speed_p50_kmh", "speed_p85_kmh",
        "occupancy_p15_pct", "occupancy_p50_pct", "occupancy_p85_pct",
    ),
)  # fmt: skip


class Rollup(NamedTuple):
    """Roll-ups of one device, by time and, for detectors, lane.

    Attributes
    ----------
    kind
        Kind of the device.
    columns
        Arrays of shape (row,); empty when the kind has no roll-up of that step. ``bucket`` is the start [int64 ns since
        1970-01-01T00:00:00Z]; ``n_reading`` and ``doubtful_frac`` count all readings, everything else only those
        without a mark of doubt. Missing reals are NaN.

        Detectors: ``lane``; ``volume`` [veh], ``heavy`` [veh], ``heavy_frac`` of the vehicles that were told apart,
        ``flow_veh_h`` over the time that was observed, ``speed_kmh`` weighted by volume, ``occupancy_pct`` weighted by
        time, ``coverage_frac`` of the bucket that was observed, 0 to 1.

        Slope nodes and weather stations: ``rain_mm``, the sum of the counter's rises, over the part ``coverage_frac``
        of the hour; means, and what ``_min_`` and ``_max_`` say.
    """

    kind: str
    columns: dict[str, NDArray[np.generic]]


class Profile(NamedTuple):
    """Typical values of a detector on one type of day.

    Attributes
    ----------
    computed
        When; None when there are none yet.
    columns
        Arrays of shape (row,), by lane and ``slot_min``, the start in local time [min of the day]; ``n_day`` days and
        the 15th, 50th and 85th percentile over them of flow, speed and occupancy; NaN where no day had a value.
    """

    computed: datetime | None
    columns: dict[str, NDArray[np.generic]]


async def rollup(
    connection: Connection, device: str, since: datetime, until: datetime, step: Step, *, limit: int = 100_000
) -> Rollup | None:
    """Return the roll-ups of a device in [since, until); None when there is no such device.

    With more than `limit` rows, the newest of them.
    """
    found = await _device(connection, device)
    if found is None:
        return None
    key, kind = found
    if (kind, step) not in _TABLES:
        return Rollup(kind, {})
    table, columns = _TABLES[kind, step]
    order = sql.SQL("bucket DESC, lane DESC") if kind == "vds" else sql.SQL("bucket DESC")
    statement = sql.SQL(
        "SELECT {columns} FROM {table} WHERE device = {key} AND bucket >= {since} AND bucket < {until}"
        " ORDER BY {order} LIMIT {limit}"
    ).format(
        columns=sql.SQL(", ").join(sql.Identifier(column.name) for column in columns),
        table=sql.Identifier("gwanje", table),
        key=sql.Literal(key),
        since=sql.Literal(since),
        until=sql.Literal(until),
        order=order,
        limit=sql.Literal(limit),
    )
    raw = {name: values[::-1] for name, values in (await fetch_columns(connection, columns, statement)).items()}
    return Rollup(kind, _with_rates(raw, STEP_S[step]))


async def profile(connection: Connection, device: str, day_type: DayType, step: Step) -> Profile | None:
    """Return the typical day of a detector; None when there is no such device.

    Parameters
    ----------
    connection
        The database.
    device
        Identifier of a detection station; other kinds have no profile.
    day_type
        ``weekday`` Monday to Friday, ``saturday``, or ``holiday``: Sundays and public holidays.
    step
        Length of a slot.
    """
    found = await _device(connection, device)
    if found is None:
        return None
    where = sql.SQL("FROM gwanje.vds_profile WHERE device = {key} AND step_min = {step} AND day_type = {type}").format(
        key=sql.Literal(found[0]),
        step=sql.Literal(STEP_S[step] // 60),
        type=sql.Literal(DAY_TYPES.index(day_type)),
    )
    cursor = await connection.execute(sql.SQL("SELECT max(computed) ") + where)
    row = await cursor.fetchone()
    statement = sql.SQL("SELECT {columns} {where} ORDER BY lane, slot_min").format(
        columns=sql.SQL(", ").join(sql.Identifier(column.name) for column in _PROFILE), where=where
    )
    return Profile(None if row is None else row[0], await fetch_columns(connection, _PROFILE, statement))


def _with_rates(raw: dict[str, NDArray[np.generic]], step_s: int) -> dict[str, NDArray[np.generic]]:
    """Turn sums into what a person reads."""

    def share(part: NDArray[np.generic], whole: NDArray[np.generic] | float) -> NDArray[np.float64]:
        with np.errstate(invalid="ignore", divide="ignore"):
            quotient = np.asarray(part, dtype=np.float64) / np.asarray(whole, dtype=np.float64)
        return np.where(np.isfinite(quotient), quotient, np.nan)

    internal = {"n_doubtful", "observed_s", "heavy_volume", "speed_volume", "occupancy_s", "rain_s"}
    columns = {name: values for name, values in raw.items() if name not in internal}
    columns["doubtful_frac"] = share(raw["n_doubtful"], raw["n_reading"])
    observed_s = raw["observed_s" if "observed_s" in raw else "rain_s"]
    columns["coverage_frac"] = np.minimum(share(observed_s, float(step_s)), 1.0)
    if "volume" in raw:
        columns["flow_veh_h"] = 3600.0 * share(raw["volume"], observed_s)
        columns["heavy_frac"] = share(raw["heavy"], raw["heavy_volume"])
    return columns


async def _device(connection: Connection, device: str) -> tuple[int, str] | None:
    cursor = await connection.execute("SELECT key, kind FROM gwanje.device WHERE id = %s", [device])
    row = await cursor.fetchone()
    return None if row is None else (int(row[0]), str(row[1]))
