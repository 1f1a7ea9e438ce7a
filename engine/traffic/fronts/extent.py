"""Queues from fronts: where each begins and ends, how fast it grows, where its tail will be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.traffic.fronts.fronts import FrontState
from engine.traffic.fronts.thresholds import FrontThresholds
from engine.traffic.layout import NONE, Layout

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

HORIZONS_S = (300.0, 600.0, 900.0)
_STEP_S = 60.0
_KMH_PER_M_S = 3.6
_CONTRAST_VEH_KM = 3.0
_LEAST_SPEED_KMH = 5.0


@dataclass(frozen=True)
class QueueExtents:
    """Queues, arrays of shape (n_queue,) unless said otherwise, in layout order.

    Attributes
    ----------
    first, last : ndarray, int64
        Stations in it farthest upstream and farthest downstream.
    tail_m, head_m : ndarray, float64
        Chainage of both ends. [m]
    tail_sigma_m, head_sigma_m : ndarray, float64
        Standard errors; NaN where the queue reaches the end of the corridor's stations and goes on nobody knows how
        far. [m]
    growth_kmh : ndarray, float64
        Speed of the tail upstream, negative when it comes back. NaN where it is not seen. [km/h]
    predicted_tail_m : ndarray, shape (n_queue, 3), float64
        After 5, 10 and 15 minutes; NaN where the queue will be gone or where the tail is not seen. [m]
    predicted_sigma_m : ndarray, shape (n_queue, 3), float64
        [m]
    """

    first: Ints
    last: Ints
    tail_m: Floats
    head_m: Floats
    tail_sigma_m: Floats
    head_sigma_m: Floats
    growth_kmh: Floats
    predicted_tail_m: Floats
    predicted_sigma_m: Floats

    def __len__(self) -> int:
        return len(self.first)

    @classmethod
    def none(cls) -> QueueExtents:
        """Return no queue."""
        ints, floats, ahead = np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros((0, len(HORIZONS_S)))
        return cls(ints, ints.copy(), floats, floats, floats, floats, floats, ahead, ahead)


def queue_extents(state: FrontState, layout: Layout, thresholds: FrontThresholds) -> QueueExtents:
    """Return all queues of all corridors.

    Parameters
    ----------
    state : FrontState
    layout : Layout
    thresholds : FrontThresholds

    Returns
    -------
    QueueExtents
        Neighbouring queued stations are one queue unless they are farther apart than ``merge_gap_m``.

    Source
    ------
    Own construction. The prediction moves the tail with the shock between the stream that will arrive, taken from the
    stations whose vehicles get there by then, and the stream in the queue as it is.
    """
    first, last = _runs(state.queued, layout, thresholds.merge_gap_m.value)
    above = layout.up[first]
    seen = above != NONE
    gap = np.where(seen, above, 0)
    seen &= ~np.isnan(state.tail_m[gap])
    tail = np.where(seen, state.tail_m[gap], layout.chainage_m[first])
    tail_sigma = np.where(seen, np.sqrt(np.nan_to_num(state.tail_var_m2[gap])), np.nan)
    head_seen = ~np.isnan(state.head_m[last])
    head = np.where(head_seen, state.head_m[last], layout.chainage_m[last])
    head_sigma = np.where(head_seen, np.sqrt(np.nan_to_num(state.head_var_m2[last])), np.nan)
    growth = np.where(seen, state.growth_kmh[gap], np.nan)
    predicted = np.full((len(first), len(HORIZONS_S)), np.nan)
    if seen.any():
        which = np.flatnonzero(seen)
        predicted[which] = _predict(state, layout, thresholds, first[which], tail[which], head[which])
    drift_m = thresholds.front_sigma_kmh.value / _KMH_PER_M_S * np.array(HORIZONS_S)
    sigma = np.sqrt(np.where(seen, np.nan_to_num(tail_sigma) ** 2, np.nan)[:, None] + drift_m[None, :] ** 2)
    sigma = np.where(np.isnan(predicted), np.nan, sigma)
    return QueueExtents(first, last, tail, head, tail_sigma, head_sigma, growth, predicted, sigma)


def _runs(queued: NDArray[np.bool_], layout: Layout, merge_gap_m: float) -> tuple[Ints, Ints]:
    """Return the first and last station of each run of queued stations."""
    place = np.flatnonzero(queued)
    if not len(place):
        return place.astype(np.int64), place.astype(np.int64)
    parted = (np.diff(place) != 1) | ~(layout.gap_m[place[:-1]] <= merge_gap_m)
    starts = np.append(True, parted)
    ends = np.append(parted, True)
    return place[starts].astype(np.int64), place[ends].astype(np.int64)


def _predict(
    state: FrontState, layout: Layout, thresholds: FrontThresholds, first: Ints, tail_m: Floats, head_m: Floats
) -> Floats:
    """Return where tails will be, shape (n, 3); NaN from when the tail has reached the head."""
    corridor = layout.corridor[first]
    start = layout.starts[np.searchsorted(layout.starts, first, side="right") - 1]
    # One axis for all corridors, so that one search finds a place on any of them.
    reach = float(np.ptp(layout.chainage_m)) + 1.0
    low = float(layout.chainage_m.min())
    axis = layout.corridor * reach + (layout.chainage_m - low)
    flow, density, free = state.flow_veh_h_lane, state.density_veh_km_lane, state.free_speed_kmh
    q_queue, k_queue = flow[first], density[first]
    origin = layout.chainage_m[start]
    place = tail_m.copy()
    gone = np.zeros(len(first), dtype=bool)
    predicted = np.full((len(first), len(HORIZONS_S)), np.nan)
    for turn in range(round(HORIZONS_S[-1] / _STEP_S)):
        reach_m = free[start] / _KMH_PER_M_S * (turn + 0.5) * _STEP_S
        source_m = np.maximum(place - reach_m, origin)
        at = np.searchsorted(axis, corridor * reach + (source_m - low), side="right") - 1
        at = np.clip(at, start, np.maximum(first - 1, start))
        # A stream that is queued itself brings no more than it lets through.
        q_in = np.where(np.isnan(flow[at]), flow[np.maximum(first - 1, start)], flow[at])
        k_in = q_in / np.maximum(free[at], _LEAST_SPEED_KMH)
        contrast = k_in - k_queue
        shock = np.divide(q_in - q_queue, contrast, out=np.zeros(len(first)), where=contrast < -_CONTRAST_VEH_KM)
        shock = np.clip(
            np.nan_to_num(shock), -thresholds.fastest_growth_kmh.value, thresholds.fastest_shrinking_kmh.value
        )
        place = np.maximum(place + shock / _KMH_PER_M_S * _STEP_S, origin)
        gone |= place >= head_m
        after_s = (turn + 1) * _STEP_S
        if after_s in HORIZONS_S:
            predicted[:, HORIZONS_S.index(after_s)] = np.where(gone, np.nan, place)
    return predicted
