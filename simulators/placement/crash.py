"""Where a crash happens: on the longest expressway, in the busier direction, seen by a camera and by detectors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from config.catalogue.geometry import GEOD, positions_along
from config.catalogue.model import Catalogue, Coordinate
from simulators.errors import ScenarioError
from simulators.scenario import Crash
from simulators.world.corridors import Corridors
from simulators.world.demand import Demand
from simulators.world.region import Closure

ROOM_UPSTREAM_M = 5_000.0
"""Road that the queue needs behind the crash [m]."""
ROOM_DOWNSTREAM_M = 2_000.0

# Share of capacity left, by lanes before and lanes blocked: Highway Capacity Manual 2010, exhibit 10-17, as given in
# FHWA-HOP-13-042, appendix C, table 40.
CAPACITY_LEFT: dict[int, tuple[float, ...]] = {
    2: (0.35, 0.0),
    3: (0.49, 0.17, 0.0),
    4: (0.58, 0.25, 0.13),
    5: (0.65, 0.40, 0.20),
    6: (0.71, 0.50, 0.26),
    7: (0.75, 0.57, 0.36),
    8: (0.78, 0.63, 0.41),
}


@dataclass(frozen=True)
class PlacedCrash:
    """A crash at a place.

    Attributes
    ----------
    closure
        What it does to the traffic.
    link, offset_m
        Where it is. [m]
    position
        The same. [deg]
    camera
        Identifier of the nearest camera that has it within its range.
    """

    closure: Closure
    link: str
    offset_m: float
    position: Coordinate
    camera: str


def capacity_left(lanes: int, blocked: int) -> float:
    """Return the share of capacity that is left when some of a direction's lanes are blocked [-]."""
    row = CAPACITY_LEFT.get(min(lanes, 8), (0.0,))
    return row[min(blocked, len(row)) - 1]


def place_crash(
    event: Crash, catalogue: Catalogue, corridors: Corridors, demand: Demand, time_of_day_s: float
) -> PlacedCrash:
    """Choose the place of a crash.

    Of the longest expressway that has such a place, in the direction that is busier at that time of day: a cell
    outside tunnels with 5 km of road behind it and 2 km ahead, in the range of a camera, with a detection station in
    the 5 km behind; of those one with enough lanes for the event, whose queue reaches a station in the fewest minutes,
    then the one with the most stations behind, then the one nearest to the middle of the road.

    Raises
    ------
    ScenarioError
        If no expressway has such a place.
    """
    lengths: dict[str, float] = {}
    for row in corridors.rows:
        if row.road.rank == "expressway":
            lengths[row.road.id] = lengths.get(row.road.id, 0.0) + row.length_m
    flow = demand.at(time_of_day_s)
    stations: dict[int, list[float]] = {}
    for station in catalogue.vds:
        index, start_m = corridors.link_start[station.link]
        stations.setdefault(index, []).append(start_m + station.offset_m)
    for road in sorted(lengths, key=lambda road: (-lengths[road], road)):
        rows = [index for index, row in enumerate(corridors.rows) if row.road.id == road]
        for index in sorted(rows, key=lambda index: (-flow[index], index)):
            stations_m = np.array(stations.get(index, []))
            found = _best_cell(event, index, catalogue, corridors, stations_m, float(flow[index]))
            if found is not None:
                return _placed(event, corridors, *found)
    raise ScenarioError(
        f"crash: expected an expressway with {ROOM_UPSTREAM_M:.0f} m of road and a detection station behind a place in "
        f"a camera's range, and {ROOM_DOWNSTREAM_M:.0f} m of road ahead of it; region {catalogue.id} has none"
    )


def _best_cell(
    event: Crash,
    index: int,
    catalogue: Catalogue,
    corridors: Corridors,
    stations_m: NDArray[np.float64],
    flow_veh_s: float,
) -> tuple[int, str, Coordinate] | None:
    row = corridors.rows[index]
    choices: list[tuple[tuple[float, ...], int, str, Coordinate]] = []
    for cell in range(row.first, row.last + 1):
        start_m = float(corridors.start_m[cell])
        behind_m = start_m - stations_m
        behind_m = behind_m[(behind_m > 0.0) & (behind_m <= ROOM_UPSTREAM_M)]
        link, offset_m = corridors.place(cell)
        room = ROOM_UPSTREAM_M <= start_m <= row.length_m - ROOM_DOWNSTREAM_M
        if not room or link.tunnel or link.lanes < 2 or len(behind_m) == 0:
            continue
        lon, lat = positions_along(link.line, [offset_m])[0].tolist()
        camera = nearest_camera(catalogue, (lon, lat))
        if camera is not None:
            blocked = min(event.lanes_blocked, link.lanes - 1)
            growth_mps = queue_growth_mps(corridors, cell, flow_veh_s, capacity_left(link.lanes, blocked))
            minutes = float(behind_m.min()) / max(growth_mps, 0.01) // 60.0
            score = (event.lanes_blocked - blocked, minutes, -len(behind_m), abs(start_m - row.length_m / 2))
            choices.append((score, cell, camera, (lon, lat)))
    return min(choices)[1:] if choices else None


def queue_growth_mps(corridors: Corridors, cell: int, flow_veh_s: float, left: float) -> float:
    """Return how fast the tail of a queue moves upstream, by the jump condition of kinematic waves.

    Parameters
    ----------
    corridors, cell
        Where the road is narrowed; the road behind is taken to be like the cell.
    flow_veh_s
        What arrives. [veh/s]
    left
        Share of capacity that is left. [-]

    Returns
    -------
    float
        Difference of flow over difference of density (Lighthill & Whitham 1955), 0 when no queue forms. [m/s]
    """
    discharge = float(corridors.capacity_veh_s[cell]) * left
    if flow_veh_s <= discharge:
        return 0.0
    queued = float(corridors.jam_veh_m[cell] - discharge / corridors.wave_mps[cell])
    return (flow_veh_s - discharge) / (queued - flow_veh_s / float(corridors.free_mps[cell]))


def _placed(event: Crash, corridors: Corridors, cell: int, camera: str, position: Coordinate) -> PlacedCrash:
    link, offset_m = corridors.place(cell)
    blocked = min(event.lanes_blocked, link.lanes - 1)
    closure = Closure(
        cell=cell,
        lanes=frozenset(range(1, blocked + 1)),
        capacity_left=capacity_left(link.lanes, blocked),
        from_s=event.at_s,
        until_s=event.at_s + event.duration_s,
    )
    return PlacedCrash(closure, link.id, offset_m, position, camera)


def nearest_camera(catalogue: Catalogue, position: Coordinate) -> str | None:
    """Return the identifier of the nearest camera that has a place within its range, or None."""
    if not catalogue.cctv:
        return None
    lon, lat = np.array([camera.position for camera in catalogue.cctv]).T
    distance_m = GEOD.inv(lon, lat, np.full_like(lon, position[0]), np.full_like(lat, position[1]))[2]
    distance_m = np.where(distance_m <= [camera.range_m for camera in catalogue.cctv], distance_m, np.inf)
    best = int(np.argmin(distance_m))
    return catalogue.cctv[best].id if np.isfinite(distance_m[best]) else None
