"""Nodes and links as arrays, and which link may follow which."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

NONE = -1
"""No such link."""
RANKS = ("expressway", "national", "local")
"""Of roads; ``Network.rank`` is a place in these."""


@dataclass(frozen=True)
class Network:
    """A directed road graph; arrays of shape (n_link,) unless said otherwise.

    Attributes
    ----------
    link_ids, node_ids, road_ids : tuple of str
    from_node, to_node, road : ndarray, int64
        Places in ``node_ids`` and ``road_ids``.
    reverse : ndarray, bool
        Direction of travel, one of two of a road.
    rank : ndarray, int8
        Place in ``RANKS``.
    lanes : ndarray, int64
    length_m, free_kmh, capacity_veh_h : ndarray, float64
        All > 0. [m], [km/h], [veh/h]
    onward, incoming : ndarray, shape (n_link, n_turn), int64
        Links that may follow and precede each, filled up with ``NONE``.
    onward_s, incoming_s : ndarray, shape (n_link, n_turn), float64
        Time lost on the way over the node. [s]
    """

    link_ids: tuple[str, ...]
    node_ids: tuple[str, ...]
    road_ids: tuple[str, ...]
    from_node: Ints
    to_node: Ints
    road: Ints
    reverse: Mask
    rank: NDArray[np.int8]
    lanes: Ints
    length_m: Floats
    free_kmh: Floats
    capacity_veh_h: Floats
    onward: Ints
    onward_s: Floats
    incoming: Ints
    incoming_s: Floats

    def __len__(self) -> int:
        return len(self.link_ids)

    @property
    def free_s(self) -> Floats:
        """Travel time of each link in free flow, shape (n_link,). [s]."""
        return np.asarray(self.length_m / (self.free_kmh / 3.6))

    @classmethod
    def of(
        cls,
        *,
        link_ids: tuple[str, ...],
        node_ids: tuple[str, ...],
        road_ids: tuple[str, ...],
        from_node: Ints,
        to_node: Ints,
        road: Ints,
        reverse: Mask,
        rank: NDArray[np.int8],
        lanes: Ints,
        length_m: Floats,
        free_kmh: Floats,
        capacity_veh_h: Floats,
        ramp_s: float,
        turn_s: float,
        banned: Ints | None = None,
    ) -> Network:
        """Join links at their nodes.

        Parameters
        ----------
        link_ids, node_ids, road_ids, from_node, to_node, road, reverse, rank, lanes, length_m, free_kmh, capacity_veh_h
            As the attributes.
        ramp_s, turn_s : float
            Lost by changing roads where one of them is an expressway, and elsewhere. [s]
        banned : ndarray, shape (n, 2), int64, optional
            Links and those that must not follow them.

        Raises
        ------
        ValueError
            If a length, speed or capacity is not a number above 0; the message names the array and the link.

        Notes
        -----
        Turns are between links, not at nodes, because both directions of a road share their nodes: nobody turns round
        on an expressway. Going back along the road that one came by is never allowed.
        """
        for name, column in (("length_m", length_m), ("free_kmh", free_kmh), ("capacity_veh_h", capacity_veh_h)):
            bad = np.flatnonzero(~(np.isfinite(column) & (column > 0)))
            if len(bad):
                raise ValueError(f"{name}: expected numbers above 0, was {column[bad[0]]} at {link_ids[int(bad[0])]}")
        first, then = _joined(from_node, to_node)
        back = (road[first] == road[then]) & (reverse[first] != reverse[then])
        kept = ~back & (to_node[then] != from_node[first])
        if banned is not None and len(banned):
            n = len(link_ids)
            kept &= ~np.isin(first * n + then, banned[:, 0] * n + banned[:, 1])
        first, then = first[kept], then[kept]
        fast = (rank[first] == 0) | (rank[then] == 0)
        lost_s = np.where(road[first] == road[then], 0.0, np.where(fast, ramp_s, turn_s))
        onward, onward_s = _table(first, then, lost_s, len(link_ids))
        incoming, incoming_s = _table(then, first, lost_s, len(link_ids))
        return cls(
            link_ids=link_ids,
            node_ids=node_ids,
            road_ids=road_ids,
            from_node=from_node,
            to_node=to_node,
            road=road,
            reverse=reverse,
            rank=rank,
            lanes=lanes,
            length_m=length_m,
            free_kmh=free_kmh,
            capacity_veh_h=capacity_veh_h,
            onward=onward,
            onward_s=onward_s,
            incoming=incoming,
            incoming_s=incoming_s,
        )

    def roads_along(self, links: Ints) -> tuple[str, ...]:
        """Return the roads of a route in their order, each once in a row."""
        road = self.road[links]
        changes = np.append(True, road[1:] != road[:-1])[: len(road)]
        return tuple(self.road_ids[int(number)] for number in road[changes])


def _joined(from_node: Ints, to_node: Ints) -> tuple[Ints, Ints]:
    """Return all pairs of links of which the second starts where the first ends."""
    order = np.argsort(from_node, kind="stable")
    starts = np.searchsorted(from_node[order], to_node, side="left")
    counts = np.searchsorted(from_node[order], to_node, side="right") - starts
    first = np.repeat(np.arange(len(to_node)), counts)
    place = np.arange(len(first)) - np.repeat(np.cumsum(counts) - counts, counts)
    return first, order[np.repeat(starts, counts) + place]


def _table(key: Ints, value: Ints, lost_s: Floats, n_link: int) -> tuple[Ints, Floats]:
    order = np.argsort(key, kind="stable")
    key, value, lost_s = key[order], value[order], lost_s[order]
    counts = np.bincount(key, minlength=n_link)
    place = np.arange(len(key)) - np.repeat(np.cumsum(counts) - counts, counts)
    width = max(int(counts.max(initial=0)), 1)
    table = np.full((n_link, width), NONE, dtype=np.int64)
    seconds = np.zeros((n_link, width))
    table[key, place] = value
    seconds[key, place] = lost_s
    return table, seconds
