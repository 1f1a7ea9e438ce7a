"""A fire watchtower: looks around, reports smoke as bearings, says what state its camera is in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from config.catalogue.model import Tower
from sensors.observations import CameraStatus, TowerEvent
from sensors.topics import Topic
from simulators.devices.endpoint import Outbound, Quiet, Sequencer, Timebase, event, status
from simulators.devices.schedule import GOLDEN, Schedule
from simulators.placement.script import FalseSighting
from simulators.world.fire import FireSource, draw_pose
from simulators.world.seeds import stream

STATUS_PERIOD_S = 60.0
LOOK_PERIOD_S = 30.0
"""Time in which the camera looks around once; usual for patrolling cameras [s]."""
HFOV_DEG = 54.2
"""Widest horizontal field of view of a usual patrol camera [deg]."""
PATROL_STEP_DEG = 45.0
FRAME_AGE_S = 0.3
FIRST_CONFIDENCE = 0.42
FULL_CONFIDENCE = 0.96
CONFIDENCE_MEMORY_S = 150.0
"""How sure the analysis is at first and at last, and the time over which it grows. Own construction."""
SMOKE_WIDTH_M = 120.0


@dataclass
class WatchTower(Quiet):
    """One tower with its own connection."""

    tower: Tower
    index: int
    """Place of the tower in the catalogue's order."""
    fires: Sequence[FireSource]
    false_sightings: Sequence[FalseSighting]
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
        self._first_seen_s: dict[str, float] = {}
        self._pan_deg = round(float(self._rng.uniform(0.0, 360.0)), 1)

    @property
    def client_id(self) -> str:
        """MQTT client identifier: the tower's own."""
        return self.tower.id

    def will(self, now: datetime) -> Outbound | None:
        """Return the state that the broker tells when the tower falls silent."""
        return self._say_status(now, online=False, last_will=True)

    def hello(self, now: datetime) -> list[Outbound]:
        """Say that the tower is there."""
        return [self._say_status(now)]

    def due(self, time_s: float) -> list[Outbound]:
        """Return bearings of the looks up to now, and the status when it is due."""
        messages: list[Outbound] = []
        while self._looked_at_s + LOOK_PERIOD_S <= time_s:
            self._looked_at_s += LOOK_PERIOD_S
            # After a long pause the looks that were missed are not made up for.
            if time_s - self._looked_at_s < LOOK_PERIOD_S:
                messages += self._look(round(self._looked_at_s, 3))
        shift_s = (self._shift - 1.0) * STATUS_PERIOD_S
        for at_s in self._status.due(time_s - shift_s).at_s.tolist():
            messages.append(self._say_status(self.time.at(at_s + shift_s)))
        return messages

    def goodbye(self, now: datetime) -> list[Outbound]:
        """Say that the tower goes offline."""
        return [self._say_status(now, online=False)]

    def _look(self, at_s: float) -> list[Outbound]:
        self._pan_deg = round((self._pan_deg + PATROL_STEP_DEG) % 360.0, 1)
        messages = []
        for number, fire in enumerate(self.fires):
            if fire.visible(at_s)[self.index]:
                near = 1.0 - 0.25 * float(fire.distance_m[self.index]) / self.tower.range_m
                confidence = self._confidence(f"s{number}", at_s) * near
                azimuth = float(fire.azimuth_deg[self.index])
                elevation = fire.elevation_deg(self.index, at_s)
                width = float(np.degrees(SMOKE_WIDTH_M / max(float(fire.distance_m[self.index]), SMOKE_WIDTH_M)))
                messages.append(self._bearing(f"s{number}", at_s, azimuth, confidence, elevation, width))
        for number, false in enumerate(self.false_sightings):
            until_s = false.at_s + false.bearings * LOOK_PERIOD_S
            if false.tower == self.tower.id and false.at_s <= at_s < until_s:
                messages.append(self._bearing(f"f{number}", at_s, false.azimuth_deg, false.confidence, None, 1.0))
        return messages

    def _confidence(self, detection: str, at_s: float) -> float:
        watched_s = at_s - self._first_seen_s.setdefault(detection, at_s)
        growth = 1.0 - float(np.exp(-watched_s / CONFIDENCE_MEMORY_S))
        return FIRST_CONFIDENCE + (FULL_CONFIDENCE - FIRST_CONFIDENCE) * growth

    def _bearing(
        self, detection: str, at_s: float, azimuth_deg: float, confidence: float, elevation: float | None, width: float
    ) -> Outbound:
        error = self._pose.error_deg + self._pose.noise_sigma_deg * float(self._rng.standard_normal())
        seen = (azimuth_deg + error) % 360.0
        # The camera turns to what it found, to the tenth of a degree that its motor knows.
        self._pan_deg = round(seen, 1) % 360.0
        half = min(width / HFOV_DEG, 0.9) / 2
        message = TowerEvent(
            device=self.tower.id,
            time=self.time.at(at_s),
            seq=self._seq.take(),
            detection=f"{self.tower.id[:40]}-{int(self.time.start.timestamp())}-{detection}",
            azimuth_deg=round(seen, 2) % 360.0,
            azimuth_sigma_deg=self.tower.azimuth_sigma_deg,
            elevation_deg=None if elevation is None else round(elevation, 2),
            confidence=round(min(max(confidence + 0.02 * float(self._rng.standard_normal()), 0.01), 0.99), 2),
            bbox=(round(0.5 - half, 4), 0.42, round(0.5 + half, 4), 0.58),
            hfov_deg=HFOV_DEG,
            source="camera",
        )
        return event(Topic(self.tower.district, "tower", self.tower.id, "event"), message)

    def _say_status(self, now: datetime, *, online: bool = True, last_will: bool = False) -> Outbound:
        message = CameraStatus(
            device=self.tower.id,
            time=now,
            seq=self._seq.take(),
            online=online,
            fault="connection lost" if last_will else None,
            pan_deg=self._pan_deg,
            tilt_deg=0.0,
            zoom=1.0,
            frame_time=self.time.earlier(now, FRAME_AGE_S),
        )
        return status(Topic(self.tower.district, "tower", self.tower.id, "status"), message)
