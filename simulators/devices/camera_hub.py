"""A district's CCTV cameras behind one connection: what the analysis of their pictures finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from config.catalogue.geometry import GEOD
from config.catalogue.model import Camera, Coordinate
from sensors.observations import CameraStatus, CctvEvent, CctvEventKind
from sensors.topics import Topic
from simulators.devices.endpoint import Outbound, Quiet, Sequencer, Timebase, event, status
from simulators.devices.faults import FaultTable
from simulators.devices.schedule import Schedule
from simulators.world.happenings import Closure
from simulators.world.seeds import stream
from simulators.world.wildfire.sight import SmokeSight

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

STATUS_PERIOD_S = 60.0
FRAME_AGE_S = 0.2
"""Age of the newest picture when a status is sent [s]."""
LOOK_PERIOD_S = 10.0
"""How often the analysis comes to a result; own construction [s]."""
REPEAT_S = 120.0
"""How often a camera says again what goes on [s]."""
FORGET_S = 300.0
"""When something has been out of sight for so long it counts as new when it comes back; own construction [s]."""
CONFIDENCE: tuple[float, ...] = (0.62, 0.79, 0.91)
"""How sure the analysis is at its first, second and later reports; own construction."""
QUICK_REPEATS_S = 20.0
"""Least time between the first three reports of one thing; own construction [s]."""
FOUND_SHARE: dict[CctvEventKind, float] = {
    "stopped_vehicle": 0.45,
    "debris": 0.2,
    "smoke": 0.4,
    "low_visibility": 0.5,
    "queue": 0.35,
}
"""Share of the looks that find what is in the middle of the picture, so that half of them are found within one or two
looks; own construction [-]."""
FAR_SHARE = 0.5
"""What is left of that at the end of a camera's range; own construction [-]."""
LOW_VISIBILITY_M = 250.0
"""From here on a camera says that it sees badly. Motorists are asked to slow down below 250 m; own construction [m]."""
FOGGED_SHARE = 0.6
"""Part of the visibility up to which the analysis makes out a vehicle; own construction [-]."""
SMOKE_OVER_M = 1_000.0
"""Visibility in smoke at the camera below which it reports smoke; own construction [m]."""
STANDING: frozenset[str] = frozenset({"crash", "secondary_crash", "tunnel_fire"})
"""Causes of closures that leave vehicles standing on the road."""


class CameraAir(Protocol):
    """Weather at the cameras, arrays of shape (camera,) in catalogue order."""

    @property
    def visibility_m(self) -> Floats:
        """Meteorological optical range, without the smoke of fires [m]."""


class ScriptedFinding(Protocol):
    """Something that one camera is made to find although it is not there."""

    @property
    def camera(self) -> str:
        """Identifier."""

    @property
    def event(self) -> CctvEventKind:
        """What it takes it for."""

    @property
    def confidence(self) -> float:
        """How sure it is."""


class CameraWorld(Protocol):
    """What cameras see of the world."""

    @property
    def sights(self) -> Sequence[SmokeSight]:
        """Every fire and its smoke, always in the same order."""

    @property
    def faults(self) -> FaultTable:
        """Faults of all devices."""

    def camera_air(self) -> CameraAir:
        """Return the weather at the cameras now."""

    def active_closures(self) -> Sequence[Closure]:
        """Return the closures in force, those that the world worked out itself too."""

    def closure_position(self, closure: Closure) -> Coordinate:
        """Return where a closure begins [deg]."""

    def queued_places(self) -> tuple[Floats, Floats]:
        """Return longitude and latitude of the road cells where traffic queues, shapes (cell,) [deg]."""

    def camera_events(self, time_s: float) -> Sequence[ScriptedFinding]:
        """Return what cameras are mistaken about at an instant."""


class InSight(NamedTuple):
    """Something that one camera could find now."""

    camera: int
    """Place among the hub's cameras."""
    what: CctvEventKind
    key: str
    """Tells it from other things of the kind."""
    lane: int | None
    chance: float
    confidence: float | None
    """Fixed by the script, None for the usual course."""


@dataclass
class _Track:
    """What a camera has said of one thing."""

    seen_s: float
    told_s: float
    reports: int


@dataclass
class CameraHub(Quiet):
    """The video server of a district: each camera's retained status and events on the camera's own topics.

    It has no last will: MQTT gives a connection one, and this one speaks for many cameras. When it dies their statuses
    stop, and the control room sees them grow old.

    Cameras report stopped vehicles at crashes and debris in their range, standing traffic, smoke and bad visibility:
    each look finds what is there with a chance that falls with distance; what goes on is said again every two minutes.
    They find no flooding, no pedestrians and no wrong-way drivers, and are mistaken by script only.

    Faults: with a `stale_frame` a camera's statuses go on, their ``frame_time`` stands still and it finds nothing. In a
    `dropout` the server says that the camera is offline; a `silent` one is not spoken of at all. A `clock_offset` moves
    its times.
    """

    client_id: str
    district: str
    cameras: Sequence[Camera]
    indices: Sequence[int]
    """Places of the cameras in the catalogue's order."""
    world: CameraWorld
    time: Timebase
    seed: int

    def __post_init__(self) -> None:
        n = len(self.cameras)
        self._rng = stream(self.seed, "cctv", self.client_id)
        self._pan_deg = np.round(self._rng.uniform(0.0, 360.0, n), 1).tolist()
        self._schedule = Schedule(np.full(n, STATUS_PERIOD_S), early=False)
        self._seq = [Sequencer.starting(self.time.start) for _ in self.cameras]
        self._faults = self.world.faults.of([camera.id for camera in self.cameras])
        self._lon = np.array([camera.position[0] for camera in self.cameras], dtype=np.float64)
        self._lat = np.array([camera.position[1] for camera in self.cameras], dtype=np.float64)
        self._range_m = np.array([camera.range_m for camera in self.cameras], dtype=np.float64)
        self._places = {camera.id: place for place, camera in enumerate(self.cameras)}
        self._looked_at_s = 0.0
        self._tracks: dict[tuple[int, CctvEventKind, str], _Track] = {}
        breaks = [(instant, place) for place in range(n) for span in self._faults.spans("dropout", place)
                  for instant in span]  # fmt: skip
        self._breaks = sorted(breaks)

    def hello(self, now: datetime) -> list[Outbound]:
        """Say of every camera that it is there."""
        return self._statuses(np.arange(len(self.cameras)), np.full(len(self.cameras), self._at_s(now)))

    def due(self, time_s: float) -> list[Outbound]:
        """Return the events up to now and the statuses that are due."""
        messages: list[Outbound] = []
        while self._looked_at_s + LOOK_PERIOD_S <= time_s:
            self._looked_at_s += LOOK_PERIOD_S
            # After a long pause the looks that were missed are not made up for.
            if time_s - self._looked_at_s < LOOK_PERIOD_S:
                messages += self._states(self._looked_at_s)
                messages += self._look(round(self._looked_at_s, 3))
        return messages + self._states(time_s)

    def _states(self, time_s: float) -> list[Outbound]:
        """Say what states there are to say up to an instant, in the order of time, as numbers are given out in it."""
        messages: list[Outbound] = []
        while self._breaks and self._breaks[0][0] <= time_s:
            at_s, place = self._breaks.pop(0)
            messages += self._statuses(*self._schedule.due(at_s))
            messages += self._statuses(np.array([place]), np.array([at_s]))
        return messages + self._statuses(*self._schedule.due(time_s))

    def goodbye(self, now: datetime) -> list[Outbound]:
        """Say of every camera that it goes offline."""
        places = np.arange(len(self.cameras))
        return self._statuses(places, np.full(len(places), self._at_s(now)), leaving=True)

    def _look(self, at_s: float) -> list[Outbound]:
        """Let every camera look once."""
        places = np.arange(len(self.cameras))
        blind = self._faults.silent(places, at_s) | self._faults.active("stale_frame", places, at_s)
        messages: list[Outbound] = []
        for thing in self._in_sight(at_s):
            # The draw is made blind or not, so that a fault does not change what comes after it.
            found = float(self._rng.random()) < thing.chance
            if found and not blind[thing.camera]:
                messages += self._tell(thing, at_s)
        stale = [key for key, track in self._tracks.items() if at_s - track.seen_s > FORGET_S]
        for key in stale:
            del self._tracks[key]
        return messages

    def _tell(self, thing: InSight, at_s: float) -> list[Outbound]:
        """Report something found, unless it was just reported."""
        key = (thing.camera, thing.what, thing.key)
        track = self._tracks.setdefault(key, _Track(at_s, -np.inf, 0))
        track.seen_s = at_s
        wait_s = QUICK_REPEATS_S if track.reports < len(CONFIDENCE) else REPEAT_S
        if at_s - track.told_s < wait_s:
            return []
        sure = CONFIDENCE[min(track.reports, len(CONFIDENCE) - 1)] if thing.confidence is None else thing.confidence
        track.told_s = at_s
        track.reports += 1
        camera = self.cameras[thing.camera]
        message = CctvEvent(
            device=camera.id,
            time=self._clock(thing.camera, at_s),
            seq=self._seq[thing.camera].take(),
            event=thing.what,
            confidence=sure,
            lane=thing.lane,
        )
        return [event(Topic(self.district, "cctv", camera.id, "event"), message)]

    def _in_sight(self, at_s: float) -> list[InSight]:
        """Return what there is to be found, in an order that does not change."""
        fog_m = self.world.camera_air().visibility_m[np.asarray(self.indices, dtype=np.int64)]
        smoke_m = np.full(len(self.cameras), np.inf)
        for sight in self.world.sights:
            smoke_m = np.minimum(smoke_m, sight.smoke_over_m(self._lon, self._lat))
        clear_m = np.minimum(fog_m, smoke_m)
        reach_m = np.minimum(self._range_m, FOGGED_SHARE * clear_m)
        things = self._on_the_road(reach_m)
        for place in np.flatnonzero(clear_m < LOW_VISIBILITY_M).tolist():
            things.append(InSight(place, "low_visibility", "", None, FOUND_SHARE["low_visibility"], None))
        things += self._fires(smoke_m, reach_m)
        for scripted in self.world.camera_events(at_s):
            if scripted.camera in self._places:
                where = self._places[scripted.camera]
                things.append(InSight(where, scripted.event, "scripted", None, 0.5, scripted.confidence))
        return things

    def _on_the_road(self, reach_m: Floats) -> list[InSight]:
        """Return stopped vehicles, debris and queues."""
        things = []
        for closure in self.world.active_closures():
            what: CctvEventKind | None = "stopped_vehicle" if closure.cause in STANDING else None
            what = "debris" if closure.cause in {"debris", "slope_failure"} else what
            if what is None:
                continue
            lon, lat = self.world.closure_position(closure)
            distance = self._nearest_m(np.array([lon]), np.array([lat]))
            lane = min(closure.lanes) if closure.lanes else None
            for place in np.flatnonzero(distance <= reach_m).tolist():
                chance = self._chance(what, float(distance[place]), place)
                things.append(InSight(place, what, closure.id, lane, chance, None))
                if closure.cause == "tunnel_fire":
                    # It comes out of the portals, where the cameras are.
                    chance = self._chance("smoke", float(distance[place]), place)
                    things.append(InSight(place, "smoke", closure.id, None, chance, None))
        lon_deg, lat_deg = self.world.queued_places()
        if len(lon_deg) > 0:
            nearest = self._nearest_m(lon_deg, lat_deg)
            for place in np.flatnonzero(nearest <= reach_m).tolist():
                chance = self._chance("queue", float(nearest[place]), place)
                things.append(InSight(place, "queue", "", None, chance, None))
        return things

    def _fires(self, smoke_m: Floats, reach_m: Floats) -> list[InSight]:
        """Return smoke over cameras, and fires in their range."""
        near = smoke_m < SMOKE_OVER_M
        for sight in self.world.sights:
            if sight.fire.started and not sight.fire.out:
                near |= sight.fire.distance_m(self._lon, self._lat) <= reach_m
        return [
            InSight(place, "smoke", "", None, FOUND_SHARE["smoke"], None) for place in np.flatnonzero(near).tolist()
        ]

    def _nearest_m(self, lon_deg: Floats, lat_deg: Floats) -> Floats:
        """Return the distance of each camera to the nearest of some places [m]."""
        n, places = len(self.cameras), len(lon_deg)
        camera, place = np.repeat(np.arange(n), places), np.tile(np.arange(places), n)
        distance = GEOD.inv(self._lon[camera], self._lat[camera], lon_deg[place], lat_deg[place])[2]
        nearest: Floats = np.asarray(distance, dtype=np.float64).reshape(n, places).min(axis=1)
        return nearest

    def _chance(self, what: CctvEventKind, distance_m: float, place: int) -> float:
        far = min(distance_m / float(self._range_m[place]), 1.0)
        return FOUND_SHARE[what] * (1.0 - (1.0 - FAR_SHARE) * far)

    def _statuses(self, which: Ints, at_s: Floats, *, leaving: bool = False) -> list[Outbound]:
        if len(which) == 0:
            return []
        hung = self._faults.active("silent", which, at_s)
        lost = self._faults.active("dropout", which, at_s)
        return [
            self._status(place, instant, online=not gone and not leaving, fault="no picture" if gone else None)
            for place, instant, mute, gone in zip(
                which.tolist(), at_s.tolist(), hung.tolist(), lost.tolist(), strict=True
            )
            if not mute
        ]

    def _status(self, place: int, at_s: float, *, online: bool, fault: str | None) -> Outbound:
        camera = self.cameras[place]
        message = CameraStatus(
            device=camera.id,
            time=self._clock(place, at_s),
            seq=self._seq[place].take(),
            online=online,
            fault=fault,
            pan_deg=self._pan_deg[place],
            tilt_deg=-8.0,
            zoom=1.0,
            frame_time=self.time.earlier(self._clock(place, self._newest_s(place, at_s)), FRAME_AGE_S),
        )
        return status(Topic(self.district, "cctv", camera.id, "status"), message)

    def _newest_s(self, place: int, at_s: float) -> float:
        """Return when the newest real picture was taken [s]."""
        spans = (*self._faults.spans("stale_frame", place), *self._faults.spans("dropout", place))
        return min((from_s for from_s, until_s in spans if from_s <= at_s < until_s), default=at_s)

    def _at_s(self, now: datetime) -> float:
        return (now - self.time.start).total_seconds()

    def _clock(self, place: int, at_s: float) -> datetime:
        """Return what the camera takes for the time."""
        ahead_s = float(self._faults.clock_offset_s(place, at_s)[0]) if self._faults else 0.0
        return self.time.at(at_s) + timedelta(seconds=ahead_s)
