"""The concentrator of a district's weather stations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from config.catalogue.model import WeatherStation
from sensors.observations import Message, WeatherObservation
from sensors.topics import Topic
from simulators.devices.endpoint import Outbound, Quiet, Sequencer, Timebase, telemetry
from simulators.devices.schedule import Schedule
from simulators.world.region import World
from simulators.world.seeds import stream
from simulators.world.weather import read

PERIOD_S = 60.0
MOIST_MM = 0.01
WET_MM = 0.1
"""Water on the road from which it is called moist, and wet; own construction [mm]."""
RoadState = Literal["dry", "moist", "wet", "ice"]


def road_state(film_mm: float, surface_c: float) -> RoadState:
    """Return what a road station calls the surface."""
    if film_mm < MOIST_MM:
        return "dry"
    if surface_c <= 0.0:
        return "ice"
    return "wet" if film_mm >= WET_MM else "moist"


@dataclass
class WeatherGateway(Quiet):
    """Collects the samples of a district's stations; ``indices`` are the stations' places in the catalogue."""

    client_id: str
    district: str
    stations: Sequence[WeatherStation]
    indices: Sequence[int]
    world: World
    time: Timebase
    seed: int

    def __post_init__(self) -> None:
        self._rng = stream(self.seed, "weather", self.client_id)
        self._schedule = Schedule(np.full(len(self.stations), PERIOD_S))
        self._index = np.array(self.indices, dtype=np.int64)
        self._seq = [Sequencer.starting(self.time.start) for _ in self.stations]

    def due(self, time_s: float) -> list[Outbound]:
        """Return one batch of the samples that are due, or nothing."""
        due = self._schedule.due(time_s)
        if len(due.which) == 0:
            return []
        world = self.world
        of_day = world.time_of_day_s(time_s)
        readings = read(world.weather, world.sites, world.climate, of_day, self._index[due.which], self._rng)
        columns = [column.tolist() for column in readings]
        messages: list[Message] = []
        for which, at_s, *values in zip(due.which.tolist(), due.at_s.tolist(), *columns, strict=True):
            temp_c, rh_pct, wind_kmh, wind_deg, rain_mm, visibility_m, surface_c, film_mm = values
            messages.append(
                WeatherObservation(
                    device=self.stations[which].id,
                    time=self.time.at(at_s),
                    seq=self._seq[which].take(),
                    temp_c=temp_c,
                    rh_pct=rh_pct,
                    wind_kmh=wind_kmh,
                    wind_deg=wind_deg,
                    rain_mm_total=rain_mm,
                    visibility_m=visibility_m,
                    road_surface_c=surface_c,
                    road_state=road_state(film_mm, surface_c),
                )
            )
        return [telemetry(Topic(self.district, "weather", self.client_id, "obs", gateway=True), messages, 0)]
