from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.traffic.stations import CongestionLevel, StationState, aggregate_lanes, congestion_level, update_stations
from tests.engine.builders import NS, T0, TRAFFIC, envelope, stations, vds

UNKNOWN, SMOOTH, SLOW, JAMMED = -1, 0, 1, 2
ROAD = stations([0.0, 1000.0, 2000.0])


def _one(volume, speed, occupancy, standing=40.0):
    columns = (np.array([volume], float), np.array([speed], float), np.array([occupancy], float))
    flow, density, occ = aggregate_lanes(*columns, np.array([30.0]), 6.5, standing)
    return flow[0], density[0], occ[0]


def test_lanes_add_up():
    # 10 and 20 vehicles in 30 s: 1,200 and 2,400 veh/h at 60 and 80 km/h: 20 + 30 = 50 veh/km, 3,600/50 = 72 km/h
    assert _one([10, 20], [60, 80], [10, 20]) == (3600.0, 50.0, 15.0)


def test_a_standing_queue_has_the_density_of_its_occupancy():
    # 100 % over 6.5 m is 1000/6.5 = 153.8 veh/km
    assert _one([0], [np.nan], [100]) == pytest.approx((0.0, 1000 / 6.5, 100.0))
    assert _one([3], [np.nan], [50]) == pytest.approx((360.0, 500 / 6.5, 50.0))


def test_a_vehicle_at_the_edge_of_the_period_is_no_queue():
    assert _one([0], [np.nan], [2]) == (0.0, 0.0, 2.0)


def test_a_lane_that_contradicts_itself_is_left_out():
    assert _one([10, 10], [60, np.nan], [10, 0]) == (1200.0, 20.0, 10.0)
    assert all(np.isnan(_one([10], [np.nan], [0])))


def test_a_lane_that_was_not_reported_is_left_out():
    assert _one([10, np.nan], [60, np.nan], [10, np.nan]) == (1200.0, 20.0, 10.0)
    assert all(np.isnan(_one([np.nan], [np.nan], [np.nan])))


lanes = st.lists(st.tuples(st.integers(1, 60), st.floats(1, 150), st.floats(0, 100)), min_size=1, max_size=6)


@given(lanes, st.floats(5, 300))
def test_flow_is_density_times_speed_and_speed_lies_among_the_lanes(cells, period_s):
    volume, speed, occupancy = (np.array([column], float) for column in zip(*cells, strict=True))
    flow, density, _ = aggregate_lanes(volume, speed, occupancy, np.array([period_s]), 6.5)
    assert flow[0] == pytest.approx(volume.sum() * 3600 / period_s)
    mean = flow[0] / density[0]
    assert speed.min() * (1 - 1e-12) <= mean <= speed.max() * (1 + 1e-12)
    # the flow-weighted harmonic mean: total time per distance is what adds up
    assert mean == pytest.approx(volume.sum() / (volume / speed).sum())


@pytest.mark.parametrize(
    ("speed", "occupancy", "before", "level"),
    [
        (80.0, 5, UNKNOWN, SMOOTH),
        (79.9, 5, UNKNOWN, SLOW),
        (40.0, 5, UNKNOWN, SLOW),
        (39.9, 5, UNKNOWN, JAMMED),
        (84.9, 5, SLOW, SLOW),
        (85.0, 5, SLOW, SMOOTH),
        (44.9, 5, JAMMED, JAMMED),
        (45.0, 5, JAMMED, SLOW),
        (84.9, 5, JAMMED, SLOW),
        (85.0, 5, JAMMED, SMOOTH),
        (0.0, 100, SMOOTH, JAMMED),
        (np.nan, 40, SMOOTH, JAMMED),
        (np.nan, 39, JAMMED, SMOOTH),
        (np.nan, np.nan, JAMMED, UNKNOWN),
        (30.0, np.nan, UNKNOWN, JAMMED),
    ],
)
def test_levels_and_their_margins(speed, occupancy, before, level):
    graded = congestion_level(
        np.array([speed]), np.array([float(occupancy)]), np.array([100.0]), np.array([before], np.int8), TRAFFIC
    )
    assert graded.tolist() == [level]
    assert graded.dtype == np.int8


speeds = st.floats(0, 200)


@given(speeds, speeds, st.floats(0, 100), st.sampled_from(list(CongestionLevel)))
def test_slower_is_never_better(speed, other, occupancy, before):
    slower, faster = sorted((speed, other))
    levels = [
        congestion_level(np.array([v]), np.array([occupancy]), np.array([100.0]), np.array([before], np.int8), TRAFFIC)[
            0
        ]
        for v in (slower, faster)
    ]
    assert levels[0] >= levels[1]


@given(st.sampled_from([0.4, 0.8]), st.lists(st.floats(-0.049, 0.0499), min_size=5, max_size=30))
def test_speeds_about_a_limit_do_not_flicker(limit, wobble):
    """Within the margin above the limit the level changes once at most."""
    level, changes = np.array([UNKNOWN], np.int8), 0
    for part in wobble:
        new = congestion_level(np.array([100 * (limit + part)]), np.array([10.0]), np.array([100.0]), level, TRAFFIC)
        changes += int(new[0] != level[0])
        level = new
    assert changes <= 2  # the first grade, and one step down


def _sample(row, seconds, volume=10, speed=90.0, seq=None, **more):
    rows = np.atleast_1d(row)
    times = T0 + (np.atleast_1d(seconds) * NS).astype(np.int64)
    return vds(
        envelope(rows, times, seq=seq), np.broadcast_to(np.asarray(volume, float), len(rows)), speed, 10.0, **more
    )


def test_the_first_sample_counts_whole_and_the_next_by_its_time():
    state = update_stations(StationState.initial(3), _sample(1, 0), ROAD, TRAFFIC)
    assert state.flow_veh_h[1] == 1200.0
    assert state.speed_kmh[1] == pytest.approx(90.0)
    assert np.isnan(state.flow_veh_h[[0, 2]]).all()
    # 30 s at τ = 60 s weigh 1 - e^-0.5 = 0.39347: flow 1200 + 0.39347 * (2400 - 1200) = 1672.2
    state = update_stations(state, _sample(1, 30, 20), ROAD, TRAFFIC)
    assert state.flow_veh_h[1] == pytest.approx(1672.16, abs=0.01)
    assert state.density_veh_km[1] == pytest.approx(1672.16 / 90, abs=0.001)


def test_samples_of_one_batch_count_as_if_they_came_one_by_one():
    one_by_one = StationState.initial(3)
    for seconds, speed in ((0, 90.0), (30, 50.0), (60, 20.0)):
        one_by_one = update_stations(one_by_one, _sample(0, seconds, 10, speed, seq=[seconds]), ROAD, TRAFFIC)
    at_once = _sample([0, 0, 0], [60, 0, 30], 10, np.array([20.0, 90.0, 50.0]), seq=[60, 0, 30])
    together = update_stations(StationState.initial(3), at_once, ROAD, TRAFFIC)
    for name, column in vars(one_by_one).items():
        np.testing.assert_array_equal(getattr(together, name), column)


def test_late_and_faulty_samples_are_left_out():
    state = update_stations(StationState.initial(3), _sample(0, 60), ROAD, TRAFFIC)
    assert update_stations(state, _sample(0, 60, 99), ROAD, TRAFFIC) is state
    assert update_stations(state, _sample(0, 30, 99), ROAD, TRAFFIC) is state
    assert update_stations(state, _sample(0, 90, 99, fault=True), ROAD, TRAFFIC) is state
    assert update_stations(state, _sample(0, 90, np.nan, np.nan), ROAD, TRAFFIC) is state


def test_of_two_with_one_time_the_higher_number_counts():
    for order in ([0, 1], [1, 0]):
        sample = _sample([0, 0], [0, 0], np.array([10, 20])[order], seq=np.array([1, 2])[order])
        state = update_stations(StationState.initial(3), sample, ROAD, TRAFFIC)
        assert (state.flow_veh_h[0], state.seq[0]) == (2400.0, 2)


def test_a_level_knows_since_when():
    state = StationState.initial(3)
    for seconds, speed in ((0, 90.0), (30, 10.0), (60, 10.0), (90, 10.0)):
        state = update_stations(state, _sample(0, seconds, 10, speed), ROAD, TRAFFIC)
    assert state.level[0] == CongestionLevel.JAMMED
    assert (state.level_since_ns[0] - T0) / NS in {30.0, 60.0}


samples = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.integers(0, 5),
        st.integers(0, 30),
        st.one_of(st.floats(1, 120), st.just(np.nan)),
        st.floats(0, 100),
        st.booleans(),
    ),
    min_size=1,
    max_size=12,
)


def _columns(items, order):
    rows, minutes, volume, speed, occupancy, fault = (np.array(column) for column in zip(*items, strict=True))
    head = envelope(rows[order], T0 + minutes[order] * 60 * NS, seq=np.arange(len(items))[order])
    return vds(head, volume[order], speed[order], occupancy[order], fault=fault[order])


@settings(max_examples=60)
@given(samples, st.randoms(use_true_random=False))
def test_the_order_within_a_batch_does_not_matter_and_speed_is_flow_over_density(items, random):
    order = list(range(len(items)))
    straight = update_stations(StationState.initial(3), _columns(items, order), ROAD, TRAFFIC)
    random.shuffle(order)
    shuffled = update_stations(StationState.initial(3), _columns(items, order), ROAD, TRAFFIC)
    for name, column in vars(straight).items():
        np.testing.assert_array_equal(column, getattr(shuffled, name))
    moving = np.isfinite(straight.speed_kmh)
    np.testing.assert_allclose(
        straight.flow_veh_h[moving], (straight.density_veh_km * straight.speed_kmh)[moving], atol=1e-9
    )


def test_inputs_are_left_alone():
    state = update_stations(StationState.initial(3), _sample(0, 0), ROAD, TRAFFIC)
    copies = {name: column.copy() for name, column in vars(state).items()}
    update_stations(state, _sample([0, 1], [30, 30], 20, 10.0), ROAD, TRAFFIC)
    for name, copy in copies.items():
        np.testing.assert_array_equal(getattr(state, name), copy)
