"""Something in every table, and all of it to compare."""

from __future__ import annotations

from typing import Any

import numpy as np

from storage.database import Connection
from storage.partitions import ensure_partitions
from storage.series import SERIES_NAMES
from storage.writer_copy import copy_series
from tests.storage.rows import NOW, NOW_NS, series_rows

# The tables of the first migration; every later one may be missing.
_ROWS = """
INSERT INTO gwanje.device VALUES (1, 'vds-1', 'vds', 'd'), (2, '경사-2', 'slope', 'd'), (7, 'w', 'weather', 'd');
INSERT INTO gwanje.device_event SELECT timestamptz '2026-07-01 11:00Z' + n * interval '17 days', '2026-07-01 12:00Z', 1,
    'tower', 'event', n, '{"text": "연기\\t\\\\ \\"", "value": 0.1, "none": null}' FROM generate_series(1, 5) AS n;
INSERT INTO gwanje.dead_letter VALUES ('2026-07-01 12:00Z', 'a/b', NULL, 'field', 'tab	and
line', 3, '\\x00ff09');
INSERT INTO gwanje.finding VALUES ('F1', 'queue', 'link', 'ALERT', true, '2026-07-01Z', '2026-07-01Z', '{}');
INSERT INTO gwanje.finding_change (finding, at, level, active, body)
    SELECT 'F1', '2026-07-01Z', 'ALERT', true, '{}' FROM generate_series(1, 3);
INSERT INTO gwanje.situation VALUES ('S1', true, 3, '2026-07-01Z', '{"a": [1, 2]}');
INSERT INTO gwanje.alert VALUES ('A1', 2, 'draft', '2026-07-01Z', '{"text": "대피"}');
INSERT INTO gwanje.outbox (alert, version, channel, target, body, created, updated)
    VALUES ('A1', 2, 'sign', 's', '{}', '2026-07-01Z', '2026-07-01Z');
INSERT INTO gwanje.citizen_epoch (epoch, last_offset, created) VALUES ('e', 1, '2026-07-01Z');
INSERT INTO gwanje.citizen_log VALUES ('e', 1, 'A1', 'd', 'ko', '2026-07-01Z', '{}');
INSERT INTO gwanje.audit (at, who, action, subject, before)
    SELECT '2026-07-01Z', 'kim', 'approve', 'A1', '{"n": 1}' FROM generate_series(1, 4);
"""
_LATER = {
    "journal_checkpoint": "INSERT INTO gwanje.journal_checkpoint VALUES ('j', 9007199254740993, '2026-07-01Z')",
    "vds_profile": "INSERT INTO gwanje.vds_profile VALUES (1, 1, 5, 0, 480, 3, 1, 2, 3, 4, 5, 6, 7, 8, 'NaN', now())",
    "rollup_mark": "INSERT INTO gwanje.rollup_mark (series, bucket) VALUES ('vds_lane', '2026-07-01Z')",
    "vds_5min": "INSERT INTO gwanje.vds_5min VALUES ('2026-07-01Z', 1, 1, 10, 0, 300, 50, 5, 50, 80.5, 50, 7, 300)",
    "vds_hour": "INSERT INTO gwanje.vds_hour VALUES ('2026-07-01Z', 1, 1, 10, 0, 300, 50, 5, 50, 80.5, 50, 7, 300)",
    "slope_hour": "INSERT INTO gwanje.slope_hour VALUES ('2026-07-01Z', 2, 1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 'NaN')",
    "weather_hour": "INSERT INTO gwanje.weather_hour VALUES ('2026-07-01Z',7,1,0,1,2,3,4,5,6,7,8,9,1,2,'NaN')",
}


async def fill(connection: Connection) -> None:
    """Put rows into every table that is there, in partitions and beside them."""
    await ensure_partitions(connection, NOW)
    for name in SERIES_NAMES:
        values = np.array([0.1, -0.0, np.inf, np.nan, 3.4e38, 1e-40, 7.0], np.float32)
        times = NOW_NS + np.array([0, 1_000, 86_400 * 10**9, -(10**16), 10**9, 2 * 10**9, 10**17], np.int64)
        rows = series_rows(
            name, 7, time=times, **{"vds_lane": {"speed_kmh": values}}.get(name, {"rain_mm_total": values})
        )
        await copy_series(connection, rows)
    await connection.execute(_ROWS.encode())
    there = await tables(connection)
    for table, statement in _LATER.items():
        if table in there:
            await connection.execute(statement.encode())


async def tables(connection: Connection) -> set[str]:
    """Names of the tables, without those that say how the schema was made."""
    cursor = await connection.execute(
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'gwanje'"
        " AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname NOT IN ('migration', 'series')"
    )
    return {row[0] for row in await cursor.fetchall()}


async def contents(connection: Connection) -> dict[str, list[Any]]:
    """Every row of every table as text, so that NaN equals NaN and −0 differs from 0."""
    found: dict[str, list[Any]] = {}
    for table in sorted(await tables(connection)):
        cursor = await connection.execute(f"SELECT t::text FROM gwanje.{table} AS t ORDER BY 1".encode())
        found[table] = [row[0] for row in await cursor.fetchall()]
    return found
