"""What grows where: fuel on a grid around a place, drawn by seed over the ground, roads and settlements."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.special import ndtri

from config.catalogue.geometry import distances_along_m, positions_along
from config.catalogue.model import Catalogue, Terrain, Village
from simulators.errors import ScenarioError
from simulators.world.seeds import stream
from simulators.world.terrain import elevation_m
from simulators.world.wildfire.behaviour import BARE, BROADLEAF, CONIFER, GRASS, MIXED
from simulators.world.wildfire.frame import Frame

Floats = NDArray[np.float64]

CELL_M = 30.0
HALF_WIDTH_M = 10_000.0
"""Grid of a fire: its cells, and how far it reaches from the ignition to each side [m]."""
STAND_M = 900.0
"""Size of a forest stand; own construction [m]."""
CONIFER_PART, BROADLEAF_PART = 0.39, 0.33
"""Parts of the forest; the rest is mixed. Rounded from Korea's national forest statistics of 2020: 37 % conifer, 32 %
broadleaf, 27 % mixed, 4 % without trees [-]."""
HIGHER_M = 450.0
"""Rise over which the balance moves from pine to oak by one standard deviation of the stands; own construction [m]."""
FIELD_SLOPE, FIELD_LIMIT_M = 0.05, 350.0
"""Ground flatter and lower than this is fields; own construction [-], [m]."""
FIELD_SHARE = 0.35
"""Part of fields that carries fire: dikes, tracks and bare plots break them up; own construction [-]."""
PERSONS_PER_KM2 = 2_500.0
"""Of built-up ground: from it the size of a settlement; own construction [persons/km²]."""
CLEARED_SHARE = 0.2
CLEARED_M = 300.0
"""Part of the ground that carries fire at the edge of a settlement, and how deep the edge is: behind it nothing
carries fire; own construction [-], [m]."""
ROAD_HALF_M = {"expressway": 30.0, "national": 15.0, "local": 15.0}
ROAD_SHARE = {"expressway": 0.3, "national": 0.6, "local": 0.6}
"""Half the width of a road with its verges, and how much of the rates is left on it; own construction [m], [-]."""


@dataclass(frozen=True)
class FuelGrid:
    """Ground and fuel around a place; arrays of shape (row, column), row 0 the southernmost.

    Attributes
    ----------
    frame
        The plane, around the place, which is the middle of the middle cell.
    axis_m : ndarray
        Middles of the cells, east for columns and north for rows. [m]
    elevation_m : ndarray
        Height of the ground, 0 at sea. [m]
    fuel : ndarray of int8
        Codes of `behaviour.FUELS`.
    share : ndarray
        How much of the rates of spread is left: fields, roads, settlements. [-]
    slope_east, slope_north : ndarray
        Rise of the ground. [-]
    """

    frame: Frame
    axis_m: Floats
    elevation_m: NDArray[np.float32]
    fuel: NDArray[np.int8]
    share: NDArray[np.float32]
    slope_east: NDArray[np.float32]
    slope_north: NDArray[np.float32]

    @classmethod
    def around(cls, place: tuple[float, float], catalogue: Catalogue, seed: int) -> FuelGrid:
        """Draw the fuel around a place.

        The stands belong to region and seed, not to the place: two fires find the same forest. Without terrain all
        is flat and mixed forest.
        """
        frame = Frame.around(place)
        n = 2 * int(HALF_WIDTH_M // CELL_M) + 1
        axis: Floats = (np.arange(n) - n // 2).astype(np.float64) * CELL_M
        lon, lat = frame.to_degrees(axis[np.newaxis, :], axis[:, np.newaxis])
        height = elevation_m(catalogue.terrain, lon, lat)
        north, east = (np.asarray(rise, dtype=np.float64) for rise in np.gradient(height, CELL_M))
        fuel = np.full(height.shape, MIXED, dtype=np.int8)
        share = np.ones(height.shape)
        if catalogue.terrain is not None:
            lean = _stands(catalogue.terrain, lon, lat, seed) - height / HIGHER_M
            # The parts are those of a region whose ground has the height of its own forest in the mean.
            middle = _mean_lean(catalogue.terrain)
            fuel[lean > middle + ndtri(1.0 - CONIFER_PART)] = CONIFER
            fuel[lean < middle + ndtri(BROADLEAF_PART)] = BROADLEAF
            fields = (np.hypot(east, north) < FIELD_SLOPE) & (height < FIELD_LIMIT_M)
            fuel[fields] = GRASS
            share[fields] = FIELD_SHARE
            fuel[height <= 0.0] = BARE
        _clear_roads(catalogue, frame, axis, share)
        _clear_settlements(catalogue, frame, axis, share)
        share[fuel == BARE] = 0.0
        return cls(
            frame=frame,
            axis_m=axis,
            elevation_m=height.astype(np.float32),
            fuel=fuel,
            share=share.astype(np.float32),
            slope_east=east.astype(np.float32),
            slope_north=north.astype(np.float32),
        )

    def require_burnable(self, name: str) -> None:
        """Check that the middle of the grid burns.

        Raises
        ------
        ScenarioError
            If it does not; ``name`` is the ignition's.
        """
        middle = len(self.axis_m) // 2
        if self.share[middle, middle] <= 0.0:
            lon, lat = self.frame.origin
            what = "water" if self.fuel[middle, middle] == BARE else "built-up ground"
            raise ScenarioError(
                f"ignition {name}: position: expected ground that burns, was {what} at {lon:.5f}, {lat:.5f}"
            )


def _mean_lean(terrain: Terrain) -> float:
    land = terrain.elevation_m[terrain.elevation_m > 0.0]
    return -float(land.mean()) / HIGHER_M if land.size else 0.0


def _stands(terrain: Terrain, lon_deg: Floats, lat_deg: Floats, seed: int) -> Floats:
    """Smooth noise of unit variance over the region's terrain grid, read at places [-]."""
    frame = Frame.around((terrain.west_deg, terrain.south_deg))
    sigma = (
        STAND_M / 2.0 / (terrain.step_lat_deg * frame.north_m_deg),
        STAND_M / 2.0 / (terrain.step_lon_deg * frame.east_m_deg),
    )
    noise = stream(seed, "forest", "stands").standard_normal(terrain.elevation_m.shape)
    smooth = gaussian_filter(noise, sigma, mode="wrap")
    smooth -= smooth.mean()
    spread = float(smooth.std())
    row = (lat_deg - terrain.south_deg) / terrain.step_lat_deg
    column = (lon_deg - terrain.west_deg) / terrain.step_lon_deg
    stands: Floats = map_coordinates(
        smooth / (spread or 1.0), np.broadcast_arrays(row, column), order=1, mode="nearest"
    )
    return stands


def _clear_roads(catalogue: Catalogue, frame: Frame, axis_m: Floats, share: Floats) -> None:
    """Lower the share along roads; tunnels let a fire pass above them."""
    ranks = {road.id: road.rank for road in catalogue.roads}
    limit = float(axis_m[-1])
    for link in catalogue.links:
        if link.tunnel:
            continue
        east, north = frame.to_plane(*np.asarray(link.line, dtype=np.float64).T)
        if east.min() > limit or east.max() < -limit or north.min() > limit or north.max() < -limit:
            continue
        along = np.arange(0.0, float(distances_along_m(link.line)[-1]), CELL_M / 2.0)
        points = positions_along(link.line, along)
        east, north = frame.to_plane(points[:, 0], points[:, 1])
        rank = ranks[link.road]
        for offset_m in np.arange(-ROAD_HALF_M[rank], ROAD_HALF_M[rank] + 1.0, CELL_M / 2.0):
            for shift_east, shift_north in ((offset_m, 0.0), (0.0, offset_m)):
                column = np.rint((east + shift_east - axis_m[0]) / CELL_M).astype(np.int64)
                row = np.rint((north + shift_north - axis_m[0]) / CELL_M).astype(np.int64)
                on = (column >= 0) & (column < len(axis_m)) & (row >= 0) & (row < len(axis_m))
                share[row[on], column[on]] = np.minimum(share[row[on], column[on]], ROAD_SHARE[rank])


def settlement_radius_m(village: Village) -> float:
    """Return how far the houses of a settlement reach from its middle [m]."""
    return 1_000.0 * float(np.sqrt(village.population / PERSONS_PER_KM2 / np.pi))


def _clear_settlements(catalogue: Catalogue, frame: Frame, axis_m: Floats, share: Floats) -> None:
    """Lower the share on built-up ground, round and as large as its people need."""
    for village in catalogue.villages:
        radius_m = settlement_radius_m(village)
        east, north = (float(value) for value in frame.to_plane(*village.position))
        rows = np.flatnonzero(np.abs(axis_m - north) <= radius_m)
        columns = np.flatnonzero(np.abs(axis_m - east) <= radius_m)
        if len(rows) == 0 or len(columns) == 0:
            continue
        part = share[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        away = np.hypot(axis_m[columns] - east, axis_m[rows, np.newaxis] - north)
        part[away <= radius_m] = np.minimum(part[away <= radius_m], CLEARED_SHARE)
        part[away <= radius_m - CLEARED_M] = 0.0
