"""How near the tails of queues, now and foretold, come to the true ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.incidents.corridors import Labelled
from benchmarks.incidents.match import Tolerances
from gwanje.calc.arrays import Corridor

Floats = NDArray[np.float64]

AHEAD_S = (300.0, 600.0, 900.0)


class Extent(NamedTuple):
    """A queue that a follower has found at an instant; chainages as in the corridor's layout [m]."""

    head_m: float
    tail_m: float
    predicted_m: tuple[float, float, float]
    """Tail 5, 10 and 15 minutes later; NaN where there is to be no queue."""


_Pair = tuple[float, float]
Follower = Callable[[Corridor], Iterable[tuple[float, Sequence[Extent]]]]


@dataclass
class Tails:
    """Errors so far, by source: found less true, positive downstream [m]."""

    truths: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    errors_m: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    foretold_m: dict[str, tuple[list[_Pair], list[_Pair], list[_Pair]]] = field(
        default_factory=lambda: defaultdict(lambda: ([], [], []))
    )
    """And those of a tail that would stay where it is."""

    def add(self, one: Labelled, found: Iterable[tuple[float, Sequence[Extent]]], tolerances: Tolerances) -> None:
        """Compare the queues of a corridor, as a follower gives them, with the true ones."""
        at = _true_queues(one, tolerances.tail_bridge_m)
        tail_of = {(queue.id, second): queue.tail_m for second, queues in at.items() for queue in queues}
        last_m = float(one.corridor.layout.chainage_m[-1])
        source = one.labels.source
        for time_s, extents in found:
            second = round(time_s)
            for queue in at.get(second, ()):
                head_m, tail_m = queue.head_m, queue.tail_m
                # What spills over the first station has its tail where nobody measures.
                if tail_m < 0.0 or tail_m > last_m or head_m - tail_m < tolerances.tail_length_m:
                    continue
                self.truths[source] += 1
                match = _of(extents, head_m, tail_m, tolerances.tail_place_m)
                if match is None:
                    continue
                self.errors_m[source].append(match.tail_m - tail_m)
                for errors, ahead_s, predicted_m in zip(
                    self.foretold_m[source], AHEAD_S, match.predicted_m, strict=True
                ):
                    later_m = tail_of.get((queue.id, second + round(ahead_s)))
                    if later_m is not None and later_m >= 0.0 and not np.isnan(predicted_m):
                        errors.append((predicted_m - later_m, match.tail_m - later_m))

    def figures(self) -> dict[str, dict[str, float]]:
        """Return the figures of each source and of all."""
        sources = sorted(self.truths)
        return {name: self._figures([name]) for name in sources} | ({"all": self._figures(sources)} if sources else {})

    def _figures(self, sources: list[str]) -> dict[str, float]:
        errors = np.array([error for name in sources for error in self.errors_m[name]])
        truths = sum(self.truths[name] for name in sources)
        figures = {"queue_periods": float(truths), "found": len(errors) / max(truths, 1)}
        figures |= _spread("tail_error", errors)
        for place, ahead_s in enumerate(AHEAD_S):
            pairs = [error for name in sources for error in self.foretold_m[name][place]]
            ahead, still = np.array(pairs).reshape(-1, 2).T
            figures |= _spread(f"tail_error_{ahead_s / 60:.0f}min", ahead)
            if len(still):
                figures[f"tail_if_still_{ahead_s / 60:.0f}min_median_m"] = float(np.median(np.abs(still)))
        return figures


class _True(NamedTuple):
    """A true queue at an instant; chainages as in the corridor's layout [m]."""

    tail_m: float
    head_m: float
    id: str


def _true_queues(one: Labelled, bridge_m: float) -> dict[int, list[_True]]:
    """Return the true queues by second, those joined between which traffic flows for a short way only."""
    at: dict[int, list[_True]] = defaultdict(list)
    for queue in one.labels.queues:
        tail_m, head_m = one.chainage_m(queue.tail_mile), one.chainage_m(queue.head_mile)
        at[round(queue.time_s)].append(_True(tail_m, head_m, queue.id))
    for second, queues in at.items():
        joined: list[_True] = []
        for part in sorted(queues):
            if joined and part.tail_m - joined[-1].head_m <= bridge_m:
                # The name of the part upstream: its tail is the tail.
                joined[-1] = joined[-1]._replace(head_m=max(joined[-1].head_m, part.head_m))
            else:
                joined.append(part)
        at[second] = joined
    return at


def _spread(name: str, errors_m: Floats) -> dict[str, float]:
    if not len(errors_m):
        return {}
    size = np.abs(errors_m)
    return {
        f"{name}_median_m": float(np.median(size)),
        f"{name}_p90_m": float(np.quantile(size, 0.9)),
        f"{name}_bias_m": float(np.median(errors_m)),
    }


def _of(extents: Sequence[Extent], head_m: float, tail_m: float, place_m: float) -> Extent | None:
    """Return the queue that overlaps the true one most, or failing that the one with the nearest head."""
    best, most = None, 0.0
    for each in extents:
        overlap = min(each.head_m, head_m) - max(each.tail_m, tail_m)
        if overlap > most:
            best, most = each, overlap
    if best is not None or not extents:
        return best
    near = min(extents, key=lambda each: abs(each.head_m - head_m))
    return near if abs(near.head_m - head_m) <= place_m else None
