"""Where queues truly stand: the truth that findings about queues are scored against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from simulators.world.happenings import Closure
from simulators.world.roads.grid import Grid, Ints

Floats = NDArray[np.float64]

SLOW_FRACTION = 0.5
"""Share of free speed below which dense traffic is a queue; own construction [-]."""
BRIDGED_CELLS = 2
"""Gaps of at most this many cells do not part a queue; own construction."""
MOST_ROADS = 4
"""Roads that the cause of a queue is followed over; own construction."""
CAUSE_CELLS = 2
"""Cells between a queue's head and the closure that it stands behind, at most; own construction."""


@dataclass(frozen=True)
class QueueExtent:
    """One queue at one instant.

    Attributes
    ----------
    name
        The same for as long as the queue lasts.
    road, direction
        The run it stands on.
    head, tail
        Link and offset of its downstream and its upstream end. [m]
    length_m
        Along the road. [m]
    speed_kmh
        Mean over the vehicles in it. [km/h]
    cause
        Identifier of the closure that it formed behind, None for a recurrent queue.
    tail_lanes
        Lanes of the road at its tail.
    """

    name: str
    road: str
    direction: str
    head: tuple[str, float]
    tail: tuple[str, float]
    length_m: float
    speed_kmh: float
    cause: str | None
    tail_lanes: int


def find_stretches(grid: Grid, queued: NDArray[np.bool_]) -> Ints:
    """Return first and last cell of every contiguous stretch of queued cells along a road, shape (stretch, 2).

    Gaps of up to `BRIDGED_CELLS` within one run are bridged.
    """
    cells = np.flatnonzero(queued)
    if len(cells) == 0:
        return np.empty((0, 2), dtype=np.int64)
    apart = (np.diff(cells) > BRIDGED_CELLS + 1) | (np.diff(grid.run[cells]) != 0)
    begins = np.concatenate([[True], apart])
    ends = np.concatenate([apart, [True]])
    return np.stack([cells[begins], cells[ends]], axis=-1)


@dataclass
class QueueTracker:
    """Finds queues and gives them names that last.

    Attributes
    ----------
    grid
        Cells.
    current
        Queues as last found.
    queued : ndarray, shape (cell,), bool
        Cells in which traffic queued then.
    """

    grid: Grid
    exits: Ints
    entries: Ints
    """Cells that ramps leave and lead onto, shapes (ramp,)."""
    current: tuple[QueueExtent, ...] = ()
    queued: NDArray[np.bool_] = field(init=False)
    _spans: Ints = field(default_factory=lambda: np.empty((0, 2), dtype=np.int64))
    _serial: int = 0

    def __post_init__(self) -> None:
        self.queued = np.zeros(len(self.grid), dtype=np.bool_)

    def update(
        self,
        density: Floats,
        congested_veh_m: Floats,
        speed_mps: Floats,
        free_mps: Floats,
        closures: Mapping[str, Closure],
        cells: Mapping[str, Ints],
    ) -> tuple[QueueExtent, ...]:
        """Find the queues of an instant.

        Parameters
        ----------
        density, congested_veh_m
            Of each cell, and where its diagram's congested branch begins, shape (cell,). [veh/m]
        speed_mps, free_mps
            Mean and free speed of each cell, shape (cell,). [m/s]
        closures, cells
            Closures active now and the cells of each, by identifier.
        """
        queued = (density > congested_veh_m) & (speed_mps < SLOW_FRACTION * free_mps)
        self.queued = queued
        spans = find_stretches(self.grid, queued)
        named = self._names(spans, [self._cause(first, last, cells) for first, last in spans.tolist()])
        found = [
            self._extent(name, cause, first, last, density, speed_mps, closures.get(cause or ""))
            for (name, cause), (first, last) in zip(named, spans.tolist(), strict=True)
        ]
        self._spill_over(spans, found, cells)
        self._spans, self.current = spans, tuple(found)
        return self.current

    def _names(self, spans: Ints, own: list[str | None]) -> list[tuple[str, str | None]]:
        """Name and cause of each queue, with the causes that they stand behind now.

        Of the parts of a queue that has come apart the one that still stands behind its cause keeps the name; what has
        no cause in sight is of the queue that it was a part of.
        """
        parts = [self._before(first, last, set()) for first, last in spans.tolist()]
        of = [None if part is None else self.current[part].cause for part in parts]
        order = sorted(range(len(spans)), key=lambda place: own[place] is None or own[place] != of[place])
        taken: set[int] = set()
        named: dict[int, tuple[str, str | None]] = {}
        for place in order:
            before = self._before(int(spans[place, 0]), int(spans[place, 1]), taken)
            cause = own[place] or (of[place] if before is None else self.current[before].cause)
            if before is None:
                self._serial += 1
                named[place] = f"queue-{self._serial}", cause
            else:
                taken.add(before)
                named[place] = self.current[before].name, cause
        return [named[place] for place in range(len(spans))]

    def _spill_over(self, spans: Ints, found: list[QueueExtent], closed: Mapping[str, Ints]) -> None:
        """Give queues that stand behind a full ramp the cause of the queue that has filled it, in place.

        Of a queue without a cause: one of the ramps at its head leads into a closure or into a queue that has a cause;
        from road to road, as far as it reaches.
        """
        for _ in range(MOST_ROADS):
            before = [queue.cause for queue in found]
            for place, (first, last) in enumerate(spans.tolist()):
                if found[place].cause is None:
                    near = (self.exits >= first) & (np.abs(self.exits - last) <= CAUSE_CELLS)
                    near &= self.grid.run[self.exits] == self.grid.run[last]
                    found[place] = replace(found[place], cause=self._cause_at(self.entries[near], spans, found, closed))
            if before == [queue.cause for queue in found]:
                return

    def _cause_at(self, cells: Ints, spans: Ints, found: list[QueueExtent], closed: Mapping[str, Ints]) -> str | None:
        for cell in cells.tolist():
            for name, at in closed.items():
                if cell <= at[0] <= cell + 1 and self.grid.run[at[0]] == self.grid.run[cell]:
                    return name
            in_queue = np.flatnonzero((spans[:, 0] <= cell + 1) & (cell <= spans[:, 1]))
            for place in in_queue.tolist():
                if found[place].cause is not None and self.grid.run[spans[place, 0]] == self.grid.run[cell]:
                    return found[place].cause
        return None

    def _before(self, first: int, last: int, taken: set[int]) -> int | None:
        """Index of the known queue that overlaps most, one cell of movement allowed."""
        overlap = np.minimum(self._spans[:, 1], last) - np.maximum(self._spans[:, 0], first) + 2
        overlap[[*taken]] = 0
        if len(self._spans):
            overlap[self.grid.run[self._spans[:, 0]] != self.grid.run[first]] = 0
        best = int(np.argmax(overlap)) if len(overlap) else -1
        return best if best >= 0 and overlap[best] > 0 else None

    def _cause(self, first: int, last: int, cells: Mapping[str, Ints]) -> str | None:
        """Closure nearest to the head among those that stand in the queue or just ahead of it."""
        near = [
            (abs(int(at[0]) - last), name)
            for name, at in cells.items()
            if self.grid.run[at[0]] == self.grid.run[last] and first <= at[-1] and last >= at[0] - CAUSE_CELLS
            and last <= at[-1] + CAUSE_CELLS
        ]  # fmt: skip
        return min(near)[1] if near else None

    def _extent(
        self,
        name: str,
        cause: str | None,
        first: int,
        last: int,
        density: Floats,
        speed_mps: Floats,
        closure: Closure | None,
    ) -> QueueExtent:
        grid = self.grid
        vehicles = density[first : last + 1] * grid.length_m[first : last + 1]
        reached_m = self._reached_m(first, density)
        tail_cell = first if reached_m <= 0.0 else first - 1
        tail = grid.place(tail_cell, 0.0 if reached_m <= 0.0 else 1.0 - reached_m / float(grid.length_m[tail_cell]))
        head = grid.place(last, 1.0)
        head_m = float(grid.chainage_m[last] + grid.length_m[last])
        tail_m = float(grid.chainage_m[first]) - reached_m
        if closure is not None:
            cell, fraction = grid.locate(closure.link, closure.offset_m)
            closure_m = float(grid.chainage_m[cell] + fraction * grid.length_m[cell])
            if grid.run[cell] == grid.run[last] and abs(cell - last) <= CAUSE_CELLS and closure_m > tail_m:
                head, head_m = (closure.link, closure.offset_m), closure_m
        road, direction = grid.runs[grid.run[first]]
        return QueueExtent(
            name=name,
            road=road,
            direction=direction,
            head=head,
            tail=tail,
            length_m=head_m - tail_m,
            speed_kmh=3.6 * float((vehicles * speed_mps[first : last + 1]).sum() / max(vehicles.sum(), 1e-9)),
            cause=cause,
            tail_lanes=int(grid.lanes[tail_cell]),
        )

    def _reached_m(self, first: int, density: Floats) -> float:
        """How far the tail has filled the cell behind the last queued one: by its density between its neighbours'."""
        if first - 2 < self.grid.run_first[self.grid.run[first]]:
            return 0.0
        lanes = self.grid.lanes
        thin, part, thick = (float(density[cell] / lanes[cell]) for cell in (first - 2, first - 1, first))
        if thick <= thin:
            return 0.0
        return min(max((part - thin) / (thick - thin), 0.0), 1.0) * float(self.grid.length_m[first - 1])
