"""Running the road ahead: the cell transmission model from now on, all corridors at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.traffic.ahead.learn import RoadState, flow_at_cells, jam_density_now
from engine.traffic.ahead.road import Road, filled_stations
from engine.traffic.ahead.thresholds import AheadThresholds
from engine.traffic.layout import Layout

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FIELD_EVERY_S = 60.0
_FASTEST_KMH = 160.0
_MOST_LEAVING = 0.5
_LEAST_ENTERING = 0.2
_FULL = 0.97
_EMPTY_VEH_KM = 0.5
_WIDE = 1e9


def fields_ahead(
    state: RoadState, field_kmh: Floats, road: Road, layout: Layout, thresholds: AheadThresholds
) -> Floats:
    """Return the speeds that are to be expected.

    Parameters
    ----------
    state : RoadState
    field_kmh : ndarray, shape (n_field_cell,), float64
        Speed field of now, without gaps. [km/h]
    road : Road
    layout : Layout
    thresholds : AheadThresholds

    Returns
    -------
    ndarray, shape (n_field, n_cell), float64
        On ``road.cells``, the first of now and one every `FIELD_EVERY_S` up to ``horizon_s``. A corridor of which
        nothing is known keeps the speeds of now. [km/h]

    Notes
    -----
    Triangular relation of flow and density, v = min(v_free, w (k_jam - k) / k), with k_jam so that the flow and speed
    measured now lie on it. Between cells flows the lesser of demand and supply; at the end of a queue no more than
    comes out of it now, which over ``clearing_s`` becomes what the place has carried at most. Ramps go on as they are:
    what enters as a flow, what leaves as a share. Pace (time per way) is the model's plus how far it was off at the
    start, which fades where a queue is or was, and stays where traffic is free.

    Source
    ------
    Daganzo, "The cell transmission model" (1994); what starts and bounds it: own construction.
    """
    now = road.coarse(field_kmh)
    every = max(1, round(FIELD_EVERY_S / thresholds.step_s.value))
    step_s = FIELD_EVERY_S / every
    n_field = int(thresholds.horizon_s.value // FIELD_EVERY_S) + 1
    fields = np.empty((n_field, len(now)))
    fields[0] = now
    if n_field == 1 or not len(now):
        return fields
    model, known = _start(state, now, road, layout, thresholds, step_s)
    slowest = thresholds.slowest_kmh.value
    off_h_km = 1.0 / now - 1.0 / model.speed_kmh(slowest)
    queued_kmh = thresholds.queued_ratio.value * model.free
    stays = now >= queued_kmh
    for place in range(1, n_field):
        for turn in range((place - 1) * every, place * every):
            model.advance(np.exp(-turn * step_s / thresholds.clearing_s.value))
        speed = model.speed_kmh(slowest)
        fading = np.exp(-place * FIELD_EVERY_S / thresholds.mismatch_s.value)
        kept = fading + (1.0 - fading) * (stays & (speed > queued_kmh))
        pace = np.clip(1.0 / speed + off_h_km * kept, 1.0 / _FASTEST_KMH, 1.0 / slowest)
        fields[place] = np.where(known, 1.0 / pace, now)
    return fields


class _Model:
    """Cells that advance in place, in single precision: 8,000 cells for an hour are 300 steps.

    Rates are numbers of vehicles per step; densities are numbers of vehicles per cell.
    """

    def __init__(
        self,
        density: Floats,
        free: Floats,
        wave: Floats,
        jam: Floats,
        entering: Floats,
        leaving: Floats,
        inflow: Floats,
        ends: tuple[Ints, Floats, Floats],
        length_km: Floats,
        step_h: float,
        road: Road,
    ) -> None:
        self.free, self._length_km = free, length_km
        self._wave, self._jam = wave, jam
        crossing = step_h / length_km
        self._held = (density * length_km).astype(np.float32)
        self._room = (jam * length_km).astype(np.float32)
        self._least = (_EMPTY_VEH_KM * length_km).astype(np.float32)
        self._free_share = (free * crossing).astype(np.float32)
        self._wave_share = (wave * crossing).astype(np.float32)
        self._capacity = (free * wave * jam / (free + wave) * step_h).astype(np.float32)
        self._entering = (entering * step_h).astype(np.float32)
        self._through = (1.0 - leaving).astype(np.float32)
        self._out_of = (1.0 / (1.0 - leaving)).astype(np.float32)
        self._first = road.cells.starts[:-1][np.diff(road.cells.starts) > 0]
        self._last = road.last
        self._inflow = (inflow[self._first] * step_h).astype(np.float32)
        self._ends, now, best = ends
        self._best, self._worse = (best * step_h).astype(np.float32), ((now - best) * step_h).astype(np.float32)
        self._demand, self._supply, self._next, self._change = (np.empty_like(self._held) for _ in range(4))

    def advance(self, held_back: float) -> None:
        """Move vehicles for one step; ``held_back`` from 1 to 0 is how much of what holds queues is still there."""
        demand, supply, taken, change = self._demand, self._supply, self._next, self._change
        np.multiply(self._held, self._free_share, out=demand)
        np.minimum(demand, self._capacity, out=demand)
        demand *= self._through
        np.subtract(self._room, self._held, out=supply)
        supply *= self._wave_share
        np.minimum(supply, self._capacity, out=supply)
        np.multiply(supply, np.float32(_LEAST_ENTERING), out=change)
        come_in = np.minimum(self._inflow, supply[self._first])
        supply -= self._entering
        np.maximum(supply, change, out=supply)
        taken[:-1] = supply[1:]
        taken[self._last] = _WIDE
        taken[self._ends] = np.minimum(taken[self._ends], self._best + self._worse * np.float32(held_back))
        np.minimum(demand, taken, out=demand)
        np.multiply(demand, self._out_of, out=change)
        np.subtract(self._entering, change, out=change)
        demand[self._last] = 0.0
        change[1:] += demand[:-1]
        change[self._first] += come_in
        self._held += change
        np.maximum(self._held, self._least, out=self._held)
        np.minimum(self._held, self._room, out=self._held)

    def speed_kmh(self, slowest: float) -> Floats:
        """Return the speed of every cell."""
        density = self._held.astype(np.float64) / self._length_km
        return np.maximum(np.minimum(self.free, self._wave * (self._jam - density) / density), slowest)


def _start(
    state: RoadState, now: Floats, road: Road, layout: Layout, thresholds: AheadThresholds, step_s: float
) -> tuple[_Model, NDArray[np.bool_]]:
    """Return the model as of now, and the cells of which anything is known."""
    flow = flow_at_cells(state, road, layout)
    known = ~np.isnan(flow)
    flow = np.where(known, flow, 0.0)
    lanes = road.at_cells(state.lanes)
    length_km = np.maximum(road.cells.length_m, 1.0) / 1000.0
    step_h = step_s / 3600.0
    # Nothing may cross more than one cell a step.
    wave = np.minimum(thresholds.jam_wave_kmh.value, length_km / step_h)
    free = np.minimum(state.free_kmh, length_km / step_h)
    jam = _jam_density(state, now, road, layout, thresholds) * lanes
    entering, leaving = _ramps(state, flow, road)
    queued = now < thresholds.queued_ratio.value * free
    ends = _ends(state, queued, lanes, road, layout, thresholds)
    # Where hardly anything moves flow over speed says nothing: the congested branch does.
    standing = queued & (flow < thresholds.least_flow_veh_h_lane.value * lanes)
    density = np.where(standing, jam / (1.0 + now / wave), flow / now)
    density = np.clip(density, _EMPTY_VEH_KM, _FULL * jam)
    return _Model(density, free, wave, jam, entering, leaving, flow, ends, length_km, step_h, road), known


def _jam_density(state: RoadState, now: Floats, road: Road, layout: Layout, thresholds: AheadThresholds) -> Floats:
    """Return the jam density per lane: as learnt, or where it is slow as measured, but not far from it."""
    learnt, slack = state.jam_veh_km_lane, thresholds.jam_density_slack.value
    seen = jam_density_now(state, now, road, layout, thresholds)
    slow = (now < thresholds.slow_ratio.value * state.free_kmh) & ~np.isnan(seen)
    return np.where(slow, np.clip(np.nan_to_num(seen), (1.0 - slack) * learnt, (1.0 + slack) * learnt), learnt)


def _ramps(state: RoadState, flow: Floats, road: Road) -> tuple[Floats, Floats]:
    """Return what enters each cell [veh/h], and which share of what flows out of it leaves the road."""
    enters = road.spread @ np.maximum(state.ramp_veh_h, 0.0)
    leaves = road.spread @ np.maximum(-state.ramp_veh_h, 0.0)
    share = np.divide(leaves, flow, out=np.zeros(len(flow)), where=flow > 0)
    return np.asarray(enters), np.clip(share, 0.0, _MOST_LEAVING)


def _ends(
    state: RoadState,
    queued: NDArray[np.bool_],
    lanes: Floats,
    road: Road,
    layout: Layout,
    thresholds: AheadThresholds,
) -> tuple[Ints, Floats, Floats]:
    """Return the last cells of queues, what comes out of them now, and when whatever holds it has gone [veh/h]."""
    discharge = np.nan_to_num(road.at_cells(filled_stations(state.discharge_veh_h, layout)))
    peak = road.at_cells(state.peak_veh_h)
    end = queued & ~np.append(queued[1:], False)
    end[road.last] = False
    place = np.flatnonzero(end)
    now = np.maximum(discharge[place + 1], thresholds.least_discharge_veh_h_lane.value * lanes[place])
    usual = np.maximum(peak[place], thresholds.usual_capacity_veh_h_lane.value * lanes[place])
    return place.astype(np.int64), now, np.maximum(usual, now)
