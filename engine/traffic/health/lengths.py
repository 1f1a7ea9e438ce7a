"""Speeds for lanes that measure none: from volume and occupancy, with the effective length that the lane shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.thresholds import Sourced
from engine.traffic.frame import Frame

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class LengthThresholds:
    """Of the adaptive effective length."""

    length_memory_veh: Sourced
    shortest_m: Sourced
    longest_m: Sourced
    free_quantile: Sourced
    """At occupancies below this quantile of its own, a lane without speeds is taken to flow freely."""
    free_quantile_step_pct: Sourced
    smoothing_veh_5min: Sourced
    """A period with so many vehicles weighs half."""


@dataclass(frozen=True)
class LengthState:
    """Learnt of every lane, arrays of shape (n_station, n_lane), float64.

    Attributes
    ----------
    metre_veh, veh : ndarray
        Fading sums: effective length times vehicles, and vehicles. [m veh], [veh]
    measured_veh : ndarray
        Fading sum of vehicles with a measured speed. [veh]
    quantile_pct : ndarray
        Running quantile of occupancy. [%]
    speed_kmh : ndarray
        Smoothed estimate; NaN before the first. [km/h]
    """

    metre_veh: Floats
    veh: Floats
    measured_veh: Floats
    quantile_pct: Floats
    speed_kmh: Floats

    @classmethod
    def initial(cls, shape: tuple[int, int]) -> LengthState:
        """Return the state before any sample."""
        zero = np.zeros(shape)
        return cls(zero, zero, zero, zero, np.full(shape, np.nan))

    def length_m(self, unknown_m: float, thresholds: LengthThresholds) -> Floats:
        """Return the effective length of each lane in metres; ``unknown_m`` before anything was learnt."""
        length = np.divide(self.metre_veh, self.veh, out=np.full(self.veh.shape, unknown_m), where=self.veh > 1.0)
        return np.asarray(np.clip(length, thresholds.shortest_m.value, thresholds.longest_m.value))


def estimate_speeds(
    state: LengthState,
    frame: Frame,
    use: Bools,
    free_speed_kmh: Floats,
    unknown_m: float,
    thresholds: LengthThresholds,
) -> tuple[LengthState, Floats]:
    """Learn from lanes with speeds, and fill in the speeds of those without.

    Parameters
    ----------
    state : LengthState
    frame : Frame
    use : ndarray, shape (n_station, n_lane), bool
        Lanes to be believed.
    free_speed_kmh : ndarray, shape (n_station,), float64
        Speed of free traffic. [km/h]
    unknown_m : float
        Effective length before anything was learnt. [m]
    thresholds : LengthThresholds

    Returns
    -------
    state : LengthState
    speed_kmh : ndarray, shape (n_station, n_lane), float64
        Measured, or else estimated where vehicles were counted and occupancy is above zero, or else NaN. [km/h]

    Notes
    -----
    occupancy/100 · period = vehicles · length / speed, so length = occupancy/100 · period · speed / vehicles, and speed
    the other way round. A lane that measured speeds before teaches its own length; one that never did is taken to
    travel at the free speed while its occupancy is below its 60 % quantile. The estimate is smoothed with the
    weight volume / (volume + c); c is per five minutes as published, and made as much smaller as the period is.

    Source
    ------
    Jia, Chen, Coifman, Varaiya (2001), "The PeMS algorithms for accurate, real-time estimates of g-factors and
    speeds from single-loop detectors", IEEE ITSC. Learning from measured speeds, the running quantile and the scaling
    of c: own construction.
    """
    volume = np.where(use & (frame.volume > 0), frame.volume, 0.0)
    occupancy = np.where(use & (frame.occupancy_pct >= 0), frame.occupancy_pct, np.nan)
    timed = (volume > 0) & (occupancy > 0)
    measured = use & (frame.speed_kmh > 0)
    occupied_s = np.where(timed, occupancy, 0.0) / 100.0 * frame.period_s
    step = thresholds.free_quantile_step_pct.value
    up = step * thresholds.free_quantile.value
    quantile = np.where(
        np.isnan(occupancy),
        state.quantile_pct,
        np.maximum(state.quantile_pct + np.where(occupancy > state.quantile_pct, up, up - step), 0.0),
    )
    learns = timed & measured
    taught = timed & ~measured & (state.measured_veh < 1.0) & (occupancy < state.quantile_pct)
    speed = np.where(learns, frame.speed_kmh, free_speed_kmh[:, None])
    memory = thresholds.length_memory_veh.value
    keep = np.where(learns | taught, np.exp(-volume / memory), 1.0)
    metres = np.where(learns | taught, occupied_s * speed / 3.6, 0.0)
    new = LengthState(
        metre_veh=state.metre_veh * keep + metres,
        veh=state.veh * keep + np.where(learns | taught, volume, 0.0),
        measured_veh=state.measured_veh * keep + np.where(learns, volume, 0.0),
        quantile_pct=quantile,
        speed_kmh=state.speed_kmh,
    )
    missing = timed & ~measured
    raw = np.divide(
        volume * new.length_m(unknown_m, thresholds) * 3.6,
        occupied_s,
        out=np.full(volume.shape, np.nan),
        where=missing,
    )
    half = thresholds.smoothing_veh_5min.value * frame.period_s / 300.0
    weight = np.where(np.isnan(state.speed_kmh), 1.0, volume / (volume + half))
    smooth = np.where(missing, weight * raw + (1.0 - weight) * np.nan_to_num(state.speed_kmh), state.speed_kmh)
    smooth = np.where(learns, frame.speed_kmh, smooth)
    filled = np.where(measured, frame.speed_kmh, np.where(missing, smooth, np.nan))
    return (
        LengthState(new.metre_veh, new.veh, new.measured_veh, quantile, smooth),
        filled,
    )
