"""The tables of measured values: their columns, and the batches of rows that go into them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from storage.copy import Column, ColumnType

SeriesName = Literal["vds_lane", "slope_reading", "weather_reading"]
SERIES_NAMES: tuple[SeriesName, ...] = get_args(SeriesName)
SOIL_DEPTHS = 8
"""Elements of ``soil_moisture_frac``; those of missing depths are NaN."""

ROAD_STATES: tuple[str, ...] = ("dry", "moist", "wet", "snow", "ice", "unknown")
"""``road_state`` is an index into these; `ROAD_STATE_MISSING` when the message had none."""
ROAD_STATE_MISSING = -1


def _reals(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, "float32") for name in names)


_HEAD = (Column("time", "time"), Column("received", "time"), Column("device", "int32"))
_QUALITY: ColumnType = "int16"

SERIES: Mapping[SeriesName, tuple[Column, ...]] = {
    "vds_lane": (
        *_HEAD,
        *_reals("period_s", "volume", "speed_kmh", "occupancy_pct", "heavy"),
        Column("lane", "int16"),
        Column("quality", _QUALITY),
    ),
    "slope_reading": (
        *_HEAD,
        *_reals("rain_mm_total", "tilt_x_deg", "tilt_y_deg"),
        Column("soil_moisture_frac", "float32[]", SOIL_DEPTHS),
        *_reals("pore_pressure_kpa", "extension_mm", "battery_v", "rssi_dbm"),
        Column("quality", _QUALITY),
    ),
    "weather_reading": (
        *_HEAD,
        *_reals("temp_c", "rh_pct", "wind_kmh", "wind_deg", "rain_mm_total", "visibility_m", "road_surface_c"),
        Column("road_state", "int16"),
        Column("quality", _QUALITY),
    ),
}


@dataclass(frozen=True, slots=True, eq=False)
class SeriesRows:
    """Rows for one table, as columns.

    Attributes
    ----------
    name
        The table.
    columns
        An array per column of `SERIES`, shape (row,); ``soil_moisture_frac`` is (row, 8). ``time`` and ``received`` are
        int64 nanoseconds since 1970-01-01T00:00:00Z, or datetime64[ns]; ``device`` is the key from
        `storage.repositories.devices.register_devices`. A missing real is NaN. The arrays must not change afterwards.

    Raises
    ------
    ValueError
        If a column is missing or too many, or has another shape.
    """

    name: SeriesName
    columns: Mapping[str, NDArray[np.generic]]

    def __post_init__(self) -> None:
        wanted = [column.name for column in SERIES[self.name]]
        if set(wanted) != set(self.columns):
            raise ValueError(f"{self.name}: expected the columns {', '.join(wanted)}, were {', '.join(self.columns)}")
        n_row = len(self.columns["time"])
        for column in SERIES[self.name]:
            shape = self.columns[column.name].shape
            if shape != ((n_row, column.length) if column.length else (n_row,)):
                raise ValueError(f"{self.name}.{column.name}: expected {n_row} rows, was an array of shape {shape}")

    def __len__(self) -> int:
        return len(self.columns["time"])

    def part(self, start: int, end: int) -> SeriesRows:
        """Return the rows from `start` to before `end`."""
        return SeriesRows(self.name, {name: values[start:end] for name, values in self.columns.items()})

    def where(self, which: NDArray[np.bool_]) -> SeriesRows:
        """Return the rows that a mask of shape (row,) selects."""
        return SeriesRows(self.name, {name: values[which] for name, values in self.columns.items()})


def join_rows(rows: Sequence[SeriesRows]) -> SeriesRows:
    """Put rows of one table behind each other; the sequence must not be empty."""
    if len(rows) == 1:
        return rows[0]
    names = rows[0].columns
    return SeriesRows(rows[0].name, {name: np.concatenate([one.columns[name] for one in rows]) for name in names})
