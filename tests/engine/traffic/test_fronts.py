from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engine.traffic.frame import StationFrame
from engine.traffic.fronts.extent import HORIZONS_S, queue_extents
from engine.traffic.fronts.fronts import FrontState, follow_fronts
from engine.traffic.fronts.receipt import Tails
from engine.traffic.fronts.thresholds import FrontThresholds
from engine.traffic.fronts.tracks import QueueTracks, track_queues
from engine.traffic.layout import Layout
from ingest.thresholds import load_group
from tests.engine.traffic.worlds import NS, PERIOD_S, Bottleneck

NUMBERS = load_group(FrontThresholds, "traffic_fronts")
LAYOUT = Layout.along(np.arange(0.0, 12_001.0, 1_000.0), lanes=3, speed_limit_kmh=100.0)


def bottleneck(**changes: float) -> Bottleneck:
    usual = Bottleneck(
        layout=LAYOUT,
        place_m=9_500.0,
        demand_veh_h_lane=1_700.0,
        relief_veh_h_lane=600.0,
        capacity_veh_h_lane=1_000.0,
        onset_s=600.0,
        relief_s=3_000.0,
    )
    return replace(usual, **changes)


def run(world: Bottleneck, until_s: float, *, sigma: float = 0.0, seed: int = 1) -> list[tuple[float, FrontState]]:
    rng = np.random.default_rng(seed)
    state, seen = FrontState.initial(world.layout), []
    for time_s in np.arange(PERIOD_S, until_s + 1.0, PERIOD_S):
        noise = np.exp(rng.normal(0.0, sigma, len(world.layout))) if sigma else None
        state = follow_fronts(state, world.frame(float(time_s), noise), world.layout, NUMBERS)
        seen.append((float(time_s), state))
    return seen


@pytest.mark.parametrize("sigma", [0.0, 0.12])
@pytest.mark.parametrize("capacity", [500.0, 1_000.0, 1_300.0])
def test_the_tail_of_a_growing_and_dissolving_queue_is_known_to_a_fraction_of_the_spacing(
    sigma: float, capacity: float
) -> None:
    world = bottleneck(capacity_veh_h_lane=capacity)
    errors = []
    for time_s, state in run(world, 4_500.0, sigma=sigma):
        extents = queue_extents(state, LAYOUT, NUMBERS)
        if len(extents) and world.tail_m(time_s) < 8_900.0:
            errors.append(abs(extents.tail_m[0] - world.tail_m(time_s)))
    assert len(errors) > 30
    assert np.median(errors) < (200.0 if sigma else 120.0)
    assert np.quantile(errors, 0.9) < 500.0


def test_the_error_that_is_told_covers_the_error_that_is_made() -> None:
    world = bottleneck()
    within = []
    for time_s, state in run(world, 4_500.0, sigma=0.12):
        extents = queue_extents(state, LAYOUT, NUMBERS)
        if len(extents) and world.tail_m(time_s) < 8_900.0:
            within.append(abs(extents.tail_m[0] - world.tail_m(time_s)) <= 2.0 * extents.tail_sigma_m[0])
    assert np.mean(within) > 0.9


def test_growth_has_the_speed_of_the_shock_and_turns_when_the_queue_dissolves() -> None:
    world = bottleneck()
    seen = dict(run(world, 3_600.0))
    growing, shrinking = (queue_extents(seen[at], LAYOUT, NUMBERS).growth_kmh[0] for at in (2_700.0, 3_420.0))
    assert growing == pytest.approx(-world.shock_m_s(1_700.0) * 3.6, rel=0.1)
    assert shrinking == pytest.approx(-world.shock_m_s(600.0) * 3.6, rel=0.35)


def test_predicted_tails_are_where_the_tail_will_be_while_the_demand_holds() -> None:
    world = bottleneck()
    seen = dict(run(world, 2_100.0))
    extents = queue_extents(seen[1_500.0], LAYOUT, NUMBERS)
    truth = [world.tail_m(1_500.0 + horizon) for horizon in HORIZONS_S]
    assert extents.predicted_tail_m[0] == pytest.approx(truth, abs=200.0)
    assert (np.diff(extents.predicted_sigma_m[0]) > 0).all()


def test_a_queue_that_will_be_gone_has_no_predicted_tail() -> None:
    world = bottleneck(relief_s=1_200.0, relief_veh_h_lane=300.0)
    seen = dict(run(world, 1_560.0))
    extents = queue_extents(seen[1_560.0], LAYOUT, NUMBERS)
    assert len(extents) == 1
    assert np.isnan(extents.predicted_tail_m[0, -1])


def test_a_queue_over_the_first_station_has_a_tail_that_nobody_sees() -> None:
    world = bottleneck(place_m=2_500.0)
    state = run(world, 2_400.0)[-1][1]
    extents = queue_extents(state, LAYOUT, NUMBERS)
    assert extents.tail_m[0] == LAYOUT.chainage_m[0]
    assert np.isnan(extents.tail_sigma_m[0])
    assert np.isnan(extents.growth_kmh[0])


def test_silence_keeps_the_last_word_and_nothing_breaks() -> None:
    world = bottleneck()
    state = run(world, 1_800.0)[-1][1]
    frame = world.frame(1_830.0)
    nothing = np.full(len(LAYOUT), np.nan)
    silent = replace(frame, flow_veh_h_lane=nothing, density_veh_km_lane=nothing, speed_kmh=nothing)
    after = follow_fronts(state, silent, LAYOUT, NUMBERS)
    assert (after.queued == state.queued).all()
    assert not after.known.any()


def test_queues_of_two_corridors_do_not_touch() -> None:
    single = bottleneck()
    one = Layout.along(LAYOUT.chainage_m, 3, 100.0)
    table_order = np.concatenate((np.zeros(len(one)), np.ones(len(one)))).astype(np.int64)
    double = Layout(
        row=np.arange(2 * len(one)),
        corridor=table_order,
        chainage_m=np.tile(one.chainage_m, 2),
        speed_limit_kmh=np.tile(one.speed_limit_kmh, 2),
        lanes=np.tile(one.lanes, 2),
        up=np.concatenate((one.up, np.where(one.up >= 0, one.up + len(one), -1))),
        down=np.concatenate((one.down, np.where(one.down >= 0, one.down + len(one), -1))),
        gap_m=np.tile(one.gap_m, 2),
        starts=np.array([0, len(one), 2 * len(one)]),
    )
    alone, both = FrontState.initial(one), FrontState.initial(double)
    for time_s in np.arange(PERIOD_S, 2_400.0, PERIOD_S):
        frame = single.frame(float(time_s))
        alone = follow_fronts(alone, frame, one, NUMBERS)
        twice = replace(
            frame,
            flow_veh_h_lane=np.tile(frame.flow_veh_h_lane, 2),
            density_veh_km_lane=np.tile(frame.density_veh_km_lane, 2),
            speed_kmh=np.tile(frame.speed_kmh, 2),
        )
        both = follow_fronts(both, twice, double, NUMBERS)
    here, there = queue_extents(alone, one, NUMBERS), queue_extents(both, double, NUMBERS)
    assert there.tail_m == pytest.approx(np.tile(here.tail_m, 2))
    assert there.predicted_tail_m == pytest.approx(np.tile(here.predicted_tail_m, (2, 1)), nan_ok=True)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_whatever_is_measured_fronts_lie_between_their_stations(data: st.DataObject) -> None:
    n_station = data.draw(st.integers(1, 8))
    chainage_m = data.draw(
        arrays(np.float64, n_station, elements=st.sampled_from([0.0, 400.0, 400.5, 2_000.0, 9_000.0]))
    )
    layout = Layout.along(chainage_m, 3, 100.0)
    state, tracks = FrontState.initial(layout), QueueTracks.initial(n_station)
    value = st.one_of(st.just(np.nan), st.floats(0.0, 3_000.0))
    for turn in range(1, 6):
        flow = data.draw(arrays(np.float64, n_station, elements=value))
        density = data.draw(arrays(np.float64, n_station, elements=st.one_of(st.just(np.nan), st.floats(0.0, 180.0))))
        speed = np.divide(flow, density, out=np.full(n_station, np.nan), where=density > 1e-3)
        used = np.full(n_station, 3)
        frame = StationFrame(
            turn * 30 * NS, 30.0, used, flow, density, speed, density * 0.65, np.zeros(n_station, dtype=bool)
        )
        state = follow_fronts(state, frame, layout, NUMBERS)
        extents = queue_extents(state, layout, NUMBERS)
        tracks = track_queues(tracks, extents, frame.time_ns, 300.0)
        there = layout.chainage_m[np.where(layout.down >= 0, layout.down, 0)]
        for place in (state.tail_m, state.head_m):
            front = ~np.isnan(place)
            assert (layout.down[front] >= 0).all()
            assert (place[front] >= layout.chainage_m[front]).all()
            assert (place[front] <= there[front]).all()
        assert (extents.tail_m <= extents.head_m).all()
        assert (extents.first <= extents.last).all()
        assert len(set(tracks.numbers.tolist())) == len(extents)


def test_a_queue_keeps_its_number_while_it_grows_and_the_larger_part_keeps_it() -> None:
    tracks = QueueTracks.initial(6)
    state = FrontState.initial(Layout.along(np.arange(6) * 500.0, 3, 100.0))
    layout = Layout.along(np.arange(6) * 500.0, 3, 100.0)

    def at(turn: int, *queued: int) -> QueueTracks:
        now = replace(state, queued=np.isin(np.arange(6), queued))
        return track_queues(tracks, queue_extents(now, layout, NUMBERS), turn * 30 * NS, 120.0)

    tracks = at(1, 4)
    tracks = at(2, 3, 4)
    tracks = at(3, 1, 2, 3, 4)
    assert tracks.numbers.tolist() == [0]
    assert tracks.onset_ns.tolist() == [30 * NS]
    tracks = at(4, 1, 3, 4)
    assert tracks.numbers.tolist() == [1, 0]
    tracks = at(20, 0)
    assert tracks.numbers.tolist() == [2]


def test_the_receipt_of_a_queue_tells_how_its_tail_moves() -> None:
    seen = dict(run(bottleneck(), 1_500.0))
    tails = Tails(queue_extents(seen[1_500.0], LAYOUT, NUMBERS), LAYOUT)
    lines = {line.quantity: line for line in tails.receipt(9)}
    assert lines["tail_growth"].value == pytest.approx(10.0, abs=2.0)
    assert lines["length_in_15_min"].value > 4_000.0
    assert lines["tail_sigma"].value > 0.0
    assert tails.receipt(0) == ()
