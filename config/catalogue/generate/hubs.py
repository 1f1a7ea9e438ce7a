"""Where towns and road hubs lie: the anchors of the recipe, moved to ground that one would build on."""

from __future__ import annotations

import msgspec
import numpy as np

from config.catalogue.generate.ground import FloatArray, Ground
from config.catalogue.generate.recipe import Anchor, HubRecipe, Recipe
from config.catalogue.generate.terrain import shore_column, west_shore_column

_SEARCH_M = 3_000.0
_APART_M = 2_200.0
EDGE_M = 500.0
"""Roads end this far inside the region, so that both carriageways stay within it. [m]"""


class Hub(msgspec.Struct, frozen=True):
    """A place that roads share."""

    recipe: HubRecipe
    x_m: float
    y_m: float

    @property
    def position(self) -> FloatArray:
        """Plane position, shape (2,). [m]."""
        return np.array([self.x_m, self.y_m])


def settle(recipe: Recipe, ground: Ground) -> tuple[FloatArray, dict[str, Hub]]:
    """Choose the ground of towns and hubs.

    Returns
    -------
    seats
        Plane positions of the district seats, shape (district, 2), in the order of the recipe. [m]
    hubs
        By key.
    """
    shore = shore_column(ground.elevation_m)
    other_shore = west_shore_column(ground.elevation_m)
    rows, columns = ground.elevation_m.shape
    grid = np.stack(np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij"), axis=-1).reshape(-1, 2)
    cells = ground.cells_to_plane(grid)
    west, south, east, north = ground.bounds(EDGE_M)
    inside = (cells[:, 0] >= west) & (cells[:, 0] <= east) & (cells[:, 1] >= south) & (cells[:, 1] <= north)
    # Dry ground some way from the sea, so that a road through the place does not touch the water.
    dry = inside & ground.land.ravel() & (cells[:, 0] < cells[_shore_cells(shore, grid, columns), 0] - 700.0)
    if recipe.terrain.west_shore is not None:
        dry &= cells[:, 0] > cells[_shore_cells(other_shore, grid, columns), 0] + 700.0
    reach_m = max(_SEARCH_M, 3 * ground.step_x_m)
    elevation_m, slope_deg = ground.elevation_m.ravel(), ground.slope_deg.ravel()
    taken: list[FloatArray] = []

    def around(row: float, column: float) -> np.ndarray:
        # Grid points of a square that holds the circle, also where the plane turns away from the grid.
        reach = int(1.1 * reach_m / min(ground.step_x_m, ground.step_y_m)) + 3
        some_rows = np.arange(max(round(row) - reach, 0), min(round(row) + reach + 1, rows))
        some_columns = np.arange(max(round(column) - reach, 0), min(round(column) + reach + 1, columns))
        return np.asarray((some_rows[:, None] * columns + some_columns[None, :]).ravel())

    def choose(anchor: Anchor, allowed: np.ndarray) -> FloatArray:
        row = anchor[1] * (rows - 1)
        first, last = (float(np.interp(row, np.arange(rows), side)) for side in (other_shore, shore))
        column = first + anchor[0] * (last - first)
        centre = np.clip(ground.cells_to_plane([[row, column]])[0], (west, south), (east, north))
        near = around(*ground.cells([centre])[0].tolist())
        near = near[allowed[near] & (np.hypot(*(cells[near] - centre).T) < reach_m)]
        if not near.size:
            near = np.flatnonzero(allowed)[[np.argmin(np.hypot(*(cells[allowed] - centre).T))]]
        distance = np.hypot(*(cells[near] - centre).T)
        score = (elevation_m[near] - elevation_m[near].min()) / 60 + slope_deg[near] / 4 + 2 * distance / _SEARCH_M
        for other in taken:
            if np.hypot(*(centre - other)) < 2 * reach_m + _APART_M:
                score += 20 * (np.hypot(*(cells[near] - other).T) < _APART_M)
        chosen = np.asarray(cells[near[np.argmin(score)]])
        taken.append(chosen)
        return chosen

    seats = [choose(district.seat, dry) for district in recipe.districts]
    places = {district.id: seat for district, seat in zip(recipe.districts, seats, strict=True)}
    hubs = {}
    for hub in recipe.hubs:
        if hub.town is not None:
            place = places[hub.town]
        elif hub.at is not None and hub.kind == "end":
            x, y = cells.T
            step = max(ground.step_x_m, ground.step_y_m)
            strips = ((hub.at[0] == 0, x - west), (hub.at[1] == 0, y - south), (hub.at[1] == 1, north - y))
            strip = next(depth for applies, depth in strips if applies)
            place = choose(hub.at, dry & (strip < step))
        elif hub.at is not None:
            place = choose(hub.at, dry)
        else:
            raise ValueError(f"hub {hub.key}: expected one of at and town, was neither")
        hubs[hub.key] = Hub(hub, float(place[0]), float(place[1]))
    return np.array(seats), hubs


def _shore_cells(shore: FloatArray, grid: np.ndarray, columns: int) -> np.ndarray:
    return np.asarray(grid[:, 0] * columns + np.rint(shore).astype(np.intp)[grid[:, 0]])
