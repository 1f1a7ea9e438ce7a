"""Which lanes gantries should close before a blocked one. Advice only: an operator releases it."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.traffic.control.thresholds import ControlThresholds

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
Arrows = NDArray[np.int8]


class Arrow(enum.IntEnum):
    """What is shown over a lane, in the order of how much it asks for. Lanes are counted from the median."""

    NONE = -1
    """No such lane."""
    OPEN = 0
    MERGE_LEFT = 1
    """Towards the median."""
    MERGE_RIGHT = 2
    CLOSED = 3


@dataclass(frozen=True)
class Gantries:
    """Lane signals over a road, shape (n_gantry,): corridor, chainage [m] and lanes."""

    corridor: Ints
    chainage_m: Floats
    lanes: Ints


@dataclass(frozen=True)
class Blockages:
    """Blocked lanes, shape (n_blockage,): corridor, upstream end [m], and which, shape (n_blockage, n_lane)."""

    corridor: Ints
    chainage_m: Floats
    blocked: Mask


@dataclass(frozen=True)
class LaneState:
    """Shape (n_gantry, n_lane): what is advised, and for how many intervals in a row less would do."""

    arrow: Arrows
    easier: Ints

    @classmethod
    def initial(cls, gantries: Gantries, n_lane: int) -> LaneState:
        """Return the state in which all lanes are open."""
        there = np.arange(n_lane) < gantries.lanes[:, None]
        arrow = np.where(there, Arrow.OPEN, Arrow.NONE).astype(np.int8)
        return cls(arrow, np.zeros(arrow.shape, dtype=np.int64))


def lane_arrows(gantries: Gantries, blockages: Blockages, n_lane: int, thresholds: ControlThresholds) -> Arrows:
    """Return what gantries should show before blockages.

    Parameters
    ----------
    gantries : Gantries
    blockages : Blockages
    n_lane : int
        Columns of the result; lanes beyond it are not looked at.
    thresholds : ControlThresholds

    Returns
    -------
    ndarray, shape (n_gantry, n_lane), int8
        An `Arrow` each.

    Notes
    -----
    Gantries within ``lane_close_m`` upstream of a blockage, and the nearest one at whatever distance up to
    ``lane_merge_m``, close the lanes; those before them up to ``lane_merge_m`` first send traffic over: towards the
    nearest lane that stays open, outwards if two are as near. Where no lane stays open all are closed and nobody is
    sent over. Of several blockages each lane shows what asks for most.

    Source
    ------
    Own construction; merge before close as lane control manuals have it.
    """
    there = np.arange(n_lane) < gantries.lanes[:, None]
    result = np.where(there, Arrow.OPEN, Arrow.NONE).astype(np.int8)
    if not len(blockages.corridor) or not len(gantries.corridor):
        return result
    ahead_m = blockages.chainage_m[:, None] - gantries.chainage_m
    sees = (blockages.corridor[:, None] == gantries.corridor) & (ahead_m >= 0)
    sees &= ahead_m <= thresholds.lane_merge_m.value
    nearest = np.where(sees, ahead_m, np.inf).min(axis=1)
    closes = sees & (ahead_m <= np.maximum(nearest, thresholds.lane_close_m.value)[:, None])
    blocked = np.zeros((len(blockages.corridor), n_lane), dtype=np.bool_)
    width = min(n_lane, blockages.blocked.shape[1])
    blocked[:, :width] = blockages.blocked[:, :width]
    shut = (closes[:, :, None] & blocked[:, None, :]).any(axis=0) & there
    sent = (sees[:, :, None] & blocked[:, None, :]).any(axis=0) & there & ~shut
    free = there & ~shut & ~sent
    left, right = _nearest_free(free)
    merge = np.where(left < right, Arrow.MERGE_LEFT, Arrow.MERGE_RIGHT)
    nowhere = ~np.isfinite(np.minimum(left, right))
    result[sent] = np.where(nowhere, Arrow.CLOSED, merge)[sent]
    result[shut] = Arrow.CLOSED
    return result


def step_lanes(
    state: LaneState, gantries: Gantries, blockages: Blockages, thresholds: ControlThresholds
) -> tuple[LaneState, Arrows]:
    """Carry lane advice forward by one interval: closing at once, opening after ``lane_hold_intervals``.

    Parameters
    ----------
    state : LaneState
    gantries : Gantries
    blockages : Blockages
        That are known now.
    thresholds : ControlThresholds

    Returns
    -------
    state : LaneState
    arrows : ndarray, shape (n_gantry, n_lane), int8
        An `Arrow` each.

    Source
    ------
    Own construction.
    """
    wanted = lane_arrows(gantries, blockages, state.arrow.shape[1], thresholds)
    easier = np.where(wanted < state.arrow, state.easier + 1, 0)
    moves = (wanted > state.arrow) | (easier >= thresholds.lane_hold_intervals.value)
    arrow = np.where(moves, wanted, state.arrow).astype(np.int8)
    return LaneState(arrow, np.where(moves, 0, easier)), arrow


def _nearest_free(free: Mask) -> tuple[Floats, Floats]:
    """Return how many lanes away the nearest free one is on either side; inf for none."""
    n_gantry, n_lane = free.shape
    left, right = np.full(free.shape, np.inf), np.full(free.shape, np.inf)
    near = np.full(n_gantry, np.inf)
    for lane in range(n_lane):
        near = np.where(free[:, lane], 0.0, near + 1.0)
        left[:, lane] = near
    near = np.full(n_gantry, np.inf)
    for lane in range(n_lane - 1, -1, -1):
        near = np.where(free[:, lane], 0.0, near + 1.0)
        right[:, lane] = near
    return left, right
