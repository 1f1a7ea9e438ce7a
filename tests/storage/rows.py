"""Rows for the tests of the store."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from storage.series import SERIES, SeriesName, SeriesRows

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
NOW_NS = int(NOW.timestamp()) * 1_000_000_000


def series_rows(
    name: SeriesName, n_row: int, *, start_ns: int = NOW_NS, device: int = 1, **given: object
) -> SeriesRows:
    """Rows a second apart; columns that are not given hold small numbers."""
    columns: dict[str, np.ndarray] = {}
    for column in SERIES[name]:
        if column.type == "time":
            columns[column.name] = start_ns + np.arange(n_row, dtype=np.int64) * 1_000_000_000
        elif column.type == "float32[]":
            columns[column.name] = np.full((n_row, column.length), np.nan, dtype=np.float32)
        elif column.type == "float32":
            columns[column.name] = np.arange(n_row, dtype=np.float32)
        else:
            columns[column.name] = np.ones(n_row, dtype=np.int32)
    columns["device"] = np.full(n_row, device, dtype=np.int32)
    columns |= {key: np.asarray(value) for key, value in given.items()}
    return SeriesRows(name, columns)
