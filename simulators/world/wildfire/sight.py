"""Who sees the smoke of a fire: lines of sight over the ground and the curved earth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from config.catalogue.geometry import GEOD
from config.catalogue.model import Catalogue, Terrain, Tower
from simulators.world.terrain import EARTH_RADIUS_M, REFRACTION, elevation_m
from simulators.world.wildfire.fire import Wildfire
from simulators.world.wildfire.smoke import Plumes, ground_visibility_m, plumes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

SIGHT_STEP_M = 75.0
"""Distance of the ground's heights that a line of sight is held against: a third of a usual terrain cell [m]."""
SIGHT_CELL_M = 240.0
"""Ground this near has one line of sight from each eye [m]."""
MOST_SAMPLES = 2_000


class Eyes(NamedTuple):
    """Observers; arrays of shape (eye,).

    Attributes
    ----------
    lon_deg, lat_deg : ndarray
        Places. [deg]
    height_m : ndarray
        Above sea level. [m]
    range_m : ndarray
        How far each sees in clear air. [m]
    """

    lon_deg: Floats
    lat_deg: Floats
    height_m: Floats
    range_m: Floats

    @classmethod
    def of_towers(cls, towers: Sequence[Tower]) -> Eyes:
        """Return the eyes of watchtowers, in their order."""
        return cls(
            np.array([tower.position[0] for tower in towers], dtype=np.float64),
            np.array([tower.position[1] for tower in towers], dtype=np.float64),
            np.array([tower.ground_elevation_m + tower.mast_m for tower in towers], dtype=np.float64),
            np.array([tower.range_m for tower in towers], dtype=np.float64),
        )


class SmokeView(NamedTuple):
    """How the smoke of one fire looks from each eye; arrays of shape (eye,), NaN where nothing is in sight.

    Attributes
    ----------
    seen : ndarray of bool
        Whether any of it is in range and in sight, in clear air.
    azimuth_deg : ndarray
        True geodesic azimuth of the lowest smoke in sight: the foot of the column where that is not hidden. [deg]
    elevation_deg : ndarray
        Vertical angle to it. [deg]
    distance_m : ndarray
        To it. [m]
    left_deg, right_deg : ndarray
        Edges of the smoke in sight from ``azimuth_deg``, negative to the left. [deg]
    top_deg : ndarray
        Vertical angle to its top. [deg]
    """

    seen: Bools
    azimuth_deg: Floats
    elevation_deg: Floats
    distance_m: Floats
    left_deg: Floats
    right_deg: Floats
    top_deg: Floats


def hidden_heights_m(terrain: Terrain | None, eyes: Eyes, eye: Ints, lon_deg: Floats, lat_deg: Floats) -> Floats:
    """Return how high above its ground a target must stand to be seen.

    Parameters
    ----------
    terrain
        Ground, or None for the bare curved earth.
    eyes, eye
        Observers, and which of them looks at each target, shape (pair,).
    lon_deg, lat_deg
        Targets, shape (pair,). [deg]

    Returns
    -------
    ndarray, shape (pair,)
        0 when the ground itself is in sight. The ray is straight over ground that bulges by d₁·d₂·(1 − k)/(2R) between
        the two, with refraction k. [m]
    """
    if len(eye) == 0:
        return np.zeros(0)
    eye_lon, eye_lat, height = eyes.lon_deg[eye], eyes.lat_deg[eye], eyes.height_m[eye]
    distance = np.asarray(GEOD.inv(eye_lon, eye_lat, lon_deg, lat_deg)[2], dtype=np.float64)
    n = int(np.clip(distance.max() / SIGHT_STEP_M, 2, MOST_SAMPLES))
    # The last stretch is left out: a target is not hidden by the ground that it stands on.
    last = np.clip(1.0 - SIGHT_STEP_M / np.maximum(distance, 1.0), 0.5, 1.0)
    share = last[:, np.newaxis] * np.arange(1, n + 1) / n
    lon = eye_lon[:, np.newaxis] + share * (lon_deg - eye_lon)[:, np.newaxis]
    lat = eye_lat[:, np.newaxis] + share * (lat_deg - eye_lat)[:, np.newaxis]
    curve = (distance**2 * (1.0 - REFRACTION) / (2.0 * EARTH_RADIUS_M))[:, np.newaxis]
    ground = elevation_m(terrain, lon, lat) + share * (1.0 - share) * curve
    foot = height[:, np.newaxis] + (ground - height[:, np.newaxis]) / share
    needed: Floats = np.maximum(foot.max(axis=1) - elevation_m(terrain, lon_deg, lat_deg), 0.0)
    return needed


class SmokeSight:
    """The smoke of one fire from a fixed set of eyes.

    Lines of sight are worked out once per `SIGHT_CELL_M` of ground and kept, at most as many as the fire's grid and
    its smoke have such cells in every eye's range; views are kept until the fire moves on.

    Parameters
    ----------
    fire
        The fire.
    eyes
        Who looks.
    terrain
        Ground, or None.
    """

    def __init__(self, fire: Wildfire, eyes: Eyes, terrain: Terrain | None) -> None:
        self._fire = fire
        self._eyes = eyes
        self._terrain = terrain
        self._hidden: dict[tuple[int, int], Floats] = {}
        self._smoke: tuple[tuple[int, bool], Plumes | None] | None = None
        self._view: tuple[tuple[int, bool], SmokeView] | None = None

    @classmethod
    def from_towers(cls, fire: Wildfire, catalogue: Catalogue) -> SmokeSight:
        """Return the smoke of a fire from a region's watchtowers, in catalogue order."""
        return cls(fire, Eyes.of_towers(catalogue.tower), catalogue.terrain)

    @property
    def fire(self) -> Wildfire:
        """The fire."""
        return self._fire

    def smoke(self) -> Plumes | None:
        """Return the smoke as it is now, None when there is none."""
        key = (self._fire.steps, self._fire.out)
        if self._smoke is None or self._smoke[0] != key:
            self._smoke = (key, plumes(self._fire))
        return self._smoke[1]

    def view(self) -> SmokeView:
        """Return how the smoke looks now."""
        key = (self._fire.steps, self._fire.out)
        if self._view is None or self._view[0] != key:
            smoke = self.smoke()
            view = _nothing(len(self._eyes.lon_deg)) if smoke is None else self._look(smoke)
            self._view = (key, view)
        return self._view[1]

    def smoke_over_m(self, lon_deg: ArrayLike, lat_deg: ArrayLike) -> Floats:
        """Return the visibility in the smoke at ground level at places, see `ground_visibility_m` [m]."""
        return ground_visibility_m(self._fire, self.smoke(), lon_deg, lat_deg)

    def _look(self, smoke: Plumes) -> SmokeView:
        eyes, n = self._eyes, len(self._eyes.lon_deg)
        lon, lat = self._fire.grid.frame.to_degrees(smoke.east_m.ravel(), smoke.north_m.ravel())
        points = len(lon)
        repeat, tile = np.repeat(np.arange(n), points), np.tile(np.arange(points), n)
        azimuth, _, distance = GEOD.inv(eyes.lon_deg[repeat], eyes.lat_deg[repeat], lon[tile], lat[tile])
        azimuth = np.asarray(azimuth, dtype=np.float64).reshape(n, points)
        distance = np.maximum(np.asarray(distance, dtype=np.float64).reshape(n, points), 1.0)
        radius = smoke.radius_m.ravel()
        base_m = np.repeat(smoke.ground_m, smoke.height_m.shape[1])
        ground_m = elevation_m(self._terrain, lon, lat)
        # Smoke follows the ground where that rises, and stays level where it falls away.
        axis_m = np.maximum(base_m, ground_m) + smoke.height_m.ravel()
        seen_from = np.maximum(ground_m + self._hidden_m(smoke).T, axis_m - radius)
        seen = (seen_from < axis_m + radius) & (distance <= eyes.range_m[:, np.newaxis])
        drop = distance**2 * (1.0 - REFRACTION) / (2.0 * EARTH_RADIUS_M) + eyes.height_m[:, np.newaxis]
        low = np.degrees(np.arctan2(np.maximum(seen_from, ground_m) - drop, distance))
        high = np.degrees(np.arctan2(axis_m + radius - drop, distance))
        return _summary(seen, azimuth, distance, np.degrees(np.arctan(radius / distance)), low, high, smoke)

    def _hidden_m(self, smoke: Plumes) -> Floats:
        """Height that is hidden above the ground at every point, shape (point, eye) [m]."""
        columns = np.rint(smoke.east_m.ravel() / SIGHT_CELL_M).astype(np.int64).tolist()
        rows = np.rint(smoke.north_m.ravel() / SIGHT_CELL_M).astype(np.int64).tolist()
        cells = list(zip(columns, rows, strict=True))
        new = [cell for cell in dict.fromkeys(cells) if cell not in self._hidden]
        if new:
            self._work_out(new)
        return np.array([self._hidden[cell] for cell in cells])

    def _work_out(self, cells: list[tuple[int, int]]) -> None:
        eyes, n = self._eyes, len(self._eyes.lon_deg)
        east, north = np.array(cells, dtype=np.float64).T * SIGHT_CELL_M
        lon, lat = self._fire.grid.frame.to_degrees(east, north)
        eye, target = np.repeat(np.arange(n), len(cells)), np.tile(np.arange(len(cells)), n)
        distance = np.asarray(
            GEOD.inv(eyes.lon_deg[eye], eyes.lat_deg[eye], lon[target], lat[target])[2], dtype=np.float64
        )
        hidden = np.full(len(eye), np.inf)
        near = np.flatnonzero(distance <= eyes.range_m[eye] + 2.0 * SIGHT_CELL_M)
        hidden[near] = hidden_heights_m(self._terrain, eyes, eye[near], lon[target[near]], lat[target[near]])
        self._hidden.update(zip(cells, hidden.reshape(n, len(cells)).T.copy(), strict=True))


def _nothing(n: int) -> SmokeView:
    return SmokeView(np.zeros(n, dtype=np.bool_), *(np.full(n, np.nan) for _ in range(6)))


def _summary(
    seen: Bools, azimuth: Floats, distance: Floats, half_deg: Floats, low: Floats, high: Floats, smoke: Plumes
) -> SmokeView:
    """Sum up what is seen of all points, by eye; arrays of shape (eye, point)."""
    n = len(seen)
    any_seen: Bools = np.any(seen, axis=1)
    # The analysis marks where the column meets the ground or the ridge: of each plume the first point in sight, of
    # all plumes the strongest.
    bases, points = smoke.height_m.shape
    by_base = seen.reshape(n, bases, points)
    strength = np.where(by_base.any(axis=2), smoke.weight, -1.0)
    base = strength.argmax(axis=1)
    point = by_base[np.arange(n), base].argmax(axis=1)
    mark = base * points + point
    row = np.arange(n)
    centre = azimuth[row, mark]
    apart = (azimuth - centre[:, np.newaxis] + 180.0) % 360.0 - 180.0
    blank = np.where(any_seen, 1.0, np.nan)
    with np.errstate(invalid="ignore"):
        return SmokeView(
            seen=any_seen,
            azimuth_deg=centre % 360.0 * blank,
            elevation_deg=low[row, mark] * blank,
            distance_m=distance[row, mark] * blank,
            left_deg=np.where(seen, apart - half_deg, np.inf).min(axis=1) * blank,
            right_deg=np.where(seen, apart + half_deg, -np.inf).max(axis=1) * blank,
            top_deg=np.where(seen, high, -np.inf).max(axis=1) * blank,
        )
