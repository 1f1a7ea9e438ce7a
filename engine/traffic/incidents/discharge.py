"""Discharge of every station against what it was of late: the collapse behind a blocked lane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.traffic.incidents.rings import Floats, forgetting, pushed, weight_of
from engine.traffic.incidents.thresholds import IncidentThresholds

Bools = NDArray[np.bool_]

_WINDOW = 2
_LEAST_NOISE, _USUAL_NOISE, _MOST_NOISE = 0.7, 1.5, 6.0
_CORRELATION = 1.3
"""Counts of neighbouring periods rise and fall together; own construction."""
_CLIPPED_SIGMAS2 = 9.0


@dataclass(frozen=True)
class DischargeState:
    """What is remembered of every station.

    Attributes
    ----------
    usual : ndarray, shape (n_station,), float64
        Forgetting mean of the count. NaN before the first. [veh/period]
    counts, wanted : ndarray, shape (2, n_station), float64
        Counted, and usual at that time; 0 in both where not counted. [veh]
    noise : ndarray, shape (n_station,), float64
        Variance of the count over its mean.
    """

    usual: Floats
    counts: Floats
    wanted: Floats
    noise: Floats

    @classmethod
    def initial(cls, n_station: int) -> DischargeState:
        """Return the state before any period."""
        return cls(
            usual=np.full(n_station, np.nan),
            counts=np.zeros((_WINDOW, n_station)),
            wanted=np.zeros((_WINDOW, n_station)),
            noise=np.full(n_station, _USUAL_NOISE),
        )


class Discharge(NamedTuple):
    """Of every station, arrays of shape (n_station,), float64."""

    score: Floats
    """Missing vehicles of the newest two periods in standard errors; 0 where nothing is known."""
    drop: Floats
    """Share of the usual count that is missing; negative where more came."""
    flow_veh_h: Floats
    """Flow of the busiest lane in this period; NaN where nothing is known."""


def take_discharge(
    state: DischargeState,
    lane_counts: Floats,
    count: Floats,
    quiet: Bools,
    warm: bool,
    period_s: float,
    thresholds: IncidentThresholds,
) -> tuple[DischargeState, Discharge]:
    """Take in one period.

    Parameters
    ----------
    state : DischargeState
    lane_counts : ndarray, shape (n_station, n_lane), float64
        NaN = not counted. [veh]
    count : ndarray, shape (n_station,), float64
        Over all lanes. NaN = not counted. [veh]
    quiet : ndarray, shape (n_station,), bool
        False where something is suspected.
    warm : bool
        False while the noise is not to be learnt.
    period_s : float
        [s]
    thresholds : IncidentThresholds

    Returns
    -------
    DischargeState, Discharge

    Source
    ------
    Own construction, after the finding that discharge collapses behind an incident and not behind a recurrent queue.
    """
    known = ~np.isnan(count)
    wanted_now = np.where(np.isnan(state.usual), count, state.usual)
    counts = pushed(state.counts, np.where(known, count, 0.0))
    wanted = pushed(state.wanted, np.where(known, wanted_now, 0.0))
    did, should = counts.sum(axis=0), wanted.sum(axis=0)
    score = (should - did) / np.sqrt(state.noise * _CORRELATION * np.maximum(should, 2.0))
    drop = 1.0 - (did + 2.0) / (should + 2.0)
    counted = ~np.isnan(lane_counts)
    busiest = np.where(counted, lane_counts, -np.inf).max(axis=1, initial=-np.inf) * (3600.0 / period_s)
    busiest = np.where(counted.any(axis=1), busiest, np.nan)
    noise = state.noise
    if warm:
        learn = weight_of(period_s, thresholds.noise_memory_s.value)
        spread = np.minimum(
            np.where(known, count - wanted_now, 0.0) ** 2 / np.maximum(wanted_now, 2.0), _CLIPPED_SIGMAS2 * noise
        )
        moved = np.clip(noise + learn * (np.nan_to_num(spread) - noise), _LEAST_NOISE, _MOST_NOISE)
        noise = np.where(quiet & known, moved, noise)
    pace = np.where(quiet, 1.0, thresholds.suspicion_slowdown.value)
    usual = forgetting(state.usual, count, weight_of(period_s, thresholds.reference_memory_s.value) * pace)
    return DischargeState(usual, counts, wanted, noise), Discharge(score, drop, busiest)
