"""Who travels where, and when: trips between zones, scaled until every road is as busy as it should be."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from config.catalogue.model import Catalogue
from simulators.world.roads.facts import heavy_factor
from simulators.world.roads.grid import Grid, Ints
from simulators.world.roads.loading import Flows, Loading
from simulators.world.roads.network import Network
from simulators.world.roads.profiles import heavy_fraction, profile
from simulators.world.roads.routes import Routes

Floats = NDArray[np.float64]

LOWEST_PEAK, HIGHEST_PEAK = 0.72, 0.87
"""Range of the share of capacity that the busiest place of a road and direction carries in its peak hour [-]."""
ENTRANCE_PEAK = 0.74
"""Most that the first place of a stretch carries onto which traffic comes only from outside the region: its queue would
stand where nobody sees it. Own construction. [-]"""
LEAST_PEAK = 0.15
"""Least that any stretch between two nodes carries in its peak hour; own construction [-]."""
HIGHEST_RAMP = 0.80
"""Most that a ramp, an entry or an exit carries of its capacity in its peak hour; own construction [-]."""
END_POPULATION_LANE = 60_000.0
"""People beyond the end of a road, per lane, standing in for the rest of the country; own construction."""
INTERCHANGE_WEIGHT = 0.3
"""Importance of an interchange over that of a junction in town; own construction [-]."""
NEAR_S = 1_500.0
"""Time over which the wish to travel falls to 1/e; own construction [s]."""
ROUNDS = 60
TRIM_ROUNDS = 20
"""Rounds of balancing, and how many of the last ones only take away; enough to settle, own construction."""
_HOURS_S = np.arange(0.0, 86_400.0, 1_800.0)


@dataclass(frozen=True)
class Demand:
    """Trips per second.

    Attributes
    ----------
    peak_veh_s : ndarray, shape (zone, commodity)
        Trips when both profiles are at 1. [veh/s]
    towards : ndarray, shape (zone, commodity)
        Share that follows the profile towards town, the rest that away from it. [-]
    """

    peak_veh_s: Floats
    towards: Floats

    def parts(self) -> Floats:
        """Return trips by profile, shape (zone, commodity, 2) [veh/s]."""
        return np.stack([self.peak_veh_s * self.towards, self.peak_veh_s * (1 - self.towards)], axis=-1)

    def at(self, time_of_day_s: float, working_day: bool = True) -> Floats:
        """Return trips at a time of day, shape (zone, commodity) [veh/s]."""
        return np.asarray(self.parts() @ profile(time_of_day_s, working_day))


def zone_weights(catalogue: Catalogue, grid: Grid, network: Network) -> Floats:
    """Return the importance of each zone, shape (zone,), in people.

    Ends of roads stand for what lies beyond; the people of a district are shared out over its junctions and
    interchanges.
    """
    nodes = {node.id: node for node in catalogue.nodes}
    people = {district.id: float(district.population) for district in catalogue.districts}
    lanes = np.zeros(len(network.zone_nodes))
    np.maximum.at(lanes, network.entry_zone, grid.lanes[network.chain_first[network.entry_to]])
    ways = Counter(network.entry_zone.tolist())
    share = np.array([INTERCHANGE_WEIGHT if nodes[node].kind == "interchange" else 1.0 for node in network.zone_nodes])
    end = np.array([nodes[node].kind == "end" or ways[zone] < 2 for zone, node in enumerate(network.zone_nodes)])
    of_district: dict[str, float] = defaultdict(float)
    for node, part, outside in zip(network.zone_nodes, share.tolist(), end.tolist(), strict=True):
        of_district[node[:5]] += 0.0 if outside else part
    typical = float(np.median(list(people.values()))) if people else END_POPULATION_LANE
    inside = [
        people.get(node[:5], typical) * part / (of_district[node[:5]] or 1.0)
        for node, part in zip(network.zone_nodes, share.tolist(), strict=True)
    ]
    return np.where(end, END_POPULATION_LANE * np.maximum(lanes, 1.0), np.array(inside))


def _gravity(weight: Floats, pool: Ints, routes: Routes, zone_of_entry: Ints) -> Demand:
    """Trips before balancing: product of weights, falling with time; unit of no meaning yet."""
    n_pool = len(routes.to_go_s)
    attraction = np.zeros(n_pool)
    np.add.at(attraction, pool, weight)
    attraction /= np.bincount(pool, minlength=n_pool)
    time_s = np.where(np.isfinite(routes.start_s.T), routes.start_s.T, np.inf)
    wish = weight[:, np.newaxis] * attraction * np.exp(-time_s / NEAR_S)
    starts = np.zeros((len(weight), n_pool))
    np.add.at(starts, zone_of_entry, routes.entry_share.T)
    wish *= starts > 0.0
    towards = attraction / (attraction + weight[:, np.newaxis])
    return Demand(wish / max(float(wish.max(initial=0.0)), 1e-300), towards)


@dataclass(frozen=True)
class _Capacities:
    """What each part of the graph carries over the day, in vehicles, shape (part, half-hour)."""

    chain: Floats
    ramp: Floats
    entry: Floats
    leaving: Floats


def _capacities(grid: Grid, network: Network) -> _Capacities:
    share = np.array([heavy_fraction(time_s) for time_s in _HOURS_S.tolist()])
    narrowest = np.minimum.reduceat(grid.capacity_pc_s, network.chain_first)
    of_chain = heavy_factor(np.multiply.outer(grid.heavy_of_mean[network.chain_first], share))
    typical = heavy_factor(share)
    extra = network.extra_capacity_pc_s[:, np.newaxis] * typical
    return _Capacities(
        chain=narrowest[:, np.newaxis] * of_chain,
        ramp=extra[: network.n_ramp],
        entry=extra[network.n_ramp :],
        leaving=network.exit_pc_s[:, np.newaxis] * typical,
    )


def _busiest(flow: Floats, capacity: Floats, profiles: Floats) -> Floats:
    """Highest share of capacity over the day, shape (part,)."""
    return np.asarray(((flow @ profiles) / capacity).max(axis=1, initial=0.0))


def balance(
    grid: Grid,
    network: Network,
    routes: Routes,
    loading: Loading,
    pool: Ints,
    weight: Floats,
    rng: np.random.Generator,
) -> Demand:
    """Return trips under which each road's busiest place carries its drawn share of capacity in its peak hour.

    Starts from a gravity model and scales, round by round, every relation by the mean of what the roads on its way lack
    or have too much: multiplicative balancing, simultaneous over all roads (after Gordon, Bender & Herman 1970,
    Journal of Theoretical Biology 29(3):471–481). Ramps, entries and exits only take away.

    Parameters
    ----------
    grid, network, routes, loading
        The graph and its choices.
    pool, weight
        Commodity and importance of each zone.
    rng
        Draws how busy each road and direction is.
    """
    profiles = profile(_HOURS_S)
    capacities = _capacities(grid, network)
    run = grid.run[network.chain_first]
    # More roads near the upper end than near the lower: a few places fail first when there is a fifth more traffic.
    spread = np.sqrt(np.linspace(0.0, 1.0, len(grid.runs)))
    goal = rng.permutation(LOWEST_PEAK + (HIGHEST_PEAK - LOWEST_PEAK) * spread)
    inner = np.isin(np.arange(network.n_chain), np.append(network.straight_on, network.ramp_to))
    narrowest = np.minimum.reduceat(grid.capacity_pc_s, network.chain_first)
    at_entrance = ENTRANCE_PEAK * grid.capacity_pc_s[network.chain_first] / narrowest
    aim = np.where(inner, goal[run], np.minimum(goal[run], at_entrance))
    judged = inner | ~np.isin(run, run[inner])
    demand = _gravity(weight, pool, routes, network.entry_zone)
    for turn in range(ROUNDS):
        flows = loading.flows(demand.parts())
        load = _busiest(flows.chain.sum(axis=0), capacities.chain, profiles)
        peak = np.zeros(len(grid.runs))
        np.maximum.at(peak, run, np.where(judged, load, 0.0))
        used = np.maximum(load, 1e-9)
        lack = np.log(aim / used)
        chain = np.where((load == peak[run]) | (lack < 0.0), lack, np.log(np.maximum(LEAST_PEAK / used, 1.0)))
        if turn >= ROUNDS - TRIM_ROUNDS:
            chain = np.minimum(chain, 0.0)
        excess = _excess(flows, capacities, profiles)
        values = [np.stack([value, (value != 0.0).astype(np.float64)], axis=-1) for value in (chain, *excess)]
        ahead = loading.ahead(values[0], values[1], values[2], values[3])
        factor = np.exp(ahead[..., 0] / np.maximum(ahead[..., 1], 1.0))
        demand = Demand(demand.peak_veh_s * factor, demand.towards)
    return demand


def _excess(flows: Flows, capacities: _Capacities, profiles: Floats) -> tuple[Floats, Floats, Floats]:
    """Logarithm of what ramps, entries and exits must lose, at most 0, each of shape (part,)."""

    def over(flow: Floats, capacity: Floats) -> Floats:
        load = np.maximum(_busiest(flow, capacity, profiles), 1e-12)
        return np.asarray(np.minimum(np.log(HIGHEST_RAMP / load), 0.0))

    return (
        over(flows.ramp, capacities.ramp),
        over(flows.entry, capacities.entry),
        over(flows.leaving, capacities.leaving),
    )
