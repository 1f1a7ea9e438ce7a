"""The road as it will be: shocks where they should be, nothing strange from strange input."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.tables import StationTable
from engine.thresholds import Sourced
from engine.traffic.ahead.learn import RoadState, learn_road
from engine.traffic.ahead.road import Road, filled_stations
from engine.traffic.ahead.run import FIELD_EVERY_S, fields_ahead
from engine.traffic.ahead.thresholds import AheadThresholds
from engine.traffic.frame import StationFrame
from engine.traffic.layout import Layout
from engine.traffic.smoothing import SmoothingParameters, live_kernel
from engine.traffic.travel_time import Cells
from ingest.thresholds import load_group

NUMBERS = load_group(AheadThresholds, "traffic_ahead")
PATIENT = replace(NUMBERS, clearing_s=Sourced(1e12, "nothing clears by itself"))
LANES = 3


def road_of(layout):
    kernel = live_kernel(layout, 250.0, 30.0, load_group(SmoothingParameters, "traffic_smoothing"))
    cells = Cells.of(layout, kernel.corridor, kernel.chainage_m)
    return cells, Road.of(layout, cells)


def layout_of(*corridors):
    chainage = np.concatenate(corridors)
    number = np.repeat(np.arange(len(corridors)), [len(one) for one in corridors])
    nowhere = np.zeros(len(chainage))
    return Layout.of(
        StationTable(
            ids=tuple(str(row) for row in range(len(chainage))),
            corridor=number.astype(np.int64),
            corridor_names=tuple("ab"[: len(corridors)]),
            chainage_m=chainage,
            speed_limit_kmh=np.full(len(chainage), 110.0),
            lanes=np.full(len(chainage), LANES),
            lon_deg=nowhere,
            lat_deg=nowhere,
        )
    )


def frame_of(turn, flow, speed):
    flow, speed = np.asarray(flow, dtype=np.float64), np.asarray(speed, dtype=np.float64)
    n = len(flow)
    density = np.divide(flow, speed, out=np.full(n, np.nan), where=speed > 0)
    return StationFrame(
        time_ns=(turn + 1) * 30_000_000_000,
        period_s=30.0,
        lanes_used=np.where(np.isnan(flow), 0, LANES).astype(np.int64),
        flow_veh_h_lane=flow,
        density_veh_km_lane=density,
        speed_kmh=speed,
        occupancy_pct=np.full(n, np.nan),
        substituted=np.zeros(n, dtype=bool),
    )


def learnt(layout, flow, field_kmh, numbers=NUMBERS, turns=120):
    """A road on which flow (station) and field (field cell) have long been as they are."""
    cells, road = road_of(layout)
    state = RoadState.initial(layout, road, numbers)
    for turn in range(turns):
        frame = frame_of(turn, flow, field_kmh[_nearest(layout, cells)])
        state = learn_road(state, frame, field_kmh, road, layout, numbers)
    return state, road, cells


def _nearest(layout, cells):
    first = cells.starts[:-1]
    found = []
    for number, (a, b) in enumerate(zip(layout.starts[:-1], layout.starts[1:], strict=True)):
        x = cells.chainage_m[first[number] : cells.starts[number + 1]]
        found += [first[number] + int(np.abs(x - at).argmin()) for at in layout.chainage_m[a:b]]
    return np.array(found)


def step_profile(at, edges, values):
    return np.asarray(values, dtype=np.float64)[np.searchsorted(edges, at, side="right")]


def test_free_traffic_stays_as_it_is():
    layout = layout_of(np.arange(0.0, 12_001.0, 500.0))
    field = np.full(48, 98.0)
    state, road, _ = learnt(layout, np.full(25, 1_200.0), field)
    fields = fields_ahead(state, field, road, layout, NUMBERS)
    np.testing.assert_allclose(fields, 98.0, rtol=0.02)


def test_a_growing_tail_moves_with_the_shock():
    """Between streams of flow q and density k it moves at Δq / Δk."""
    layout = layout_of(np.arange(0.0, 20_001.0, 500.0))
    x = np.arange(125.0, 20_000.0, 250.0)
    head, tail, free, slow = 18_000.0, 15_000.0, 100.0, 25.0
    field = step_profile(x, [tail, head], [free, slow, free])
    flow = step_profile(layout.chainage_m, [tail, head], [1_800.0, 1_400.0, 1_400.0])
    # Where flow differs along the road for long, vehicles enter or leave: the state before the queue was even.
    state, road, _ = learnt(layout, np.full(41, 1_400.0), np.full(len(x), free), PATIENT)
    jam = 1_400.0 / slow + 1_400.0 / NUMBERS.jam_wave_kmh.value
    state = replace(
        state,
        flow_veh_h=flow * LANES,
        discharge_veh_h=flow * LANES,
        ramp_veh_h=np.zeros(41),
        jam_veh_km_lane=np.full(len(road.cells.length_m), jam),
    )
    fields = fields_ahead(state, field, road, layout, PATIENT)
    speed_kmh = (1_800.0 - 1_400.0) / (1_400.0 / slow - 1_800.0 / free)
    for minutes in (5, 10, 20):
        queued_m = road.cells.length_m[fields[minutes] < 60.0].sum()
        expected_m = head - tail + speed_kmh / 3.6 * 60.0 * minutes
        assert queued_m == pytest.approx(expected_m, abs=750.0)
        inside = (road.cells.chainage_m > tail) & (road.cells.chainage_m < head - 500.0)
        np.testing.assert_allclose(fields[minutes][inside], slow, rtol=0.15)


def test_a_queue_whose_cause_has_gone_dissolves_from_its_head():
    layout = layout_of(np.arange(0.0, 20_001.0, 500.0))
    x = np.arange(125.0, 20_000.0, 250.0)
    head, tail = 16_000.0, 13_000.0
    field = step_profile(x, [tail, head], [100.0, 12.0, 90.0])
    state, road, _ = learnt(layout, np.full(41, 900.0), np.full(len(x), 100.0), PATIENT)
    flow = step_profile(layout.chainage_m, [tail, head], [900.0, 900.0, 1_900.0]) * LANES
    state = replace(state, flow_veh_h=flow, discharge_veh_h=flow, ramp_veh_h=np.zeros(41))
    fields = fields_ahead(state, field, road, layout, PATIENT)
    at = road.cells.chainage_m
    near_head = (at > head - 1_000.0) & (at < head)
    assert fields[6][near_head].mean() > 3 * fields[0][near_head].mean()
    assert (fields[25][at < head] > 60.0).all()


def test_what_enters_between_two_stations_is_learnt():
    layout = layout_of(np.arange(0.0, 4_001.0, 500.0))
    flow = step_profile(layout.chainage_m, [2_200.0], [1_000.0, 1_300.0])
    state, road, _ = learnt(layout, flow, np.full(16, 100.0))
    assert state.ramp_veh_h[4] == pytest.approx(900.0, rel=0.05)
    np.testing.assert_allclose(np.delete(state.ramp_veh_h, 4), 0.0, atol=1e-6)
    np.testing.assert_allclose((road.spread @ state.ramp_veh_h).sum(), 900.0, rtol=0.05)


def _random(rng, n):
    flow, speed = rng.uniform(0, 2_200, n), rng.uniform(0, 130, n)
    flow[rng.random(n) < 0.3] = np.nan
    speed[rng.random(n) < 0.2] = 0.0
    return flow, speed


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_corridors_do_not_mix_and_speeds_are_possible(seed):
    rng = np.random.default_rng(seed)
    parts = [np.sort(rng.uniform(0, 9_000, rng.integers(1, 9)).round(-2)) for _ in range(2)]
    both = layout_of(*parts)
    flow, speed = zip(*(_random(rng, len(part)) for part in parts), strict=True)
    cells, road = road_of(both)
    field = rng.uniform(4, 130, len(cells.chainage_m))
    together = _after(both, road, np.concatenate(flow), np.concatenate(speed), field)
    assert (together >= NUMBERS.slowest_kmh.value - 1e-9).all()
    assert (together <= 160.0 + 1e-9).all()
    for number, part in enumerate(parts):
        layout = layout_of(part)
        _, its_road = road_of(layout)
        mine = slice(cells.starts[number], cells.starts[number + 1])
        alone = _after(layout, its_road, flow[number], speed[number], field[mine])
        ours = slice(road.cells.starts[number], road.cells.starts[number + 1])
        np.testing.assert_allclose(together[:, ours], alone, rtol=1e-4)


def _after(layout, road, flow, speed, field):
    state = RoadState.initial(layout, road, NUMBERS)
    for turn in (0, 1, 2, 40):
        state = learn_road(state, frame_of(turn, flow, speed), field, road, layout, NUMBERS)
    return fields_ahead(state, field, road, layout, NUMBERS)


def test_a_road_that_measures_nothing_keeps_its_speeds():
    layout = layout_of(np.arange(0.0, 3_001.0, 500.0))
    cells, road = road_of(layout)
    field = np.full(len(cells.chainage_m), 77.0)
    nothing = np.full(7, np.nan)
    np.testing.assert_allclose(_after(layout, road, nothing, nothing, field), 77.0)


def test_a_station_long_silent_is_taken_from_its_neighbours():
    layout = layout_of(np.arange(0.0, 2_001.0, 500.0))
    cells, road = road_of(layout)
    state = RoadState.initial(layout, road, NUMBERS)
    field = np.full(len(cells.chainage_m), 100.0)
    flow = np.array([1_000.0, 1_000.0, 400.0, 1_000.0, 1_000.0])
    for turn in range(30):
        if turn > 2:
            flow[2] = np.nan
        state = learn_road(state, frame_of(turn, flow, np.full(5, 100.0)), field, road, layout, NUMBERS)
        if turn == 5:
            assert state.flow_veh_h[2] == pytest.approx(1_200.0)
    assert np.isnan(state.flow_veh_h[2])
    assert filled_stations(state.flow_veh_h, layout)[2] == pytest.approx(3_000.0)


def test_stations_are_filled_within_their_corridor_only():
    layout = layout_of(np.array([0.0, 100.0, 400.0]), np.array([0.0, 50.0]))
    filled = filled_stations(np.array([1.0, np.nan, 5.0, np.nan, np.nan]), layout)
    np.testing.assert_allclose(filled, [1.0, 2.0, 5.0, np.nan, np.nan])


def test_cells_of_the_model_are_those_of_the_field_put_together():
    layout = layout_of(np.array([0.0, 1_000.0, 1_000.0, 7_300.0]), np.array([500.0]))
    cells, road = road_of(layout)
    assert road.cells.length_m.sum() == pytest.approx(cells.length_m.sum())
    np.testing.assert_allclose(np.bincount(road.group, cells.length_m), road.cells.length_m)
    field = np.random.default_rng(5).uniform(10, 120, len(cells.length_m))
    time_h = np.bincount(cells.corridor, cells.length_m / field)
    np.testing.assert_allclose(np.bincount(road.cells.corridor, road.cells.length_m / road.coarse(field)), time_h)
    assert FIELD_EVERY_S == 60.0
