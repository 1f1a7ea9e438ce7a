"""One engine step, on the default region and on a national number of detectors."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from config.numbers import THRESHOLDS
from engine.region import PointTable, Region, StationTable, TowerTable
from engine.step import EngineState, step
from ingest.thresholds import load_thresholds
from sensors.columns import (
    Batch,
    Envelope,
    VdsColumns,
    bearing_columns,
    camera_event_columns,
    slope_columns,
    status_columns,
    weather_columns,
)

_STEPS = 40
_NS = 1_000_000_000


def run() -> dict[str, float]:
    """Return the median time of a step, with a quarter of all stations speaking and with none. [ms]."""
    figures: dict[str, float] = {}
    for name, n_station, n_lane, n_slope in (("default", 400, 2, 150), ("national", 7_500, 4, 4_600)):
        region = _region(n_station, n_slope)
        figures |= {
            f"{name}_step_ms": _median_ms(region, lambda now, n=n_station, k=n_lane: _batch(n, k, now)),  # type: ignore[misc]
            f"{name}_empty_step_ms": _median_ms(region, lambda now, k=n_lane: _batch(0, k, now)),  # type: ignore[misc]
        }
    return figures


def _median_ms(region: Region, batch_at: Callable[[int], Batch]) -> float:
    thresholds = load_thresholds(THRESHOLDS)
    state = EngineState.initial(region)
    times_ms = []
    for place in range(_STEPS):
        now_ns = (1_000_000 + 30 * place) * _NS
        batch = batch_at(now_ns)
        started = time.perf_counter()
        state = step(state, batch, now_ns, region, thresholds).state
        times_ms.append((time.perf_counter() - started) * 1e3)
    return float(np.median(times_ms))


def _batch(n_station: int, n_lane: int, now_ns: int) -> Batch:
    rng = np.random.default_rng(now_ns)
    count = n_station // 4
    row = np.sort(rng.choice(n_station, count, replace=False)) if count else np.zeros(0, np.int64)
    shape = (count, n_lane)
    when = np.full(count, now_ns)
    vds = VdsColumns(
        envelope=Envelope(row, row, np.full(count, now_ns // _NS), when, when),
        period_s=np.full(count, 30.0),
        fault=np.zeros(count, np.bool_),
        volume=rng.integers(0, 20, shape).astype(np.float64),
        speed_kmh=rng.normal(np.where(_is_jammed(row), 15.0, 95.0)[:, None], 3.0, shape),
        occupancy_pct=rng.uniform(0.0, 60.0, shape),
        heavy=np.full(shape, np.nan),
    )
    return Batch(
        vds=vds,
        slope=slope_columns((), 0),
        weather=weather_columns((), 0),
        bearings=bearing_columns((), 0),
        camera_events=camera_event_columns((), 0),
        status=status_columns((), 90.0),
    )


def _is_jammed(row: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Ten stations in a row jammed on one corridor of ten: a bad evening."""
    return np.asarray(((row // 100) % 10 == 0) & (row % 100 < 10), dtype=np.bool_)


def _region(n_station: int, n_slope: int) -> Region:
    nothing = np.zeros(0)
    per_corridor = 100
    order = np.arange(n_station)
    stations = StationTable(
        ids=tuple(f"v{number}" for number in order),
        corridor=order // per_corridor,
        corridor_names=tuple(f"R{number}:up" for number in range(n_station // per_corridor + 1)),
        chainage_m=1000.0 * (order % per_corridor).astype(np.float64),
        speed_limit_kmh=np.full(n_station, 100.0),
        lanes=np.full(n_station, 4),
        lon_deg=np.full(n_station, 128.0),
        lat_deg=np.full(n_station, 37.0),
    )
    slopes = PointTable(
        tuple(f"s{number}" for number in range(n_slope)), np.full(n_slope, 128.0), np.full(n_slope, 37.0)
    )
    return Region(
        stations=stations,
        cameras=PointTable((), nothing, nothing),
        slopes=slopes,
        towers=TowerTable((), nothing, nothing, nothing, nothing),
        period_s=np.concatenate([np.full(n_station, 30.0), np.full(n_slope, 600.0)]),
    )
