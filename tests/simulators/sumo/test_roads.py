"""Edges become roads: each in one, one after another, with its other direction."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.sumo.network import Network
from simulators.sumo.roads import find_roads, rank_of
from tests.simulators.sumo.making import make_edge, make_network, straight_road


def test_both_directions_are_one_road() -> None:
    (road,) = find_roads(straight_road())
    assert [edge.id for edge in road.down.edges] == ["e0", "e1", "e2"]
    assert road.up is not None
    assert [edge.id for edge in road.up.edges] == ["w2", "w1", "w0"]
    assert road.down.rank == "expressway"


def test_carriageways_apart_are_one_road_when_they_have_one_name() -> None:
    east = make_edge("e", ("a", "b"), ((0, 0), (5_000, 0)), name="Motorway")
    west = make_edge("w", ("c", "d"), ((5_000, 40), (0, 40)), name="Motorway")
    (road,) = find_roads(make_network(east, west))
    assert road.up is not None
    nameless = [make_edge("e", ("a", "b"), ((0, 0), (5_000, 0))), make_edge("w", ("c", "d"), ((5_000, 40), (0, 40)))]
    assert len(find_roads(make_network(*nameless))) == 2


def test_a_road_ends_where_its_name_or_direction_does() -> None:
    edges = (
        make_edge("1", ("a", "b"), ((0, 0), (1_000, 0)), following=("2", "3"), name="First"),
        make_edge("2", ("b", "c"), ((1_000, 0), (2_000, 0)), name="Second"),
        make_edge("3", ("b", "d"), ((1_000, 0), (900, 900)), name="First"),
    )
    assert len(find_roads(make_network(*edges))) == 3


def test_a_ring_is_cut_once() -> None:
    corners = [(500.0 * math.cos(step * math.pi / 4), 500.0 * math.sin(step * math.pi / 4)) for step in range(8)]
    places = [*corners, corners[0]]
    edges = [
        make_edge(
            f"r{number}", (f"n{number}", f"n{(number + 1) % 8}"), (here, there), following=(f"r{(number + 1) % 8}",)
        )
        for number, (here, there) in enumerate(pairwise(places))
    ]
    (road,) = find_roads(make_network(*edges))
    assert len(road.down.edges) == 8


@pytest.mark.parametrize(
    ("kind", "limit_kmh", "lanes", "rank"),
    [
        ("highway.motorway", 60.0, (0,), "expressway"),
        ("highway.motorway_link", 100.0, (1, 0), "local"),
        ("highway.primary", 50.0, (0,), "national"),
        ("", 79.99, (1, 0), "expressway"),
        ("", 80.0, (0,), "national"),
        ("", 50.0, (1, 0), "local"),
    ],
)
def test_ranks(kind: str, limit_kmh: float, lanes: tuple[int, ...], rank: str) -> None:
    edge = make_edge("x", ("a", "b"), ((0, 0), (100, 0)), kind=kind, limit_kmh=limit_kmh, lanes=lanes)
    assert rank_of(edge) == rank


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Streets of a grid of which some are missing, with a few names."""
    size = 3
    spots = [(x, y) for x in range(size) for y in range(size)]
    steps = [(1, 0), (-1, 0), (0, 1), (0, -1)]
    pairs = [
        ((x, y), (x + dx, y + dy)) for x, y in spots for dx, dy in steps if 0 <= x + dx < size and 0 <= y + dy < size
    ]
    kept = draw(st.lists(st.sampled_from(pairs), min_size=1, unique=True))
    names = draw(st.lists(st.sampled_from(["", "A", "B"]), min_size=len(kept), max_size=len(kept)))
    edges = []
    for (here, there), name in zip(kept, names, strict=True):
        onward = tuple(sorted(f"{a}{b}" for a, b in kept if a == there and b != here))
        line = ((here[0] * 300.0, here[1] * 300.0), (there[0] * 300.0, there[1] * 300.0))
        edges.append(make_edge(f"{here}{there}", (str(here), str(there)), line, following=onward, name=name))
    return make_network(*edges)


@given(network=networks())
def test_every_edge_is_in_one_road_and_runs_hang_together(network: Network) -> None:
    roads = find_roads(network)
    chains = [chain for road in roads for chain in (road.down, road.up) if chain is not None]
    assert sorted(edge.id for chain in chains for edge in chain.edges) == sorted(network.edges)
    for chain in chains:
        assert all(first.to_node == then.from_node for first, then in pairwise(chain.edges))
        assert len({edge.name for edge in chain.edges}) == 1
    assert find_roads(network) == roads
