"""What a tower takes for smoke: which tower, and where on the horizon."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from config.catalogue.geometry import GEOD
from config.catalogue.model import Coordinate, Tower
from simulators.causes.land import FalseDetection
from simulators.placement.setting import DAY_S, NowhereError, Setting
from simulators.world.happenings import FalseCause, FalseSource, Ignition
from simulators.world.seeds import stream
from simulators.world.sky.sun import declination_rad, sine_of_height
from simulators.world.wildfire.mistakes import SUNSET_DEG

AWAY_DEG = 150.0
"""How far a tower that is mistaken looks away from the fire; own construction [deg]."""
DRIFT_DEG_MIN: dict[FalseCause, float] = {"dust": 0.4, "fog": 0.0, "sunset": 0.0, "cloud": 0.8}
"""How each moves along the horizon when nobody says; a sunset moves as the sun does; own construction [deg/min]."""
LOWEST_SUN_DEG, HIGHEST_SUN_DEG = SUNSET_DEG
"""The sun dazzles a camera near the horizon only, see `simulators.world.wildfire.mistakes` [deg]."""


def place_false(
    event: FalseDetection,
    name: str,
    span_s: tuple[float, float],
    fires: tuple[Ignition, ...],
    near: Coordinate | None,
    setting: Setting,
) -> FalseSource:
    """Choose the tower and the bearing of a false detection.

    Parameters
    ----------
    event
        A tower, or a rule.
    name
        What the event is called, for the draw.
    span_s
        When it begins and ends. [s]
    fires
        All fires of the run.
    near
        Place of the event that it is near to, None for another rule. [deg]
    setting
        Region and day.

    Raises
    ------
    NowhereError
        If there is no such tower, or a sunset when the sun is not near the horizon.
    """
    burning = [fire.position for fire in fires if fire.from_s <= span_s[0] < fire.until_s]
    tower = _tower(event, name, burning, near, setting)
    drift = DRIFT_DEG_MIN[event.cause] if event.drift_deg_min is None else event.drift_deg_min
    if event.cause == "sunset":
        azimuth, height = sun_deg(setting, tower, span_s[0])
        if not LOWEST_SUN_DEG <= height <= HIGHEST_SUN_DEG:
            raise NowhereError(
                "at_s",
                f"expected a sunset while the sun stands {LOWEST_SUN_DEG:g} to {HIGHEST_SUN_DEG:g} degrees above the "
                f"horizon, was {height:.0f}",
            )
        if event.drift_deg_min is None:
            drift = (sun_deg(setting, tower, span_s[0] + 60.0)[0] - azimuth + 180.0) % 360.0 - 180.0
    elif near is not None:
        azimuth = GEOD.inv(*tower.position, *near)[0] % 360.0
    elif burning:
        azimuth = (GEOD.inv(*tower.position, *burning[0])[0] + AWAY_DEG) % 360.0
    else:
        azimuth = float(stream(setting.seed, "false azimuth", name).uniform(0.0, 360.0))
    if event.azimuth_deg is not None:
        azimuth = event.azimuth_deg % 360.0
    return FalseSource(
        id=name,
        tower=tower.id,
        cause=event.cause,
        azimuth_deg=round(azimuth, 3) % 360.0,
        drift_deg_min=round(drift, 4),
        confidence=event.confidence,
        from_s=span_s[0],
        until_s=span_s[1],
    )


def _tower(
    event: FalseDetection, name: str, burning: list[Coordinate], near: Coordinate | None, setting: Setting
) -> Tower:
    towers = setting.catalogue.tower
    if event.tower is not None:
        for tower in towers:
            if tower.id == event.tower:
                return tower
        raise NowhereError("tower", f"expected a tower of region {setting.catalogue.id}, was {event.tower!r}")
    if not towers:
        raise NowhereError("place", f"expected a watchtower; region {setting.catalogue.id} has none")
    if near is not None:
        return towers[int(np.argmin(_distance_m(towers, [near])))]
    if burning:
        return towers[int(np.argmax(_distance_m(towers, burning)))]
    return towers[int(stream(setting.seed, "false tower", name).integers(len(towers)))]


def _distance_m(towers: tuple[Tower, ...], places: list[Coordinate]) -> NDArray[np.float64]:
    """Distance of each tower to the nearest place [m]."""
    lon, lat = np.array([tower.position for tower in towers]).T
    nearest = np.full(len(towers), np.inf)
    for place in places:
        nearest = np.minimum(nearest, GEOD.inv(lon, lat, np.full_like(lon, place[0]), np.full_like(lat, place[1]))[2])
    return nearest


def sun_deg(setting: Setting, tower: Tower, at_s: float) -> tuple[float, float]:
    """Return the sun's azimuth, clockwise from north, and height at an instant of the run [deg].

    Solar time is local time less the zone's offset of that day plus four minutes for each degree of longitude; the
    equation of time (at most 16 minutes) is left out. Azimuth after Duffie & Beckman, chapter 1.
    """
    lon, lat = tower.position
    day = datetime(2023, 1, 1, 12, tzinfo=ZoneInfo(setting.catalogue.timezone)) + timedelta(
        days=setting.day_of_year - 1
    )
    offset = day.utcoffset() or timedelta(0)
    solar_s = (setting.time_of_day_s + at_s - offset.total_seconds() + lon / 360.0 * DAY_S) % DAY_S
    declination, latitude = declination_rad(setting.day_of_year), math.radians(lat)
    height = math.asin(min(max(sine_of_height(setting.day_of_year, lat, solar_s), -1.0), 1.0))
    hour_angle = 2 * math.pi * (solar_s / DAY_S - 0.5)
    east = -math.cos(declination) * math.sin(hour_angle)
    north = math.sin(declination) * math.cos(latitude) - math.cos(declination) * math.sin(latitude) * math.cos(
        hour_angle
    )
    return math.degrees(math.atan2(east, north)) % 360.0, math.degrees(height)
