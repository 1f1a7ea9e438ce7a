"""Centrelines of roads: the cheapest way over the ground, then smoothed to what one can drive.

Own construction. A road pays for its length, for climbing and for building across a hillside; a hillside costs an
expressway at most what a tunnel costs. Roads laid later pay for running beside earlier ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise

import msgspec
import numpy as np
from scipy import ndimage
from scipy.interpolate import PchipInterpolator

from config.catalogue.generate.ground import FloatArray, Ground
from config.catalogue.generate.hubs import EDGE_M, Hub
from config.catalogue.generate.network import SIXTEEN, IntArray, edge_slices, grid_graph, shortest_path
from config.catalogue.generate.recipe import Recipe, RoadRecipe
from config.catalogue.model import RoadRank

_GRID_M = 440.0
_STEP_M = 50.0
_SEA_COST = 200.0

_WHOLE_GRID = 50_000
"""Up to so many points, the grid is searched whole; a larger one only around the way between two hubs."""
_WINDOW_M = 8_000.0
_WINDOW_FRAC = 0.5
"""How far around: at least so much, or that part of the distance between them."""


class _Style(msgspec.Struct, frozen=True):
    gradient: float
    """Gradient at which climbing doubles the cost."""
    most: float
    """Most that a gradient multiplies the cost by."""
    shore: float
    """How much more the ground costs at the shore, where towns and beaches are."""
    sigma_m: float
    """How far the smoothing reaches."""


_STYLES: dict[RoadRank, _Style] = {
    "expressway": _Style(gradient=0.06, most=3.0, shore=3.0, sigma_m=900.0),
    "national": _Style(gradient=0.05, most=14.0, shore=0.0, sigma_m=600.0),
    "local": _Style(gradient=0.07, most=20.0, shore=0.0, sigma_m=300.0),
}


class Centreline(msgspec.Struct, frozen=True):
    """The middle of a road, from its start to its end."""

    recipe: RoadRecipe
    positions: FloatArray
    """Plane positions about 50 m apart, shape (n, 2). [m]"""
    along_m: FloatArray
    """Distance of each from the start, shape (n,). [m]"""
    hubs_m: tuple[float, ...]
    """Distances of the hubs of the route from the start. [m]"""


def lay_roads(
    recipe: Recipe, ground: Ground, hubs: Mapping[str, Hub], done: Callable[[float], None] = lambda _frac: None
) -> tuple[tuple[Centreline, ...], dict[str, Hub]]:
    """Return the centreline of every road of the recipe, in its order, and the hubs.

    The first road through a hub moves it to where it passes; every later one passes exactly through it. ``done`` is
    told after each road which part of the work is done, 0 to 1.

    Raises
    ------
    ValueError
        If a road finds no way over the ground.
    """
    surveyor = _Surveyor(ground, hubs)
    legs = sum(len(road.route) - 1 for road in recipe.roads)
    lines: list[Centreline] = []
    laid = 0
    for line in surveyor.lay(recipe.roads):
        lines.append(line)
        laid += len(line.recipe.route) - 1
        done(laid / legs)
    return tuple(lines), surveyor.hubs


class _Surveyor:
    """Lays one road after the other on a coarse grid, keeping the later ones away from the earlier."""

    def __init__(self, ground: Ground, hubs: Mapping[str, Hub]) -> None:
        self.hubs = dict(hubs)
        self._settled: set[str] = set()
        factor = max(1, round(_GRID_M / ground.step_x_m))
        smooth = ndimage.gaussian_filter(ground.elevation_m, 0.5 * factor)
        self._elevation_m = smooth[::factor, ::factor]
        self._land = ndimage.minimum_filter(ground.land, 3)[::factor, ::factor]
        self._slope = np.tan(np.radians(ndimage.gaussian_filter(ground.slope_deg, 0.5 * factor)))[::factor, ::factor]
        self._step_m = (factor * ground.step_y_m, factor * ground.step_x_m)
        self._shore_m = ndimage.distance_transform_edt(self._land, sampling=self._step_m)
        rows, columns = self._elevation_m.shape
        cells = np.stack(np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij"), axis=-1).reshape(-1, 2)
        self._ground, self._factor = ground, factor
        self._plane = ground.cells_to_plane(cells * factor)
        x, y = self._plane.T
        west, south, east, north = ground.bounds(EDGE_M)
        self._edge = ((x < west) | (x > east) | (y < south) | (y > north)).reshape(rows, columns)
        self._used = np.zeros((rows, columns), dtype=bool)

    def lay(self, roads: tuple[RoadRecipe, ...]) -> Iterator[Centreline]:
        for road in roads:
            places = [self.hubs[key].position for key in road.route]
            line = self._route(road, places)
            for key, at_m in zip(road.route, line.hubs_m, strict=True):
                if key not in self._settled:
                    x_m, y_m = (float(np.interp(at_m, line.along_m, axis)) for axis in line.positions.T)
                    self.hubs[key] = msgspec.structs.replace(self.hubs[key], x_m=x_m, y_m=y_m)
            self._settled.update(road.route)
            self._used.ravel()[self._cells(line.positions)] = True
            yield line

    def _cells(self, positions: FloatArray) -> IntArray:
        rows, columns = self._used.shape
        cells = np.rint(self._ground.cells(positions) / self._factor).astype(np.intp)
        return np.clip(cells[:, 0], 0, rows - 1) * columns + np.clip(cells[:, 1], 0, columns - 1)

    def _route(self, road: RoadRecipe, places: list[FloatArray]) -> Centreline:
        style = _STYLES[road.rank]
        cells = self._cells(np.array(places)).tolist()
        path: list[FloatArray] = [places[0]]
        pins = [0]
        for (start, end), place in zip(pairwise(cells), places[1:], strict=True):
            leg = self._leg(style, places, start, end)
            # The next leg keeps away from this one too, or a road would leave a hub the way it came.
            self._used.ravel()[leg] = True
            path.extend(self._plane[leg[1:-1]])
            path.append(place)
            pins.append(len(path) - 1)
        settled = [key in self._settled for key in road.route]
        positions, pins_m = _smooth(np.array(path), pins, settled, style.sigma_m)
        along = _along(positions)
        return Centreline(road, positions, along, tuple(pins_m))

    def _leg(self, style: _Style, places: list[FloatArray], start: int, end: int) -> IntArray:
        window = self._window(start, end)
        costs = self._costs(style, places, window)
        shape = self._used[window].shape
        columns = self._used.shape[1]
        top, left = window[0].start, window[1].start
        local = [(cell // columns - top) * shape[1] + cell % columns - left for cell in (start, end)]
        path: IntArray = shortest_path(grid_graph(costs, shape), local[0], local[1])
        return np.asarray((path // shape[1] + top) * columns + path % shape[1] + left)

    def _window(self, start: int, end: int) -> tuple[slice, slice]:
        rows, columns = self._used.shape
        if self._used.size <= _WHOLE_GRID:
            return slice(0, rows), slice(0, columns)
        ends = np.array([[start // columns, start % columns], [end // columns, end % columns]])
        apart_m = float(np.hypot(*((ends[1] - ends[0]) * self._step_m)))
        margin = np.ceil(max(_WINDOW_M, _WINDOW_FRAC * apart_m) / np.array(self._step_m)).astype(np.intp)
        (top, left), (bottom, right) = ends.min(axis=0) - margin, ends.max(axis=0) + margin + 1
        return slice(max(int(top), 0), min(int(bottom), rows)), slice(max(int(left), 0), min(int(right), columns))

    def _costs(
        self, style: _Style, places: list[FloatArray], window: tuple[slice, slice]
    ) -> dict[tuple[int, int], FloatArray]:
        used, elevation_m = self._used[window], self._elevation_m[window]
        crowded = np.zeros(used.shape)
        if used.any():
            distance_m = ndimage.distance_transform_edt(~used, sampling=self._step_m)
            crowded = 2.5 * np.exp(-((distance_m / 1_000) ** 2))
            # Near its own hubs a road has to come close to the others.
            plane = self._plane.reshape(*self._used.shape, 2)[window].reshape(-1, 2)
            nearest_m = np.min([np.hypot(*(plane - place).T) for place in places], axis=0)
            crowded *= np.clip((nearest_m.reshape(crowded.shape) - 1_500) / 2_000, 0, 1)
        shore = style.shore * np.exp(-((self._shore_m[window] / 3_000) ** 2))
        ground = 1 + np.minimum(self._slope[window] / 0.15, 2.0) + crowded + shore + 8.0 * self._edge[window]
        ground = np.where(self._land[window], ground, _SEA_COST)
        costs = {}
        for step in SIXTEEN:
            start, end = edge_slices(step)
            length_m = float(np.hypot(step[0] * self._step_m[0], step[1] * self._step_m[1]))
            gradient = np.abs(elevation_m[end] - elevation_m[start]) / length_m
            climb = np.minimum(1 + (gradient / style.gradient) ** 2, style.most)
            costs[step] = length_m * climb * 0.5 * (ground[start] + ground[end])
        return costs


def _along(positions: FloatArray) -> FloatArray:
    return np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(positions, axis=0).T))])


def _resample(positions: FloatArray, along: FloatArray, step_m: float) -> tuple[FloatArray, FloatArray]:
    count = max(2, round(along[-1] / step_m) + 1)
    at = np.linspace(0.0, along[-1], count)
    return np.stack([np.interp(at, along, axis) for axis in positions.T], axis=-1), at


def _smooth(path: FloatArray, pins: list[int], settled: list[bool], sigma_m: float) -> tuple[FloatArray, list[float]]:
    along = _along(path)
    fine, at = _resample(path, along, _STEP_M)
    sigma = sigma_m / _STEP_M
    margin = min(len(fine) - 1, int(4 * sigma))
    # Mirrored through the end points, so that the filter leaves them where they are.
    head, tail = 2 * fine[0] - fine[margin:0:-1], 2 * fine[-1] - fine[-2 : -margin - 2 : -1]
    extended = np.concatenate([head, fine, tail])
    smooth = ndimage.gaussian_filter1d(extended, sigma, axis=0)[margin : margin + len(fine)]
    # What the filter moved away from settled hubs is given back, spread over the way between them.
    knots = along[pins]
    kept = np.array(settled)
    kept[[0, -1]] = True
    moved = np.stack([np.interp(knots[kept], at, axis) for axis in smooth.T], axis=-1)
    smooth += PchipInterpolator(knots[kept], path[pins][kept] - moved, axis=0)(at)
    smooth[[0, -1]] = path[[0, -1]]
    new_along = _along(smooth)
    pins_m = np.interp(knots, at, new_along)
    positions, _ = _resample(smooth, new_along, _STEP_M)
    final = _along(positions)
    return positions, [float(pin) for pin in pins_m * (final[-1] / new_along[-1])]
