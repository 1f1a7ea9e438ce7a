"""Roads and traffic made up for tests: smooth, busy, with faults put in where a test wants them."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.traffic.frame import Frame, Series
from engine.traffic.health.reasons import HealthThresholds
from engine.traffic.health.step import Health, HealthState, health_step
from engine.traffic.health.substitute import SubstituteThresholds
from engine.traffic.layout import Layout
from ingest.thresholds import load_group
from tests.engine.builders import NS, TRAFFIC

HEALTH: HealthThresholds = load_group(HealthThresholds, "traffic_health")
FILL: SubstituteThresholds = load_group(SubstituteThresholds, "traffic_substitute")
PERIOD_S = 30.0
MORNING_NS = 8 * 3600 * NS
"""08:00 of a day without a UTC offset."""
SPEEDS = (112.0, 100.0, 90.0)
"""Of lanes 1 to 3, so far apart that their order tells."""


def road(n_station: int, n_lane: int = 3, spacing_m: float = 1000.0) -> Layout:
    return Layout.along(np.arange(n_station) * spacing_m, n_lane, 100.0)


def traffic(n_time: int, n_station: int, n_lane: int = 3, *, seed: int = 0, start_ns: int = MORNING_NS) -> Series:
    """Return free traffic of about 6 vehicles a lane and period."""
    rng = np.random.default_rng(seed)
    shape = (n_time, n_station, n_lane)
    volume = rng.poisson(6.0, shape).astype(np.float64)
    speed = np.where(volume > 0, np.resize(SPEEDS, n_lane) + rng.normal(0.0, 3.0, shape), np.nan)
    occupancy = np.where(volume > 0, np.round(volume * 700.0 / (np.nan_to_num(speed, nan=100.0) / 3.6) / 30.0, 1), 0.0)
    times = start_ns + (np.arange(n_time) + 1) * int(PERIOD_S * NS)
    return Series(times.astype(np.int64), PERIOD_S, volume, speed, occupancy)


def judge_all(
    series: Series, layout: Layout, thresholds: Any = HEALTH, utc_offset_s: float = 0.0, **options: Any
) -> tuple[HealthState, list[Health]]:
    state = HealthState.initial(layout, series.volume.shape[2], **options)
    verdicts = []
    for frame in series.frames():
        state, health = health_step(state, frame, layout, thresholds, TRAFFIC, utc_offset_s)
        verdicts.append(health)
    return state, verdicts


def reasons_of(verdicts: list[Health]) -> np.ndarray:
    """Return the flags of all periods, shape (time, station, lane)."""
    return np.stack([health.reasons for health in verdicts])


def frame_of(volume: Any, speed: Any, occupancy: Any, time_ns: int = MORNING_NS) -> Frame:
    grids = [np.array(values, dtype=np.float64) for values in (volume, speed, occupancy)]
    return Frame(time_ns, PERIOD_S, *grids)
