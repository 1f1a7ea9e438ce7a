"""Where a forest fire starts: beside a road and near a village, or upwind of an expressway and a village."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from config.catalogue.geometry import GEOD, distances_along_m, positions_along
from config.catalogue.model import Catalogue, Coordinate, RoadRank
from simulators.errors import ScenarioError
from simulators.world.happenings import Ignition
from simulators.world.terrain import elevation_m
from simulators.world.wildfire.behaviour import GRASS, spread
from simulators.world.wildfire.frame import Frame
from simulators.world.wildfire.fuel import CELL_M, FuelGrid
from simulators.world.wildfire.sight import Eyes, hidden_heights_m

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Toward = Literal["expressway_and_village"]

ROAD_STEP_M = 1_500.0
"""Distance between the places along a road that are looked at [m]."""
ROAD_SHARES = (0.35, 0.7)
"""Distances from the road that are looked at, as shares of the greatest one."""
VILLAGE_CLEARANCE_M = 500.0
LOWEST_M = 10.0
"""Forest stands above this height; below it is shore and sea [m]."""
SMOKE_SEEN_M = 120.0
"""Smoke of this height must be in sight of the towers [m]."""
MOST_CHOICES = 250
MOST_GROUNDS = 12
"""Places that are looked at in turn: for lines of sight, and for what grows there."""
UPWIND_M = (2_000.0, 5_000.0)
"""How far upwind of its targets a fire starts [m]."""
UPWIND_STEP_M = 500.0
CLEARANCE_M = 1_000.0
"""No expressway and no village is nearer to such a fire's start: it takes a while to come [m]."""
ASIDE_SHARE = 0.10
"""How far the wind may pass beside a target, per distance: a fire in strong wind is a fifth as wide as long [-]."""
TARGET_STEP_M = 200.0
NEAREST_ON_SPHERE = 4
"""Targets that are measured exactly for each place, the nearest ones on a sphere."""
RUN_WIND_KMH, RUN_MOISTURE_PCT = 40.0, 7.4
"""Wind and fine fuel for which the run to the targets is weighed: föhn at 20 % humidity [km/h], [%]."""


@dataclass(frozen=True)
class IgnitionRule:
    """What the place of a fire has to be like.

    Attributes
    ----------
    towers
        How many towers must have its smoke in sight.
    road_within_m, village_within_m
        Greatest distances of a national road or expressway, and of a village. Not asked for when ``toward`` is given.
        [m]
    toward
        What the wind shall drive it to, 2 to 5 km downwind; None for nothing in particular.
    wind_deg
        Where the wind comes from; only needed with ``toward``. [deg]
    """

    towers: int = 3
    road_within_m: float = 1_500.0
    village_within_m: float = 4_000.0
    toward: Toward | None = None
    wind_deg: float = 0.0


def place_ignition(
    rule: IgnitionRule, catalogue: Catalogue, seed: int, *, name: str, from_s: float, attack_s: float, until_s: float
) -> Ignition:
    """Choose where a fire starts.

    Without ``toward``: beside a national road or expressway; of the places whose smoke enough towers see, the one with
    the widest crossing of bearings, more towers and a nearer village. With it: of the places that have a village and
    open road of an expressway downwind, in sight of enough towers, the one from which föhn drives a fire to the later
    of the two soonest, by the rates of spread along straight lines. Either way something must burn there.

    Parameters
    ----------
    rule
        What is asked for.
    catalogue
        Region.
    seed
        Of the run: it says what grows where.
    name, from_s, attack_s, until_s
        Of the ignition.

    Raises
    ------
    ScenarioError
        If the region has no such place; the text says what is missing.
    """
    chosen = _beside_road(rule, catalogue, seed) if rule.toward is None else _upwind(rule, catalogue, seed)
    return Ignition(id=name, position=chosen, from_s=from_s, attack_s=attack_s, until_s=until_s)


def crossing(azimuths_deg: Floats) -> float:
    """Return the sine of the widest crossing angle of bearings, 1 for a right angle [-]."""
    apart = np.radians(azimuths_deg[:, np.newaxis] - azimuths_deg)
    return float(np.abs(np.sin(apart)).max(initial=0.0))


def towers_seeing(catalogue: Catalogue, lon_deg: Floats, lat_deg: Floats) -> Bools:
    """Return which towers have smoke of `SMOKE_SEEN_M` at places in sight, shape (tower, place)."""
    eyes = Eyes.of_towers(catalogue.tower)
    n, places = len(catalogue.tower), len(lon_deg)
    eye, place = np.repeat(np.arange(n), places), np.tile(np.arange(places), n)
    distance = GEOD.inv(eyes.lon_deg[eye], eyes.lat_deg[eye], lon_deg[place], lat_deg[place])[2]
    near = np.flatnonzero(np.asarray(distance) <= eyes.range_m[eye])
    seen = np.zeros(len(eye), dtype=np.bool_)
    hidden = hidden_heights_m(catalogue.terrain, eyes, eye[near], lon_deg[place[near]], lat_deg[place[near]])
    seen[near] = hidden <= SMOKE_SEEN_M
    return seen.reshape(n, places)


def _beside_road(rule: IgnitionRule, catalogue: Catalogue, seed: int) -> Coordinate:
    lon, lat = _roadside(rule, catalogue).T
    village_m = _nearest_m(lon, lat, [village.position for village in catalogue.villages])
    fit = (village_m >= VILLAGE_CLEARANCE_M) & (village_m <= rule.village_within_m) & _land(catalogue, lon, lat)
    chosen = np.flatnonzero(fit)
    chosen = chosen[np.argsort(village_m[chosen], kind="stable")][:MOST_CHOICES]
    seen = towers_seeing(catalogue, lon[chosen], lat[chosen])
    score = 0.2 * np.minimum(seen.sum(axis=0), 6) - village_m[chosen] / 5_000.0
    for column in np.flatnonzero(seen.sum(axis=0) >= rule.towers).tolist():
        which = np.flatnonzero(seen[:, column])
        eyes = np.array([catalogue.tower[tower].position for tower in which.tolist()]).reshape(-1, 2)
        place = np.full(len(which), chosen[column])
        azimuth = np.asarray(GEOD.inv(eyes[:, 0], eyes[:, 1], lon[place], lat[place])[0], dtype=np.float64)
        score[column] += 2.0 * crossing(azimuth)
    score[seen.sum(axis=0) < rule.towers] = -np.inf
    for column in np.argsort(-score, kind="stable")[:MOST_GROUNDS].tolist():
        position = _rounded(lon[chosen[column]], lat[chosen[column]])
        if np.isfinite(score[column]) and _burns(position, catalogue, seed):
            return position
    raise ScenarioError(
        f"fire: expected a place that burns within {rule.road_within_m:.0f} m of a national road or expressway and "
        f"{rule.village_within_m:.0f} m of a village, in sight of {rule.towers} towers; region {catalogue.id} has none"
    )


def _upwind(rule: IgnitionRule, catalogue: Catalogue, seed: int) -> Coordinate:
    expressway = _along_roads(catalogue, ("expressway",), TARGET_STEP_M)
    villages = np.array([village.position for village in catalogue.villages], dtype=np.float64).reshape(-1, 2)
    missing = f"fire: toward: expected an expressway and a village {UPWIND_M[0]:.0f} to {UPWIND_M[1]:.0f} m downwind"
    missing += f" (wind from {rule.wind_deg:.0f} deg) of a place that burns, in sight of {rule.towers} towers"
    if len(expressway) == 0 or len(villages) == 0:
        what = "expressway" if len(expressway) == 0 else "village"
        raise ScenarioError(f"{missing}; region {catalogue.id} has no {what}")
    frame = Frame.around((catalogue.bbox[0] / 2 + catalogue.bbox[2] / 2, catalogue.bbox[1] / 2 + catalogue.bbox[3] / 2))
    course = np.radians(rule.wind_deg + 180.0)
    toward = np.array([np.sin(course), np.cos(course)])
    targets = [_plane(frame, villages), _plane(frame, expressway)]
    back = np.arange(UPWIND_M[0], UPWIND_M[1] + 1.0, UPWIND_STEP_M)
    places = (targets[0][:, np.newaxis] - back[:, np.newaxis] * toward).reshape(-1, 2)
    village, village_m = _downwind(places, targets[0], toward)
    road, road_m = _downwind(places, targets[1], toward)
    lon, lat = frame.to_degrees(places[:, 0], places[:, 1])
    apart = shapely.distance(shapely.points(places), shapely.multipoints(np.concatenate(targets)))
    fit = (village >= 0) & (road >= 0) & (apart >= CLEARANCE_M) & _land(catalogue, lon, lat)
    chosen = np.flatnonzero(fit)
    further_m = np.maximum(village_m[chosen], road_m[chosen])
    chosen = chosen[np.argsort(further_m, kind="stable")][:MOST_CHOICES]
    if len(chosen) == 0:
        raise ScenarioError(f"{missing}; region {catalogue.id} has none, towers aside")
    chosen = chosen[towers_seeing(catalogue, lon[chosen], lat[chosen]).sum(axis=0) >= rule.towers]
    best: tuple[float, Coordinate] | None = None
    for place in chosen[:MOST_GROUNDS].tolist():
        position = _rounded(lon[place], lat[place])
        grid = FuelGrid.around(position, catalogue, seed)
        ends = (targets[0][village[place]] - places[place], targets[1][road[place]] - places[place])
        minutes = max(_run_minutes(grid, end, rule.wind_deg) for end in ends)
        if np.isfinite(minutes) and (best is None or minutes < best[0]):
            best = (minutes, position)
    if best is None:
        raise ScenarioError(f"{missing}; region {catalogue.id} has none")
    return best[1]


def _downwind(places: Floats, targets: Floats, toward: Floats) -> tuple[Ints, Floats]:
    """Nearest target straight downwind of each place: index, -1 for none, and distance along the wind [m]."""
    # All places with all targets of a country would be too many pairs.
    reach_m = (UPWIND_M[1] + 1.0) * float(np.hypot(1.0, ASIDE_SHARE))
    pairs = cKDTree(places).sparse_distance_matrix(cKDTree(targets), reach_m, output_type="ndarray")
    place, target = pairs["i"], pairs["j"]
    apart = targets[target] - places[place]
    along = apart @ toward
    across = np.abs(apart @ np.array([-toward[1], toward[0]]))
    fit = (along >= UPWIND_M[0] - 1.0) & (along <= UPWIND_M[1] + 1.0) & (across <= ASIDE_SHARE * along)
    place, target, along = place[fit], target[fit], along[fit]
    order = np.lexsort((target, along, place))
    found, first = np.unique(place[order], return_index=True)
    nearest, distance_m = np.full(len(places), -1, dtype=np.int64), np.full(len(places), np.inf)
    nearest[found], distance_m[found] = target[order][first], along[order][first]
    return nearest, distance_m


def _run_minutes(grid: FuelGrid, end: Floats, wind_deg: float) -> float:
    """Time that the head of a fire needs on a straight line to a target, infinite where nothing burns [min]."""
    length_m = float(np.hypot(*end))
    share = np.arange(0.0, 1.0, CELL_M / length_m)
    middle = len(grid.axis_m) // 2
    part = (
        np.rint(share * end[1] / CELL_M).astype(np.int64) + middle,
        np.rint(share * end[0] / CELL_M).astype(np.int64) + middle,
    )
    ellipse = spread(
        grid.fuel[part],
        grid.share[part].astype(np.float64),
        grid.slope_east[part].astype(np.float64),
        grid.slope_north[part].astype(np.float64),
        moisture_pct=RUN_MOISTURE_PCT,
        wind_kmh=RUN_WIND_KMH,
        wind_deg=wind_deg,
    )
    # The last stretch is the target's own cleared ground.
    open_m = max(length_m - 400.0, CELL_M)
    counted = share * length_m <= open_m
    rate = ellipse.head_m_min[counted]
    return float(np.sum(CELL_M / rate)) if np.all(rate > 0.0) else np.inf


def _burns(position: Coordinate, catalogue: Catalogue, seed: int) -> bool:
    grid = FuelGrid.around(position, catalogue, seed)
    middle = len(grid.axis_m) // 2
    return bool(grid.share[middle, middle] > 0.0 and (catalogue.terrain is None or grid.fuel[middle, middle] != GRASS))


def _roadside(rule: IgnitionRule, catalogue: Catalogue) -> Floats:
    """Places beside the roads, shape (place, 2) [deg]."""
    here = _along_roads(catalogue, ("expressway", "national"), ROAD_STEP_M, ahead_m=0.0)
    ahead = _along_roads(catalogue, ("expressway", "national"), ROAD_STEP_M, ahead_m=50.0)
    course = np.asarray(GEOD.inv(here[:, 0], here[:, 1], ahead[:, 0], ahead[:, 1])[0], dtype=np.float64)
    places = []
    for side in (-90.0, 90.0):
        for share in ROAD_SHARES:
            away = np.full(len(here), share * rule.road_within_m)
            lon, lat, _ = GEOD.fwd(here[:, 0], here[:, 1], course + side, away)
            places.append(np.stack([lon, lat], axis=-1))
    return np.concatenate(places)


def _along_roads(catalogue: Catalogue, wanted: tuple[RoadRank, ...], step_m: float, *, ahead_m: float = 0.0) -> Floats:
    """Places on the roads outside tunnels, shape (place, 2) [deg]."""
    ranks = {road.id: road.rank for road in catalogue.roads}
    places = [np.zeros((0, 2))]
    for link in catalogue.links:
        # The other direction runs beside this one: looking at both would give each place twice.
        if ranks[link.road] in wanted and link.direction == "up" and not link.tunnel:
            length_m = float(distances_along_m(link.line)[-1])
            middles = np.arange(min(step_m, length_m) / 2, length_m, step_m)
            places.append(positions_along(link.line, middles + ahead_m))
    return np.concatenate(places)


def _land(catalogue: Catalogue, lon: Floats, lat: Floats) -> Bools:
    if catalogue.terrain is None:
        return np.ones(len(lon), dtype=np.bool_)
    return elevation_m(catalogue.terrain, lon, lat) >= LOWEST_M


def _plane(frame: Frame, places: Floats) -> Floats:
    return np.stack(frame.to_plane(places[:, 0], places[:, 1]), axis=-1)


def _rounded(lon: float, lat: float) -> Coordinate:
    return (round(float(lon), 6), round(float(lat), 6))


def _nearest_m(lon: Floats, lat: Floats, targets: list[Coordinate]) -> Floats:
    """Distance of each place to the nearest target, infinite without targets [m]."""
    if not targets:
        return np.full(len(lon), np.inf)
    target = np.array(targets, dtype=np.float64)
    # On a sphere the order may be another one than on the ellipsoid, but not by much.
    k = min(NEAREST_ON_SPHERE, len(target))
    _, near = cKDTree(_on_sphere(*target.T)).query(_on_sphere(lon, lat), k=k)
    near = np.asarray(near, dtype=np.int64).reshape(len(lon) * k)
    distance = GEOD.inv(np.repeat(lon, k), np.repeat(lat, k), target[near, 0], target[near, 1])[2]
    nearest: Floats = np.asarray(distance, dtype=np.float64).reshape(len(lon), k).min(axis=1)
    return nearest


def _on_sphere(lon: Floats, lat: Floats) -> Floats:
    """Points of a unit sphere, shape (place, 3)."""
    lam, phi = np.radians(lon), np.radians(lat)
    points: Floats = np.stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)], axis=-1)
    return points
