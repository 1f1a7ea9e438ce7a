"""Incidents inside SUMO: a vehicle of the flow stops on each lane, and goes on when the time is over."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from simulators.sumo.wire import IncidentSpec, Note

FIRM_DECEL_MPS2 = 3.0
"""A vehicle is told to stop only where it can with this deceleration: firm, short of an emergency; own choice."""
MARGIN_M = 15.0
"""And this much further away: SUMO plans for whole steps. [m]"""
CHANGE_LANE_M = 150.0
"""Further away still for one that has to change lanes to get there; own choice. [m]"""
GIVE_UP_S = 90.0
"""A vehicle that does not stand by then did not get there; another is asked. Own choice. [s]"""
_FOR_EVER_S = 1e7


@dataclass
class _Slot:
    """One lane of an incident."""

    lane: int
    vehicle: str | None = None
    asked_s: float = 0.0
    standing: bool = False


@dataclass
class StoppedVehicles:
    """Carries out incidents.

    Parameters
    ----------
    sumo
        The module ``libsumo`` with a simulation loaded.
    incidents
        What shall happen.
    begin_s
        SUMO's time at the run's begin. [s]
    """

    sumo: Any
    incidents: tuple[IncidentSpec, ...]
    begin_s: float
    _slots: dict[str, list[_Slot]] = field(default_factory=dict, init=False)
    _until_s: dict[str, float] = field(default_factory=dict, init=False)
    _over: set[str] = field(default_factory=set, init=False)

    def step(self, now_s: float) -> list[Note]:
        """Look after every incident after a step that ended at ``now_s``, in seconds since the run's begin."""
        notes: list[Note] = []
        for incident in self.incidents:
            if now_s >= incident.at_s and incident.id not in self._over:
                notes += self._look_after(incident, now_s)
        return notes

    def _look_after(self, incident: IncidentSpec, now_s: float) -> list[Note]:
        slots = self._slots.setdefault(incident.id, [_Slot(lane) for lane in incident.lanes])
        # Until the first vehicle stands there is nothing to end; without traffic it is given up after its duration.
        until_s = self._until_s.get(incident.id, incident.at_s + incident.duration_s)
        if now_s >= until_s:
            self._over.add(incident.id)
            return [note for slot in slots for note in self._release(incident, slot, now_s)]
        notes: list[Note] = []
        for slot in slots:
            if slot.vehicle is None:
                self._ask(incident, slot, now_s)
            elif not slot.standing:
                if self._stands(slot.vehicle):
                    slot.standing = True
                    self._until_s.setdefault(incident.id, now_s + incident.duration_s)
                    notes.append(Note(incident=incident.id, lane=slot.lane, blocked=True, time_s=now_s))
                elif now_s - slot.asked_s > GIVE_UP_S or not self._planned(slot.vehicle):
                    self._release(incident, slot, now_s)
            elif not self._stands(slot.vehicle):
                # Removed by the simulation (a collision, a teleport): the lane is free.
                notes += self._release(incident, slot, now_s)
        return notes

    def _ask(self, incident: IncidentSpec, slot: _Slot, now_s: float) -> None:
        taken = {other.vehicle for slots in self._slots.values() for other in slots}
        lane = f"{incident.edge}_{slot.lane}"
        candidates = []
        for edge in incident.upstream:
            for vehicle in self.sumo.edge.getLastStepVehicleIDs(edge):
                if vehicle in taken or self.sumo.vehicle.getStops(vehicle, 1):
                    continue
                distance_m = self.sumo.vehicle.getDrivingDistance(vehicle, incident.edge, incident.pos_m, slot.lane)
                speed_mps = self.sumo.vehicle.getSpeed(vehicle)
                needed_m = speed_mps**2 / (2.0 * FIRM_DECEL_MPS2) + MARGIN_M
                if self.sumo.vehicle.getLaneID(vehicle) != lane:
                    needed_m += CHANGE_LANE_M
                # Unreachable places are at an absurd, negative distance.
                if needed_m <= distance_m < 1e5:
                    candidates.append((distance_m, vehicle))
            if candidates:
                break
        for _, vehicle in sorted(candidates):
            try:
                self.sumo.vehicle.setStop(vehicle, incident.edge, incident.pos_m, slot.lane, _FOR_EVER_S)
            except self.sumo.TraCIException:
                # Its route does not lead there, or its class may not use the lane.
                continue
            slot.vehicle, slot.asked_s = vehicle, now_s
            return

    def _release(self, incident: IncidentSpec, slot: _Slot, now_s: float) -> list[Note]:
        vehicle, standing = slot.vehicle, slot.standing
        slot.vehicle, slot.standing = None, False
        if vehicle is not None and self._there(vehicle):
            try:
                if self.sumo.vehicle.isStopped(vehicle):
                    self.sumo.vehicle.resume(vehicle)
                elif self._planned(vehicle):
                    self.sumo.vehicle.replaceStop(vehicle, 0, "")
            except self.sumo.TraCIException:
                # It went on by itself in this very step.
                pass
        return [Note(incident=incident.id, lane=slot.lane, blocked=False, time_s=now_s)] if standing else []

    def _there(self, vehicle: str) -> bool:
        return vehicle in self.sumo.vehicle.getIDList()

    def _stands(self, vehicle: str) -> bool:
        return self._there(vehicle) and bool(self.sumo.vehicle.isStopped(vehicle))

    def _planned(self, vehicle: str) -> bool:
        return self._there(vehicle) and bool(self.sumo.vehicle.getStops(vehicle, 1))
