"""Closures that nobody scripted: what slopes, fires and queues do to the roads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from config.catalogue.geometry import distances_along_m, positions_along
from config.catalogue.model import Catalogue, Link, SlopeNode
from simulators.world.happenings import Closure, ClosureCause, SecondaryCrash
from simulators.world.roads.grid import Grid
from simulators.world.roads.model import RoadModel

Floats = NDArray[np.float64]

FOR_EVER_S = 1e9
"""End of a closure that lasts beyond any run [s]."""
DEBRIS_M = 60.0
"""Road that a failed slope covers; own construction [m]."""
CRASH_M = 50.0
"""Road that a crash covers; own construction [m]."""
SHUT_BELOW_M = 50.0
OPEN_ABOVE_M = 150.0
"""Visibility in smoke at which a road is closed and at which it is opened again. The Korean rules halve the limit below
100 m; police close a road that drivers cannot see. Own construction [m]."""
THIN_FOR_S = 900.0
"""How long the smoke has to stay thin before a road is opened again: gusts and turning wind bring it back within
minutes, and a patrol looks first. Own construction [s]."""
ACROSS = "-across"
"""What the identifier of a closure of the other carriageway ends with."""
WIDE: frozenset[str] = frozenset({"expressway"})
"""Ranks of roads whose carriageways are far enough apart for a slide to reach one only."""


class DynamicClosures:
    """Closures as they follow from the state of the world, each with a name that lasts.

    Parameters
    ----------
    catalogue
        Region.
    grid
        Cells of the roads.
    secondary
        Crashes into the tails of queues, wherever these are when their time comes.
    """

    def __init__(self, catalogue: Catalogue, grid: Grid, secondary: Sequence[SecondaryCrash]) -> None:
        self._grid = grid
        self._nodes = catalogue.slope
        self._links = {link.id: link for link in catalogue.links}
        self._ranks = {road.id: road.rank for road in catalogue.roads}
        self._waiting = sorted(secondary, key=lambda one: (one.from_s, one.id))
        self._chain: dict[str, str] = {}
        self._failed: set[int] = set()
        self._standing: dict[str, Closure] = {}
        self._smoky = np.zeros(len(grid.links), dtype=np.bool_)
        self._smoky_since_s = np.zeros(len(grid.links))
        self._thick_s = np.zeros(len(grid.links))
        self._smoke: tuple[Closure, ...] = ()

    def active(self, time_s: float) -> tuple[Closure, ...]:
        """Return the closures in force at an instant."""
        return (*(one for one in self._standing.values() if one.active(time_s)), *self._smoke)

    def crash_into_tails(self, roads: RoadModel, time_s: float) -> None:
        """Let the secondary crashes happen whose time has come; without a queue there is none to crash into."""
        while self._waiting and self._waiting[0].from_s <= time_s:
            crash = self._waiting.pop(0)
            # A crash into the tail stands at the head of what queues behind it: the next one hits that.
            tail = roads.tail_of(crash.behind, *(name for name, first in self._chain.items() if first == crash.behind))
            if tail is None:
                continue
            self._chain[crash.id] = crash.behind
            link, offset_m, lanes = tail
            blocked = frozenset(range(1, min(crash.lanes_blocked, lanes) + 1))
            self._standing[crash.id] = Closure(
                crash.id, "secondary_crash", link, round(offset_m, 1), CRASH_M, blocked, time_s, crash.until_s
            )

    def slide(self, failed_at_s: Floats) -> None:
        """Close the roads under slopes that have failed, shape (node,), NaN while they stand [s]."""
        for node in np.flatnonzero(~np.isnan(failed_at_s)).tolist():
            if node not in self._failed:
                self._failed.add(node)
                self._cover(self._nodes[node], float(failed_at_s[node]))

    def _cover(self, node: SlopeNode, from_s: float) -> None:
        link = self._links.get(node.link or "")
        if link is None:
            return
        offset_m = nearest_offset_m(link, node.position)
        self._add(f"slide-{node.id}", "slope_failure", link, offset_m, DEBRIS_M, from_s)
        cell, _ = self._grid.locate(link.id, offset_m)
        across = int(self._grid.opposite[cell])
        if across >= 0 and self._ranks[link.road] not in WIDE:
            other, other_m = self._grid.place(across)
            self._add(f"slide-{node.id}{ACROSS}", "slope_failure", self._links[other], other_m, DEBRIS_M, from_s)

    def _add(self, name: str, cause: ClosureCause, link: Link, offset_m: float, length_m: float, from_s: float) -> None:
        lanes = frozenset(range(1, link.lanes + 1))
        offset_m = round(min(offset_m, max(link.length_m - length_m, 0.0)), 1)
        self._standing[name] = Closure(name, cause, link.id, offset_m, length_m, lanes, from_s, FOR_EVER_S)

    def close_smoky(self, visibility_m: Floats, time_s: float) -> None:
        """Close links by the smoke over them, their worst cell counting, and open them when it has stayed thin.

        Parameters
        ----------
        visibility_m
            In smoke at ground level, shape (cell,). [m]
        time_s
            Simulation time. [s]
        """
        worst = np.minimum.reduceat(visibility_m, self._grid.link_first)
        self._thick_s[worst <= OPEN_ABOVE_M] = time_s
        opened = self._smoky & (time_s - self._thick_s >= THIN_FOR_S)
        shut = ~self._smoky & (worst < SHUT_BELOW_M)
        if not (opened.any() or shut.any()):
            return
        self._smoky_since_s[shut] = time_s
        self._smoky = (self._smoky | shut) & ~opened
        self._smoke = tuple(self._filled(link) for link in np.flatnonzero(self._smoky).tolist())

    def _filled(self, index: int) -> Closure:
        link = self._grid.links[index]
        lanes = frozenset(range(1, link.lanes + 1))
        since_s = float(self._smoky_since_s[index])
        return Closure(f"smoke-{link.id}", "smoke", link.id, 0.0, link.length_m, lanes, since_s, FOR_EVER_S)


def nearest_offset_m(link: Link, position: tuple[float, float]) -> float:
    """Return how far along a link the point nearest to a position lies, to ten metres [m]."""
    along_m = distances_along_m(link.line)
    offsets_m = np.linspace(0.0, link.length_m, max(int(link.length_m / 10.0), 2))
    points = positions_along(link.line, np.minimum(offsets_m, along_m[-1]))
    east = (points[:, 0] - position[0]) * np.cos(np.radians(position[1]))
    return float(offsets_m[int(np.argmin(east**2 + (points[:, 1] - position[1]) ** 2))])
