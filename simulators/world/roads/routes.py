"""Which way drivers take: shortest free-flow times, with a small spread over ways that take nearly as long.

A commodity is a set of destinations; its drivers head for the nearest. Few zones have a commodity each; many are pooled
so that destinations of one commodity lie far from each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from simulators.world.roads.grid import Grid, Ints
from simulators.world.roads.network import Movements, Network

Floats = NDArray[np.float64]

SPREAD_FRACTION = 0.04
SPREAD_S = 20.0
"""Scale of the logit choice: this share of the shortest time and this much; own construction [-, s]."""
LONGEST_DETOUR = 1.25
"""Ways that take longer than this many times the shortest are not considered; own construction [-]."""
SHUT_S = 4 * 3_600.0
"""Time that drivers who know of a closure reckon for a chain that is shut; own construction [s]."""
ARRIVING_S = 1.0
"""Time given to the last step out of the network, so that it counts as one [s]."""
LOCAL_SHARE = 0.3
"""Share of those on the way to the next zone who keep to the road that leads straight there, however slow: they have
something to do along it. Own construction. [-]"""


@dataclass(frozen=True)
class Routes:
    """Choices of one state of knowledge.

    Attributes
    ----------
    to_go_s : ndarray, shape (commodity, chain)
        Free-flow time from the end of a chain to the nearest destination, infinite where there is no way. [s]
    share : ndarray, shape (commodity, way)
        Share of those at the end of a chain, ramp or entry that take each way; sums to 1 over the ways of each. [-]
    entry_share : ndarray, shape (commodity, entry)
        Share of those who start at a zone that do so over each of its entries; 0 where there is no way. [-]
    start_s : ndarray, shape (commodity, zone)
        Shortest time from a zone, infinite where there is no way. [s]
    """

    to_go_s: Floats
    share: Floats
    entry_share: Floats
    start_s: Floats


def chain_times(grid: Grid, network: Network) -> Floats:
    """Return the free-flow time along each chain, shape (chain,) [s]."""
    return np.asarray(np.add.reduceat(grid.length_m / grid.free_mps, network.chain_first))


def _arrives(network: Network, pool: Ints, n_commodity: int) -> NDArray[np.bool_]:
    """Whether the end of each chain is a destination, shape (commodity, chain)."""
    return np.asarray(pool[network.chain_to] == np.arange(n_commodity)[:, np.newaxis])


def _logit(cost_s: Floats, group: Ints, start: Ints, allowed: NDArray[np.bool_]) -> Floats:
    """Shares per group of columns; columns of a group stand together, groups begin at ``start``."""
    cost = np.where(allowed, cost_s, np.inf)
    best = np.minimum.reduceat(cost, start, axis=1)[:, group]
    near = allowed & np.isfinite(cost) & (cost <= LONGEST_DETOUR * best + SPREAD_S)
    with np.errstate(invalid="ignore"):
        weight = np.where(near, np.exp(-(cost - best) / (SPREAD_FRACTION * best + SPREAD_S)), 0.0)
    weight[~near] = 0.0
    total = np.add.reduceat(weight, start, axis=1)[:, group]
    return np.divide(weight, total, out=np.zeros_like(weight), where=total > 0.0)


def find_routes(network: Network, ways: Movements, time_s: Floats, pool: Ints) -> Routes:
    """Return how drivers choose.

    Parameters
    ----------
    network, ways
        The graph.
    time_s
        Time along each chain, shape (chain,). [s]
    pool
        Commodity of each zone, shape (zone,).

    Notes
    -----
    Only ways whose chain ends nearer to the destination than the present one are taken, so that nobody goes in circles
    (Dial 1971, Transportation Research 5(2):83–111).
    """
    n_chain, n_pool = network.n_chain, int(pool.max()) + 1
    arrives = _arrives(network, pool, n_pool)
    inner = np.flatnonzero(ways.choice & (ways.onto >= 0))
    a, b = ways.source[inner], ways.onto[inner]
    k, at = np.nonzero(arrives)
    weight = np.concatenate([ways.delay_s[inner] + time_s[b], np.full(len(at), ARRIVING_S)])
    ends = (np.concatenate([b, n_chain + k]), np.concatenate([a, at]))
    backward = csr_array((weight, ends), shape=(n_chain + n_pool, n_chain + n_pool))
    distance = dijkstra(backward, directed=True, indices=n_chain + np.arange(n_pool))
    to_go = np.asarray(distance[:, :n_chain])

    choice = np.flatnonzero(ways.choice)
    source, onto = ways.source[choice], ways.onto[choice]
    ahead = np.where(onto >= 0, to_go[:, onto], np.inf)
    cost = ways.delay_s[choice] + np.where(onto >= 0, time_s[onto], 0.0) + ahead
    share = np.ones((n_pool, len(ways.source)))
    starts = ways.start[:n_chain]
    share[:, choice] = _logit(cost, source, starts, ahead < to_go[:, source])
    exits = choice[onto < 0]
    leaves = arrives | ~np.isfinite(to_go)
    share[:, choice] *= ~leaves[:, source]
    share[:, exits] = leaves[:, ways.source[exits]]

    order = np.argsort(network.entry_zone, kind="stable")
    zone, head = network.entry_zone[order], network.entry_to[order]
    first = np.flatnonzero(np.diff(zone, prepend=-1))
    group = np.searchsorted(first, np.arange(len(zone)), side="right") - 1
    start_cost = time_s[head] + to_go[:, head]
    abroad = pool[zone] != np.arange(n_pool)[:, np.newaxis]
    chosen = _logit(start_cost, group, first, np.isfinite(start_cost) & abroad)
    next_door = arrives[:, head] & abroad & (time_s[head] < SHUT_S)
    doors = np.add.reduceat(next_door, first, axis=1, dtype=np.int64)[:, group]
    local = np.divide(next_door, doors, out=np.zeros(next_door.shape), where=doors > 0)
    entry_share = np.empty((n_pool, network.n_entry))
    entry_share[:, order] = np.where(doors > 0, (1 - LOCAL_SHARE) * chosen + LOCAL_SHARE * local, chosen)
    start_s = np.full((n_pool, len(network.zone_nodes)), np.inf)
    start_s[:, zone[first]] = np.minimum.reduceat(start_cost, first, axis=1)
    return Routes(to_go, share, entry_share, start_s)


def pool_zones(start_s: Floats, weight: Floats, most: int) -> Ints:
    """Return the commodity of each zone.

    Parameters
    ----------
    start_s
        Shortest time from each zone to each, shape (destination, origin). [s]
    weight
        Importance of each zone, shape (zone,): the heaviest keep a commodity to themselves longest.
    most
        Most commodities.

    Returns
    -------
    ndarray, shape (zone,), int64
        Zones join, in order of weight, the commodity whose nearest member is furthest away.
    """
    pool = np.full(len(weight), -1, dtype=np.int64)
    order = np.argsort(-weight, kind="stable")
    pool[order[:most]] = np.arange(min(most, len(order)))
    apart = np.minimum(start_s, start_s.T)
    nearest = apart[:, order[:most]].copy()
    for zone in order[most:].tolist():
        pool[zone] = int(np.argmax(np.where(np.isfinite(nearest[zone]), nearest[zone], 1e12)))
        nearest[:, pool[zone]] = np.minimum(nearest[:, pool[zone]], apart[:, zone])
    return pool
