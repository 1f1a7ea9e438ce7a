"""Slow upstream and free downstream while too little comes out: a queue that too much traffic does not explain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.traffic.incidents.discharge import Discharge
from engine.traffic.incidents.rings import Floats
from engine.traffic.incidents.slowing import Slowing
from engine.traffic.incidents.thresholds import IncidentThresholds
from engine.traffic.layout import NONE, Layout

Ints = NDArray[np.int64]

_FORGIVEN = 2
"""So many periods without contrast do not end a queue that is being watched."""
_NOISE = 1.5
_MOST_SIGMAS = 8.0
_MOST_DROP_SIGMAS = 6.0


@dataclass(frozen=True)
class ObstructionState:
    """Since a station got slow with a free one downstream of it; arrays of shape (n_station,).

    Attributes
    ----------
    periods, without : ndarray, int64
        Periods with that contrast, and periods since the last of them.
    busiest_veh_h, came : ndarray, float64
        Sums over those periods of the flow of the busiest lane downstream, and of the count there. [veh/h], [veh]
    usual : ndarray, float64
        Usual count downstream when it began; NaN when there was none. [veh/period]
    """

    periods: Ints
    without: Ints
    busiest_veh_h: Floats
    came: Floats
    usual: Floats

    @classmethod
    def initial(cls, n_station: int) -> ObstructionState:
        """Return the state without contrast."""
        none = np.zeros(n_station, dtype=np.int64)
        nothing = np.zeros(n_station)
        return cls(none, none, nothing, nothing, np.full(n_station, np.nan))


def watch_contrast(
    state: ObstructionState,
    slowing: Slowing,
    discharge: Discharge,
    count: Floats,
    usual: Floats,
    layout: Layout,
    thresholds: IncidentThresholds,
) -> tuple[ObstructionState, Floats]:
    """Take in one period.

    Parameters
    ----------
    state : ObstructionState
    slowing : Slowing
    discharge : Discharge
    count, usual : ndarray, shape (n_station,), float64
        Counted in the period, and usual before it. [veh/period]
    layout : Layout
    thresholds : IncidentThresholds

    Returns
    -------
    ObstructionState
    score : ndarray, shape (n_station,), float64
        Of the stretch downstream of each station; 0 where there is nothing to say.

    Notes
    -----
    Two things speak, both over all periods since the contrast began, so that both get surer with time: the busiest lane
    carries far less than a lane can, and less comes than came before the queue, by more than the capacity drop.
    Discharge from a recurrent queue does neither.

    Source
    ------
    Own construction.
    """
    n_station = len(layout)
    joined = layout.down != NONE
    ahead = np.where(joined, layout.down, 0)
    free = ~(slowing.free_ratio[ahead] < thresholds.free_downstream_ratio.value)
    contrast = joined & free & (slowing.free_ratio < thresholds.slow_ratio.value)
    begins = contrast & (state.periods == 0)
    without = np.where(contrast, 0, state.without + 1)
    over = without > _FORGIVEN
    periods = np.where(over, 0, state.periods + contrast)
    busiest = np.where(
        over, 0.0, state.busiest_veh_h + np.where(contrast, np.nan_to_num(discharge.flow_veh_h[ahead]), 0.0)
    )
    came = np.where(over, 0.0, state.came + np.where(contrast, np.nan_to_num(count[ahead]), 0.0))
    before = np.where(begins, usual[ahead], state.usual)
    turns = np.maximum(periods, 1)
    busy, light = thresholds.busy_lane_veh_h.value, thresholds.light_lane_veh_h.value
    doubt = thresholds.busy_lane_sigma_veh_h.value / np.sqrt(turns)
    thin = np.clip((busy - busiest / turns - doubt) / (busy - light), 0.0, 1.0)
    wanted = np.nan_to_num(before) * turns
    missing = (1.0 - thresholds.capacity_drop.value) * wanted - came
    drop = np.clip(missing / np.sqrt(_NOISE * np.maximum(wanted, 2.0)), 0.0, _MOST_DROP_SIGMAS)
    # In a queue that has long stood, the collapse shows against what came of late.
    depth = discharge.drop[ahead] / thresholds.queue_drop.value
    recent = np.clip(discharge.score[ahead], 0.0, _MOST_DROP_SIGMAS) * depth
    drop = np.maximum(drop, np.where(depth >= 1.0, recent, 0.0))
    sigmas = np.clip(np.nan_to_num(slowing.score), 0.0, _MOST_SIGMAS)
    speaks = contrast & (periods >= thresholds.contrast_periods.value)
    score = np.where(speaks, sigmas * thin + drop, 0.0)
    return ObstructionState(periods, without, busiest, came, before), score.reshape(n_station)
