"""Which road a place stands beside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely

from config.catalogue.geometry import GEOD
from config.catalogue.model import Catalogue, Coordinate, Link

BESIDE_M = 500.0
"""A weather station this near a road tells of it; own construction: the air and the ground are much the same."""
_M_PER_DEG = 111_320.0


@dataclass(frozen=True)
class Beside:
    """A place on a link.

    Attributes
    ----------
    offset_m
        From the start of the link. [m]
    azimuth_deg
        Which way the link runs there, clockwise from true north. [deg]
    away_m
        [m]
    """

    link: Link
    offset_m: float
    azimuth_deg: float
    away_m: float


def nearest_links(
    catalogue: Catalogue, positions: Sequence[Coordinate], within_m: float = BESIDE_M
) -> list[Beside | None]:
    """Return the nearest place on any link for each position; None farther than ``within_m`` from all. [deg], [m].

    Of two links as near, as the two directions of one road are, the first of the catalogue.
    """
    if not catalogue.links or not positions:
        return [None] * len(positions)
    middle = np.radians(np.mean([position[1] for position in positions]))
    scale = np.array([np.cos(middle), 1.0]) * _M_PER_DEG
    lines = [shapely.LineString(np.asarray(link.line) * scale) for link in catalogue.links]
    tree = shapely.STRtree(lines)
    found: list[Beside | None] = []
    for position in positions:
        point = shapely.Point(np.asarray(position) * scale)
        # The plane is a little wrong far from its middle; the distance that counts is geodesic.
        near = tree.query_nearest(point, max_distance=within_m * 1.5, all_matches=True)
        place = _beside(catalogue.links[int(near.min())], position) if len(near) else None
        found.append(place if place is not None and place.away_m <= within_m else None)
    return found


def _beside(link: Link, position: Coordinate) -> Beside:
    """Return the place on a link that is nearest to a position close by."""
    scale = np.array([np.cos(np.radians(position[1])), 1.0])
    line = shapely.LineString(np.asarray(link.line) * scale)
    share = float(line.project(shapely.Point(np.asarray(position) * scale), normalized=True))
    at = [line.interpolate(np.clip(share + step, 0.0, 1.0), normalized=True) for step in (0.0, -0.01, 0.01)]
    spot, before, after = (np.array([one.x, one.y]) / scale for one in at)
    azimuth_deg = float(GEOD.inv(*before, *after)[0]) % 360.0
    return Beside(link, share * link.length_m, azimuth_deg, float(GEOD.inv(*position, *spot)[2]))
