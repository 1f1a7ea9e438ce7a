"""How a station's traffic usually spreads over its lanes, so that the lanes that are left can speak for all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.thresholds import Sourced
from engine.traffic.layout import Layout

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

QUANTITIES = 3
"""Flow [veh/h], density [veh/km], occupancy [%]."""


@dataclass(frozen=True)
class ShareThresholds:
    """Of the usual shares of lanes."""

    share_memory_s: Sourced
    share_window_s: Sourced
    """What was learnt becomes usual only after one to two of these: a fault found meanwhile takes it back."""
    recent_memory_s: Sourced
    smallest_share: Sourced
    """Lanes that usually carry less than this of their station cannot stand in for the rest."""


@dataclass(frozen=True)
class LaneShares:
    """Fading sums of lane values, shape (2, QUANTITIES, n_station, n_lane) unless said otherwise, float64.

    The first of the two is the station's own, the second what its neighbours showed in the same lane at the same times.

    Attributes
    ----------
    usual, waiting, newest : ndarray
        What counts; what was learnt in the window before, and in this one.
    window_s : float
        Since this window began. [s]
    recent : ndarray, shape (QUANTITIES, n_station, n_lane), float64
        Fast fading mean of each lane; NaN while it does not report.
    """

    usual: Floats
    waiting: Floats
    newest: Floats
    window_s: float
    recent: Floats

    @classmethod
    def initial(cls, shape: tuple[int, int]) -> LaneShares:
        """Return the state before any period."""
        zero = np.zeros((2, QUANTITIES, *shape))
        return cls(zero, zero, zero, 0.0, np.full((QUANTITIES, *shape), np.nan))


def learn_shares(
    shares: LaneShares,
    lanes: Floats,
    learns: Bools,
    doubted: Bools,
    layout: Layout,
    elapsed_s: float,
    thresholds: ShareThresholds,
) -> LaneShares:
    """Take in one period.

    Parameters
    ----------
    shares : LaneShares
    lanes : ndarray, shape (QUANTITIES, n_station, n_lane), float64
        NaN = not to be used.
    learns, doubted : ndarray, shape (n_station,), bool
        Stations of which all usual lanes are there; those with a lane that is faulty, of which nothing that was learnt
        lately is kept.
    layout : Layout
    elapsed_s : float
        Since the period before. [s]
    thresholds : ShareThresholds

    Source
    ------
    Own construction.
    """
    weight = 1.0 - float(np.exp(-elapsed_s / thresholds.recent_memory_s.value))
    old = np.where(np.isnan(shares.recent), lanes, shares.recent)
    recent = old + weight * (lanes - old)
    beside = _beside(lanes, layout)
    # A pair of sums grows together or not at all, or their relation would mean nothing.
    both = learns[:, None] & ~np.isnan(lanes) & ~np.isnan(beside)
    newest = shares.newest + np.stack((np.where(both, lanes, 0.0), np.where(both, beside, 0.0)))
    usual, waiting, window_s = shares.usual, shares.waiting, shares.window_s + elapsed_s
    if doubted.any():
        newest = np.where(doubted[:, None], 0.0, newest)
        waiting = np.where(doubted[:, None], 0.0, waiting)
    if window_s >= thresholds.share_window_s.value:
        keep = float(np.exp(-window_s / thresholds.share_memory_s.value))
        fresh = np.asarray(waiting.any(axis=(0, 1, 3)))[:, None]
        usual = np.where(fresh, usual * keep + waiting, usual)
        waiting, newest, window_s = newest, np.zeros(newest.shape), 0.0
    return LaneShares(usual, waiting, newest, window_s, recent)


def whole_over_part(
    shares: LaneShares, station: Ints, reported: Bools, known: Bools, layout: Layout, smallest_share: float
) -> Floats:
    """Return by what the mean of the lanes that report must be multiplied to give that of all lanes.

    Parameters
    ----------
    shares : LaneShares
    station : ndarray, shape (n,), int64
    reported, known : ndarray, shape (n, n_lane), bool
        Lanes that report, and lanes that ever did.
    layout : Layout
    smallest_share : float

    Returns
    -------
    ndarray, shape (QUANTITIES, n), float64
        1 where nothing is known.

    Notes
    -----
    A lane is expected to show what it usually shows for what the neighbours show in the same lane, times what they show
    now: how lanes are used changes with the flow, and for the neighbours too. Without them, what it usually shows.
    the first windows are over, what was learnt so far has to do.

    Source
    ------
    Own construction.
    """
    sums = shares.usual[:, :, station]
    young = ~(sums[0] > 0).any(axis=2)
    if young.any():
        sums = np.where(young[None, :, :, None], (shares.waiting + shares.newest)[:, :, station], sums)
    own, beside = sums
    now = _beside(shares.recent, layout)[:, station]
    related = np.divide(own * now, beside, out=np.full(own.shape, np.nan), where=(beside > 0) & ~np.isnan(now))
    seen = known & (own > 0)
    relates = (~np.isnan(related) | ~seen).all(axis=2, keepdims=True)
    expected = np.where(seen, np.where(relates, related, own), 0.0)
    part = np.where(reported, expected, 0.0).sum(axis=2)
    whole = expected.sum(axis=2)
    n_part, n_whole = (seen & reported).sum(axis=2), seen.sum(axis=2)
    usable = (part > smallest_share * whole) & (part > 0)
    return np.asarray(np.divide(whole * n_part, part * n_whole, out=np.ones(whole.shape), where=usable))


def _beside(lanes: Floats, layout: Layout) -> Floats:
    """Return the mean of the same lane next up- and downstream, of one where only that is there, or NaN."""
    padded = np.concatenate((lanes, np.full((*lanes.shape[:1], 1, lanes.shape[2]), np.nan)), axis=1)
    up, down = padded[:, layout.up], padded[:, layout.down]
    mean = (up + down) / 2.0
    return np.asarray(np.where(np.isnan(mean), np.fmax(up, down), mean))
