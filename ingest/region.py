"""The catalogue as the arrays that the engine works on."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from alerts.gazetteer import Gazetteer
from config.catalogue.beside import nearest_links
from config.catalogue.model import DEVICE_KINDS, Catalogue, Device, DeviceKind
from engine.region import PointTable, Region, StationTable, TowerTable, WeatherTable

PERIOD_S: dict[DeviceKind, float] = {
    "vds": 30.0,
    "cctv": 60.0,
    "slope": 600.0,
    "tower": 60.0,
    "weather": 60.0,
    "sign": 60.0,
}
"""How often a device speaks when its row does not say; practice of each kind of device."""


def engine_region(catalogue: Catalogue, gazetteer: Gazetteer) -> Region:
    """Build the engine's tables; rows are in catalogue order, as in the registry."""
    links = {link.id: link for link in catalogue.links}
    places = [gazetteer.place_on(station.link, station.offset_m) for station in catalogue.vds]
    corridors = sorted({place.corridor for place in places})
    number = {name: position for position, name in enumerate(corridors)}
    lon, lat = _positions(catalogue.vds)
    stations = StationTable(
        ids=tuple(station.id for station in catalogue.vds),
        corridor=np.array([number[place.corridor] for place in places], dtype=np.int64),
        corridor_names=tuple(corridors),
        chainage_m=np.array([place.chainage_m for place in places], dtype=np.float64),
        speed_limit_kmh=np.array([links[one.link].speed_limit_kmh for one in catalogue.vds], dtype=np.float64),
        lanes=np.array([station.lanes for station in catalogue.vds], dtype=np.int64),
        lon_deg=lon,
        lat_deg=lat,
    )
    tower_lon, tower_lat = _positions(catalogue.tower)
    towers = TowerTable(
        ids=tuple(tower.id for tower in catalogue.tower),
        lon_deg=tower_lon,
        lat_deg=tower_lat,
        azimuth_sigma_deg=np.array([tower.azimuth_sigma_deg for tower in catalogue.tower], dtype=np.float64),
        range_m=np.array([tower.range_m for tower in catalogue.tower], dtype=np.float64),
    )
    periods = [
        float(getattr(device, "period_s", PERIOD_S[kind]))
        for kind in DEVICE_KINDS
        for device in catalogue.devices(kind)
    ]
    return Region(
        utc_offset_s=_winter_offset_s(catalogue.timezone),
        stations=stations,
        cameras=_points(catalogue.cctv),
        slopes=_points(catalogue.slope),
        towers=towers,
        period_s=np.array(periods, dtype=np.float64),
        weather=_weather(catalogue),
    )


def _weather(catalogue: Catalogue) -> WeatherTable:
    lon, lat = _positions(catalogue.weather)
    places = nearest_links(catalogue, [station.position for station in catalogue.weather])
    return WeatherTable(
        ids=tuple(station.id for station in catalogue.weather),
        lon_deg=lon,
        lat_deg=lat,
        road=tuple("" if place is None else place.link.road for place in places),
        road_deg=np.array([np.nan if place is None else place.azimuth_deg for place in places], dtype=np.float64),
        speed_limit_kmh=np.array(
            [np.nan if place is None else place.link.speed_limit_kmh for place in places], dtype=np.float64
        ),
    )


def _positions(devices: tuple[Device, ...]) -> tuple[np.ndarray, np.ndarray]:
    table = np.array([device.position for device in devices], dtype=np.float64).reshape(-1, 2)
    return table[:, 0].copy(), table[:, 1].copy()


def _points(devices: tuple[Device, ...]) -> PointTable:
    return PointTable(tuple(device.id for device in devices), *_positions(devices))


def _winter_offset_s(timezone: str) -> float:
    """Return local time less UTC on a winter's day of the north; one hour more or less of summer time is no matter."""
    offset = datetime(2026, 1, 1, tzinfo=ZoneInfo(timezone)).utcoffset()
    return 0.0 if offset is None else offset.total_seconds()
