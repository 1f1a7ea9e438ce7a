"""What is so in a SUMO simulation: the lanes that are blocked, and where the traffic queues."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby

import msgspec
import numpy as np
from numpy.typing import NDArray

from simulators.devices.endpoint import Timebase
from simulators.sumo import queues
from simulators.sumo.incidents import Incident
from simulators.sumo.queues import Stretch, Stretches
from simulators.sumo.region import PERIOD_S, SumoRegion
from simulators.sumo.roads import SumoRoad
from simulators.sumo.tally import LanePeriod
from simulators.sumo.wire import Note, Seen
from simulators.truth import records
from simulators.truth.recorder import QueueNow, Snapshot
from simulators.truth.records import Spot

HEAD_WITHIN_M = 400.0
"""An incident this near to a queue's head, along the road, is its cause; two cells, own construction. [m]"""
_S_PER_H = 3_600.0


class SumoTruth:
    """Keeps the truth of a run.

    Parameters
    ----------
    region, roads, incidents
        Of the simulation.
    time
        When it started.

    Attributes
    ----------
    watched : tuple of str
        Edges whose vehicles `snapshot` wants to know: those of the roads' directions that have a detection station.
    incidents : dict of str to Incident
        Every incident that has happened, by identifier: with its end once it is over. The start is when the first
        vehicle stood, which is later than its ``at_s`` by the time that it took to find one and to brake.
    """

    def __init__(
        self, region: SumoRegion, roads: Sequence[SumoRoad], incidents: Sequence[Incident], time: Timebase
    ) -> None:
        self._region = region
        self._time = time
        self._plan = {incident.id: incident for incident in incidents}
        self.incidents: dict[str, records.Incident] = {}
        measured = {one.station.link for one in region.stations}
        self._stretches = Stretches.build(
            [
                chain.edges
                for road in roads
                for chain in (road.down, road.up)
                if chain is not None and any(region.links[edge.id].id in measured for edge in chain.edges)
            ]
        )
        self.watched = self._stretches.edges
        self._follower = queues.Follower()
        self._looks: deque[tuple[float, NDArray[np.float64], NDArray[np.float64]]] = deque()
        self._causes: dict[str, str] = {}
        self._flow_veh_h_lane: dict[str, float] = {}

    def measure(self, lanes: Sequence[LanePeriod]) -> None:
        """Take in what the loops measured in a period: the traffic at an incident's onset."""
        at = 0
        for one in self._region.stations:
            own = lanes[at : at + len(one.loops)]
            at += len(one.loops)
            volume = sum(lane.volume for lane in own)
            self._flow_veh_h_lane[one.station.id] = volume * _S_PER_H / PERIOD_S / len(own)

    def note(self, notes: Sequence[Note]) -> None:
        """Take in what became of incidents."""
        for (name, time_s, blocked), same in groupby(
            notes, key=lambda note: (note.incident, note.time_s, note.blocked)
        ):
            plan = self._plan[name]
            number = self._region.network.edges[plan.edge].lane_number
            lanes = {number(note.lane) for note in same}
            known = self.incidents.get(name)
            before = set() if known is None or known.end is not None else set(known.lanes)
            after = before | lanes if blocked else before - lanes
            if known is None:
                known = self._incident(plan, self._time.at(time_s))
            if after:
                # A place whose last vehicle was lost and replaced is blocked by the same incident again.
                self.incidents[name] = self._with_lanes(known, after)
            else:
                # The last word on an incident keeps the lanes that it blocked to the end.
                self.incidents[name] = msgspec.structs.replace(known, end=self._time.at(time_s))

    def snapshot(self, time_s: float, seen: Seen) -> Snapshot:
        """Return what is so, given where the vehicles are.

        Parameters
        ----------
        time_s
            Simulation time; a second look at the same instant changes nothing. [s]
        seen
            Vehicles on the watched edges.
        """
        active = {name: one for name, one in self.incidents.items() if one.end is None}
        return Snapshot(incidents=tuple(active.values()), queues=self._queues(time_s, seen, active))

    def _incident(self, plan: Incident, time: datetime) -> records.Incident:
        link, offset_m, (lon, lat) = self._region.place(plan.edge, plan.pos_m)
        return records.Incident(
            id=plan.id,
            cause="crash",
            link=link.id,
            offset_m=round(offset_m, 1),
            lon_deg=lon,
            lat_deg=lat,
            lanes=(),
            all_lanes=False,
            road=link.road,
            direction=link.direction,
            district=link.district,
            start=time,
            flow_veh_h_lane=self._flow_at(plan.edge, plan.pos_m),
        )

    def _with_lanes(self, known: records.Incident, lanes: set[int]) -> records.Incident:
        total = self._region.links[self._plan[known.id].edge].lanes
        return msgspec.structs.replace(known, lanes=tuple(sorted(lanes)), all_lanes=len(lanes) == total, end=None)

    def _flow_at(self, edge: str, pos_m: float) -> float | None:
        """Flow per lane of the last period at the nearest station behind the place, else ahead of it [veh/h]."""
        here = self._stretches.along(edge, pos_m)
        if here is None:
            return None
        found = []
        for one in self._region.stations:
            loop = one.loops[0][1]
            there = self._stretches.along(loop.edge, loop.pos_m)
            if there is not None and there[0] == here[0] and one.station.id in self._flow_veh_h_lane:
                behind_m = here[1] - there[1]
                found.append((behind_m < 0, abs(behind_m), one.station.id))
        return round(self._flow_veh_h_lane[min(found)[2]], 1) if found else None

    def _queues(self, time_s: float, seen: Seen, active: dict[str, records.Incident]) -> tuple[QueueNow, ...]:
        stretches = self._stretches
        if not self._looks or time_s > self._looks[-1][0]:
            self._looks.append((time_s, *stretches.count(seen)))
        while self._looks[0][0] < time_s - queues.AVERAGE_S:
            self._looks.popleft()
        vehicles = np.mean([look[1] for look in self._looks], axis=0)
        speed_sum = np.mean([look[2] for look in self._looks], axis=0)
        found = []
        for name, run in self._follower.follow(stretches.congested(vehicles, speed_sum)):
            if name not in self._causes and (cause := self._cause(run, active)) is not None:
                self._causes[name] = cause
            first = stretches.edge_at(run.tail_m, run.chain)
            link = self._region.links[first]
            cells = slice(run.first, run.last + 1)
            found.append(
                QueueNow(
                    id=name,
                    cause=self._causes.get(name),
                    road=link.road,
                    direction=link.direction,
                    head=self._spot(run.head_m, run.chain),
                    tail=self._spot(run.tail_m, run.chain),
                    length_m=round(run.head_m - run.tail_m, 1),
                    speed_kmh=round(float(speed_sum[cells].sum() / vehicles[cells].sum()) * 3.6, 1),
                )
            )
        return tuple(found)

    def _cause(self, run: Stretch, active: dict[str, records.Incident]) -> str | None:
        near = []
        for name in active:
            plan = self._plan[name]
            place = self._stretches.along(plan.edge, plan.pos_m)
            if place is not None and place[0] == run.chain and abs(place[1] - run.head_m) <= HEAD_WITHIN_M:
                near.append((abs(place[1] - run.head_m), name))
        return min(near)[1] if near else None

    def _spot(self, along_m: float, chain: int) -> Spot:
        edge = self._stretches.edge_at(along_m, chain)
        offset_m = self._stretches.offset_m(edge, along_m)
        link, (lon, lat) = self._region.links[edge], self._region.position(edge, offset_m)
        return Spot(lon_deg=lon, lat_deg=lat, link=link.id, offset_m=round(offset_m, 1))
