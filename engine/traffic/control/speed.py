"""Advised speeds along the approach of a queue. Advice only: an operator releases it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.traffic.control.thresholds import ControlThresholds
from engine.traffic.frame import StationFrame
from engine.traffic.layout import NONE, Layout

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class SpeedSigns:
    """Where speeds can be shown, shape (n_sign,): corridor as in the `Layout`, chainage [m] and limit [km/h]."""

    corridor: Ints
    chainage_m: Floats
    limit_kmh: Floats


@dataclass(frozen=True)
class SpeedState:
    """What is remembered between intervals.

    Attributes
    ----------
    active : ndarray, shape (n_station,), bool
        Bottlenecks.
    streak : ndarray, shape (n_station,), int64
        Intervals in a row that speak against ``active``.
    last_kmh : ndarray, shape (n_station,), float64
        Newest speed that was known, for bottlenecks that fall silent. [km/h]
    shown_kmh : ndarray, shape (n_sign,), float64
        NaN = nothing. [km/h]
    higher : ndarray, shape (n_sign,), int64
        Intervals in a row with a higher speed than shown, or none.
    """

    active: Mask
    streak: Ints
    last_kmh: Floats
    shown_kmh: Floats
    higher: Ints

    @classmethod
    def initial(cls, n_station: int, n_sign: int) -> SpeedState:
        """Return the state in which nothing is shown."""
        return cls(
            active=np.zeros(n_station, dtype=np.bool_),
            streak=np.zeros(n_station, dtype=np.int64),
            last_kmh=np.full(n_station, np.nan),
            shown_kmh=np.full(n_sign, np.nan),
            higher=np.zeros(n_sign, dtype=np.int64),
        )


@dataclass(frozen=True)
class SpeedAdvice:
    """What each sign should show if an operator agrees; shape (n_sign,).

    Attributes
    ----------
    advised_kmh : ndarray, float64
        NaN = nothing. [km/h]
    bottleneck : ndarray, int64
        Station whose slow traffic asks for it; -1 where nothing is advised, or what is shown is only held.
    distance_m : ndarray, float64
        To it; NaN as above. [m]
    deceleration_km_h2 : ndarray, shape (n_station,), float64
        From the station upstream to each, positive when slower downstream; NaN = not known.
    """

    advised_kmh: Floats
    bottleneck: Ints
    distance_m: Floats
    deceleration_km_h2: Floats


def step_speed(
    state: SpeedState, frame: StationFrame, layout: Layout, signs: SpeedSigns, thresholds: ControlThresholds
) -> tuple[SpeedState, SpeedAdvice]:
    """Carry the advice forward by one interval.

    Parameters
    ----------
    state : SpeedState
    frame : StationFrame
        Stations as in ``layout``; NaN speed = not known: it starts nothing and stops nothing.
    layout : Layout
    signs : SpeedSigns
    thresholds : ControlThresholds

    Returns
    -------
    state : SpeedState
    advice : SpeedAdvice

    Notes
    -----
    A slow station to which traffic brakes harder than ``start_km_h2`` for ``intervals`` becomes a bottleneck, and stops
    being one when the braking is under ``stop_km_h2`` for as long. A sign at distance d before it is advised
    v = √(v_b² + 2·a·d); of several bottlenecks the one that asks for least. Lower speeds are shown at once, higher ones
    after ``intervals``. Linear in stations and signs.

    Source
    ------
    IRIS (MnDOT), "Variable Speed Advisory"; the hysteresis of stopping and raising: own construction.
    """
    t = thresholds
    speed = frame.speed_kmh
    braking = _braking(speed, layout, t.min_station_m.value)
    known = np.isfinite(speed) & np.isfinite(braking)
    starts = known & (speed < t.slow_kmh.value) & (braking >= t.start_km_h2.value)
    stops = known & ((braking < t.stop_km_h2.value) | (speed >= t.slow_kmh.value))
    against = np.where(state.active, stops, starts)
    streak = np.where(known, np.where(against, state.streak + 1, 0), state.streak)
    turns = streak >= t.intervals.value
    active = state.active ^ turns
    last = np.where(np.isfinite(speed), speed, state.last_kmh)
    wanted, station, distance = _approach(active, last, layout, signs, t)
    shown, higher = _shown(state, wanted, signs, t)
    held = np.isnan(wanted) | np.isnan(shown)
    return (
        SpeedState(active, np.where(turns, 0, streak), last, shown, higher),
        SpeedAdvice(shown, np.where(held, NONE, station), np.where(held, np.nan, distance), braking),
    )


def _braking(speed_kmh: Floats, layout: Layout, min_gap_m: float) -> Floats:
    """Return the deceleration from the nearest station upstream that is far enough, NaN without one."""
    n = len(layout)
    if not n:
        return np.empty(0)
    span = float(layout.chainage_m.max() - layout.chainage_m.min()) + min_gap_m + 1.0
    place = layout.corridor * span + (layout.chainage_m - layout.chainage_m.min())
    before = np.searchsorted(place, place - min_gap_m, side="right") - 1
    there = (before >= 0) & (layout.corridor[np.maximum(before, 0)] == layout.corridor)
    before = np.where(there, before, 0)
    gap_km = (layout.chainage_m - layout.chainage_m[before]) / 1000.0
    change = speed_kmh[before] ** 2 - speed_kmh**2
    out = np.full(n, np.nan)
    return np.asarray(np.divide(change, 2.0 * gap_km, out=out, where=there & (gap_km > 0)))


def _approach(
    active: Mask, speed_kmh: Floats, layout: Layout, signs: SpeedSigns, t: ControlThresholds
) -> tuple[Floats, Ints, Floats]:
    """Return for each sign the least speed that a bottleneck ahead asks for, rounded; NaN for none."""
    n_sign = len(signs.corridor)
    nothing = np.full(n_sign, np.nan), np.full(n_sign, NONE, dtype=np.int64), np.full(n_sign, np.nan)
    asking = np.flatnonzero(active & np.isfinite(speed_kmh))
    if not len(asking) or not n_sign:
        return nothing
    twice = 2.0 * t.control_km_h2.value / 1000.0
    # v_b² + 2a(x_b - x) is least for the bottleneck with the least v_b² + 2a·x_b ahead: one sweep from downstream.
    score = speed_kmh[asking] ** 2 + twice * layout.chainage_m[asking]
    # Corridors rise, so that with this every score of one is under all of the next, and a sweep begins anew at each.
    score += layout.corridor[asking] * (float(np.ptp(score)) + 1.0)
    least = score == np.minimum.accumulate(score[::-1])[::-1]
    place = np.where(least, np.arange(len(asking)), len(asking))
    best = asking[np.minimum.accumulate(place[::-1])[::-1]]
    low = min(float(layout.chainage_m.min()), float(signs.chainage_m.min()) - t.downstream_m.value)
    span = max(float(layout.chainage_m.max()), float(signs.chainage_m.max())) - low + 1.0
    ahead = layout.corridor[asking] * span + layout.chainage_m[asking] - low
    sought = signs.corridor * span + signs.chainage_m - t.downstream_m.value - low
    first = np.searchsorted(ahead, sought, side="left")
    there = first < len(asking)
    first = np.where(there, first, 0)
    there &= layout.corridor[asking[first]] == signs.corridor
    station = best[first]
    distance = layout.chainage_m[station] - signs.chainage_m
    squared = speed_kmh[station] ** 2 + twice * np.maximum(distance, 0.0)
    step = t.step_kmh.value
    speed = np.maximum(np.round(np.sqrt(squared) / step) * step, t.min_shown_kmh.value)
    there &= speed <= signs.limit_kmh - t.below_limit_kmh.value
    return (
        np.where(there, speed, np.nan),
        np.where(there, station, NONE),
        np.where(there, distance, np.nan),
    )


def _shown(state: SpeedState, wanted: Floats, signs: SpeedSigns, t: ControlThresholds) -> tuple[Floats, Ints]:
    now = np.where(np.isnan(state.shown_kmh), signs.limit_kmh, state.shown_kmh)
    then = np.where(np.isnan(wanted), signs.limit_kmh, wanted)
    higher = np.where(then > now, state.higher + 1, 0)
    moves = (then < now) | (higher >= t.intervals.value)
    return np.where(moves, wanted, state.shown_kmh), np.where(moves, 0, higher)
