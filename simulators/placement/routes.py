"""Roads as lines to measure along: links in order of travel, with samples at equal distances."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from config.catalogue.geometry import positions_along
from config.catalogue.model import Catalogue, Link, Road

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SAMPLE_M = 250.0
"""Distance between the places along a road that rules look at [m]."""


@dataclass(frozen=True)
class Samples:
    """Places along a route, each array of shape (place,).

    Attributes
    ----------
    at_m
        Distance from the start of the route. [m]
    link : ndarray of int64
        Index of the link in the route.
    offset_m
        Distance from the start of the link. [m]
    lon_deg, lat_deg
        Position. [deg]
    """

    at_m: Floats
    link: Ints
    offset_m: Floats
    lon_deg: Floats
    lat_deg: Floats


@dataclass(frozen=True)
class Route:
    """One road in one direction, without a gap.

    Attributes
    ----------
    road
        Road.
    direction
        ``up`` or ``down``.
    links
        In order of travel.
    """

    road: Road
    direction: str
    links: tuple[Link, ...]

    @cached_property
    def start_m(self) -> Floats:
        """Distance of each link's start from that of the route, shape (link,) [m]."""
        return np.cumsum([0.0, *(link.length_m for link in self.links[:-1])])

    @property
    def length_m(self) -> float:
        """Length of the route [m]."""
        return float(self.start_m[-1]) + self.links[-1].length_m

    @cached_property
    def lanes(self) -> Ints:
        """Lanes of each link, shape (link,)."""
        return np.array([link.lanes for link in self.links], dtype=np.int64)

    @cached_property
    def tunnel(self) -> NDArray[np.bool_]:
        """Whether each link is in a tunnel, shape (link,)."""
        return np.array([link.tunnel for link in self.links], dtype=np.bool_)

    @cached_property
    def samples(self) -> Samples:
        """Places at equal distances along the route."""
        at_m = np.arange(SAMPLE_M / 2, self.length_m, SAMPLE_M)
        link = np.searchsorted(self.start_m, at_m, side="right") - 1
        offset_m = at_m - self.start_m[link]
        parts = [positions_along(row.line, offset_m[link == index]) for index, row in enumerate(self.links)]
        lon, lat = np.concatenate(parts).T if parts else (np.empty(0), np.empty(0))
        return Samples(at_m, link, offset_m, lon, lat)


def routes_of(catalogue: Catalogue) -> tuple[Route, ...]:
    """Return every road and direction of a region, cut where one link does not lead into the next."""
    roads = {road.id: road for road in catalogue.roads}
    return tuple(Route(roads[chain[0].road], chain[0].direction, tuple(chain)) for chain in _chains(catalogue))


def _chains(catalogue: Catalogue) -> Iterator[list[Link]]:
    def key(link: Link) -> tuple[str, str]:
        return link.road, link.direction

    ordered = sorted(catalogue.links, key=lambda link: (*key(link), link.chainage_m, link.id))
    for _, group in groupby(ordered, key=key):
        links = list(group)
        cuts = [place for place, (a, b) in enumerate(pairwise(links), start=1) if a.to_node != b.from_node]
        for start, end in pairwise([0, *cuts, len(links)]):
            yield links[start:end]
