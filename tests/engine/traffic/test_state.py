"""Level of service, status, delay and productivity."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.traffic.frame import StationFrame
from engine.traffic.layout import Layout
from engine.traffic.state import (
    LevelOfService,
    StateThresholds,
    initial_status,
    level_of_service,
    represented_m,
    traffic_state,
)
from engine.traffic.stations import CongestionLevel
from ingest.thresholds import load_group
from tests.engine.builders import TRAFFIC, changed

GRADE: StateThresholds = load_group(StateThresholds, "traffic_state")
MILE = 1.609344


def _stations(flow, density, occupancy=5.0):
    flow, density = np.array(flow, dtype=np.float64), np.array(density, dtype=np.float64)
    n = len(flow)
    speed = np.divide(flow, density, out=np.full(n, np.nan), where=density > 1e-3)
    speed[flow == 0] = np.where(density[flow == 0] > 1e-3, 0.0, np.nan)
    return StationFrame(
        0, 30.0, np.full(n, 2), flow, density, speed, np.full(n, float(occupancy)), np.zeros(n, dtype=bool)
    )


def _graded(flow, density, layout=None, **options):
    road = Layout.along(np.arange(len(flow)) * 1000.0, 2, 100.0) if layout is None else layout
    return traffic_state(initial_status(len(flow)), _stations(flow, density), road, GRADE, TRAFFIC, **options)


@pytest.mark.parametrize(
    ("density_pc_mi", "level"),
    [
        (0.0, "A"),
        (11.0, "A"),
        (11.1, "B"),
        (18.0, "B"),
        (26.0, "C"),
        (35.0, "D"),
        (45.0, "E"),
        (45.1, "F"),
        (200.0, "F"),
    ],
)
def test_levels_of_service_as_published(density_pc_mi, level):
    assert LevelOfService(int(level_of_service(np.array([density_pc_mi / MILE]), GRADE)[0])).name == level


def test_unknown_density_is_an_unknown_level():
    assert level_of_service(np.array([np.nan]), GRADE).tolist() == [LevelOfService.UNKNOWN]


def test_heavy_vehicles_count_double():
    state = _graded([1000.0], [10.0], heavy_share=np.array([0.5]))
    assert state.density_pc_km_lane.tolist() == [15.0]
    assert _graded([1000.0], [10.0], heavy_share=np.array([np.nan])).density_pc_km_lane[0] == pytest.approx(
        10.0 * (1 + GRADE.heavy_share.value)
    )


def test_delay_is_time_beyond_that_at_the_reference():
    # 1 km a station; 1,200 veh/h in two lanes at 50 km/h against 100: 36 s more each, 10 vehicles in 30 s.
    state = _graded([600.0, 600.0, 600.0], [12.0, 12.0, 12.0])
    assert state.travel_time_index.tolist() == [2.0, 2.0, 2.0]
    np.testing.assert_allclose(state.distance_veh_km, 10.0)
    np.testing.assert_allclose(state.delay_veh_h, 10.0 * (1 / 50 - 1 / 100))


def test_a_queue_that_stands_has_delay_without_flow():
    state = _graded([0.0], [120.0])
    length_km, lanes, hours = 3.0, 2, 30 / 3600
    assert state.delay_veh_h[0] == pytest.approx(120.0 * lanes * length_km * hours)
    assert state.status.tolist() == [CongestionLevel.JAMMED]


def test_lost_productivity_only_while_congested():
    free, slow = _graded([1038.0], [10.38]), _graded([1038.0], [51.9])
    assert free.lost_lane_km_h.tolist() == [0.0]
    assert slow.lost_lane_km_h[0] == pytest.approx(0.5 * 2 * 3.0 * 30 / 3600)


def test_three_colours_with_hysteresis():
    layout = Layout.along(np.zeros(1), 2, 100.0)
    status = initial_status(1)
    said = []
    for speed in (90.0, 82.0, 78.0, 82.0, 86.0, 39.0, 42.0, 46.0):
        state = traffic_state(status, _stations([speed * 10], [10.0]), layout, GRADE, TRAFFIC)
        status = state.status
        said.append(CongestionLevel(int(status[0])).name)
    assert said == ["SMOOTH", "SMOOTH", "SLOW", "SLOW", "SMOOTH", "JAMMED", "JAMMED", "SLOW"]


def test_unknown_stays_unknown():
    state = _graded([np.nan, 600.0], [np.nan, 6.0])
    for name in ("delay_veh_h", "lost_lane_km_h", "travel_time_index", "distance_veh_km", "time_veh_h"):
        assert np.isnan(getattr(state, name)).tolist() == [True, False], name
    assert state.level_of_service[0] == LevelOfService.UNKNOWN


def test_stations_share_the_road_between_them():
    layout = Layout.along(np.array([0.0, 400.0, 400.0, 10_000.0]), 2, 100.0)
    up, down = represented_m(layout, 1500.0)
    assert up.tolist() == [200.0, 200.0, 0.0, 1500.0]
    assert down.tolist() == [200.0, 0.0, 1500.0, 1500.0]
    alone = represented_m(Layout.along(np.zeros(1), 2, 100.0), 1500.0)
    assert [side.tolist() for side in alone] == [[1500.0], [1500.0]]


@given(st.lists(st.tuples(st.floats(0.0, 3000.0), st.floats(0.0, 150.0)), min_size=1, max_size=6))
def test_delay_and_losses_are_never_negative(pairs):
    state = _graded(*map(list, zip(*pairs, strict=True)))
    assert (state.delay_veh_h >= 0).all()
    assert (state.lost_lane_km_h >= 0).all()
    assert (state.time_veh_h + 1e-12 >= state.delay_veh_h).all()


def test_other_references():
    slower = traffic_state(
        initial_status(1),
        _stations([600.0], [12.0]),
        Layout.along(np.zeros(1), 2, 100.0),
        changed(GRADE, reference_ratio=0.5),
        TRAFFIC,
    )
    assert slower.delay_veh_h.tolist() == [0.0]
    given_speed = _graded([600.0], [12.0], reference_kmh=np.array([60.0]))
    assert given_speed.travel_time_index.tolist() == [1.2]
