"""The database seen from outside: how many rows there are, and how fast a bare COPY of the same rows is."""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg.sql import SQL, Identifier

from benchmarks.rig import SYSTEM_CORE
from storage.copy import build_copy
from storage.series import SERIES, SeriesName

_BATCH_ROWS = 20_000
_LANES = 4


def count_rows(url: str, table: str, schema: str = "gwanje") -> int:
    """Return the number of rows of a table."""
    with psycopg.connect(url) as connection:
        row = connection.execute(SQL("SELECT count(*) FROM {}").format(Identifier(schema, table))).fetchone()
        return int(row[0]) if row else 0


def bare_copy_rows_s(url: str, watch_s: float, n_device: int, table: SeriesName = "vds_lane") -> float:
    """Copy rows like those of detectors into the same table for some seconds, a commit every 20,000; return rows/s.

    The time is that of COPY and commit alone: the payload is built beforehand. This process is on the system's core
    meanwhile, as the system was.
    """
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, SYSTEM_CORE)
    names = [column.name for column in SERIES[table]]
    copy = SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(
        Identifier("gwanje", table), SQL(", ").join(map(Identifier, names))
    )
    try:
        with psycopg.connect(url) as connection:
            rows, began_s, spent_s = 0, time.monotonic(), 0.0
            while time.monotonic() - began_s < watch_s:
                payload = _payload(table, rows, n_device)
                copied_s = time.monotonic()
                with connection.cursor().copy(copy) as pipe:
                    pipe.write(payload)
                connection.commit()
                spent_s += time.monotonic() - copied_s
                rows += _BATCH_ROWS
        return rows / spent_s
    finally:
        os.sched_setaffinity(0, before)


def _payload(table: SeriesName, first: int, n_device: int) -> bytes:
    place = np.arange(first, first + _BATCH_ROWS)
    time_ns = time.time_ns() + place
    values: dict[str, NDArray[Any]] = {
        column.name: np.full(_BATCH_ROWS, 12.0, dtype=np.float32)
        if column.type == "float32"
        else np.zeros(_BATCH_ROWS, dtype=np.int16)
        for column in SERIES[table]
    } | {
        "time": time_ns,
        "received": time_ns,
        "device": (place // _LANES % n_device + 1).astype(np.int32),
        "lane": (place % _LANES + 1).astype(np.int16),
    }
    return bytes(build_copy(SERIES[table], values))
