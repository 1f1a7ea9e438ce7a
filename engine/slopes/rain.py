"""Rain from cumulative counters, kept in hourly or shorter bins, and held against an intensity-duration threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.freshness import NEVER
from sensors.columns import Floats, Ints

HOURS = 96
HOUR_NS = 3_600_000_000_000
_COUNTER_NOISE_MM = 0.05
"""A counter that falls by less did not fall: half the finest tip, and above what storing it in 32 bits changes."""
_SHORTEST_H = 1.0 / 6.0
"""Readings closer together are held to the rain that may fall in ten minutes, for tips come in bursts."""


@dataclass(frozen=True)
class RainState:
    """Rain of the last 96 clock hours at each gauge.

    Attributes
    ----------
    total_mm : ndarray, shape (n,), float64
        Counter at the newest reading. NaN before the first. [mm]
    time_ns : ndarray, shape (n,), int64
        Device time of it; ``NEVER`` before the first. [ns since 1970 UTC]
    bins_mm : ndarray, shape (n, 96), float64
        Rain of a clock hour, or of a bin of another width, in the column hour modulo 96; the newest hour is that of
        ``time_ns``. [mm]
    """

    total_mm: Floats
    time_ns: Ints
    bins_mm: Floats

    @classmethod
    def initial(cls, n: int) -> RainState:
        """Return the state before any reading."""
        return cls(np.full(n, np.nan), np.full(n, NEVER, dtype=np.int64), np.zeros((n, HOURS)))

    def take(self, row: Ints) -> RainState:
        """Return the state of some gauges."""
        return RainState(self.total_mm[row], self.time_ns[row], self.bins_mm[row])


def add_counters(
    state: RainState,
    row: Ints,
    time_ns: Ints,
    total_mm: Floats,
    max_mm_h: float = np.inf,
    bin_ns: int = HOUR_NS,
) -> RainState:
    """Take in counter readings.

    Parameters
    ----------
    state : RainState
    row, time_ns : ndarray, shape (m,), int64
        Gauge and device time, not before 1970, in any order, several per gauge allowed. [1], [ns since 1970 UTC]
    total_mm : ndarray, shape (m,), float64
        Cumulative counter. NaN = not reported, left out. [mm]
    max_mm_h : float
        A step that needs more rain than this is not rain. [mm/h]
    bin_ns : int
        Width of the bins, the same for the whole life of a state; what is said of hours holds for bins. [ns]

    Returns
    -------
    RainState

    Notes
    -----
    The rain between two readings is put into the hour of the later one: after a gap it is never too little for the
    durations that the gap is shorter than, and right for the others. A counter that falls has rolled over or was reset;
    as the modulus is not on the wire, the rain since is taken as the new reading. A counter that runs faster than
    ``max_mm_h`` was replaced or set, and its step counts as nothing. A reading not newer than the newest known adds
    nothing: its rain is already inside the step that passed over it. Of readings with one time the largest counts.

    Source
    ------
    Own construction.
    """
    good = ~np.isnan(total_mm)
    row, time_ns, total_mm = row[good], time_ns[good], total_mm[good]
    order = np.lexsort((total_mm, time_ns, row))
    row, time_ns, total_mm = row[order], time_ns[order], total_mm[order]
    newest_of_time = np.append((row[1:] != row[:-1]) | (time_ns[1:] != time_ns[:-1]), True)[: len(row)]
    kept = newest_of_time & (time_ns > state.time_ns[row])
    row, time_ns, total_mm = row[kept], time_ns[kept], total_mm[kept]
    if len(row) == 0:
        return state

    first_of_row = np.append(True, row[1:] != row[:-1])
    last_of_row = np.append(row[1:] != row[:-1], True)
    step_mm = _rain_between(
        np.where(first_of_row, state.total_mm[row], np.roll(total_mm, 1)),
        total_mm,
        np.where(first_of_row, state.time_ns[row], np.roll(time_ns, 1)),
        time_ns,
        max_mm_h,
    )
    gauge, newest_hour = row[last_of_row], time_ns[last_of_row] // bin_ns
    bins = _forget(state, gauge, newest_hour, bin_ns)
    hour = time_ns // bin_ns
    readings_of_row = np.diff(np.flatnonzero(np.append(first_of_row, True)))
    inside = hour > np.repeat(newest_hour, readings_of_row) - HOURS
    np.add.at(bins, (row[inside], hour[inside] % HOURS), step_mm[inside])

    total, time = state.total_mm.copy(), state.time_ns.copy()
    total[gauge] = total_mm[last_of_row]
    time[gauge] = time_ns[last_of_row]
    return RainState(total, time, bins)


def _rain_between(before_mm: Floats, after_mm: Floats, before_ns: Ints, after_ns: Ints, max_mm_h: float) -> Floats:
    """Return the rain between two readings; nothing when there was none before. [mm]."""
    first = np.isnan(before_mm)
    risen_mm = after_mm - before_mm
    rain_mm = np.where(risen_mm < -_COUNTER_NOISE_MM, after_mm, np.maximum(risen_mm, 0.0))
    gap_h = (after_ns - np.where(first, after_ns, before_ns)) / HOUR_NS
    possible = ~first & (rain_mm <= max_mm_h * np.maximum(gap_h, _SHORTEST_H))
    return np.where(possible, rain_mm, 0.0)


def _forget(state: RainState, row: Ints, hour: Ints, bin_ns: int) -> Floats:
    """Empty the bins that the clock has come round to; a row stands here once at most."""
    bins = state.bins_mm.copy()
    before_ns = state.time_ns[row]
    before_hour = np.where(before_ns == NEVER, hour, before_ns // bin_ns)
    ahead = np.arange(HOURS)
    gone = ahead < (hour - before_hour)[:, None]
    place = (hour[:, None] - ahead) % HOURS
    bins[row[:, None], place] = np.where(gone, 0.0, bins[row[:, None], place])
    return bins


def rain_sums(state: RainState, now_ns: int, bin_ns: int = HOUR_NS) -> Floats:
    """Sum the rain of the last 1, 2, …, 96 clock hours, the running hour included.

    Parameters
    ----------
    state : RainState
    now_ns : int
        Engine time. [ns since 1970 UTC]
    bin_ns : int
        As for `add_counters`. [ns]

    Returns
    -------
    ndarray, shape (n, 96), float64
        Column D-1 is the rain of D hours; 0 for a gauge without a reading. [mm]

    Notes
    -----
    For a gauge that fell silent the sums stand still at the hour after its last reading: rain that nobody measured any
    more must not look like rain that ended. Those of a gauge whose clock is ahead count to its own hour.

    Source
    ------
    Own construction.
    """
    heard = state.time_ns != NEVER
    latest = np.where(heard, state.time_ns, 0) // bin_ns
    lag = np.clip(now_ns // bin_ns - latest, 0, 1)
    back = np.arange(HOURS)
    # Before the newest hour by back - lag; the hour after it holds nothing yet.
    place = (latest[:, None] + lag[:, None] - back) % HOURS
    values = np.where((back >= lag[:, None]) & heard[:, None], np.take_along_axis(state.bins_mm, place, axis=1), 0.0)
    return np.cumsum(values, axis=1)


def intensity_duration_excess(
    sums_mm: Floats, a: float, b: float, min_duration_h: float, max_duration_h: float
) -> tuple[Floats, Ints]:
    """Hold rain against a threshold I = a·D^b at every duration and keep the worst.

    Parameters
    ----------
    sums_mm : ndarray, shape (n, n_hour), float64
        Rain of the last 1, 2, … hours. NaN at any valid duration = NaN excess. [mm]
    a : float
        Intensity at one hour. [mm/h]
    b : float
        Exponent, < 0.
    min_duration_h, max_duration_h : float
        Range of validity; at least one whole hour of the columns must lie in it. [h]

    Returns
    -------
    excess : ndarray, shape (n,), float64
        Largest mean intensity over threshold intensity; 1 = on the line.
    duration_h : ndarray, shape (n,), int64
        Duration at which it stands. [h]

    Raises
    ------
    ValueError
        If no column lies within the range of validity.

    Source
    ------
    Form after Caine (1980), Geografiska Annaler 62A, eq. (1). The coefficients are data.
    """
    duration_h = np.arange(1, sums_mm.shape[1] + 1, dtype=np.float64)
    valid = (duration_h >= min_duration_h) & (duration_h <= max_duration_h)
    if not valid.any():
        raise ValueError(
            f"min_duration_h, max_duration_h: expected a range with one of the hours 1 to {len(duration_h)}, "
            f"was {min_duration_h} to {max_duration_h}"
        )
    ratio = (sums_mm / duration_h / (a * duration_h**b))[:, valid]
    worst = ratio.argmax(axis=1)
    return ratio[np.arange(len(ratio)), worst], duration_h[valid][worst].astype(np.int64)
