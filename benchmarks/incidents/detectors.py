"""The detectors under test, as the score sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Protocol

import numpy as np

from engine.traffic.california import CaliforniaThresholds, california
from gwanje.calc.arrays import Corridor
from ingest.thresholds import load_group

COUNTS = "incident"
"""Alarms of this kind count."""


class Alarm(Protocol):
    """What a detector says; chainages as in the corridor's layout."""

    @property
    def detected_s(self) -> float:
        """When a live system would have said it; on the array's clock."""

    @property
    def onset_s(self) -> float:
        """When it thinks that it began."""

    @property
    def chainage_m(self) -> float:
        """Where."""

    @property
    def kind(self) -> str:
        """``incident`` for an alarm that counts."""


Detector = Callable[[Corridor], Iterable[Alarm]]


@dataclass(frozen=True)
class Raised:
    """An alarm of the baseline."""

    detected_s: float
    onset_s: float
    chainage_m: float
    kind: str = COUNTS
    confidence: float = 1.0


def california7(corridor: Corridor) -> list[Raised]:
    """Run California algorithm #7 on the mean occupancy of the lanes."""
    occupancy = corridor.series.occupancy_pct
    known = ~np.isnan(occupancy)
    count = known.sum(axis=2)
    mean = np.divide(
        np.where(known, occupancy, 0.0).sum(axis=2), count, out=np.full(count.shape, np.nan), where=count > 0
    )
    layout = corridor.layout
    found = california(mean, layout, load_group(CaliforniaThresholds, "traffic_california"))
    period_s = corridor.series.period_s
    return [
        Raised(
            detected_s=float(corridor.time_s[place]),
            onset_s=float(corridor.time_s[place]) - 2.0 * period_s,
            chainage_m=float(layout.chainage_m[[station, layout.down[station]]].mean()),
        )
        for place, station in np.argwhere(found).tolist()
    ]


def detectors() -> dict[str, Detector]:
    """Return the detectors that there are; ``gwanje`` only where it has been built."""
    found: dict[str, Detector] = {}
    if find_spec("gwanje.calc.incidents") is not None:
        found["gwanje"] = import_module("gwanje.calc.incidents").detect
    return found | {"california7": california7}
