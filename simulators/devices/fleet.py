"""Every connection of a region with the devices behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from config.catalogue.model import Catalogue
from simulators.devices.advice import DriversEyes
from simulators.devices.broadcast import CellBroadcastCentre
from simulators.devices.camera_hub import CameraHub
from simulators.devices.detection import DetectionStations, VdsGateway
from simulators.devices.endpoint import Endpoint, Timebase
from simulators.devices.message_sign import MessageSign
from simulators.devices.slope_nodes import SlopeGateway
from simulators.devices.watchtower import WatchTower
from simulators.devices.weather_stations import WeatherGateway
from simulators.world.region import World


class _InDistrict(Protocol):
    @property
    def district(self) -> str: ...


D = TypeVar("D", bound=_InDistrict)


def build_fleet(catalogue: Catalogue, world: World, time: Timebase, seed: int) -> list[Endpoint]:
    """Build a region's connections.

    One per district for each of detection stations, slope nodes, weather stations, cameras and cell broadcast, and
    one for each tower and sign. Identifiers are the same in every run, so a broker takes a restarted one for the same
    client.
    """
    towers = [WatchTower(tower, index, world, time, seed) for index, tower in enumerate(catalogue.tower)]
    eyes = DriversEyes.of(catalogue)
    signs = [MessageSign(sign, index, time, world.faults, eyes) for index, sign in enumerate(catalogue.sign)]
    fleet: list[Endpoint] = [*towers, *signs]
    vds, slopes = _by_district(catalogue.vds), _by_district(catalogue.slope)
    weather, cameras = _by_district(catalogue.weather), _by_district(catalogue.cctv)
    cells = _by_district(catalogue.cells)
    detection = DetectionStations([stations for _, stations in vds.values()], world, time, seed)
    group_of = {district: group for group, district in enumerate(vds)}
    for district in catalogue.districts:
        key = district.id
        if key in vds:
            fleet.append(VdsGateway(f"gw-vds-{key}", key, detection, group_of[key]))
        if key in slopes:
            where, nodes = slopes[key]
            fleet.append(SlopeGateway(f"gw-slope-{key}", key, nodes, where, world, time, seed))
        if key in weather:
            where, masts = weather[key]
            fleet.append(WeatherGateway(f"gw-weather-{key}", key, masts, where, world, time, seed))
        if key in cameras:
            where, hub = cameras[key]
            fleet.append(CameraHub(f"hub-cctv-{key}", key, hub, where, world, time, seed))
        if key in cells:
            fleet.append(CellBroadcastCentre(key, world.people, time, world.faults, seed, world.time_of_day_s))
    return fleet


def count_connections(catalogue: Catalogue) -> int:
    """Return how many connections `build_fleet` builds for a region."""
    gathered = (catalogue.vds, catalogue.slope, catalogue.weather, catalogue.cctv, catalogue.cells)
    hubs = sum(len({row.district for row in rows}) for rows in gathered)
    return len(catalogue.tower) + len(catalogue.sign) + hubs


def _by_district(rows: Sequence[D]) -> dict[str, tuple[list[int], list[D]]]:
    """Return by district the rows and their places in the catalogue."""
    found: dict[str, tuple[list[int], list[D]]] = {}
    for index, row in enumerate(rows):
        where, chosen = found.setdefault(row.district, ([], []))
        where.append(index)
        chosen.append(row)
    return found
