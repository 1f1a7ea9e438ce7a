"""A scenario in a region: what the world does, and what devices report beyond what they measure."""

from __future__ import annotations

from dataclasses import dataclass

from config.catalogue.model import Catalogue
from sensors.observations import CctvEventKind
from simulators.errors import ScenarioError
from simulators.placement.crash import PlacedCrash, place_crash
from simulators.placement.fire import place_fire
from simulators.scenario import Crash, FalseDetection, Fire, Scenario, SlopeCreep
from simulators.world.corridors import Corridors
from simulators.world.demand import Demand
from simulators.world.fire import FireSource
from simulators.world.region import Creep, Happenings

STOPPED_AFTER_S = (15.0, 35.0, 55.0)
STOPPED_CONFIDENCE = (0.62, 0.79, 0.91)
STOPPED_EVERY_S = 120.0
"""When a camera reports a stopped vehicle after it stopped, how sure it is, and how often it says so again [s]."""


@dataclass(frozen=True)
class CameraFinding:
    """Something that the analysis of one camera's picture finds at one instant."""

    camera: str
    at_s: float
    event: CctvEventKind
    confidence: float
    lane: int | None


@dataclass(frozen=True)
class FalseSighting:
    """Something that one tower takes for smoke."""

    tower: str
    at_s: float
    azimuth_deg: float
    confidence: float
    bearings: int


@dataclass(frozen=True)
class Script:
    """A scenario's events at their places."""

    happenings: Happenings
    crashes: tuple[PlacedCrash, ...]
    findings: tuple[CameraFinding, ...]
    false_sightings: tuple[FalseSighting, ...]


def place_events(scenario: Scenario, catalogue: Catalogue, corridors: Corridors, demand: Demand) -> Script:
    """Find the places of a scenario's events in a region.

    Raises
    ------
    ScenarioError
        If the region has no place for one of them.
    """
    crashes: list[PlacedCrash] = []
    fires: list[FireSource] = []
    creeps: list[Creep] = []
    false: list[FalseDetection] = []
    for event in scenario.event:
        match event:
            case Crash():
                at = scenario.time_of_day_s + event.at_s
                crashes.append(place_crash(event, catalogue, corridors, demand, at))
            case Fire():
                fires.append(place_fire(event, catalogue))
            case SlopeCreep():
                creeps.append(_place_creep(event, catalogue))
            case FalseDetection():
                false.append(event)
    return Script(
        happenings=Happenings(tuple(crash.closure for crash in crashes), tuple(fires), tuple(creeps)),
        crashes=tuple(crashes),
        findings=tuple(finding for crash in crashes for finding in _stopped_vehicle(crash)),
        false_sightings=tuple(_place_false(event, catalogue, fires) for event in false),
    )


def _place_creep(event: SlopeCreep, catalogue: Catalogue) -> Creep:
    for index, node in enumerate(catalogue.slope):
        if node.id == event.node:
            return Creep(index, event.rate_deg_h, event.at_s, event.at_s + event.duration_s)
    raise ScenarioError(f"slope_creep: node: expected a slope node of region {catalogue.id}, was {event.node!r}")


def _stopped_vehicle(crash: PlacedCrash) -> list[CameraFinding]:
    start, end = crash.closure.from_s, crash.closure.until_s
    lane = min(crash.closure.lanes)
    told = list(zip(STOPPED_AFTER_S, STOPPED_CONFIDENCE, strict=True))
    again = STOPPED_AFTER_S[-1] + STOPPED_EVERY_S
    while start + again < end:
        told.append((again, STOPPED_CONFIDENCE[-1]))
        again += STOPPED_EVERY_S
    return [
        CameraFinding(crash.camera, start + after, "stopped_vehicle", confidence, lane)
        for after, confidence in told
        if start + after < end
    ]


def _place_false(event: FalseDetection, catalogue: Catalogue, fires: list[FireSource]) -> FalseSighting:
    """Choose the tower that is mistaken: the furthest from the fire that does not see it, looking away from it."""
    if not catalogue.tower:
        raise ScenarioError(f"false_detection: expected a watchtower in region {catalogue.id}, was none")
    tower, azimuth = 0, 45.0
    if fires:
        seen = fires[0].visible(event.at_s)
        order = sorted(range(len(catalogue.tower)), key=lambda i: (bool(seen[i]), -float(fires[0].distance_m[i])))
        tower = order[0]
        azimuth = (float(fires[0].azimuth_deg[tower]) + 150.0) % 360.0
    return FalseSighting(catalogue.tower[tower].id, event.at_s, azimuth, event.confidence, event.bearings)
