"""How many vehicles a ramp meter should let in. Advice only: an operator releases it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.traffic.control.thresholds import ControlThresholds
from engine.traffic.layout import Layout

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class AlineaState:
    """Of meters, shape (n_meter,): last rate [veh/h] and intervals in a row without a measurement."""

    rate_veh_h: Floats
    silent: Ints

    @classmethod
    def initial(cls, n: int, thresholds: ControlThresholds) -> AlineaState:
        """Return the state in which nobody is held back."""
        return cls(np.full(n, thresholds.max_rate_veh_h.value), np.zeros(n, dtype=np.int64))


def step_alinea(
    state: AlineaState, occupancy_pct: Floats, queue_occupancy_pct: Floats, thresholds: ControlThresholds
) -> tuple[AlineaState, Floats]:
    """Carry the rates of ALINEA forward by one interval.

    Parameters
    ----------
    state : AlineaState
    occupancy_pct : ndarray, shape (n_meter,), float64
        Of the main road just downstream of each ramp. NaN = not known: the rate stays for ``unknown_intervals``, then
        nobody is held back. [%]
    queue_occupancy_pct : ndarray, shape (n_meter,), float64
        Of the detector at the upstream end of the ramp; NaN = not known. At ``queue_occupancy_pct`` or more the queue
        has come to the street, and the ramp is let run. [%]
    thresholds : ControlThresholds

    Returns
    -------
    state : AlineaState
    rate_veh_h : ndarray, shape (n_meter,), float64
        Advised, within the bounds. [veh/h]

    Source
    ------
    r(k) = r(k-1) + K_R·(ô - o_out(k)): Papageorgiou, Hadj-Salem and Blosseville (1991), Transportation Research
    Record 1320. Queue override and what is done without measurements: own construction.
    """
    t = thresholds
    least, most = t.min_rate_veh_h.value, t.max_rate_veh_h.value
    known = np.isfinite(occupancy_pct)
    silent = np.where(known, 0, state.silent + 1)
    change = t.alinea_gain.value * (t.alinea_occupancy_pct.value - np.where(known, occupancy_pct, 0.0))
    kept = np.where(silent > t.unknown_intervals.value, most, state.rate_veh_h)
    rate = np.clip(np.where(known, state.rate_veh_h + change, kept), least, most)
    # The bounded rate is what is remembered: an integral that ran away would answer late.
    return AlineaState(rate, silent), np.where(queue_occupancy_pct >= t.queue_occupancy_pct.value, most, rate)


@dataclass(frozen=True)
class Meters:
    """Ramp meters, shape (n_meter,).

    Attributes
    ----------
    station : ndarray, int64
        Station of the `Layout` just upstream of each.
    storage_veh : ndarray, float64
        Vehicles that the ramp has room for. [veh]
    """

    station: Ints
    storage_veh: Floats


@dataclass(frozen=True)
class DensityState:
    """Of meters, shape (n_meter,).

    Attributes
    ----------
    metering : ndarray, bool
    streak : ndarray, int64
        Intervals in a row that ask for the other.
    rate_veh_h, tracking_veh_h, queue_veh : ndarray, float64
        Last rate, smoothed demand (NaN before the first) and vehicles that wait. [veh/h], [veh/h], [veh]
    critical_veh_km : ndarray, float64
        Estimate. [veh/km/lane]
    moments : ndarray, shape (5, n_meter), float64
        Weight, and weighted means of density, flow, density² and density·flow.
    """

    metering: Mask
    streak: Ints
    rate_veh_h: Floats
    tracking_veh_h: Floats
    queue_veh: Floats
    critical_veh_km: Floats
    moments: Floats

    @classmethod
    def initial(cls, n: int, thresholds: ControlThresholds) -> DensityState:
        """Return the state in which nothing is metered."""
        return cls(
            metering=np.zeros(n, dtype=np.bool_),
            streak=np.zeros(n, dtype=np.int64),
            rate_veh_h=np.full(n, thresholds.max_rate_veh_h.value),
            tracking_veh_h=np.full(n, np.nan),
            queue_veh=np.zeros(n),
            critical_veh_km=np.full(n, thresholds.critical_veh_km.value),
            moments=np.zeros((5, n)),
        )


@dataclass(frozen=True)
class DensityAdvice:
    """What each meter should do if an operator agrees; shape (n_meter,).

    Attributes
    ----------
    rate_veh_h : ndarray, float64
        NaN = do not meter. [veh/h]
    segment_veh_km : ndarray, float64
        Highest mean density from the meter downstream; NaN = not known. [veh/km/lane]
    min_veh_h, max_veh_h : ndarray, float64
        Bounds by the ramp's queue; NaN while its demand is not known. [veh/h]
    """

    rate_veh_h: Floats
    segment_veh_km: Floats
    min_veh_h: Floats
    max_veh_h: Floats


def segment_density(density_veh_km: Floats, layout: Layout, start: Ints, length_m: float) -> Floats:
    """Return the highest mean density from some stations to any station within a length downstream.

    Parameters
    ----------
    density_veh_km : ndarray, shape (n_station,), float64
        Per lane. NaN = not known: its neighbour stands for it, and two in a row end a segment. [veh/km/lane]
    layout : Layout
    start : ndarray, shape (n,), int64
        Stations.
    length_m : float
        [m]

    Returns
    -------
    ndarray, shape (n,), float64
        NaN where nothing is known. [veh/km/lane]

    Source
    ------
    IRIS (MnDOT), "Density Adaptive Metering": thirds of each gap with the density of the one, the mean, and the other
    station, which sums to the trapezoid rule.
    """
    here = start.copy()
    best = density_veh_km[start].copy()
    area, way_m = np.zeros(len(start)), np.zeros(len(start))
    going = np.ones(len(start), dtype=np.bool_)
    while going.any():
        after = layout.down[here]
        going = going & (after >= 0)
        gap_m = np.where(going, layout.gap_m[here], 0.0)
        going &= way_m + np.nan_to_num(gap_m) <= length_m
        if not going.any():
            break
        then = np.where(going, after, here)
        one, other = density_veh_km[here], density_veh_km[then]
        pair = np.where(np.isnan(one), other, np.where(np.isnan(other), one, (one + other) / 2.0))
        going &= np.isfinite(pair)
        area = np.where(going, area + np.nan_to_num(pair) * gap_m, area)
        way_m = np.where(going, way_m + gap_m, way_m)
        mean = np.divide(area, way_m, out=np.full(len(start), np.nan), where=going & (way_m > 0))
        best = np.fmax(best, mean)
        here = np.where(going, then, here)
    return best


def step_density(
    state: DensityState,
    density_veh_km: Floats,
    flow_veh_h_lane: Floats,
    demand_veh_h: Floats,
    passage_veh_h: Floats,
    period_s: float,
    layout: Layout,
    meters: Meters,
    thresholds: ControlThresholds,
) -> tuple[DensityState, DensityAdvice]:
    """Carry density-adaptive metering forward by one interval.

    Parameters
    ----------
    state : DensityState
    density_veh_km, flow_veh_h_lane : ndarray, shape (n_station,), float64
        Of the main road. NaN = not known. [veh/km/lane], [veh/h/lane]
    demand_veh_h, passage_veh_h : ndarray, shape (n_meter,), float64
        What comes to each ramp and what passes the meter. NaN = not known. [veh/h]
    period_s : float
        [s]
    layout : Layout
    meters : Meters
    thresholds : ControlThresholds

    Returns
    -------
    state : DensityState
    advice : DensityAdvice

    Notes
    -----
    Metering begins after ``start_intervals`` above desired and ends after ``stop_intervals`` below low density. Between
    0 and desired density the rate goes from the greatest to the last one, between desired and jam density from the last
    one to the least. Least: enough to track the demand, to serve those who wait within ``max_wait_s``, and to keep the
    queue within the ramp. Where the main road is not known the last rate stays.

    Source
    ------
    IRIS (MnDOT), "Density Adaptive Metering", with its waits and storage counted from one queue length instead of
    cumulative curves. The critical density follows the slope of flow over density as in AD-ALINEA (Smaragdis,
    Papageorgiou and Kosmatopoulos 2004, Transportation Research B 38), by least squares that forget instead of a Kalman
    filter.
    """
    t = thresholds
    critical, moments = _critical(state, density_veh_km[meters.station], flow_veh_h_lane[meters.station], t)
    segment = segment_density(density_veh_km, layout, meters.station, t.segment_m.value)
    desired, low = t.desired_share.value * critical, t.low_share.value * critical
    known = np.isfinite(segment)
    against = np.where(state.metering, segment < low, segment > desired)
    streak = np.where(known, np.where(against, state.streak + 1, 0), state.streak)
    turns = streak >= np.where(state.metering, t.stop_intervals.value, t.start_intervals.value)
    metering = state.metering ^ turns

    tracking, queue = _ramp_queue(state, demand_veh_h, passage_veh_h, period_s, meters, t, metering)
    wait_h = t.max_wait_s.value / 3600.0
    spare = t.target_storage.value * meters.storage_veh
    least = np.fmax(t.min_tracking.value * tracking, np.fmax(queue / wait_h, tracking + (queue - spare) / wait_h))
    least = np.clip(least, t.min_rate_veh_h.value, t.max_rate_veh_h.value)
    most = np.clip(t.max_tracking.value * tracking, least, t.max_rate_veh_h.value)
    floor = np.where(np.isnan(least), t.min_rate_veh_h.value, least)
    ceiling = np.where(np.isnan(most), t.max_rate_veh_h.value, most)
    # A meter that is turned on begins with what passes now.
    passing = np.where(np.isfinite(passage_veh_h), passage_veh_h, state.rate_veh_h)
    before = np.clip(np.where(metering & ~state.metering, passing, state.rate_veh_h), floor, ceiling)
    share = np.where(known, segment, desired)
    up = ceiling + (before - ceiling) * np.clip(share / desired, 0.0, 1.0)
    down = before + (floor - before) * np.clip((share - desired) / (t.jam_veh_km.value - desired), 0.0, 1.0)
    rate = np.where(share <= desired, up, down)
    new = replace(
        state,
        metering=metering,
        streak=np.where(turns, 0, streak),
        rate_veh_h=rate,
        tracking_veh_h=tracking,
        queue_veh=queue,
        critical_veh_km=critical,
        moments=moments,
    )
    return new, DensityAdvice(np.where(metering, rate, np.nan), segment, least, most)


def _ramp_queue(
    state: DensityState,
    demand_veh_h: Floats,
    passage_veh_h: Floats,
    period_s: float,
    meters: Meters,
    t: ControlThresholds,
    metering: Mask,
) -> tuple[Floats, Floats]:
    """Return smoothed demand and vehicles that wait; without counts the demand stays and the queue with it."""
    weight = -np.expm1(-period_s / t.tracking_s.value)
    known = np.isfinite(demand_veh_h)
    moved = state.tracking_veh_h + weight * (demand_veh_h - state.tracking_veh_h)
    tracking = np.where(known, np.where(np.isnan(state.tracking_veh_h), demand_veh_h, moved), state.tracking_veh_h)
    both = known & np.isfinite(passage_veh_h)
    more = np.where(both, demand_veh_h - passage_veh_h, 0.0) * period_s / 3600.0
    queue = np.clip(state.queue_veh + np.nan_to_num(more), 0.0, np.maximum(meters.storage_veh, 0.0))
    return tracking, np.where(metering, queue, 0.0)


def _critical(state: DensityState, density: Floats, flow: Floats, t: ControlThresholds) -> tuple[Floats, Floats]:
    """Move the estimate of the critical density up while flow rises with density, and down while it falls."""
    near = np.abs(density - state.critical_veh_km) <= t.critical_band.value * state.critical_veh_km
    near &= np.isfinite(flow)
    keep = 1.0 - 1.0 / t.critical_memory.value
    density, flow = np.where(near, density, 0.0), np.where(near, flow, 0.0)
    added = np.stack([np.ones(len(density)), density, flow, density**2, density * flow])
    moments = np.where(near, keep * state.moments + (1.0 - keep) * added, state.moments)
    weight, sum_k, sum_q, sum_kk, sum_kq = moments
    spread = weight * sum_kk - sum_k**2
    slope = np.divide(
        weight * sum_kq - sum_k * sum_q, spread, out=np.zeros(len(density)), where=(weight > 0.1) & (spread > 1e-6)
    )
    steep = t.critical_slope_kmh.value
    step = t.critical_step_veh_km.value * (np.where(slope > steep, 1.0, 0.0) - np.where(slope < -steep, 1.0, 0.0))
    published, far = t.critical_veh_km.value, t.critical_range.value
    moved = state.critical_veh_km + np.where(near, step, 0.0)
    return np.clip(moved, published * (1 - far), published * (1 + far)), moments
