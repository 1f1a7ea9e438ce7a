"""From vehicles on loops, step by step, to counts, speeds and occupancies of a period; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

MPS_TO_KMH = 3.6
_SAME_S = 1e-6
_SHORTEST_PASSAGE_S = 1e-3
"""Below this a passage has no speed: SUMO puts the same floor under its own. [s]"""


class Passage(NamedTuple):
    """A vehicle on a loop during the last step, as ``inductionloop.getVehicleData`` gives it.

    ``leave_s`` is negative while the vehicle is still there. All times in SUMO's time, to a fraction of the step. [s]
    """

    vehicle: str
    length_m: float
    enter_s: float
    leave_s: float
    kind: str


class LanePeriod(msgspec.Struct, frozen=True, array_like=True):
    """What one loop measured in one period; ``speed_kmh`` is None when nothing passed."""

    volume: int
    speed_kmh: float | None
    occupancy_pct: float
    heavy: int


@dataclass
class LoopTally:
    """Adds up what one loop sees.

    A vehicle counts in the period in which its rear leaves the loop, with the speed at which it went over it: its
    length and the loop's over the time between. This is how SUMO's own E1 output counts (``nVehContrib``), and mean
    speed is the arithmetic mean, as of a real station. A vehicle that changes lanes while it stands on the loop
    occupies it but is not counted: it is counted on the lane on which it leaves. Occupancy is exact: the share of
    the period, not of steps.

    Parameters
    ----------
    begin_s
        Start of the first period, in SUMO's time. [s]
    length_m
        Of the loop. [m]
    """

    begin_s: float
    length_m: float = 0.0
    _volume: int = field(default=0, init=False)
    _heavy: int = field(default=0, init=False)
    _speed_sum_kmh: float = field(default=0.0, init=False)
    _occupied_s: float = field(default=0.0, init=False)
    _there: dict[tuple[str, float], float] = field(default_factory=dict, init=False)
    """Vehicles on the loop at the end of the last step, and when they came. [s]"""
    _settled: frozenset[tuple[str, float]] = field(default=frozenset(), init=False)
    """Vehicles dealt with in the last step, which SUMO may name once more when they left at its very end."""

    def step(self, passages: Iterable[Passage], now_s: float, heavy: Iterable[bool]) -> None:
        """Take in what was on the loop in the step that ended at ``now_s``."""
        there: dict[tuple[str, float], float] = {}
        settled = set()
        for passage, is_heavy in zip(passages, heavy, strict=True):
            key = (passage.vehicle, passage.enter_s)
            if passage.leave_s < 0:
                there[key] = passage.enter_s
                continue
            if key in self._settled:
                continue
            settled.add(key)
            self._occupied_s += max(min(passage.leave_s, now_s) - max(passage.enter_s, self.begin_s), 0.0)
            # Whoever leaves sideways, at its destination or by teleport is said to leave at the end of the step.
            if passage.leave_s >= now_s - _SAME_S:
                continue
            self._volume += 1
            self._heavy += is_heavy
            over_s = max(passage.leave_s - passage.enter_s, _SHORTEST_PASSAGE_S)
            self._speed_sum_kmh += (passage.length_m + self.length_m) / over_s * MPS_TO_KMH
        self._there, self._settled = there, frozenset(settled)

    def close(self, now_s: float) -> LanePeriod:
        """End the period at ``now_s``, begin the next one, and return what was measured."""
        standing_s = sum(now_s - max(enter_s, self.begin_s) for enter_s in self._there.values())
        share = (self._occupied_s + standing_s) / (now_s - self.begin_s)
        result = LanePeriod(
            volume=self._volume,
            speed_kmh=round(self._speed_sum_kmh / self._volume, 3) if self._volume else None,
            occupancy_pct=round(min(max(100.0 * share, 0.0), 100.0), 3),
            heavy=self._heavy,
        )
        self.begin_s = now_s
        self._volume = self._heavy = 0
        self._speed_sum_kmh = self._occupied_s = 0.0
        return result
