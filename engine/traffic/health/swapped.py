"""Lanes of one station that show each other's traffic: wires in the wrong order, or lanes numbered the other way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.traffic.frame import Frame
from engine.traffic.health.reasons import HealthThresholds
from engine.traffic.layout import Layout

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class LaneOrder:
    """Fading mean speeds, shape (n_station, n_lane), and how long each pair of lanes has been the wrong way round.

    Attributes
    ----------
    weight, speed_kmh : ndarray, shape (n_station, n_lane), float64
        Sum of weights, and weighted sum of speeds.
    pair_s : ndarray, shape (n_station, n_lane · (n_lane − 1) / 2), float64
        [s]
    """

    weight: Floats
    speed_kmh: Floats
    pair_s: Floats

    @classmethod
    def initial(cls, shape: tuple[int, int]) -> LaneOrder:
        """Return the state before any sample."""
        zero = np.zeros(shape)
        return cls(zero, zero, np.zeros((shape[0], shape[1] * (shape[1] - 1) // 2)))

    def swapped_s(self) -> Floats:
        """Return for how long each lane has been in a pair that is the wrong way round, in seconds."""
        n_lane = self.weight.shape[1]
        longest = np.zeros(self.weight.shape)
        for pair, (one, other) in enumerate(zip(*np.triu_indices(n_lane, 1), strict=True)):
            longest[:, one] = np.maximum(longest[:, one], self.pair_s[:, pair])
            longest[:, other] = np.maximum(longest[:, other], self.pair_s[:, pair])
        return longest


def follow_order(
    order: LaneOrder, frame: Frame, use: Bools, layout: Layout, elapsed_s: float, thresholds: HealthThresholds
) -> LaneOrder:
    """Take in one period.

    Parameters
    ----------
    order : LaneOrder
    frame : Frame
    use : ndarray, shape (n_station, n_lane), bool
        Lanes whose speed is to be believed and not that of a jam.
    layout : Layout
    elapsed_s : float
        Since the frame before. [s]
    thresholds : HealthThresholds

    Returns
    -------
    LaneOrder

    Notes
    -----
    A pair is the wrong way round while the faster of the two at both stations next door is the slower one here, each
    time by more than the margin, and both lanes look more like the other one there than like themselves: with two lanes
    exchanged, the one between them is innocent. In free traffic the order of the lanes by speed is the same along a
    road; in jams it is not, so jams are left out.

    Source
    ------
    Own construction.
    """
    n_lane = order.weight.shape[1]
    if n_lane < 2 or len(layout) < 3:
        return order
    known = use & (frame.speed_kmh > 0)
    keep = float(np.exp(-elapsed_s / thresholds.swapped_memory_s.value))
    weight = order.weight * keep + known
    speed = order.speed_kmh * keep + np.where(known, frame.speed_kmh, 0.0)
    # A mean counts once it rests on a third of what it can rest on.
    full = 1.0 / (1.0 - np.exp(-frame.period_s / thresholds.swapped_memory_s.value))
    mean = np.divide(speed, weight, out=np.full(weight.shape, np.nan), where=weight > full / 3.0)
    one, other = np.triu_indices(n_lane, 1)
    gap = mean[:, one] - mean[:, other]
    near_m = thresholds.company_m.value
    up = np.where(layout.up >= 0, layout.up, 0)
    has_both = (layout.up >= 0) & (layout.down >= 0) & (layout.gap_m <= near_m) & (layout.gap_m[up] <= near_m)
    gap_up, gap_down = gap[up], gap[np.maximum(layout.down, 0)]
    margin = thresholds.swapped_margin_kmh.value
    fits = _fits_better_swapped(mean, up, np.maximum(layout.down, 0), one, other)
    sure = has_both[:, None] & (np.abs(gap) > margin) & (np.abs(gap_up) > margin) & (np.abs(gap_down) > margin)
    judged = has_both[:, None] & ~np.isnan(gap + gap_up + gap_down) & np.asarray(known.any(axis=1))[:, None]
    wrong = sure & fits & (gap * gap_up < 0) & (gap * gap_down < 0)
    pair_s = np.where(judged, np.where(wrong, order.pair_s + frame.period_s, 0.0), order.pair_s)
    return LaneOrder(weight, speed, pair_s)


def _fits_better_swapped(
    mean: Floats, up: NDArray[np.int64], down: NDArray[np.int64], one: NDArray[np.intp], other: NDArray[np.intp]
) -> Bools:
    """Return which pairs are closer to each other's place at the stations next door than to their own."""
    known = ~np.isnan(mean)
    count = np.maximum(known.sum(axis=1), 1)
    here = mean - (np.where(known, mean, 0.0).sum(axis=1) / count)[:, None]
    there = (here[up] + here[down]) / 2.0
    first = np.abs(here[:, one] - there[:, other]) < np.abs(here[:, one] - there[:, one])
    second = np.abs(here[:, other] - there[:, one]) < np.abs(here[:, other] - there[:, other])
    return np.asarray(first & second)
