"""Speed of every station against what it was of late and against free traffic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.traffic.incidents.rings import Floats, forgetting, mean_of_known, pushed, weight_of
from engine.traffic.incidents.thresholds import IncidentThresholds

Bools = NDArray[np.bool_]

_WINDOW = 2
_LEAST_VAR, _USUAL_VAR, _MOST_VAR = 9.0, 36.0, 225.0
_CLIPPED_SIGMAS2 = 9.0
_CRAWL_KMH = 1.0
"""Slower than this is standing, against which nothing drops."""
_STANDING_PCT = 50.0
"""A lane without count but this occupied stands, if half of them do and none moves; own construction."""


@dataclass(frozen=True)
class SlowingState:
    """What is remembered of every station.

    Attributes
    ----------
    free_speed_kmh, usual_speed_kmh : ndarray, shape (n_station,), float64
        Slowly learnt when nothing hinders; forgetting mean, NaN before the first. [km/h]
    speed_var : ndarray, shape (n_station,), float64
        Of a period about the usual. [km²/h²]
    speed_kmh : ndarray, shape (2, n_station), float64
        Newest first. NaN = nothing moved. [km/h]
    """

    free_speed_kmh: Floats
    usual_speed_kmh: Floats
    speed_var: Floats
    speed_kmh: Floats

    @classmethod
    def initial(cls, free_speed_kmh: Floats) -> SlowingState:
        """Return the state before any period."""
        n_station = len(free_speed_kmh)
        return cls(
            free_speed_kmh=free_speed_kmh.copy(),
            usual_speed_kmh=np.full(n_station, np.nan),
            speed_var=np.full(n_station, _USUAL_VAR),
            speed_kmh=np.full((_WINDOW, n_station), np.nan),
        )


class Slowing(NamedTuple):
    """Of every station, arrays of shape (n_station,), float64, over the newest two periods."""

    score: Floats
    """How far under the usual, in standard errors of one period; NaN where nothing moved."""
    drop: Floats
    """Share of the usual speed that is missing; NaN where nothing moved."""
    free_ratio: Floats
    """Speed over free speed; NaN where nothing moved."""


def moving_speed(volume: Floats, speed_kmh: Floats, occupancy_pct: Floats) -> Floats:
    """Return the flow-weighted harmonic mean speed of the lanes that move.

    Parameters
    ----------
    volume, speed_kmh, occupancy_pct : ndarray, shape (n_station, n_lane), float64
        NaN = not measured. [veh/period], [km/h], [%]

    Returns
    -------
    ndarray, shape (n_station,), float64
        0 where no lane moves and half of them stand, NaN where no lane moves. A lane that reports standing while
        others move or are empty is left out: more often than a queue on it alone it is a detector at fault. [km/h]

    Source
    ------
    Own construction.
    """
    moves = (volume > 0) & (speed_kmh > 0)
    count = np.where(moves, volume, 0.0)
    time_h = np.divide(count, speed_kmh, out=np.zeros_like(count), where=moves)
    total = count.sum(axis=1)
    speed = np.divide(total, time_h.sum(axis=1), out=np.full(len(total), np.nan), where=total > 0)
    reported = (~np.isnan(occupancy_pct)).sum(axis=1)
    standing = (occupancy_pct >= _STANDING_PCT).sum(axis=1)
    stands = (total == 0) & (standing > 0) & (2 * standing >= reported)
    return np.where(stands, 0.0, speed)


def take_speed(
    state: SlowingState, speed_kmh: Floats, quiet: Bools, warm: bool, period_s: float, thresholds: IncidentThresholds
) -> tuple[SlowingState, Slowing]:
    """Take in one period.

    Parameters
    ----------
    state : SlowingState
    speed_kmh : ndarray, shape (n_station,), float64
        NaN = nothing moved, or not measured. [km/h]
    quiet : ndarray, shape (n_station,), bool
        False where something is suspected.
    warm : bool
        False while the variance is not to be learnt.
    period_s : float
        [s]
    thresholds : IncidentThresholds

    Returns
    -------
    SlowingState, Slowing

    Source
    ------
    Own construction. The free speed is a stochastic quantile, about the 85th percentile of what flows.
    """
    step = state.free_speed_kmh * min(1.0, period_s / 3600.0) * 0.5
    above, flowing = speed_kmh > state.free_speed_kmh, speed_kmh > 0.7 * state.free_speed_kmh
    free = state.free_speed_kmh + np.where(above, 0.85 * step, np.where(flowing, -0.15 * step, 0.0))
    speeds = pushed(state.speed_kmh, speed_kmh)
    now = mean_of_known(speeds)
    usual = np.minimum(np.where(np.isnan(state.usual_speed_kmh), free, state.usual_speed_kmh), 1.1 * free)
    var = state.speed_var
    if warm:
        learn = weight_of(period_s, thresholds.noise_memory_s.value)
        spread = np.minimum((speed_kmh - usual) ** 2, _CLIPPED_SIGMAS2 * var)
        moved = np.clip(var + learn * (spread - var), _LEAST_VAR, _MOST_VAR)
        var = np.where(quiet & ~np.isnan(speed_kmh), moved, var)
    pace = np.where(quiet, 1.0, thresholds.suspicion_slowdown.value)
    reference = forgetting(
        state.usual_speed_kmh, speed_kmh, weight_of(period_s, thresholds.reference_memory_s.value) * pace
    )
    result = Slowing((usual - now) / np.sqrt(state.speed_var), 1.0 - now / np.maximum(usual, _CRAWL_KMH), now / free)
    return SlowingState(free, reference, var, speeds), result
