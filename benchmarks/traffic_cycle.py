"""One 30-second cycle of the whole traffic engine at a national number of stations, part by part."""

from __future__ import annotations

import time
from collections import defaultdict

import numpy as np

from benchmarks.traffic_state import road
from engine.traffic.ahead.learn import RoadState, learn_road, speeds_of_stations
from engine.traffic.ahead.road import Road
from engine.traffic.ahead.run import FIELD_EVERY_S, fields_ahead
from engine.traffic.ahead.thresholds import AheadThresholds
from engine.traffic.frame import Frame, station_frame
from engine.traffic.fronts.extent import queue_extents
from engine.traffic.fronts.fronts import FrontState, follow_fronts
from engine.traffic.fronts.thresholds import FrontThresholds
from engine.traffic.health.reasons import HealthThresholds
from engine.traffic.health.step import HealthState, health_step
from engine.traffic.health.substitute import SubstituteState, SubstituteThresholds, substitute
from engine.traffic.incidents.detect import IncidentState, detect_incidents
from engine.traffic.incidents.scales import Scales
from engine.traffic.incidents.thresholds import IncidentThresholds
from engine.traffic.smoothing import SmoothingParameters, live_field, live_kernel
from engine.traffic.state import StateThresholds, initial_status, traffic_state
from engine.traffic.travel_time import (
    Cells,
    TravelTimeThresholds,
    driven_s,
    filled,
    instantaneous_s,
)
from ingest.thresholds import load_group, load_thresholds

_LANES = 4
_NS = 1_000_000_000
_WARM, _STEPS = 25, 20
_QUEUED = 0.08
"""Share of the stations that stand in a queue: eight of each hundred, in a row."""


def run(stations: tuple[int, ...] = (3_750, 7_500, 15_000)) -> dict[str, object]:
    """Return the median processor time of every part of a cycle, and of all, for each number of stations [ms]."""
    return {str(count): _measure(count) for count in stations}


def _measure(n_station: int) -> dict[str, float]:
    layout, _ = road(n_station)
    scales = Scales.of(layout)
    traffic = load_thresholds().traffic
    rules, fill = load_group(HealthThresholds, "traffic_health"), load_group(SubstituteThresholds, "traffic_substitute")
    grade, ends = load_group(StateThresholds, "traffic_state"), load_group(FrontThresholds, "traffic_fronts")
    alarm, wave = (
        load_group(IncidentThresholds, "traffic_incidents"),
        load_group(SmoothingParameters, "traffic_smoothing"),
    )
    numbers = load_group(TravelTimeThresholds, "traffic_travel_time")
    health_state, learnt = HealthState.initial(layout, _LANES), SubstituteState.initial(n_station, _LANES)
    status, fronts = initial_status(n_station), FrontState.initial(layout)
    incidents = IncidentState.initial(scales, _LANES)
    kernel = live_kernel(layout, numbers.cell_m.value, 30.0, wave)
    cells = Cells.of(layout, kernel.corridor, kernel.chainage_m)
    ahead, road_ahead = load_group(AheadThresholds, "traffic_ahead"), Road.of(layout, cells)
    learnt_road = RoadState.initial(layout, road_ahead, ahead)
    ring = np.full((len(kernel.free), n_station), np.nan)
    rng = np.random.default_rng(0)
    spent: dict[str, list[float]] = defaultdict(list)
    for turn in range(_WARM + _STEPS):
        frame = _frame(turn, n_station, rng)
        watch = _Watch(spent if turn >= _WARM else defaultdict(list))
        health_state, health = health_step(health_state, frame, layout, rules, traffic, 32_400.0)
        watch.lap("health_ms")
        learnt, whole = substitute(learnt, frame, health, layout, fill, rules, traffic, 32_400.0)
        status = traffic_state(status, whole.stations, layout, grade, traffic).status
        watch.lap("substitution_and_state_ms")
        sums = station_frame(frame, traffic.effective_length_m.value, traffic.jam_occupancy_pct.value)
        fronts = follow_fronts(fronts, sums, layout, ends)
        extents = queue_extents(fronts, layout, ends)
        watch.lap("queues_ms")
        incidents, _ = detect_incidents(incidents, frame, health.excluded, scales, alarm)
        watch.lap("incidents_ms")
        speed = speeds_of_stations(sums, learnt_road.free_kmh[road_ahead.under])
        ring = np.concatenate((speed[None], ring[:-1]))
        free = fronts.free_speed_kmh[cells.station]
        field = filled(live_field(ring, kernel, wave), free, numbers)
        watch.lap("speed_field_ms")
        instantaneous_s(field, cells)
        learnt_road = learn_road(learnt_road, sums, field, road_ahead, layout, ahead)
        driven_s(fields_ahead(learnt_road, field, road_ahead, layout, ahead), FIELD_EVERY_S, road_ahead.cells)
        watch.lap("travel_times_ms")
    found = {part: round(float(np.median(times)), 2) for part, times in spent.items()}
    whole_ms = np.sum([spent[part] for part in spent], axis=0)
    return found | {
        "cycle_ms": round(float(np.median(whole_ms)), 1),
        "longest_ms": round(float(whole_ms.max()), 1),
        "queues": float(len(extents)),
    }


class _Watch:
    """Processor time from one mark to the next, by part."""

    def __init__(self, spent: dict[str, list[float]]) -> None:
        self._spent, self._at = spent, time.process_time()

    def lap(self, part: str) -> None:
        now = time.process_time()
        self._spent[part].append((now - self._at) * 1e3)
        self._at = now


def _frame(turn: int, n_station: int, rng: np.random.Generator) -> Frame:
    shape = (n_station, _LANES)
    queued = (np.arange(n_station) % 100 < 100 * _QUEUED)[:, None]
    volume = rng.poisson(np.where(queued, 8.0, 11.0), shape).astype(np.float64)
    speed = np.where(volume > 0, rng.normal(np.where(queued, 20.0, 97.0), np.where(queued, 3.0, 5.0), shape), np.nan)
    return Frame((turn + 1) * 30 * _NS, 30.0, volume, speed, volume * np.where(queued, 4.0, 0.85))
