"""Tables, samples and thresholds for tests of the engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.region import PointTable, Region, StationTable, TowerTable, WeatherTable
from engine.thresholds import Sourced, Thresholds
from ingest.thresholds import load_thresholds
from sensors.columns import (
    SLOPE_FIELDS,
    SOIL_DEPTHS,
    WEATHER_FIELDS,
    Batch,
    BearingColumns,
    CameraEventColumns,
    Envelope,
    SlopeColumns,
    StatusColumns,
    VdsColumns,
    WeatherColumns,
)

NS = 1_000_000_000
HOUR = 3600 * NS
T0 = 1_772_355_600 * NS
"""2026-03-01 09:00 UTC."""
NUMBERS: Thresholds = load_thresholds()
TRAFFIC, SLOPE, FIRE, FRESHNESS = NUMBERS.traffic, NUMBERS.slope, NUMBERS.fire, NUMBERS.freshness
AGAIN = NUMBERS.report_every_s


def changed(thresholds: Any, **values: float) -> Any:
    """Return thresholds with some values replaced."""
    return replace(thresholds, **{name: Sourced(value, "test") for name, value in values.items()})


def envelope(
    row: Sequence[int] | NDArray[Any],
    time_ns: Sequence[int] | NDArray[Any] | int = T0,
    *,
    seq: Sequence[int] | NDArray[Any] | None = None,
    received_ns: Sequence[int] | NDArray[Any] | int | None = None,
    start: int = 0,
) -> Envelope:
    rows = np.asarray(row, dtype=np.int64)
    times = np.broadcast_to(np.asarray(time_ns, dtype=np.int64), rows.shape).copy()
    arrived = times if received_ns is None else np.broadcast_to(np.asarray(received_ns, dtype=np.int64), rows.shape)
    numbers = np.arange(len(rows)) if seq is None else np.asarray(seq)
    return Envelope(rows + start, rows, numbers.astype(np.int64), times, arrived.copy())


def vds(head: Envelope, volume: Any, speed_kmh: Any, occupancy_pct: Any, *, fault: Any = False) -> VdsColumns:
    """Return samples of 30 s; lane columns broadcast to (message, lane)."""
    volume = np.asarray(volume, dtype=np.float64)
    shape = (len(head), volume.shape[-1] if volume.ndim == 2 else 1)

    def grid(values: Any) -> NDArray[np.float64]:
        column = np.asarray(values, dtype=np.float64)
        return np.broadcast_to(column if column.ndim != 1 else column[:, None], shape).copy()

    return VdsColumns(
        envelope=head,
        period_s=np.full(len(head), 30.0),
        fault=np.broadcast_to(np.asarray(fault, dtype=np.bool_), len(head)).copy(),
        volume=grid(volume),
        speed_kmh=grid(speed_kmh),
        occupancy_pct=grid(occupancy_pct),
        heavy=np.full(shape, np.nan),
    )


def slope(head: Envelope, **columns: Any) -> SlopeColumns:
    nothing = np.full(len(head), np.nan)
    given = {name: np.broadcast_to(np.asarray(columns[name], dtype=np.float64), len(head)).copy() for name in columns}
    return SlopeColumns(
        head,
        {name: given.get(name, nothing.copy()) for name in SLOPE_FIELDS},
        np.full((len(head), SOIL_DEPTHS), np.nan),
    )


def weather(head: Envelope, road_state: Any = -1, **columns: Any) -> WeatherColumns:
    nothing = np.full(len(head), np.nan)
    given = {name: np.broadcast_to(np.asarray(columns[name], dtype=np.float64), len(head)).copy() for name in columns}
    states = np.broadcast_to(np.asarray(road_state, dtype=np.int8), len(head)).copy()
    return WeatherColumns(head, {name: given.get(name, nothing.copy()) for name in WEATHER_FIELDS}, states)


def bearings(
    head: Envelope, azimuth_deg: Any, *, sigma_deg: Any = 0.5, confidence: Any = 0.8, detection: Any = None
) -> BearingColumns:
    def column(values: Any) -> NDArray[np.float64]:
        return np.broadcast_to(np.asarray(values, dtype=np.float64), len(head)).copy()

    names = tuple(f"s{place}" for place in range(len(head))) if detection is None else tuple(detection)
    return BearingColumns(
        head, names, column(azimuth_deg) % 360.0, column(sigma_deg), column(np.nan), column(confidence)
    )


def camera_events(head: Envelope, event: Sequence[str], confidence: Any = 0.8, lane: Any = 0) -> CameraEventColumns:
    return CameraEventColumns(
        head,
        tuple(event),
        np.broadcast_to(np.asarray(confidence, dtype=np.float64), len(head)).copy(),
        np.broadcast_to(np.asarray(lane, dtype=np.int64), len(head)).copy(),
    )


def status(head: Envelope, online: Any, fresh: Any = True) -> StatusColumns:
    def flags(values: Any) -> NDArray[np.bool_]:
        return np.broadcast_to(np.asarray(values, dtype=np.bool_), len(head)).copy()

    return StatusColumns(head, flags(online), ("",) * len(head), flags(fresh))


def batch(**parts: Any) -> Batch:
    nobody = envelope([])
    empty: dict[str, Any] = {
        "vds": vds(nobody, np.empty((0, 1)), np.nan, np.nan),
        "slope": slope(nobody),
        "weather": weather(nobody),
        "bearings": bearings(nobody, []),
        "camera_events": camera_events(nobody, ()),
        "status": status(nobody, []),
    }
    return Batch(**empty | parts)


def stations(
    chainage_m: Sequence[float], *, corridor: Sequence[int] | None = None, limit_kmh: float = 100.0
) -> StationTable:
    n = len(chainage_m)
    numbers = np.zeros(n, dtype=np.int64) if corridor is None else np.array(corridor, dtype=np.int64)
    chainage = np.array(chainage_m, dtype=np.float64)
    return StationTable(
        ids=tuple(f"S{row}" for row in range(n)),
        corridor=numbers,
        corridor_names=tuple(f"road-{number}" for number in range(int(numbers.max(initial=0)) + 1)),
        chainage_m=chainage,
        speed_limit_kmh=np.full(n, limit_kmh),
        lanes=np.ones(n, dtype=np.int64),
        lon_deg=127.0 + chainage / 90_000.0,
        lat_deg=np.full(n, 37.0),
    )


def points(n: int, prefix: str) -> PointTable:
    return PointTable(tuple(f"{prefix}{row}" for row in range(n)), np.full(n, 127.0), np.linspace(37.0, 37.5, n))


def towers(
    lon_deg: Sequence[float], lat_deg: Sequence[float], *, sigma_deg: float = 0.5, range_m: float = 30_000.0
) -> TowerTable:
    n = len(lon_deg)
    return TowerTable(
        ids=tuple(f"T{row}" for row in range(n)),
        lon_deg=np.array(lon_deg, dtype=np.float64),
        lat_deg=np.array(lat_deg, dtype=np.float64),
        azimuth_sigma_deg=np.full(n, sigma_deg),
        range_m=np.full(n, range_m),
    )


def weather_stations(n: int) -> WeatherTable:
    """Return stations beside a road that runs north, with a limit of 100 km/h."""
    where = points(n, "W")
    return WeatherTable(where.ids, where.lon_deg, where.lat_deg, ("R1",) * n, np.zeros(n), np.full(n, 100.0))


def region(
    station_table: StationTable | None = None,
    *,
    n_camera: int = 0,
    n_slope: int = 0,
    tower_table: TowerTable | None = None,
    n_weather: int = 0,
) -> Region:
    """Return a region; periods are 30 s for stations, 600 s for slopes and 60 s for the rest."""
    road = stations([]) if station_table is None else station_table
    watch = towers([], []) if tower_table is None else tower_table
    periods = [30.0] * len(road.ids) + [60.0] * n_camera + [600.0] * n_slope + [60.0] * (len(watch.ids) + n_weather)
    return Region(
        road, points(n_camera, "C"), points(n_slope, "L"), watch, np.array(periods), weather_stations(n_weather)
    )
