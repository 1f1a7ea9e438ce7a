"""Nodes and directed links of the road graph, from centrelines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise

import msgspec
import numpy as np
import shapely

from config.catalogue.generate.centrelines import Centreline
from config.catalogue.generate.districts import Jurisdictions
from config.catalogue.generate.ground import FloatArray, Ground
from config.catalogue.generate.hubs import Hub
from config.catalogue.generate.recipe import Recipe
from config.catalogue.geometry import distances_along_m, positions_along
from config.catalogue.model import Link, Node, RoadRank

CARRIAGEWAY_M = 14.0
"""From the middle of the road to the middle of one carriageway. [m]"""

_SHORTEST_M = 1_000.0
_USUAL_M = 3_000.0
_COVER_M = 40.0
_MAX_GRADIENT: dict[RoadRank, float] = {"expressway": 0.035, "national": 0.075, "local": 0.10}


class Carriageway(msgspec.Struct, frozen=True):
    """One direction of one road, from its start to its end in the direction of travel."""

    centreline: Centreline
    direction: str
    links: tuple[Link, ...]
    hubs_m: tuple[tuple[float, Hub], ...]
    """Chainage and hub, in the direction of travel. [m]"""

    @property
    def length_m(self) -> float:
        """Length of the whole. [m]."""
        return self.links[-1].chainage_m + self.links[-1].length_m

    def place(self, chainages_m: FloatArray, clear_m: float = 0.0) -> list[tuple[Link, float]]:
        """Return link and offset of each chainage, at least ``clear_m`` away from the ends of the link."""
        starts = np.array([link.chainage_m for link in self.links])
        indices = np.clip(np.searchsorted(starts, chainages_m, side="right") - 1, 0, len(starts) - 1)
        placed = []
        for index, chainage_m in zip(indices.tolist(), np.asarray(chainages_m).tolist(), strict=True):
            link = self.links[index]
            margin_m = min(clear_m, link.length_m / 3)
            offset_m = min(max(chainage_m - link.chainage_m, margin_m), link.length_m - margin_m)
            placed.append((link, round(max(offset_m, 0.0), 1)))
        return placed

    def post_km(self, link: Link, offset_m: float) -> float:
        """Return the kilometre post: distance from the start of the road, the same in both directions. [km]."""
        chainage_m = link.chainage_m + offset_m
        return max(chainage_m if self.direction == "down" else self.length_m - chainage_m, 0.0) / 1000


def positions_beside(
    link: Link, offsets_m: FloatArray, ground: Ground, right_m: float
) -> tuple[FloatArray, FloatArray]:
    """Return plane positions right of a link, and the unit vectors of travel there, both of shape (n, 2)."""
    offsets = np.asarray(offsets_m, dtype=np.float64)
    around = np.concatenate([np.maximum(offsets - 15, 0), offsets, np.minimum(offsets + 15, link.length_m)])
    before, here, after = ground.to_plane(positions_along(link.line, around)).reshape(3, -1, 2)
    travel = (after - before) / np.hypot(*(after - before).T)[:, None]
    return here + right_m * np.stack([travel[:, 1], -travel[:, 0]], axis=-1), travel


def places_beside(places: Sequence[tuple[Link, float]], ground: Ground, right_m: float) -> FloatArray:
    """Return the plane position right of each link and offset, shape (n, 2). [m]."""
    if not places:
        return np.empty((0, 2))
    around = [
        positions_along(link.line, [max(offset_m - 15, 0), offset_m, min(offset_m + 15, link.length_m)])
        for link, offset_m in places
    ]
    before, here, after = ground.to_plane(np.concatenate(around)).reshape(-1, 3, 2).swapaxes(0, 1)
    travel = (after - before) / np.hypot(*(after - before).T)[:, None]
    return np.asarray(here + right_m * np.stack([travel[:, 1], -travel[:, 0]], axis=-1))


def position_on(link: Link, offset_m: float, ground: Ground, right_m: float) -> FloatArray:
    """Return the plane position right of a link, shape (2,)."""
    return np.asarray(positions_beside(link, np.array([offset_m]), ground, right_m)[0][0])


def build_roads(
    recipe: Recipe,
    ground: Ground,
    hubs: Mapping[str, Hub],
    seats: FloatArray,
    lines: tuple[Centreline, ...],
    jurisdictions: Jurisdictions,
) -> tuple[tuple[Node, ...], tuple[Carriageway, ...]]:
    """Split the roads into links of 1 to 5 km, at hubs, tunnel portals and evenly between them.

    "Down" is away from the start of the road, "up" back to it; traffic keeps right.
    """
    builder = _Builder(recipe, ground, hubs, seats, jurisdictions)
    carriageways = [carriageway for line in lines for carriageway in builder.road(line)]
    return tuple(builder.nodes), tuple(carriageways)


class _Builder:
    def __init__(
        self,
        recipe: Recipe,
        ground: Ground,
        hubs: Mapping[str, Hub],
        seats: FloatArray,
        jurisdictions: Jurisdictions,
    ) -> None:
        self._ground = ground
        self._hubs = hubs
        self._seats = seats
        self._populations = np.array([district.population for district in recipe.districts])
        self._jurisdictions = jurisdictions
        self._serials: dict[tuple[str, str], int] = defaultdict(int)
        self._hub_nodes: dict[str, str] = {}
        self.nodes: list[Node] = []

    def road(self, line: Centreline) -> list[Carriageway]:
        """Return both directions of a road."""
        tunnels = find_tunnels(line, self._ground)
        breaks, in_tunnel = _split(line, tunnels)
        nodes = [self._node(line, at_m) for at_m in breaks]
        hubs = [self._hubs[key] for key in line.recipe.route]
        both = []
        for direction in ("down", "up"):
            side = 1.0 if direction == "down" else -1.0
            edge = line.positions + side * CARRIAGEWAY_M * _right_of(line.positions)
            pieces = [_piece(edge, line.along_m, *span) for span in pairwise(breaks)]
            spans = list(zip(pieces, nodes[:-1], nodes[1:], in_tunnel, strict=True))
            if direction == "up":
                spans = [(piece[::-1], end, start, tunnel) for piece, start, end, tunnel in reversed(spans)]
            links = self._links(line, direction, spans)
            chainages = {link.to_node: link.chainage_m + link.length_m for link in links}
            chainages[links[0].from_node] = 0.0
            at_hubs = sorted(
                ((chainages[self._hub_nodes[hub.recipe.key]], hub) for hub in hubs), key=lambda pair: pair[0]
            )
            both.append(Carriageway(line, direction, tuple(links), tuple(at_hubs)))
        return both

    def _links(self, line: Centreline, direction: str, spans: list[tuple[FloatArray, str, str, bool]]) -> list[Link]:
        road = line.recipe
        links: list[Link] = []
        chainage_m = 0.0
        for piece, from_node, to_node, tunnel in spans:
            lon_lat = self._ground.to_wgs84(shapely.get_coordinates(shapely.LineString(piece).simplify(1.5)))
            coordinates = tuple((float(lon), float(lat)) for lon, lat in lon_lat)
            middle = piece[len(piece) // 2]
            district = self._jurisdictions.of(self._ground.to_wgs84([middle]))[0]
            lanes, limit_kmh = self._standard(line, middle, tunnel)
            length_m = round(float(distances_along_m(coordinates)[-1]), 1)
            links.append(
                Link(
                    id=self._serial("link", district),
                    district=district,
                    road=road.id,
                    direction="down" if direction == "down" else "up",
                    from_node=from_node,
                    to_node=to_node,
                    lanes=lanes,
                    speed_limit_kmh=limit_kmh,
                    length_m=length_m,
                    chainage_m=round(chainage_m, 1),
                    tunnel=tunnel,
                    line=coordinates,
                )
            )
            chainage_m += length_m
        return links

    def _standard(self, line: Centreline, middle: FloatArray, tunnel: bool) -> tuple[int, float]:
        road = line.recipe
        distances_m = np.hypot(*(self._seats - middle).T)
        nearest = int(np.argmin(distances_m))
        expressway = road.rank == "expressway"
        city = self._populations[nearest] > 100_000
        wider = distances_m[nearest] < ((9_000 if city else 0) if expressway else (4_500 if city else 2_500))
        slower_kmh = 20.0 if (tunnel if expressway else distances_m[nearest] < 2_500) else 0.0
        return road.lanes + int(wider), road.speed_limit_kmh - slower_kmh

    def _node(self, line: Centreline, at_m: float) -> str:
        key = next(
            (key for key, hub_m in zip(line.recipe.route, line.hubs_m, strict=True) if abs(hub_m - at_m) < 1e-6), None
        )
        if key is not None and key in self._hub_nodes:
            return self._hub_nodes[key]
        position = self._hubs[key].position if key is not None else _at(line.positions, line.along_m, at_m)
        lon_lat = self._ground.to_wgs84([position])
        identifier = self._serial("node", self._jurisdictions.of(lon_lat)[0])
        kind = self._hubs[key].recipe.kind if key is not None else "shape"
        lon, lat = lon_lat[0].tolist()
        self.nodes.append(Node(id=identifier, position=(lon, lat), kind=kind))
        if key is not None:
            self._hub_nodes[key] = identifier
        return identifier

    def _serial(self, what: str, district: str) -> str:
        self._serials[what, district] += 1
        return f"{district}{self._serials[what, district]:05d}"


def find_tunnels(line: Centreline, ground: Ground) -> list[tuple[float, float]]:
    """Return the stretches of a road that run under the ground, as distances from the start. [m].

    The road runs as high as it can without being steeper than its rank allows and without leaving the ground
    upwards: the lower envelope of all cones of that gradient. Own construction.
    """
    gradient = _MAX_GRADIENT[line.recipe.rank]
    surface = np.maximum(ground.sample(ground.elevation_m, line.positions), 0.0)
    run = gradient * line.along_m
    # min over t of surface(t) + gradient |s - t|, forwards and backwards.
    forwards = np.minimum.accumulate(surface - run) + run
    backwards = np.minimum.accumulate((surface + run)[::-1])[::-1] - run
    buried = surface - np.minimum(forwards, backwards) > _COVER_M
    edges = np.flatnonzero(np.diff(np.concatenate([[False], buried, [False]]).astype(np.int8)))
    last = len(line.along_m) - 1
    found = [(line.along_m[start], line.along_m[min(end, last)]) for start, end in edges.reshape(-1, 2)]
    tunnels: list[tuple[float, float]] = []
    for start_m, end_m in found:
        if tunnels and start_m - tunnels[-1][1] < _SHORTEST_M / 2:
            tunnels[-1] = (tunnels[-1][0], float(end_m))
        else:
            tunnels.append((float(start_m), float(end_m)))
    return tunnels


def _split(line: Centreline, tunnels: list[tuple[float, float]]) -> tuple[list[float], list[bool]]:
    """Return where links end, and for each link whether it is a tunnel."""
    breaks: list[float] = [line.hubs_m[0]]
    in_tunnel: list[bool] = []

    def extend(end_m: float, tunnel: bool) -> None:
        parts = max(1, round((end_m - breaks[-1]) / _USUAL_M))
        breaks.extend(np.linspace(breaks[-1], end_m, parts + 1)[1:-1].tolist())
        breaks.append(end_m)
        in_tunnel.extend([tunnel] * parts)

    for hub_m in line.hubs_m[1:]:
        for start_m, end_m in tunnels:
            # A link is never shorter than 1 km: a tunnel keeps that distance from hubs and from other tunnels.
            first_m, last_m = max(start_m, breaks[-1] + _SHORTEST_M), min(end_m, hub_m - _SHORTEST_M)
            if last_m - first_m >= _SHORTEST_M:
                extend(first_m, False)
                extend(last_m, True)
        extend(hub_m, False)
    return breaks, in_tunnel


def _right_of(positions: FloatArray) -> FloatArray:
    ahead = np.gradient(positions, axis=0)
    ahead /= np.hypot(*ahead.T)[:, None]
    return np.stack([ahead[:, 1], -ahead[:, 0]], axis=-1)


def _at(positions: FloatArray, along_m: FloatArray, at_m: float) -> FloatArray:
    return np.array([np.interp(at_m, along_m, axis) for axis in positions.T])


def _piece(positions: FloatArray, along_m: FloatArray, start_m: float, end_m: float) -> FloatArray:
    between = positions[(along_m > start_m + 1) & (along_m < end_m - 1)]
    return np.concatenate([[_at(positions, along_m, start_m)], between, [_at(positions, along_m, end_m)]])
