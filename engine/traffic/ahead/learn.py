"""What the model ahead has to know of the road, learnt as periods go by: flows, ramps, free speeds, jam densities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.traffic.ahead.road import Road, filled_stations
from engine.traffic.ahead.thresholds import AheadThresholds
from engine.traffic.frame import StationFrame
from engine.traffic.layout import NONE, Layout

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_NS = 1e9
_KM = 1000.0
_PEAK_S = 86_400.0
"""Over this time the largest flow seen fades; own construction."""


@dataclass(frozen=True)
class RoadState:
    """Known so far; stations shape (n_station,), cells shape (n_cell,), float64 unless said otherwise.

    Attributes
    ----------
    time_ns : int
        Of the newest period; 0 = none. [ns since 1970 UTC]
    flow_veh_h, density_veh_km, discharge_veh_h : ndarray
        Of stations, all lanes, smoothed. NaN = not known. [veh/h], [veh/km], [veh/h]
    heard_ns : ndarray, int64
        When a station last measured.
    lanes : ndarray
        Most lanes that a station ever reported.
    ramp_veh_h : ndarray
        What enters (or leaves, negative) in the gap downstream of each station. [veh/h]
    free_kmh, free_count : ndarray
        Of cells: free speed, and periods that it was learnt from. [km/h]
    jam_veh_km_lane : ndarray
        Of cells: jam density. [veh/km/lane]
    peak_veh_h : ndarray
        Of stations: largest smoothed flow. [veh/h]
    """

    time_ns: int
    flow_veh_h: Floats
    density_veh_km: Floats
    discharge_veh_h: Floats
    heard_ns: Ints
    lanes: Floats
    ramp_veh_h: Floats
    free_kmh: Floats
    free_count: Floats
    jam_veh_km_lane: Floats
    peak_veh_h: Floats

    @classmethod
    def initial(cls, layout: Layout, road: Road, thresholds: AheadThresholds) -> RoadState:
        """Return the state before any period."""
        n_station, n_cell = len(layout), len(road.cells.length_m)
        unknown = np.full(n_station, np.nan)
        return cls(
            time_ns=0,
            flow_veh_h=unknown,
            density_veh_km=unknown,
            discharge_veh_h=unknown,
            heard_ns=np.zeros(n_station, dtype=np.int64),
            lanes=np.ones(n_station),
            ramp_veh_h=np.zeros(n_station),
            free_kmh=layout.speed_limit_kmh[road.cells.station] if n_cell else np.zeros(0),
            free_count=np.zeros(n_cell),
            jam_veh_km_lane=np.full(n_cell, thresholds.jam_density_veh_km_lane.value),
            peak_veh_h=np.zeros(n_station),
        )


def learn_road(
    state: RoadState, frame: StationFrame, field_kmh: Floats, road: Road, layout: Layout, thresholds: AheadThresholds
) -> RoadState:
    """Take in one period.

    Parameters
    ----------
    state : RoadState
    frame : StationFrame
        NaN = not measured.
    field_kmh : ndarray, shape (n_field_cell,), float64
        Speed field of now, without gaps. [km/h]
    road : Road
    layout : Layout
    thresholds : AheadThresholds

    Returns
    -------
    RoadState

    Source
    ------
    Own construction. Ramps by conservation of vehicles: what leaves a gap less what enters it, plus what it holds more.
    """
    if frame.time_ns <= state.time_ns:
        return state
    elapsed_s = (frame.time_ns - state.time_ns) / _NS if state.time_ns else frame.period_s
    lanes = np.maximum(state.lanes, np.minimum(frame.lanes_used, np.maximum(layout.lanes, 1)))
    measured = ~(np.isnan(frame.flow_veh_h_lane) | np.isnan(frame.density_veh_km_lane))
    measured &= (frame.flow_veh_h_lane >= 0) & (frame.density_veh_km_lane >= 0)
    fresh = frame.time_ns - state.heard_ns <= thresholds.hold_s.value * _NS
    flow_now = np.where(measured, frame.flow_veh_h_lane, 0.0) * lanes
    density_now = np.where(measured, frame.density_veh_km_lane, 0.0) * lanes
    flow = _follow(state.flow_veh_h, flow_now, measured, fresh, elapsed_s, thresholds.smoothing_s.value)
    density = _follow(state.density_veh_km, density_now, measured, fresh, elapsed_s, thresholds.smoothing_s.value)
    discharge = _follow(state.discharge_veh_h, flow_now, measured, fresh, elapsed_s, thresholds.discharge_s.value)
    speed = road.coarse(field_kmh)
    free, count = _free_speed(state, speed, road.at_cells(filled_stations(density / lanes, layout)), thresholds)
    new = RoadState(
        time_ns=frame.time_ns,
        flow_veh_h=flow,
        density_veh_km=density,
        discharge_veh_h=discharge,
        heard_ns=np.where(measured, frame.time_ns, state.heard_ns),
        lanes=lanes,
        ramp_veh_h=_ramps(state, flow, density, layout, elapsed_s, thresholds),
        free_kmh=free,
        free_count=count,
        jam_veh_km_lane=state.jam_veh_km_lane,
        peak_veh_h=np.maximum(state.peak_veh_h * np.exp(-elapsed_s / _PEAK_S), np.nan_to_num(discharge)),
    )
    seen = jam_density_now(new, speed, road, layout, thresholds)
    queued = (speed < thresholds.queued_ratio.value * free) & ~np.isnan(seen)
    step = np.where(queued, np.nan_to_num(seen) - state.jam_veh_km_lane, 0.0) / thresholds.jam_density_memory.value
    return _with_jam(new, state.jam_veh_km_lane + step)


def speeds_of_stations(frame: StationFrame, free_kmh: Floats) -> Floats:
    """Return the speeds of stations for a speed field.

    Parameters
    ----------
    frame : StationFrame
    free_kmh : ndarray, shape (n_station,), float64
        Free speed at each station. [km/h]

    Returns
    -------
    ndarray, shape (n_station,), float64
        As measured; free where the station counted nothing and nothing stood on it, so that a queue does not spread
        in the field over the empty road behind it. NaN = not measured. [km/h]
    """
    empty = np.isnan(frame.speed_kmh) & (frame.flow_veh_h_lane == 0) & (frame.density_veh_km_lane == 0)
    return np.where(empty, free_kmh, frame.speed_kmh)


def flow_at_cells(state: RoadState, road: Road, layout: Layout) -> Floats:
    """Return the present flow at every cell, all lanes, NaN where a corridor has none [veh/h]."""
    return road.at_cells(filled_stations(state.flow_veh_h, layout))


def jam_density_now(
    state: RoadState, speed_kmh: Floats, road: Road, layout: Layout, thresholds: AheadThresholds
) -> Floats:
    """Return the jam density per lane on whose congested branch the flow and speed of every cell lie; NaN = unknown.

    The congested branch is q = w (k_jam - k) with k = q / v.
    """
    lane_flow = flow_at_cells(state, road, layout) / road.at_cells(state.lanes)
    enough = lane_flow > thresholds.least_flow_veh_h_lane.value
    jam = lane_flow / speed_kmh + lane_flow / thresholds.jam_wave_kmh.value
    return np.where(enough, jam, np.nan)


def _follow(
    old: Floats, new: Floats, measured: NDArray[np.bool_], fresh: NDArray[np.bool_], elapsed_s: float, over_s: float
) -> Floats:
    """Smooth exponentially; what has been silent for long is forgotten."""
    weight = -np.expm1(-elapsed_s / over_s)
    began = measured & (np.isnan(old) | ~fresh)
    moved = np.where(measured & ~began, old + weight * (new - old), old)
    return np.where(began, new, np.where(measured | fresh, moved, np.nan))


def _free_speed(
    state: RoadState, speed_kmh: Floats, density_veh_km_lane: Floats, thresholds: AheadThresholds
) -> tuple[Floats, Floats]:
    """Follow the speed of periods that are free: by their speed, or because so few vehicles hinder nobody."""
    free = (speed_kmh > thresholds.free_ratio.value * state.free_kmh) | (
        density_veh_km_lane < thresholds.free_density_veh_km_lane.value
    )
    count = np.minimum(state.free_count + free, thresholds.free_speed_memory.value)
    step = np.where(free, speed_kmh - state.free_kmh, 0.0) / np.maximum(count, 10.0)
    return state.free_kmh + step, count


def _ramps(
    state: RoadState, flow: Floats, density: Floats, layout: Layout, elapsed_s: float, thresholds: AheadThresholds
) -> Floats:
    down = np.where(layout.down == NONE, 0, layout.down)
    length_km = np.nan_to_num(layout.gap_m) / _KM
    held = 0.5 * (density + density[down]) * length_km
    held_before = 0.5 * (state.density_veh_km + state.density_veh_km[down]) * length_km
    ramp = flow[down] - flow + (held - held_before) / (elapsed_s / 3600.0)
    known = ~np.isnan(ramp) & (layout.down != NONE) & (layout.gap_m > 0)
    weight = -np.expm1(-elapsed_s / thresholds.ramp_s.value)
    return np.asarray(state.ramp_veh_h + np.where(known, weight * (np.nan_to_num(ramp) - state.ramp_veh_h), 0.0))


def _with_jam(state: RoadState, jam: Floats) -> RoadState:
    return RoadState(**{**vars(state), "jam_veh_km_lane": jam})
