"""California algorithm #7, the published baseline of incident detection: occupancies of neighbouring stations."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.thresholds import Sourced
from engine.traffic.layout import NONE, Layout

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

LAG = 2
"""Periods over which the fall of the downstream occupancy is taken."""


class Phase(enum.IntEnum):
    """State of a pair of stations."""

    FREE = 0
    TENTATIVE = 1
    CONFIRMED = 2
    CONTINUING = 3


@dataclass(frozen=True)
class CaliforniaThresholds:
    """From ``traffic_california.toml``."""

    occupancy_difference_pct: Sourced
    relative_difference: Sourced
    downstream_fall: Sourced


@dataclass(frozen=True)
class CaliforniaState:
    """What is remembered.

    Attributes
    ----------
    phase : ndarray, shape (n_station,), int8
        `Phase` of each station with the next one downstream; free at the ends of corridors.
    before : ndarray, shape (2, n_station), float64
        Occupancies of the last two periods, newest first. NaN = not measured. [%]
    """

    phase: NDArray[np.int8]
    before: Floats

    @classmethod
    def initial(cls, n_station: int) -> CaliforniaState:
        """Return the state before any period."""
        return cls(np.zeros(n_station, dtype=np.int8), np.full((LAG, n_station), np.nan))


def step_california(
    state: CaliforniaState, occupancy_pct: Floats, layout: Layout, thresholds: CaliforniaThresholds
) -> tuple[CaliforniaState, Bools]:
    """Take in one period.

    Parameters
    ----------
    state : CaliforniaState
    occupancy_pct : ndarray, shape (n_station,), float64
        Mean of the lanes. NaN = not measured: no test that needs it is passed, and a state that it would have decided
        stays as it is. [%]
    layout : Layout
    thresholds : CaliforniaThresholds

    Returns
    -------
    state : CaliforniaState
    confirmed : ndarray, shape (n_station,), bool
        An incident between the station and the next one downstream was confirmed in this very period.

    Source
    ------
    Payne and Tignor (1978), "Freeway incident-detection algorithms based on decision trees with states",
    Transportation Research Record 682. With o of the station upstream (u) and downstream (d): OCCDF = o_u - o_d,
    OCCRDF = OCCDF / o_u and DOCCTD = (o_d(t - 2) - o_d(t)) / o_d(t - 2) all over their thresholds make an incident
    tentative; OCCRDF over its threshold in the period after confirms it, and it goes on for as long as that holds.
    """
    enters, holds, known = _tests(occupancy_pct, state.before[LAG - 1], layout, thresholds)
    phase = _next(state.phase, enters, holds, known)
    confirmed = (phase == Phase.CONFIRMED) & (state.phase == Phase.TENTATIVE)
    return CaliforniaState(phase, np.concatenate((occupancy_pct[None], state.before[:-1]))), confirmed


def california(occupancy_pct: Floats, layout: Layout, thresholds: CaliforniaThresholds) -> Bools:
    """Run the algorithm over many periods.

    Parameters
    ----------
    occupancy_pct : ndarray, shape (time, n_station), float64
        As for `step_california`.
    layout : Layout
    thresholds : CaliforniaThresholds

    Returns
    -------
    ndarray, shape (time, n_station), bool
        Where and when an incident was confirmed: what `step_california` gives period by period.
    """
    earlier = np.full_like(occupancy_pct, np.nan)
    earlier[LAG:] = occupancy_pct[:-LAG]
    enters, holds, known = _tests(occupancy_pct, earlier, layout, thresholds)
    confirmed = np.zeros(occupancy_pct.shape, dtype=bool)
    phase = np.zeros(occupancy_pct.shape[1], dtype=np.int8)
    for place in range(len(occupancy_pct)):
        after = _next(phase, enters[place], holds[place], known[place])
        confirmed[place] = (after == Phase.CONFIRMED) & (phase == Phase.TENTATIVE)
        phase = after
    return confirmed


def _tests(
    occupancy_pct: Floats, earlier_pct: Floats, layout: Layout, thresholds: CaliforniaThresholds
) -> tuple[Bools, Bools, Bools]:
    """Whether all tests pass, whether OCCRDF alone does, and whether that one could be made; last axis stations."""
    last = layout.down == NONE
    below = np.where(last, np.nan, occupancy_pct[..., layout.down])
    was = np.where(last, np.nan, earlier_pct[..., layout.down])
    difference = occupancy_pct - below
    known = ~np.isnan(difference)
    relative = np.divide(difference, occupancy_pct, out=np.zeros_like(difference), where=known & (occupancy_pct > 0))
    fall = np.divide(was - below, was, out=np.zeros_like(difference), where=known & (was > 0))
    holds = relative > thresholds.relative_difference.value
    enters = (
        holds & (difference > thresholds.occupancy_difference_pct.value) & (fall > thresholds.downstream_fall.value)
    )
    return enters, holds, known


def _next(phase: NDArray[np.int8], enters: Bools, holds: Bools, known: Bools) -> NDArray[np.int8]:
    started = np.where(enters, Phase.TENTATIVE, Phase.FREE)
    kept = np.where(phase == Phase.TENTATIVE, Phase.CONFIRMED, Phase.CONTINUING)
    after = np.where(phase == Phase.FREE, started, np.where(holds, kept, Phase.FREE))
    return np.where(known, after, phase).astype(np.int8)
