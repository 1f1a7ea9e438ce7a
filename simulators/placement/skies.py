"""Where storms and fog are: rules, and how much rain a storm brings where."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from config.catalogue.model import Coordinate
from simulators.causes.sky import Fog, StormRule
from simulators.causes.sky import Storm as StormCause
from simulators.placement.setting import NowhereError, Setting
from simulators.world.happenings import Storm

Floats = NDArray[np.float64]

PATH_STEPS = 25
"""Instants at which a storm's rain is looked at to compare places."""
MOST_CANDIDATES = 200
OFF_ROAD_WEIGHT = 0.25
"""What a slope without a road below counts in the search for the densest slopes; own construction [-]."""


def rain_sum_mm(storm: Storm, setting: Setting, xy_m: Floats) -> Floats:
    """Return how much rain a storm's middle profile brings over its whole time, without its texture.

    Parameters
    ----------
    storm
        Gaussian ellipse that travels at a steady speed.
    setting
        Region.
    xy_m : ndarray, shape (place, 2)
        Places in the plane of the setting. [m]

    Returns
    -------
    ndarray, shape (place,)
        Sum over 25 instants of equal weight. [mm]
    """
    hours = (storm.until_s - storm.from_s) / 3600.0
    ahead = _ahead(storm.heading_deg)
    centre = setting.xy(*storm.centre)[0]
    share = (np.arange(PATH_STEPS) + 0.5) / PATH_STEPS
    path = centre + np.outer(share * hours * storm.speed_kmh * 1000.0, ahead)
    away = xy_m[:, np.newaxis] - path
    along = away @ ahead / (storm.stretch * storm.radius_m)
    across = (away[..., 0] * ahead[1] - away[..., 1] * ahead[0]) / storm.radius_m
    sums: Floats = storm.peak_mm_h * hours * np.exp(-(along**2 + across**2) / 2).mean(axis=1)
    return sums


def _ahead(heading_deg: float) -> Floats:
    heading = np.radians(heading_deg)
    return np.array([np.sin(heading), np.cos(heading)])


def place_storm(event: StormCause, name: str, span_s: tuple[float, float], setting: Setting) -> Storm:
    """Place a storm so that it stands over what it is to hit at half its time.

    Raises
    ------
    NowhereError
        If the region has nothing of the kind.
    """
    if event.lon_deg is not None and event.lat_deg is not None:
        return _storm(event, name, span_s, (event.lon_deg, event.lat_deg))
    half_m = event.speed_kmh * 1000.0 * (span_s[1] - span_s[0]) / 3600.0 / 2.0
    back = half_m * _ahead(event.heading_deg)

    def passing(target: Floats) -> Storm:
        start = target - back
        return _storm(event, name, span_s, setting.lonlat(float(start[0]), float(start[1])))

    rule: StormRule = event.over or "region"
    if rule == "region":
        return passing(np.zeros(2))
    if rule == "expressway":
        roads = setting.by_length("expressway")
        if not roads:
            raise NowhereError("over", f"expected an expressway; region {setting.catalogue.id} has none")
        route = next(route for route in setting.routes if route.road.id == roads[0])
        middle = len(route.samples.at_m) // 2
        return passing(setting.xy(route.samples.lon_deg[middle], route.samples.lat_deg[middle])[0])
    nodes = setting.nodes_xy
    if len(nodes) == 0:
        raise NowhereError("over", f"expected slope nodes; region {setting.catalogue.id} has none")
    weight = np.array([1.0 if node.link else OFF_ROAD_WEIGHT for node in setting.catalogue.slope])
    candidates = nodes[np.unique(np.linspace(0, len(nodes) - 1, MOST_CANDIDATES).astype(np.int64))]
    caught = [float(weight @ rain_sum_mm(passing(target), setting, nodes)) for target in candidates]
    return passing(candidates[int(np.argmax(caught))])


def middle_of(storm: Storm, setting: Setting) -> Coordinate:
    """Return where a storm's centre is at half its time [deg]."""
    half_m = storm.speed_kmh * 1000.0 * (storm.until_s - storm.from_s) / 3600.0 / 2.0
    x, y = setting.xy(*storm.centre)[0] + half_m * _ahead(storm.heading_deg)
    return setting.lonlat(float(x), float(y))


def _storm(event: StormCause, name: str, span_s: tuple[float, float], centre: Coordinate) -> Storm:
    return Storm(
        id=name,
        centre=centre,
        from_s=span_s[0],
        until_s=span_s[1],
        peak_mm_h=event.peak_mm_h,
        radius_m=event.radius_km * 1000.0,
        heading_deg=event.heading_deg % 360.0,
        speed_kmh=event.speed_kmh,
    )


def find_fog(event: Fog, setting: Setting) -> Coordinate:
    """Return the middle of a fog bank: where the longest expressway has most cameras within its radius.

    Of equal places the one nearest to the middle of the road. Without cameras, the middle of the road.

    Raises
    ------
    NowhereError
        If the region has no expressway.
    """
    if event.lon_deg is not None and event.lat_deg is not None:
        return (event.lon_deg, event.lat_deg)
    roads = setting.by_length("expressway")
    if not roads:
        raise NowhereError("over", f"expected an expressway; region {setting.catalogue.id} has none")
    route = next(route for route in setting.routes if route.road.id == roads[0])
    places = route.samples
    xy = setting.xy(places.lon_deg, places.lat_deg)
    cameras = np.zeros(len(xy), dtype=np.int64)
    if setting.cameras is not None:
        cameras[:] = setting.cameras[0].query_ball_point(xy, event.radius_km * 1000.0, return_length=True)
    best = int(np.lexsort((np.abs(places.at_m - route.length_m / 2), -cameras))[0])
    return (round(float(places.lon_deg[best]), 6), round(float(places.lat_deg[best]), 6))
