"""The concentrator of a district's landslide sensor nodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from config.catalogue.model import SlopeNode
from sensors.observations import Message, SlopeObservation
from sensors.topics import Topic
from simulators.devices.endpoint import Outbound, Quiet, Sequencer, Timebase, telemetry
from simulators.devices.schedule import Schedule
from simulators.world.region import World
from simulators.world.seeds import stream
from simulators.world.slopes import read

PERIOD_S = 600.0
FAST_PERIOD_S = 60.0
"""Usual practice of landslide nodes: every 10 min, every minute when something goes on [s]."""
FAST_RAIN_MM_H = 10.0
FAST_CREEP_DEG_H = 0.01
"""Rates from which a node samples every minute; the tilt rate is the precaution level of Uchimura et al. 2015."""


@dataclass
class SlopeGateway(Quiet):
    """Collects the samples of a district's nodes; ``indices`` are the nodes' places in the catalogue.

    A real node decides on its faster period by its own filtered tilt rate; the simulated one knows its true rate.
    Payloads are MessagePack, as fits a radio link.
    """

    client_id: str
    district: str
    nodes: Sequence[SlopeNode]
    indices: Sequence[int]
    world: World
    time: Timebase
    seed: int

    def __post_init__(self) -> None:
        self._rng = stream(self.seed, "slope", self.client_id)
        self._schedule = Schedule(np.full(len(self.nodes), PERIOD_S))
        self._index = np.array(self.indices, dtype=np.int64)
        self._seq = [Sequencer.starting(self.time.start) for _ in self.nodes]
        self._rated_at_s = -1.0

    def due(self, time_s: float) -> list[Outbound]:
        """Return one batch of the samples that are due, or nothing."""
        self._choose_periods(time_s)
        due = self._schedule.due(time_s)
        if len(due.which) == 0:
            return []
        world = self.world
        temp_c, of_day = world.slope_temperature_c(time_s), world.time_of_day_s(time_s)
        readings = read(world.slopes, world.nodes, temp_c, of_day, self._index[due.which], self._rng)
        columns = [column.tolist() for column in readings]
        messages: list[Message] = []
        for which, at_s, *values in zip(due.which.tolist(), due.at_s.tolist(), *columns, strict=True):
            rain_mm, tilt_x_deg, tilt_y_deg, moisture, pressure_kpa, battery_v, rssi_dbm = values
            messages.append(
                SlopeObservation(
                    device=self.nodes[which].id,
                    time=self.time.at(at_s),
                    seq=self._seq[which].take(),
                    rain_mm_total=rain_mm,
                    tilt_x_deg=tilt_x_deg,
                    tilt_y_deg=tilt_y_deg,
                    soil_moisture_frac=tuple(moisture),
                    pore_pressure_kpa=pressure_kpa,
                    battery_v=battery_v,
                    rssi_dbm=rssi_dbm,
                )
            )
        topic = Topic(self.district, "slope", self.client_id, "obs", gateway=True)
        return [telemetry(topic, messages, 1, "msgpack")]

    def _choose_periods(self, time_s: float) -> None:
        state = self.world.slopes
        if state.time_s == self._rated_at_s:
            return
        self._rated_at_s = state.time_s
        busy = (state.rain_mm_h >= FAST_RAIN_MM_H) | (state.creep_deg_h >= FAST_CREEP_DEG_H)
        self._schedule.set_period(np.where(busy[self._index], FAST_PERIOD_S, PERIOD_S), time_s)
