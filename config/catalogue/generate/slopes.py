"""Landslide sensor nodes: on steep ground above roads and above villages."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from config.catalogue.generate.districts import Jurisdictions
from config.catalogue.generate.ground import FloatArray, Ground
from config.catalogue.generate.names import roadside
from config.catalogue.generate.recipe import Recipe
from config.catalogue.generate.roads import Carriageway, positions_beside
from config.catalogue.generate.spread import pick_apart
from config.catalogue.model import Link, Name, SlopeNode, Village

_ROAD_SHARE = 0.6
_APART_M = 450.0
_STEEP_DEG = 15.0
_BESIDE_ROAD_M = (60.0, 140.0, 220.0)
_MOST_A_VILLAGE = 4
_VILLAGE_REACH_M = 1_300.0
_CUT_RUN = (1.0, 1.5)
_NATURAL_DEG = (25.0, 31.0, 40.0)


def place_slopes(
    recipe: Recipe,
    roads: Sequence[Carriageway],
    villages: Sequence[Village],
    ground: Ground,
    jurisdictions: Jurisdictions,
    rng: np.random.Generator,
    angles_rng: np.random.Generator,
) -> tuple[SlopeNode, ...]:
    """Return sensor nodes: 40 % above villages, as far as there is steep ground, the rest above roads.

    Aspect and relief are those of the ground where they stand; the slope is that of the cut or the hillside itself,
    drawn by `local_slope_deg`. ``angles_rng`` is only for that, so that the places do not depend on it.
    """
    count = recipe.counts.slope
    above_villages = _above_villages(villages, ground, rng)
    chosen = pick_apart(
        np.array([place for place, _ in above_villages]).reshape(-1, 2),
        _steepness(ground, [place for place, _ in above_villages], rng),
        round(count * (1 - _ROAD_SHARE)),
        _APART_M,
    )
    sites: list[tuple[FloatArray, Name, Link | None]] = []
    used: dict[str, int] = {}
    for place, village in (above_villages[index] for index in chosen):
        number = used[village.id] = used.get(village.id, 0) + 1
        name = Name(f"{village.name.ko} 뒷산 사면 {number}", f"Slope {number} above {village.name.en}")
        sites.append((place, name, None))
    above_roads = _above_roads(roads, ground)
    chosen = pick_apart(
        np.array([place for place, *_ in above_roads]).reshape(-1, 2),
        _steepness(ground, [place for place, *_ in above_roads], rng),
        count - len(sites),
        _APART_M,
    )
    for place, road, link, offset_m in (above_roads[index] for index in chosen):
        beside = roadside(road, link, offset_m)
        sites.append((place, Name(f"{beside.ko} 비탈면", f"Slope at {beside.en}"), link))
    return _nodes(sites, ground, jurisdictions, angles_rng)


def _nodes(
    sites: Sequence[tuple[FloatArray, Name, Link | None]],
    ground: Ground,
    jurisdictions: Jurisdictions,
    angles_rng: np.random.Generator,
) -> tuple[SlopeNode, ...]:
    if not sites:
        return ()
    places = np.array([place for place, *_ in sites])
    lon_lat = ground.to_wgs84(places)
    cut = np.array([link is not None for *_, link in sites])
    slope_deg = local_slope_deg(ground.sample(ground.slope_deg, places), cut, angles_rng)
    aspect_deg = np.asarray(ground.sample_nearest(ground.aspect_deg, places), dtype=np.float64)
    downhill = np.stack([np.sin(np.radians(aspect_deg)), np.cos(np.radians(aspect_deg))], axis=-1)
    # Relief over 300 m of the fall line.
    top_m = ground.sample(ground.elevation_m, places - 150 * downhill)
    foot_m = ground.sample(ground.elevation_m, places + 150 * downhill)
    height_m = np.maximum(top_m - foot_m, 5.0)
    return tuple(
        SlopeNode(
            id=f"slope-{number:04d}",
            district=district,
            position=(lon, lat),
            name=name,
            slope_deg=round(float(slope_deg[number - 1]), 1),
            aspect_deg=round(float(aspect_deg[number - 1]), 1) % 360,
            height_m=round(float(height_m[number - 1]), 1),
            link=None if link is None else link.id,
        )
        for number, ((_, name, link), (lon, lat), district) in enumerate(
            zip(sites, lon_lat.tolist(), jurisdictions.of(lon_lat), strict=True), start=1
        )
    )


def local_slope_deg(grid_deg: FloatArray, cut: NDArray[np.bool_], rng: np.random.Generator) -> FloatArray:
    """Return the slope of the very cut or hillside that a node stands on.

    A grid of hundreds of metres shows the mean of a hillside; what fails on it is steeper.

    Parameters
    ----------
    grid_deg
        Slope of the grid there, the least that the result can be, shape (node,). [deg]
    cut
        Whether it is a cut slope beside a road, else a natural slope, shape (node,).
    rng
        What the angles are drawn from.

    Returns
    -------
    ndarray, shape (node,)
        Cut slopes: 1 in 1.0 to 1 in 1.5, uniform in the run, that is 33.7° to 45°. These are the standard gradients
        of cuts in soil and rippable rock in Korea (KDS 11 70 05, table 4.1-3; Korea Expressway Corporation: 1:1.5 and
        1:1.2 in soil above and below 5 m of height, 1:1.0 in rippable rock). Natural slopes: triangular from 25° over
        31° to 40°, own construction around the 30° from which landslides occur anywhere (National Atlas of Korea,
        volume 2). [deg]
    """
    run = rng.uniform(_CUT_RUN[0], _CUT_RUN[1], len(grid_deg))
    natural_deg = rng.triangular(*_NATURAL_DEG, len(grid_deg))
    return np.maximum(np.where(cut, np.degrees(np.arctan(1 / run)), natural_deg), grid_deg)


def _steep_deg(ground: Ground) -> float:
    # A coarse grid knows no steep ground: there, the steepest fifth of the land has to do.
    return min(_STEEP_DEG, float(np.percentile(ground.slope_deg[ground.land], 80)))


def _steepness(ground: Ground, places: Sequence[FloatArray], rng: np.random.Generator) -> FloatArray:
    if not places:
        return np.empty(0)
    # Some chance, so that not every node stands in the one steepest valley.
    return ground.sample(ground.slope_deg, np.array(places)) + rng.normal(0, 3.0, len(places))


def _above_villages(
    villages: Sequence[Village], ground: Ground, rng: np.random.Generator
) -> list[tuple[FloatArray, Village]]:
    steep = np.argwhere((ground.slope_deg >= _steep_deg(ground)) & ground.land)
    if not len(steep) or not villages:
        return []
    cells = ground.cells_to_plane(steep)
    elevation_m = ground.elevation_m[steep[:, 0], steep[:, 1]]
    aspect = np.radians(ground.aspect_deg[steep[:, 0], steep[:, 1]])
    west, south, east, north = ground.bounds(100.0)
    inside = (cells[:, 0] > west) & (cells[:, 0] < east) & (cells[:, 1] > south) & (cells[:, 1] < north)
    centres = ground.to_plane([village.position for village in villages])
    bases_m = ground.sample(ground.elevation_m, centres)
    around = KDTree(cells).query_ball_point(centres, 1.01 * _VILLAGE_REACH_M, return_sorted=True)
    found = []
    for village, centre, base_m, near in zip(villages, centres, bases_m, around, strict=True):
        to_village = centre - cells[near]
        distance_m = np.hypot(*to_village.T)
        fall = to_village[:, 0] * np.sin(aspect[near]) + to_village[:, 1] * np.cos(aspect[near])
        towards = fall / np.maximum(distance_m, 1)
        # It would run towards the village: higher, near, and falling that way within 60 degrees.
        threat = inside[near] & (distance_m < _VILLAGE_REACH_M) & (towards > 0.5) & (elevation_m[near] > base_m + 15)
        places = cells[near][threat]
        best = pick_apart(places, _steepness(ground, list(places), rng), _MOST_A_VILLAGE, _APART_M)
        found += [(places[index], village) for index in best]
    return found


def _above_roads(roads: Sequence[Carriageway], ground: Ground) -> list[tuple[FloatArray, Carriageway, Link, float]]:
    found = []
    steep_deg = _steep_deg(ground)
    for road in roads:
        for link in road.links:
            if link.tunnel:
                continue
            offsets_m = np.arange(100.0, link.length_m - 100.0, 150.0)
            feet, travel = positions_beside(link, offsets_m, ground, 0.0)
            right = np.stack([travel[:, 1], -travel[:, 0]], axis=-1)
            places = feet + np.array(_BESIDE_ROAD_M)[:, None, None] * right
            height_m = ground.sample(ground.elevation_m, np.concatenate([feet[None], places]).reshape(-1, 2))
            rise_m = (height_m := height_m.reshape(-1, len(feet)))[1:] - height_m[0]
            steep = ground.sample(ground.slope_deg, places.reshape(-1, 2)).reshape(rise_m.shape) > steep_deg
            # Uphill of the road, on ground steep enough to fail.
            uphill = (rise_m > 0.2 * np.array(_BESIDE_ROAD_M)[:, None]) & steep
            found += [(places[at, index], road, link, float(offsets_m[index])) for at, index in np.argwhere(uphill)]
    return found
