"""Synthetic ground: a coast on the east, mountains behind it, plains and a second coast on the west if asked for.

Own construction: a coast-to-crest profile plus ridged band-limited noise (after Musgrave's ridged multifractal),
into which the valleys of a least-cost drainage tree are cut.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.interpolate import PchipInterpolator

from config.catalogue.generate.network import EIGHT, cheapest_tree, edge_slices, grid_graph
from config.catalogue.generate.recipe import Recipe
from config.catalogue.model import Terrain

FloatArray = NDArray[np.float64]

_EARTH_DEGREE_M = 111_195.0

# Distance inland from the shore [km] and height of the general rise there, as a fraction of the summit's.
_PROFILE_KM = (-60.0, -20.0, -3.0, 0.0, 3.0, 8.0, 16.0, 26.0, 34.0, 46.0, 90.0)
_PROFILE_FRAC = (-0.6, -0.3, -0.03, 0.0, 0.012, 0.06, 0.22, 0.50, 0.48, 0.36, 0.30)

# The western plains: from the western shore (0) to the eastern (1), most of the general rise and share of the ridges.
_PLAIN_AT = (0.0, 0.08, 0.25, 0.45, 0.65, 0.8, 1.0)
_PLAIN_FRAC = (0.0, 0.006, 0.03, 0.12, 0.32, 0.5, 0.5)
_PLAIN_RIDGE_FRAC = (0.03, 0.12, 0.28, 0.55, 0.85, 1.0, 1.0)

_RIDGE_WAVELENGTHS_KM = (18.0, 9.0, 4.5, 2.3, 1.2)
_RIDGE_GAIN = 0.58
_RIDGE_FRAC = 0.62

_RIVER_AREA_KM2 = 2.0
_BED_GRADIENT = 0.09
_VALLEY_SIDE = 0.62


def make_terrain(recipe: Recipe, rng: np.random.Generator) -> Terrain:
    """Return the ground of a region; elevations are whole metres, the highest is the recipe's summit."""
    west, south, east, north = recipe.extent
    step_lat = recipe.terrain.step_m / _EARTH_DEGREE_M
    step_lon = step_lat / np.cos(np.radians((south + north) / 2))
    # Rounded up to whole steps and then fitted, so that the grid ends exactly on the extent.
    rows, columns = int(np.ceil((north - south) / step_lat)) + 1, int(np.ceil((east - west) / step_lon)) + 1
    step_m = recipe.terrain.step_m
    elevation = _relief(recipe, rows, columns, rng)
    elevation = _keep_one_land(elevation, both_shores=recipe.terrain.west_shore is not None)
    elevation = _cut_valleys(elevation, step_m, rng)
    land = elevation > 0
    elevation[land] *= recipe.terrain.summit_m / elevation.max()
    # Land stays land and sea stays sea after rounding.
    elevation = np.where(land, np.maximum(np.round(elevation), 1), np.minimum(np.round(elevation), 0))
    return Terrain(
        west_deg=west,
        south_deg=south,
        step_lon_deg=(east - west) / (columns - 1),
        step_lat_deg=(north - south) / (rows - 1),
        elevation_m=elevation.astype(np.float32),
    )


def shore_column(elevation_m: NDArray[np.floating]) -> FloatArray:
    """Return the column of the easternmost land, smoothed over bays, shape (row,)."""
    land = elevation_m > 0
    last = elevation_m.shape[1] - 1 - np.argmax(land[:, ::-1], axis=1)
    return np.asarray(ndimage.gaussian_filter1d(last.astype(np.float64), 4, mode="nearest"))


def west_shore_column(elevation_m: NDArray[np.floating]) -> FloatArray:
    """Return the column of the westernmost land, smoothed over bays, shape (row,); 0 where land reaches the edge."""
    first = np.argmax(elevation_m > 0, axis=1)
    return np.asarray(ndimage.gaussian_filter1d(first.astype(np.float64), 4, mode="nearest"))


def _noise(shape: tuple[int, int], step_km: float, wavelength_km: float, rng: np.random.Generator) -> FloatArray:
    # Gaussian noise in a band of one octave about the wavelength, unit variance, on a padded torus.
    padded = (shape[0] + 64, shape[1] + 64)
    fy, fx = np.fft.fftfreq(padded[0], step_km)[:, None], np.fft.rfftfreq(padded[1], step_km)[None, :]
    octaves = np.log2(np.maximum(np.hypot(fy, fx), 1e-9) * wavelength_km)
    spectrum = np.fft.rfft2(rng.standard_normal(padded)) * np.exp(-0.5 * (octaves / 0.45) ** 2)
    field = np.fft.irfft2(spectrum, s=padded)[: shape[0], : shape[1]]
    return np.asarray(field / field.std())


def _relief(recipe: Recipe, rows: int, columns: int, rng: np.random.Generator) -> FloatArray:
    step_km = recipe.terrain.step_m / 1000
    shape = (rows, columns)
    x_km = np.arange(columns)[None, :] * step_km
    fraction_north = np.linspace(-0.5, 0.5, rows)[:, None]
    width_km = columns * step_km

    def bays_of(length_frac: float) -> FloatArray:
        return 0.018 * width_km * _noise((rows, 1), step_km, length_frac * rows * step_km, rng)

    def coves_of(wavelength_km: float) -> FloatArray:
        return 0.3 * _noise((rows, 1), step_km, wavelength_km, rng)

    bays, coves = bays_of(0.3), coves_of(7.0)
    # The shore runs from the south-east to the north-west.
    shore_km = recipe.terrain.shore * width_km - 0.10 * width_km * fraction_north + bays + coves
    inland_km = shore_km - x_km + 0.35 * _noise(shape, step_km, 4.0, rng)
    warped_km = inland_km + np.clip(inland_km / 12, 0, 1) * 3.0 * _noise(shape, step_km, 22.0, rng)
    rise = PchipInterpolator(_PROFILE_KM, _PROFILE_FRAC)(np.clip(warped_km, -60, 90))
    sea = PchipInterpolator(_PROFILE_KM, _PROFILE_FRAC)(np.clip(inland_km, -60, 0))
    ridges = np.zeros(shape)
    weight = np.ones(shape)
    for octave, wavelength_km in enumerate(_RIDGE_WAVELENGTHS_KM):
        crest = np.maximum(1 - np.abs(_noise(shape, step_km, wavelength_km, rng)), 0) ** 1.5
        ridges += _RIDGE_GAIN**octave * weight * crest
        # Ridges carry the finer ridges: flat ground stays smooth.
        weight = np.clip(0.25 + 1.5 * crest, 0, 1)
    growth = np.clip((inland_km - 0.4) / 20, 0, 1) ** 0.8
    if recipe.terrain.west_shore is not None:
        west_km = recipe.terrain.west_shore * width_km + 0.6 * bays_of(0.12) + coves_of(5.0)
        from_west_km = x_km - west_km + 0.35 * _noise(shape, step_km, 4.0, rng)
        across = from_west_km / (shore_km - west_km) + 0.06 * _noise(shape, step_km, 30.0, rng)
        across = np.where(from_west_km > 0, np.clip(across, 0, 1), 0.0)
        rise = np.minimum(rise, PchipInterpolator(_PLAIN_AT, _PLAIN_FRAC)(across))
        growth *= np.clip(from_west_km / 10, 0, 1) * PchipInterpolator(_PLAIN_AT, _PLAIN_RIDGE_FRAC)(across)
        inland_km = np.minimum(inland_km, from_west_km)
        # A shallow sea: half as deep at the same distance as that in the east.
        shallow = 0.5 * PchipInterpolator(_PROFILE_KM, _PROFILE_FRAC)(np.clip(from_west_km, -60, 0))
        sea = np.where(from_west_km < 0, shallow, sea)
    frac = np.where(inland_km > 0, np.maximum(rise, 0) + 0.004 + _RIDGE_FRAC * growth * ridges, sea)
    return np.asarray(frac * recipe.terrain.summit_m)


def _keep_one_land(elevation: FloatArray, *, both_shores: bool) -> FloatArray:
    labels, count = ndimage.label(elevation > 0)
    if count > 1:
        sizes = np.bincount(labels.ravel())
        sizes[0] = 0
        elevation = np.where((labels > 0) & (labels != sizes.argmax()), -3.0, elevation)
    water, _ = ndimage.label(elevation <= 0)
    # Water that does not reach an edge with a shore would be a lake below the sea: make it land.
    at_edge = np.concatenate([water[:, -1], water[:, 0]]) if both_shores else water[:, -1]
    sea = np.isin(water, np.unique(at_edge[at_edge > 0]))
    return np.where((elevation <= 0) & ~sea, 2.0, elevation)


def _cut_valleys(elevation: FloatArray, step_m: float, rng: np.random.Generator) -> FloatArray:
    shape = elevation.shape
    order, previous = _drainage(elevation, step_m)
    area_km2 = np.full(elevation.size, (step_m / 1000) ** 2)
    for cell in order[::-1].tolist():
        if previous[cell] >= 0:
            area_km2[previous[cell]] += area_km2[cell]
    height = ndimage.gaussian_filter(elevation, 1.0).ravel()
    river = (area_km2 >= _RIVER_AREA_KM2) & (elevation.ravel() > 0)
    # Upstream from every outlet, the bed climbs with the ground but never faster than the size of the river allows.
    bed = np.zeros(elevation.size)
    for cell in order[river[order]].tolist():
        below = previous[cell]
        if below < 0 or not river[below]:
            bed[cell] = min(height[cell], 2.0) if below >= 0 else 0.6 * height[cell]
            continue
        climb = _BED_GRADIENT * (_RIVER_AREA_KM2 / area_km2[cell]) ** 0.45 * step_m * 1.2
        bed[cell] = bed[below] + min(max(height[cell] - bed[below], 0.2), climb)
    distance, nearest = ndimage.distance_transform_edt(~river.reshape(shape), return_indices=True)
    index = nearest[0] * shape[1] + nearest[1]
    floor_m = np.clip(70.0 * np.sqrt(area_km2[index]) ** 0.8, 100, 900)
    beyond_m = np.maximum(distance * step_m - floor_m, 0)
    steepness = _VALLEY_SIDE * np.clip(1 + 0.35 * _noise(shape, step_m / 1000, 3.0, rng), 0.35, 1.8)
    ceiling = bed[index] + steepness * beyond_m + 0.01 * distance * step_m
    cut = np.minimum(elevation, ceiling)
    # Weathering rounds what the cut left sharp.
    cut = 0.5 * cut + 0.5 * ndimage.gaussian_filter(cut, 0.8)
    return np.where(elevation > 0, np.maximum(cut, 0.6), elevation)


def _drainage(elevation: FloatArray, step_m: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    # Each grid point drains over low ground to the sea or to the lowest places of the west edge.
    low = elevation.clip(min=0) / 200.0
    costs = {}
    for step in EIGHT:
        start, end = edge_slices(step)
        length = step_m * np.hypot(*step)
        costs[step] = length * (0.05 + np.maximum(low[start], low[end]) ** 2)
    number = np.arange(elevation.size).reshape(elevation.shape)
    edge = ndimage.gaussian_filter1d(elevation[:, 0], 6)
    low_edge = ndimage.minimum_filter1d(edge, 61) == edge
    outlets = np.concatenate([number[elevation <= 0], number[low_edge, 0]])
    cost, previous, _ = cheapest_tree(grid_graph(costs, elevation.shape), np.unique(outlets))
    return np.argsort(cost, kind="stable"), previous
