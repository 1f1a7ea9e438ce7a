"""Rain from cumulative counters, kept in hourly bins, and held against an intensity-duration threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.freshness import NEVER
from sensors.columns import Floats, Ints

HOURS = 96
_HOUR_NS = 3_600_000_000_000


@dataclass(frozen=True)
class RainState:
    """Rain of the last 96 clock hours at each gauge.

    Attributes
    ----------
    total_mm : ndarray, shape (n,), float64
        Counter at the newest sample. NaN before the first. [mm]
    time_ns : ndarray, shape (n,), int64
        Device time of it.
    bins_mm : ndarray, shape (n, 96), float64
        Rain of a clock hour, in the column hour modulo 96. [mm]
    first_hour : ndarray, shape (n,), int64
        Hour (since 1970) in which the record begins.
    hour : ndarray, shape (n,), int64
        Hour of the newest bin.
    """

    total_mm: Floats
    time_ns: Ints
    bins_mm: Floats
    first_hour: Ints
    hour: Ints

    @classmethod
    def initial(cls, n: int) -> RainState:
        """Return the state before any sample."""
        never = np.full(n, NEVER)
        return cls(np.full(n, np.nan), never, np.zeros((n, HOURS)), never, never)


def add_counters(state: RainState, row: Ints, time_ns: Ints, total_mm: Floats) -> RainState:
    """Take in counter readings.

    Parameters
    ----------
    state : RainState
    row, time_ns : ndarray, shape (m,), int64
        Gauge and device time, in any order, several per gauge allowed.
    total_mm : ndarray, shape (m,), float64
        Cumulative counter. NaN = not reported, left out. [mm]

    Returns
    -------
    RainState

    Notes
    -----
    The rain between two readings is put into the hour of the later one. A counter that falls has rolled over or was
    reset; as the modulus is not on the wire, the rain since is taken as the new reading, which is never too much. A
    reading older than the newest known adds nothing: its rain is already inside the step that passed over it.

    Source
    ------
    Own construction.
    """
    good = ~np.isnan(total_mm)
    row, time_ns, total_mm = row[good], time_ns[good], total_mm[good]
    order = np.lexsort((time_ns, row))
    row, time_ns, total_mm = row[order], time_ns[order], total_mm[order]
    newer = time_ns > state.time_ns[row]
    row, time_ns, total_mm = row[newer], time_ns[newer], total_mm[newer]
    if len(row) == 0:
        return state

    first_of_row = np.append(True, row[1:] != row[:-1])
    before_mm = np.where(first_of_row, state.total_mm[row], np.append(np.nan, total_mm[:-1]))
    fell = total_mm < before_mm
    step_mm = np.where(np.isnan(before_mm), 0.0, np.where(fell, total_mm, total_mm - before_mm))

    hour = time_ns // _HOUR_NS
    last_of_row = np.append(row[1:] != row[:-1], True)
    newest = row[last_of_row], hour[last_of_row]
    bins = _forget(state, *newest)
    inside = hour > np.repeat(newest[1], np.diff(np.flatnonzero(np.append(first_of_row, True)))) - HOURS
    np.add.at(bins, (row[inside], hour[inside] % HOURS), step_mm[inside])

    total, time = state.total_mm.copy(), state.time_ns.copy()
    first_hour, latest = state.first_hour.copy(), state.hour.copy()
    total[row[last_of_row]] = total_mm[last_of_row]
    time[row[last_of_row]] = time_ns[last_of_row]
    new = first_of_row & (state.first_hour[row] == NEVER)
    first_hour[row[new]] = hour[new]
    latest[newest[0]] = newest[1]
    return RainState(total, time, bins, first_hour, latest)


def _forget(state: RainState, row: Ints, hour: Ints) -> Floats:
    """Empty the bins that the clock has come round to."""
    bins = state.bins_mm.copy()
    steps = np.where(state.hour[row] == NEVER, 0, np.minimum(hour - np.maximum(state.hour[row], 0), HOURS))
    ahead = np.arange(HOURS)
    place = (hour[:, None] - ahead) % HOURS
    bins[row[:, None], place] = np.where(ahead < steps[:, None], 0.0, bins[row[:, None], place])
    return bins


def rain_sums(state: RainState, now_ns: int) -> Floats:
    """Sum the rain of the last 1, 2, …, 96 clock hours, the running hour included.

    Parameters
    ----------
    state : RainState
    now_ns : int
        Engine time. [ns since 1970 UTC]

    Returns
    -------
    ndarray, shape (n, 96), float64
        Column D-1 is the rain of D hours. [mm]
    """
    hour = now_ns // _HOUR_NS
    back = np.arange(HOURS)
    lag = np.where(state.hour == NEVER, HOURS, np.maximum(hour - np.maximum(state.hour, 0), 0))
    latest = np.where(state.hour == NEVER, 0, state.hour)
    place = (latest[:, None] - back + np.minimum(lag, HOURS)[:, None]) % HOURS
    rows = np.arange(len(lag))[:, None]
    values = np.where(back >= lag[:, None], state.bins_mm[rows, place], 0.0)
    return np.cumsum(values, axis=1)


def intensity_duration_excess(
    sums_mm: Floats, a: float, b: float, min_duration_h: float, max_duration_h: float
) -> tuple[Floats, Ints]:
    """Hold rain against a threshold I = a·D^b at every duration and keep the worst.

    Parameters
    ----------
    sums_mm : ndarray, shape (n, n_hour), float64
        Rain of the last 1, 2, … hours. [mm]
    a : float
        Intensity at one hour. [mm/h]
    b : float
        Exponent, < 0.
    min_duration_h, max_duration_h : float
        Range of validity. [h]

    Returns
    -------
    excess : ndarray, shape (n,), float64
        Largest mean intensity over threshold intensity; 1 = on the line.
    duration_h : ndarray, shape (n,), int64
        Duration at which it stands. [h]

    Source
    ------
    Form after Caine (1980), Geografiska Annaler 62A, eq. (1). The coefficients are data.
    """
    duration_h = np.arange(1, sums_mm.shape[1] + 1, dtype=np.float64)
    valid = (duration_h >= min_duration_h) & (duration_h <= max_duration_h)
    ratio = (sums_mm / duration_h / (a * duration_h**b))[:, valid]
    worst = ratio.argmax(axis=1)
    return ratio[np.arange(len(ratio)), worst], duration_h[valid][worst].astype(np.int64)
