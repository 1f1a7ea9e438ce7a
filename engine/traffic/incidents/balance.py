"""Vehicles that went in and did not come out: the balance of every stretch between two stations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.traffic.incidents.rings import Floats, pushed, weight_of
from engine.traffic.incidents.thresholds import IncidentThresholds
from engine.traffic.layout import NONE, Layout

Bools = NDArray[np.bool_]

WINDOWS = (1, 2, 3, 4, 6)
"""Periods over which the balance is taken; the one with the clearest result counts."""
_KEPT = 8
_LEAST_NOISE, _USUAL_NOISE, _MOST_NOISE = 0.5, 1.2, 6.0
"""Variance of a balance over the count: 1 for two Poisson streams; platoons that arrive whole bring it under that."""
_FLOOR_VEH2 = 4.0
_PRIOR_VEH = 25.0
"""Weight of "as many out as in" before anything was counted. [veh]"""
_LEAST_RATIO, _MOST_RATIO = 0.3, 3.0
_CLIPPED_SIGMAS2 = 9.0


@dataclass(frozen=True)
class BalanceState:
    """What is remembered of every stretch, from a station to the next one downstream.

    Attributes
    ----------
    counts : ndarray, shape (8, n_station), float64
        Vehicles of the newest periods, all lanes, newest first; NaN = not counted. [veh]
    expected, came : ndarray, shape (6, n_station), float64
        Vehicles that should have come out downstream and that did; 0 in both where either is not known. [veh]
    sum_in, sum_out : ndarray, shape (n_station,), float64
        Forgetting sums that the usual ratio is taken from. [veh]
    noise : ndarray, shape (5, n_station), float64
        Variance of the balance over the count, by window.
    """

    counts: Floats
    expected: Floats
    came: Floats
    sum_in: Floats
    sum_out: Floats
    noise: Floats

    @classmethod
    def initial(cls, n_station: int) -> BalanceState:
        """Return the state before any period."""
        return cls(
            counts=np.full((_KEPT, n_station), np.nan),
            expected=np.zeros((max(WINDOWS), n_station)),
            came=np.zeros((max(WINDOWS), n_station)),
            sum_in=np.zeros(n_station),
            sum_out=np.zeros(n_station),
            noise=np.full((len(WINDOWS), n_station), _USUAL_NOISE),
        )


class Balance(NamedTuple):
    """Of every stretch, arrays of shape (n_station,), float64."""

    score: Floats
    """Missing vehicles in standard errors, the largest over the windows; very negative where nothing is known."""
    ratio: Floats
    """Share of the expected vehicles that came, over the same window; 1 where nothing is known."""
    surplus: Floats
    """Vehicles too many in standard errors, the largest over the windows: one of both stations miscounts."""


def take_balance(
    state: BalanceState,
    count: Floats,
    free_speed_kmh: Floats,
    quiet: Bools,
    warm: bool,
    period_s: float,
    layout: Layout,
    thresholds: IncidentThresholds,
) -> tuple[BalanceState, Balance]:
    """Take in one period.

    Parameters
    ----------
    state : BalanceState
    count : ndarray, shape (n_station,), float64
        Vehicles in the period over all lanes. NaN = not counted. [veh]
    free_speed_kmh : ndarray, shape (n_station,), float64
        > 0. [km/h]
    quiet : ndarray, shape (n_station,), bool
        False where something is suspected: there the usual is learnt slowly.
    warm : bool
        False while the noise is not to be learnt.
    period_s : float
        [s]
    layout : Layout
    thresholds : IncidentThresholds

    Returns
    -------
    BalanceState, Balance

    Notes
    -----
    N_d(t) is held against r·N_u(t - gap/v): what passed upstream one free travel time earlier, times the usual ratio.
    The variance of the difference, over r²N_u + N_d, is learnt for each stretch and window; because a vehicle that is
    late in one period is early in the next, it grows less than the window.

    Source
    ------
    Conservation of vehicles; own construction.
    """
    n_station = len(layout)
    place = np.arange(n_station)
    joined = layout.down != NONE
    ahead = np.where(joined, layout.down, 0)
    counts = pushed(state.counts, count)
    lag = np.where(joined, np.nan_to_num(layout.gap_m), 0.0) / (free_speed_kmh / 3.6) / period_s
    lag = np.clip(lag, 0.0, _KEPT - 2.0)
    whole = np.floor(lag).astype(np.int64)
    part = lag - whole
    newer, older = counts[whole, place], counts[np.minimum(whole + 1, _KEPT - 1), place]
    entered = np.where(np.isnan(older), newer, (1.0 - part) * newer + part * older)
    ratio = np.clip((state.sum_out + _PRIOR_VEH) / (state.sum_in + _PRIOR_VEH), _LEAST_RATIO, _MOST_RATIO)
    left = count[ahead]
    known = joined & ~np.isnan(entered) & ~np.isnan(left)
    expected = pushed(state.expected, np.where(known, ratio * entered, 0.0))
    came = pushed(state.came, np.where(known, left, 0.0))

    best = np.full(n_station, -np.inf)
    surplus = np.full(n_station, -np.inf)
    share = np.ones(n_station)
    noise = state.noise.copy()
    learn = weight_of(period_s, thresholds.noise_memory_s.value)
    for turn, window in enumerate(WINDOWS):
        should, did = expected[:window].sum(axis=0), came[:window].sum(axis=0)
        missing = should - did
        base = ratio * should + did
        score = missing / np.sqrt(noise[turn] * base + _FLOOR_VEH2)
        surplus = np.maximum(surplus, -score)
        better = score > best
        best = np.where(better, score, best)
        share = np.where(better, (did + 2.0) / (should + 2.0), share)
        if warm:
            seen = np.minimum(missing**2 / np.maximum(base, 3.0), _CLIPPED_SIGMAS2 * noise[turn])
            moved = np.clip(noise[turn] + learn * (seen - noise[turn]), _LEAST_NOISE, _MOST_NOISE)
            noise[turn] = np.where(quiet & known, moved, noise[turn])
    forget = weight_of(period_s, thresholds.balance_memory_s.value)
    pace = np.where(quiet, 1.0, thresholds.suspicion_slowdown.value)
    sum_in = state.sum_in * (1.0 - forget * pace) + pace * np.nan_to_num(entered)
    sum_out = state.sum_out * (1.0 - forget * pace) + pace * np.nan_to_num(left)
    after = BalanceState(
        counts,
        expected,
        came,
        np.where(known, sum_in, state.sum_in),
        np.where(known, sum_out, state.sum_out),
        noise,
    )
    return after, Balance(best, share, surplus)
