"""Induction loops: read from the additional files of a simulation, or placed where a network has none."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from simulators.sumo.configuration import parse_xml
from simulators.sumo.errors import SumoError
from simulators.sumo.network import Network
from simulators.sumo.roads import SumoRoad

LOOP_TAGS = ("inductionLoop", "e1Detector")
END_GAP_M = 10.0
"""Loops are placed no nearer than this to the ends of an edge's lanes; own choice. [m]"""
SAME_PLACE_M = 10.0
"""Loops of different lanes that lie within this distance are one station; own construction. [m]"""
_MOST_INCLUDES = 8


@dataclass(frozen=True, order=True)
class Loop:
    """One loop on one lane.

    Attributes
    ----------
    lane
        SUMO's index, 0 is the rightmost.
    pos_m
        From the beginning of the lane. [m]
    length_m
        Of the loop in the direction of travel; 0 for a line. [m]
    """

    edge: str
    pos_m: float
    lane: int
    id: str
    length_m: float = 0.0

    @property
    def lane_id(self) -> str:
        """SUMO's identifier of the lane."""
        return f"{self.edge}_{self.lane}"


@dataclass(frozen=True)
class Group:
    """The loops of one station, at most one a lane, the lane at the median first."""

    edge: str
    pos_m: float
    loops: tuple[Loop, ...]


def read_loops(files: Sequence[Path], network: Network) -> tuple[tuple[Loop, ...], int]:
    """Read the loops of additional files.

    Parameters
    ----------
    files
        Additional files, with those that they include.
    network
        Where the loops lie.

    Returns
    -------
    loops : tuple of Loop
        Sorted by place; loops of buses, bicycles or pedestrians alone count as any other place.
    left_out : int
        Loops on lanes that cars may not use.

    Raises
    ------
    SumoError
        If a file is not XML, or a loop has no lane, no position, or one that is not on its lane.
    """
    loops, left_out = [], 0
    for path in files:
        for element in _elements(path, _MOST_INCLUDES):
            loop = _loop(path, element, network)
            if loop is None:
                left_out += 1
            else:
                loops.append(loop)
    return tuple(sorted(loops)), left_out


def _elements(path: Path, depth: int) -> Iterator[ET.Element]:
    if depth == 0:
        raise SumoError(f"{path}: expected at most {_MOST_INCLUDES} files that include each other, was more")
    for element in parse_xml(path, "an additional file"):
        if element.tag in LOOP_TAGS:
            yield element
        elif element.tag == "include" and (name := element.get("href")):
            yield from _elements(path.parent / name, depth - 1)


def _loop(path: Path, element: ET.Element, network: Network) -> Loop | None:
    identifier = element.get("id", "")
    where = f"{path}: {element.tag} {identifier!r}"
    edge_id, _, index = element.get("lane", "").rpartition("_")
    if not (edge_id and index.isdecimal()):
        raise SumoError(f"{where}: lane: expected an edge, an underscore and a number, was {element.get('lane')!r}")
    edge = network.edges.get(edge_id)
    if edge is None or int(index) not in edge.lanes:
        return None
    pos_m = _number(where, element, "pos")
    length_m = _number(where, element, "length", 0.0)
    pos_m = edge.length_m + pos_m if pos_m < 0 else pos_m
    if element.get("friendlyPos", "").lower() in ("true", "1", "yes"):
        pos_m = min(max(pos_m, 0.0), edge.length_m - length_m)
    if not 0 <= pos_m <= edge.length_m:
        raise SumoError(f"{where}: pos: expected a place on the lane, 0 to {edge.length_m:g} m, was {pos_m:g}")
    return Loop(edge_id, pos_m, int(index), identifier, max(length_m, 0.0))


def _number(where: str, element: ET.Element, field: str, default: float | None = None) -> float:
    text = element.get(field)
    if text is None and default is not None:
        return default
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise SumoError(f"{where}: {field}: expected a number of metres, was {text!r}")
    return value


def place_loops(
    roads: Sequence[SumoRoad], every_m: float, faster_than_kmh: float, longest_from_end_m: float = END_GAP_M
) -> tuple[Loop, ...]:
    """Place loops on every car lane, evenly along each road.

    Parameters
    ----------
    roads
        From `simulators.sumo.roads.find_roads`.
    every_m
        Distance between stations of a road; the first stands half of it from the start. [m]
    faster_than_kmh
        Only on edges with a higher limit. [km/h]
    longest_from_end_m
        Least distance from the ends of the lanes; a station that would be nearer moves there. [m]

    Returns
    -------
    tuple of Loop
        Sorted by place. Edges too short for the distance from both ends have none.

    Raises
    ------
    SumoError
        If ``every_m`` is below 50 m, or there is no edge to place one on.
    """
    if not every_m >= 50:
        raise SumoError(f"--loops-every: expected a distance of 50 m or more, was {every_m:g}")
    loops = []
    for chain in (chain for road in roads for chain in (road.down, road.up) if chain is not None):
        start_m = 0.0
        for edge in chain.edges:
            first = math.ceil((start_m - every_m / 2) / every_m)
            ends_m = (longest_from_end_m, edge.length_m - longest_from_end_m)
            number = first
            while (at_m := every_m / 2 + number * every_m) < start_m + edge.line_m:
                number += 1
                if edge.speed_limit_kmh <= faster_than_kmh or ends_m[0] >= ends_m[1]:
                    continue
                along = (at_m - start_m - edge.lead_m) / edge.shape_m if edge.shape_m > 0 else 0.5
                pos_m = round(min(max(along * edge.length_m, ends_m[0]), ends_m[1]), 1)
                loops += [Loop(edge.id, pos_m, lane, f"{edge.id}@{pos_m:g}#{lane}") for lane in edge.lanes]
            start_m += edge.line_m
    if not loops:
        raise SumoError(
            f"--loops-every: expected an edge with a limit above {faster_than_kmh:g} km/h, was none; "
            "give a lower one with --loops-faster-than"
        )
    return tuple(sorted(loops))


def group_loops(loops: Sequence[Loop]) -> tuple[tuple[Group, ...], int]:
    """Gather loops into stations.

    Returns
    -------
    groups : tuple of Group
        Stations in the order of edge and position.
    doubled : int
        Loops left out because their lane already has one in the station: one for lorries beside one for cars.
    """
    groups: list[list[Loop]] = []
    doubled = 0
    for loop in sorted(loops):
        last = groups[-1] if groups else None
        if last is None or loop.edge != last[0].edge or loop.pos_m - last[0].pos_m > SAME_PLACE_M:
            groups.append([loop])
        elif any(other.lane == loop.lane for other in last):
            doubled += 1
        else:
            last.append(loop)
    return tuple(
        Group(loops[0].edge, loops[0].pos_m, tuple(sorted(loops, key=lambda loop: -loop.lane))) for loops in groups
    ), doubled


def write_loops(loops: Sequence[Loop], path: Path, period_s: float) -> None:
    """Write loops as an additional file whose loops report nowhere.

    A loop keeps the vehicles of its period in memory: a short period keeps reading it cheap.
    """
    root = ET.Element("additional")
    for loop in loops:
        attributes = {
            "id": loop.id,
            "lane": loop.lane_id,
            "pos": f"{loop.pos_m:g}" if loop.pos_m < 10_000 else f"{loop.pos_m:.2f}",
            "period": f"{period_s:g}",
            "file": "NUL",
        }
        if loop.length_m > 0:
            attributes["length"] = f"{loop.length_m:g}"
        ET.SubElement(root, "inductionLoop", attributes)
    ET.indent(root)
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
