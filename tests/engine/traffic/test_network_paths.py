"""Shortest ways through changing times: exact, first in first out, and never made better by a closure."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.traffic.network.graph import NONE
from engine.traffic.network.paths import Origins, arrivals, routes, search, travel_times
from engine.traffic.network.times import FOREVER_S, Losses, link_times, queue_delay_s
from tests.engine.traffic.networks import grid, roads, slowly

SEEDS = st.integers(0, 2**32 - 1)


def anything(seed: int, n: int = 4, *, lossy: bool = True):  # type: ignore[no-untyped-def]
    random = np.random.default_rng(seed)
    network = grid(random, n)
    speed = network.free_kmh * np.exp(-np.abs(random.normal(0, 0.8, (13, len(network)))))
    speed[random.random(speed.shape) < 0.1] = np.nan
    count = int(random.integers(0, 5)) if lossy else 0
    begun = random.uniform(-1800, 3600, count)
    losses = Losses(
        random.integers(0, len(network), count),
        begun,
        begun + random.choice([600.0, 3600.0, np.inf], count),
        random.choice([0.0, 0.3, 0.7], count),
    )
    flow = random.uniform(0, 2500, len(network))
    times = link_times(network, speed, slice_s=300.0, min_speed_kmh=5.0, losses=losses, flow_veh_h=flow)
    return random, network, speed, flow, times


@settings(max_examples=25)
@given(SEEDS)
def test_all_at_once_is_what_one_at_a_time_gives(seed: int) -> None:
    random, network, _, _, times = anything(seed)
    link = random.integers(0, len(network), 6)
    origins = Origins(link, random.uniform(0, 1, 6) * network.length_m[link])
    depart = float(random.uniform(0, 3000))
    found = search(network, times, origins, depart)
    for row in range(6):
        entered = slowly(network, times, int(link[row]), float(origins.offset_m[row]), depart)
        expected = np.full(len(network), np.inf)
        expected[list(entered)] = list(entered.values())
        np.testing.assert_allclose(found.enter_s[row], expected, rtol=1e-12)


@settings(max_examples=25)
@given(SEEDS)
def test_ways_take_as_long_as_was_said(seed: int) -> None:
    random, network, _, _, times = anything(seed)
    origins = Origins(random.integers(0, len(network), 4), np.zeros(4))
    found = search(network, times, origins)
    arrive, last = arrivals(found, np.arange(len(network.node_ids)))
    rows = np.repeat(np.arange(4), arrive.shape[1])
    for row, way, reach in zip(rows, routes(found, rows, last.reshape(-1)), arrive.reshape(-1), strict=True):
        if not len(way):
            assert np.isinf(reach)
            continue
        assert way[0] == origins.link[row]
        assert (network.to_node[way[:-1]] == network.from_node[way[1:]]).all()
        at = float(found.leave_s[row])
        for before, here in itertools.pairwise(way):
            at += float(network.onward_s[before][network.onward[before] == here][0])
            at = float(times.leave_s(np.array([here]), np.array([at]))[0])
        assert at == pytest.approx(reach, rel=1e-12)


@settings(max_examples=25)
@given(SEEDS)
def test_chains_take_as_long_as_their_links(seed: int) -> None:
    random = np.random.default_rng(seed)
    names = [f"n{place}" for place in range(40)]
    links = [("A", one, other) for one, other in itertools.pairwise(names)]
    links += [
        ("B", names[int(one)], names[int(other)]) for one, other in random.integers(0, 40, (6, 2)) if one != other
    ]
    links += [("C", "r0", "r1"), ("C", "r1", "r2"), ("C", "r2", "r0")]  # a ring that nobody comes to
    network = roads(links, length_m=random.uniform(100, 3000, len(links)), turn_s=20.0, both_ways=bool(seed % 2))
    count = len(network)
    speed = network.free_kmh * np.exp(-np.abs(random.normal(0, 0.8, (13, count))))
    lost = Losses.of(int(random.integers(0, count)), 0.0, 300.0, 2400.0)
    times = link_times(network, speed, slice_s=300.0, min_speed_kmh=5.0, losses=lost, flow_veh_h=np.full(count, 900.0))
    link = np.append(random.integers(0, count, 8), len(links) - 1)
    origins = Origins(link, random.uniform(0, 1, 9) * network.length_m[link])
    goals = random.choice(len(network.node_ids), 6, replace=False)
    expected = arrivals(search(network, times, origins, 100.0), goals)[0] - 100.0
    np.testing.assert_allclose(travel_times(network, times, origins, goals, 100.0), expected, rtol=1e-12)


@settings(max_examples=40)
@given(SEEDS)
def test_who_leaves_later_never_arrives_earlier(seed: int) -> None:
    random, network, _, _, times = anything(seed, 3)
    enter = np.sort(random.uniform(0, 9000, 400))
    for link in range(len(network)):
        leave = times.leave_s(np.full(400, link), enter)
        reached = leave[np.isfinite(leave)]
        assert (np.diff(reached) >= -1e-6).all()
        assert np.isinf(leave[len(reached) :]).all()
        assert (leave - enter >= network.free_s[link] - 1e-6).all()
    origins = Origins(np.array([0]), np.zeros(1))
    nodes = np.arange(len(network.node_ids))
    arrive = [travel_times(network, times, origins, nodes, at) + at for at in (0.0, 200.0, 1000.0, 4000.0)]
    for early, late in itertools.pairwise(arrive):
        assert (late >= early - 1e-6).all()


@settings(max_examples=25)
@given(SEEDS)
def test_nothing_beats_free_flow_and_a_loss_never_helps(seed: int) -> None:
    random, network, speed, _flow, times = anything(seed)
    origins = Origins(random.integers(0, len(network), 3), np.zeros(3))
    nodes = np.arange(len(network.node_ids))
    free = link_times(network, slice_s=300.0, min_speed_kmh=5.0)
    bare = link_times(network, speed, slice_s=300.0, min_speed_kmh=5.0)
    best = travel_times(network, free, origins, nodes)
    usual = travel_times(network, bare, origins, nodes)
    hurt = travel_times(network, times, origins, nodes)
    assert (usual >= best - 1e-6).all()
    assert (hurt >= usual - 1e-6).all()


def test_nobody_turns_round_and_banned_turns_are_not_taken() -> None:
    line = roads([("A", "a", "b"), ("A", "b", "c")], both_ways=True)
    assert (line.onward[0] == 1).any()
    assert line.onward[1].tolist() == [NONE]
    origins = Origins(np.array([0]), np.zeros(1))
    times = link_times(line, slice_s=300.0, min_speed_kmh=5.0)
    assert np.isinf(travel_times(line, times, origins, np.array([0]))[0, 0])
    assert travel_times(line, times, origins, np.array([2]))[0, 0] == pytest.approx(72.0)
    halfway = Origins(np.array([0]), np.array([500.0]))
    assert travel_times(line, times, halfway, np.array([2]))[0, 0] == pytest.approx(54.0)


def test_a_closed_road_is_waited_for_if_that_is_faster() -> None:
    line = roads(
        [("A", "a", "b"), ("A", "b", "c"), ("B", "b", "d"), ("B", "d", "c")], length_m=[1000, 1000, 9000, 9000]
    )
    origins = Origins(np.array([0]), np.zeros(1))

    def minutes(losses: Losses, flow: float = 0.0) -> float:
        times = link_times(line, slice_s=300.0, min_speed_kmh=5.0, losses=losses, flow_veh_h=np.full(len(line), flow))
        return float(travel_times(line, times, origins, np.array([2]))[0, 0]) / 60.0

    assert minutes(Losses.none()) == pytest.approx(1.2)
    assert minutes(Losses.of(1, 0.0, 0.0, 300.0)) == pytest.approx(5.6)  # opens at 5 min, 0.6 min through
    assert minutes(Losses.of(1, 0.0, 0.0, np.inf)) == pytest.approx(11.4)  # round by B
    assert minutes(Losses.of(1, 0.0, 3600.0, np.inf)) == pytest.approx(1.2)  # not yet closed
    # Closed since 5 min, 1000 veh/h came, 2000 veh/h are served from minute 5: 93 stand there at minute 0.6.
    queue = 1000 / 60 * 5.6
    assert minutes(Losses.of(1, 0.0, -300.0, 300.0), 1000.0) == pytest.approx(5.6 + queue / 2000 * 60)


@pytest.mark.parametrize(
    ("at_s", "wait_s"),
    [(-1.0, 0.0), (0.0, 0.0), (1800.0, 1800.0), (3600.0, 1800.0), (3600 + 1800.0, 900.0), (3600 + 3600.0, 0.0)],
)
def test_the_point_queue_is_the_one_of_the_textbook(at_s: float, wait_s: float) -> None:
    """2000 veh/h come, 1000 are served for an hour, then 3000: 1000 wait at its end, all gone an hour later."""
    delay = queue_delay_s(
        np.array([at_s]),
        from_s=0.0,
        until_s=3600.0,
        arriving_veh_s=2000 / 3600,
        left_veh_s=1000 / 3600,
        capacity_veh_s=3000 / 3600,
    )
    # At half time 500 wait and half an hour is left: served within it. At its end 1000 wait, 3000 an hour go.
    expected = {3600.0: 1200.0, 5400.0: 600.0}.get(at_s, wait_s)
    assert delay[0] == pytest.approx(expected)


def test_what_is_not_known_delays_nobody_and_what_never_ends_lets_nobody_through() -> None:
    line = roads([("A", "a", "b"), ("A", "b", "c")])
    unknown = link_times(
        line,
        np.array([[np.nan, -3.0]]),
        slice_s=300.0,
        min_speed_kmh=5.0,
        losses=Losses.of(1, 0.5, 0.0, np.inf),
        flow_veh_h=np.full(2, np.nan),
    )
    np.testing.assert_allclose(unknown.travel_s, [line.free_s])
    assert unknown.leave_s(np.array([1]), np.array([100.0]))[0] == pytest.approx(136.0)
    shut = link_times(line, slice_s=300.0, min_speed_kmh=5.0, losses=Losses.of(1, 0.0, 0.0, np.inf))
    assert np.isinf(shut.leave_s(np.array([1, 1]), np.array([0.0, FOREVER_S]))).all()
    with pytest.raises(ValueError, match=r"speed_kmh: expected shape \(slice, 2\), was \(2,\)"):
        link_times(line, np.ones(2), slice_s=300.0, min_speed_kmh=5.0)
    with pytest.raises(ValueError, match="length_m: expected numbers above 0, was nan at A:a-b"):
        roads([("A", "a", "b")], length_m=np.nan)


def test_nobody_and_nowhere_are_no_problem() -> None:
    line = roads([("A", "a", "b")])
    times = link_times(line, slice_s=300.0, min_speed_kmh=5.0)
    nobody = Origins(np.empty(0, dtype=np.int64), np.empty(0))
    assert travel_times(line, times, nobody, np.array([0])).shape == (0, 1)
    assert travel_times(line, times, Origins(np.array([0]), np.zeros(1)), np.empty(0, dtype=np.int64)).shape == (1, 0)
