"""What the engine does once a detection period: incidents and the ends of queues, out of samples as they come."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.findings import Finding
from engine.tables import StationTable
from engine.thresholds import Sourced, TrafficThresholds
from engine.traffic.cycles import CycleState, collect
from engine.traffic.frame import Frame, station_frame
from engine.traffic.fronts.extent import QueueExtents, queue_extents
from engine.traffic.fronts.fronts import FrontState, follow_fronts
from engine.traffic.fronts.thresholds import FrontThresholds
from engine.traffic.health.reasons import HealthThresholds
from engine.traffic.health.step import HealthState, health_step
from engine.traffic.incidents.detect import Change, Incident, IncidentState, detect_incidents
from engine.traffic.incidents.findings import finding_of
from engine.traffic.incidents.scales import Scales
from engine.traffic.incidents.thresholds import IncidentThresholds
from engine.traffic.stations import StationState
from sensors.columns import VdsColumns

Ints = NDArray[np.int64]

_NS = 1_000_000_000


@dataclass(frozen=True)
class CycleThresholds:
    """Of the parts that work by the period."""

    traffic: TrafficThresholds
    health: HealthThresholds
    fronts: FrontThresholds
    incidents: IncidentThresholds
    grace_s: Sourced
    """How long a period waits for stations that are late."""
    report_every_s: Sourced


@dataclass(frozen=True)
class LiveTraffic:
    """What is remembered from one period to the next, and what is known of the newest."""

    cycle: CycleState
    health: HealthState
    fronts: FrontState
    incidents: IncidentState
    findings: tuple[Finding, ...]
    """Of the incidents that are being followed, in their order."""
    extents: QueueExtents

    @classmethod
    def initial(cls, scales: Scales, n_lane: int) -> LiveTraffic:
        """Return the state before any sample."""
        n_station = len(scales.fine)
        return cls(
            cycle=CycleState.initial(n_station, n_lane),
            health=HealthState.initial(scales.fine, n_lane),
            fronts=FrontState.initial(scales.fine),
            incidents=IncidentState.initial(scales, n_lane),
            findings=(),
            extents=QueueExtents.none(),
        )


def update_traffic(
    state: LiveTraffic,
    samples: VdsColumns,
    newest: StationState,
    now_ns: int,
    scales: Scales,
    stations: StationTable,
    utc_offset_s: float,
    thresholds: CycleThresholds,
) -> tuple[LiveTraffic, list[Finding]]:
    """Take in samples and work through the periods that they complete.

    Parameters
    ----------
    state : LiveTraffic
    samples : VdsColumns
    newest : StationState
        After these samples; says which are the newest of each station.
    now_ns : int
        Engine time. [ns since 1970 UTC]
    scales : Scales
    stations : StationTable
        That the scales were made from.
    utc_offset_s : float
        Local time less UTC, for rules that hold by day. [s]
    thresholds : CycleThresholds

    Returns
    -------
    LiveTraffic
    findings : list of Finding
        Incidents that opened, changed or ended, and those whose turn it is to be said again.

    Source
    ------
    Own construction.
    """
    cycle, frames = collect(state.cycle, samples, now_ns, scales.fine, thresholds.grace_s.value)
    health, fronts, incidents, extents = state.health, state.fronts, state.incidents, state.extents
    said = {finding.id: finding for finding in state.findings}
    spoken: list[Finding] = []
    for frame in frames:
        health, verdict = health_step(health, frame, scales.fine, thresholds.health, thresholds.traffic, utc_offset_s)
        believed = _without(frame, verdict.excluded)
        fronts, extents = _queues(fronts, believed, scales, thresholds)
        incidents, news = detect_incidents(incidents, frame, verdict.excluded, scales, thresholds.incidents)
        for change, incident in news:
            finding = _finding(incident, change is not Change.CLOSED, now_ns, newest, scales, stations, thresholds)
            spoken.append(finding)
            if change is Change.CLOSED:
                said.pop(finding.id, None)
            else:
                said[finding.id] = finding
    if frames:
        spoken_now = {finding.id for finding in spoken}
        for incident in incidents.incidents:
            finding = _finding(incident, True, now_ns, newest, scales, stations, thresholds)
            due_ns = said[finding.id].updated_ns + int(thresholds.report_every_s.value * _NS)
            if finding.id not in spoken_now and now_ns >= due_ns:
                spoken.append(finding)
                said[finding.id] = finding
    return LiveTraffic(cycle, health, fronts, incidents, tuple(said.values()), extents), spoken


def _without(frame: Frame, excluded: NDArray[np.bool_]) -> Frame:
    volume, speed, occupancy = (
        np.where(excluded, np.nan, lanes) for lanes in (frame.volume, frame.speed_kmh, frame.occupancy_pct)
    )
    return Frame(frame.time_ns, frame.period_s, volume, speed, occupancy)


def _queues(
    fronts: FrontState, frame: Frame, scales: Scales, thresholds: CycleThresholds
) -> tuple[FrontState, QueueExtents]:
    traffic = thresholds.traffic
    sums = station_frame(frame, traffic.effective_length_m.value, traffic.jam_occupancy_pct.value)
    fronts = follow_fronts(fronts, sums, scales.fine, thresholds.fronts)
    return fronts, queue_extents(fronts, scales.fine, thresholds.fronts)


def _finding(
    incident: Incident,
    active: bool,
    now_ns: int,
    newest: StationState,
    scales: Scales,
    stations: StationTable,
    thresholds: CycleThresholds,
) -> Finding:
    first, last = (int(newest.seq[scales.fine.row[place]]) for place in (incident.first, incident.last))
    return finding_of(incident, active, now_ns, scales.fine, stations, thresholds.incidents, (first, last))
