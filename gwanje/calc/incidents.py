"""``gwanje calc incidents``: alarms on a detector array, in the order in which a live system would have known them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

import msgspec

from engine.traffic.health.reasons import HealthThresholds
from engine.traffic.health.step import HealthState, health_step
from engine.traffic.incidents.detect import (
    Change,
    Incident,
    IncidentState,
    News,
    confidence_of,
    detect_incidents,
)
from engine.traffic.incidents.scales import Scales
from engine.traffic.incidents.thresholds import IncidentThresholds
from gwanje.calc.arrays import Corridor
from gwanje.calc.watching import add_options, corridor_from, seconds_of
from ingest.thresholds import load_group, load_thresholds

_NS = 1e9


class ReceiptOfIncident(msgspec.Struct, frozen=True, kw_only=True):
    """What raised the alarm, beside what it was held against."""

    evidence: float
    alarm_evidence: float
    missing_vehicles_sigmas: float
    """Went in upstream and did not come out downstream."""
    came_out_ratio: float
    discharge_sigmas: float
    discharge_drop: float
    upstream_free_ratio: float
    downstream_free_ratio: float


class IncidentLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of output."""

    detected_time_s: float
    onset_time_s: float
    between_milemarkers: tuple[float, float]
    kind: str
    confidence: float
    receipt: ReceiptOfIncident
    incident: int
    change: str
    lanes: tuple[int, ...]
    chainage_m: float

    @property
    def detected_s(self) -> float:
        """As ``detected_time_s``, for scorers; the unit is [s]."""
        return self.detected_time_s

    @property
    def onset_s(self) -> float:
        """As ``onset_time_s``, for scorers; the unit is [s]."""
        return self.onset_time_s


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_options(parser)
    parser.add_argument("--all", action="store_true", help="print updates and ends too, not alarms alone")
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    """Print one JSON object a line."""
    corridor = corridor_from(parsed)
    thresholds = load_group(IncidentThresholds, "traffic_incidents")
    for time_s, news in follow(corridor, thresholds, seconds_of(parsed.local_start)):
        if parsed.all or news.change is Change.OPENED:
            line = line_of(time_s, news, corridor, thresholds)
            sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
    return 0


def detect(corridor: Corridor) -> list[IncidentLine]:
    """Return all alarms of a corridor."""
    thresholds = load_group(IncidentThresholds, "traffic_incidents")
    return [
        line_of(time_s, news, corridor, thresholds)
        for time_s, news in follow(corridor, thresholds)
        if news.change is Change.OPENED
    ]


def follow(
    corridor: Corridor, thresholds: IncidentThresholds, local_start_s: float = 0.0
) -> Iterator[tuple[float, News]]:
    """Give every change with the time at which it was known; nothing looks ahead."""
    scales = Scales.of(corridor.layout)
    n_lane = corridor.series.volume.shape[2]
    traffic, rules = load_thresholds().traffic, load_group(HealthThresholds, "traffic_health")
    lanes, state = HealthState.initial(corridor.layout, n_lane), IncidentState.initial(scales, n_lane)
    for frame in corridor.series.frames():
        lanes, health = health_step(lanes, frame, corridor.layout, rules, traffic, local_start_s)
        state, news = detect_incidents(state, frame, health.excluded, scales, thresholds)
        for one in news:
            yield frame.time_ns / _NS, one


def line_of(time_s: float, news: News, corridor: Corridor, thresholds: IncidentThresholds) -> IncidentLine:
    """Put a change into words of milemarkers and seconds."""
    incident = news.incident
    between = corridor.milemarker[[incident.first, incident.last]]
    middle = (corridor.layout.chainage_m[incident.first] + corridor.layout.chainage_m[incident.last]) / 2.0
    return IncidentLine(
        detected_time_s=time_s,
        onset_time_s=incident.onset_ns / _NS,
        between_milemarkers=(float(between.min()), float(between.max())),
        kind="incident",
        confidence=round(confidence_of(incident.evidence, thresholds.alarm_evidence.value), 3),
        receipt=_receipt(incident, thresholds),
        incident=incident.number,
        change=news.change.value,
        lanes=incident.lanes,
        chainage_m=round(float(middle), 1),
    )


def _receipt(incident: Incident, thresholds: IncidentThresholds) -> ReceiptOfIncident:
    sign = incident.sign
    return ReceiptOfIncident(
        evidence=round(incident.evidence, 2),
        alarm_evidence=thresholds.alarm_evidence.value,
        missing_vehicles_sigmas=sign.balance_sigmas,
        came_out_ratio=sign.balance_ratio,
        discharge_sigmas=sign.discharge_sigmas,
        discharge_drop=sign.discharge_drop,
        upstream_free_ratio=sign.upstream_free_ratio,
        downstream_free_ratio=sign.downstream_free_ratio,
    )
