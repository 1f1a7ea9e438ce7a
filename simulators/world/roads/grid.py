"""Roads as cells: the part of the traffic model that has a place on the map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from config.catalogue.geometry import positions_along
from config.catalogue.model import Catalogue, Link
from simulators.errors import SimulatorError
from simulators.world.roads.facts import FREE_OVER_LIMIT, HEAVY_OF_RANK, jam_density, lane_capacity_pc_h

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CELL_LENGTH_M = 350.0
"""Aimed length of a cell: two to three cells between detection stations [m]."""


@dataclass(frozen=True)
class Grid:
    """Every link of a region as cells; those of one road and direction follow each other in the direction of travel.

    Attributes
    ----------
    links
        Links in the order of their cells.
    link : ndarray, shape (cell,), int64
        Index into ``links``.
    start_m, length_m : ndarray, shape (cell,)
        Offset of the cell's start on its link, and its length. [m]
    chainage_m : ndarray, shape (cell,)
        Distance of the cell's start from that of its run. [m]
    run : ndarray, shape (cell,), int64
        Index of the cell's run: one road and direction without a gap.
    runs
        Road and direction of each run.
    run_first, run_last : ndarray, shape (run,), int64
        Its first and last cell.
    lanes : ndarray, shape (cell,), int64
    free_mps : ndarray, shape (cell,)
        Free speed in fair weather. [m/s]
    capacity_pc_s, jam_pc_m : ndarray, shape (cell,)
        Maximum flow and density of standing traffic, all lanes, passenger cars only. [pc/s, pc/m]
    heavy_of_mean : ndarray, shape (cell,)
        Share of heavy vehicles over that of expressways. [-]
    lon_deg, lat_deg : ndarray, shape (cell,)
        Middle of the cell. [deg]
    opposite : ndarray, shape (cell,), int64
        Cell beside it on the other carriageway, -1 where there is none.
    link_index
        Identifier of a link to its index.
    link_first, link_last : ndarray, shape (link,), int64
        First and last cell of each link.
    """

    links: tuple[Link, ...]
    link: Ints
    start_m: Floats
    length_m: Floats
    chainage_m: Floats
    run: Ints
    runs: tuple[tuple[str, str], ...]
    run_first: Ints
    run_last: Ints
    lanes: Ints
    free_mps: Floats
    capacity_pc_s: Floats
    jam_pc_m: Floats
    heavy_of_mean: Floats
    lon_deg: Floats
    lat_deg: Floats
    opposite: Ints
    link_index: dict[str, int]
    link_first: Ints
    link_last: Ints

    def __len__(self) -> int:
        return len(self.link)

    @property
    def upstream(self) -> Ints:
        """Cell before each along its road, -1 at the start of a run, shape (cell,)."""
        before = np.arange(-1, len(self) - 1)
        before[self.run_first] = -1
        return before

    @property
    def downstream(self) -> Ints:
        """Cell after each along its road, -1 at the end of a run, shape (cell,)."""
        after = np.arange(1, len(self) + 1)
        after[self.run_last] = -1
        return after

    def locate(self, link: str, offset_m: float) -> tuple[int, float]:
        """Return the cell of a place on a link, and how far into the cell it lies as a fraction.

        Raises
        ------
        SimulatorError
            If the region has no such link, or the offset is not a number.
        """
        index = self.link_index.get(link)
        if index is None:
            raise SimulatorError(f"link: expected the id of a link of the region, was {link}")
        if not np.isfinite(offset_m):
            raise SimulatorError(f"offset_m: expected a distance on link {link}, was {offset_m}")
        first, last = int(self.link_first[index]), int(self.link_last[index])
        cell = int(np.clip(first + int(offset_m // self.length_m[first]), first, last))
        return cell, float(np.clip((offset_m - self.start_m[cell]) / self.length_m[cell], 0.0, 1.0))

    def place(self, cell: int, fraction: float = 0.5) -> tuple[str, float]:
        """Return link and offset on it of a point of a cell, its middle unless told [m]."""
        link = self.links[self.link[cell]]
        return link.id, float(self.start_m[cell] + fraction * self.length_m[cell])

    def stretch(self, link: str, offset_m: float, length_m: float) -> Ints:
        """Return the cells of a stretch of road, in the direction of travel and along the road past the link's end.

        The cell where it begins, and of the following ones those of which at least half lies in it.

        Raises
        ------
        SimulatorError
            As `locate`.
        """
        first, fraction = self.locate(link, offset_m)
        last = int(self.run_last[self.run[first]])
        begin_m = self.chainage_m[first] + fraction * self.length_m[first]
        middle_m = self.chainage_m[first + 1 : last + 1] + self.length_m[first + 1 : last + 1] / 2
        return np.arange(first, first + 1 + int((middle_m <= begin_m + length_m).sum()))


def _ordered(catalogue: Catalogue) -> tuple[list[Link], list[int]]:
    """Links by road, direction and chainage, and the index of each one's run."""
    links = sorted(catalogue.links, key=lambda link: (link.road, link.direction, link.chainage_m, link.id))
    runs: list[int] = []
    for _, group in groupby(links, key=lambda link: (link.road, link.direction)):
        end: str | None = None
        for link in group:
            begins = end is None or link.from_node != end
            runs.append((runs[-1] if runs else -1) + int(begins))
            end = link.to_node
    return links, runs


def _opposites(links: Sequence[Link], link: Ints, middle_m: Floats, counts: Ints, first: Ints) -> Ints:
    back = {(row.road, row.to_node, row.from_node): index for index, row in enumerate(links)}
    other = np.array([back.get((row.road, row.from_node, row.to_node), -1) for row in links], dtype=np.int64)
    length_m = np.array([row.length_m for row in links])
    mirrored = 1.0 - middle_m / length_m[link]
    partner = other[link]
    cell = first[partner] + np.minimum((mirrored * counts[partner]).astype(np.int64), counts[partner] - 1)
    return np.where(partner >= 0, cell, -1)


def build_grid(catalogue: Catalogue, cell_length_m: float = CELL_LENGTH_M) -> Grid:
    """Cut every link of a region into cells of equal length, at least one each.

    Parameters
    ----------
    catalogue
        Region.
    cell_length_m
        Aimed length of a cell; the true one divides the link evenly. [m]

    Raises
    ------
    SimulatorError
        If the region has no links, or the aimed length is not positive.
    """
    if not cell_length_m > 0.0:
        raise SimulatorError(f"cell_length_m: expected more than 0 m, was {cell_length_m}")
    if not catalogue.links:
        raise SimulatorError(f"links: expected at least one in region {catalogue.id}, was none")
    ranks = {road.id: road.rank for road in catalogue.roads}
    links, run_of_link = _ordered(catalogue)
    counts = np.array([max(1, round(link.length_m / cell_length_m)) for link in links], dtype=np.int64)
    link_last = np.cumsum(counts) - 1
    link_first = link_last - counts + 1
    link = np.repeat(np.arange(len(links)), counts)
    length_m = np.repeat(np.array([row.length_m for row in links]) / counts, counts)
    start_m = (np.arange(len(link)) - link_first[link]) * length_m
    run = np.asarray(run_of_link, dtype=np.int64)[link]
    run_first = np.flatnonzero(np.diff(run, prepend=-1))
    run_last = np.append(run_first[1:], len(link)) - 1
    along_m = np.cumsum(length_m) - length_m
    free_kmh = np.array([FREE_OVER_LIMIT * row.speed_limit_kmh for row in links])
    lane_pc_h = np.array([lane_capacity_pc_h(ranks[row.road], row.lanes, row.speed_limit_kmh) for row in links])
    lanes = np.array([row.lanes for row in links], dtype=np.int64)
    capacity_pc_s = lanes * lane_pc_h / 3_600.0
    middle_m = start_m + length_m / 2
    places = [
        positions_along(row.line, middle_m[a : b + 1]) for row, a, b in zip(links, link_first, link_last, strict=True)
    ]
    lon, lat = np.concatenate(places).T
    return Grid(
        links=tuple(links),
        link=link,
        start_m=start_m,
        length_m=length_m,
        chainage_m=along_m - along_m[run_first][run],
        run=run,
        runs=tuple((links[link[cell]].road, links[link[cell]].direction) for cell in run_first),
        run_first=run_first,
        run_last=run_last,
        lanes=lanes[link],
        free_mps=free_kmh[link] / 3.6,
        capacity_pc_s=capacity_pc_s[link],
        jam_pc_m=jam_density(capacity_pc_s, free_kmh / 3.6)[link],
        heavy_of_mean=np.array([HEAVY_OF_RANK[ranks[row.road]] for row in links])[link],
        lon_deg=lon,
        lat_deg=lat,
        opposite=_opposites(links, link, middle_m, counts, link_first),
        link_index={row.id: index for index, row in enumerate(links)},
        link_first=link_first,
        link_last=link_last,
    )
