"""Speed and flow in 15, 30 and 60 minutes: the usual for the time of day, and how what is different now fades."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.thresholds import Sourced
from engine.traffic.frame import StationFrame
from engine.traffic.layout import NONE, Layout

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
T = TypeVar("T", bound=np.generic)

HORIZONS_S = (900.0, 1800.0, 3600.0)
SPEED, FLOW = 0, 1
N_FEATURE = 5
_NS = 1e9
_DAY_S = 86_400.0
_SLOT_S = 900.0
_N_SLOT = int(_DAY_S / _SLOT_S)
_TREND_S = 900.0
_MOST_SIGMAS = 4.0
"""An error counts for learning with at most so many times the noise; own construction."""


@dataclass(frozen=True)
class PredictionThresholds:
    """Of the profile and of what is learnt."""

    interval_s: Sourced
    profile_memory: Sourced
    level_s: Sourced
    decay_s: Sourced
    coefficient_sd: Sourced
    noise_kmh: Sourced
    noise_veh_h_lane: Sourced
    drift: Sourced
    neighbour_m: Sourced


@dataclass(frozen=True)
class PredictionState:
    """Learnt so far. The first axis of pairs is speed, flow per lane; float64, NaN = not known.

    Attributes
    ----------
    interval : int
        Number of the interval that is being collected; -1 = none.
    total, count : ndarray, shape (2, n_station)
        Of the interval that is being collected.
    profile, seen : ndarray, shape (n_kind, 96, 2, n_station), float32
        Mean by kind of day and quarter of an hour, and over how many intervals.
    level : ndarray, shape (2, n_station)
        Mean of the last hours.
    value : ndarray, shape (n_past, 2, n_station)
        Means of the last intervals, newest first.
    feature : ndarray, shape (n_past, 3, 2, n_station, 5)
        What the predictions of the last intervals were made of, newest first, by horizon.
    base : ndarray, shape (n_past, 3, 2, n_station)
        What was usual for the time that each of them spoke of.
    profiled : ndarray, shape (n_past, 3, 2, n_station), bool
        Whether that came from a profile.
    coefficient : ndarray, shape (3, 2, n_station, 5)
    covariance : ndarray, shape (3, 2, n_station, 5, 5)
        Of the coefficients, over the noise.
    """

    interval: int
    total: Floats
    count: Floats
    profile: Singles
    seen: Singles
    level: Floats
    value: Floats
    feature: Floats
    base: Floats
    profiled: NDArray[np.bool_]
    coefficient: Floats
    covariance: Floats

    @classmethod
    def initial(cls, n_station: int, n_kind: int, thresholds: PredictionThresholds) -> PredictionState:
        """Return the state before any period, for ``n_kind`` kinds of days."""
        n_past = max(_steps(HORIZONS_S[-1], thresholds), _steps(_TREND_S, thresholds)) + 1
        n_horizon = len(HORIZONS_S)
        coefficient = np.zeros((n_horizon, 2, n_station, N_FEATURE))
        coefficient[..., 0] = np.exp(-np.array(HORIZONS_S) / thresholds.decay_s.value)[:, None, None]
        variance = (thresholds.coefficient_sd.value / _noise(thresholds)) ** 2
        covariance = np.zeros((n_horizon, 2, n_station, N_FEATURE, N_FEATURE))
        covariance[:] = (np.eye(N_FEATURE) * variance[:, None, None])[:, None]
        unknown = np.full((n_past, 2, n_station), np.nan)
        return cls(
            interval=-1,
            total=np.zeros((2, n_station)),
            count=np.zeros((2, n_station)),
            profile=np.full((n_kind, _N_SLOT, 2, n_station), np.nan, dtype=np.float32),
            seen=np.zeros((n_kind, _N_SLOT, 2, n_station), dtype=np.float32),
            level=np.full((2, n_station), np.nan),
            value=unknown,
            feature=np.full((n_past, n_horizon, 2, n_station, N_FEATURE), np.nan),
            base=np.full((n_past, n_horizon, 2, n_station), np.nan),
            profiled=np.zeros((n_past, n_horizon, 2, n_station), dtype=bool),
            coefficient=coefficient,
            covariance=covariance,
        )


@dataclass(frozen=True)
class Prediction:
    """What is expected, arrays of shape (3, n_station), float64, by horizon; NaN = nothing known of the station.

    ``speed_kmh`` and ``flow_veh_h_lane`` are means of an interval. [km/h], [veh/h/lane]
    """

    speed_kmh: Floats
    flow_veh_h_lane: Floats


def follow_prediction(
    state: PredictionState,
    frame: StationFrame,
    kind: int,
    kind_tomorrow: int,
    utc_offset_s: float,
    layout: Layout,
    thresholds: PredictionThresholds,
) -> PredictionState:
    """Take in one period; whenever an interval is full, learn from it.

    Parameters
    ----------
    state : PredictionState
    frame : StationFrame
        NaN = not measured. A period that is older than the interval being collected is left out.
    kind, kind_tomorrow : int
        Which kind of day it is and will be, from 0 (say 0 working day, 1 weekend and holiday).
    utc_offset_s : float
        Local time less UTC. [s]
    layout : Layout
    thresholds : PredictionThresholds

    Returns
    -------
    PredictionState

    Notes
    -----
    x(t+h) = usual(t+h) + c·(d, x - x of 15 min ago, e upstream - e, e downstream - e, usual(t+h) - usual(t)) with
    d = x - usual and e = x - mean of the last hours. Every station has its own c for speed and flow and each horizon,
    by recursive least squares from a first guess in which d fades exponentially and nothing else counts. Where a time
    of day was never seen, what is now is the usual, and nothing is learnt from it: the rise of a morning would be.

    Source
    ------
    Recursive least squares: e.g. Ljung, "System Identification" (1999), ch. 11. Features: own construction.
    """
    interval_ns = int(thresholds.interval_s.value * _NS)
    # The end of a period belongs to the interval that it closes.
    interval = (frame.time_ns - 1) // interval_ns
    if interval < state.interval:
        return state
    if state.interval >= 0 and interval > state.interval:
        state = _close(state, interval, kind, kind_tomorrow, utc_offset_s, layout, thresholds)
    measured = np.stack((frame.speed_kmh, frame.flow_veh_h_lane))
    known = np.isfinite(measured) & (measured >= 0)
    return replace(
        state,
        interval=int(interval),
        total=state.total + np.where(known, measured, 0.0),
        count=state.count + known,
    )


def predict(state: PredictionState) -> Prediction:
    """Return what is expected 15, 30 and 60 minutes after the last full interval.

    Parameters
    ----------
    state : PredictionState

    Source
    ------
    As `follow_prediction`.
    """
    expected = np.maximum(state.base[0] + _dot(state.coefficient, state.feature[0]), 0.0)
    return Prediction(expected[:, SPEED], expected[:, FLOW])


def _close(
    state: PredictionState,
    next_interval: int,
    kind: int,
    kind_tomorrow: int,
    utc_offset_s: float,
    layout: Layout,
    thresholds: PredictionThresholds,
) -> PredictionState:
    """End the interval that is being collected; intervals without any period are unknown."""
    value = np.divide(state.total, state.count, out=np.full(state.total.shape, np.nan), where=state.count > 0)
    state = _learn(state, value, thresholds)
    local_s = (state.interval + 1) * thresholds.interval_s.value + utc_offset_s
    usual_now = _usual(state, local_s, kind, kind_tomorrow, 0.0)
    values = _shifted(state.value, value)
    bases, features, profiled = [], [], []
    for horizon_s in HORIZONS_S:
        later = _usual(state, local_s, kind, kind_tomorrow, horizon_s)
        # Features first, then the profile: the usual must not know of now.
        known = ~(np.isnan(usual_now) | np.isnan(later))
        usual, later = np.where(known, usual_now, value), np.where(known, later, value)
        bases.append(later)
        profiled.append(known)
        features.append(_features(values, usual, later, state.level, layout, thresholds))
    state = replace(
        state,
        total=np.zeros_like(state.total),
        count=np.zeros_like(state.count),
        value=values,
        base=_shifted(state.base, np.stack(bases)),
        profiled=_shifted(state.profiled, np.stack(profiled)),
        feature=_shifted(state.feature, np.stack(features)),
    )
    state = _remember(state, value, local_s, kind, thresholds)
    missed = min(next_interval - state.interval - 1, len(state.value))
    if missed > 0:
        state = replace(
            state,
            value=_lost(state.value, missed),
            base=_lost(state.base, missed),
            profiled=_lost(state.profiled, missed),
            feature=_lost(state.feature, missed),
        )
    return state


def _learn(state: PredictionState, value: Floats, thresholds: PredictionThresholds) -> PredictionState:
    """Hold what was predicted for now against what came, horizon by horizon."""
    coefficient, covariance = state.coefficient.copy(), state.covariance.copy()
    noise = _noise(thresholds)[:, None]
    first = (thresholds.coefficient_sd.value / noise) ** 2
    for place, horizon_s in enumerate(HORIZONS_S):
        ago = _steps(horizon_s, thresholds) - 1
        feature, base = state.feature[ago, place], state.base[ago, place]
        error = value - base - _dot(coefficient[place], feature)
        known = ~np.isnan(error) & state.profiled[ago, place]
        x = np.where(known[..., None], feature, 0.0)
        error = np.clip(np.where(known, error, 0.0), -_MOST_SIGMAS * noise, _MOST_SIGMAS * noise)
        spread = np.einsum("...ij,...j->...i", covariance[place], x)
        gain = spread / (1.0 + _dot(spread, x))[..., None]
        coefficient[place] += gain * error[..., None]
        covariance[place] -= gain[..., :, None] * spread[..., None, :]
        # What comes back never exceeds the first uncertainty, however long a feature says nothing.
        own = np.einsum("...ii->...i", covariance[place])
        own += thresholds.drift.value * np.maximum(first[..., None] - own, 0.0)
    return replace(state, coefficient=coefficient, covariance=covariance)


def _features(
    values: Floats, usual: Floats, later: Floats, level: Floats, layout: Layout, thresholds: PredictionThresholds
) -> Floats:
    now = values[0]
    before = values[_steps(_TREND_S, thresholds)]
    trend = np.where(np.isnan(before), 0.0, now - before)
    own = np.where(np.isnan(level), 0.0, now - level)
    near_down = (layout.down != NONE) & (layout.gap_m <= thresholds.neighbour_m.value)
    near_up = (layout.up != NONE) & (layout.gap_m[layout.up] <= thresholds.neighbour_m.value)
    upstream = np.where(near_up, own[:, layout.up], own)
    downstream = np.where(near_down, own[:, layout.down], own)
    # A neighbour is told by how it differs from here, so that one that is missing says nothing.
    others = [np.where(np.isnan(other), 0.0, other - own) for other in (upstream, downstream)]
    return np.stack((now - usual, trend, *others, later - usual), axis=-1)


def _usual(state: PredictionState, local_s: float, kind: int, kind_tomorrow: int, ahead_s: float) -> Floats:
    """Return the profile for the interval that ends ``ahead_s`` later, between quarters; NaN = never seen."""
    later_s = local_s + ahead_s
    kinds = kind if int(later_s // _DAY_S) == int(local_s // _DAY_S) else kind_tomorrow
    place = (later_s % _DAY_S) / _SLOT_S - 0.5
    low = int(np.floor(place))
    share = place - low
    before, after = (state.profile[kinds, slot % _N_SLOT].astype(np.float64) for slot in (low, low + 1))
    between = before * (1.0 - share) + after * share
    return np.asarray(np.where(np.isnan(between), np.where(np.isnan(before), after, before), between))


def _remember(
    state: PredictionState, value: Floats, local_s: float, kind: int, thresholds: PredictionThresholds
) -> PredictionState:
    profile, seen = state.profile.copy(), state.seen.copy()
    slot = int(((local_s - 0.5 * thresholds.interval_s.value) % _DAY_S) // _SLOT_S)
    known = ~np.isnan(value)
    most = thresholds.profile_memory.value * _SLOT_S / thresholds.interval_s.value
    seen[kind, slot] = np.minimum(seen[kind, slot] + known, most)
    old = profile[kind, slot]
    start = np.where(np.isnan(old), value, old)
    profile[kind, slot] = start + np.where(known, value - start, 0.0) / np.maximum(seen[kind, slot], 1.0)
    weight = -np.expm1(-thresholds.interval_s.value / thresholds.level_s.value)
    level = np.where(np.isnan(state.level), value, state.level)
    level = np.where(known, level + weight * (np.where(known, value, 0.0) - level), level)
    return replace(state, profile=profile, seen=seen, level=level)


def _noise(thresholds: PredictionThresholds) -> Floats:
    return np.array([thresholds.noise_kmh.value, thresholds.noise_veh_h_lane.value])


def _steps(ahead_s: float, thresholds: PredictionThresholds) -> int:
    return max(1, round(ahead_s / thresholds.interval_s.value))


def _dot(left: Floats, right: Floats) -> Floats:
    return np.asarray(np.einsum("...i,...i->...", left, right))


def _shifted(past: NDArray[T], newest: NDArray[T]) -> NDArray[T]:
    return np.concatenate((newest[None], past[:-1]))


def _lost(past: NDArray[T], count: int) -> NDArray[T]:
    """Put periods of which nothing is known before the others."""
    nothing = np.nan if past.dtype.kind == "f" else 0
    gone = np.full((count, *past.shape[1:]), nothing, dtype=past.dtype)
    return np.concatenate((gone, past))[: len(past)]
