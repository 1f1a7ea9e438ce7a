"""Which roll-ups a writer's rows change: noted with the rows, so that nothing is computed from half of them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from psycopg.types.numeric import Int8

from storage.database import Connection
from storage.series import SeriesName, SeriesRows

BUCKET_S = 300
HOUR_S = 3600
LONGEST_SHIFT_S = 150.0
"""A reading belongs where the middle of its period lies, but at most so long before its end. [s]"""

_NS = 1_000_000_000
_LIMIT_S = (-2_000_000_000, 6_000_000_000)
"""Times beyond these are no times of a device. [s since 1970]"""
_NOTE = """
INSERT INTO gwanje.rollup_mark (series, bucket)
SELECT series, to_timestamp(second) FROM unnest(%s::text[], %s::bigint[]) AS given (series, second)
"""


async def mark_buckets(connection: Connection, blocks: Iterable[SeriesRows]) -> None:
    """Note the buckets that some rows change, inside the transaction that writes the rows."""
    seconds: dict[SeriesName, set[int]] = {}
    for block in blocks:
        seconds.setdefault(block.name, set()).update(changed_buckets_s(block).tolist())
    marks = [(name, second) for name, some in seconds.items() for second in sorted(some)]
    if marks:
        names, starts = zip(*marks, strict=True)
        await connection.execute(_NOTE, [list(names), [Int8(start) for start in starts]])


def changed_buckets_s(rows: SeriesRows) -> NDArray[np.int64]:
    """Return the starts of the buckets that some rows change.

    Parameters
    ----------
    rows
        ``vds_lane`` goes by 5 minutes, the others by the hour; a reading there also changes the hour after it, for the
        rain of that hour begins with it.

    Returns
    -------
    ndarray, shape (bucket,), int64
        Rising. [s since 1970-01-01T00:00:00Z]
    """
    times = rows.columns["time"]
    if times.dtype.kind == "M":
        times = times.astype("datetime64[ns]").view(np.int64)
    time_us = np.asarray(times, dtype=np.int64) // 1000
    time_us = time_us[(time_us >= _LIMIT_S[0] * 1_000_000) & (time_us <= _LIMIT_S[1] * 1_000_000)]
    if rows.name != "vds_lane":
        hours = np.unique(time_us // (HOUR_S * 1_000_000))
        return np.unique(np.concatenate([hours, hours + 1])) * HOUR_S
    # Both ends of what the shift can be: a bucket too many costs little, one too few would be wrong for ever.
    ends = np.concatenate([time_us - int(LONGEST_SHIFT_S * 1_000_000) - 1, time_us])
    return np.unique(ends // (BUCKET_S * 1_000_000)) * BUCKET_S
