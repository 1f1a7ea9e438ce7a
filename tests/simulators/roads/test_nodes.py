from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from config.catalogue.model import Catalogue
from simulators.world.roads.grid import build_grid
from simulators.world.roads.network import build_movements, build_network
from simulators.world.roads.nodes import fill, find_merges, pass_nodes
from tests.simulators.roads.networks import bypass

FLOWS = st.floats(0.0, 3.0)


@given(
    arrays(float, (5, 4), elements=FLOWS),
    arrays(float, (5, 4), elements=st.floats(0.01, 2.0)),
    arrays(float, 5, elements=FLOWS),
)
def test_a_merge_gives_all_it_has_and_no_more(demand: np.ndarray, priority: np.ndarray, supply: np.ndarray) -> None:
    given_ = fill(demand, priority, supply)
    assert np.all((given_ >= 0) & (given_ <= demand))
    assert given_.sum(axis=1) == pytest.approx(np.minimum(demand.sum(axis=1), supply), abs=1e-9)
    # Who is held back gets as much by priority as anyone.
    level = given_ / priority
    held = given_ < demand - 1e-9
    for row in range(5):
        if held[row].any():
            assert np.allclose(level[row][held[row]], level[row].max(), rtol=1e-6)


def test_a_merge_shares_by_priority_and_passes_on_what_is_not_used() -> None:
    demand = np.array([[1.0, 0.1], [1.0, 1.0]])
    priority = np.array([[2.0, 1.0], [2.0, 1.0]])
    assert fill(demand, priority, np.array([0.9, 0.9])) == pytest.approx(np.array([[0.8, 0.1], [0.6, 0.3]]))


def test_movements_never_turn_around_and_leave_everywhere(default_region: Catalogue) -> None:
    for region in (bypass(), default_region):
        grid = build_grid(region)
        network = build_network(region, grid)
        ways = build_movements(network)
        begin = [grid.links[grid.link[cell]] for cell in network.chain_first]
        end = [grid.links[grid.link[cell]] for cell in network.chain_last]
        for a, b in zip(network.ramp_from, network.ramp_to, strict=True):
            assert end[a].to_node == begin[b].from_node
            assert end[a].road != begin[b].road
        on = network.straight_on >= 0
        for a, b in zip(np.flatnonzero(on), network.straight_on[on], strict=True):
            assert (end[a].to_node, end[a].road, end[a].direction) == (
                begin[b].from_node,
                begin[b].road,
                begin[b].direction,
            )
        assert np.bincount(ways.source[ways.target < 0], minlength=network.n_chain).tolist() == [1] * network.n_chain
        # What the solution in one pass rests on: of what a cell can choose, at most one way is shared with others.
        merges = find_merges(ways)
        shared = np.zeros(len(ways.source), dtype=np.int64)
        shared[merges.way[merges.exists]] = 1
        assert np.bincount(ways.source, shared).max() <= 1


GRID = build_grid(bypass())
NETWORK = build_network(bypass(), GRID)
WAYS = build_movements(NETWORK)
MERGES = find_merges(WAYS)


@given(st.integers(0, 10_000))
def test_nodes_send_no_more_than_is_there_and_takes_no_more_than_fits(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n_in, n_way = len(WAYS.cell_in), len(WAYS.source)
    sending, weight = rng.uniform(0, 2, n_in), rng.uniform(0.2, 2, n_in)
    share = rng.uniform(0, 1, n_way) * (rng.uniform(0, 1, n_way) > 0.3) + 1e-12
    share /= np.add.reduceat(share, WAYS.start)[WAYS.source]
    room = rng.uniform(0, 2, NETWORK.n_road + NETWORK.n_ramp + 1) * rng.integers(
        0, 2, NETWORK.n_road + NETWORK.n_ramp + 1
    )
    receiving = room[WAYS.target]
    receiving[WAYS.target < 0] = rng.uniform(0, 2, int((WAYS.target < 0).sum()))
    out = pass_nodes(WAYS, MERGES, sending, weight, receiving, share)
    assert np.all((out >= 0) & (out <= sending))
    flow = out[WAYS.source] * share
    into = np.bincount(WAYS.target[WAYS.target >= 0], flow[WAYS.target >= 0], minlength=len(room))
    assert np.all(into <= room + 1e-9)
    assert np.all(flow[WAYS.target < 0] <= receiving[WAYS.target < 0] + 1e-9)
    # Nobody waits without a reason: who sends less than it could finds one of its ways full.
    for cell in np.flatnonzero(out < sending - 1e-9):
        mine = np.flatnonzero((WAYS.source == cell) & (share > 0))
        full = [
            into[WAYS.target[way]] >= room[WAYS.target[way]] - 1e-6 if WAYS.target[way] >= 0
            else flow[way] >= receiving[way] - 1e-6
            for way in mine
        ]  # fmt: skip
        assert any(full)
