"""Which lanes a blockage takes: those that have gone empty downstream of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.traffic.incidents.rings import Floats, forgetting, pushed, weight_of
from engine.traffic.incidents.thresholds import IncidentThresholds

Bools = NDArray[np.bool_]

_WINDOW = 3
_EMPTIED = 0.6
"""Share of its usual count that a lane lost, from which on it counts as blocked upstream; own construction."""
_LEAST_VEH = 4.0
"""A lane with a smaller usual count in the window tells nothing. [veh]"""


@dataclass(frozen=True)
class LaneState:
    """Usual and newest counts of every lane.

    ``usual`` has shape (n_station, n_lane), ``counts`` (3, n_station, n_lane), float64. NaN = not counted. [veh/period]
    """

    usual: Floats
    counts: Floats

    @classmethod
    def initial(cls, n_station: int, n_lane: int) -> LaneState:
        """Return the state before any period."""
        return cls(np.full((n_station, n_lane), np.nan), np.full((_WINDOW, n_station, n_lane), np.nan))


def take_lanes(
    state: LaneState, lane_counts: Floats, quiet: Bools, period_s: float, thresholds: IncidentThresholds
) -> tuple[LaneState, Bools]:
    """Take in one period.

    Parameters
    ----------
    state : LaneState
    lane_counts : ndarray, shape (n_station, n_lane), float64
        NaN = not counted. [veh]
    quiet : ndarray, shape (n_station,), bool
        False where something is suspected: there the usual is learnt slowly.
    period_s : float
        [s]
    thresholds : IncidentThresholds

    Returns
    -------
    LaneState
    emptied : ndarray, shape (n_station, n_lane), bool
        Lanes that lost most of their vehicles over the newest three periods.

    Source
    ------
    Own construction.
    """
    counts = pushed(state.counts, lane_counts)
    known = ~np.isnan(counts).any(axis=0) & ~np.isnan(state.usual)
    wanted = np.where(known, state.usual, 0.0) * _WINDOW
    came = np.where(known, counts.sum(axis=0), 0.0)
    emptied = known & (wanted >= _LEAST_VEH) & (came <= (1.0 - _EMPTIED) * wanted)
    pace = np.where(quiet, 1.0, thresholds.suspicion_slowdown.value)[:, None]
    weight = weight_of(period_s, thresholds.reference_memory_s.value) * pace
    return LaneState(forgetting(state.usual, lane_counts, weight), counts), emptied
