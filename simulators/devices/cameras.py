"""A district's CCTV cameras behind one connection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from config.catalogue.model import Camera
from sensors.observations import CameraStatus, CctvEvent
from sensors.topics import Topic
from simulators.devices.endpoint import Outbound, Quiet, Sequencer, Timebase, event, status
from simulators.devices.schedule import Schedule
from simulators.placement.script import CameraFinding
from simulators.world.seeds import stream

STATUS_PERIOD_S = 60.0
FRAME_AGE_S = 0.2
"""Age of the newest picture when a status is sent [s]."""


@dataclass
class CameraHub(Quiet):
    """The video server of a district: each camera's retained status and events on the camera's own topics.

    It has no last will: MQTT gives a connection one, and this one speaks for many cameras. When it dies their statuses
    stop, and the control room sees them grow old.
    """

    client_id: str
    district: str
    cameras: Sequence[Camera]
    findings: Sequence[CameraFinding]
    time: Timebase
    seed: int

    def __post_init__(self) -> None:
        rng = stream(self.seed, "cctv", self.client_id)
        self._pan_deg = np.round(rng.uniform(0.0, 360.0, len(self.cameras)), 1).tolist()
        self._schedule = Schedule(np.full(len(self.cameras), STATUS_PERIOD_S), early=False)
        self._seq = {camera.id: Sequencer.starting(self.time.start) for camera in self.cameras}
        own = [finding for finding in self.findings if finding.camera in self._seq]
        self._waiting = sorted(own, key=lambda finding: (finding.at_s, finding.camera))

    def hello(self, now: datetime) -> list[Outbound]:
        """Say of every camera that it is there."""
        return [self._status(place, now) for place in range(len(self.cameras))]

    def due(self, time_s: float) -> list[Outbound]:
        """Return the events up to now and the statuses that are due."""
        messages: list[Outbound] = []
        while self._waiting and self._waiting[0].at_s <= time_s:
            messages.append(self._event(self._waiting.pop(0)))
        due = self._schedule.due(time_s)
        for which, at_s in zip(due.which.tolist(), due.at_s.tolist(), strict=True):
            messages.append(self._status(which, self.time.at(at_s)))
        return messages

    def goodbye(self, now: datetime) -> list[Outbound]:
        """Say of every camera that it goes offline."""
        return [self._status(place, now, online=False) for place in range(len(self.cameras))]

    def _status(self, place: int, now: datetime, *, online: bool = True) -> Outbound:
        camera = self.cameras[place]
        message = CameraStatus(
            device=camera.id,
            time=now,
            seq=self._seq[camera.id].take(),
            online=online,
            pan_deg=self._pan_deg[place],
            tilt_deg=-8.0,
            zoom=1.0,
            frame_time=self.time.earlier(now, FRAME_AGE_S),
        )
        return status(Topic(self.district, "cctv", camera.id, "status"), message)

    def _event(self, finding: CameraFinding) -> Outbound:
        message = CctvEvent(
            device=finding.camera,
            time=self.time.at(finding.at_s),
            seq=self._seq[finding.camera].take(),
            event=finding.event,
            confidence=finding.confidence,
            lane=finding.lane,
        )
        return event(Topic(self.district, "cctv", finding.camera, "event"), message)
