"""Travel times that were realised, where the truth is a field of speeds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.incidents.labels import Trip

Floats = NDArray[np.float64]

EVERY_S = 60.0


def trips_through(
    speed_mps: Floats, cell_m: Floats, start_s: float, period_s: float, from_m: float, to_m: float
) -> list[Trip]:
    """Follow one vehicle a minute through a field of speeds.

    Parameters
    ----------
    speed_mps : ndarray, shape (period, cell)
        Mean speed of each cell in each period, above 0. [m/s]
    cell_m : ndarray, shape (cell,)
        Length of the cells. [m]
    start_s, period_s
        Begin of the first period and length of all. [s]
    from_m, to_m
        Where the trips begin and end, from the start of the first cell. [m]

    Returns
    -------
    list of Trip
        Of those that arrive before the end of the last period.
    """
    n_period = len(speed_mps)
    depart = np.arange(0.0, n_period * period_s, EVERY_S)
    time = depart.copy()
    begin = np.cumsum(cell_m) - cell_m
    for cell in np.flatnonzero((begin + cell_m > from_m) & (begin < to_m)).tolist():
        left = np.full(len(time), min(begin[cell] + cell_m[cell], to_m) - max(begin[cell], from_m))
        while (on := (left > 1e-9) & (time < n_period * period_s)).any():
            period = np.minimum((time / period_s).astype(np.int64), n_period - 1)
            speed = speed_mps[period, cell]
            spent = np.where(on, np.minimum(left / speed, (period + 1) * period_s - time + 1e-6), 0.0)
            time += spent
            left -= spent * speed
    arrived = time < n_period * period_s
    return [
        Trip(depart_s=start_s + leave, minutes=round((there - leave) / 60.0, 3))
        for leave, there in zip(depart[arrived].tolist(), time[arrived].tolist(), strict=True)
    ]
