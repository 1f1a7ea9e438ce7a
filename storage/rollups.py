"""Values of 5 minutes and of an hour, computed from the readings, and anew wherever late readings arrive.

Own construction, the same on every PostgreSQL (docs/adr/0012-rollups.md). A detector's reading covers the period that
ends at its time and belongs to the bucket in which the middle of that period lies. Readings with a mark of doubt count
in ``n_doubtful`` and in nothing else. Rain is the sum of the counter's rises, never a mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import LiteralString, NamedTuple

from psycopg import sql

from storage.database import Connection
from storage.partitions import summarize_blocks
from storage.rollup_marks import BUCKET_S, HOUR_S

MARKS_AT_ONCE = 2_000
BUCKETS_AT_ONCE = 12

_LOCK = 0x6777616E6A67
_STEP_S: Mapping[str, int] = {
    "vds_lane": BUCKET_S,
    "vds_5min": HOUR_S,
    "slope_reading": HOUR_S,
    "weather_reading": HOUR_S,
}
_TARGET: Mapping[str, str] = {
    "vds_lane": "vds_5min",
    "vds_5min": "vds_hour",
    "slope_reading": "slope_hour",
    "weather_reading": "weather_hour",
}

_VDS_5MIN: LiteralString = """
INSERT INTO gwanje.vds_5min
SELECT bucket, device, lane, count(*), count(*) FILTER (WHERE quality <> 0),
    coalesce(sum(period_s::float8) FILTER (WHERE good), 0), coalesce(sum(volume::float8) FILTER (WHERE good), 0),
    coalesce(sum(heavy::float8) FILTER (WHERE good AND heavy <> 'NaN'), 'NaN'),
    coalesce(sum(volume::float8) FILTER (WHERE good AND heavy <> 'NaN'), 0),
    coalesce(sum(speed_kmh::float8 * volume) FILTER (WHERE moving) / sum(volume::float8) FILTER (WHERE moving), 'NaN'),
    coalesce(sum(volume::float8) FILTER (WHERE moving), 0),
    coalesce(sum(occupancy_pct::float8 * period_s) FILTER (WHERE good AND occupancy_pct <> 'NaN')
        / sum(period_s::float8) FILTER (WHERE good AND occupancy_pct <> 'NaN'), 'NaN'),
    coalesce(sum(period_s::float8) FILTER (WHERE good AND occupancy_pct <> 'NaN'), 0)
FROM (
    SELECT *, quality = 0 AND volume <> 'NaN' AND period_s > 0 AS good,
        quality = 0 AND volume > 0 AND volume <> 'NaN' AND speed_kmh <> 'NaN' AS moving,
        date_bin('5 minutes', time - least(period_s / 2, 150) * interval '1 second', '2000-01-01Z') AS bucket
    FROM gwanje.vds_lane
    WHERE time >= %(first)s AND time <= %(last)s::timestamptz + interval '450 seconds'
) AS reading
WHERE bucket = ANY(%(buckets)s)
GROUP BY bucket, device, lane
"""
_VDS_HOUR: LiteralString = """
INSERT INTO gwanje.vds_hour
SELECT date_bin('1 hour', bucket, '2000-01-01Z') AS hour, device, lane, sum(n_reading), sum(n_doubtful),
    sum(observed_s::float8), sum(volume::float8),
    coalesce(sum(heavy::float8) FILTER (WHERE heavy <> 'NaN'), 'NaN'), sum(heavy_volume::float8),
    coalesce(sum(speed_kmh::float8 * speed_volume) FILTER (WHERE speed_volume > 0)
        / sum(speed_volume::float8) FILTER (WHERE speed_volume > 0), 'NaN'), sum(speed_volume::float8),
    coalesce(sum(occupancy_pct::float8 * occupancy_s) FILTER (WHERE occupancy_s > 0)
        / sum(occupancy_s::float8) FILTER (WHERE occupancy_s > 0), 'NaN'), sum(occupancy_s::float8)
FROM gwanje.vds_5min
WHERE bucket >= %(first)s AND bucket < %(last)s::timestamptz + interval '1 hour'
    AND date_bin('1 hour', bucket, '2000-01-01Z') = ANY(%(buckets)s)
GROUP BY hour, device, lane
"""
# A rise belongs to the hour of the later reading. A counter that fell was set back, and what it shows fell since. Over
# a gap of more than an hour nobody knows when it rained: such a rise is left out, and `rain_s` shows it.
_HOUR_OF: LiteralString = """
INSERT INTO gwanje.{target}
SELECT bucket, device, count(*), count(*) FILTER (WHERE quality <> 0),
    coalesce(sum(rise_mm) FILTER (WHERE gap_s <= 3600), 'NaN'), coalesce(sum(gap_s) FILTER (WHERE gap_s <= 3600), 0),
    {values}
FROM (
    SELECT *, date_bin('1 hour', time, '2000-01-01Z') AS bucket,
        CASE WHEN counts THEN rain_mm_total::float8
            - CASE WHEN rain_mm_total >= before_mm THEN before_mm ELSE 0 END END AS rise_mm,
        CASE WHEN counts THEN extract(epoch FROM time - before)::float8 END AS gap_s
    FROM (
        SELECT *, quality = 0 AND rain_mm_total <> 'NaN' AS counts,
            lag(rain_mm_total) OVER steps AS before_mm, lag(time) OVER steps AS before
        FROM gwanje.{table}
        WHERE time >= %(first)s::timestamptz - interval '1 hour' AND time < %(last)s::timestamptz + interval '1 hour'
        WINDOW steps AS (PARTITION BY device, quality = 0 AND rain_mm_total <> 'NaN' ORDER BY time)
    ) AS stepped
) AS reading
WHERE bucket = ANY(%(buckets)s)
GROUP BY bucket, device
"""


def _over(function: LiteralString, column: LiteralString) -> LiteralString:
    return (
        "coalesce("
        + function
        + "("
        + column
        + "::float8) FILTER (WHERE quality = 0 AND "
        + column
        + " <> 'NaN'), 'NaN')"
    )


_SLOPE_VALUES: LiteralString = ", ".join(
    (
        _over("avg", "tilt_x_deg"), _over("avg", "tilt_y_deg"),
        _over("avg", "pore_pressure_kpa"), _over("max", "pore_pressure_kpa"),
        _over("avg", "extension_mm"), _over("max", "extension_mm"),
        _over("min", "battery_v"), _over("avg", "rssi_dbm"),
    )
)  # fmt: skip
# A direction has no mean as a number: it is that of the mean vector.
_WIND_DEG: LiteralString = (
    "coalesce(mod(round(atan2d(sum(sind(wind_deg)) FILTER (WHERE quality = 0 AND wind_deg <> 'NaN'),"
    " sum(cosd(wind_deg)) FILTER (WHERE quality = 0 AND wind_deg <> 'NaN'))::numeric + 360, 3), 360)::float8, 'NaN')"
)
_WEATHER_VALUES: LiteralString = ", ".join(
    (
        _over("avg", "temp_c"), _over("min", "temp_c"), _over("max", "temp_c"), _over("avg", "rh_pct"),
        _over("avg", "wind_kmh"), _over("max", "wind_kmh"), _WIND_DEG, _over("min", "visibility_m"),
        _over("avg", "road_surface_c"), _over("min", "road_surface_c"),
    )
)  # fmt: skip
_STATEMENTS: Mapping[str, sql.SQL | sql.Composed] = {
    "vds_lane": sql.SQL(_VDS_5MIN),
    "vds_5min": sql.SQL(_VDS_HOUR),
    "slope_reading": sql.SQL(_HOUR_OF).format(
        target=sql.SQL("slope_hour"), table=sql.SQL("slope_reading"), values=sql.SQL(_SLOPE_VALUES)
    ),
    "weather_reading": sql.SQL(_HOUR_OF).format(
        target=sql.SQL("weather_hour"), table=sql.SQL("weather_reading"), values=sql.SQL(_WEATHER_VALUES)
    ),
}


class RollupRun(NamedTuple):
    """What a run did: buckets computed, and marks that wait, of which the present buckets are always some."""

    n_bucket: int
    n_waiting: int


async def update_rollups(connection: Connection, now: datetime, oldest: datetime | None = None) -> RollupRun:
    """Compute all buckets that are over and in which something changed.

    Call it every minute or so. It may be killed at any moment; what it did not finish it does at the next call. At most
    12 buckets are computed in a transaction.

    Parameters
    ----------
    connection
        In autocommit mode.
    now
        The present time, aware.
    oldest
        Buckets before it stay as they are, for their readings may be gone already; None: none does.

    Raises
    ------
    ValueError
        If a time is naive.
    """
    for name, time in (("now", now), ("oldest", oldest)):
        if time is not None and time.tzinfo is None:
            raise ValueError(f"{name}: expected an aware time, was a naive one")
    if oldest is not None:
        await connection.execute("DELETE FROM gwanje.rollup_mark WHERE bucket < %s", [oldest])
    n_bucket = 0
    for series in _STEP_S:
        await summarize_blocks(connection, series)
        while True:
            done = await _compute_some(connection, series, now)
            if not done:
                break
            n_bucket += done
    cursor = await connection.execute("SELECT count(*) FROM gwanje.rollup_mark")
    row = await cursor.fetchone()
    return RollupRun(n_bucket, 0 if row is None else int(row[0]))


async def _compute_some(connection: Connection, series: str, now: datetime) -> int:
    """Compute up to `BUCKETS_AT_ONCE` buckets of a series; return how many."""
    step = timedelta(seconds=_STEP_S[series])
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        cursor = await connection.execute(
            "SELECT DISTINCT bucket FROM (SELECT bucket FROM gwanje.rollup_mark WHERE series = %s AND bucket <= %s"
            " ORDER BY id LIMIT %s) AS marked ORDER BY bucket LIMIT %s",
            [series, now - step, MARKS_AT_ONCE, BUCKETS_AT_ONCE],
        )
        marked = [row[0] for row in await cursor.fetchall()]
        if not marked:
            return 0
        # Those near each other, so that what lies between them is not read for nothing.
        buckets = [bucket for bucket in marked if bucket < marked[0] + BUCKETS_AT_ONCE * step]
        # Only the marks that were there before the rows are read: a later one asks for another look.
        cursor = await connection.execute(
            "SELECT id FROM gwanje.rollup_mark WHERE series = %s AND bucket = ANY(%s)", [series, buckets]
        )
        ids = [row[0] for row in await cursor.fetchall()]
        target = sql.Identifier("gwanje", _TARGET[series])
        await connection.execute(sql.SQL("DELETE FROM {} WHERE bucket = ANY(%s)").format(target), [buckets])
        values = {"buckets": buckets, "first": buckets[0], "last": buckets[-1]}
        await connection.execute(_STATEMENTS[series], values, prepare=False)
        if series == "vds_lane":
            await connection.execute(
                "INSERT INTO gwanje.rollup_mark (series, bucket)"
                " SELECT DISTINCT 'vds_5min', date_bin('1 hour', b, '2000-01-01Z') FROM unnest(%s::timestamptz[]) AS b",
                [buckets],
            )
        await connection.execute("DELETE FROM gwanje.rollup_mark WHERE id = ANY(%s)", [ids])
    return len(buckets)
