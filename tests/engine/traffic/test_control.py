"""Control advice: speeds before a queue, ramp rates, lanes before a blocked one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.region import StationTable
from engine.traffic.control.lanes import Arrow, Blockages, Gantries, LaneState, lane_arrows, step_lanes
from engine.traffic.control.ramps import (
    AlineaState,
    DensityAdvice,
    DensityState,
    Meters,
    segment_density,
    step_alinea,
    step_density,
)
from engine.traffic.control.speed import SpeedAdvice, SpeedSigns, SpeedState, step_speed
from engine.traffic.control.thresholds import ControlThresholds
from engine.traffic.frame import StationFrame
from engine.traffic.layout import Layout
from ingest.thresholds import load_group

T = load_group(ControlThresholds, "traffic_control")
KM = 1000.0


def frame(speed_kmh: Any) -> StationFrame:
    speed = np.asarray(speed_kmh, dtype=np.float64)
    nothing = np.full(len(speed), np.nan)
    return StationFrame(0, 30.0, np.ones(len(speed), dtype=np.int64), nothing, nothing, speed, nothing, np.isnan(speed))


class Road:
    """Stations every kilometre of one or more corridors, a sign at each and 400 m before."""

    def __init__(self, n: int = 8, corridors: int = 1) -> None:
        chainage = np.tile(np.arange(n) * KM, corridors)
        corridor = np.repeat(np.arange(corridors), n)
        table = StationTable(
            tuple(map(str, range(len(chainage)))), corridor, ("",) * corridors, chainage,
            np.full(len(chainage), 100.0), np.full(len(chainage), 2), chainage, chainage,
        )  # fmt: skip
        self.layout = Layout.of(table)
        self.signs = SpeedSigns(
            np.tile(corridor, 2), np.append(chainage, chainage - 400.0), np.full(2 * len(chainage), 100.0)
        )
        self.state = SpeedState.initial(len(chainage), 2 * len(chainage))

    def tell(self, speed_kmh: Any, times: int = 1) -> SpeedAdvice:
        for _ in range(times):
            self.state, advice = step_speed(self.state, frame(speed_kmh), self.layout, self.signs, T)
        return advice


FREE = [100.0] * 8
QUEUE = [100.0, 100, 100, 100, 100, 30, 30, 30]


def test_speeds_come_down_by_the_rule_along_the_approach() -> None:
    road = Road()
    assert np.isnan(road.tell(FREE, 5).advised_kmh).all()
    assert np.isnan(road.tell(QUEUE, 2).advised_kmh).all()  # not yet three intervals
    advice = road.tell(QUEUE)
    assert advice.deceleration_km_h2[5] == pytest.approx((100**2 - 30**2) / 2)
    assert road.state.active.tolist() == [False] * 5 + [True] + [False] * 2
    # v² = 30² + 2·1609·d: 64 at 1 km, 85 at 2 km, 103 at 3 km.
    assert advice.advised_kmh[:8].tolist()[3:5] == [90.0, 60.0]
    for place in (3, 4):
        exact = np.sqrt(30**2 + 2 * 1609 * (5 - place))
        assert abs(advice.advised_kmh[place] - exact) <= 5
        assert advice.bottleneck[place] == 5
        assert advice.distance_m[place] == pytest.approx((5 - place) * KM)
    assert np.isnan(advice.advised_kmh[[0, 1, 2, 6, 7]]).all()
    assert advice.advised_kmh[5] == 50.0  # the least that is shown


def test_it_takes_three_intervals_to_stop_and_to_raise_and_none_to_lower() -> None:
    road = Road()
    road.tell(QUEUE, 4)
    assert road.tell(FREE, 2).advised_kmh[4] == 60.0
    assert road.state.active[5]
    assert np.isnan(road.tell(FREE, 1).advised_kmh).all()
    assert not road.state.active.any()
    road.tell([100, 100, 100, 100, 100, 50, 50, 50], 3)
    before = road.state.shown_kmh[4]
    assert road.tell(QUEUE).advised_kmh[4] < before


def test_one_interval_of_noise_starts_nothing() -> None:
    road = Road()
    for turn in range(20):
        assert np.isnan(road.tell(QUEUE if turn % 3 else FREE).advised_kmh).all()


def test_what_is_not_known_neither_starts_nor_stops() -> None:
    road = Road()
    assert np.isnan(road.tell([np.nan] * 8, 10).advised_kmh).all()
    road.tell(QUEUE, 3)
    assert road.tell([np.nan] * 8, 10).advised_kmh[4] == 60.0


def test_other_roads_do_not_matter_and_bad_layouts_are_no_problem() -> None:
    road = Road(8, 3)
    advice = road.tell(FREE + QUEUE + FREE, 3)
    assert set(road.signs.corridor[np.isfinite(advice.advised_kmh)].tolist()) == {1}
    for chainage in ([], [0.0], [500.0, 500.0, 500.0]):
        layout = Layout.along(np.array(chainage), 2, 100.0)
        state = SpeedState.initial(len(chainage), 1)
        signs = SpeedSigns(np.array([0]), np.array([0.0]), np.array([100.0]))
        for _ in range(4):
            state, advice = step_speed(state, frame([20.0] * len(chainage)), layout, signs, T)
        assert np.isnan(advice.advised_kmh).all()


@given(st.integers(0, 2**32 - 1))
def test_advice_is_never_above_the_rule_nor_outside_what_may_be_shown(seed: int) -> None:
    random = np.random.default_rng(seed)
    road = Road(8, 3)
    for _ in range(8):
        speed = random.choice([20.0, 60.0, 100.0, np.nan], 24)
        advice = road.tell(speed)
        wanted = np.full(48, np.inf)
        for station in np.flatnonzero(road.state.active):
            gap = road.layout.chainage_m[station] - road.signs.chainage_m
            ahead = (road.signs.corridor == road.layout.corridor[station]) & (gap >= -T.downstream_m.value)
            asks = np.sqrt(road.state.last_kmh[station] ** 2 + 2 * T.control_km_h2.value / KM * np.maximum(gap, 0))
            wanted = np.where(ahead, np.minimum(wanted, asks), wanted)
        shown = np.isfinite(advice.advised_kmh)
        assert (advice.advised_kmh[shown] <= np.maximum(wanted[shown] + 5, 50) + 1e-6).all() or not np.isfinite(
            wanted[shown]
        ).all()
        asked = np.round(wanted / 10) * 10 <= 90
        assert shown[asked].all()
        assert ((advice.advised_kmh[shown] >= 50) & (advice.advised_kmh[shown] <= 90)).all()


def test_alinea_is_the_formula_within_its_bounds() -> None:
    state = AlineaState(np.array([900.0, 900.0, 300.0, 1700.0]), np.zeros(4, dtype=np.int64))
    quiet = np.zeros(4)
    state, rate = step_alinea(state, np.array([20.0, 15.0, 40.0, 5.0]), quiet, T)
    assert rate.tolist() == [900 - 140, 900 + 210, 240, 1800]
    _, rate = step_alinea(state, np.full(4, 18.0), np.array([30.0, np.nan, 0.0, 25.0]), T)
    assert rate.tolist() == [1800, 1110, 240, 1800]


def test_alinea_settles_at_the_set_point() -> None:
    state, occupancy = AlineaState.initial(1, T), np.array([30.0])
    for _ in range(200):
        state, rate = step_alinea(state, occupancy, np.zeros(1), T)
        occupancy = 10.0 + rate / 100.0
    assert occupancy[0] == pytest.approx(18.0, abs=0.01)


def test_alinea_holds_nobody_back_for_long_without_measurements() -> None:
    state = AlineaState(np.array([500.0]), np.zeros(1, dtype=np.int64))
    rates = []
    for _ in range(6):
        state, rate = step_alinea(state, np.array([np.nan]), np.array([np.nan]), T)
        rates.append(float(rate[0]))
    assert rates == [500.0] * 4 + [1800.0] * 2


def test_the_densest_stretch_downstream_counts() -> None:
    layout = Layout.along(np.arange(8) * KM, 2, 100.0)
    density = np.array([10.0, 10, 30, 30, 10, 90, 90, 90])
    found = segment_density(density, layout, np.array([0, 4, 7]), 4828.0)
    # From 0: to station 3 the trapezoids are 10, 20, 30 over 3 km. From 4: 50 and 90, 90 over 3 km. The last is alone.
    assert found.tolist() == pytest.approx([20.0, 230 / 3, 90.0])
    gappy = density.copy()
    gappy[[1, 5]] = np.nan
    assert segment_density(gappy, layout, np.array([0]), 4828.0)[0] == pytest.approx(70 / 3)
    assert np.isnan(segment_density(np.full(8, np.nan), layout, np.array([0]), 4828.0)[0])


class Ramp:
    def __init__(self) -> None:
        self.layout = Layout.along(np.arange(6) * KM, 2, 100.0)
        self.state = DensityState.initial(1, T)
        self.meters = Meters(np.array([1]), np.array([40.0]))

    def tell(self, density: float, demand: float = 800.0, passage: float = 800.0, times: int = 1) -> DensityAdvice:
        for _ in range(times):
            self.state, advice = step_density(
                self.state, np.full(6, density), np.full(6, np.nan), np.array([demand]), np.array([passage]), 30.0,
                self.layout, self.meters, T,
            )  # fmt: skip
        return advice


def test_metering_begins_and_ends_slowly_and_stays_within_the_ramps_bounds() -> None:
    ramp = Ramp()
    assert np.isnan(ramp.tell(15.0, times=30).rate_veh_h[0])
    assert np.isnan(ramp.tell(30.0, times=3).rate_veh_h[0])
    first = ramp.tell(30.0)
    assert first.min_veh_h[0] == pytest.approx(0.7 * 800)
    assert first.max_veh_h[0] == pytest.approx(1.3 * 800)
    # From what passes now (800) down towards the least (560) by where 30 is between desired 20.7 and jam 111.8.
    assert first.rate_veh_h[0] == pytest.approx(800 - 240 * (30 - 20.7) / (111.8 - 20.7))
    assert ramp.tell(60.0, times=40).rate_veh_h[0] == pytest.approx(560, rel=0.01)
    assert ramp.tell(12.0, times=19).rate_veh_h[0] == pytest.approx(1040, rel=0.05)
    assert np.isnan(ramp.tell(12.0).rate_veh_h[0])


def test_a_long_queue_on_the_ramp_is_served() -> None:
    ramp = Ramp()
    ramp.tell(40.0, times=6)
    rate = ramp.tell(40.0, demand=900.0, passage=500.0, times=30)
    assert ramp.state.queue_veh[0] == pytest.approx(40.0)
    assert rate.rate_veh_h[0] >= 900.0
    assert rate.min_veh_h[0] >= 900.0


def test_without_measurements_the_last_rate_stays() -> None:
    ramp = Ramp()
    before = ramp.tell(40.0, times=8).rate_veh_h[0]
    after = ramp.tell(np.nan, demand=np.nan, passage=np.nan, times=5)
    assert after.rate_veh_h[0] == pytest.approx(before)
    assert np.isnan(after.segment_veh_km[0])


@pytest.mark.parametrize("true", [19.0, 26.0])
def test_the_critical_density_is_found(true: float) -> None:
    layout, meters = Layout.along(np.arange(3) * KM, 2, 100.0), Meters(np.array([0]), np.array([40.0]))
    state, random = DensityState.initial(1, T), np.random.default_rng(1)
    for _ in range(2000):
        density = np.full(3, true * random.uniform(0.7, 1.3))
        flow = np.where(density < true, 90 * density, 90 * true - 40 * (density - true))
        state, _ = step_density(state, density, flow, np.array([800.0]), np.array([800.0]), 30.0, layout, meters, T)
    assert state.critical_veh_km[0] == pytest.approx(true, rel=0.12)


G = Gantries(np.zeros(5, dtype=np.int64), np.array([0.0, 1500, 2200, 2700, 3500]), np.array([3, 3, 3, 3, 3]))
K, L, R, X = Arrow.OPEN, Arrow.MERGE_LEFT, Arrow.MERGE_RIGHT, Arrow.CLOSED


def blocked(*lanes: int, at_m: float = 3000.0, n_lane: int = 3) -> Blockages:
    mask = np.zeros((1, n_lane), dtype=np.bool_)
    mask[0, [lane - 1 for lane in lanes]] = True
    return Blockages(np.zeros(1, dtype=np.int64), np.array([at_m]), mask)


@pytest.mark.parametrize(
    ("lanes", "merge", "close"),
    [((1,), [R, K, K], [X, K, K]), ((3,), [K, K, L], [K, K, X]), ((2,), [K, R, K], [K, X, K]),
     ((1, 2), [R, R, K], [X, X, K]), ((2, 3), [K, L, L], [K, X, X]), ((1, 2, 3), [X, X, X], [X, X, X])],
)  # fmt: skip
def test_lanes_are_left_before_they_are_closed(lanes: tuple[int, ...], merge: list[int], close: list[int]) -> None:
    arrows = lane_arrows(G, blocked(*lanes), 3, T).tolist()
    assert arrows == [[K] * 3, merge, close, close, [K] * 3]


def test_a_single_gantry_closes_and_other_roads_and_lanes_that_are_not_there_stay() -> None:
    far = Gantries(np.array([0, 1]), np.array([1000.0, 2900.0]), np.array([2, 3]))
    assert lane_arrows(far, blocked(1), 4, T).tolist() == [[X, K, Arrow.NONE, Arrow.NONE], [K, K, K, Arrow.NONE]]
    nothing = Blockages(np.empty(0, dtype=np.int64), np.empty(0), np.empty((0, 3), dtype=np.bool_))
    assert (lane_arrows(G, nothing, 3, T) == K).all()


def test_lanes_close_at_once_and_open_after_a_while() -> None:
    state = LaneState.initial(G, 3)
    state, arrows = step_lanes(state, G, blocked(1), T)
    assert arrows[3].tolist() == [X, K, K]
    nothing = Blockages(np.empty(0, dtype=np.int64), np.empty(0), np.empty((0, 3), dtype=np.bool_))
    for _ in range(2):
        state, arrows = step_lanes(state, G, nothing, T)
        assert arrows[3].tolist() == [X, K, K]
    state, arrows = step_lanes(state, G, nothing, T)
    assert (arrows == K).all()


@given(st.integers(0, 2**32 - 1))
def test_no_lane_is_sent_into_a_closed_one_and_blocked_lanes_are_closed(seed: int) -> None:
    random = np.random.default_rng(seed)
    n_lane = int(random.integers(1, 6))
    gantries = Gantries(random.integers(0, 2, 12), random.uniform(0, 6000, 12), random.integers(1, n_lane + 1, 12))
    what = Blockages(random.integers(0, 2, 3), random.uniform(0, 6000, 3), random.random((3, n_lane)) < 0.4)
    arrows = lane_arrows(gantries, what, n_lane, T)
    for row in arrows:
        for lane, arrow in enumerate(row):
            if arrow == L:
                assert (row[:lane] == K).any()
            if arrow == R:
                assert (row[lane + 1 :] == K).any()
    for place in range(3):
        gap = what.chainage_m[place] - gantries.chainage_m
        before = np.flatnonzero(
            (gantries.corridor == what.corridor[place]) & (gap >= 0) & (gap <= T.lane_merge_m.value)
        )
        if len(before):
            nearest = before[gap[before].argmin()]
            there = np.arange(n_lane) < gantries.lanes[nearest]
            assert (arrows[nearest][what.blocked[place] & there] == X).all()
