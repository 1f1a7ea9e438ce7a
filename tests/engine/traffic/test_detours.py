"""Detours: known answers on small networks, refusals, and the default region with a tunnel shut."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.thresholds import Sourced
from engine.traffic.network.detours import advise
from engine.traffic.network.dispatch import Detour, Refusal
from engine.traffic.network.graph import Network
from engine.traffic.network.paths import Origins
from engine.traffic.network.times import Losses
from gwanje.regions import region_of
from gwanje.running import settings_from
from ingest.network import network_of
from tests.engine.traffic.networks import NUMBERS, grid, roads

IN, A, OUT, B1, B2 = range(5)
HOUR = 3600.0


def two_ways(**columns: Any) -> Network:
    """In, then 10 km of A to the place where B of 2 x 10 km comes in again, then out."""
    links = [("A", "i", "x"), ("A", "x", "y"), ("A", "y", "z"), ("B", "x", "w"), ("B", "w", "y")]
    return roads(links, **({"length_m": [5000, 10_000, 5000, 10_000, 10_000], "capacity_veh_h": 4000.0} | columns))


def ask(network: Network, losses: Losses, flow: Any, signs: tuple[float, ...] = (1000.0,), **numbers: float) -> Any:
    thresholds = replace(NUMBERS, **{name: Sourced(value, "test") for name, value in numbers.items()})
    origins = Origins(np.zeros(len(signs), dtype=np.int64), np.array(signs))
    flows = np.broadcast_to(np.asarray(flow, dtype=np.float64), len(network)).copy()
    split = np.ones((len(signs), 1))
    return advise(network, losses, origins, np.array([network.node_ids.index("z")]), flows, thresholds, split=split)


def only(detours: tuple[Detour, ...]) -> Detour:
    (detour,) = detours
    return detour


def test_a_closure_of_an_hour_sends_drivers_round_and_says_what_it_saves() -> None:
    network = two_ways()
    one = only(ask(network, Losses.of(A, 0.0, 0.0, HOUR), [1000, 1000, 1000, 200, 200]))
    assert one.refused is None
    assert [network.link_ids[link] for link in one.links] == ["A:i-x", "B:x-w", "B:w-y", "A:y-z"]
    assert one.roads == ("A", "B", "A")
    assert one.leaves == IN
    # 4 km to the closure, there at 2.4 min: opens at 60 min, of 40 that came 4000 an hour go.
    assert one.stay_min == pytest.approx(60 + 2.4 / 60 * 1000 / 4000 * 60 + 6 + 3)
    assert one.share == pytest.approx(0.3)
    assert one.added_flow_veh_h == pytest.approx(300)
    assert one.worst_vc == pytest.approx(500 / 4000)
    slower = 0.15 * ((500 / 4000) ** 4 - (200 / 4000) ** 4) * 12
    assert one.detour_min == pytest.approx(2.4 + 12 + 3 + slower)
    assert one.saved_min == pytest.approx(one.stay_min - one.detour_min)
    assert {line.quantity for line in one.receipt} >= {"time_saved", "volume_capacity", "diverted_share", "queue_delay"}


def test_lost_lanes_are_worth_a_detour_when_the_queue_is() -> None:
    network = two_ways()
    lanes = Losses.of(A, 0.5, -HOUR, HOUR)  # half of 4000 for two hours, half of them gone
    busy = only(ask(network, lanes, [3000, 3000, 3000, 200, 200]))
    assert busy.refused is None
    # 1000 an hour too many since an hour: 1040 stand there after 2.4 min, half an hour and a bit of service.
    assert busy.stay_min == pytest.approx(2.4 + 1040 / 2000 * 60 + 6 + 3)
    assert busy.share == pytest.approx(0.3)
    assert busy.added_flow_veh_h == pytest.approx(900)
    quiet = only(ask(network, lanes, [1500, 1500, 1500, 200, 200]))
    assert quiet.refused is Refusal.SAVES_TOO_LITTLE
    assert quiet.saved_min == pytest.approx(-6.0)
    assert (quiet.share, quiet.added_flow_veh_h) == (0.0, 0.0)


def test_no_more_is_sent_than_there_is_too_much() -> None:
    one = only(ask(two_ways(), Losses.of(A, 0.5, -2 * HOUR, HOUR), [2400, 2400, 2400, 200, 200]))
    assert one.refused is None
    assert one.added_flow_veh_h == pytest.approx(400)


@pytest.mark.parametrize(
    ("capacity", "flow", "reason"),
    [
        (1000.0, 950.0, Refusal.ALTERNATIVE_FULL),
        (1000.0, 880.0, Refusal.WOULD_JAM),
        (1000.0, np.nan, Refusal.FLOW_UNKNOWN),
        (1000.0, -5.0, Refusal.FLOW_UNKNOWN),
    ],
)
def test_a_way_that_would_itself_jam_is_refused(capacity: float, flow: float, reason: Refusal) -> None:
    network = two_ways(capacity_veh_h=[4000, 4000, 4000, capacity, capacity])
    one = only(ask(network, Losses.of(A, 0.0, 0.0, HOUR), [1000, 1000, 1000, flow, 0]))
    assert one.refused is reason
    assert one.share == one.added_flow_veh_h == 0.0
    if reason in {Refusal.ALTERNATIVE_FULL, Refusal.WOULD_JAM}:
        assert one.worst_link == B1
        assert one.worst_vc > 0.9


def test_a_way_with_little_room_takes_a_smaller_share() -> None:
    network = two_ways(capacity_veh_h=[4000, 4000, 4000, 1000, 1000])
    one = only(ask(network, Losses.of(A, 0.0, 0.0, HOUR), [1000, 1000, 1000, 700, 100]))
    assert one.refused is None
    assert 0.15 < one.share <= 0.2
    assert 0.85 < one.worst_vc <= 0.9
    assert one.worst_link == B1


def test_without_another_way_it_says_so() -> None:
    line = roads([("A", "i", "x"), ("A", "x", "y"), ("A", "y", "z")])
    one = only(ask(line, Losses.of(1, 0.0, 0.0, np.inf), 500.0))
    assert one.refused is Refusal.NO_ALTERNATIVE
    assert np.isinf(one.stay_min)
    assert np.isnan(one.saved_min)
    assert one.links.size == 0
    assert one.leaves == -1


def test_two_signs_before_one_exit_speak_to_the_same_drivers() -> None:
    network = two_ways(capacity_veh_h=[4000, 4000, 4000, 1000, 1000])
    first, second = ask(network, Losses.of(A, 0.0, 0.0, HOUR), [1000, 1000, 1000, 400, 400], (500.0, 4000.0))
    assert first.added_flow_veh_h == second.added_flow_veh_h == pytest.approx(300)
    assert first.worst_vc == second.worst_vc == pytest.approx(0.7)


def test_those_sent_away_farther_upstream_are_not_sent_away_again() -> None:
    links = [("A", "i", "x"), ("A", "x", "y"), ("A", "y", "z"), ("C", "i2", "i"), ("D", "i", "u"), ("D", "u", "z")]
    links += [("B", "x", "w"), ("B", "w", "z")]
    network = roads(links, length_m=[6e3, 6e3, 6e3, 6e3, 11e3, 11e3, 9e3, 9e3], capacity_veh_h=4000.0)
    origins = Origins(np.array([3, 0]), np.array([100.0, 100.0]))
    flow = np.full(len(network), 1000.0)
    goal = np.array([network.node_ids.index("z")])
    losses = Losses.of(1, 0.0, 0.0, HOUR)
    far, near = advise(network, losses, origins, goal, flow, NUMBERS, split=np.ones((2, 1)))
    assert (network.link_ids[far.leaves], network.link_ids[near.leaves]) == ("C:i2-i", "A:i-x")
    assert far.added_flow_veh_h == pytest.approx(300)
    assert near.added_flow_veh_h == pytest.approx(210)  # 30 % of the 700 that are left


def test_signs_behind_the_incident_and_beside_it_are_left_alone() -> None:
    network = two_ways()
    origins = Origins(np.array([A, OUT, B1]), np.zeros(3))
    goal = np.array([network.node_ids.index("z")])
    assert advise(network, Losses.of(A, 0.0, 0.0, HOUR), origins, goal, np.zeros(5), NUMBERS) == ()
    assert advise(network, Losses.none(), origins, goal, np.zeros(5), NUMBERS) == ()


@given(st.integers(0, 2**32 - 1))
def test_no_advice_fills_a_link_over_its_limit_or_saves_too_little(seed: int) -> None:
    random = np.random.default_rng(seed)
    network = grid(random, 4)
    flow = random.uniform(0, 2200, len(network))
    origins = Origins(random.integers(0, len(network), 8), np.zeros(8))
    goals = random.choice(len(network.node_ids), 3, replace=False)
    lost = Losses.of(int(random.integers(0, len(network))), float(random.choice([0.0, 0.5])), 0.0, 2 * HOUR)
    found = advise(network, lost, origins, goals, flow, NUMBERS)
    for one in found:
        assert (one.refused is None) == (one.share > 0)
        assert not np.isin(lost.link, one.links).any()
        if one.refused is None:
            assert one.saved_min >= NUMBERS.min_saving_min.value - 1e-9
            assert NUMBERS.min_share.value <= one.share <= NUMBERS.compliance.value
            assert one.worst_vc <= NUMBERS.max_vc.value + 1e-9


@pytest.fixture(scope="module")
def default_region(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = str(tmp_path_factory.mktemp("regions"))
    return region_of(settings_from(argparse.Namespace(region="default", data_dir=folder)))


def test_a_tunnel_of_the_mountain_expressway_shut_sends_drivers_over_other_roads(default_region: Any) -> None:
    network = network_of(default_region, NUMBERS)
    rows = {link: row for row, link in enumerate(network.link_ids)}
    tunnel = max(
        (link for link in default_region.links if link.tunnel and link.road == "E991" and link.direction == "down"),
        key=lambda link: link.length_m,
    )
    signs = default_region.sign
    origins = Origins(np.array([rows[sign.link] for sign in signs]), np.array([sign.offset_m for sign in signs]))
    goals = np.array([row for row, node in enumerate(default_region.nodes) if node.kind == "end"])
    flow = 0.4 * network.capacity_veh_h
    found = advise(network, Losses.of(rows[tunnel.id], 0.0, 0.0, 3 * HOUR), origins, goals, flow, NUMBERS)
    advised = [one for one in found if one.refused is None]
    assert advised
    down = {row for row, sign in enumerate(signs) if sign.link in rows and network.road[rows[sign.link]] == 0}
    assert any(one.sign in down for one in advised)
    for one in advised:
        assert rows[tunnel.id] not in one.links
        assert set(one.roads) - {"E991"}
        assert one.detour_min < one.stay_min
        assert one.worst_vc <= 0.9
