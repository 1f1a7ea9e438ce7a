"""A small region made by hand: an expressway and a national road side by side through two districts, on flat land."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from config.catalogue.geometry import GEOD
from config.catalogue.model import (
    Camera,
    Catalogue,
    Coordinate,
    District,
    Link,
    Name,
    Node,
    Road,
    Sign,
    SlopeNode,
    Terrain,
    Tower,
    VdsStation,
    Village,
    WeatherStation,
)

WEST, SOUTH = 128.0, 37.0
DISTRICTS = ("99110", "99120")


def name(text: str) -> Name:
    return Name(ko=text, en=text)


def spot(east_m: float, north_m: float) -> Coordinate:
    lon, lat, _ = GEOD.fwd(WEST, SOUTH, 90.0, east_m)
    lon, lat, _ = GEOD.fwd(lon, lat, 0.0, north_m)
    return (lon, lat)


def road_links(road: str, north_m: float, count: int, lanes: int, limit_kmh: float) -> tuple[list[Node], list[Link]]:
    """Both directions of a straight road of 2 km links; up runs east."""
    places = [spot(2_000.0 * step, north_m) for step in range(count + 1)]
    nodes = [Node(id=f"{road}n{step:02d}", position=place) for step, place in enumerate(places)]
    links = []
    for direction, order in (("up", range(count + 1)), ("down", range(count, -1, -1))):
        steps = list(order)
        chainage_m = 0.0
        for here, there in pairwise(steps):
            length_m = GEOD.line_length(*np.array([places[here], places[there]]).T)
            links.append(
                Link(
                    id=f"{road}{direction}{min(here, there):02d}",
                    district=DISTRICTS[min(here, there) >= count // 2],
                    road=road,
                    direction=direction,
                    from_node=nodes[here].id,
                    to_node=nodes[there].id,
                    lanes=lanes,
                    speed_limit_kmh=limit_kmh,
                    length_m=length_m,
                    chainage_m=chainage_m,
                    line=(places[here], places[there]),
                )
            )
            chainage_m += length_m
    return nodes, links


def small_region(**changes: Any) -> Catalogue:
    express_nodes, express = road_links("E1", 0.0, 12, 3, 100.0)
    national_nodes, national = road_links("N7", 3_000.0, 8, 2, 80.0)
    links = [*express, *national]
    parts: dict[str, Any] = {
        "id": "small",
        "name": name("small"),
        "timezone": "Asia/Seoul",
        "synthetic": True,
        "bbox": (127.9, 36.8, 128.5, 37.3),
        "districts": tuple(
            District(id=key, name=name(key), population=1_000, boundary=((127.9, 36.8), (128.5, 36.8), (128.5, 37.3)))
            for key in DISTRICTS
        ),
        "roads": (
            Road(id="E1", number="1", name=name("E1"), rank="expressway"),
            Road(id="N7", number="7", name=name("N7"), rank="national"),
        ),
        "nodes": (*express_nodes, *national_nodes),
        "links": tuple(links),
        "vds": tuple(
            VdsStation(
                id=f"VDS-{link.id}", district=link.district, position=link.line[0], link=link.id, offset_m=900.0,
                lanes=link.lanes,
            )
            for link in links
        ),
        "cctv": tuple(
            Camera(
                id=f"CAM-{step}", district=DISTRICTS[step >= 6], position=spot(2_000.0 * step, 40.0),
                name=name("camera"), ground_elevation_m=0.0, mast_m=15.0, range_m=1_200.0,
            )
            for step in range(12)
        ),
        "slope": tuple(
            SlopeNode(
                id=f"SLP-{step}", district=DISTRICTS[step % 2], position=spot(3_000.0 * step, 500.0),
                name=name("slope"), slope_deg=34.0, aspect_deg=180.0, height_m=20.0,
            )
            for step in range(6)
        ),
        "tower": tuple(
            Tower(
                id=f"TWR-{step}", district=DISTRICTS[step % 2], position=spot(*place), name=name("tower"),
                ground_elevation_m=60.0, mast_m=20.0, azimuth_sigma_deg=0.5, range_m=15_000.0,
            )
            for step, place in enumerate([(2_000, 8_000), (12_000, 9_000), (9_000, -6_000), (40_000, 9_000)])
        ),
        "weather": tuple(
            WeatherStation(
                id=f"WX-{step}", district=DISTRICTS[step % 2], position=spot(6_000.0 * step, 200.0),
                name=name("weather"), ground_elevation_m=150.0 * step,
            )
            for step in range(4)
        ),
        "sign": tuple(
            Sign(
                id=f"VMS-{step}", district=DISTRICTS[step], position=express[4 * step].line[0], name=name("sign"),
                link=express[4 * step].id, offset_m=100.0, width_px=192, height_px=32, colour="limited",
            )
            for step in range(2)
        ),
        "villages": (
            Village(id="V1", district=DISTRICTS[0], name=name("village"), position=spot(8_000, 2_200), population=120),
        ),
        "terrain": Terrain(
            west_deg=127.8, south_deg=36.7, step_lon_deg=0.01, step_lat_deg=0.01,
            elevation_m=np.full((80, 100), 20.0, dtype=np.float32),
        ),
    }  # fmt: skip
    return Catalogue(**(parts | changes))
