"""The files of a region folder: which there are, what each holds, and how a row stands in it."""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec

from config.catalogue.model import (
    Camera,
    Cell,
    District,
    Link,
    Name,
    Node,
    Road,
    Row,
    Shelter,
    Sign,
    SlopeNode,
    Tower,
    VdsStation,
    Village,
    WeatherStation,
)

FORMAT = 1
"""Version of the folder's format, written in ``region.toml``."""

REGION_FILE = "region.toml"
TERRAIN_FILE = "terrain.npy"

GeometryType = Literal["Point", "LineString", "Polygon"]


class Table(NamedTuple):
    """One GeoJSON file of the folder."""

    attribute: str
    """Field of the catalogue."""
    noun: str
    row: type[Row]
    geometry: GeometryType
    geometry_field: str
    """Field of the row that stands in the file as the geometry of the feature."""

    @property
    def file(self) -> str:
        """Name of the file."""
        return f"{self.attribute}.geojson"


TABLES: tuple[Table, ...] = (
    Table("districts", "district", District, "Polygon", "boundary"),
    Table("nodes", "node", Node, "Point", "position"),
    Table("links", "link", Link, "LineString", "line"),
    Table("vds", "station", VdsStation, "Point", "position"),
    Table("cctv", "camera", Camera, "Point", "position"),
    Table("slope", "slope node", SlopeNode, "Point", "position"),
    Table("tower", "tower", Tower, "Point", "position"),
    Table("weather", "weather station", WeatherStation, "Point", "position"),
    Table("sign", "sign", Sign, "Point", "position"),
    Table("villages", "village", Village, "Point", "position"),
    Table("shelters", "shelter", Shelter, "Point", "position"),
    Table("cells", "cell", Cell, "Point", "position"),
)

NOUNS: dict[str, str] = {table.attribute: table.noun for table in TABLES} | {"roads": "road"}
FILES: dict[str, str] = {table.attribute: table.file for table in TABLES} | {"roads": REGION_FILE}


class TerrainHeader(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the values of ``terrain.npy`` stand."""

    rows: int
    columns: int
    west_deg: float
    south_deg: float
    step_lon_deg: float
    step_lat_deg: float


class RegionHeader(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What ``region.toml`` holds."""

    format: int
    id: str
    timezone: str
    synthetic: bool
    bbox: tuple[float, float, float, float]
    name: Name
    roads: tuple[Road, ...] = ()
    terrain: TerrainHeader | None = None
