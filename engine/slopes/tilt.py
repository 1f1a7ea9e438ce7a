"""Tilt rate of every slope node with its standard error, robust to packets that are late or out of order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.freshness import NEVER
from sensors.columns import Floats, Ints

SAMPLES = 128
_NS_PER_HOUR = 3.6e12
Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True)
class TiltState:
    """The newest samples of each node, shape (n, 128), oldest first; free places come first and hold ``NEVER``."""

    time_ns: Ints
    tilt_x_deg: Floats
    tilt_y_deg: Floats
    seq: Ints

    @classmethod
    def initial(cls, n: int) -> TiltState:
        """Return the state before any sample."""
        return cls(
            np.full((n, SAMPLES), NEVER),
            np.full((n, SAMPLES), np.nan),
            np.full((n, SAMPLES), np.nan),
            np.full((n, SAMPLES), -1, dtype=np.int64),
        )


def add_samples(
    state: TiltState, row: Ints, time_ns: Ints, seq: Ints, tilt_x_deg: Floats, tilt_y_deg: Floats
) -> TiltState:
    """Take in samples, shape (m,), in any order; those with a NaN tilt are left out.

    The newest 128 of each node are kept in order of device time, so that a late packet lands in its place.
    """
    good = ~(np.isnan(tilt_x_deg) | np.isnan(tilt_y_deg))
    if not good.any():
        return state
    row, time_ns, seq = row[good], time_ns[good], seq[good]
    touched, group = np.unique(row, return_inverse=True)
    order = np.lexsort((time_ns, group))
    counts = np.bincount(group)
    rank = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    empty = TiltState.initial(len(touched))
    merged_time = _beside(state.time_ns[touched], empty.time_ns, group[order], rank, time_ns[order])
    by_time = np.argsort(merged_time, axis=1, kind="stable")[:, -SAMPLES:]

    def insert(column: NDArray[Scalar], free: NDArray[Scalar], new: NDArray[Scalar]) -> NDArray[Scalar]:
        merged = _beside(column[touched], free, group[order], rank, new[order])
        result = column.copy()
        result[touched] = np.take_along_axis(merged, by_time, axis=1)
        return result

    return TiltState(
        time_ns=insert(state.time_ns, empty.time_ns, time_ns),
        tilt_x_deg=insert(state.tilt_x_deg, empty.tilt_x_deg, tilt_x_deg[good]),
        tilt_y_deg=insert(state.tilt_y_deg, empty.tilt_y_deg, tilt_y_deg[good]),
        seq=insert(state.seq, empty.seq, seq),
    )


def _beside(
    old: NDArray[Scalar], free: NDArray[Scalar], group: NDArray[np.intp], rank: NDArray[np.intp], new: NDArray[Scalar]
) -> NDArray[Scalar]:
    """Append the new samples of each node to its row; nodes with fewer than the most get free places."""
    width = int(rank.max()) + 1
    padded = np.resize(free[:, :1], (len(old), width))
    padded[group, rank] = new
    return np.concatenate([old, padded], axis=1)


def tilt_rate(state: TiltState, window_s: float, min_span_s: float) -> tuple[Floats, Floats, Ints]:
    """Fit a straight line to each axis over the last window and take the length of the two slopes.

    Parameters
    ----------
    state : TiltState
    window_s : float
        Length of the window before each node's newest sample. [s]
    min_span_s : float
        A fit over less time than this is not made. [s]

    Returns
    -------
    rate_deg_h : ndarray, shape (n,), float64
        √(x'² + y'²). NaN with fewer than three samples or too short a span. [deg/h]
    sigma_deg_h : ndarray, shape (n,), float64
        Standard error of the rate from the residuals of the two fits. NaN where the rate is. [deg/h]
    count : ndarray, shape (n,), int64
        Samples in the window.

    Notes
    -----
    Fitting the axes apart and joining the slopes keeps the noise from being rectified, as it is when the composite
    tilt is formed sample by sample.

    Source
    ------
    Composite tilt after Uchimura et al. (2015), Landslides 12, 789-801; the fit is ordinary least squares.
    """
    newest = state.time_ns[:, -1:]
    inside = (state.time_ns != NEVER) & (state.time_ns >= newest - int(window_s * 1e9))
    count = inside.sum(axis=1)
    hours = np.where(inside, state.time_ns - np.where(newest == NEVER, 0, newest), 0) / _NS_PER_HOUR
    enough = (count >= 3) & (-hours.min(axis=1) * 3600.0 >= min_span_s)
    size = np.maximum(count, 1)
    centred = np.where(inside, hours - (hours.sum(axis=1) / size)[:, None], 0.0)
    spread = np.maximum((centred**2).sum(axis=1), np.finfo(np.float64).tiny)
    slopes, variances = [], []
    for tilt in (state.tilt_x_deg, state.tilt_y_deg):
        value = np.where(inside, tilt, 0.0)
        deviation = np.where(inside, value - (value.sum(axis=1) / size)[:, None], 0.0)
        slope = (centred * deviation).sum(axis=1) / spread
        residual = np.where(inside, deviation - slope[:, None] * centred, 0.0)
        slopes.append(slope)
        variances.append((residual**2).sum(axis=1) / np.maximum(count - 2, 1) / spread)
    rate = np.hypot(*slopes)
    sigma = np.sqrt(np.maximum(*variances))
    return np.where(enough, rate, np.nan), np.where(enough, sigma, np.nan), count
