"""The catalogue of a detector array along one road, for replaying a recording of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from config.catalogue.geometry import GEOD
from config.catalogue.model import Catalogue, Coordinate, District, Link, Name, Node, Road, Sign, VdsStation

MILE_M = 1_609.344
_MARGIN_DEG = 0.05
_SHORTEST_LINK_M = 10.0


def corridor_region(
    *,
    id: str,  # noqa: A002
    name: Name,
    milemarkers: ArrayLike,
    lanes: int,
    speed_limit_kmh: float,
    road_number: str = "24",
    road_name: Name | None = None,
    period_s: float = 30.0,
    timezone: str = "America/Chicago",
    start: Coordinate = (-86.70, 36.09),
    azimuth_deg: float = 135.0,
    district: str = "99901",
    sign_spacing_m: float = 5_000.0,
) -> Catalogue:
    """Return one direction of one road with a detection station at every milemarker.

    The shape is schematic: a geodesic line from ``start``, near Nashville by default, towards ``azimuth_deg``. Only
    the distances along the road are real, which is all that speeds and travel times need; because the map is not,
    ``synthetic`` is true.

    Parameters
    ----------
    id
        Identifier of the region; stations are named after it and the milemarker, such as ``i24-mm-63-00``.
    name
        Name of the region.
    milemarkers
        Shape (station,), at least two, in travel order, all rising or all falling. Chainage is zero at the first
        and grows with travel either way. [mi]
    lanes
        Lanes of every station and link.
    speed_limit_kmh
        Of every link. [km/h]
    road_number, road_name
        Of the road; the name is made of the number when it is None.
    period_s
        Sampling period of the stations. [s]
    timezone
        IANA name.
    start, azimuth_deg
        Where the line begins and where it leads, clockwise from north. [deg]
    district
        Five digits: the one district, which the identifiers of nodes and links begin with.
    sign_spacing_m
        Distance between signs; the first stands half of it from the start. [m]

    Returns
    -------
    Catalogue
        Links reach from station to station. A station stands at the start of its link, the last one at the end of
        the last link. No villages, weather stations or terrain.

    Raises
    ------
    ValueError
        If the milemarkers are too few, not finite, closer than 10 m, or turn round; it names the first that does.
    """
    miles = np.asarray(milemarkers, dtype=np.float64)
    chainage_m = _chainages_m(miles)
    if not sign_spacing_m > 0:
        raise ValueError(f"sign_spacing_m: expected a distance above 0, was {sign_spacing_m:g}")
    positions = _positions(start, azimuth_deg, chainage_m)
    road = Road(
        id="R" + road_number,
        number=road_number,
        name=road_name or Name(f"{road_number}호선", f"Road {road_number}"),
        rank="expressway",
    )
    last = len(miles) - 1
    nodes = tuple(
        Node(id=f"{district}{index + 1:05d}", position=position, kind="end" if index in (0, last) else "shape")
        for index, position in enumerate(positions)
    )
    lengths_m = np.diff(chainage_m).tolist()
    links = tuple(
        Link(
            id=f"{district}{index + 1:05d}",
            district=district,
            road=road.id,
            direction="down",
            from_node=nodes[index].id,
            to_node=nodes[index + 1].id,
            lanes=lanes,
            speed_limit_kmh=speed_limit_kmh,
            length_m=length_m,
            chainage_m=float(chainage_m[index]),
            line=(positions[index], positions[index + 1]),
        )
        for index, length_m in enumerate(lengths_m)
    )
    stations = tuple(
        VdsStation(
            id=_station_id(id, float(miles[index])),
            district=district,
            position=position,
            link=links[min(index, last - 1)].id,
            offset_m=0.0 if index < last else links[-1].length_m,
            lanes=lanes,
            period_s=period_s,
        )
        for index, position in enumerate(positions)
    )
    lon, lat = np.array(positions).T
    west, south = round(float(lon.min()) - _MARGIN_DEG, 4), round(float(lat.min()) - _MARGIN_DEG, 4)
    east, north = round(float(lon.max()) + _MARGIN_DEG, 4), round(float(lat.max()) + _MARGIN_DEG, 4)
    ring = ((west, south), (east, south), (east, north), (west, north), (west, south))
    return Catalogue(
        id=id,
        name=name,
        timezone=timezone,
        synthetic=True,
        bbox=(west, south, east, north),
        districts=(District(id=district, name=name, population=0, boundary=ring),),
        roads=(road,),
        nodes=nodes,
        links=links,
        vds=stations,
        sign=_signs(id, district, links, chainage_m, start, azimuth_deg, sign_spacing_m),
    )


def _chainages_m(miles: NDArray[np.float64]) -> NDArray[np.float64]:
    if miles.ndim != 1 or miles.size < 2:
        raise ValueError(f"milemarkers: expected shape (station,) with at least 2 stations, was {miles.shape}")
    if not np.isfinite(miles).all():
        index = int(np.flatnonzero(~np.isfinite(miles))[0])
        raise ValueError(f"milemarkers[{index}]: expected a finite number of miles, was {miles[index]}")
    direction = 1.0 if miles[1] > miles[0] else -1.0
    chainage_m = direction * (miles - miles[0]) * MILE_M
    short = np.flatnonzero(np.diff(chainage_m) < _SHORTEST_LINK_M)
    if short.size:
        index = int(short[0]) + 1
        raise ValueError(
            f"milemarkers[{index}]: expected at least {_SHORTEST_LINK_M:g} m after {miles[index - 1]:g} in the "
            f"direction of travel, was {miles[index]:g}"
        )
    return np.asarray(chainage_m)


def _positions(start: Coordinate, azimuth_deg: float, distances_m: NDArray[np.float64]) -> list[Coordinate]:
    count = len(distances_m)
    lon, lat, _ = GEOD.fwd([start[0]] * count, [start[1]] * count, [azimuth_deg] * count, distances_m.tolist())
    return [(round(east, 7), round(north, 7)) for east, north in zip(lon, lat, strict=True)]


def _station_id(region: str, mile: float) -> str:
    # Hundredths of a mile are 16 m, the shortest link 10 m: thousandths are added only where they are needed.
    thousandths = round(mile * 1000)
    whole, rest = divmod(abs(thousandths), 1000)
    sign = "m" if thousandths < 0 else ""
    fraction = f"{rest // 10:02d}" if rest % 10 == 0 else f"{rest:03d}"
    return f"{region}-mm-{sign}{whole}-{fraction}"


def _signs(
    region: str,
    district: str,
    links: tuple[Link, ...],
    chainage_m: NDArray[np.float64],
    start: Coordinate,
    azimuth_deg: float,
    spacing_m: float,
) -> tuple[Sign, ...]:
    at_m = np.arange(spacing_m / 2, chainage_m[-1], spacing_m)
    indices = np.clip(np.searchsorted(chainage_m, at_m, side="right") - 1, 0, len(links) - 1).tolist()
    return tuple(
        Sign(
            id=f"{region}-sign-{number:02d}",
            district=district,
            position=position,
            name=Name(f"전광판 {number}", f"Sign {number}"),
            link=links[index].id,
            offset_m=along_m - links[index].chainage_m,
            width_px=320,
            height_px=64,
            colour="full",
        )
        for number, (index, along_m, position) in enumerate(
            zip(indices, at_m.tolist(), _positions(start, azimuth_deg, at_m), strict=True), start=1
        )
    )
