"""People with phones: where they are by day and by night, which cell serves them, and what their phones have shown.

A seeded sample of phones stands for everybody; each phone has a weight, the number of persons it stands for. Own
construction: people live in villages (normally distributed around the middle), in the rest of their district (around
its base stations, which stand where people are), or are on the road. A third of them spends the day somewhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from config.catalogue.model import Catalogue, Coordinate
from simulators.world.chance import Keys, uniform
from simulators.world.seeds import stream

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

PHONES = 20_000
LEAST_PHONES = 5
"""Phones of the smallest village, so that its coverage can be told."""
VILLAGE_SPREAD_M = 250.0
"""Standard deviation of the distance, each way, in a village of 1,000; grows with the root of the population [m]."""
ROAD_SHARE = 0.03
"""Share of a district's people who are on its roads [-]."""
COMMUTER_SHARE = 0.33
COMMUTE_M = 2_500.0
"""Share of the people who are elsewhere by day, and the standard deviation of how far, each way [m]."""
LEAVE_S, LEAVE_SPREAD_S = 8.0 * 3600, 2_700.0
RETURN_S, RETURN_SPREAD_S = 18.5 * 3600, 4_500.0
"""Means and standard deviations of when they leave and come back, local time [s]."""
ON_SHARE = 0.96
"""Share of the phones that are on and have reception [-]."""
OFF_SLOT_S = 1_800.0
"""For how long a phone stays on or off before that is drawn anew [s]."""
REMEMBERED_S = 86_400.0
"""How long a phone knows a message again after it was last on air; Android's usual value is a day [s]."""
MOST_REMEMBERED = 256
"""Messages that phones know again; beyond it the one longest off air is forgotten. Own construction."""
_FIRST_LOOK, _SECOND_LOOK = 9, 60
"""Sectors among which a phone looks for one that covers it; those that find none look among more."""
_EARTH_M = 6_378_137.0
_FLATTENING = 1 / 298.257223563
"""WGS84."""


@dataclass(frozen=True)
class Sectors:
    """The region's cells, as arrays of shape (cell,) in catalogue order."""

    ids: tuple[str, ...]
    district: tuple[str, ...]
    district_index: Ints
    lon_deg: Floats
    lat_deg: Floats
    azimuth_deg: Floats
    beamwidth_deg: Floats
    range_m: Floats

    @classmethod
    def of(cls, catalogue: Catalogue) -> Sectors:
        """Return the cells of a region."""
        cells = catalogue.cells
        position = np.array([cell.position for cell in cells], dtype=np.float64).reshape(-1, 2)
        names = {district.id: index for index, district in enumerate(catalogue.districts)}
        return cls(
            ids=tuple(cell.id for cell in cells),
            district=tuple(cell.district for cell in cells),
            district_index=np.array([names[cell.district] for cell in cells], dtype=np.int64),
            lon_deg=position[:, 0].copy(),
            lat_deg=position[:, 1].copy(),
            azimuth_deg=np.array([cell.azimuth_deg for cell in cells], dtype=np.float64),
            beamwidth_deg=np.array([cell.beamwidth_deg for cell in cells], dtype=np.float64),
            range_m=np.array([cell.range_m for cell in cells], dtype=np.float64),
        )

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def _index_of(self) -> dict[str, int]:
        return dict(zip(self.district, self.district_index.tolist(), strict=True))

    def in_district(self, district: str) -> Bools:
        """Return which of the cells stand in a district, shape (cell,)."""
        return np.asarray(self.district_index == self._index_of.get(district, -1))

    def serving(self, lon_deg: Floats, lat_deg: Floats) -> Ints:
        """Return the cell that serves each place.

        Of the sectors that point at the place and reach it the nearest one, else the nearest of all that point at it,
        else the nearest of all.

        Returns
        -------
        ndarray
            Index of the cell, shape (n,); -1 where the region has no cells.
        """
        found = np.full(len(lon_deg), -1, dtype=np.int64)
        if len(self) == 0 or len(lon_deg) == 0:
            return found
        tree = cKDTree(_cartesian_m(self.lon_deg, self.lat_deg))
        waiting = np.arange(len(lon_deg))
        for looked in (_FIRST_LOOK, _SECOND_LOOK):
            near = min(looked, len(self))
            _, cells = tree.query(_cartesian_m(lon_deg[waiting], lat_deg[waiting]), k=near)
            # What lies equally far, as the sectors of one mast do, is taken in catalogue order.
            cells = np.sort(cells.reshape(len(waiting), near), axis=1)
            points_at, reaches, distance_m = self._cover(cells, lon_deg[waiting], lat_deg[waiting])
            cost = distance_m + np.where(points_at, 0.0, 1e9) + np.where(reaches, 0.0, 1e7)
            best = np.argmin(cost, axis=1)
            rows = np.arange(len(waiting))
            found[waiting] = cells[rows, best]
            waiting = waiting[~(points_at & reaches)[rows, best]]
            if len(waiting) == 0 or near == len(self):
                break
        return found

    def _cover(self, cells: Ints, lon_deg: Floats, lat_deg: Floats) -> tuple[Bools, Bools, Floats]:
        east_m, north_m = _plane_m(
            lon_deg[:, np.newaxis] - self.lon_deg[cells], lat_deg[:, np.newaxis] - self.lat_deg[cells], lat_deg
        )
        distance_m = np.hypot(east_m, north_m)
        off = np.degrees(np.arctan2(east_m, north_m)) - self.azimuth_deg[cells]
        off = np.abs((off + 180.0) % 360.0 - 180.0)
        return off <= self.beamwidth_deg[cells] / 2, distance_m <= self.range_m[cells], distance_m


@dataclass(frozen=True)
class Shown:
    """What became of one message in the phones of some cells."""

    new: Ints
    """Indices of the phones that show it now."""
    repeated: Ints
    """Indices of those that showed it before and drop it."""


class People:
    """Phones of a region.

    Attributes
    ----------
    sectors
        Cells that serve them.
    persons : ndarray, shape (phone,)
        How many persons each phone stands for.
    village : ndarray, shape (phone,)
        Index of the village that its owner lives in, -1 for others.

    Parameters
    ----------
    catalogue
        Region.
    seed
        Seed of the run.
    phones
        About how many.
    """

    def __init__(self, catalogue: Catalogue, seed: int, phones: int = PHONES) -> None:
        if phones < 1:
            raise ValueError(f"phones: expected at least 1, was {phones}")
        rng = stream(seed, "people")
        self.sectors = Sectors.of(catalogue)
        home, self.persons, self.village = _settle(catalogue, self.sectors, phones, rng)
        count = len(self.persons)
        self._lon, self._lat = home[:, 0].copy(), home[:, 1].copy()
        self._cell = self.sectors.serving(self._lon, self._lat)
        commutes = rng.random(count) < COMMUTER_SHARE
        self._commuters = np.flatnonzero(commutes)
        away_m = rng.normal(0.0, COMMUTE_M, (count, 2))[commutes]
        day = _moved(home[commutes], away_m)
        self._day_lon, self._day_lat = day[:, 0].copy(), day[:, 1].copy()
        self._day_cell = self.sectors.serving(self._day_lon, self._day_lat)
        self._leave_s = rng.normal(LEAVE_S, LEAVE_SPREAD_S, count)[commutes]
        self._return_s = rng.normal(RETURN_S, RETURN_SPREAD_S, count)[commutes]
        self._keys: Keys = rng.integers(2**63, size=count, dtype=np.uint64)
        self._memory: dict[tuple[int, int], tuple[float, NDArray[np.int32]]] = {}

    def __len__(self) -> int:
        return len(self.persons)

    def positions(self, time_of_day_s: float) -> tuple[Floats, Floats]:
        """Return where each phone is at a local time of day [s]: longitudes and latitudes, shape (phone,). [deg]."""
        away = self._away(time_of_day_s)
        lon, lat = self._lon.copy(), self._lat.copy()
        lon[self._commuters[away]], lat[self._commuters[away]] = self._day_lon[away], self._day_lat[away]
        return lon, lat

    def cells_of(self, time_of_day_s: float) -> Ints:
        """Return the index of the cell that serves each phone at a local time of day [s], shape (phone,)."""
        away = self._away(time_of_day_s)
        cell = self._cell.copy()
        cell[self._commuters[away]] = self._day_cell[away]
        return cell

    def on(self, which: Ints, time_s: float) -> Bools:
        """Return which of some phones are on and have reception at an instant of simulation time [s], shape (n,)."""
        slot_s = np.full(len(which), time_s // OFF_SLOT_S * OFF_SLOT_S)
        on: Bools = uniform(self._keys[which], slot_s, "phone is on", 1)[:, 0] < ON_SHARE
        return on

    def in_polygon(self, ring: Sequence[Coordinate], time_of_day_s: float) -> Bools:
        """Return which phones are inside a closed ring of longitudes and latitudes, shape (phone,)."""
        lon, lat = self.positions(time_of_day_s)
        area = shapely.Polygon(ring)
        west, south, east, north = area.bounds
        near = np.flatnonzero((lon >= west) & (lon <= east) & (lat >= south) & (lat <= north))
        inside = np.zeros(len(self), dtype=np.bool_)
        shapely.prepare(area)
        inside[near] = shapely.contains_xy(area, lon[near], lat[near])
        return inside

    def in_circle(self, centre: Coordinate, radius_m: float, time_of_day_s: float) -> Bools:
        """Return which phones are within a distance of a place, shape (phone,)."""
        lon, lat = self.positions(time_of_day_s)
        chord_m = np.linalg.norm(_cartesian_m(lon, lat) - _cartesian_m(*np.array([centre]).T), axis=1)
        within: Bools = chord_m <= radius_m
        return within

    def count(self, which: Bools | Ints) -> float:
        """Return how many persons some phones stand for."""
        return float(self.persons[which].sum())

    def count_by_cell(self, which: Bools | Ints, time_of_day_s: float) -> dict[str, float]:
        """Return how many persons some phones stand for, by the identifier of the cell that serves them."""
        cells = self.cells_of(time_of_day_s)[which]
        if len(self.sectors) == 0:
            return {}
        sums = np.bincount(cells, weights=self.persons[which], minlength=len(self.sectors))
        return {self.sectors.ids[cell]: float(sums[cell]) for cell in np.unique(cells).tolist()}

    def hear(self, message_id: int, serial: int, cells: Bools, time_s: float, time_of_day_s: float) -> Shown:
        """Let the phones that some cells serve hear a message; each shows it once.

        A phone knows a message again by its identifier and serial number (3GPP TS 23.041, 9.4.1.2) for `REMEMBERED_S`
        after it was on air, in the area that the serial number's geographical scope says: the network (01), the
        district (10) or the cell (00, 11). Another update number makes another message.

        Parameters
        ----------
        message_id, serial
            As on air, 0 to 65535.
        cells
            Which cells send it, shape (cell,).
        time_s, time_of_day_s
            Instant, as simulation time and as local time. [s]
        """
        self._forget(time_s)
        serving = self.cells_of(time_of_day_s)
        # Without cells every phone's is -1, and nobody hears anything.
        reached = np.flatnonzero(cells[serving]) if len(cells) else np.zeros(0, dtype=np.int64)
        reached = reached[self.on(reached, time_s)]
        key = (message_id, serial)
        nobody = (time_s, np.full(len(self), -1, dtype=np.int32))
        _, seen = self._memory.pop(key, nobody)
        self._memory[key] = (time_s, seen)
        area = _area(serial, serving[reached], self.sectors)
        fresh = seen[reached] != area
        seen[reached] = area
        return Shown(new=reached[fresh], repeated=reached[~fresh])

    def _away(self, time_of_day_s: float) -> Bools:
        away: Bools = (self._leave_s <= time_of_day_s) & (time_of_day_s < self._return_s)
        return away

    def _forget(self, time_s: float) -> None:
        # The one longest off air comes first, because `hear` puts what is on air at the end.
        while self._memory:
            key, (last_s, _) = next(iter(self._memory.items()))
            if time_s - last_s <= REMEMBERED_S and len(self._memory) < MOST_REMEMBERED:
                break
            del self._memory[key]


def _area(serial: int, cells: Ints, sectors: Sectors) -> Ints:
    """Return the area in which a message of this serial number is the same one, as a number for each phone's cell."""
    scope = serial >> 14
    if scope == 1:
        return np.zeros(len(cells), dtype=np.int64)
    return sectors.district_index[cells] if scope == 2 else cells


def _settle(
    catalogue: Catalogue, sectors: Sectors, phones: int, rng: np.random.Generator
) -> tuple[Floats, Floats, Ints]:
    """Draw where people live: positions (n, 2) in degrees, persons per phone (n,), village (n,)."""
    per_phone = max(sum(district.population for district in catalogue.districts) / phones, 1e-9)
    homes: list[Floats] = []
    persons: list[Floats] = []
    village_of: list[Ints] = []

    def add(positions: Floats, population: float, village: int) -> None:
        homes.append(positions)
        persons.append(np.full(len(positions), population / max(len(positions), 1)))
        village_of.append(np.full(len(positions), village, dtype=np.int64))

    in_villages = dict.fromkeys((district.id for district in catalogue.districts), 0)
    for index, village in enumerate(catalogue.villages):
        in_villages[village.district] += village.population
        count = max(round(village.population / per_phone), LEAST_PHONES)
        spread_m = VILLAGE_SPREAD_M * np.sqrt(village.population / 1_000)
        middle = np.tile(np.array(village.position), (count, 1))
        add(_moved(middle, rng.normal(0.0, spread_m, (count, 2))), village.population, index)
    lines: dict[str, list[tuple[Coordinate, ...]]] = {district.id: [] for district in catalogue.districts}
    for link in catalogue.links:
        if link.district in lines:
            lines[link.district].append(link.line)
    for number, district in enumerate(catalogue.districts):
        rest = max(district.population - in_villages[district.id], 0)
        travelling = min(ROAD_SHARE * district.population, rest)
        masts = np.flatnonzero(sectors.district_index == number)
        roads = _along(lines[district.id], round(travelling / per_phone), rng)
        count = round((rest - travelling) / per_phone)
        around = _around(sectors, masts, count, rng) if len(masts) else _within(district.boundary, count, rng)
        add(roads, travelling, -1)
        add(around, rest - travelling, -1)
    if not homes:
        return np.zeros((0, 2)), np.zeros(0), np.zeros(0, dtype=np.int64)
    return np.concatenate(homes), np.concatenate(persons), np.concatenate(village_of)


def _around(sectors: Sectors, masts: Ints, count: int, rng: np.random.Generator) -> Floats:
    """Draw places in the sectors of some masts, denser near them: half of the range on average."""
    chosen = rng.choice(masts, count)
    azimuth = np.radians(sectors.azimuth_deg[chosen] + (rng.random(count) - 0.5) * sectors.beamwidth_deg[chosen])
    distance_m = sectors.range_m[chosen] * rng.random(count)
    offset_m = np.column_stack((np.sin(azimuth) * distance_m, np.cos(azimuth) * distance_m))
    return _moved(np.column_stack((sectors.lon_deg[chosen], sectors.lat_deg[chosen])), offset_m)


def _within(ring: Sequence[Coordinate], count: int, rng: np.random.Generator) -> Floats:
    """Draw places in the box around a ring, for a district without cells."""
    corners = np.array(ring)
    return rng.uniform(corners.min(axis=0), corners.max(axis=0), (count, 2))


def _along(lines: Sequence[Sequence[Coordinate]], count: int, rng: np.random.Generator) -> Floats:
    """Draw places on lines, as many on each as it is long."""
    if not lines or count == 0:
        return np.zeros((0, 2))
    start = np.concatenate([np.array(line)[:-1] for line in lines])
    end = np.concatenate([np.array(line)[1:] for line in lines])
    step = end - start
    length_m = np.hypot(*_plane_m(step[:, :1], step[:, 1:], start[:, 1]))[:, 0]
    chosen = rng.choice(len(start), count, p=length_m / length_m.sum())
    along: Floats = start[chosen] + rng.random((count, 1)) * step[chosen]
    return along


def _plane_m(dlon_deg: Floats, dlat_deg: Floats, lat_deg: Floats) -> tuple[Floats, Floats]:
    """Differences of degrees as metres east and north by the radii of curvature; within 0.1 % up to 20 km.

    Differences have shape (n, k), latitudes (n,).
    """
    east_m, north_m = _radii_m(lat_deg)
    return np.radians(dlon_deg) * east_m[:, np.newaxis], np.radians(dlat_deg) * north_m[:, np.newaxis]


def _moved(places: Floats, offset_m: Floats) -> Floats:
    """Return places (n, 2) in degrees moved by metres east and north (n, 2)."""
    east_m, north_m = _radii_m(places[:, 1])
    return places + np.degrees(offset_m / np.column_stack((east_m, north_m)))


def _radii_m(lat_deg: Floats) -> tuple[Floats, Floats]:
    """Radii of a degree's arc on WGS84, along the parallel and along the meridian, shape (n,)."""
    squared = _FLATTENING * (2 - _FLATTENING)
    lat = np.radians(lat_deg)
    root = np.sqrt(1 - squared * np.sin(lat) ** 2)
    return _EARTH_M / root * np.cos(lat), _EARTH_M * (1 - squared) / root**3


def _cartesian_m(lon_deg: Floats, lat_deg: Floats) -> Floats:
    """Return geocentric positions on WGS84, shape (n, 3); chords are distances to a millionth up to 30 km."""
    squared = _FLATTENING * (2 - _FLATTENING)
    lon, lat = np.radians(lon_deg), np.radians(lat_deg)
    normal_m = _EARTH_M / np.sqrt(1 - squared * np.sin(lat) ** 2)
    return np.column_stack(
        (
            normal_m * np.cos(lat) * np.cos(lon),
            normal_m * np.cos(lat) * np.sin(lon),
            normal_m * (1 - squared) * np.sin(lat),
        )
    )
