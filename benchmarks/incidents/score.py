"""Detection rates, times and false alarms of detectors over a corpus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.incidents.corridors import Labelled
from benchmarks.incidents.detectors import Detector
from benchmarks.incidents.labels import Incident
from benchmarks.incidents.match import FalseAlarm, Outcome, Tolerances, match

HEAVY_VEH_H_LANE = 800.0
"""The issue asks for incidents in traffic above this."""
_FLOWS = (0.0, 400.0, 800.0, 1_200.0, 1_600.0, np.inf)
_LOADS = (0.0, 1.0, 1.3, 2.0, np.inf)
"""Steps of `Incident.demand_over_left`: below 1 no queue grows, just above it hardly one."""
_DAY_100_KM = 24.0 * 100.0


def asked(incident: Incident) -> bool:
    """Whether an incident is one of those that the issue asks to be found."""
    return bool(incident.lanes_blocked) and incident.flow_veh_h_lane > HEAVY_VEH_H_LANE


@dataclass
class Score:
    """Of one detector, over what it has seen so far."""

    outcomes: list[Outcome] = field(default_factory=list)
    false_alarms: list[FalseAlarm] = field(default_factory=list)
    duplicates: int = 0
    work_zones: int = 0
    km_h: dict[str, float] = field(default_factory=dict)
    hours_without: float = 0.0
    hours: float = 0.0

    def add(self, one: Labelled, detector: Detector, tolerances: Tolerances) -> None:
        """Run a detector on a corridor and match what it says."""
        found = match(one, detector(one.corridor), tolerances)
        source = one.labels.source
        self.outcomes += found.outcomes
        self.false_alarms += found.false_alarms
        self.duplicates += found.duplicates
        self.work_zones += found.work_zones
        self.km_h[source] = self.km_h.get(source, 0.0) + one.km_h
        self.hours += one.labels.hours
        self.hours_without += 0.0 if one.labels.incidents else one.labels.hours

    def rows(self) -> dict[str, dict[str, float]]:
        """Return the figures by group of incidents; the first is the one that the issue asks for."""
        groups: dict[str, Callable[[Outcome], bool]] = {
            "asked": lambda one: asked(one.incident),
            "asked, not in a queue": lambda one: asked(one.incident) and not one.incident.in_queue,
            "asked, in a queue": lambda one: asked(one.incident) and one.incident.in_queue,
        }
        for low, high in pairwise(_LOADS):
            groups[f"asked, flow over capacity left {low:g}–{high:g}"] = _of_load(low, high)
        for source in sorted(self.km_h):
            groups[f"asked, {source}"] = _of_source(source)
        sizes = sorted({(one.incident.lanes, len(one.incident.lanes_blocked)) for one in self.outcomes})
        for lanes, blocked in sizes:
            groups[f"{blocked} of {lanes} lanes"] = _of_size(lanes, blocked)
        for low, high in pairwise(_FLOWS):
            groups[f"{low:.0f}–{high:.0f} veh/h/lane"] = _of_flow(low, high)
        groups["all"] = lambda _: True
        return {name: figures([one for one in self.outcomes if keep(one)]) for name, keep in groups.items()}

    def alarms(self) -> dict[str, Any]:
        """Return the figures of false alarms."""
        by_source = Counter(one.source for one in self.false_alarms)
        return {
            "corridor_hours": self.hours,
            "hours_without_incident": self.hours_without,
            "days_100_km": sum(self.km_h.values()) / _DAY_100_KM,
            "false_alarms": len(self.false_alarms),
            "false_per_day_100_km": len(self.false_alarms) * _DAY_100_KM / max(sum(self.km_h.values()), 1e-9),
            **{
                f"false_per_day_100_km_{source}": by_source[source] * _DAY_100_KM / max(km_h, 1e-9)
                for source, km_h in sorted(self.km_h.items())
            },
            "recurrent_as_incident": sum(one.of == "recurrent" for one in self.false_alarms),
            "duplicates": self.duplicates,
            "at_work_zones": self.work_zones,
            "false_by_reason": dict(Counter(one.of for one in self.false_alarms).most_common()),
        }

    def report(self) -> dict[str, Any]:
        """Return everything, for machines."""
        return {
            "groups": self.rows(),
            "alarms": self.alarms(),
            "missed": [
                {"corridor": one.corridor, "id": one.incident.id, "time_s": one.incident.onset_s,
                 "mile": one.incident.milemarker, "lanes": one.incident.lanes,
                 "blocked": len(one.incident.lanes_blocked), "flow_veh_h_lane": one.incident.flow_veh_h_lane,
                 "in_queue": one.incident.in_queue, "demand_over_left": one.incident.demand_over_left}
                for one in self.outcomes if one.delay_s is None and asked(one.incident)
            ],
            "false": [
                {"corridor": one.corridor, "time_s": one.detected_s, "mile": one.mile, "of": one.of}
                for one in self.false_alarms
            ],
        }  # fmt: skip


def figures(outcomes: Iterable[Outcome]) -> dict[str, float]:
    """Return number, rate and times of a group of incidents; a missed one counts in no time."""
    every = list(outcomes)
    delays = np.array([one.delay_s for one in every if one.delay_s is not None])
    places = np.array([one.place_error_m for one in every if one.place_error_m is not None])
    row = {"incidents": float(len(every)), "found": float(len(delays))}
    if every:
        row["rate"] = len(delays) / len(every)
    if len(delays):
        row |= {
            "delay_median_s": float(np.median(delays)),
            "delay_p95_s": float(np.quantile(delays, 0.95)),
            "place_error_median_m": float(np.median(places)),
        }
    return row


def _of_source(source: str) -> Callable[[Outcome], bool]:
    return lambda one: asked(one.incident) and one.source == source


def _of_load(low: float, high: float) -> Callable[[Outcome], bool]:
    return lambda one: asked(one.incident) and low <= one.incident.demand_over_left < high


def _of_size(lanes: int, blocked: int) -> Callable[[Outcome], bool]:
    return lambda one: one.incident.lanes == lanes and len(one.incident.lanes_blocked) == blocked


def _of_flow(low: float, high: float) -> Callable[[Outcome], bool]:
    return lambda one: bool(one.incident.lanes_blocked) and low <= one.incident.flow_veh_h_lane < high
