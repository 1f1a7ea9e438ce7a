"""Everything about a region's roads that does not change in a run: graph, choices and demand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from config.catalogue.model import Catalogue
from simulators.world.roads.demand import Demand, balance, zone_weights
from simulators.world.roads.grid import Grid, Ints, build_grid
from simulators.world.roads.loading import Loading
from simulators.world.roads.network import Movements, Network, build_movements, build_network
from simulators.world.roads.profiles import profile
from simulators.world.roads.routes import Routes, chain_times, find_routes, pool_zones
from simulators.world.seeds import stream

Floats = NDArray[np.float64]

MOST_COMMODITIES = 24
"""Destinations kept apart; more zones than that are pooled. A trade of detail for time and memory, own construction."""
_BLOCK = 64


@dataclass(frozen=True)
class Plan:
    """The fixed part of the traffic model.

    Attributes
    ----------
    grid, network, ways
        Cells, chains and movements.
    time_s : ndarray, shape (chain,)
        Free-flow time along each chain. [s]
    pool : ndarray, shape (zone,), int64
        Commodity of each zone.
    routes
        Choices when nothing is shut.
    loading
        From trips to flows under these choices.
    demand
        Trips.
    """

    grid: Grid
    network: Network
    ways: Movements
    time_s: Floats
    pool: Ints
    routes: Routes
    loading: Loading
    demand: Demand

    def flow_veh_s(self, link: str, time_of_day_s: float, working_day: bool = True) -> float:
        """Return the flow that a link is expected to carry when nothing is in the way [veh/s].

        Raises
        ------
        SimulatorError
            If the region has no such link.
        """
        cell, _ = self.grid.locate(link, 0.0)
        parts = self.expected_flows[self.network.chain_of[cell]]
        return float(parts @ profile(time_of_day_s, working_day))

    @property
    def expected_flows(self) -> Floats:
        """Flow of each chain by profile, shape (chain, 2) [veh/s]."""
        return np.asarray(self.loading.flows(self.demand.parts()).chain.sum(axis=0))


def _pool(network: Network, ways: Movements, time_s: Floats, weight: Floats) -> Ints:
    n_zone = len(weight)
    if n_zone <= MOST_COMMODITIES:
        return np.arange(n_zone)
    start_s = np.empty((n_zone, n_zone))
    for first in range(0, n_zone, _BLOCK):
        block = np.arange(first, min(first + _BLOCK, n_zone))
        alone = np.full(n_zone, -1, dtype=np.int64)
        alone[block] = np.arange(len(block))
        start_s[block] = find_routes(network, ways, time_s, alone).start_s
    return pool_zones(start_s, weight, MOST_COMMODITIES)


def build_plan(catalogue: Catalogue, seed: int, cell_length_m: float) -> Plan:
    """Return the plan of a region.

    Parameters
    ----------
    catalogue
        Region.
    seed
        Of what is drawn: how busy each road is.
    cell_length_m
        Aimed length of a cell. [m]

    Raises
    ------
    SimulatorError
        As `build_grid`.
    """
    grid = build_grid(catalogue, cell_length_m)
    network = build_network(catalogue, grid)
    ways = build_movements(network)
    time_s = chain_times(grid, network)
    weight = zone_weights(catalogue, grid, network)
    pool = _pool(network, ways, time_s, weight)
    routes = find_routes(network, ways, time_s, pool)
    loading = Loading(network, ways, routes)
    demand = balance(grid, network, routes, loading, pool, weight, stream(seed, "roads", "peak"))
    return Plan(grid, network, ways, time_s, pool, routes, loading, demand)
