"""Every connection of a region with the devices behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from config.catalogue.model import Catalogue, Device
from simulators.devices.cameras import CameraHub
from simulators.devices.endpoint import Endpoint, Timebase
from simulators.devices.sign import MessageSign
from simulators.devices.slope import SlopeGateway
from simulators.devices.tower import WatchTower
from simulators.devices.vds import VdsGateway
from simulators.devices.weather import WeatherGateway
from simulators.placement.script import Script
from simulators.world.region import World

D = TypeVar("D", bound=Device)


def build_fleet(catalogue: Catalogue, world: World, script: Script, time: Timebase, seed: int) -> list[Endpoint]:
    """Build a region's connections.

    One per district for each of detection stations, slope nodes, weather stations and cameras, and one for each
    tower and sign. Identifiers are the same in every run, so a broker takes a restarted one for the same client.
    """
    towers = [
        WatchTower(tower, index, script.happenings.fires, script.false_sightings, time, seed)
        for index, tower in enumerate(catalogue.tower)
    ]
    signs = [MessageSign(sign, index, time) for index, sign in enumerate(catalogue.sign)]
    fleet: list[Endpoint] = [*towers, *signs]
    for district in catalogue.districts:
        key = district.id
        _, vds = _of(catalogue.vds, key)
        if vds:
            fleet.append(VdsGateway(f"gw-vds-{key}", key, vds, world, time, seed))
        where, nodes = _of(catalogue.slope, key)
        if nodes:
            fleet.append(SlopeGateway(f"gw-slope-{key}", key, nodes, where, world, time, seed))
        where, stations = _of(catalogue.weather, key)
        if stations:
            fleet.append(WeatherGateway(f"gw-weather-{key}", key, stations, where, world, time, seed))
        _, cameras = _of(catalogue.cctv, key)
        if cameras:
            fleet.append(CameraHub(f"hub-cctv-{key}", key, cameras, script.findings, time, seed))
    return fleet


def _of(devices: Sequence[D], district: str) -> tuple[list[int], list[D]]:
    """Return the devices of a district and their places in the catalogue."""
    places = [index for index, device in enumerate(devices) if device.district == district]
    return places, [devices[index] for index in places]
