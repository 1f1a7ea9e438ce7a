"""Links that can only be driven one after the other, taken together: far fewer to search, and exactly as long."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.traffic.network.graph import NONE, Network
from engine.traffic.network.times import LinkTimes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LONGEST = 12
"""Links of a chain at most; longer ones are cut. Measured; any number gives the same result."""


@dataclass(frozen=True)
class Chains:
    """Chains of a network; arrays of shape (n_chain,) unless said otherwise.

    Attributes
    ----------
    links : ndarray, shape (n_chain, n_place), int64
        In the order of travel, filled up with ``NONE``.
    lost_s : ndarray, shape (n_chain, n_place), float64
        On the way into each link from the one before. [s]
    last : ndarray, int64
        Last link of each.
    chain_of, place_of : ndarray, shape (n_link,), int64
        Where each link is.
    onward : ndarray, shape (n_chain, n_turn), int64
        Chains that may follow, ``NONE`` for none.
    onward_s : ndarray, shape (n_chain, n_turn), float64
        [s]
    """

    links: Ints
    lost_s: Floats
    last: Ints
    chain_of: Ints
    place_of: Ints
    onward: Ints
    onward_s: Floats

    @classmethod
    def of(cls, network: Network, stops: Ints) -> Chains:
        """Join the links of a network, but never over the nodes ``stops``."""
        n = len(network)
        ways_on = (network.onward != NONE).sum(axis=1)
        ways_in = (network.incoming != NONE).sum(axis=1)
        then = network.onward.max(axis=1) if n else np.empty(0, dtype=np.int64)
        joins = (ways_on == 1) & ~np.isin(network.to_node, stops)
        joins &= ways_in[np.maximum(then, 0)] == 1
        following = np.where(joins, then, NONE)
        place = _places(following)
        # Where a chain is cut, a new one begins.
        following = np.where((place + 1) % LONGEST == 0, NONE, following)
        starts = np.flatnonzero(place % LONGEST == 0)
        columns, here = [starts], starts
        for _ in range(LONGEST - 1):
            here = np.where(here == NONE, NONE, following[here])
            columns.append(here)
        links = np.stack(columns, axis=1)
        real = links != NONE
        chain_of, place_of = np.full(n, NONE, dtype=np.int64), np.zeros(n, dtype=np.int64)
        row, column = np.nonzero(real)
        chain_of[links[real]], place_of[links[real]] = row, column
        lost_s = np.zeros(links.shape)
        only_s = np.where(network.onward != NONE, network.onward_s, 0.0).sum(axis=1)
        lost_s[:, 1:] = np.where(real[:, 1:], only_s[links[:, :-1]], 0.0)
        last = links[np.arange(len(links)), real.sum(axis=1) - 1]
        after = network.onward[last]
        return cls(
            links=links,
            lost_s=lost_s,
            last=last,
            chain_of=chain_of,
            place_of=place_of,
            onward=np.where(after == NONE, NONE, chain_of[after]),
            onward_s=network.onward_s[last],
        )

    def leave_s(self, times: LinkTimes, chain: Ints, enter_s: Floats, first: Ints | None = None) -> Floats:
        """Return when chains are left by who enters them at a time.

        Parameters
        ----------
        times : LinkTimes
        chain : ndarray, shape (n,), int64
        enter_s : ndarray, shape (n,), float64
            [s]
        first : ndarray, shape (n,), int64, optional
            Place in the chain after which one comes in, and ``enter_s`` is when the link there is left; without it one
            enters at the start.
        """
        at = enter_s.copy()
        for place in range(self.links.shape[1]):
            link = self.links[chain, place]
            on = link != NONE if first is None else (link != NONE) & (place > first)
            if on.all():
                at = times.leave_s(link, at + self.lost_s[chain, place])
            elif on.any():
                at[on] = times.leave_s(link[on], at[on] + self.lost_s[chain[on], place])
        return at


def _places(following: Ints) -> Ints:
    """Return how many links each comes after in its chain; on a ring, counted from its lowest link."""
    n = len(following)
    before = np.full(n, NONE, dtype=np.int64)
    before[following[following != NONE]] = np.flatnonzero(following != NONE)
    place = np.full(n, NONE, dtype=np.int64)
    here, step = np.flatnonzero(before == NONE), 0
    while True:
        while len(here):
            place[here] = step
            here = following[here]
            here = here[(here != NONE)]
            here = here[place[here] == NONE]
            step += 1
        left = np.flatnonzero(place == NONE)
        if not len(left):
            return place
        here, step = left[:1], 0
