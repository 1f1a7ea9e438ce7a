"""Which way the traffic goes, from what the detectors saw: jams move against it, platoons with it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_WAVE_KMH = 16.0
_PAIR_M = (700.0, 2_500.0)
_SMOOTH_S = 900.0
_SLOW_KMH = 60.0
_MIN_SLOW_SHARE = 0.01
_MIN_SCORE = 0.02
_PAIRS = 400


def travel_direction(speed_kmh: Floats, volume: Floats, position_m: Floats, time_s: Floats) -> tuple[bool, str]:
    """Say whether the traffic goes towards rising positions.

    Parameters
    ----------
    speed_kmh, volume : ndarray, shape (time, station, lane), float64
        NaN = not measured. [km/h], [veh/period]
    position_m : ndarray, shape (station,), float64
        In any order. [m]
    time_s : ndarray, shape (time,), float64
        Rising. [s]

    Returns
    -------
    rising : bool
        False also where nothing tells.
    how : str
        "jam waves", "platoons" or "assumed".

    Notes
    -----
    Pairs of stations 0.7–2.5 km apart; of both directions the one in which the slow changes of the downstream station
    come again upstream after distance / 16 km/h has it. Without jams: in which the counts of the upstream station come
    again downstream at the mean speed.

    Source
    ------
    Own construction. Jams travel upstream at 15–20 km/h: Treiber and Kesting, "Traffic Flow Dynamics" (2013), ch. 18.
    """
    speed, count = _mean_of_lanes(speed_kmh), _mean_of_lanes(volume)
    first, second = _pairs(position_m)
    step_s = float(np.median(np.diff(time_s))) if len(time_s) > 1 else np.nan
    if len(first) == 0 or not step_s > 0:
        return False, "assumed"
    gap_m = position_m[second] - position_m[first]
    if np.mean(speed[~np.isnan(speed)] < _SLOW_KMH) > _MIN_SLOW_SHARE:
        lag = np.round(gap_m / (_WAVE_KMH / 3.6) / step_s).astype(np.int64)
        change = _change(np.minimum(speed, _SLOW_KMH * 1.5), step_s)
        with_rising = _mean_correlation(change, second, first, lag) - _mean_correlation(change, first, second, lag)
        if abs(with_rising) > _MIN_SCORE:
            return with_rising > 0, "jam waves"
    pace = np.nanmean(speed) if not np.isnan(speed).all() else np.nan
    if pace > 0 and not np.isnan(count).all():
        lag = np.maximum(1, np.round(gap_m / (pace / 3.6) / step_s)).astype(np.int64)
        change = _change(count, step_s)
        with_rising = _mean_correlation(change, first, second, lag) - _mean_correlation(change, second, first, lag)
        if abs(with_rising) > _MIN_SCORE:
            return with_rising > 0, "platoons"
    return False, "assumed"


def _mean_of_lanes(lanes: Floats) -> Floats:
    known = ~np.isnan(lanes)
    count = known.sum(axis=2)
    total = np.where(known, lanes, 0.0).sum(axis=2)
    return np.asarray(np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0))


def _pairs(position_m: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return pairs (lower, higher position) that far apart, at most so many, spread evenly."""
    gap_m = position_m[None, :] - position_m[:, None]
    first, second = np.nonzero((gap_m >= _PAIR_M[0]) & (gap_m <= _PAIR_M[1]))
    keep = np.linspace(0, len(first) - 1, min(len(first), _PAIRS)).round().astype(np.intp)
    return first[keep], second[keep]


def _change(values: Floats, step_s: float) -> Floats:
    """Return the part of each station's series that is faster than a quarter of an hour; NaN becomes 0."""
    known = ~np.isnan(values)
    filled = np.where(known, values, 0.0)
    width = max(3, int(_SMOOTH_S / step_s))
    total, count = _running_sum(filled, width), _running_sum(known.astype(np.float64), width)
    mean = np.divide(total, count, out=np.zeros_like(total), where=count > 0)
    return np.where(known, values - mean, 0.0)


def _running_sum(values: Floats, width: int) -> Floats:
    padded = np.concatenate((np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)))
    place = np.arange(len(values))
    low, high = np.maximum(place - width // 2, 0), np.minimum(place + width // 2 + 1, len(values))
    return np.asarray(padded[high] - padded[low])


def _mean_correlation(
    change: Floats, leads: NDArray[np.intp], follows: NDArray[np.intp], lag: NDArray[np.int64]
) -> float:
    """Return the mean over all pairs of the correlation of one station with what another shows ``lag`` later."""
    scores = []
    for one, other, steps in zip(leads.tolist(), follows.tolist(), lag.tolist(), strict=True):
        before, after = change[: len(change) - steps, one], change[steps:, other]
        scale = float(np.sqrt((before**2).sum() * (after**2).sum()))
        if scale > 0:
            scores.append(float((before * after).sum()) / scale)
    return float(np.mean(scores)) if scores else 0.0
