"""The two ends of queues, followed between the stations by the speed of the shock."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.traffic.frame import StationFrame
from engine.traffic.fronts.thresholds import FrontThresholds
from engine.traffic.layout import NONE, Layout

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_KMH_PER_M_S = 3.6
_NS = 1e9
_CONTRAST_VEH_KM = 3.0
"""Below this difference of density the speed of a shock is noise."""
_LONG_GAP_S = 300.0
"""After a silence as long as this nothing is known of a front's place but its gap."""


@dataclass(frozen=True)
class FrontState:
    """What is remembered from one period to the next, arrays of shape (n_station,), stations in layout order.

    Attributes
    ----------
    time_ns : int
        End of the newest period; negative before the first. [ns since 1970 UTC]
    free_speed_kmh : ndarray, float64
        What the station shows when nothing hinders, slowly learnt; begins at the limit. [km/h]
    flow_veh_h_lane, density_veh_km_lane : ndarray, float64
        Smoothed. NaN before the first. [veh/h/lane], [veh/km/lane]
    queued : ndarray, bool
        The station stands in a queue; its last known word.
    known : ndarray, bool
        It said something in the newest period.
    tail_m, head_m : ndarray, float64
        Chainage of the front between a station and the next one downstream; NaN where there is none. [m]
    tail_var_m2, head_var_m2 : ndarray, float64
        Their variances. [m²]
    growth_kmh : ndarray, float64
        Smoothed speed of the tail upstream; negative when the queue shrinks; NaN where there is none. [km/h]
    """

    time_ns: int
    free_speed_kmh: Floats
    flow_veh_h_lane: Floats
    density_veh_km_lane: Floats
    queued: Bools
    known: Bools
    tail_m: Floats
    tail_var_m2: Floats
    head_m: Floats
    head_var_m2: Floats
    growth_kmh: Floats

    @classmethod
    def initial(cls, layout: Layout) -> FrontState:
        """Return the state before the first period."""
        nothing = np.full(len(layout), np.nan)
        no = np.zeros(len(layout), dtype=bool)
        return cls(
            -1, layout.speed_limit_kmh.copy(), nothing, nothing, no, no, nothing, nothing, nothing, nothing, nothing
        )

    @property
    def speed_kmh(self) -> Floats:
        """Smoothed flow over smoothed density, NaN when empty or unknown; the unit is [km/h]."""
        return _speed(self.flow_veh_h_lane, self.density_veh_km_lane)


def follow_fronts(state: FrontState, frame: StationFrame, layout: Layout, thresholds: FrontThresholds) -> FrontState:
    """Carry the ends of all queues forward by one period.

    Parameters
    ----------
    state : FrontState
    frame : StationFrame
        Newer than the state. A station without numbers keeps its last word; its fronts get less certain.
    layout : Layout
    thresholds : FrontThresholds

    Returns
    -------
    FrontState

    Notes
    -----
    Between a station that flows and the next one downstream in a queue there is a tail; between one in a queue and a
    next one that flows, a head. A front starts where a station has just changed sides and moves with the shock between
    the two streams, w = (q_u - q_d) / (k_u - k_d), until the other station changes sides. A head of which no station
    told where it began (both stations changed within the period, or the queue grew out of the gap) lies in the middle,
    its error that of an even spread.

    Source
    ------
    Lighthill and Whitham (1955), Richards (1956) for the shock; following it as a one-dimensional filter with the
    passing of a station as the measurement: own construction.
    """
    elapsed_s = (frame.time_ns - state.time_ns) / _NS if state.time_ns >= 0 else frame.period_s
    known = ~np.isnan(frame.flow_veh_h_lane) & ~np.isnan(frame.density_veh_km_lane)
    weight = 1.0 - np.exp(-elapsed_s / thresholds.smoothing_s.value)
    flow = _blend(state.flow_veh_h_lane, frame.flow_veh_h_lane, weight)
    density = _blend(state.density_veh_km_lane, frame.density_veh_km_lane, weight)
    speed = _speed(flow, density)
    free = _free_speed(state.free_speed_kmh, frame.speed_kmh, elapsed_s, thresholds.free_speed_memory_s.value)
    limit = np.where(state.queued, thresholds.flowing_above_ratio.value, thresholds.queued_below_ratio.value)
    # No vehicle moved and none stands on the detector: nothing hinders. Nothing known: as it was.
    slow = np.where(np.isnan(speed), np.nan_to_num(density) > _CONTRAST_VEH_KM, np.nan_to_num(speed) < limit * free)
    queued = np.where(known, slow, state.queued)

    down = layout.down
    joined = down != NONE
    ahead = np.where(joined, down, 0)
    q_ahead, k_ahead = flow[ahead], density[ahead]
    contrast = density - k_ahead
    shock = np.divide(
        flow - q_ahead, contrast, out=np.zeros(len(layout)), where=joined & (np.abs(contrast) > _CONTRAST_VEH_KM)
    )
    shock = np.clip(shock, -thresholds.fastest_growth_kmh.value, thresholds.fastest_shrinking_kmh.value)
    moved_m = shock / _KMH_PER_M_S * elapsed_s
    drift_var = (thresholds.front_sigma_kmh.value / _KMH_PER_M_S * elapsed_s) ** 2
    turned, turned_ahead = queued != state.queued, (queued != state.queued)[ahead]
    here, there = layout.chainage_m, layout.chainage_m[ahead]
    passing_var = thresholds.passing_sigma_m.value**2

    def follow(is_front: Bools, was_m: Floats, was_var: Floats) -> tuple[Floats, Floats]:
        is_new = is_front & (np.isnan(was_m) | (elapsed_s > _LONG_GAP_S))
        middle = (here + there) / 2.0
        even_var = (there - here) ** 2 / 12.0
        only_here, only_ahead = turned & ~turned_ahead, turned_ahead & ~turned
        start = np.where(only_here, here, np.where(only_ahead, there, middle))
        start_var = np.where(only_here | only_ahead, np.minimum(passing_var, even_var), even_var)
        place = np.where(is_new, start, was_m + moved_m)
        var = np.where(is_new, start_var, np.minimum(was_var + drift_var, even_var))
        place = np.clip(place, here, np.maximum(there, here))
        return np.where(is_front, place, np.nan), np.where(is_front, var, np.nan)

    is_tail = joined & ~queued & queued[ahead]
    is_head = joined & queued & ~queued[ahead]
    tail, tail_var = follow(is_tail, state.tail_m, state.tail_var_m2)
    # A queue that has just formed at a station reaches an unknown way downstream of it.
    born = is_head & turned & ~turned_ahead & np.isnan(state.head_m)
    head, head_var = follow(is_head, state.head_m, state.head_var_m2)
    head = np.where(born, (here + there) / 2.0, head)
    head_var = np.where(born, (there - here) ** 2 / 12.0, head_var)
    growth_weight = 1.0 - np.exp(-elapsed_s / thresholds.growth_smoothing_s.value)
    before = state.growth_kmh
    # A tail that passes a station goes on at the speed that it had.
    passed_on = np.where(joined, before[ahead], np.nan)
    from_up = np.where(layout.up != NONE, before[np.where(layout.up != NONE, layout.up, 0)], np.nan)
    inherited = np.where(np.isnan(before), np.where(np.isnan(passed_on), from_up, passed_on), before)
    growth = np.where(is_tail, _blend(inherited, -shock, growth_weight), np.nan)
    return FrontState(
        time_ns=frame.time_ns,
        free_speed_kmh=free,
        flow_veh_h_lane=flow,
        density_veh_km_lane=density,
        queued=queued,
        known=known,
        tail_m=tail,
        tail_var_m2=tail_var,
        head_m=head,
        head_var_m2=head_var,
        growth_kmh=growth,
    )


def _speed(flow: Floats, density: Floats) -> Floats:
    known = np.nan_to_num(density) > 1e-3
    return np.asarray(np.divide(flow, density, out=np.full(len(flow), np.nan), where=known))


def _blend(old: Floats, new: Floats, weight: Floats | float) -> Floats:
    moved = old + weight * (new - old)
    return np.where(np.isnan(old), new, np.where(np.isnan(new), old, moved))


def _free_speed(old: Floats, speed_kmh: Floats, elapsed_s: float, memory_s: float) -> Floats:
    """Follow fast speeds upwards quickly and, while traffic flows, downwards slowly: about the 85th percentile.

    A stochastic quantile: steps up and down balance where 15 % of the samples are above.
    """
    step = old * min(1.0, elapsed_s / memory_s * 6.0)
    above, flowing = speed_kmh > old, speed_kmh > 0.7 * old
    return np.where(above, old + 0.85 * step, np.where(flowing, old - 0.15 * step, old))
