"""A fire watchtower: looks around, reports smoke as bearings, is mistaken now and then, says what its camera does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from config.catalogue.model import Tower
from sensors.observations import CameraStatus, TowerEvent
from sensors.topics import Topic
from simulators.devices.endpoint import Outbound, Quiet, Sequencer, Timebase, event, status
from simulators.devices.faults import FaultTable
from simulators.devices.schedule import GOLDEN, Schedule
from simulators.world.happenings import FalseSource
from simulators.world.seeds import stream
from simulators.world.wildfire.mistakes import mistake
from simulators.world.wildfire.sight import SmokeSight
from simulators.world.wildfire.smoke import KOSCHMIEDER

Floats = NDArray[np.float64]

STATUS_PERIOD_S = 60.0
LOOK_PERIOD_S = 30.0
"""Time in which the camera looks around once; usual for patrolling cameras [s]."""
HFOV_DEG, VFOV_DEG = 54.2, 32.1
"""Widest fields of view of a usual patrol camera, the second by a picture of 16:9 [deg]."""
PATROL_STEP_DEG = 45.0
FRAME_AGE_S = 0.3
POSE_SHARE = 0.6
"""Part of a bearing's error that stays with the tower (a mast not quite at north); the rest is new in each picture.
Own construction."""
SURE_SIZE_DEG = 0.35
"""Size of smoke in the picture that two looks of three find: about 12 pixels of 1,920. Own construction [deg]."""
MOST_LOOKS = 0.97
"""Share of the looks that find large smoke in clear air; own construction [-]."""
SMOKE_CONTRAST, LEAST_CONTRAST = 0.5, 0.06
"""Contrast of smoke before forest from near, and the contrast from which the analysis finds it as well as ever; own
construction [-]."""
FIRST_CONFIDENCE, FULL_CONFIDENCE = 0.32, 0.97
CONFIDENCE_SIZE_DEG = 0.8
"""How sure the analysis is of the smallest and of the largest smoke, and the size over which it grows; own [deg]."""
HAZE_SHARE = 0.3
"""Part of the confidence that haze takes; own construction [-]."""
FOOT_LINE = 0.6
"""Height of the smoke's foot in the picture that the camera turns to, from the top [-]."""


class TowerAir(Protocol):
    """Weather at the towers, arrays of shape (tower,) in catalogue order."""

    @property
    def visibility_m(self) -> Floats:
        """Meteorological optical range [m]."""

    @property
    def rain_mm_h(self) -> Floats:
        """Rain [mm/h]."""


class TowerWorld(Protocol):
    """What a tower sees of the world."""

    @property
    def sights(self) -> Sequence[SmokeSight]:
        """The smoke of every fire from every tower, always in the same order."""

    @property
    def false_sources(self) -> Sequence[FalseSource]:
        """What may be taken for smoke, always in the same order."""

    @property
    def faults(self) -> FaultTable:
        """Faults of all devices."""

    def tower_air(self) -> TowerAir:
        """Return the weather at the towers now."""

    def sun_elevation_deg(self, time_s: float) -> float:
        """Return the height of the sun over the region at an instant [deg]."""

    def time_of_day_s(self, time_s: float) -> float:
        """Return the local time of day at an instant [s]."""


class Pose(NamedTuple):
    """Errors of one tower's bearings: what stays, and the standard deviation of what changes [deg]."""

    error_deg: float
    noise_sigma_deg: float


def draw_pose(tower: Tower, rng: np.random.Generator) -> Pose:
    """Split a tower's stated sigma into a lasting and a changing part whose squares add up to it."""
    return Pose(
        error_deg=float(rng.normal(0.0, POSE_SHARE * tower.azimuth_sigma_deg)),
        noise_sigma_deg=float(np.sqrt(1 - POSE_SHARE**2) * tower.azimuth_sigma_deg),
    )


class Sighting(NamedTuple):
    """Something in one picture, true angles; left and right are from the bearing [deg]."""

    detection: str
    azimuth_deg: float
    elevation_deg: float
    left_deg: float
    right_deg: float
    height_deg: float
    confidence: float
    chance: float


@dataclass
class WatchTower(Quiet):
    """One tower with its own connection.

    A look finds smoke by its size in the picture and its contrast through the air, and misses some. The bearing is to
    the lowest smoke in sight. Day and night are alike.

    Faults: an `offset` turns the mast, `noise`, `spike`, `stuck` and `zero` reach bearing and confidence. With a
    `stale_frame` statuses go on, their ``frame_time`` stands still, and nothing new is seen. In a `dropout` the broker
    tells the last will; one that is `silent` hangs without it. A `clock_offset` moves all its times.
    """

    tower: Tower
    index: int
    """Place of the tower in the catalogue's order."""
    world: TowerWorld
    time: Timebase
    seed: int

    def __post_init__(self) -> None:
        self._rng = stream(self.seed, "tower", self.tower.id)
        self._pose = draw_pose(self.tower, self._rng)
        self._seq = Sequencer.starting(self.time.start)
        # A schedule of one device has the slot 0: the tower's place among the others shifts it, to spread their load.
        self._shift = self.index * GOLDEN % 1.0
        self._looked_at_s = (self._shift - 1.0) * LOOK_PERIOD_S
        self._status = Schedule([STATUS_PERIOD_S], early=False)
        self._status_shift_s = (self._shift - 1.0) * STATUS_PERIOD_S
        self._pan_deg = round(float(self._rng.uniform(0.0, 360.0)), 1)
        self._own = self.world.faults.of([self.tower.id])
        breaks = self._own.spans("dropout", 0)
        self._breaks = sorted([(from_s, False) for from_s, _ in breaks] + [(until_s, True) for _, until_s in breaks])

    @property
    def client_id(self) -> str:
        """MQTT client identifier: the tower's own."""
        return self.tower.id

    def will(self, now: datetime) -> Outbound | None:
        """Return the state that the broker tells when the tower falls silent."""
        return self._say_status(self._at_s(now), online=False, fault="connection lost")

    def hello(self, now: datetime) -> list[Outbound]:
        """Say that the tower is there, unless it cannot."""
        return [] if self._silent(self._at_s(now)) else [self._say_status(self._at_s(now))]

    def due(self, time_s: float) -> list[Outbound]:
        """Return bearings of the looks up to now, and the status when it is due."""
        # There are thousands of towers, and as a rule none of them has anything to do.
        quiet_until_s = min(self._looked_at_s + LOOK_PERIOD_S, self._status.soonest_s + self._status_shift_s)
        if time_s < quiet_until_s and not self._breaks:
            return []
        messages: list[Outbound] = []
        while self._looked_at_s + LOOK_PERIOD_S <= time_s:
            self._looked_at_s += LOOK_PERIOD_S
            # After a long pause the looks that were missed are not made up for.
            if time_s - self._looked_at_s < LOOK_PERIOD_S:
                messages += self._states(self._looked_at_s)
                messages += self._look(round(self._looked_at_s, 3))
        return messages + self._states(time_s)

    def goodbye(self, now: datetime) -> list[Outbound]:
        """Say that the tower goes offline, unless it cannot."""
        at_s = self._at_s(now)
        return [] if self._silent(at_s) else [self._say_status(at_s, online=False)]

    def _states(self, time_s: float) -> list[Outbound]:
        """Say what states there are to say up to an instant, in the order of time, as numbers are given out in it."""
        messages: list[Outbound] = []
        while self._breaks and self._breaks[0][0] <= time_s:
            at_s, back = self._breaks.pop(0)
            messages += self._regular(at_s)
            # The connection is lost and found again at the instants of the script.
            if not back:
                messages.append(self._say_status(at_s, online=False, fault="connection lost"))
            elif not self._silent(at_s):
                messages.append(self._say_status(at_s))
        return messages + self._regular(time_s)

    def _regular(self, time_s: float) -> list[Outbound]:
        shift_s = self._status_shift_s
        instants = (self._status.due(time_s - shift_s).at_s + shift_s).tolist()
        return [self._say_status(at_s) for at_s in instants if not self._silent(at_s)]

    def _look(self, at_s: float) -> list[Outbound]:
        self._pan_deg = round((self._pan_deg + PATROL_STEP_DEG) % 360.0, 1)
        messages = []
        blind = self._silent(at_s) or self._frozen_since_s(at_s) is not None
        for sighting in (*self._smoke(), *self._mistakes(at_s)):
            # The draws are made blind or not, so that a fault does not change what comes after it.
            luck, doubt, turn = self._rng.random(), self._rng.standard_normal(), self._rng.standard_normal()
            if not blind and luck < sighting.chance:
                messages.append(self._bearing(sighting, at_s, doubt, turn))
        return messages

    def _smoke(self) -> list[Sighting]:
        """Return what there is of real smoke."""
        sightings = []
        visibility_m = float(self.world.tower_air().visibility_m[self.index])
        for number, sight in enumerate(self.world.sights):
            view = sight.view()
            if not view.seen[self.index]:
                continue
            left, right = float(view.left_deg[self.index]), float(view.right_deg[self.index])
            height = float(view.top_deg[self.index] - view.elevation_deg[self.index])
            size = float(np.sqrt(min(right - left, 0.9 * HFOV_DEG) * max(min(height, VFOV_DEG), 0.0)))
            clear = float(np.exp(-KOSCHMIEDER * float(view.distance_m[self.index]) / max(visibility_m, 1.0)))
            chance = MOST_LOOKS * -float(np.expm1(-((size / SURE_SIZE_DEG) ** 2)))
            chance *= min(SMOKE_CONTRAST * clear / LEAST_CONTRAST, 1.0)
            grown = -float(np.expm1(-size / CONFIDENCE_SIZE_DEG))
            confidence = FIRST_CONFIDENCE + (FULL_CONFIDENCE - FIRST_CONFIDENCE) * grown
            confidence *= 1.0 - HAZE_SHARE * (1.0 - float(np.sqrt(clear)))
            sightings.append(
                Sighting(
                    detection=f"s{number}",
                    azimuth_deg=float(view.azimuth_deg[self.index]),
                    elevation_deg=float(view.elevation_deg[self.index]),
                    left_deg=left,
                    right_deg=right,
                    height_deg=height,
                    confidence=confidence,
                    chance=chance,
                )
            )
        return sightings

    def _mistakes(self, at_s: float) -> list[Sighting]:
        """Return what there is that looks like smoke."""
        sightings = []
        for number, source in enumerate(self.world.false_sources):
            if source.tower != self.tower.id:
                continue
            seen = mistake(
                source,
                at_s,
                sun_elevation_deg=self.world.sun_elevation_deg(at_s),
                morning=self.world.time_of_day_s(at_s) < 43_200.0,
                rain_mm_h=float(self.world.tower_air().rain_mm_h[self.index]),
            )
            if seen is not None:
                half = seen.width_deg / 2.0
                sightings.append(
                    Sighting(
                        f"f{number}", seen.azimuth_deg, seen.elevation_deg, -half, half, seen.height_deg,
                        seen.confidence, seen.chance,
                    )
                )  # fmt: skip
        return sightings

    def _bearing(self, sighting: Sighting, at_s: float, doubt: float, turn: float) -> Outbound:
        error = self._pose.error_deg + self._pose.noise_sigma_deg * turn
        seen = self._told("azimuth_deg", at_s, (sighting.azimuth_deg + error) % 360.0)
        sure = self._told("confidence", at_s, min(max(sighting.confidence + 0.02 * doubt, 0.01), 0.99))
        elevation = self._told("elevation_deg", at_s, min(max(sighting.elevation_deg, -90.0), 90.0))
        # The camera turns to what it found, to the tenth of a degree that its motor knows.
        self._pan_deg = round(seen, 1) % 360.0
        message = TowerEvent(
            device=self.tower.id,
            time=self._clock(at_s),
            seq=self._seq.take(),
            detection=f"{self.tower.id[:40]}-{int(self.time.start.timestamp())}-{sighting.detection}",
            azimuth_deg=round(seen, 2) % 360.0,
            azimuth_sigma_deg=self.tower.azimuth_sigma_deg,
            elevation_deg=round(elevation, 2),
            confidence=round(sure, 2),
            bbox=_box(sighting),
            hfov_deg=HFOV_DEG,
            source="camera",
        )
        return event(Topic(self.tower.district, "tower", self.tower.id, "event"), message)

    def _say_status(self, at_s: float, *, online: bool = True, fault: str | None = None) -> Outbound:
        frozen_s = self._frozen_since_s(at_s)
        newest_s = at_s if frozen_s is None else frozen_s
        message = CameraStatus(
            device=self.tower.id,
            time=self._clock(at_s),
            seq=self._seq.take(),
            online=online,
            fault=fault,
            pan_deg=self._pan_deg,
            tilt_deg=0.0,
            zoom=1.0,
            frame_time=self.time.earlier(self._clock(newest_s), FRAME_AGE_S),
        )
        return status(Topic(self.tower.district, "tower", self.tower.id, "status"), message)

    def _at_s(self, now: datetime) -> float:
        return (now - self.time.start).total_seconds()

    def _clock(self, at_s: float) -> datetime:
        """Return what the tower takes for the time."""
        ahead_s = float(self._own.clock_offset_s(0, at_s)[0]) if self._own else 0.0
        return self.time.at(at_s) + timedelta(seconds=ahead_s)

    def _silent(self, at_s: float) -> bool:
        return bool(self._own) and bool(self._own.silent(0, at_s)[0])

    def _told(self, quantity: str, at_s: float, value: float) -> float:
        return float(self._own.distort(quantity, 0, at_s, np.array([value]))[0]) if self._own else value

    def _frozen_since_s(self, at_s: float) -> float | None:
        """Return since when the picture has stood still, None while it moves [s]."""
        since = [from_s for from_s, until_s in self._own.spans("stale_frame", 0) if from_s <= at_s < until_s]
        return min(since) if since else None


def _box(sighting: Sighting) -> tuple[float, float, float, float]:
    """Box in the picture of a camera that has turned to the bearing: left, top, right, bottom."""
    widest, highest = 0.49 * HFOV_DEG, 0.49 * VFOV_DEG
    edges = np.clip([sighting.left_deg, sighting.right_deg], -widest, widest)
    left, right = 0.5 + np.tan(np.radians(edges)) / (2.0 * np.tan(np.radians(HFOV_DEG / 2.0)))
    tall = np.tan(np.radians(min(max(sighting.height_deg, 0.0), highest))) / (2.0 * np.tan(np.radians(VFOV_DEG / 2.0)))
    box = np.clip([left, FOOT_LINE - tall, right, FOOT_LINE], 0.0, 1.0)
    return (round(float(box[0]), 4), round(float(box[1]), 4), round(float(box[2]), 4), round(float(box[3]), 4))
