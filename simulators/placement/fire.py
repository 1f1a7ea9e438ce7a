"""Where a forest fire starts: beside a road, near a village, in sight of several watchtowers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from config.catalogue.geometry import GEOD, distances_along_m, positions_along
from config.catalogue.model import Catalogue, Coordinate
from simulators.errors import ScenarioError
from simulators.scenario import Fire
from simulators.world.fire import FireSource, light_fire
from simulators.world.terrain import elevation_m

Floats = NDArray[np.float64]

ROAD_STEP_M = 1_500.0
"""Distance between the places along a road that are looked at [m]."""
ROAD_SHARES = (0.35, 0.7)
"""Distances from the road that are looked at, as shares of the greatest one."""
VILLAGE_CLEARANCE_M = 500.0
LOWEST_M = 10.0
"""Forest stands above this height; below it is shore and sea [m]."""
SMOKE_SEEN_M = 120.0
"""Smoke of this height must be in sight of the towers: it stands two minutes after the start [m]."""
MOST_CHOICES = 250


def place_fire(event: Fire, catalogue: Catalogue) -> FireSource:
    """Choose the place of a fire.

    Beside a national road or an expressway, no further from it and from a village than the event says; of the places
    whose smoke enough towers see, the one with the widest crossing of bearings, more towers and a nearer village.

    Raises
    ------
    ScenarioError
        If the region has no such place.
    """
    places = _roadside(event, catalogue)
    lon, lat = places.T
    village_m = _nearest_m(lon, lat, [village.position for village in catalogue.villages])
    in_range = np.zeros(len(places), dtype=np.int64)
    for tower in catalogue.tower:
        in_range += _nearest_m(lon, lat, [tower.position]) <= tower.range_m
    fit = (village_m >= VILLAGE_CLEARANCE_M) & (village_m <= event.village_within_m) & (in_range >= event.towers)
    if catalogue.terrain is not None:
        fit &= elevation_m(catalogue.terrain, lon, lat) >= LOWEST_M
    chosen = np.flatnonzero(fit)
    chosen = chosen[np.argsort(village_m[chosen] - 200.0 * np.minimum(in_range[chosen], 6), kind="stable")]

    best: tuple[float, FireSource] | None = None
    for place in chosen[:MOST_CHOICES]:
        position = (float(round(lon[place], 6)), float(round(lat[place], 6)))
        fire = light_fire(position, event.at_s, event.at_s + event.duration_s, catalogue.tower, catalogue.terrain)
        seen = fire.in_range & (fire.hidden_below_m <= SMOKE_SEEN_M)
        if int(seen.sum()) < event.towers:
            continue
        score = 2.0 * crossing(fire.azimuth_deg[seen]) + 0.2 * min(int(seen.sum()), 6) - village_m[place] / 5_000.0
        if best is None or score > best[0]:
            best = (score, fire)
    if best is None:
        raise ScenarioError(
            f"fire: expected a place within {event.road_within_m:.0f} m of a national road or expressway and "
            f"{event.village_within_m:.0f} m of a village, in sight of {event.towers} towers; region {catalogue.id} "
            f"has none"
        )
    return best[1]


def crossing(azimuths_deg: Floats) -> float:
    """Return the sine of the widest crossing angle of bearings, 1 for a right angle [-]."""
    apart = np.radians(azimuths_deg[:, np.newaxis] - azimuths_deg)
    return float(np.abs(np.sin(apart)).max(initial=0.0))


def _roadside(event: Fire, catalogue: Catalogue) -> Floats:
    """Places beside the roads, shape (place, 2) [deg]."""
    ranks = {road.id: road.rank for road in catalogue.roads}
    places: list[Coordinate] = []
    for link in catalogue.links:
        # The other direction runs beside this one: looking at both would give each place twice.
        if ranks[link.road] == "local" or link.direction != "up" or link.tunnel:
            continue
        length_m = float(distances_along_m(link.line)[-1])
        middles = np.arange(min(ROAD_STEP_M, length_m) / 2, length_m, ROAD_STEP_M)
        here = positions_along(link.line, middles)
        ahead = positions_along(link.line, middles + 50.0)
        course = GEOD.inv(here[:, 0], here[:, 1], ahead[:, 0], ahead[:, 1])[0]
        for side in (-90.0, 90.0):
            for share in ROAD_SHARES:
                away = np.full(len(middles), share * event.road_within_m)
                lon, lat, _ = GEOD.fwd(here[:, 0], here[:, 1], course + side, away)
                places += list(zip(lon.tolist(), lat.tolist(), strict=True))
    return np.array(places, dtype=np.float64).reshape(-1, 2)


def _nearest_m(lon: Floats, lat: Floats, targets: list[Coordinate]) -> Floats:
    """Distance of each place to the nearest target, infinite without targets [m]."""
    nearest = np.full(len(lon), np.inf)
    for target_lon, target_lat in targets:
        distance = GEOD.inv(lon, lat, np.full_like(lon, target_lon), np.full_like(lat, target_lat))[2]
        nearest = np.minimum(nearest, distance)
    return nearest
