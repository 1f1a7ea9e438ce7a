"""Queues are found where vehicles are slow and close, and keep their names."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.sumo.queues import Follower, Stretches
from simulators.sumo.wire import Seen
from tests.simulators.sumo.making import straight_road

NETWORK = straight_road()
CHAINS = Stretches.build([[NETWORK.edges[f"e{n}"] for n in range(3)], [NETWORK.edges[f"w{n}"] for n in (2, 1, 0)]])


def traffic(tail_m: float, head_m: float, queue_mps: float = 4.0) -> Seen:
    """Free traffic on both chains, and a dense queue between two places of the first."""
    rows: list[tuple[int, float, float]] = []
    for place in range(6):
        start_m = CHAINS.edge_start_m[place]
        for pos_m in np.arange(5.0, 975.0, 10.0):
            along_m = start_m + 10.0 + pos_m
            queued = place < 3 and tail_m <= along_m < head_m
            if queued:
                rows += [(place, float(pos_m), queue_mps)] * 3
            elif pos_m % 50 < 10:
                rows.append((place, float(pos_m), 25.0))
    edge, pos_m, speed = zip(*rows, strict=True)
    return Seen(edge, pos_m, speed)


@given(tail_m=st.floats(100.0, 1_500.0), length_m=st.floats(600.0, 1_400.0))
def test_a_queue_is_where_it_is(tail_m: float, length_m: float) -> None:
    (found,) = CHAINS.congested(*CHAINS.count(traffic(tail_m, tail_m + length_m)))
    assert found.chain == 0
    assert abs(found.tail_m - tail_m) <= 200.0
    assert abs(found.head_m - tail_m - length_m) <= 200.0


def test_every_vehicle_is_counted_once() -> None:
    seen = traffic(500.0, 1_200.0)
    vehicles, speed_sum = CHAINS.count(seen)
    assert vehicles.sum() == len(seen.edge)
    assert speed_sum.sum() == pytest.approx(sum(seen.speed_mps))


def test_slow_but_thin_traffic_is_no_queue() -> None:
    vehicles, _ = CHAINS.count(traffic(0.0, 0.0))
    assert CHAINS.congested(vehicles, vehicles * 1.0) == []
    assert CHAINS.congested(np.zeros(len(vehicles)), np.zeros(len(vehicles))) == []


def test_places_along_a_chain_come_back() -> None:
    assert CHAINS.along("e2", 300.0) == pytest.approx((0, 2_310.0), abs=0.1)
    assert CHAINS.along("elsewhere", 0.0) is None
    assert CHAINS.edge_at(2_310.0, 0) == "e2"
    assert CHAINS.offset_m("e2", 2_310.0) == pytest.approx(310.0, abs=0.1)
    assert CHAINS.edge_at(500.0, 1) == "w2"


def test_a_queue_keeps_its_name_while_it_grows_and_shrinks() -> None:
    follower = Follower()
    names = []
    for tail_m in (1_800.0, 1_400.0, 1_000.0, 1_400.0, 3_000.0, 1_400.0):
        runs = CHAINS.congested(*CHAINS.count(traffic(tail_m, 2_600.0)))
        names.append([name for name, _ in follower.follow(runs)])
    assert names == [["queue-1"]] * 4 + [[]] + [["queue-2"]]
