"""Roads as chains of cells: the grid of the traffic model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from config.catalogue.model import Catalogue, Link, Road, RoadRank

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CELL_LENGTH_M = 350.0
"""Aimed length of a cell: two to three cells between detection stations [m]."""


@dataclass(frozen=True)
class CellFacts:
    """Fundamental diagram of a kind of road.

    Attributes
    ----------
    capacity_veh_h_lane
        Maximum flow. [veh/h/lane]
    jam_veh_km_lane
        Density of standing traffic. [veh/km/lane]
    free_over_limit
        Free speed over the speed limit. [-]

    Notes
    -----
    Capacity lies in the range of 2,000 to 2,200 veh/h/lane that the Highway Capacity Manual (6th edition, chapter
    12: 2,250–2,400 pc/h/lane) leaves after heavy vehicles; 135 veh/km/lane is one vehicle every 7.4 m. Together they
    make queues grow at 15–19 km/h, the observed range (Treiber & Kesting 2013, *Traffic Flow Dynamics*, chapter 8).
    Values for roads with crossings are an own construction; signals are not modelled.
    """

    capacity_veh_h_lane: float
    jam_veh_km_lane: float
    free_over_limit: float


FACTS: dict[RoadRank, CellFacts] = {
    "expressway": CellFacts(2_100.0, 135.0, 1.05),
    "national": CellFacts(1_900.0, 135.0, 1.05),
    "local": CellFacts(1_700.0, 135.0, 1.05),
}


@dataclass(frozen=True)
class Corridor:
    """One road in one direction, without a gap; cells ``first`` to ``last`` in the direction of travel."""

    road: Road
    direction: str
    first: int
    last: int
    links: tuple[Link, ...]
    length_m: float


@dataclass(frozen=True)
class Corridors:
    """Every corridor of a region as one flat array of cells, corridor after corridor.

    Attributes
    ----------
    corridor : ndarray, shape (cell,), int64
        Index of the cell's corridor.
    first, last : ndarray, shape (corridor,), int64
        First and last cell of each corridor.
    start_m, length_m : ndarray, shape (cell,)
        Distance of the cell's start from that of its corridor, and its length. [m]
    lanes : ndarray, shape (cell,)
        Lanes at the middle of the cell.
    free_mps : ndarray, shape (cell,)
        Free speed. [m/s]
    capacity_veh_s : ndarray, shape (cell,)
        Maximum flow of all lanes. [veh/s]
    jam_veh_m : ndarray, shape (cell,)
        Density of standing traffic over all lanes. [veh/m]
    link_start : dict
        Link to its corridor and its start along it. [m]
    """

    rows: tuple[Corridor, ...]
    corridor: Ints
    first: Ints
    last: Ints
    start_m: Floats
    length_m: Floats
    lanes: Floats
    free_mps: Floats
    capacity_veh_s: Floats
    jam_veh_m: Floats
    link_start: dict[str, tuple[int, float]]

    def __len__(self) -> int:
        return len(self.corridor)

    @property
    def critical_veh_m(self) -> Floats:
        """Density at capacity over all lanes, shape (cell,) [veh/m]."""
        return self.capacity_veh_s / self.free_mps

    @property
    def wave_mps(self) -> Floats:
        """Speed at which a queue's news travels upstream, positive, shape (cell,) [m/s]."""
        return self.capacity_veh_s / (self.jam_veh_m - self.critical_veh_m)

    def locate(self, link: str, offset_m: float) -> tuple[int, float]:
        """Return the cell of a place on a link, and how far into the cell it lies as a fraction.

        Raises
        ------
        KeyError
            If the region has no such link.
        """
        row, start_m = self.link_start[link]
        cells = slice(self.first[row], self.last[row] + 1)
        along_m = start_m + offset_m
        inside = int(np.searchsorted(self.start_m[cells], along_m, side="right")) - 1
        cell = int(self.first[row]) + max(inside, 0)
        return cell, float(np.clip((along_m - self.start_m[cell]) / self.length_m[cell], 0.0, 1.0))

    def place(self, cell: int) -> tuple[Link, float]:
        """Return the link and the offset on it of the middle of a cell [m]."""
        row = self.rows[self.corridor[cell]]
        middle_m = float(self.start_m[cell] + self.length_m[cell] / 2)
        starts = np.array([self.link_start[link.id][1] for link in row.links])
        place = int(np.searchsorted(starts, middle_m, side="right")) - 1
        return row.links[place], middle_m - float(starts[place])


def _chains(catalogue: Catalogue) -> Iterator[list[Link]]:
    """Links of one road and direction in order of travel, cut where one does not lead into the next."""

    def key(link: Link) -> tuple[str, str]:
        return link.road, link.direction

    ordered = sorted(catalogue.links, key=lambda link: (*key(link), link.chainage_m, link.id))
    for _, group in groupby(ordered, key=key):
        links = list(group)
        cuts = [place for place, (a, b) in enumerate(pairwise(links), start=1) if a.to_node != b.from_node]
        for start, end in pairwise([0, *cuts, len(links)]):
            yield links[start:end]


def _cell_edges(total_m: float, cell_length_m: float) -> Floats:
    return np.linspace(0.0, total_m, max(1, round(total_m / cell_length_m)) + 1)


def build_corridors(catalogue: Catalogue, cell_length_m: float = CELL_LENGTH_M) -> Corridors:
    """Cut every road of a region into cells of equal length.

    Parameters
    ----------
    catalogue
        Region.
    cell_length_m
        Aimed length of a cell; the true one divides the corridor evenly. [m]
    """
    roads = {road.id: road for road in catalogue.roads}
    rows: list[Corridor] = []
    link_start: dict[str, tuple[int, float]] = {}
    parts: list[Sequence[Floats]] = []
    count = 0
    for chain in _chains(catalogue):
        road = roads[chain[0].road]
        facts = FACTS[road.rank]
        ends = np.cumsum([link.length_m for link in chain])
        starts = ends - [link.length_m for link in chain]
        edges = _cell_edges(float(ends[-1]), cell_length_m)
        middle = (edges[:-1] + edges[1:]) / 2
        at = np.searchsorted(starts, middle, side="right") - 1
        lanes = np.array([link.lanes for link in chain], dtype=np.float64)[at]
        limit = np.array([link.speed_limit_kmh for link in chain])[at]
        parts.append(
            (
                np.full(len(middle), len(rows), dtype=np.float64),
                edges[:-1],
                np.diff(edges),
                lanes,
                facts.free_over_limit * limit / 3.6,
                facts.capacity_veh_h_lane * lanes / 3600.0,
                facts.jam_veh_km_lane * lanes / 1000.0,
            )
        )
        link_start |= {link.id: (len(rows), float(start)) for link, start in zip(chain, starts, strict=True)}
        rows.append(Corridor(road, chain[0].direction, count, count + len(middle) - 1, tuple(chain), float(ends[-1])))
        count += len(middle)
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)] if parts else [np.empty(0)] * 7
    corridor, start_m, length_m, lanes, free_mps, capacity_veh_s, jam_veh_m = columns
    return Corridors(
        rows=tuple(rows),
        corridor=corridor.astype(np.int64),
        first=np.array([row.first for row in rows], dtype=np.int64),
        last=np.array([row.last for row in rows], dtype=np.int64),
        start_m=start_m,
        length_m=length_m,
        lanes=lanes,
        free_mps=free_mps,
        capacity_veh_s=capacity_veh_s,
        jam_veh_m=jam_veh_m,
        link_start=link_start,
    )
