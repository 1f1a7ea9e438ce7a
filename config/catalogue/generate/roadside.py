"""Detection stations, cameras and signs along the roads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from config.catalogue.generate.districts import Jurisdictions
from config.catalogue.generate.ground import Ground
from config.catalogue.generate.names import DIRECTIONS, roadside, roadside_id
from config.catalogue.generate.recipe import Recipe
from config.catalogue.generate.roads import Carriageway, places_beside, position_on
from config.catalogue.generate.spread import apportion, fill_gaps
from config.catalogue.model import Camera, Coordinate, Link, Name, Sign, VdsStation

_CLEAR_M = 50.0
_SIGN_BEFORE_M = {"expressway": 1_500.0, "national": 1_000.0, "local": 600.0}
_SIGN_FACES = {"expressway": (320, 64, "full"), "national": (192, 64, "limited"), "local": (144, 48, "monochrome")}
"""Width and height in pixels and colours; own choice, of the sizes in use."""


def place_stations(recipe: Recipe, roads: Sequence[Carriageway], ground: Ground) -> tuple[VdsStation, ...]:
    """Return detection stations: evenly on expressways at the recipe's spacing, the rest evenly on other roads."""
    lengths_m = np.array([road.length_m for road in roads])
    expressway = np.array([road.centreline.recipe.rank == "expressway" for road in roads])
    wanted = int(np.ceil(lengths_m[expressway] / recipe.vds_spacing_m).sum())
    first = min(recipe.counts.vds, wanted) if (~expressway).any() else recipe.counts.vds
    shares = np.zeros(len(roads), dtype=int)
    shares[expressway] = apportion(first, lengths_m[expressway])
    shares[~expressway] = apportion(recipe.counts.vds - int(shares.sum()), lengths_m[~expressway])
    taken: set[str] = set()
    placed = [
        (road, link, offset_m)
        for road, share, length_m in zip(roads, shares.tolist(), lengths_m.tolist(), strict=True)
        for link, offset_m in road.place((np.arange(share) + 0.5) * length_m / max(share, 1), _CLEAR_M)
    ]
    positions = _positions([(link, offset_m) for _, link, offset_m in placed], ground, 0.0)
    return tuple(
        VdsStation(
            id=roadside_id("vds", road, link, offset_m, taken),
            district=link.district,
            position=position,
            link=link.id,
            offset_m=offset_m,
            lanes=link.lanes,
        )
        for (road, link, offset_m), position in zip(placed, positions, strict=True)
    )


def place_cameras(
    recipe: Recipe, roads: Sequence[Carriageway], ground: Ground, jurisdictions: Jurisdictions
) -> tuple[Camera, ...]:
    """Return cameras: before interchanges, at tunnel mouths, and then wherever the gap is longest."""
    first: list[tuple[int, float]] = []
    for index, road in enumerate(roads):
        expressway = road.centreline.recipe.rank == "expressway"
        inner = [at_m for at_m, hub in road.hubs_m if hub.recipe.kind != "end"]
        first += [(index, max(at_m - 150, 0)) for at_m in inner if expressway or road.direction == "down"]
        mouths = [
            link.chainage_m
            for before, link in zip((None, *road.links), road.links, strict=False)
            if link.tunnel and not (before is not None and before.tunnel)
        ]
        first += [(index, max(at_m - 120, 0)) for at_m in mouths]
    first = first[: recipe.counts.cctv]
    marks_m = _with_gaps(roads, first, recipe.counts.cctv, {"expressway": 1.0, "national": 0.35, "local": 0.2})
    taken: set[str] = set()
    cameras = []
    for road, chainages_m in zip(roads, marks_m, strict=True):
        expressway = road.centreline.recipe.rank == "expressway"
        for link, offset_m in road.place(np.array(chainages_m), _CLEAR_M):
            place = position_on(link, offset_m, ground, 12.0)
            lon_lat = ground.to_wgs84([place])
            lon, lat = lon_lat[0].tolist()
            cameras.append(
                Camera(
                    id=roadside_id("cctv", road, link, offset_m, taken),
                    district=jurisdictions.of(lon_lat)[0],
                    position=(lon, lat),
                    name=roadside(road, link, offset_m),
                    link=link.id,
                    offset_m=offset_m,
                    ground_elevation_m=round(float(ground.sample(ground.elevation_m, [place])[0]), 1),
                    mast_m=15.0 if expressway else 12.0,
                    range_m=1_000.0 if expressway else 700.0,
                )
            )
    return tuple(cameras)


def place_signs(recipe: Recipe, roads: Sequence[Carriageway], ground: Ground) -> tuple[Sign, ...]:
    """Return signs: a decision's length before every interchange, the rest in the longest gaps of expressways."""
    ranked = sorted(range(len(roads)), key=lambda index: roads[index].centreline.recipe.rank != "expressway")
    first: list[tuple[int, float]] = []
    before: dict[tuple[int, float], Name] = {}
    for index in ranked:
        road = roads[index]
        ahead_m = _SIGN_BEFORE_M[road.centreline.recipe.rank]
        for at_m, hub in road.hubs_m:
            if hub.recipe.kind == "interchange" and at_m - ahead_m > 200:
                mark = (index, _out_of_tunnel(road, at_m - ahead_m))
                first.append(mark)
                before[mark] = hub.recipe.name
    first = first[: recipe.counts.sign]
    weights = {"expressway": 1.0, "national": 0.05, "local": 0.01}
    marks_m = _with_gaps(roads, first, recipe.counts.sign, weights)
    taken: set[str] = set()
    signs = []
    for index, (road, chainages_m) in enumerate(zip(roads, marks_m, strict=True)):
        width_px, height_px, colour = _SIGN_FACES[road.centreline.recipe.rank]
        for chainage_m in chainages_m:
            link, offset_m = road.place(np.array([_out_of_tunnel(road, chainage_m)]), _CLEAR_M)[0]
            signs.append(
                Sign(
                    id=roadside_id("vms", road, link, offset_m, taken),
                    district=link.district,
                    position=_positions([(link, offset_m)], ground, 6.0)[0],
                    name=_sign_name(road, link, offset_m, before.get((index, chainage_m))),
                    link=link.id,
                    offset_m=offset_m,
                    width_px=width_px,
                    height_px=height_px,
                    colour="full" if colour == "full" else "limited" if colour == "limited" else "monochrome",
                )
            )
    return tuple(signs)


def _sign_name(road: Carriageway, link: Link, offset_m: float, ahead: Name | None) -> Name:
    place = roadside(road, link, offset_m)
    if ahead is None:
        return place
    ko, en = DIRECTIONS[road.direction]
    number = road.centreline.recipe.number
    return Name(f"{ahead.ko} 전방 ({number}호선 {ko})", f"Before {ahead.en} (road {number} {en})")


def _with_gaps(
    roads: Sequence[Carriageway], first: Sequence[tuple[int, float]], count: int, weights: dict[str, float]
) -> list[list[float]]:
    marks_m: list[list[float]] = [[] for _ in roads]
    for index, chainage_m in first:
        marks_m[index].append(chainage_m)
    lengths_m = [road.length_m for road in roads]
    by_road = [weights[road.centreline.recipe.rank] for road in roads]
    added_m = fill_gaps(lengths_m, by_road, marks_m, count - len(first))
    return [sorted(marks + more) for marks, more in zip(marks_m, added_m, strict=True)]


def _out_of_tunnel(road: Carriageway, chainage_m: float) -> float:
    while (link := road.place(np.array([chainage_m]))[0][0]).tunnel and link.chainage_m > 300:
        chainage_m = link.chainage_m - 300
    return chainage_m


def _positions(places: Sequence[tuple[Link, float]], ground: Ground, right_m: float) -> list[Coordinate]:
    if not places:
        return []
    return [(lon, lat) for lon, lat in ground.to_wgs84(places_beside(places, ground, right_m)).tolist()]
