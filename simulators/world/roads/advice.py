"""What signs make drivers do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulators.errors import SimulatorError
from simulators.world.roads.grid import Grid
from simulators.world.roads.network import Movements, Network
from simulators.world.roads.routes import Routes

Floats = NDArray[np.float64]

COMPLIANCE = 0.20
"""Share of drivers who follow the route that a sign recommends: about every fifth vehicle in the field study of Erke,
Sagberg & Hagman (2007), Transportation Research F 10(6):447–457, doi 10.1016/j.trf.2007.03.003 [-]."""
REACH_M = 10_000.0
"""How far past a sign drivers still act on it; own construction [m]."""
LONGEST_DETOUR = 2.0
LONGEST_EXTRA_S = 900.0
"""A way around longer than this many times the usual one and this much more leads nowhere for a driver; own
construction [-, s]."""


@dataclass(frozen=True)
class DetourAdvice:
    """A sign that tells drivers to leave a road.

    Attributes
    ----------
    link, offset_m
        Where the sign stands. [m]
    avoid_road
        Road to stay off.
    via_road
        Road to take instead, any other when None.
    """

    link: str
    offset_m: float
    avoid_road: str
    via_road: str | None = None


def follow(
    advice: Sequence[DetourAdvice],
    grid: Grid,
    network: Network,
    ways: Movements,
    time_s: Floats,
    routes: Routes,
    share: Floats,
) -> Floats:
    """Return the choices of drivers who have read signs.

    At every node within reach past a sign, along the road it stands on, the compliant share of those who would go onto
    (or stay on) the road to avoid takes the best other way, as long as that leads to their destination in reasonable
    time. Who has left the road is free to return to it at the next crossing. Several signs with the same advice count
    once.

    Parameters
    ----------
    advice
        What signs say now.
    grid, network, ways
        The graph.
    time_s
        Time along each chain that drivers reckon with, shape (chain,). [s]
    routes
        The way from there on.
    share
        Choices without signs, shape (commodity, way).

    Raises
    ------
    SimulatorError
        If an advice names a link or a road that the region has not.
    """
    roads = np.array([grid.runs[run][0] for run in grid.run[network.chain_first]])
    changed = share.copy()
    done: set[tuple[int, str]] = set()
    for one in advice:
        for field, road in (("avoid_road", one.avoid_road), ("via_road", one.via_road)):
            if road is not None and road not in roads:
                raise SimulatorError(f"{field}: expected the id of a road of the region, was {road}")
        cell, fraction = grid.locate(one.link, one.offset_m)
        sign_m = grid.chainage_m[cell] + fraction * grid.length_m[cell]
        last = network.chain_last
        same_run = grid.run[last] == grid.run[cell]
        end_m = grid.chainage_m[last] + grid.length_m[last] - sign_m
        for chain in np.flatnonzero(same_run & (end_m >= 0.0) & (end_m <= REACH_M)).tolist():
            if (chain, one.avoid_road) not in done:
                done.add((chain, one.avoid_road))
                _divert(changed, chain, one, roads, network, ways, time_s, routes)
    return changed


def _divert(
    share: Floats,
    chain: int,
    advice: DetourAdvice,
    roads: NDArray[np.str_],
    network: Network,
    ways: Movements,
    time_s: Floats,
    routes: Routes,
) -> None:
    """Move the compliant share at the end of one chain, in place."""
    del network
    here = np.flatnonzero(ways.choice & (ways.source == chain) & (ways.onto >= 0))
    onto = ways.onto[here]
    bad = roads[onto] == advice.avoid_road
    good = ~bad if advice.via_road is None else roads[onto] == advice.via_road
    good &= ~bad
    if not bad.any() or not good.any():
        return
    cost_s = ways.delay_s[here] + time_s[onto] + routes.to_go_s[:, onto]
    best = np.argmin(np.where(good, cost_s, np.inf), axis=1)
    rows = np.arange(len(share))
    around_s, usual_s = cost_s[rows, best], routes.to_go_s[:, chain]
    leads = np.isfinite(around_s) & (around_s <= LONGEST_DETOUR * usual_s + LONGEST_EXTRA_S)
    leaving = np.where(leads, COMPLIANCE, 0.0)[:, np.newaxis] * share[:, here[bad]]
    share[:, here[bad]] -= leaving
    share[rows, here[best]] += leaving.sum(axis=1)
