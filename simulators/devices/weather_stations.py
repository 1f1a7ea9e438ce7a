"""The concentrator of a district's weather stations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from config.catalogue.model import WeatherStation
from sensors.observations import Message, WeatherObservation
from sensors.topics import Topic
from simulators.devices.endpoint import Outbound, Quiet, Sequencer, Timebase, telemetry
from simulators.devices.faults import FaultTable
from simulators.devices.schedule import Schedule
from simulators.world.chance import Keys, normal
from simulators.world.seeds import stream
from simulators.world.sky.air import Air
from simulators.world.sky.surfaces import ROAD_STATES, Surfaces
from simulators.world.sky.visibility import CLEAR_M

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PERIOD_S = 60.0
BATCH = 1_000
"""Observations in one message at most, as the protocol has it."""
TIP_MM = 0.2
"""Rain per tip of the gauge's bucket, a usual size."""
TEMP_NOISE_C, RH_NOISE_PCT, WIND_NOISE, DIRECTION_NOISE_DEG, SURFACE_NOISE_C = 0.1, 0.8, 0.03, 3.0, 0.2
VISIBILITY_NOISE = 0.05
"""Standard deviations of the instruments, those of wind speed and visibility as shares; usual data-sheet figures."""
SPREAD_C, SPREAD_PCT = 0.15, 1.5
"""Lasting errors of thermometers and hygrometers; own construction."""


class StationWorld(Protocol):
    """What the stations need of the world."""

    @property
    def station_surface(self) -> Surfaces:
        """Road surfaces and rain gauges of the stations, in the catalogue's order."""

    @property
    def faults(self) -> FaultTable:
        """What is wrong with devices."""

    def station_air(self) -> Air:
        """Return the weather at the stations now."""


@dataclass
class WeatherGateway(Quiet):
    """Collects the samples of a district's stations; ``indices`` are the stations' places in the catalogue.

    All that is random depends on seed, station and instant only.
    """

    client_id: str
    district: str
    stations: Sequence[WeatherStation]
    indices: Sequence[int]
    world: StationWorld
    time: Timebase
    seed: int

    def __post_init__(self) -> None:
        n = len(self.stations)
        self._schedule = Schedule(np.full(n, PERIOD_S))
        self._index: Ints = np.array(self.indices, dtype=np.int64)
        self._seq = [Sequencer.starting(self.time.start) for _ in self.stations]
        streams = [stream(self.seed, "weather", station.id) for station in self.stations]
        self._keys: Keys = np.array([rng.integers(2**63, dtype=np.uint64) for rng in streams], dtype=np.uint64)
        self._tips_before: Ints = np.array([rng.integers(0, 10_000) for rng in streams], dtype=np.int64)
        errors = np.array([rng.standard_normal(2) for rng in streams]).reshape(n, 2)
        self._temp_error: Floats = SPREAD_C * errors[:, 0]
        self._rh_error: Floats = SPREAD_PCT * errors[:, 1]
        self._faults = self.world.faults.of([station.id for station in self.stations])

    def due(self, time_s: float) -> list[Outbound]:
        """Return the samples that are due, in batches of at most 1,000, or nothing."""
        due = self._schedule.due(time_s)
        speaking = ~self._faults.silent(due.which, due.at_s)
        which, at_s = due.which[speaking], due.at_s[speaking]
        if len(which) == 0:
            return []
        read = self._read(which, at_s)
        columns = {
            name: np.round(self._faults.distort(name, which, at_s, values), _DIGITS[name]).tolist()
            for name, values in read.items()
        }
        states = self.world.station_surface.road_state[self._index[which]].tolist()
        clock_s = (at_s + self._faults.clock_offset_s(which, at_s)).tolist()
        messages: list[Message] = [
            WeatherObservation(
                device=self.stations[station].id,
                time=self.time.at(clock_s[place]),
                seq=self._seq[station].take(),
                road_state=ROAD_STATES[states[place]],
                **{name: column[place] for name, column in columns.items()},
            )
            for place, station in enumerate(which.tolist())
        ]
        topic = Topic(self.district, "weather", self.client_id, "obs", gateway=True)
        return [telemetry(topic, messages[at : at + BATCH], 0) for at in range(0, len(messages), BATCH)]

    def _read(self, which: Ints, at_s: Floats) -> dict[str, Floats]:
        """Return what healthy instruments say, each of shape (n,)."""
        rows = self._index[which]
        air = self.world.station_air().take(rows)
        surface = self.world.station_surface
        noise = normal(self._keys[which], at_s, "weather readings", 6)
        tips = self._tips_before[which] + np.floor(surface.rain_mm[rows] / TIP_MM + 1e-9).astype(np.int64)
        direction = air.wind_deg + DIRECTION_NOISE_DEG * noise[:, 3]
        seen_m = np.minimum(air.visibility_m * np.exp(VISIBILITY_NOISE * noise[:, 4]), CLEAR_M)
        rh_pct = air.rh_pct + self._rh_error[which] + RH_NOISE_PCT * noise[:, 1]
        return {
            "temp_c": air.temp_c + self._temp_error[which] + TEMP_NOISE_C * noise[:, 0],
            "rh_pct": np.clip(rh_pct, 1.0, 100.0),
            "wind_kmh": np.maximum(air.wind_kmh * (1.0 + WIND_NOISE * noise[:, 2]), 0.0),
            "wind_deg": np.round(direction) % 360.0,
            "rain_mm_total": tips * TIP_MM,
            "visibility_m": np.maximum(seen_m, 10.0),
            "road_surface_c": surface.surface_c[rows] + SURFACE_NOISE_C * noise[:, 5],
        }


_DIGITS = {
    "temp_c": 1,
    "rh_pct": 1,
    "wind_kmh": 1,
    "wind_deg": 0,
    "rain_mm_total": 1,
    "visibility_m": -1,
    "road_surface_c": 1,
}
