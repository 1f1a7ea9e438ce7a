"""One cycle of detector health, substitution, state, links and cost at a national number of stations."""

from __future__ import annotations

import time
from dataclasses import fields, is_dataclass

import numpy as np

from engine.region import StationTable
from engine.traffic.cost import CostThresholds, congestion_cost
from engine.traffic.frame import Frame
from engine.traffic.health.reasons import HealthThresholds
from engine.traffic.health.step import HealthState, health_step
from engine.traffic.health.substitute import SubstituteState, SubstituteThresholds, substitute
from engine.traffic.layout import Layout
from engine.traffic.links import LinkTable, link_state, station_links
from engine.traffic.state import StateThresholds, initial_status, traffic_state
from ingest.thresholds import load_group, load_thresholds

_LANES = 4
_PER_CORRIDOR = 100
_SPACING_M = 533.0
_NS = 1_000_000_000
_WARM, _STEPS = 35, 30


def run(stations: tuple[int, ...] = (3_750, 7_500, 15_000)) -> dict[str, object]:
    """Return the median and the longest processor time of a cycle for each number of stations [ms], and memory [MB]."""
    return {str(count): _measure(count) for count in stations}


def _measure(n_station: int) -> dict[str, float]:
    layout, links = road(n_station)
    rules = load_group(HealthThresholds, "traffic_health")
    fill = load_group(SubstituteThresholds, "traffic_substitute")
    grade = load_group(StateThresholds, "traffic_state")
    price = load_group(CostThresholds, "traffic_cost")
    traffic = load_thresholds().traffic
    health_state = HealthState.initial(layout, _LANES)
    learnt = SubstituteState.initial(n_station, _LANES)
    status = initial_status(n_station)
    overlap = station_links(layout, links, grade.reach_m.value)
    rng = np.random.default_rng(0)
    dead_lane = rng.random((n_station, _LANES)) < 0.03
    dead_station = rng.random(n_station) < 0.01
    parts: list[list[float]] = []
    for place in range(_WARM + _STEPS):
        frame = _frame(place, n_station, dead_lane, dead_station, rng)
        marks = [time.process_time()]
        health_state, health = health_step(health_state, frame, layout, rules, traffic, 32_400.0)
        marks.append(time.process_time())
        learnt, filled = substitute(learnt, frame, health, layout, fill, rules, traffic, 32_400.0)
        marks.append(time.process_time())
        state = traffic_state(status, filled.stations, layout, grade, traffic)
        status = state.status
        link_state(overlap, state.flow_veh_h, state.density_veh_km, state.speed_kmh)
        congestion_cost(
            state.distance_veh_km,
            state.time_veh_h,
            state.delay_veh_h,
            layout.speed_limit_kmh,
            np.full(n_station, 0.15),
            price,
        )
        marks.append(time.process_time())
        parts.append(np.diff(marks).tolist())
    times_ms = np.array(parts[_WARM:]) * 1e3
    return {
        "health_ms": float(np.median(times_ms[:, 0])),
        "substitution_ms": float(np.median(times_ms[:, 1])),
        "state_links_cost_ms": float(np.median(times_ms[:, 2])),
        "cycle_ms": float(np.median(times_ms.sum(axis=1))),
        "longest_ms": float(times_ms.sum(axis=1).max()),
        "states_mb": (_bytes(health_state) + _bytes(learnt)) / 1e6,
    }


def road(n_station: int) -> tuple[Layout, LinkTable]:
    """Return stations of four lanes on corridors of a hundred, and a link for each."""
    n_corridor = -(-n_station // _PER_CORRIDOR)
    corridor = np.repeat(np.arange(n_corridor), _PER_CORRIDOR)[:n_station]
    chainage_m = np.tile(np.arange(_PER_CORRIDOR) * _SPACING_M, n_corridor)[:n_station]
    layout = Layout.of(
        StationTable(
            ids=tuple(str(row) for row in range(n_station)),
            corridor=corridor,
            corridor_names=("",) * n_corridor,
            chainage_m=chainage_m,
            speed_limit_kmh=np.full(n_station, 100.0),
            lanes=np.full(n_station, _LANES),
            lon_deg=np.zeros(n_station),
            lat_deg=np.zeros(n_station),
        )
    )
    return layout, LinkTable(corridor, chainage_m, chainage_m + _SPACING_M)


def _frame(
    place: int, n_station: int, dead_lane: np.ndarray, dead_station: np.ndarray, rng: np.random.Generator
) -> Frame:
    shape = (n_station, _LANES)
    volume = rng.poisson(6.0, shape).astype(np.float64)
    speed = np.where(volume > 0, rng.normal(95.0, 6.0, shape), np.nan)
    occupancy = volume * 0.9
    for values in (volume, speed, occupancy):
        values[dead_lane] = np.nan
        values[dead_station] = np.nan
    return Frame((place + 1) * 30 * _NS, 30.0, volume, speed, occupancy)


def _bytes(value: object) -> int:
    if isinstance(value, np.ndarray):
        return value.nbytes
    if is_dataclass(value):
        return sum(_bytes(getattr(value, one.name)) for one in fields(value))
    return 0
