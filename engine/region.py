"""What the engine knows of the region: the catalogue as arrays. Built once, by whoever composes the system."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from engine.tables import Floats, Ints, PointTable, StationTable, TowerTable, WeatherTable
from engine.traffic.incidents.scales import Scales
from engine.traffic.layout import Layout

__all__ = ["Floats", "Ints", "PointTable", "Region", "StationTable", "TowerTable", "WeatherTable"]


@dataclass(frozen=True)
class Region:
    """All devices of a region, and how often each should speak.

    ``period_s`` has shape (n_device,) over the dense index of all kinds.
    """

    stations: StationTable
    cameras: PointTable
    slopes: PointTable
    towers: TowerTable
    period_s: Floats
    weather: WeatherTable = field(default_factory=WeatherTable.none)
    utc_offset_s: float = 0.0
    """Local time less UTC, in winter; for rules that hold by day. [s]"""

    @property
    def n_device(self) -> int:
        """Number of devices of all kinds."""
        return len(self.period_s)

    @property
    def weather_devices(self) -> slice:
        """Where the weather stations are in the dense index: behind stations, cameras, slopes and towers."""
        before = (self.stations.ids, self.cameras.ids, self.slopes.ids, self.towers.ids)
        start = sum(len(ids) for ids in before)
        return slice(start, start + len(self.weather.ids))

    @cached_property
    def scales(self) -> Scales:
        """The stations in the order of travel, worked out once."""
        return Scales.of(Layout.of(self.stations))

    @property
    def n_lane(self) -> int:
        """Most lanes that a station watches."""
        return int(self.stations.lanes.max(initial=1))
