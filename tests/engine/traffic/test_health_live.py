"""Live rules: each fault is found after its time, and the traffic that looks like it is left alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engine.traffic.health.maintenance import health_list
from engine.traffic.health.reasons import Reason
from engine.traffic.health.step import NEVER, HealthState, evidence, health_step
from engine.traffic.layout import Layout
from tests.engine.builders import NS, TRAFFIC, changed
from tests.engine.traffic.roads import HEALTH, MORNING_NS, frame_of, judge_all, reasons_of, road, traffic

AT = (slice(20, None), 2, 1)
"""From the 21st period on, at the third station, second lane."""


def _first(reasons, reason, station=2, lane=1):
    places = np.flatnonzero(reasons[:, station, lane] & int(reason))
    return int(places[0]) if len(places) else None


def _others_healthy(reasons, station=2, lane=1):
    rest = reasons.copy()
    rest[:, station, lane] = 0
    return not rest.any()


def test_free_traffic_has_no_faults():
    _, verdicts = judge_all(traffic(600, 5), road(5))
    assert not reasons_of(verdicts).any()
    assert not verdicts[-1].faulty.any()
    assert (verdicts[-1].since_ns == NEVER).all()


def test_chatter_trips_on_the_second_sample():
    series = traffic(40, 5)
    series.volume[AT] = 38.0
    _, verdicts = judge_all(series, road(5))
    reasons = reasons_of(verdicts)
    assert _first(reasons, Reason.CHATTER) == 21
    assert _others_healthy(reasons)
    assert verdicts[21].excluded[2, 1]
    assert verdicts[21].since_ns[2, 1] == series.time_ns[20] - 30 * NS


def test_one_below_the_limit_is_no_chatter():
    series = traffic(40, 5)
    series.volume[AT] = 37.0
    assert _first(reasons_of(judge_all(series, road(5))[1]), Reason.CHATTER) is None


def test_locked_on_alone_trips_after_two_minutes():
    series = traffic(60, 5)
    series.volume[AT], series.occupancy_pct[AT], series.speed_kmh[AT] = 0.0, 100.0, np.nan
    _, verdicts = judge_all(series, road(5))
    reasons = reasons_of(verdicts)
    assert _first(reasons, Reason.LOCKED_ON) == 24
    assert _others_healthy(reasons)


@pytest.mark.parametrize("where", ["the lane beside it", "the station upstream"])
def test_a_jam_that_others_see_is_not_locked_on(where):
    series = traffic(200, 5)
    series.volume[AT], series.occupancy_pct[AT], series.speed_kmh[AT] = 0.0, 100.0, np.nan
    witness = (slice(18, None), 2, 0) if where == "the lane beside it" else (slice(18, None), 1, slice(None))
    series.speed_kmh[witness], series.occupancy_pct[witness] = 12.0, 55.0
    reasons = reasons_of(judge_all(series, road(5))[1])
    assert _first(reasons, Reason.LOCKED_ON) is None
    assert not reasons.any()


def test_a_queue_that_stands_at_two_stations_vouches_for_itself():
    series = traffic(200, 5)
    both = (slice(20, None), slice(2, 4))
    series.volume[both], series.occupancy_pct[both], series.speed_kmh[both] = 0.0, 100.0, np.nan
    assert not reasons_of(judge_all(series, road(5))[1]).any()


def test_a_cabinet_that_locks_all_its_lanes_does_not():
    series = traffic(60, 5)
    all_lanes = (slice(20, None), 2)
    series.volume[all_lanes], series.occupancy_pct[all_lanes], series.speed_kmh[all_lanes] = 0.0, 100.0, np.nan
    reasons = reasons_of(judge_all(series, road(5))[1])
    assert [_first(reasons, Reason.LOCKED_ON, 2, lane) for lane in range(3)] == [24, 24, 24]


def test_spikes_need_more_than_one_jump():
    series = traffic(80, 5)
    series.occupancy_pct[30:, 2, 1] = 90.0 + np.arange(50) % 7
    assert not reasons_of(judge_all(series, road(5))[1]).any()
    series.occupancy_pct[20:, 2, 1] = np.where(np.arange(60) % 2, 5.0, 60.0)
    assert _first(reasons_of(judge_all(series, road(5))[1]), Reason.SPIKES) is not None


def test_a_dead_lane_is_silent_after_half_an_hour():
    series = traffic(200, 5)
    series.volume[AT], series.occupancy_pct[AT], series.speed_kmh[AT] = 0.0, 0.0, np.nan
    state, verdicts = judge_all(series, road(5))
    reasons = reasons_of(verdicts)
    assert _first(reasons, Reason.SILENT) == 79
    assert _others_healthy(reasons)
    last = next(iter(series.frames()))
    why = evidence(state, last, Reason.SILENT, 2, 1, HEALTH)
    assert why.reading > why.threshold.value


def test_a_lane_that_an_incident_closes_is_not_dead_while_it_jams():
    series = traffic(200, 5)
    series.volume[AT], series.occupancy_pct[AT], series.speed_kmh[AT] = 0.0, 0.0, np.nan
    series.speed_kmh[25:, 1], series.occupancy_pct[25:, 1] = 15.0, 45.0
    assert not reasons_of(judge_all(series, road(5))[1]).any()


def test_an_empty_night_is_not_a_dead_detector():
    series = traffic(1200, 5, start_ns=0)
    series.volume[:], series.occupancy_pct[:], series.speed_kmh[:] = 0.0, 0.0, np.nan
    assert not reasons_of(judge_all(series, road(5))[1]).any()


def test_four_hours_without_a_vehicle_say_nothing_where_hardly_anyone_drives():
    series = traffic(500, 5, start_ns=0)
    rng = np.random.default_rng(1)
    few = (rng.random(series.volume.shape) < 0.08).astype(np.float64)
    series.volume[:] = few
    series.occupancy_pct[:] = few
    series.speed_kmh[:] = np.where(few > 0, 95.0, np.nan)
    series.volume[:, 2, 1], series.occupancy_pct[:, 2, 1] = 0.0, 0.0
    assert not reasons_of(judge_all(series, road(5))[1]).any(), "too few drove to say"


def test_no_hits_for_four_hours_while_others_drive():
    series = traffic(500, 5)
    series.volume[:, 2, 1], series.occupancy_pct[:, 2, 1], series.speed_kmh[:, 2, 1] = 0.0, 0.0, np.nan
    reasons = reasons_of(judge_all(series, road(5), changed(HEALTH, silent_expected_veh=1e9))[1])
    assert _first(reasons, Reason.NO_HITS) == 479
    assert _others_healthy(reasons)


def test_a_whole_station_that_counts_nothing_is_found_by_its_neighbours():
    series = traffic(400, 5)
    series.volume[20:, 2], series.occupancy_pct[20:, 2], series.speed_kmh[20:, 2] = 0.0, 0.0, np.nan
    reasons = reasons_of(judge_all(series, road(5))[1])
    assert all(_first(reasons, Reason.SILENT, 2, lane) is not None for lane in range(3))


def test_stuck_and_constant():
    series = traffic(600, 5)
    series.volume[AT], series.occupancy_pct[AT], series.speed_kmh[AT] = 5.0, 6.0, 98.0
    reasons = reasons_of(judge_all(series, road(5))[1])
    assert _first(reasons, Reason.STUCK) == 40
    assert _first(reasons, Reason.CONSTANT_OCCUPANCY) == 20 + 480
    assert _others_healthy(reasons)


def test_a_gap_makes_nothing_constant():
    early, late = traffic(2, 3), traffic(2, 3, start_ns=MORNING_NS + 5 * 3600 * NS)
    for series in (early, late):
        series.volume[:, 1, 1], series.occupancy_pct[:, 1, 1], series.speed_kmh[:, 1, 1] = 5.0, 6.0, 98.0
    state = HealthState.initial(road(3), 3)
    for frame in (*early.frames(), *late.frames()):
        state, health = health_step(state, frame, road(3), HEALTH, TRAFFIC, 0.0)
    assert not health.faulty.any()


def test_no_change_for_a_day():
    series = traffic(100, 5)
    series.occupancy_pct[AT] = 6.0
    reasons = reasons_of(judge_all(series, road(5), changed(HEALTH, no_change_for_s=1200.0))[1])
    assert _first(reasons, Reason.NO_CHANGE) == 60
    assert _others_healthy(reasons)


def test_a_gap_is_nobodys_silence():
    early, late = traffic(20, 3), traffic(3, 3, start_ns=MORNING_NS + 2 * 3600 * NS)
    for values in (late.volume, late.occupancy_pct, late.speed_kmh):
        values[0, 1, 1] = np.nan
    state = HealthState.initial(road(3), 3)
    for frame in (*early.frames(), *late.frames()):
        state, health = health_step(state, frame, road(3), HEALTH, TRAFFIC, 0.0)
        assert not health.faulty.any()


def test_two_equal_samples_of_five_minutes_are_chance():
    series = replace(traffic(60, 5), period_s=300.0)
    series.volume[20:30, 2, 1], series.occupancy_pct[20:30, 2, 1], series.speed_kmh[20:30, 2, 1] = 5.0, 6.0, 98.0
    series.occupancy_pct[30:36:2, 1, 1] = 60.0
    assert not reasons_of(judge_all(series, road(5))[1]).any()


def test_silence_counts_only_while_others_speak():
    series = traffic(40, 5)
    for values in (series.volume, series.occupancy_pct, series.speed_kmh):
        values[AT] = np.nan
    reasons = reasons_of(judge_all(series, road(5))[1])
    assert _first(reasons, Reason.NO_DATA) == 30
    assert _others_healthy(reasons)


def test_an_absurd_sample_is_a_fault_when_it_comes_again():
    series = traffic(60, 5)
    series.speed_kmh[20, 2, 1], series.volume[20, 2, 1] = 260.0, 4.0
    assert not reasons_of(judge_all(series, road(5))[1]).any()
    series.volume[25, 2, 1] = -1.0
    _, verdicts = judge_all(series, road(5))
    reasons = reasons_of(verdicts)
    assert _first(reasons, Reason.ABSURD) == 25
    assert _first(reasons[46:], Reason.ABSURD) is None, "cleared after ten minutes"


def test_one_fast_driver_is_believed():
    series = traffic(60, 5)
    series.volume[20:40:2, 2, 1], series.speed_kmh[20:40:2, 2, 1] = 1.0, 210.0
    assert not reasons_of(judge_all(series, road(5))[1]).any()


def test_swapped_lanes_are_named_and_stay_in_the_sums():
    series = traffic(400, 5)
    for values in (series.volume, series.speed_kmh, series.occupancy_pct):
        values[:, 2, [0, 2]] = values[:, 2, [2, 0]]
    _, verdicts = judge_all(series, road(5))
    assert verdicts[-1].reasons[2].tolist() == [Reason.SWAPPED, 0, Reason.SWAPPED]
    assert not verdicts[-1].excluded.any()
    assert not verdicts[-1].faulty[[0, 1, 3, 4]].any()


def test_frames_that_are_late_change_nothing():
    series, layout = traffic(10, 3), road(3)
    state, verdicts = judge_all(series, layout)
    old = next(iter(series.frames()))
    again, health = health_step(state, old, layout, HEALTH, TRAFFIC, 0.0)
    assert again is state
    assert health is verdicts[-1]


def test_a_frame_of_another_shape_is_refused():
    layout = road(3)
    with pytest.raises(ValueError, match="expected shape"):
        health_step(HealthState.initial(layout, 3), next(traffic(1, 4).frames()), layout, HEALTH, TRAFFIC, 0.0)


@pytest.mark.parametrize("n_station", [0, 1, 2])
def test_tiny_corridors(n_station):
    layout = Layout.along(np.zeros(n_station), 2, 100.0)
    _, verdicts = judge_all(traffic(30, n_station, 2), layout)
    assert verdicts[-1].faulty.shape == (n_station, 2)
    assert not verdicts[-1].faulty.any()


def test_lanes_that_are_not_there_are_never_faulty():
    layout = Layout.along(np.arange(3) * 1000.0, 2, 100.0)
    series = traffic(60, 3, 3)
    series.volume[:, :, 2] = series.occupancy_pct[:, :, 2] = series.speed_kmh[:, :, 2] = np.nan
    assert not reasons_of(judge_all(series, layout)[1]).any()


def test_the_list_for_maintenance_begins_with_the_worst():
    series = traffic(60, 5)
    for values in (series.volume, series.occupancy_pct, series.speed_kmh):
        values[30:, 1, :] = np.nan
        values[20:, 3, 0] = np.nan
    _, verdicts = judge_all(series, road(5))
    items = health_list(verdicts[-1], road(5).lanes)
    assert [(one.station, one.lane) for one in items] == [(1, 0), (1, 1), (1, 2), (3, 0)]
    assert [one.station_blind for one in items] == [True, True, True, False]
    assert items[-1].duration_s > items[0].duration_s > 0
    assert items[0].reasons == Reason.NO_DATA
    assert len(health_list(verdicts[-1], road(5).lanes, limit=2)) == 2


_VALUES = st.floats(-10.0, 300.0) | st.sampled_from([np.nan, 0.0, 100.0, np.inf, -np.inf])


@given(arrays(np.float64, (3, 4, 3, 2), elements=_VALUES))
def test_whatever_comes_in_no_exception_and_consistent(values):
    layout = Layout.along(np.array([0.0, 0.0, 900.0]), 2, 80.0)
    state = HealthState.initial(layout, 2)
    for place in range(4):
        frame = frame_of(*values[:, place], time_ns=MORNING_NS + (place + 1) * 30 * NS)
        state, health = health_step(state, frame, layout, HEALTH, TRAFFIC, 9 * 3600.0)
        assert (health.faulty == (health.reasons != 0)).all()
        assert (health.excluded <= health.faulty).all()
        assert ((health.since_ns == NEVER) == ~health.faulty).all()
        assert (health.since_ns[health.faulty] <= frame.time_ns).all()
        for station, lane in np.argwhere(health.faulty).tolist():
            for reason in Reason(int(health.reasons[station, lane])):
                assert evidence(state, frame, reason, station, lane, HEALTH).threshold.source
