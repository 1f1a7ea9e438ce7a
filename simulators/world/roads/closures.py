"""What blocked lanes leave of the road."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulators.world.happenings import Closure
from simulators.world.roads.facts import FREE_OVER_LIMIT
from simulators.world.roads.grid import Grid, Ints

Floats = NDArray[np.float64]

# Share of capacity left, by lanes before and lanes blocked: Highway Capacity Manual 2010, exhibit 10-17, as given in
# FHWA-HOP-13-042, appendix C, table 40.
CAPACITY_LEFT: dict[int, tuple[float, ...]] = {
    2: (0.35,),
    3: (0.49, 0.17),
    4: (0.58, 0.25, 0.13),
    5: (0.65, 0.40, 0.20),
    6: (0.71, 0.50, 0.26),
    7: (0.75, 0.57, 0.36),
    8: (0.78, 0.63, 0.41),
}
WORK_ZONE_PC_H = 1_600.0
"""Capacity of a lane left open beside a work zone: HCM 2010, chapter 10 [pc/h]."""
RUBBERNECKING = frozenset({"crash", "secondary_crash", "tunnel_fire"})
RUBBERNECKING_LOSS = 0.10
"""Capacity that the other carriageway loses beside a crash. The effect is known (Masinick, Teng & Orochena 2014, doi
10.4236/jtts.2014.41012), its size here an own construction. [-]"""
RUBBERNECKING_SPEED = 0.85
"""Free speed there over the usual: heads turn and feet come off the pedal; own construction [-]."""


@dataclass(frozen=True)
class Blockage:
    """What the closures of one instant do to the cells.

    Attributes
    ----------
    capacity_left : ndarray, shape (cell,)
        Share of capacity. [-]
    limit_mps : ndarray, shape (cell,)
        Highest free speed, infinite where nothing limits it. [m/s]
    lanes
        Cell to the numbers of its blocked lanes.
    cells
        Closure to its cells, in the direction of travel.
    shut
        Closures that block all lanes of their first cell.
    """

    capacity_left: Floats
    limit_mps: Floats
    lanes: dict[int, frozenset[int]]
    cells: dict[str, Ints]
    shut: frozenset[str]


def capacity_left(lanes: int, blocked: int) -> float:
    """Return the share of capacity that is left when some of a direction's lanes are blocked [-].

    Beyond the last column of the manual's table what is left shrinks with the open lanes (own construction).
    """
    if blocked <= 0:
        return 1.0
    if blocked >= lanes:
        return 0.0
    row = CAPACITY_LEFT[min(lanes, 8)]
    if blocked <= len(row):
        return row[blocked - 1]
    return row[-1] * (lanes - blocked) / (lanes - len(row))


def block(grid: Grid, closures: Sequence[Closure]) -> Blockage:
    """Return what closures do together.

    Parameters
    ----------
    grid
        Cells.
    closures
        Those active now.

    Raises
    ------
    SimulatorError
        If a closure names a link that the region has not.
    """
    left, limit_mps = np.ones(len(grid)), np.full(len(grid), np.inf)
    lanes: dict[int, set[int]] = {}
    zone: dict[int, bool] = {}
    cells_of: dict[str, Ints] = {}
    for closure in closures:
        cells = grid.stretch(closure.link, closure.offset_m, closure.length_m)
        cells_of[closure.id] = cells
        if closure.speed_limit_kmh is not None:
            limit_mps[cells] = np.minimum(limit_mps[cells], FREE_OVER_LIMIT * closure.speed_limit_kmh / 3.6)
        for cell in cells.tolist() if closure.lanes else ():
            lanes.setdefault(cell, set()).update(lane for lane in closure.lanes if lane <= grid.lanes[cell])
            zone[cell] = zone.get(cell, True) and closure.cause == "work_zone"
    for cell, blocked in lanes.items():
        total = int(grid.lanes[cell])
        if zone[cell]:
            open_pc_s = (total - len(blocked)) * WORK_ZONE_PC_H / 3_600.0
            left[cell] = min(1.0, open_pc_s / float(grid.capacity_pc_s[cell])) if blocked else 1.0
        else:
            left[cell] = capacity_left(total, len(blocked))
    for closure in closures:
        if closure.cause in RUBBERNECKING and not grid.links[grid.link[cells_of[closure.id][0]]].tunnel:
            beside = grid.opposite[cells_of[closure.id]]
            beside = beside[beside >= 0]
            left[beside] = np.minimum(left[beside], 1.0 - RUBBERNECKING_LOSS)
            limit_mps[beside] = np.minimum(limit_mps[beside], RUBBERNECKING_SPEED * grid.free_mps[beside])
    return Blockage(
        capacity_left=left,
        limit_mps=limit_mps,
        lanes={cell: frozenset(blocked) for cell, blocked in lanes.items()},
        cells=cells_of,
        shut=frozenset(name for name, cells in cells_of.items() if left[cells[0]] == 0.0),
    )
