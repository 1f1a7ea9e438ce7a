"""Typical days of every detector lane: median, 15th and 85th percentile by type of day and time of day.

From the roll-ups of the last weeks. A bucket counts when at least half of it was observed; the share is own
construction.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import LiteralString

from psycopg import sql

from storage.database import Connection

MIN_COVERAGE_FRAC = 0.5
DEVICES_AT_ONCE = 50

_COMPUTE: LiteralString = """
INSERT INTO gwanje.vds_profile
SELECT device, lane, {step_min}, day_type, slot_min, n_day,
    coalesce(flow[1], 'NaN'), coalesce(flow[2], 'NaN'), coalesce(flow[3], 'NaN'),
    coalesce(speed[1], 'NaN'), coalesce(speed[2], 'NaN'), coalesce(speed[3], 'NaN'),
    coalesce(occupancy[1], 'NaN'), coalesce(occupancy[2], 'NaN'), coalesce(occupancy[3], 'NaN'), %(now)s
FROM (
    SELECT device, lane, day_type, slot_min, count(DISTINCT day) AS n_day,
        percentile_cont(ARRAY[0.15, 0.5, 0.85]) WITHIN GROUP (ORDER BY volume::float8 * 3600 / observed_s) AS flow,
        percentile_cont(ARRAY[0.15, 0.5, 0.85]) WITHIN GROUP (ORDER BY speed_kmh::float8)
            FILTER (WHERE speed_kmh <> 'NaN') AS speed,
        percentile_cont(ARRAY[0.15, 0.5, 0.85]) WITHIN GROUP (ORDER BY occupancy_pct::float8)
            FILTER (WHERE occupancy_pct <> 'NaN') AS occupancy
    FROM (
        SELECT *, local::date AS day,
            CASE WHEN extract(isodow FROM local) = 7 OR local::date = ANY(%(holidays)s::date[]) THEN 2
                WHEN extract(isodow FROM local) = 6 THEN 1 ELSE 0 END AS day_type,
            (extract(hour FROM local) * 60 + extract(minute FROM local))::int AS slot_min
        FROM (
            SELECT *, bucket AT TIME ZONE %(zone)s AS local FROM {table}
            WHERE device = ANY(%(devices)s) AND bucket >= %(since)s AND bucket < %(now)s
                AND observed_s >= %(least_s)s
        ) AS timed
    ) AS typed
    GROUP BY device, lane, day_type, slot_min
) AS typical
"""


async def update_profiles(
    connection: Connection,
    now: datetime,
    *,
    weeks: int = 8,
    timezone: str = "Asia/Seoul",
    holidays: Collection[date] = (),
) -> int:
    """Compute the profiles of all detectors anew; once a night is enough.

    Parameters
    ----------
    connection
        In autocommit mode; a few devices are a transaction.
    now
        The present time, aware.
    weeks
        How far back. [week]
    timezone
        In which a day begins and has its hours, an IANA name.
    holidays
        Local dates that count as Sundays.

    Returns
    -------
    int
        Rows of the profiles.

    Raises
    ------
    ValueError
        If `now` is naive or `weeks` is not positive.
    """
    if now.tzinfo is None:
        raise ValueError("now: expected an aware time, was a naive one")
    if weeks <= 0:
        raise ValueError(f"weeks: expected a number above 0, was {weeks}")
    cursor = await connection.execute("SELECT key FROM gwanje.device WHERE kind = 'vds' ORDER BY key")
    keys = [row[0] for row in await cursor.fetchall()]
    n_row = 0
    for start in range(0, len(keys), DEVICES_AT_ONCE):
        devices = keys[start : start + DEVICES_AT_ONCE]
        async with connection.transaction():
            await connection.execute("DELETE FROM gwanje.vds_profile WHERE device = ANY(%s)", [devices])
            for table, step_min in (("vds_5min", 5), ("vds_hour", 60)):
                statement = sql.SQL(_COMPUTE).format(
                    step_min=sql.Literal(step_min), table=sql.Identifier("gwanje", table)
                )
                values = {
                    "devices": devices,
                    "since": now - timedelta(weeks=weeks),
                    "now": now,
                    "least_s": MIN_COVERAGE_FRAC * step_min * 60,
                    "zone": timezone,
                    "holidays": list(holidays),
                }
                done = await connection.execute(statement, values, prepare=False)
                n_row += done.rowcount
    return n_row
