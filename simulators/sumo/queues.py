"""Where vehicles queue: their mean speed and density in cells along each direction of a road."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulators.sumo.network import Edge
from simulators.sumo.wire import Seen

CELL_M = 200.0
"""Aimed length of a cell: a dozen vehicles of free traffic on three lanes; own choice [m]."""
AVERAGE_S = 60.0
"""Speeds are means over this long, so that no single stop-and-go wave is a queue; own choice [s]."""
SLOW_BELOW = 0.5
"""A cell is congested below this share of its speed limit: between the 0.4 and 0.8 by which Korea's public map calls a
road jammed and slow; own construction [-]."""
DENSE_VEH_KM_LANE = 20.0
"""And above this density: free traffic at capacity has about 20 (2,000 veh/h at 100 km/h). [veh/km/lane]"""
BRIDGE_CELLS = 3
"""Free cells between congested ones that part no queue (600 m); own construction."""
SHORTEST_CELLS = 2
"""A queue has at least this many cells (400 m); own construction."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Stretch(NamedTuple):
    """A queue: cells ``first`` to ``last``, from ``tail_m`` to ``head_m`` along its chain."""

    first: int
    last: int
    chain: int
    tail_m: float
    head_m: float


@dataclass(frozen=True)
class Stretches:
    """Chains of edges cut into cells.

    Attributes
    ----------
    edges : tuple of str
        Chain after chain in the direction of travel.
    edge_chain, edge_start_m : ndarray, shape (edge,)
        Chain, and distance of the edge's start along it. [m]
    edge_lead_m, edge_scale : ndarray, shape (edge,)
        From a position on the lanes to the distance from the edge's start: ``lead + scale · position``.
    chain, start_m, length_m : ndarray, shape (cell,)
        Chain, and place along it. [m]
    chain_first : ndarray, shape (chain,)
        First cell of each chain.
    chain_cell_m : ndarray, shape (chain,)
        Length of its cells. [m]
    lanes, limit_mps : ndarray, shape (cell,)
        Of the edge in the cell's middle.
    """

    edges: tuple[str, ...]
    places: dict[str, int]
    edge_chain: Ints
    edge_start_m: Floats
    edge_length_m: Floats
    edge_lead_m: Floats
    edge_scale: Floats
    chain: Ints
    start_m: Floats
    length_m: Floats
    chain_first: Ints
    chain_cell_m: Floats
    lanes: Floats
    limit_mps: Floats

    @classmethod
    def build(cls, chains: Sequence[Sequence[Edge]]) -> Stretches:
        """Cut chains into cells of about `CELL_M`."""
        edges = [edge for chain in chains for edge in chain]
        of = np.repeat(np.arange(len(chains)), [len(chain) for chain in chains])
        length_m = np.array([edge.line_m for edge in edges])
        start_m = np.concatenate([np.cumsum([0.0, *(edge.line_m for edge in chain)])[:-1] for chain in chains])
        total_m = np.bincount(of, weights=length_m, minlength=len(chains))
        count = np.maximum(np.round(total_m / CELL_M), 1).astype(np.int64)
        first = np.concatenate([[0], np.cumsum(count)[:-1]])
        cell_m = total_m / count
        chain = np.repeat(np.arange(len(chains)), count)
        cell_start_m = (np.arange(count.sum()) - first[chain]) * cell_m[chain]
        # Edges of one chain after the other: sorting by chain and place finds each cell's edge at once.
        far_m = float(total_m.max()) + 1.0
        middle = chain * far_m + cell_start_m + cell_m[chain] / 2
        at = np.searchsorted(of * far_m + start_m, middle, side="right") - 1
        return cls(
            edges=tuple(edge.id for edge in edges),
            places={edge.id: place for place, edge in enumerate(edges)},
            edge_chain=of,
            edge_start_m=start_m,
            edge_length_m=length_m,
            edge_lead_m=np.array([edge.lead_m for edge in edges]),
            edge_scale=np.array([edge.shape_m / edge.length_m for edge in edges]),
            chain=chain,
            start_m=cell_start_m,
            length_m=cell_m[chain],
            chain_first=first,
            chain_cell_m=cell_m,
            lanes=np.array([float(len(edge.lanes)) for edge in edges])[at],
            limit_mps=np.array([edge.speed_limit_kmh / 3.6 for edge in edges])[at],
        )

    def count(self, seen: Seen) -> tuple[Floats, Floats]:
        """Return the number of vehicles and the sum of their speeds [m/s] in each cell, both of shape (cell,)."""
        cells = len(self.chain)
        edge = np.array(seen.edge, dtype=np.int64)
        along_m = self.edge_start_m[edge] + self.edge_lead_m[edge] + self.edge_scale[edge] * np.array(seen.pos_m)
        chain = self.edge_chain[edge]
        within = np.floor(along_m / self.chain_cell_m[chain]).astype(np.int64)
        last = np.append(self.chain_first[1:], cells)[chain] - 1
        cell = np.minimum(self.chain_first[chain] + within, last)
        vehicles = np.bincount(cell, minlength=cells).astype(np.float64)
        speed_sum_mps = np.bincount(cell, weights=np.array(seen.speed_mps), minlength=cells)
        return vehicles, speed_sum_mps.astype(np.float64)

    def congested(self, vehicles: Floats, speed_sum_mps: Floats) -> list[Stretch]:
        """Return the queues: congested cells that hang together, of at least `SHORTEST_CELLS`."""
        density = vehicles / (self.length_m / 1_000.0) / self.lanes
        slow = speed_sum_mps < SLOW_BELOW * self.limit_mps * vehicles
        cells = np.flatnonzero(slow & (density > DENSE_VEH_KM_LANE))
        if not len(cells):
            return []
        parted = (np.diff(cells) > BRIDGE_CELLS + 1) | (np.diff(self.chain[cells]) != 0)
        firsts = cells[np.concatenate([[True], parted])]
        lasts = cells[np.concatenate([parted, [True]])]
        long = lasts - firsts + 1 >= SHORTEST_CELLS
        return [
            Stretch(
                first,
                last,
                int(self.chain[first]),
                float(self.start_m[first]),
                float(self.start_m[last] + self.length_m[last]),
            )
            for first, last in zip(firsts[long].tolist(), lasts[long].tolist(), strict=True)
        ]

    def along(self, edge: str, pos_m: float) -> tuple[int, float] | None:
        """Return the chain of a position on an edge's lanes and the distance along it [m]; None off all chains."""
        place = self.places.get(edge)
        if place is None:
            return None
        offset_m = self.edge_lead_m[place] + self.edge_scale[place] * pos_m
        return int(self.edge_chain[place]), float(self.edge_start_m[place] + offset_m)

    def edge_at(self, along_m: float, chain: int) -> str:
        """Return the edge at a distance along a chain."""
        mine = np.flatnonzero(self.edge_chain == chain)
        at = int(np.searchsorted(self.edge_start_m[mine], along_m, side="right")) - 1
        return self.edges[int(mine[max(at, 0)])]

    def offset_m(self, edge: str, along_m: float) -> float:
        """Return the distance from an edge's start of a distance along its chain, on the edge [m]."""
        place = self.places[edge]
        return float(np.clip(along_m - self.edge_start_m[place], 0.0, self.edge_length_m[place]))


@dataclass
class Follower:
    """Gives queues lasting names: a queue is the one that it overlaps most of those that there were before."""

    _named: dict[str, Stretch] = field(default_factory=dict, init=False)
    _count: int = field(default=0, init=False)

    def follow(self, runs: Sequence[Stretch]) -> list[tuple[str, Stretch]]:
        """Return each queue with its name, in the given order."""
        overlaps = sorted(
            (-(min(run.last, before.last) - max(run.first, before.first)), name, place)
            for place, run in enumerate(runs)
            for name, before in self._named.items()
            if run.first <= before.last and before.first <= run.last
        )
        given: dict[int, str] = {}
        taken: set[str] = set()
        for _, name, place in overlaps:
            if place not in given and name not in taken:
                given[place] = name
                taken.add(name)
        for place in range(len(runs)):
            if place not in given:
                self._count += 1
                given[place] = f"queue-{self._count}"
        named = [(given[place], run) for place, run in enumerate(runs)]
        self._named = dict(named)
        return named
