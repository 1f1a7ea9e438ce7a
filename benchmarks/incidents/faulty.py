"""Detectors that lie: drawn, and put into the arrays."""

from __future__ import annotations

import numpy as np

from benchmarks.incidents.labels import Arrays, Fault

KINDS = ("silent", "zero", "stuck", "always_occupied", "spikes", "slow_bias", "chatter", "station_silent")
WITH_FAULTS = 0.45
"""Share of corridors that have any."""
LOST = 0.003
"""Share of samples that are lost on the way."""
SHORTEST = 20
"""Periods that a fault lasts at least."""
ROUNDED = 0.5
"""Share of corridors whose values are whole numbers, as those of the radar in the I-24 file."""


def draw_faults(rng: np.random.Generator, arrays: Arrays) -> list[Fault]:
    """Draw the faults of a corridor."""
    _, stations, times = arrays.volume.shape
    if rng.random() > WITH_FAULTS or times <= SHORTEST:
        return []
    found: list[Fault] = []
    for _ in range(1 + int(rng.poisson(2.0))):
        station = int(rng.integers(0, stations))
        real = np.flatnonzero(~np.isnan(arrays.volume[:, station]).all(axis=1))
        kind = str(rng.choice(KINDS))
        first = int(rng.integers(0, times - SHORTEST))
        last = min(first + int(rng.integers(SHORTEST, 400)), times - 1)
        lanes = real.tolist() if kind == "station_silent" else [int(rng.choice(real))]
        start_s, end_s = float(arrays.time_s[first]), float(arrays.time_s[last])
        found += [Fault(lane=lane, station=station, kind=kind, start_s=start_s, end_s=end_s) for lane in lanes]
    return found


def make_faulty(rng: np.random.Generator, arrays: Arrays, faults: list[Fault]) -> Arrays:
    """Return the arrays with faults, lost samples and, for some corridors, rounded values."""
    speed, occupancy, volume = arrays.speed_kmh.copy(), arrays.occupancy_pct.copy(), arrays.volume.copy()
    for fault in faults:
        first, last = np.searchsorted(arrays.time_s, (fault.start_s, fault.end_s))
        at = (fault.lane, fault.station, slice(int(first), int(last) + 1))
        count = int(last) + 1 - int(first)
        if fault.kind in {"silent", "station_silent"}:
            speed[at] = occupancy[at] = volume[at] = np.nan
        elif fault.kind == "zero":
            speed[at], occupancy[at], volume[at] = np.nan, 0.0, 0.0
        elif fault.kind == "stuck":
            lane, station, span = at
            for values in (speed, occupancy, volume):
                values[at] = values[lane, station, span.start]
        elif fault.kind == "always_occupied":
            speed[at], occupancy[at], volume[at] = np.nan, 100.0, 0.0
        elif fault.kind == "spikes":
            hit = rng.random(count) < 0.25
            occupancy[at] = np.where(hit, rng.uniform(40.0, 100.0, count), occupancy[at])
        elif fault.kind == "slow_bias":
            speed[at] *= 0.6
        else:
            volume[at] = np.minimum(volume[at] + rng.integers(5, 25, count), 60.0)
    lost = rng.random(volume.shape) < LOST
    for values in (speed, occupancy, volume):
        values[lost] = np.nan
    if rng.random() < ROUNDED:
        occupancy = np.round(occupancy)
        speed = np.round(speed / 1.609344) * 1.609344
    return Arrays(speed, occupancy, volume, arrays.mile, arrays.time_s)
