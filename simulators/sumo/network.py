"""A SUMO network, read once: the edges that cars use, with their lanes and their place on the WGS84 ellipsoid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer

from config.catalogue.geometry import GEOD, distances_along_m
from config.catalogue.model import Coordinate
from simulators.sumo.errors import SumoError
from simulators.sumo.extra import package

SCHEMATIC_PLACE: Coordinate = (128.0, 37.0)
"""Where a network without a projection is drawn. Own choice: inside Korea, so that the map has a sensible scale."""
_CAR = "passenger"
Point = tuple[float, ...]


@dataclass(frozen=True)
class Edge:
    """One edge that cars may use.

    Attributes
    ----------
    lanes
        SUMO's indices of the lanes that cars may use, the one at the median first: SUMO counts from the right.
    length_m
        As SUMO counts positions on its lanes. [m]
    line
        From node to node, WGS84, in line with the lanes; longer than they by the insides of the junctions.
    lead_m, shape_m
        Length of the line before the lanes begin, and along them; at most ``line_m`` together. [m]
    enters_deg, leaves_deg
        Azimuth of the lanes at their beginning and end, clockwise from north. [deg]
    following
        Edges that traffic may go on to, sorted.
    """

    id: str
    name: str
    kind: str
    from_node: str
    to_node: str
    lanes: tuple[int, ...]
    speed_limit_kmh: float
    length_m: float
    line: tuple[Coordinate, ...]
    line_m: float
    lead_m: float
    shape_m: float
    enters_deg: float
    leaves_deg: float
    following: tuple[str, ...]

    def offset_m(self, pos_m: float) -> float:
        """Return the distance from the line's start of a position on the lanes [m]."""
        along = self.lead_m + pos_m / self.length_m * self.shape_m
        return min(max(along, 0.0), self.line_m)

    def lane_number(self, index: int) -> int:
        """Return our number of a lane, 1 at the median, of SUMO's index.

        Raises
        ------
        ValueError
            If cars may not use it.
        """
        return self.lanes.index(index) + 1


@dataclass(frozen=True)
class Network:
    """Edges by SUMO's identifier in the order of the file, and the places of their nodes."""

    path: Path
    edges: dict[str, Edge]
    nodes: dict[str, Coordinate]
    projected: bool
    """Whether the network says where on earth it is."""
    left_out: int
    """Edges that cars may not use, or that end where they begin."""


def read_network(path: Path) -> Network:
    """Read a network.

    Parameters
    ----------
    path
        A ``.net.xml``, compressed or not.

    Raises
    ------
    SumoMissingError
        If the extra is not installed.
    SumoError
        If the file is no network or has no edge that cars may use.
    """
    sumolib = package("sumolib")
    try:
        net = sumolib.net.readNet(str(path))
    except Exception as exc:
        raise SumoError(f"{path}: expected a SUMO network, was not one ({exc})") from None
    usable = {str(edge.getID()): lanes for edge in net.getEdges(withInternal=False) if (lanes := _car_lanes(edge))}
    projected = bool(net.hasGeoProj())
    place = _Placing(net, projected)
    edges: dict[str, Edge] = {}
    nodes: dict[str, Coordinate] = {}
    for identifier, lanes in usable.items():
        edge = net.getEdge(identifier)
        ends = [edge.getFromNode(), edge.getToNode()]
        if ends[0].getID() == ends[1].getID():
            continue
        for node in ends:
            nodes.setdefault(str(node.getID()), place([node.getCoord()])[0])
        edges[identifier] = _edge(edge, lanes, usable, place)
    if not edges:
        raise SumoError(f"{path}: expected a network with an edge that cars may use, was none")
    total = sum(1 for _ in net.getEdges(withInternal=False))
    return Network(path, edges, nodes, projected, total - len(edges))


def _car_lanes(edge: Any) -> tuple[int, ...]:
    if edge.getFunction() not in ("", "normal"):
        return ()
    return tuple(sorted((int(lane.getIndex()) for lane in edge.getLanes() if lane.allows(_CAR)), reverse=True))


def _edge(edge: Any, lanes: tuple[int, ...], usable: dict[str, tuple[int, ...]], place: _Placing) -> Edge:
    shape = [(float(x), float(y)) for x, y, *_ in edge.getShape()]
    first, last = edge.getFromNode().getCoord(), edge.getToNode().getCoord()
    line, kept = _distinct(place([_ahead(shape[1], shape[0], first), *shape, _ahead(shape[-2], shape[-1], last)]))
    along_m = distances_along_m(line)
    start, end = along_m[kept[1]], along_m[kept[-2]]
    lanes_line = line[kept[1] : kept[-2] + 1] if kept[-2] > kept[1] else line
    return Edge(
        id=str(edge.getID()),
        name=str(edge.getName() or ""),
        kind=str(edge.getType() or ""),
        from_node=str(edge.getFromNode().getID()),
        to_node=str(edge.getToNode().getID()),
        lanes=lanes,
        speed_limit_kmh=float(edge.getSpeed()) * 3.6,
        length_m=float(edge.getLength()),
        line=tuple(line),
        line_m=float(along_m[-1]),
        lead_m=float(start),
        shape_m=float(end - start),
        enters_deg=float(GEOD.inv(*lanes_line[0], *lanes_line[1])[0]),
        leaves_deg=float(GEOD.inv(*lanes_line[-2], *lanes_line[-1])[0]),
        following=tuple(sorted(str(other.getID()) for other in edge.getOutgoing() if other.getID() in usable)),
    )


def _ahead(before: Point, end: Point, node: Point) -> Point:
    """Prolong the lanes beyond their end as far as the node: it lies beside them, at a dead end only beside."""
    step = math.dist(before, end)
    if step == 0:
        return end
    east, north = (end[0] - before[0]) / step, (end[1] - before[1]) / step
    ahead = max((node[0] - end[0]) * east + (node[1] - end[1]) * north, 0.0)
    return (end[0] + ahead * east, end[1] + ahead * north)


def _distinct(line: Sequence[Coordinate]) -> tuple[list[Coordinate], list[int]]:
    """Drop positions that repeat the one before; also say where each position of the whole line has gone."""
    kept: list[Coordinate] = []
    places = []
    for position in line:
        if not kept or position != kept[-1]:
            kept.append(position)
        places.append(len(kept) - 1)
    return kept, places


class _Placing:
    """From the network's metres to longitude and latitude, to 1e-7 degrees (1 cm)."""

    def __init__(self, net: Any, projected: bool) -> None:
        self._net = net
        west, south, east, north = (float(value) for value in net.getBoundary())
        self._centre = ((west + east) / 2, (south + north) / 2)
        lon, lat = SCHEMATIC_PLACE
        # Distances from the centre are true, others to one in a thousand within 400 km (Snyder 1987, chapter 25).
        flat = None if projected else f"+proj=aeqd +lon_0={lon} +lat_0={lat} +ellps=WGS84 +units=m"
        self._flat = None if flat is None else Transformer.from_crs(flat, "EPSG:4326", always_xy=True)

    def __call__(self, points: Sequence[Point]) -> list[Coordinate]:
        xy: NDArray[np.float64] = np.array([point[:2] for point in points], dtype=np.float64)
        if self._flat is None:
            placed = [self._net.convertXY2LonLat(x, y) for x, y in xy.tolist()]
        else:
            placed = list(zip(*self._flat.transform(*(xy - self._centre).T), strict=True))
        for lon, lat in placed:
            if not (math.isfinite(lon) and math.isfinite(lat)):
                raise SumoError(f"network: expected positions that its projection can place, was {lon}, {lat}")
        return [(round(float(lon), 7), round(float(lat), 7)) for lon, lat in placed]
