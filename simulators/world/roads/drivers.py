"""What drivers know and how that changes where they go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from simulators.errors import SimulatorError
from simulators.world.happenings import DemandSurge
from simulators.world.roads.advice import DetourAdvice, follow
from simulators.world.roads.plan import Plan
from simulators.world.roads.routes import SHUT_S, Routes, find_routes

Floats = NDArray[np.float64]

INFORMED_AFTER_S = 300.0
"""Time after which drivers know, by radio or navigation, that a road is closed; own construction [s]."""
INFORMED_SHARE = 0.7
"""Share of them who then reckon with it; own construction [-]."""
EVERYBODY_AFTER_S = 1_800.0
"""Time after which nobody heads for the closed road any more: news, and police who turn traffic round; own construction
[s]."""


class Drivers:
    """Choices in force.

    Attributes
    ----------
    share : ndarray, shape (commodity, way)
        Of those at a node. [-]
    entry_share : ndarray, shape (commodity, entry)
        Of those who start. [-]
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._since: dict[str, float] = {}
        self._heard: tuple[tuple[int, ...], tuple[int, ...], tuple[DetourAdvice, ...]] = ((), (), ())
        self._users: dict[str, Floats] = {}
        self.share = plan.routes.share
        self.entry_share = plan.routes.entry_share

    def hear(self, time_s: float, shut: Mapping[str, int], advice: tuple[DetourAdvice, ...]) -> None:
        """Take in what is shut and what signs say; choices change only when one of them does.

        Parameters
        ----------
        time_s
            Simulation time. [s]
        shut
            Closures that let nobody past, and the cell of each.
        advice
            What signs say.

        Raises
        ------
        SimulatorError
            If an advice names a link or a road that the region has not.
        """
        self._since = {name: self._since.get(name, time_s) for name in shut}
        chains = self._shut_for(shut, time_s, INFORMED_AFTER_S)
        known = self._shut_for(shut, time_s, EVERYBODY_AFTER_S)
        if (chains, known, advice) == self._heard:
            return
        usual, _ = self._routes_around(known)
        routes, time_there_s = self._routes_around(chains)
        share = usual.share if chains == known else _mixed(usual.share, routes.share)
        self.entry_share = usual.entry_share if chains == known else _mixed(usual.entry_share, routes.entry_share)
        self.share = self._signs(advice, time_there_s, routes, share)
        self._heard = (chains, known, advice)

    def _shut_for(self, shut: Mapping[str, int], time_s: float, least_s: float) -> tuple[int, ...]:
        """Chains that have been shut for some time, ascending."""
        cells = {shut[name] for name, since in self._since.items() if time_s - since >= least_s}
        return tuple(sorted({int(self._plan.network.chain_of[cell]) for cell in cells}))

    def _routes_around(self, chains: tuple[int, ...]) -> tuple[Routes, Floats]:
        """Return ways that avoid some chains, and the times along all chains that they reckon with [s]."""
        plan = self._plan
        if not chains:
            return plan.routes, plan.time_s
        time_there_s = plan.time_s.copy()
        time_there_s[list(chains)] += SHUT_S
        return find_routes(plan.network, plan.ways, time_there_s, plan.pool), time_there_s

    def _signs(self, advice: tuple[DetourAdvice, ...], time_there_s: Floats, routes: Routes, share: Floats) -> Floats:
        plan = self._plan
        return follow(advice, plan.grid, plan.network, plan.ways, time_there_s, routes, share) if advice else share

    def surge(self, surges: Sequence[DemandSurge]) -> Floats:
        """Return the factor on the trips of each zone and commodity, shape (zone, commodity) or ().

        A surge on one road concerns those who use it, by the share of their ways that lead over it.

        Raises
        ------
        SimulatorError
            If a surge names a road that the region has not.
        """
        factor = np.ones(())
        for surge in surges:
            if surge.road is None:
                factor = factor * surge.factor
            else:
                factor = factor * (1.0 + (surge.factor - 1.0) * self._users_of(surge.road))
        return factor

    def _users_of(self, road: str) -> Floats:
        if road not in self._users:
            grid, network = self._plan.grid, self._plan.network
            on_road = np.array([grid.runs[run][0] == road for run in grid.run[network.chain_first]])
            if not on_road.any():
                raise SimulatorError(f"road: expected the id of a road of the region, was {road}")
            self._users[road] = np.clip(self._plan.loading.passes(on_road), 0.0, 1.0)
        return self._users[road]


def _mixed(usual: Floats, informed: Floats) -> Floats:
    return np.asarray((1.0 - INFORMED_SHARE) * usual + INFORMED_SHARE * informed)
