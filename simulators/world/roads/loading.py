"""Steady loading of the graph: what flows where when so many start, and what lies ahead of those who start."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array, eye_array
from scipy.sparse.linalg import splu

from simulators.world.roads.network import Movements, Network
from simulators.world.roads.routes import Routes

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Flows:
    """Steady flows of one or several demands, last axis the demand.

    Attributes
    ----------
    chain : ndarray, shape (commodity, chain, demand)
    ramp : ndarray, shape (ramp, demand)
    entry : ndarray, shape (entry, demand)
    leaving : ndarray, shape (chain, demand)
        Out of the network at the end of each chain.
    """

    chain: Floats
    ramp: Floats
    entry: Floats
    leaving: Floats


class Loading:
    """The linear map from trips to flows, and back, for fixed choices.

    Flows x of a commodity obey x = entries + Pᵀ x, with P the shares between chains; P has no cycles.
    """

    def __init__(self, network: Network, ways: Movements, routes: Routes) -> None:
        self._network, self._routes = network, routes
        inner = np.flatnonzero(ways.choice & (ways.onto >= 0))
        self._from, self._onto, self._inner = ways.source[inner], ways.onto[inner], inner
        self._ramp_way = np.flatnonzero(ways.choice & (ways.ramp >= 0))
        self._ramp_way = self._ramp_way[np.argsort(ways.ramp[self._ramp_way])]
        self._exit_way = np.flatnonzero(ways.choice & (ways.onto < 0))
        self._exit_way = self._exit_way[np.argsort(ways.source[self._exit_way])]
        self._forward = [splu(self._matrix(share)) for share in routes.share]
        self._backward = [splu(csc_array(self._matrix(share).T)) for share in routes.share]

    def _matrix(self, share: Floats) -> csc_array[np.float64]:
        """I - Pᵀ of a commodity, shape (chain, chain)."""
        n_chain = self._network.n_chain
        step = csc_array((share[self._inner], (self._onto, self._from)), shape=(n_chain, n_chain))
        return csc_array(eye_array(n_chain, format="csc") - step)

    def flows(self, trips: Floats) -> Flows:
        """Return the steady flows of trips of shape (zone, commodity, demand)."""
        network, routes = self._network, self._routes
        per_entry = routes.entry_share.T[:, :, np.newaxis] * trips[network.entry_zone]
        starting = np.zeros((network.n_chain, len(self._forward), trips.shape[2]))
        np.add.at(starting, network.entry_to, per_entry)
        chain = np.stack([factor.solve(starting[:, k]) for k, factor in enumerate(self._forward)])
        return Flows(
            chain=chain,
            ramp=np.einsum("km,kmd->md", routes.share[:, self._ramp_way], chain[:, network.ramp_from]),
            entry=per_entry.sum(axis=1),
            leaving=np.einsum("km,kmd->md", routes.share[:, self._exit_way], chain),
        )

    def ahead(self, chain: Floats, ramp: Floats, entry: Floats, leaving: Floats) -> Floats:
        """Return the expected sum of a value over all that a driver will pass.

        Parameters
        ----------
        chain, ramp, entry, leaving
            The value of each, shape (chain, value), (ramp, value), (entry, value), (chain, value).

        Returns
        -------
        ndarray, shape (zone, commodity, value)
            0 where nobody starts.
        """
        network, routes = self._network, self._routes
        total = np.zeros((len(network.zone_nodes), len(self._backward), chain.shape[1]))
        for k, factor in enumerate(self._backward):
            share = routes.share[k]
            at = chain + share[self._exit_way, np.newaxis] * leaving
            np.add.at(at, network.ramp_from, share[self._ramp_way, np.newaxis] * ramp)
            value = factor.solve(at)
            weighted = routes.entry_share[k][:, np.newaxis] * (value[network.entry_to] + entry)
            np.add.at(total[:, k], network.entry_zone, weighted)
        return total

    def passes(self, chains: NDArray[np.bool_]) -> Floats:
        """Return the share of drivers who pass at least one of some chains, shape (zone, commodity)."""
        network, routes = self._network, self._routes
        total = np.zeros((len(network.zone_nodes), len(self._backward)))
        outside = ~chains[self._from]
        for k, share in enumerate(routes.share):
            step = csc_array(
                ((share[self._inner] * outside), (self._from, self._onto)), shape=(network.n_chain, network.n_chain)
            )
            value = splu(csc_array(eye_array(network.n_chain, format="csc") - step)).solve(chains.astype(np.float64))
            np.add.at(total[:, k], network.entry_zone, routes.entry_share[k] * value[network.entry_to])
        return total
