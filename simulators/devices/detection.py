"""Detection stations and their concentrators, with the errors that loops always make and scripted faults."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from config.catalogue.model import VdsStation
from sensors.observations import LaneSample, Message, VdsObservation
from sensors.topics import Topic
from simulators.devices.endpoint import Outbound, Quiet, Sequencer, Timebase, telemetry
from simulators.devices.faults import FaultTable
from simulators.devices.schedule import Due, Schedule
from simulators.world.chance import uniform
from simulators.world.happenings import FaultKind
from simulators.world.roads.detectors import Marks, Noise, Samples, mark, place_stations, sample
from simulators.world.roads.model import RoadModel
from simulators.world.seeds import stream

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

LONGEST_PERIODS = 3.0
"""A sample that spans more than this many periods is not sent: the station was asleep for a part of it."""
LEAST_MISSED, MOST_MISSED = 0.01, 0.02
LEAST_DOUBLED, MOST_DOUBLED = 0.002, 0.008
"""Shares of the vehicles that a sound lane does not see, and sees twice; drawn for each lane. Own construction [-]."""
SELF_TEST_SHARE = 0.4
SELF_TEST_S = 300.0
"""Share of the stations that notice that a loop is dead or stuck, and how long they take; own construction."""
DEAF_SHARE = 0.3
"""Share of the vehicles that a missed lane still counts where the station leaves it in; own construction [-]."""
_MOST_ERRORS = 8
"""Vehicles that are missed or doubled in one period at most: of 60 vehicles more than 8 three times in a million."""
_SELF_TESTS: tuple[tuple[FaultKind, str], ...] = (("stuck", "detector output does not change"), ("zero", "loop open"))


class RoadWorld(Protocol):
    """What a gateway reads of the world."""

    @property
    def roads(self) -> RoadModel:
        """Traffic at the end of the newest step."""

    @property
    def faults(self) -> FaultTable:
        """Scripted faults of all devices."""


class DetectionStations:
    """Takes the samples of all stations of a region at once, which costs no more than those of one district.

    A silent station takes no samples; what it sends afterwards is of its own period again. A clock that is off shifts
    `time`, not `seq`. A station that tests itself names its dead or stuck loop in `fault` after `SELF_TEST_S`, and
    leaves a missed lane out from the beginning; the others send what they read as if it were true.

    Parameters
    ----------
    groups
        The stations of each concentrator.
    world
        Traffic and faults.
    time
        When the run started.
    seed
        Of everything random.
    """

    def __init__(self, groups: Sequence[Sequence[VdsStation]], world: RoadWorld, time: Timebase, seed: int) -> None:
        self.stations = [station for group in groups for station in group]
        n = len(self.stations)
        self._group = [place for place, group in enumerate(groups) for _ in group]
        self._said: list[list[Message]] = [[] for _ in groups]
        self._taken_s = -math.inf
        self._world, self._time = world, time
        self._placed = place_stations(self.stations, world.roads.grid, stream(seed, "vds"))
        self._noise = Noise(*(stream(seed, "vds", quantity) for quantity in Noise._fields))
        self._schedule = Schedule([station.period_s for station in self.stations])
        self._seq = [Sequencer.starting(time.start) for _ in self.stations]
        self._before = Marks(np.zeros(n), np.zeros(n), np.zeros(n))
        self._faults = world.faults.of([station.id for station in self.stations])
        draws = stream(seed, "vds health")
        shape = (n, max((station.lanes for station in self.stations), default=1))
        self._missed = draws.uniform(LEAST_MISSED, MOST_MISSED, shape)
        self._doubled = draws.uniform(LEAST_DOUBLED, MOST_DOUBLED, shape)
        self._keys = draws.integers(2**63, size=n, dtype=np.uint64)
        self._knows = draws.random(n) < SELF_TEST_SHARE

    def take(self, group: int, time_s: float) -> list[Message]:
        """Return the samples of one concentrator's stations whose period has ended, each of them once.

        What the others have not asked for waits for them.
        """
        if time_s > self._taken_s:
            self._taken_s = time_s
            self._sample(self._schedule.due(time_s))
        said, self._said[group] = self._said[group], []
        return said

    def _sample(self, due: Due) -> None:
        which = due.which
        if len(which) == 0:
            return
        roads = self._world.roads
        # After a pause a sample may be older than the last step: its integrals are then those of the step's start.
        at_s = np.clip(due.at_s, roads.state.time_s - roads.state.dt_s, roads.state.time_s)
        after = mark(self._placed, which, roads.state, at_s)
        before = Marks(*(column[which] for column in self._before))
        samples = sample(
            self._placed, which, before, after, roads.grid, roads.closed_lanes, roads.heavy_share, self._noise
        )
        period_s = due.at_s - before.time_s
        for column, values in zip(self._before, after._replace(time_s=due.at_s), strict=True):
            column[which] = values
        self._say(due, period_s.tolist(), self._faulty(due, self._imperfect(due, samples)))

    def _imperfect(self, due: Due, samples: Samples) -> Samples:
        """Miss some vehicles and count some twice, as every loop does."""
        lanes = samples.volume.shape[1]
        draws = uniform(self._keys[due.which], due.at_s, "loop errors", 2 * lanes)
        missed = few(draws[:, :lanes], samples.volume, self._missed[due.which, :lanes])
        doubled = few(draws[:, lanes:], samples.volume, self._doubled[due.which, :lanes])
        return _counted(samples, samples.volume - missed + doubled)

    def _faulty(self, due: Due, samples: Samples) -> Samples:
        faults, which, at_s = self._faults, due.which, due.at_s
        if not faults:
            return samples
        deaf = faults.missed_lane(which, at_s)
        if deaf.any():
            of_lane = deaf[:, np.newaxis] == np.arange(1, samples.volume.shape[1] + 1)
            heard = np.floor(samples.volume * DEAF_SHARE).astype(np.int64)
            samples = _counted(samples, np.where(of_lane, heard, samples.volume))
        return Samples(
            volume=faults.distort("volume", which, at_s, samples.volume),
            heavy=faults.distort("heavy", which, at_s, samples.heavy),
            speed_kmh=np.round(faults.distort("speed_kmh", which, at_s, samples.speed_kmh), 1),
            occupancy_pct=faults.distort("occupancy_pct", which, at_s, samples.occupancy_pct),
        )

    def _say(self, due: Due, period_s: list[float], samples: Samples) -> None:
        volume, heavy = samples.volume.tolist(), samples.heavy.tolist()
        speed, occupancy = samples.speed_kmh.tolist(), samples.occupancy_pct.tolist()
        silent = self._faults.silent(due.which, due.at_s).tolist()
        ahead_s = self._faults.clock_offset_s(due.which, due.at_s).tolist()
        left_out = np.where(self._knows[due.which], self._faults.missed_lane(due.which, due.at_s), 0).tolist()
        complaints = self._complaints(due)
        for place, (which, at_s) in enumerate(zip(due.which.tolist(), due.at_s.tolist(), strict=True)):
            station = self.stations[which]
            if silent[place] or period_s[place] > LONGEST_PERIODS * station.period_s:
                continue
            lanes = tuple(
                LaneSample(
                    lane=lane + 1,
                    volume=volume[place][lane],
                    speed_kmh=None if math.isnan(speed[place][lane]) else speed[place][lane],
                    occupancy_pct=occupancy[place][lane],
                    heavy=heavy[place][lane],
                )
                for lane in range(station.lanes)
                if lane + 1 != left_out[place]
            )
            # A station of one lane has nothing to say without it.
            if not lanes:
                continue
            self._said[self._group[which]].append(
                VdsObservation(
                    device=station.id,
                    time=self._time.at(at_s + ahead_s[place]),
                    seq=self._seq[which].take(),
                    period_s=round(period_s[place], 3),
                    lanes=lanes,
                    fault=complaints[place],
                )
            )

    def _complaints(self, due: Due) -> list[str | None]:
        """Return what each station says of itself."""
        complaints: list[str | None] = [None] * len(due.which)
        if self._faults:
            knows = self._knows[due.which]
            tested_s = due.at_s - SELF_TEST_S
            for kind, text in _SELF_TESTS:
                now = self._faults.active(kind, due.which, due.at_s)
                for place in np.flatnonzero(knows & now & self._faults.active(kind, due.which, tested_s)).tolist():
                    complaints[place] = text
        return complaints


@dataclass
class VdsGateway(Quiet):
    """Sends what a district's stations have sampled, in one message at a time.

    ``group`` is the place of the district's stations among those of `DetectionStations`.
    """

    client_id: str
    district: str
    stations: DetectionStations
    group: int = 0

    def due(self, time_s: float) -> list[Outbound]:
        """Return one batch of the samples whose period has ended, or nothing."""
        messages = self.stations.take(self.group, time_s)
        if not messages:
            return []
        return [telemetry(Topic(self.district, "vds", self.client_id, "obs", gateway=True), messages, 0)]


def few(draw: Floats, count: Ints, share: Floats) -> Ints:
    """Return binomial numbers of rare events by inverting their distribution.

    Parameters
    ----------
    draw
        Uniform between 0 and 1.
    count
        Number of trials.
    share
        Chance of the event in each trial; small, for at most 8 events come out. [-]

    Returns
    -------
    ndarray
        Of the same shape as the parameters; never above `count`.
    """
    chance = (1.0 - share) ** count
    below = chance.copy()
    events = np.zeros(draw.shape, dtype=np.int64)
    for number in range(_MOST_ERRORS):
        more = draw > below
        if not more.any():
            break
        events += more
        # The next term of the binomial distribution out of the last one.
        chance = chance * (count - number) / (number + 1) * share / (1.0 - share)
        below += np.maximum(chance, 0.0)
    return np.minimum(events, count)


def _counted(samples: Samples, volume: Ints) -> Samples:
    """Return samples with other counts: what was not seen took no time over the loop and had no speed."""
    share = np.minimum(volume / np.maximum(samples.volume, 1), 1.0)
    return Samples(
        volume=volume,
        heavy=np.minimum(samples.heavy, volume),
        speed_kmh=np.where(volume > 0, samples.speed_kmh, np.nan),
        occupancy_pct=np.where(samples.volume > 0, np.round(samples.occupancy_pct * share, 1), samples.occupancy_pct),
    )
