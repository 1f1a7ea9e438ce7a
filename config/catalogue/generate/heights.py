"""Watchtowers on summits that see much forest, and weather stations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import csr_array

from config.catalogue.generate.districts import Jurisdictions
from config.catalogue.generate.ground import FloatArray, Ground
from config.catalogue.generate.hubs import EDGE_M
from config.catalogue.generate.names import roadside
from config.catalogue.generate.recipe import Recipe
from config.catalogue.generate.roads import Carriageway, position_on
from config.catalogue.generate.spread import pick_far
from config.catalogue.generate.syllables import invent
from config.catalogue.model import Name, Tower, Village, WeatherStation

_VIEW_M = 12_000.0
_VIEW_STEP_M = 400.0
_RAYS = 72
_MOST_CANDIDATES = 200
_CHUNK = 400
"""Summits looked around from at a time; a thousand take 100 MB."""
_FOREST_SLOPE_DEG = 5.0
_EARTH_M = 6_371_000.0
_REFRACTION = 0.13
"""Standard coefficient of terrestrial refraction (Gauss)."""


def forest(ground: Ground) -> NDArray[np.bool_]:
    """Return where forest stands: sloping land above the plains; own construction."""
    return np.asarray(ground.land & (ground.slope_deg > _FOREST_SLOPE_DEG) & (ground.elevation_m > 40))


def visible_samples(ground: Ground, summits: FloatArray, eye_m: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return points around each summit and which of them can be seen from it.

    Parameters
    ----------
    summits
        Plane positions, shape (summit, 2). [m]
    eye_m
        Elevation of the eye above the sea, shape (summit,). [m]

    Returns
    -------
    points
        Shape (summit, ray, step, 2): 72 rays of 12 km in steps of 400 m. [m]
    visible
        Shape (summit, ray, step): the line of sight, bent by standard refraction over a spherical earth, is free.
    """
    azimuth = np.arange(_RAYS) * 2 * np.pi / _RAYS
    distance_m = np.arange(_VIEW_STEP_M, _VIEW_M + 1, _VIEW_STEP_M)
    along = distance_m[None, :, None] * np.stack([np.sin(azimuth), np.cos(azimuth)], axis=-1)[:, None, :]
    points = summits[:, None, None, :] + along[None]
    surface_m = ground.sample(np.maximum(ground.elevation_m, 0), points.reshape(-1, 2)).reshape(points.shape[:-1])
    drop_m = (1 - _REFRACTION) * distance_m**2 / (2 * _EARTH_M)
    angle = (surface_m - drop_m - eye_m[:, None, None]) / distance_m
    before = np.maximum.accumulate(angle, axis=2)
    blocked_by = np.concatenate([np.full((*angle.shape[:2], 1), -np.inf), before[:, :, :-1]], axis=2)
    return points, angle >= blocked_by


def place_towers(
    recipe: Recipe, ground: Ground, jurisdictions: Jurisdictions, rng: np.random.Generator
) -> tuple[Tower, ...]:
    """Return watchtowers, each on the summit that adds most forest to what the ones before it see."""
    radius = max(1, round(900 / ground.step_x_m))
    top = ground.elevation_m == ndimage.maximum_filter(ground.elevation_m, size=2 * radius + 1)
    cells = np.argwhere(top & (ground.elevation_m > 0.1 * recipe.terrain.summit_m))
    summits = ground.cells_to_plane(cells) if len(cells) else np.empty((0, 2))
    west, south, east, north = ground.bounds(2 * EDGE_M)
    inside = (summits > (west, south)).all(axis=1) & (summits < (east, north)).all(axis=1)
    cells, summits = cells[inside], summits[inside]
    around_m = ndimage.uniform_filter(ground.elevation_m, max(3, round(6_000 / ground.step_x_m)))
    prominence_m = (ground.elevation_m - around_m)[cells[:, 0], cells[:, 1]]
    best = np.argsort(-prominence_m, kind="stable")[: max(_MOST_CANDIDATES, 3 * recipe.counts.tower)]
    cells, summits = cells[best], summits[best]
    mast_m = rng.integers(15, 26, len(cells)).astype(np.float64)
    ground_m = ground.elevation_m[cells[:, 0], cells[:, 1]]
    chosen = _cover(ground, summits, ground_m + mast_m, recipe.counts.tower) if len(cells) else []
    lon_lat = ground.to_wgs84(summits[chosen]) if chosen else np.empty((0, 2))
    owners = jurisdictions.of(lon_lat)
    stems = invent(len(chosen), rng)
    towers = []
    for number, (index, (ko, en)) in enumerate(zip(chosen, stems, strict=True), start=1):
        lon, lat = lon_lat[number - 1].tolist()
        towers.append(
            Tower(
                id=f"tower-{number:03d}",
                district=owners[number - 1],
                position=(lon, lat),
                name=Name(f"{ko}봉 감시탑", f"{en}-bong Watchtower"),
                ground_elevation_m=float(ground_m[index]),
                mast_m=float(mast_m[index]),
                azimuth_sigma_deg=float(rng.choice([0.3, 0.5, 0.8])),
                range_m=float(rng.choice([12_000, 15_000, 20_000])),
            )
        )
    return tuple(towers)


def place_weather(
    recipe: Recipe,
    roads: Sequence[Carriageway],
    towers: Sequence[Tower],
    villages: Sequence[Village],
    ground: Ground,
    jurisdictions: Jurisdictions,
    rng: np.random.Generator,
) -> tuple[WeatherStation, ...]:
    """Return weather stations beside roads, in villages and on summits, spread over the region and its heights."""
    sites: list[tuple[FloatArray, Name]] = []
    for road in (road for road in roads if road.direction == "down"):
        for link, offset_m in road.place(np.arange(1_000.0, road.length_m, 2_500.0), 100.0):
            if not link.tunnel:
                place = position_on(link, offset_m, ground, 20.0)
                beside = roadside(road, link, offset_m)
                sites.append((place, Name(f"{beside.ko} 도로기상관측소", f"Road weather {beside.en}")))
    for village in villages:
        place = ground.to_plane([village.position])[0] + rng.uniform(60, 200, 2)
        sites.append((place, Name(f"{village.name.ko} 기상관측소", f"{village.name.en} Weather Station")))
    for tower in towers:
        place = ground.to_plane([tower.position])[0] + (15.0, 0.0)
        ko, en = tower.name.ko.removesuffix(" 감시탑"), tower.name.en.removesuffix(" Watchtower")
        sites.append((place, Name(f"{ko} 산악기상관측소", f"{en} Mountain Weather Station")))
    if not sites:
        return ()
    places = np.array([place for place, _ in sites])
    elevation_m = ground.sample(ground.elevation_m, places)
    # A hundred metres of height count as much as two kilometres of distance: weather changes faster upwards.
    features = np.column_stack([places, 20 * elevation_m])
    chosen = pick_far(features, recipe.counts.weather, int(rng.integers(len(sites))))
    lon_lat = ground.to_wgs84(places[chosen]) if chosen else np.empty((0, 2))
    owners = jurisdictions.of(lon_lat)
    return tuple(
        WeatherStation(
            id=f"weather-{number:03d}",
            district=owners[number - 1],
            position=(lon, lat),
            name=sites[index][1],
            ground_elevation_m=round(float(elevation_m[index]), 1),
        )
        for number, (index, (lon, lat)) in enumerate(zip(chosen, lon_lat.tolist(), strict=True), start=1)
    )


def _cover(ground: Ground, summits: FloatArray, eye_m: FloatArray, count: int) -> list[int]:
    covers = _seen_blocks(ground, summits, eye_m)
    columns = covers.tocsc()
    chosen: list[int] = []
    covered = np.zeros(covers.shape[1], dtype=np.intp)
    # Seen once is worth most, seen a second time half: two bearings make a fix. Powers of two add up exactly.
    worth = np.array([1.0, 0.5, 0.25, 0.0])
    gain: FloatArray = np.asarray(covers @ np.ones(covers.shape[1]))
    while len(chosen) < min(count, len(summits)):
        best = int(np.argmax(gain))
        chosen.append(best)
        gain[best] = -np.inf
        blocks = covers.indices[covers.indptr[best] : covers.indptr[best + 1]]
        before = worth[np.minimum(covered[blocks], 3)]
        covered[blocks] += 1
        gain += np.asarray(columns[:, blocks] @ (worth[np.minimum(covered[blocks], 3)] - before))
    return chosen


def _seen_blocks(ground: Ground, summits: FloatArray, eye_m: FloatArray) -> csr_array[np.float64, tuple[int, int]]:
    """Return which blocks of forest, 800 m wide, are seen from each summit: ones, shape (summit, block)."""
    factor = max(1, round(800 / ground.step_x_m))
    wooded = forest(ground)
    rows, columns = wooded.shape
    across = columns // factor + 1
    count = (rows // factor + 1) * across
    pairs = []
    for first in range(0, len(summits), _CHUNK):
        chunk = slice(first, first + _CHUNK)
        points, visible = visible_samples(ground, summits[chunk], eye_m[chunk])
        cells = np.rint(ground.cells(points.reshape(-1, 2))).astype(np.intp).reshape(points.shape)
        on_grid = (cells >= 0).all(axis=-1) & (cells[..., 0] < rows) & (cells[..., 1] < columns)
        cells = np.where(on_grid[..., None], cells, 0)
        seen = visible & on_grid & wooded[cells[..., 0], cells[..., 1]]
        blocks = (cells[..., 0] // factor) * across + cells[..., 1] // factor
        summit = np.nonzero(seen)[0] + first
        pairs.append(np.unique(summit * count + blocks[seen]))
    summit, block = np.divmod(np.concatenate(pairs), count)
    return csr_array((np.ones(len(summit)), (summit, block)), shape=(len(summits), count))
