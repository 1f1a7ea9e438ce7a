"""Edges to roads: chains of edges that continue each other, and which chain is whose other direction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from config.catalogue.geometry import GEOD
from config.catalogue.model import RoadRank
from simulators.sumo.network import Edge, Network

MOST_TURN_DEG = 60.0
"""A road does not turn more than this from one edge to the next; own construction. [deg]"""
OPPOSITE_DEG = 60.0
"""Two directions of a road may differ from opposite by this much, end to end; own construction. [deg]"""
APART_FRAC = 0.25
"""Their ends may lie apart by this share of the longer one's length; own construction. [-]"""
_EXPRESSWAY_KMH, _NATIONAL_KMH = 80.0, 60.0
"""Limits from which an edge without a kind counts as such a road; own construction. [km/h]"""
_LIMIT_SLACK_KMH = 0.1
"""SUMO writes limits in m/s to two places: 22.22 m/s are 80 km/h. [km/h]"""


@dataclass(frozen=True)
class Chain:
    """One direction of a road, in the direction of travel."""

    name: str
    edges: tuple[Edge, ...]

    @property
    def length_m(self) -> float:
        """Length from the first node to the last [m]."""
        return sum(edge.line_m for edge in self.edges)

    @property
    def rank(self) -> RoadRank:
        """Rank of its longest stretch."""
        lengths: dict[RoadRank, float] = defaultdict(float)
        for edge in self.edges:
            lengths[rank_of(edge)] += edge.line_m
        return max(lengths, key=lambda rank: lengths[rank])


@dataclass(frozen=True)
class SumoRoad:
    """A road with one direction or two."""

    down: Chain
    up: Chain | None

    @property
    def length_m(self) -> float:
        """Length of both directions [m]."""
        return self.down.length_m + (self.up.length_m if self.up else 0.0)


def rank_of(edge: Edge) -> RoadRank:
    """Return the rank of an edge: of its kind as OpenStreetMap names it, else of its speed limit and lanes."""
    kind = edge.kind.rpartition("highway.")[2]
    if kind.endswith("_link"):
        return "local"
    if kind in ("motorway", "trunk"):
        return "expressway"
    if kind in ("primary", "secondary"):
        return "national"
    limit_kmh = edge.speed_limit_kmh + _LIMIT_SLACK_KMH
    if limit_kmh >= _EXPRESSWAY_KMH and len(edge.lanes) >= 2:
        return "expressway"
    return "national" if limit_kmh >= _NATIONAL_KMH else "local"


def find_roads(network: Network) -> tuple[SumoRoad, ...]:
    """Return the roads of a network, the longest first; every edge is in exactly one of them.

    An edge goes on into the edge of the same name and rank that turns least, at most `MOST_TURN_DEG`, when that one
    too has it as its straightest way in. Two chains of one name are two directions of a road when they run between
    the same nodes, or in opposite directions with their ends near each other.
    """
    chains = _chains(network)
    roads = []
    left = dict(enumerate(chains))
    by_ends: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    by_name: dict[str, list[int]] = defaultdict(list)
    for index, chain in left.items():
        by_ends[chain.name, chain.edges[0].from_node, chain.edges[-1].to_node].append(index)
        if chain.name:
            by_name[chain.name].append(index)
    for index, chain in enumerate(chains):
        if left.pop(index, None) is None:
            continue
        ends = by_ends[chain.name, chain.edges[-1].to_node, chain.edges[0].from_node]
        found = next((other for other in ends if other in left), None)
        if found is None:
            beside = ((_apart(chain, chains[other]), other) for other in by_name[chain.name] if other in left)
            distance, nearest = min(beside, default=(float("inf"), -1))
            found = nearest if distance <= 1.0 else None
        roads.append(SumoRoad(chain, None if found is None else left.pop(found)))
    return tuple(sorted(roads, key=lambda road: (-round(road.length_m, 1), road.down.edges[0].id)))


def _chains(network: Network) -> list[Chain]:
    """Chains in the order of the file's edges, the longest of a name first so that it finds its other direction."""
    edges = network.edges
    onward = {edge.id: _straightest(edge, [edges[name] for name in edge.following]) for edge in edges.values()}
    inward: dict[str, list[Edge]] = defaultdict(list)
    for edge in edges.values():
        for name in edge.following:
            inward[name].append(edge)
    backward = {name: _straightest_in(edges[name], comers) for name, comers in inward.items()}
    after = {name: to for name, to in onward.items() if to is not None and backward.get(to) == name}
    before = {to: name for name, to in after.items()}
    chains, seen = [], set()
    # Rings have no first edge: what is left after the open chains begins where the file does.
    for name in [*(name for name in edges if name not in before), *edges]:
        run: list[Edge] = []
        at: str | None = name
        while at is not None and at not in seen:
            seen.add(at)
            run.append(edges[at])
            at = after.get(at)
        if run:
            chains.append(Chain(run[0].name, tuple(run)))
    return sorted(chains, key=lambda chain: -round(chain.length_m, 1))


def _turn_deg(edge: Edge, onto: Edge) -> float:
    return abs((onto.enters_deg - edge.leaves_deg + 180.0) % 360.0 - 180.0)


def _candidates(pairs: Sequence[tuple[Edge, Edge]]) -> list[tuple[float, str, str]]:
    return [
        (round(turn, 3), edge.id, onto.id)
        for edge, onto in pairs
        if edge.name == onto.name
        and rank_of(edge) == rank_of(onto)
        and (turn := _turn_deg(edge, onto)) <= MOST_TURN_DEG
    ]


def _straightest(edge: Edge, onto: Sequence[Edge]) -> str | None:
    found = min(_candidates([(edge, other) for other in onto]), default=None)
    return None if found is None else found[2]


def _straightest_in(onto: Edge, comers: Sequence[Edge]) -> str | None:
    found = min(_candidates([(edge, onto) for edge in comers]), default=None)
    return None if found is None else found[1]


def _apart(one: Chain, other: Chain) -> float:
    """How little two chains look like two directions of a road; more than 1 when they are not."""
    starts = (one.edges[0].line[0], other.edges[0].line[0])
    ends = (one.edges[-1].line[-1], other.edges[-1].line[-1])
    turn = GEOD.inv(*starts[0], *ends[0])[0] - GEOD.inv(*starts[1], *ends[1])[0]
    if abs((turn + 360.0) % 360.0 - 180.0) > OPPOSITE_DEG:
        return float("inf")
    apart_m = max(GEOD.inv(*starts[0], *ends[1])[2], GEOD.inv(*ends[0], *starts[1])[2])
    return float(apart_m / (APART_FRAC * max(one.length_m, other.length_m)))
