"""Tilt rate of every slope node with its standard error, robust to packets that are late or out of order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtrit

from engine.freshness import NEVER
from sensors.columns import Floats, Ints

SAMPLES = 128
_NS_PER_HOUR = 3.6e12
Scalar = TypeVar("Scalar", bound=np.generic)


def _student_factors() -> Floats:
    """How much wider two sigma are when the noise itself is estimated from few samples; by degrees of freedom."""
    freedom = np.arange(SAMPLES, dtype=np.float64)
    freedom[0] = np.nan
    return np.asarray(stdtrit(freedom, ndtr(2.0)), dtype=np.float64) / 2.0


_STUDENT = _student_factors()


@dataclass(frozen=True)
class TiltState:
    """The newest samples of each node, shape (n, 128), oldest first; free places come first.

    Attributes
    ----------
    time_ns : ndarray, int64
        Device time, each once in a row; ``NEVER`` in a free place. [ns since 1970 UTC]
    tilt_x_deg, tilt_y_deg : ndarray, float64
        NaN in a free place. [deg]
    seq : ndarray, int64
        Number of the message; -1 in a free place and where it is not known.
    """

    time_ns: Ints
    tilt_x_deg: Floats
    tilt_y_deg: Floats
    seq: Ints

    @classmethod
    def initial(cls, n: int) -> TiltState:
        """Return the state before any sample."""
        return cls(
            np.full((n, SAMPLES), NEVER, dtype=np.int64),
            np.full((n, SAMPLES), np.nan),
            np.full((n, SAMPLES), np.nan),
            np.full((n, SAMPLES), -1, dtype=np.int64),
        )

    def take(self, row: NDArray[np.intp] | Ints) -> TiltState:
        """Return the state of some nodes."""
        return TiltState(self.time_ns[row], self.tilt_x_deg[row], self.tilt_y_deg[row], self.seq[row])


def add_samples(
    state: TiltState, row: Ints, time_ns: Ints, seq: Ints, tilt_x_deg: Floats, tilt_y_deg: Floats
) -> TiltState:
    """Take in samples.

    Parameters
    ----------
    state : TiltState
    row, time_ns, seq : ndarray, shape (m,), int64
        Node, device time and message number, in any order, several per node allowed.
    tilt_x_deg, tilt_y_deg : ndarray, shape (m,), float64
        A sample with a NaN is left out. [deg]

    Returns
    -------
    TiltState
        The newest 128 of each node in order of device time, so that a late packet lands in its place. A time stands
        once: of several samples with it the last delivered counts, within a batch the one with the highest number.

    Source
    ------
    Own construction.
    """
    order = np.lexsort((seq, time_ns, row))
    order = order[~(np.isnan(tilt_x_deg) | np.isnan(tilt_y_deg))[order]]
    row, time_ns = row[order], time_ns[order]
    once = np.append((row[1:] != row[:-1]) | (time_ns[1:] != time_ns[:-1]), True)[: len(row)]
    order, row, time_ns = order[once], row[once], time_ns[once]
    if len(row) == 0:
        return state
    touched, group, counts = np.unique(row, return_inverse=True, return_counts=True)
    from_end = np.repeat(np.cumsum(counts), counts) - np.arange(len(row))
    kept = from_end <= SAMPLES
    order, group, place = order[kept], group[kept], -from_end[kept]
    width = min(int(counts.max()), SAMPLES)

    old, free = state.take(touched), TiltState.initial(len(touched))

    def beside(before: NDArray[Scalar], empty: NDArray[Scalar], new: NDArray[Scalar]) -> NDArray[Scalar]:
        padded = empty[:, :width].copy()
        padded[group, place] = new
        return np.concatenate([before, padded], axis=1)

    times = beside(old.time_ns, free.time_ns, time_ns[kept])
    newest = _newest_places(times)
    empty = np.take_along_axis(times, newest, axis=1) == NEVER

    def put(column: NDArray[Scalar], merged: NDArray[Scalar], blank: NDArray[Scalar]) -> NDArray[Scalar]:
        result = column.copy()
        result[touched] = np.where(empty, blank, np.take_along_axis(merged, newest, axis=1))
        return result

    return TiltState(
        time_ns=put(state.time_ns, times, free.time_ns),
        tilt_x_deg=put(state.tilt_x_deg, beside(old.tilt_x_deg, free.tilt_x_deg, tilt_x_deg[order]), free.tilt_x_deg),
        tilt_y_deg=put(state.tilt_y_deg, beside(old.tilt_y_deg, free.tilt_y_deg, tilt_y_deg[order]), free.tilt_y_deg),
        seq=put(state.seq, beside(old.seq, free.seq, seq[order]), free.seq),
    )


def _newest_places(times_ns: Ints) -> NDArray[np.intp]:
    """Return where the newest 128 of each row are, in order; all but the last of equal times are emptied in place."""
    by_time = np.argsort(times_ns, axis=1, kind="stable")
    ordered = np.take_along_axis(times_ns, by_time, axis=1)
    again = ordered[:, :-1] == ordered[:, 1:]
    if (again & (ordered[:, 1:] != NEVER)).any():
        np.put_along_axis(times_ns, by_time[:, :-1], np.where(again, NEVER, ordered[:, :-1]), axis=1)
        by_time = np.argsort(times_ns, axis=1, kind="stable")
    return by_time[:, -SAMPLES:]


def tilt_rate(state: TiltState, window_s: float, min_span_s: float) -> tuple[Floats, Floats, Ints]:
    """Fit a straight line to each axis over the last window and take the length of the two slopes.

    Parameters
    ----------
    state : TiltState
    window_s : float
        Length of the window before each node's newest sample, > 0. [s]
    min_span_s : float
        A fit over less time than this is not made; > 0. [s]

    Returns
    -------
    rate_deg_h : ndarray, shape (n,), float64
        √(x'² + y'²). NaN with fewer than three samples or too short a span. [deg/h]
    sigma_deg_h : ndarray, shape (n,), float64
        Standard error of the rate from the residuals of the two fits, the larger of the axes, widened so that the true
        slope of an axis lies within two of it in 95.4 % of cases, however few the samples. NaN where the rate is.
        [deg/h]
    count : ndarray, shape (n,), int64
        Samples in the window.

    Notes
    -----
    Fitting the axes apart and joining the slopes keeps the noise of single samples from being rectified, as it is when
    the composite tilt is formed sample by sample; what is left, a length that is never negative, is under the test
    against ``sigma_deg_h`` that has to follow. The widening is the quantile of Student's t over that of the normal
    distribution.

    Source
    ------
    Composite tilt after Uchimura et al. (2015), Landslides 12, 789-801; the fit is ordinary least squares; the widening
    after Student (1908), Biometrika 6, 1-25.
    """
    newest = state.time_ns[:, -1:]
    used = state.time_ns != NEVER
    lag_ns = np.where(used, newest - np.where(used, state.time_ns, 0), 0)
    inside = used & (lag_ns <= int(window_s * 1e9))
    count = inside.sum(axis=1)
    hours = np.where(inside, lag_ns, 0) / -_NS_PER_HOUR
    enough = (count >= 3) & (-hours.min(axis=1) * 3600.0 >= min_span_s)
    size = np.maximum(count, 1)
    centred = np.where(inside, hours - (hours.sum(axis=1) / size)[:, None], 0.0)
    spread = np.where(enough, (centred**2).sum(axis=1), 1.0)
    freedom = np.where(enough, count - 2, 1)
    slopes, variances = [], []
    for tilt in (state.tilt_x_deg, state.tilt_y_deg):
        value = np.where(inside, tilt, 0.0)
        deviation = np.where(inside, value - (value.sum(axis=1) / size)[:, None], 0.0)
        slope = (centred * deviation).sum(axis=1) / spread
        residual = np.where(inside, deviation - slope[:, None] * centred, 0.0)
        slopes.append(slope)
        variances.append((residual**2).sum(axis=1) / freedom / spread)
    rate = np.hypot(*slopes)
    sigma = np.sqrt(np.maximum(*variances)) * _STUDENT[freedom]
    return np.where(enough, rate, np.nan), np.where(enough, sigma, np.nan), count
