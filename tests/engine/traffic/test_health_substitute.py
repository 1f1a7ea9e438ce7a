"""What stands in for faulty lanes and blind stations, and that it is marked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engine.traffic.frame import StationFrame, station_frame
from engine.traffic.health.profile import SLOTS, Profile, learn, slot_of
from engine.traffic.health.substitute import SubstituteState, Way, substitute
from engine.traffic.health.watch import watch
from engine.traffic.layout import Layout
from tests.engine.builders import NS, TRAFFIC
from tests.engine.traffic.roads import FILL, HEALTH, MORNING_NS, frame_of, judge_all, road, traffic


def _watch(series, layout):
    return list(watch(series, layout, HEALTH, FILL, TRAFFIC, 0.0))


def _mute(series, where):
    for values in (series.volume, series.speed_kmh, series.occupancy_pct):
        values[where] = np.nan


def test_healthy_stations_are_as_if_nothing_had_been_done():
    series, layout = traffic(40, 4), road(4)
    for one in _watch(series, layout):
        plain = station_frame(one.frame, TRAFFIC.effective_length_m.value, TRAFFIC.jam_occupancy_pct.value)
        got = one.substituted.stations
        assert (one.substituted.way == Way.MEASURED).all()
        assert not got.substituted.any()
        for name in ("flow_veh_h_lane", "density_veh_km_lane", "speed_kmh", "occupancy_pct"):
            np.testing.assert_allclose(getattr(got, name), getattr(plain, name), rtol=1e-12)
        assert (got.lanes_used == 3).all()


def test_the_lanes_that_are_left_speak_for_all_by_their_usual_shares():
    series, layout = traffic(400, 4), road(4)
    series.volume[:, :, 2] = np.round(series.volume[:, :, 2] / 4)
    _mute(series, (slice(200, None), 1, 0))
    told = _watch(series, layout)
    late = told[240:]
    assert {int(one.substituted.way[1]) for one in late} == {Way.LANES}
    assert all(one.substituted.stations.substituted.tolist() == [False, True, False, False] for one in late)
    made = np.mean([one.substituted.stations.flow_veh_h_lane[1] for one in late])
    whole = np.mean([one.substituted.stations.flow_veh_h_lane[2] for one in late])
    naive = np.nanmean(series.volume[240:, 1, 1:]) * 120.0
    assert made == pytest.approx(whole, rel=0.1)
    assert abs(naive - whole) > 2 * abs(made - whole)


def test_a_blind_station_lies_between_its_neighbours():
    series = traffic(120, 5)
    layout = Layout.along(np.array([0.0, 1000.0, 2000.0, 4000.0, 5000.0]), 3, 100.0)
    series.volume[:, 3] = 12.0
    series.occupancy_pct[:, 3] = 15.0
    series.speed_kmh[:, 3] = 60.0 + np.arange(120)[:, None] % 5
    series.volume[:, 1], series.speed_kmh[:, 1], series.occupancy_pct[:, 1] = (
        6.0,
        100.0 + np.arange(120)[:, None] % 3,
        5.0,
    )
    _mute(series, (slice(None), 2))
    last = _watch(series, layout)[-1].substituted
    assert last.way.tolist() == [0, 0, Way.NEIGHBOURS, 0, 0]
    near, far = last.stations.flow_veh_h_lane[[1, 3]]
    assert last.stations.flow_veh_h_lane[2] == pytest.approx(near * 2 / 3 + far / 3)
    assert last.stations.speed_kmh[3] < last.stations.speed_kmh[2] < last.stations.speed_kmh[1]
    assert last.stations.lanes_used[2] == 0


def test_neighbours_are_not_asked_across_corridors_or_from_afar():
    series = traffic(20, 3)
    layout = Layout.along(np.array([0.0, 9000.0, 30000.0]), 3, 100.0)
    _mute(series, (slice(None), 1))
    last = _watch(series, layout)[-1].substituted
    assert last.way[1] == Way.UNKNOWN
    assert np.isnan(last.stations.flow_veh_h_lane[1])
    assert np.isnan(last.stations.speed_kmh[1])


def test_what_is_usual_stands_in_when_nobody_is_near():
    layout = Layout.along(np.array([0.0]), 3, 100.0)
    usual = np.full((SLOTS, 1, 3), np.nan, dtype=np.float32)
    usual[slot_of(MORNING_NS, 0.0)] = (900.0, 10.0, 6.0)
    series = traffic(5, 1)
    _mute(series, (slice(None), 0))
    state = SubstituteState.initial(1, 3, usual)
    _, verdicts = judge_all(series, layout)
    for frame, health in zip(series.frames(), verdicts, strict=True):
        state, got = substitute(state, frame, health, layout, FILL, HEALTH, TRAFFIC, 0.0)
    assert got.way.tolist() == [Way.PROFILE]
    assert got.stations.flow_veh_h_lane.tolist() == [900.0]
    assert got.stations.speed_kmh.tolist() == [90.0]
    assert got.stations.substituted.tolist() == [True]


def test_neighbours_speak_through_what_is_usual_here_and_there():
    layout = road(3)
    usual = np.full((SLOTS, 3, 3), np.nan, dtype=np.float32)
    usual[slot_of(MORNING_NS, 0.0)] = [[500.0, 5.0, 4.0], [1000.0, 10.0, 8.0], [500.0, 5.0, 4.0]]
    frame = frame_of([[5.0], [np.nan], [5.0]], [[60.0], [np.nan], [60.0]], [[8.0], [np.nan], [8.0]])
    layout = Layout.along(layout.chainage_m, 1, 100.0)
    _, verdicts = judge_all(replace(traffic(1, 3, 1), volume=frame.volume[None]), layout)
    _, got = substitute(SubstituteState.initial(3, 1, usual), frame, verdicts[0], layout, FILL, HEALTH, TRAFFIC, 0.0)
    assert got.way.tolist() == [0, Way.NEIGHBOURS, 0]
    assert got.stations.flow_veh_h_lane[1] == pytest.approx(2 * got.stations.flow_veh_h_lane[0])


def test_lanes_without_speeds_get_them_from_the_length_they_show():
    series, layout = traffic(600, 3), road(3)
    true = series.speed_kmh.copy()
    series.speed_kmh[300:, 1, 1] = np.nan
    got = np.array([one.substituted.speed_kmh[1, 1] for one in _watch(series, layout)])
    known = ~np.isnan(got[300:]) & ~np.isnan(true[300:, 1, 1])
    assert known.sum() > 250
    assert np.abs(got[300:][known] - true[300:, 1, 1][known]).mean() < 4.0


def test_lanes_that_never_had_speeds_learn_from_free_flow():
    series, layout = traffic(900, 3), road(3)
    series.speed_kmh[:, 1] = np.nan
    late = _watch(series, layout)[-1].substituted
    assert late.way[1] == Way.LENGTH
    assert 75.0 < late.stations.speed_kmh[1] < 125.0


def test_a_fault_takes_back_what_was_learnt_lately():
    series, layout = traffic(200, 3), road(3)
    series.volume[100:, 1, 0], series.occupancy_pct[100:, 1, 0], series.speed_kmh[100:, 1, 0] = 30.0, 40.0, 90.0
    *_, last = _watch(series, layout)
    assert last.health.excluded[1, 0]
    assert last.substituted.way[1] == Way.LANES
    others = np.mean(series.volume[-1, 1, 1:]) * 120.0
    assert last.substituted.stations.flow_veh_h_lane[1] == pytest.approx(others, rel=0.25)


def test_speeds_alone_are_still_speeds():
    series = traffic(20, 3)
    series.volume[:] = series.occupancy_pct[:] = np.nan
    series.speed_kmh[:] = np.array([60.0, 90.0, np.nan])
    last = _watch(series, road(3))[-1].substituted
    assert last.stations.speed_kmh.tolist() == pytest.approx([72.0] * 3)
    assert np.isnan(last.stations.flow_veh_h_lane).all()
    assert last.way.tolist() == [Way.MEASURED] * 3
    assert last.stations.lanes_used.tolist() == [2] * 3


def test_profiles_average_over_days():
    profile = Profile.initial(1)
    day = 86_400 * NS
    for number, flow in enumerate((100.0, 200.0)):
        for minute in range(16):
            time_ns = number * day + MORNING_NS + minute * 60 * NS
            profile = learn(profile, np.array([[flow, 1.0, 1.0]]), time_ns, 0.0, 0.5)
    assert profile.now(MORNING_NS, 0.0)[0, 0] == pytest.approx(150.0)
    assert np.isnan(profile.now(MORNING_NS + 3600 * NS, 0.0)).all()


_VALUES = st.floats(-5.0, 250.0) | st.sampled_from([np.nan, 0.0, 100.0, np.inf])


@given(arrays(np.float64, (3, 3, 4, 2), elements=_VALUES))
def test_whatever_comes_in_the_numbers_hold_together(values):
    layout = Layout.along(np.array([0.0, 0.0, 900.0, 50_000.0]), 2, 80.0)
    series = replace(traffic(3, 4, 2), volume=values[0], speed_kmh=values[1], occupancy_pct=values[2])
    for one in _watch(series, layout):
        got: StationFrame = one.substituted.stations
        flow, density, speed = got.flow_veh_h_lane, got.density_veh_km_lane, got.speed_kmh
        assert (np.nan_to_num(flow) >= 0).all()
        assert (np.nan_to_num(density) >= 0).all()
        assert np.isfinite(flow[~np.isnan(flow)]).all()
        moving = ~np.isnan(speed)
        np.testing.assert_allclose(speed[moving] * density[moving], flow[moving], rtol=1e-9)
        assert (got.substituted == (one.substituted.way >= Way.LANES)).all()
        assert (np.isnan(flow) >= (one.substituted.way == Way.UNKNOWN)).all()
        assert not np.isnan(speed[np.isnan(flow) & (one.substituted.way < Way.UNKNOWN)]).any()
