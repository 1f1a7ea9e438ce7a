"""What a region holds. One frozen struct per row of a catalogue file; positions are WGS84.

Identifiers follow the Korean standard node-link system in style: nodes and links are ten digits, of which the
first five name the district; a device identifier is ASCII letters, digits, ``-`` and ``_`` (it becomes one level
of an MQTT topic) and is unique in the region over all kinds.
"""

from __future__ import annotations

from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

Coordinate = tuple[float, float]
"""Longitude and latitude, in that order, as in GeoJSON. [deg]"""

RoadRank = Literal["expressway", "national", "local"]
DeviceKind = Literal["vds", "cctv", "slope", "tower", "weather", "sign"]
DEVICE_KINDS: tuple[DeviceKind, ...] = ("vds", "cctv", "slope", "tower", "weather", "sign")


class Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every catalogue row."""

    id: str


class Name(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A name in the languages of the control room."""

    ko: str
    en: str


class District(Row, frozen=True, kw_only=True):
    """A district (시군구): the unit of partition, of jurisdiction and of subscription."""

    name: Name
    population: int
    boundary: tuple[Coordinate, ...]
    """Closed outer ring."""


class Road(Row, frozen=True, kw_only=True):
    """A numbered road, both directions."""

    number: str
    name: Name
    rank: RoadRank


class Node(Row, frozen=True, kw_only=True):
    """A node of the road graph."""

    position: Coordinate
    kind: Literal["junction", "interchange", "end", "shape"] = "shape"


class Link(Row, frozen=True, kw_only=True):
    """A directed link of the road graph, in the direction of travel."""

    district: str
    road: str
    direction: Literal["up", "down"]
    from_node: str
    to_node: str
    lanes: int
    speed_limit_kmh: float
    length_m: float
    chainage_m: float
    """Distance of the link's start from the start of its road and direction, in the direction of travel. [m]"""
    tunnel: bool = False
    line: tuple[Coordinate, ...]


class Device(Row, frozen=True, kw_only=True):
    """What every device has."""

    district: str
    position: Coordinate


class VdsStation(Device, frozen=True, kw_only=True):
    """A vehicle detection station across the lanes of one link."""

    link: str
    offset_m: float
    """Distance from the start of the link. [m]"""
    lanes: int
    period_s: float = 30.0


class Camera(Device, frozen=True, kw_only=True):
    """A CCTV camera beside a road."""

    name: Name
    link: str | None = None
    offset_m: float | None = None
    ground_elevation_m: float
    mast_m: float
    range_m: float


class Sign(Device, frozen=True, kw_only=True):
    """A variable message sign facing the traffic of one link."""

    name: Name
    link: str
    offset_m: float
    width_px: int
    height_px: int
    colour: Literal["monochrome", "limited", "full"]


class SlopeNode(Device, frozen=True, kw_only=True):
    """A landslide sensor node on a cut or natural slope."""

    name: Name
    slope_deg: float
    aspect_deg: float
    height_m: float
    link: str | None = None
    """The link that a failure would block."""


class Tower(Device, frozen=True, kw_only=True):
    """A fire watchtower, with a camera, a watcher, or both."""

    name: Name
    ground_elevation_m: float
    mast_m: float
    azimuth_sigma_deg: float
    range_m: float


class WeatherStation(Device, frozen=True, kw_only=True):
    """A road or mountain weather station."""

    name: Name
    ground_elevation_m: float


class Village(Row, frozen=True, kw_only=True):
    """A settlement that may have to be warned or evacuated."""

    district: str
    name: Name
    position: Coordinate
    population: int


class Shelter(Row, frozen=True, kw_only=True):
    """A place to go to."""

    district: str
    name: Name
    position: Coordinate
    capacity: int


class Cell(Row, frozen=True, kw_only=True):
    """One sector of a mobile base station."""

    district: str
    position: Coordinate
    azimuth_deg: float
    beamwidth_deg: float
    range_m: float


class Terrain(msgspec.Struct, frozen=True, kw_only=True):
    """A regular grid of ground elevations.

    Row 0 is the southernmost, column 0 the westernmost; values stand at grid points. The sea is at or below zero.
    """

    west_deg: float
    south_deg: float
    step_lon_deg: float
    step_lat_deg: float
    elevation_m: NDArray[np.float32]
    """Shape (row, column). [m above sea level]"""


class Catalogue(msgspec.Struct, frozen=True, kw_only=True):
    """A whole region, checked: every reference resolves and every identifier is unique."""

    id: str
    name: Name
    timezone: str
    synthetic: bool
    """True when the region was generated, so that every screen can say that the place does not exist."""
    bbox: tuple[float, float, float, float]
    """West, south, east, north. [deg]"""
    districts: tuple[District, ...]
    roads: tuple[Road, ...] = ()
    nodes: tuple[Node, ...] = ()
    links: tuple[Link, ...] = ()
    vds: tuple[VdsStation, ...] = ()
    cctv: tuple[Camera, ...] = ()
    slope: tuple[SlopeNode, ...] = ()
    tower: tuple[Tower, ...] = ()
    weather: tuple[WeatherStation, ...] = ()
    sign: tuple[Sign, ...] = ()
    villages: tuple[Village, ...] = ()
    shelters: tuple[Shelter, ...] = ()
    cells: tuple[Cell, ...] = ()
    terrain: Terrain | None = None

    def devices(self, kind: DeviceKind) -> tuple[Device, ...]:
        """Return the devices of one kind, in catalogue order."""
        rows: tuple[Device, ...] = getattr(self, kind)
        return rows
