"""What is so in a simulated world at an instant: a `simulators.truth.recorder.TruthSource`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from config.catalogue.geometry import positions_along
from config.catalogue.model import Coordinate
from simulators.devices.broadcast import CellBroadcastCentre
from simulators.truth.recorder import FireNow, QueueNow, Snapshot
from simulators.truth.records import (
    FalseSource,
    Fault,
    Fire,
    FireReach,
    Incident,
    Phones,
    Reception,
    SlopeFailure,
    Spot,
)
from simulators.world.dynamic import ACROSS
from simulators.world.happenings import Closure
from simulators.world.region import World
from simulators.world.roads.queues import QueueExtent
from simulators.world.wildfire.fire import Wildfire
from simulators.world.wildfire.fuel import settlement_radius_m
from simulators.world.wildfire.sight import SmokeSight

Bools = NDArray[np.bool_]

REACHED_M = 100.0
"""A fire has reached a road, or the outer houses of a settlement, that is this near to its edge: about the reach of
radiant heat and flying embers that a road or a house has to fear. Own construction [m]."""
SMOKE_M = 1_000.0
"""Sight below which cameras speak of smoke [m]."""
SMOKE_CELLS = 6
"""Every how many cells of the roads smoke is looked at, some 2 km; own construction."""
REACH_EVERY_S = 60.0
PHONES_EVERY_S = 300.0
"""How often reach and phones are looked at [s]."""
AROUND_FIRE_M = 1_000.0
AROUND_ROAD_M = 500.0
"""Circles in which phones are counted, around a fire's place and around a blocked road; own construction [m]."""
RESTING_MM_H = 1e-6


class WorldTruth:
    """Reads the truth off a world that somebody else moves on.

    Parameters
    ----------
    world
        The world.
    start
        Device time at simulation time 0.
    centres
        Cell broadcast centres, whose receptions are taken here.
    """

    def __init__(self, world: World, start: datetime, centres: Sequence[CellBroadcastCentre] = ()) -> None:
        self._world = world
        self._start = start
        self._centres = tuple(centres)
        self._links = {link.id: link for link in world.catalogue.links}
        self._incidents: dict[str, Incident] = {}
        self._slopes: dict[int, SlopeFailure] = {}
        self._reached: dict[str, tuple[float, tuple[FireReach, ...]]] = {}
        self._smoke: dict[str, tuple[int, tuple[Coordinate, ...]]] = {}
        self._phones_s = -PHONES_EVERY_S
        villages = world.catalogue.villages
        self._villages = np.array([one.position for one in villages], dtype=np.float64).reshape(-1, 2)
        self._village_radius_m = np.array([settlement_radius_m(one) for one in villages], dtype=np.float64)

    def snapshot(self, time_s: float) -> Snapshot:
        """Return what is so at an instant of simulation time, that of the last step or later [s]."""
        world = self._world
        closures = world.active_closures()
        sights = [sight for sight in world.sights if sight.fire.started and not sight.fire.out]
        burning = [sight.fire for sight in sights]
        return Snapshot(
            incidents=tuple(self._incident(closure) for closure in closures),
            queues=tuple(self._queue(queue) for queue in world.queues()),
            slopes=self._moving_slopes(time_s),
            fires=tuple(self._fire(sight, time_s) for sight in sights),
            false_sources=tuple(
                FalseSource(
                    id=one.id,
                    tower=one.tower,
                    cause=one.cause,
                    azimuth_deg=one.azimuth_deg,
                    start=self._at(one.from_s),
                )
                for one in world.false_sources
                if one.from_s <= time_s < one.until_s
            ),
            faults=tuple(
                Fault(device=one.device, fault=one.kind, start=self._at(one.from_s), value=one.value)
                for one in world.happenings.faults
                if one.from_s <= time_s < one.until_s
            ),
            phones=self._phones(closures, burning, time_s),
            receptions=tuple(self._receptions()),
        )

    def _at(self, time_s: float) -> datetime:
        return self._start + timedelta(seconds=time_s)

    def _incident(self, closure: Closure) -> Incident:
        known = self._incidents.get(closure.id)
        if known is None:
            known = self._incidents[closure.id] = self._new_incident(closure)
        return known

    def _new_incident(self, closure: Closure) -> Incident:
        world, link = self._world, self._links[closure.link]
        lon, lat = world.closure_position(closure)
        cell, _ = world.grid.locate(closure.link, closure.offset_m)
        # The first look comes within seconds of the onset, before anything has reached the cell behind.
        behind = int(world.grid.upstream[cell])
        flow_veh_h = float(world.roads.state.outflow_veh_s[behind if behind >= 0 else cell]) * 3600.0
        return Incident(
            id=closure.id,
            cause=closure.cause,
            link=link.id,
            offset_m=round(closure.offset_m, 1),
            lon_deg=lon,
            lat_deg=lat,
            lanes=tuple(sorted(closure.lanes)),
            all_lanes=len(closure.lanes) >= link.lanes,
            road=link.road,
            direction=link.direction,
            district=link.district,
            start=self._at(closure.from_s),
            part_of=_whole(closure.id),
            flow_veh_h_lane=round(flow_veh_h / link.lanes, 1),
        )

    def _queue(self, queue: QueueExtent) -> QueueNow:
        direction: Literal["up", "down"] = "up" if queue.direction == "up" else "down"
        return QueueNow(
            id=queue.name,
            cause=queue.cause,
            road=queue.road,
            direction=direction,
            head=self._spot(*queue.head),
            tail=self._spot(*queue.tail),
            length_m=round(queue.length_m, 1),
            speed_kmh=round(queue.speed_kmh, 1),
        )

    def _spot(self, link: str, offset_m: float) -> Spot:
        lon, lat = positions_along(self._links[link].line, [offset_m])[0].tolist()
        return Spot(lon_deg=round(lon, 6), lat_deg=round(lat, 6), link=link, offset_m=round(max(offset_m, 0.0), 1))

    def _moving_slopes(self, time_s: float) -> tuple[SlopeFailure, ...]:
        """Slopes in tertiary creep, those that failed, and those that a scenario makes creep."""
        ground = self._world.ground
        onset_s, failed_s = ground.creep_onset_s.copy(), ground.failed_at_s
        over_s = np.full(len(onset_s), np.nan)
        for creep in self._world.happenings.creeps:
            if creep.from_s <= time_s and np.isnan(onset_s[creep.node]):
                onset_s[creep.node] = creep.from_s
                over_s[creep.node] = creep.until_s if creep.until_s <= time_s else np.nan
        for node in np.flatnonzero(~np.isnan(onset_s)).tolist():
            slope = self._world.catalogue.slope[node]
            self._slopes[node] = SlopeFailure(
                id=slope.id,
                lon_deg=slope.position[0],
                lat_deg=slope.position[1],
                creep_onset=self._at(float(onset_s[node])),
                creep_end=None if np.isnan(over_s[node]) else self._at(float(over_s[node])),
                failure=None if np.isnan(failed_s[node]) else self._at(float(failed_s[node])),
                links=self._blocked_by(slope.id, slope.link),
            )
        for node in self._slopes.keys() - set(np.flatnonzero(~np.isnan(onset_s)).tolist()):
            if self._slopes[node].creep_end is None:
                self._slopes[node] = _ended(self._slopes[node], self._at(time_s))
        return tuple(self._slopes[node] for node in sorted(self._slopes))

    def _blocked_by(self, slope: str, link: str | None) -> tuple[str, ...]:
        names = (f"slide-{slope}", f"slide-{slope}{ACROSS}")
        blocked = tuple(self._incidents[name].link for name in names if name in self._incidents)
        return blocked or (() if link is None else (link,))

    def _fire(self, sight: SmokeSight, time_s: float) -> FireNow:
        fire = sight.fire
        lon, lat = fire.ignition.position
        line = Fire(id=fire.ignition.id, lon_deg=lon, lat_deg=lat, ignition=self._at(fire.ignition.from_s))
        return FireNow(line, round(fire.area_ha, 3), fire.perimeter(), self._reach(fire, time_s), self._smoky(sight))

    def _smoky(self, sight: SmokeSight) -> tuple[Coordinate, ...]:
        """Places on roads in thick smoke, kept until the fire moves on."""
        name, steps = sight.fire.ignition.id, sight.fire.steps
        if self._smoke.get(name, (-1, ()))[0] != steps:
            lon, lat = self._world.grid.lon_deg[::SMOKE_CELLS], self._world.grid.lat_deg[::SMOKE_CELLS]
            thick = sight.smoke_over_m(lon, lat) < SMOKE_M
            places = zip(np.round(lon[thick], 5).tolist(), np.round(lat[thick], 5).tolist(), strict=True)
            self._smoke[name] = (steps, tuple(places))
        return self._smoke[name][1]

    def _reach(self, fire: Wildfire, time_s: float) -> tuple[FireReach, ...]:
        """All that the fire has reached, looked at once a minute."""
        name = fire.ignition.id
        looked_s, known = self._reached.get(name, (-REACH_EVERY_S, ()))
        if time_s - looked_s < REACH_EVERY_S:
            return known
        seen = {(one.target_kind, one.target) for one in known}
        found = list(known)
        grid = self._world.grid
        near = np.flatnonzero(fire.distance_m(grid.lon_deg, grid.lat_deg) <= REACHED_M)
        targets: list[tuple[Literal["village", "link"], str]] = [
            ("link", grid.links[link].id) for link in np.unique(grid.link[near]).tolist()
        ]
        away_m = fire.distance_m(*self._villages.T) - self._village_radius_m
        homes = np.flatnonzero(away_m <= REACHED_M)
        targets += [("village", self._world.catalogue.villages[int(home)].id) for home in homes]
        found += [
            FireReach(fire=name, target_kind=kind, target=target, time=self._at(time_s))
            for kind, target in targets
            if (kind, target) not in seen
        ]
        self._reached[name] = (time_s, tuple(found))
        return self._reached[name][1]

    def _phones(self, closures: Iterable[Closure], fires: Iterable[Wildfire], time_s: float) -> tuple[Phones, ...]:
        """Phones near what goes on, every few minutes."""
        if time_s - self._phones_s < PHONES_EVERY_S:
            return ()
        self._phones_s = time_s
        people, of_day_s = self._world.people, self._world.time_of_day_s(time_s)
        lines = []
        for fire in fires:
            ring = fire.perimeter()
            if len(ring) >= 4:
                lines.append(self._count(fire.ignition.id, "fire", people.in_polygon(ring, of_day_s), time_s))
            around = people.in_circle(fire.ignition.position, AROUND_FIRE_M, of_day_s)
            lines.append(self._count(f"{fire.ignition.id}-around", "circle", around, time_s))
        for closure in closures:
            centre: Coordinate = self._world.closure_position(closure)
            around = people.in_circle(centre, AROUND_ROAD_M, of_day_s)
            lines.append(self._count(closure.id, "circle", around, time_s))
        return tuple(lines)

    def _count(self, area: str, kind: Literal["fire", "circle"], which: Bools, time_s: float) -> Phones:
        people = self._world.people
        by_cell = people.count_by_cell(which, self._world.time_of_day_s(time_s))
        return Phones(
            area=area,
            area_kind=kind,
            time=self._at(time_s),
            inside=round(people.count(which)),
            cells={cell: round(persons) for cell, persons in by_cell.items()},
        )

    def _receptions(self) -> Iterable[Reception]:
        for centre in self._centres:
            for one in centre.take_receptions():
                yield Reception(
                    message=one.message,
                    time=self._at(one.time_s),
                    phones={cell: round(persons) for cell, persons in one.phones.items()},
                    repeated=round(one.repeated),
                )


def _whole(closure: str) -> str | None:
    """Return what a closure is a part of, None for one of its own.

    Parts are called ``whole.part`` and ``slide-across``.
    """
    whole = closure.partition(".")[0].removesuffix(ACROSS)
    return None if whole == closure else whole


def _ended(slope: SlopeFailure, now: datetime) -> SlopeFailure:
    if slope.failure is not None:
        return slope
    return SlopeFailure(
        id=slope.id,
        lon_deg=slope.lon_deg,
        lat_deg=slope.lat_deg,
        creep_onset=slope.creep_onset,
        creep_end=now,
        links=slope.links,
    )
