"""District boundaries: every place belongs to the seat that is reached most easily, so that borders follow ridges."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import ndimage

from config.catalogue.generate.ground import FloatArray, Ground
from config.catalogue.generate.network import EIGHT, cheapest_tree, edge_slices, grid_graph
from config.catalogue.generate.recipe import Recipe
from config.catalogue.model import Coordinate, District

_GRID_M = 440.0
_COAST_WATERS_M = 2_500.0
_SIMPLIFY_M = 900.0


class Jurisdictions:
    """The districts of a region and which of them a place belongs to."""

    def __init__(self, districts: tuple[District, ...]) -> None:
        self.districts = districts
        self._polygons = np.array([shapely.Polygon(district.boundary) for district in districts])
        self._tree = shapely.STRtree(self._polygons)

    def of(self, lon_lat: FloatArray) -> list[str]:
        """Return the district of each position, shape (n, 2); the nearest one for a position in none."""
        points = shapely.points(np.asarray(lon_lat))
        return [self.districts[index].id for index in self._tree.nearest(points).tolist()]


def draw_districts(recipe: Recipe, ground: Ground, seats: FloatArray) -> Jurisdictions:
    """Return the districts of the recipe; together they cover the land and the coastal waters without gaps."""
    factor = max(1, round(_GRID_M / ground.step_x_m))
    owner = _owners(ground, seats, factor)
    polygons = [_outline(owner == index, ground, factor) for index in range(len(seats))]
    smooth = shapely.coverage_simplify(np.array(polygons), tolerance=_SIMPLIFY_M)
    districts = []
    for district, polygon in zip(recipe.districts, smooth, strict=True):
        ring = ground.to_wgs84(shapely.get_coordinates(shapely.get_exterior_ring(polygon)))
        ring = np.clip(ring, recipe.extent[:2], recipe.extent[2:])
        boundary: tuple[Coordinate, ...] = tuple((float(lon), float(lat)) for lon, lat in ring)
        districts.append(
            District(id=district.id, name=district.name, population=district.population, boundary=boundary)
        )
    return Jurisdictions(tuple(districts))


def _owners(ground: Ground, seats: FloatArray, factor: int) -> NDArray[np.intp]:
    elevation = ground.elevation_m[::factor, ::factor]
    step_m = factor * ground.step_x_m
    waters_m = ndimage.distance_transform_edt(~ground.land[::factor, ::factor]) * step_m
    within = waters_m <= _COAST_WATERS_M
    costs = {}
    for step in EIGHT:
        start, end = edge_slices(step)
        length_m = step_m * np.hypot(*step)
        rise = np.abs(elevation[end] - elevation[start]) / length_m
        costs[step] = length_m * (1 + 25 * rise) * np.where(within[start] & within[end], 1.0, 1e6)
    cells = np.rint(ground.cells(seats) / factor).astype(np.intp)
    cells = np.minimum(cells, np.array(elevation.shape) - 1)
    sources = cells[:, 0] * elevation.shape[1] + cells[:, 1]
    _, _, nearest = cheapest_tree(grid_graph(costs, elevation.shape), sources)
    owner = np.searchsorted(np.sort(sources), nearest)
    owner = np.argsort(sources, kind="stable")[owner].reshape(elevation.shape)
    # Grid points that touch the rest of their district by a corner only go to a neighbour: a boundary is one ring.
    whole = np.zeros(owner.shape, dtype=bool)
    for index, ((row, column), box) in enumerate(zip(cells, ndimage.find_objects(owner + 1), strict=True)):
        if box is None:
            raise ValueError(f"district {index}: expected ground of its own, was the seat of another district")
        pieces, _ = ndimage.label((owner[box] == index) & within[box])
        mine = pieces[row - box[0].start, column - box[1].start]
        whole[box] |= (pieces == mine) & (pieces > 0)
    nearest_rows, nearest_columns = ndimage.distance_transform_edt(~whole, return_distances=False, return_indices=True)
    return np.where(within, owner[nearest_rows, nearest_columns], -1)


def _outline(mine: NDArray[np.bool_], ground: Ground, factor: int) -> shapely.Polygon:
    (box,) = ndimage.find_objects(mine.astype(np.int8))
    # A district inside another would be a hole in it, which the format has no place for.
    rows, columns = np.nonzero(ndimage.binary_fill_holes(mine[box]))
    rows, columns = rows + box[0].start, columns + box[1].start
    limit = np.array(ground.elevation_m.shape) - 1
    corners = []
    for down, right in ((-0.5, -0.5), (-0.5, 0.5), (0.5, 0.5), (0.5, -0.5)):
        cells = np.stack([rows + down, columns + right], axis=-1) * factor
        # The outermost squares end at the edge of the region, also where the coarse grid stops short of it.
        last = (np.array(mine.shape) - 1) * factor
        cells = np.where(cells > last, limit, cells).clip(0, limit)
        corners.append(ground.cells_to_plane(cells))
    squares = shapely.polygons(np.stack(corners, axis=1))
    union = shapely.coverage_union_all(squares)
    pieces = shapely.get_parts(union)
    return pieces[np.argmax(shapely.area(pieces))]
