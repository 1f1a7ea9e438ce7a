"""The catalogue of a SUMO network: edges as links, chains of them as roads, loops as detection stations."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from config.catalogue.geometry import positions_along
from config.catalogue.model import Catalogue, Coordinate, District, Link, Name, Node, Road, VdsStation
from config.catalogue.save import save_region
from simulators.sumo.errors import SumoError
from simulators.sumo.loops import Group, Loop, group_loops
from simulators.sumo.network import Network
from simulators.sumo.roads import Chain, SumoRoad, rank_of

DISTRICT = "99902"
"""Five digits that no real district has: all of a network is one district."""
PERIOD_S = 30.0
"""Of every station, as of Korean ones [s]."""
IDS_FILE = "sumo.json"
_MOST_ROWS = 99_999
_MOST_LIMIT_KMH = 200.0
_MOST_LANES = 16
_MARGIN_DEG = 0.01


@dataclass(frozen=True)
class SumoStation:
    """A detection station and the loops behind its lanes.

    Attributes
    ----------
    loops
        One a lane that has one, with our number of the lane, rising.
    """

    station: VdsStation
    loops: tuple[tuple[int, Loop], ...]


@dataclass(frozen=True)
class SumoRegion:
    """A catalogue and what connects it with SUMO's identifiers.

    Attributes
    ----------
    links
        SUMO's edge to our link.
    stations
        In the order of the catalogue.
    doubled, left_out
        Loops that are not used: lanes that have another at the place, edges that cars may not use.
    """

    catalogue: Catalogue
    network: Network
    links: dict[str, Link]
    stations: tuple[SumoStation, ...]
    doubled: int
    left_out: int

    def place(self, edge: str, pos_m: float) -> tuple[Link, float, Coordinate]:
        """Return the link, the distance from its start [m] and the position of a place on an edge's lanes."""
        link = self.links[edge]
        offset_m = self.network.edges[edge].offset_m(pos_m)
        return link, offset_m, self.position(edge, offset_m)

    def position(self, edge: str, offset_m: float) -> Coordinate:
        """Return the position at a distance from the start of an edge's link."""
        return _position(self.links[edge].line, offset_m)


def build_region(
    network: Network,
    roads: Sequence[SumoRoad],
    loops: Sequence[Loop],
    *,
    id: str,  # noqa: A002
    name: Name | None = None,
    timezone: str = "Asia/Seoul",
    left_out: int = 0,
) -> SumoRegion:
    """Return the region of a network.

    Parameters
    ----------
    network
        From `simulators.sumo.network.read_network`.
    roads
        From `simulators.sumo.roads.find_roads`.
    loops
        From `simulators.sumo.loops`.
    id
        Of the region; other characters than letters, digits, ``_`` and ``-`` become ``-``.
    name
        Of the region and its one district; made of the identifier when None.
    timezone
        IANA name.
    left_out
        Loops on lanes that cars may not use, for the record.

    Returns
    -------
    SumoRegion
        Its catalogue is ``synthetic`` unless the network says where on earth it is; a network that does not is
        drawn around `simulators.sumo.network.SCHEMATIC_PLACE`, distances true. Lengths are those of the lines, from
        node to node. A limit above 200 km/h becomes that.

    Raises
    ------
    SumoError
        If there is no loop, or more nodes or links than five digits can number, or a road has too many lanes.
    """
    identifier = re.sub(r"[^A-Za-z0-9_-]+", "-", id).strip("-")[:48] or "sumo"
    name = name or Name(f"SUMO {id}"[:100], f"SUMO {id}"[:100])
    for what, count in (("edges", len(network.edges)), ("nodes", len(network.nodes))):
        if count > _MOST_ROWS:
            raise SumoError(f"{network.path}: expected at most {_MOST_ROWS} {what} that cars use, was {count}")
    node_ids = {node: f"{DISTRICT}{number:05d}" for number, node in enumerate(network.nodes, start=1)}
    rows, links = _roads_and_links(roads, node_ids)
    groups, doubled = group_loops(loops)
    if not groups:
        raise SumoError(
            f"{network.path}: expected induction loops in the additional files, was none; "
            "--loops-every M places them along the roads"
        )
    stations = tuple(_stations(groups, network, links))
    bbox = _bbox(network)
    west, south, east, north = bbox
    ring = ((west, south), (east, south), (east, north), (west, north), (west, south))
    catalogue = Catalogue(
        id=identifier,
        name=name,
        timezone=timezone,
        synthetic=not network.projected,
        bbox=bbox,
        districts=(District(id=DISTRICT, name=name, population=0, boundary=ring),),
        roads=rows,
        nodes=tuple(_nodes(network, node_ids)),
        links=tuple(links.values()),
        vds=tuple(one.station for one in stations),
    )
    return SumoRegion(catalogue, network, links, stations, doubled, left_out)


def save_sumo_region(region: SumoRegion, folder: Path) -> None:
    """Write a region folder, and beside it `IDS_FILE`: which edge is which link, which loop is which lane.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """
    save_region(region.catalogue, folder)
    table = {
        "edges": {edge: link.id for edge, link in region.links.items()},
        "loops": {
            loop.id: {"station": one.station.id, "lane": lane} for one in region.stations for lane, loop in one.loops
        },
    }
    (folder / IDS_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(table), indent=1) + b"\n")


def _roads_and_links(roads: Sequence[SumoRoad], node_ids: dict[str, str]) -> tuple[tuple[Road, ...], dict[str, Link]]:
    rows: list[Road] = []
    links: dict[str, Link] = {}
    for number, road in enumerate(roads, start=1):
        called = road.down.name.strip()[:100]
        row = Road(
            id=f"R{number:03d}",
            number=str(number),
            name=Name(called or f"도로 {number}", called or f"Road {number}"),
            rank=road.down.rank,
        )
        rows.append(row)
        links.update(_links(road.down, "down", row, node_ids, len(links)))
        if road.up is not None:
            links.update(_links(road.up, "up", row, node_ids, len(links)))
    return tuple(rows), links


def _links(
    chain: Chain, direction: Literal["up", "down"], road: Road, node_ids: dict[str, str], before: int
) -> Iterator[tuple[str, Link]]:
    chainage_m = 0.0
    for number, edge in enumerate(chain.edges, start=before + 1):
        if len(edge.lanes) > _MOST_LANES:
            raise SumoError(f"edge {edge.id!r}: expected at most {_MOST_LANES} lanes for cars, was {len(edge.lanes)}")
        yield (
            edge.id,
            Link(
                id=f"{DISTRICT}{number:05d}",
                district=DISTRICT,
                road=road.id,
                direction=direction,
                from_node=node_ids[edge.from_node],
                to_node=node_ids[edge.to_node],
                lanes=len(edge.lanes),
                speed_limit_kmh=min(round(edge.speed_limit_kmh, 1), _MOST_LIMIT_KMH),
                length_m=edge.line_m,
                chainage_m=chainage_m,
                line=edge.line,
            ),
        )
        chainage_m += edge.line_m


def _nodes(network: Network, node_ids: dict[str, str]) -> Iterator[Node]:
    beside: dict[str, set[str]] = defaultdict(set)
    fast: set[str] = set()
    for edge in network.edges.values():
        beside[edge.from_node].add(edge.to_node)
        beside[edge.to_node].add(edge.from_node)
        if rank_of(edge) == "expressway":
            fast |= {edge.from_node, edge.to_node}
    for node, identifier in node_ids.items():
        kind: Literal["junction", "interchange", "end", "shape"] = "shape"
        if len(beside[node]) > 2:
            kind = "interchange" if node in fast else "junction"
        elif len(beside[node]) < 2:
            kind = "end"
        yield Node(id=identifier, position=network.nodes[node], kind=kind)


def _stations(groups: Sequence[Group], network: Network, links: dict[str, Link]) -> Iterator[SumoStation]:
    used: set[str] = set()
    for group in groups:
        edge, link = network.edges[group.edge], links[group.edge]
        offset_m = edge.offset_m(group.pos_m)
        metres = round(offset_m)
        # Stations stand further apart than a metre, but two of a squeezed shape may round to the same.
        while (identifier := f"VDS-{link.id}-{metres:05d}") in used:
            metres += 1
        used.add(identifier)
        station = VdsStation(
            id=identifier,
            district=link.district,
            position=_position(link.line, offset_m),
            link=link.id,
            offset_m=offset_m,
            lanes=link.lanes,
            period_s=PERIOD_S,
        )
        yield SumoStation(station, tuple((edge.lane_number(loop.lane), loop) for loop in group.loops))


def _position(line: tuple[Coordinate, ...], offset_m: float) -> Coordinate:
    lon, lat = positions_along(line, [offset_m])[0].tolist()
    return (round(lon, 7), round(lat, 7))


def _bbox(network: Network) -> tuple[float, float, float, float]:
    points = [position for edge in network.edges.values() for position in edge.line]
    lon, lat = zip(*points, strict=True)
    return (
        round(min(lon) - _MARGIN_DEG, 4),
        round(min(lat) - _MARGIN_DEG, 4),
        round(max(lon) + _MARGIN_DEG, 4),
        round(max(lat) + _MARGIN_DEG, 4),
    )
