"""The concentrator of a district's detection stations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from config.catalogue.model import VdsStation
from sensors.observations import LaneSample, Message, VdsObservation
from sensors.topics import Topic
from simulators.devices.endpoint import Outbound, Quiet, Sequencer, Timebase, telemetry
from simulators.devices.schedule import Due, Schedule
from simulators.world.demand import heavy_fraction
from simulators.world.detectors import Marks, Samples, mark, place_stations, sample
from simulators.world.region import World
from simulators.world.seeds import stream

LONGEST_PERIODS = 3.0
"""A sample that spans more than this many periods is not sent: the station was asleep for a part of it."""


@dataclass
class VdsGateway(Quiet):
    """Collects the samples of a district's stations and sends what is due in one message."""

    client_id: str
    district: str
    stations: Sequence[VdsStation]
    world: World
    time: Timebase
    seed: int

    def __post_init__(self) -> None:
        self._rng = stream(self.seed, "vds", self.client_id)
        self._placed = place_stations(self.stations, self.world.corridors, self._rng)
        self._schedule = Schedule([station.period_s for station in self.stations])
        self._seq = [Sequencer.starting(self.time.start) for _ in self.stations]
        zeros = np.zeros(len(self.stations))
        self._before = Marks(zeros.copy(), zeros.copy(), zeros.copy())

    def due(self, time_s: float) -> list[Outbound]:
        """Return one batch of the samples whose period has ended, or nothing."""
        due = self._schedule.due(time_s)
        which = due.which
        if len(which) == 0:
            return []
        state = self.world.traffic
        # After a pause a sample may be older than the last step: its integrals are then those of the step's start.
        at_s = np.clip(due.at_s, state.time_s - state.dt_s, state.time_s)
        after = mark(self._placed, which, state, at_s)
        before = Marks(*(column[which] for column in self._before))
        samples = sample(
            self._placed,
            which,
            before,
            after,
            self.world.corridors,
            self.world.closed_lanes(time_s),
            heavy_fraction(self.world.time_of_day_s(time_s)),
            self._rng,
        )
        period_s = due.at_s - before.time_s
        for column, values in zip(self._before, after._replace(time_s=due.at_s), strict=True):
            column[which] = values
        messages = self._messages(due, period_s.tolist(), samples)
        if not messages:
            return []
        return [telemetry(Topic(self.district, "vds", self.client_id, "obs", gateway=True), messages, 0)]

    def _messages(self, due: Due, period_s: list[float], samples: Samples) -> list[Message]:
        volume, heavy = samples.volume.tolist(), samples.heavy.tolist()
        speed, occupancy = samples.speed_kmh.tolist(), samples.occupancy_pct.tolist()
        messages: list[Message] = []
        for place, (which, at_s) in enumerate(zip(due.which.tolist(), due.at_s.tolist(), strict=True)):
            station = self.stations[which]
            if period_s[place] > LONGEST_PERIODS * station.period_s:
                continue
            lanes = tuple(
                LaneSample(
                    lane=lane + 1,
                    volume=volume[place][lane],
                    speed_kmh=speed[place][lane] if volume[place][lane] else None,
                    occupancy_pct=occupancy[place][lane],
                    heavy=heavy[place][lane],
                )
                for lane in range(station.lanes)
            )
            messages.append(
                VdsObservation(
                    device=station.id,
                    time=self.time.at(at_s),
                    seq=self._seq[which].take(),
                    period_s=round(period_s[place], 3),
                    lanes=lanes,
                )
            )
        return messages
