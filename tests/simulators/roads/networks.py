"""Small road networks made by hand, on flat land."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from config.catalogue.geometry import GEOD
from config.catalogue.model import Catalogue, District, Link, Node, Road, VdsStation
from tests.simulators.region import name, spot

DISTRICT = "99110"
Place = tuple[str, float, float, str]
"""Name, east [m], north [m] and kind of a node."""


def road_between(
    road: str, places: list[Place], lanes: list[int], limit_kmh: float, directions: tuple[str, ...] = ("up", "down")
) -> list[Link]:
    """Links of a straight-lined road in both directions; "up" in the order of the places."""
    links = []
    for direction in directions:
        way = list(pairwise(places)) if direction == "up" else [(b, a) for a, b in reversed(list(pairwise(places)))]
        widths = lanes if direction == "up" else lanes[::-1]
        chainage_m = 0.0
        for (a, b), width in zip(way, widths, strict=True):
            line = (spot(*a[1:3]), spot(*b[1:3]))
            length_m = GEOD.line_length(*np.array(line).T)
            links.append(
                Link(
                    id=f"{road}{direction}-{a[0]}{b[0]}", district=DISTRICT, road=road, direction=direction,
                    from_node=a[0], to_node=b[0], lanes=width, speed_limit_kmh=limit_kmh, length_m=length_m,
                    chainage_m=chainage_m, line=line,
                )
            )  # fmt: skip
            chainage_m += length_m
    return links


def catalogue(roads: dict[str, str], places: list[Place], links: list[Link]) -> Catalogue:
    ring = (spot(0, 0), spot(1_000, 0), spot(0, 1_000), spot(0, 0))
    return Catalogue(
        id="hand", name=name("hand"), timezone="Asia/Seoul", synthetic=True, bbox=(127.0, 36.0, 129.0, 38.0),
        districts=(District(id=DISTRICT, name=name(DISTRICT), population=50_000, boundary=ring),),
        roads=tuple(Road(id=key, number=key[1:], name=name(key), rank=rank) for key, rank in roads.items()),
        nodes=tuple(Node(id=key, position=spot(east, north), kind=kind) for key, east, north, kind in places),
        links=tuple(links),
        vds=tuple(
            VdsStation(
                id=f"VDS-{link.id}", district=DISTRICT, position=link.line[0], link=link.id,
                offset_m=link.length_m / 3, lanes=link.lanes,
            )
            for link in links
        ),
    )  # fmt: skip


def straight(lanes: list[int], limit_kmh: float = 100.0) -> Catalogue:
    """One expressway with both directions, links of 2 km."""
    kinds = ["end", *["shape"] * (len(lanes) - 1), "end"]
    places: list[Place] = [(f"n{step:02d}", 2_000.0 * step, 0.0, kind) for step, kind in enumerate(kinds)]
    return catalogue({"E1": "expressway"}, places, road_between("E1", places, lanes, limit_kmh))


def bypass() -> Catalogue:
    """An expressway, and a national road that starts and ends beside it and meets it at two interchanges, A and B."""
    w, a, b, e = ("W", 0.0, 0.0, "end"), ("A", 8_000.0, 0.0, "interchange"), ("B", 18_000.0, 0.0, "interchange"), (
        "E", 26_000.0, 0.0, "end",
    )  # fmt: skip
    m, x = ("M", 13_000.0, 0.0, "shape"), ("X", 4_000.0, 0.0, "shape")
    p, q, n = ("P", 8_000.0, -6_000.0, "end"), ("Q", 18_000.0, -6_000.0, "end"), ("N", 13_000.0, 2_500.0, "shape")
    links = [
        *road_between("E1", [w, x, a, m, b, e], [2, 2, 2, 2, 2], 100.0),
        *road_between("N7", [p, a, n, b, q], [2, 2, 2, 2], 80.0),
    ]
    return catalogue({"E1": "expressway", "N7": "national"}, [w, x, a, m, b, e, p, n, q], links)
