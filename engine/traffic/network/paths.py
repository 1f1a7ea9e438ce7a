"""Shortest ways through times that change meanwhile: all origins to all destinations at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.traffic.network.chains import Chains
from engine.traffic.network.graph import NONE, Network
from engine.traffic.network.times import LinkTimes, Losses

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_BLOCK_LABELS = 6_000_000
"""Labels held at a time; 8 bytes each, and one to say that it is settled."""
_WIDTH_QUANTILE = 0.3
"""Of the shortest times of links: the width of a bucket. Measured; any width gives the same result."""


@dataclass(frozen=True)
class Origins:
    """Where journeys begin, as signs on links; shape (n_origin,)."""

    link: Ints
    offset_m: Floats
    """From the start of the link. [m]"""


@dataclass(frozen=True)
class Search:
    """What a search found.

    Attributes
    ----------
    leave_s : ndarray, shape (n_origin,), float64
        When the origin's own link is left. [s]
    enter_s : ndarray, shape (n_origin, n_link), float64
        When each link is entered at the earliest; ``inf`` = never. [s]
    """

    network: Network
    times: LinkTimes
    origins: Origins
    leave_s: Floats
    enter_s: Floats

    def arrive_s(self, origin: Ints, link: Ints) -> Floats:
        """Return when the ends of links are reached, both of shape (n,). [s]."""
        own = self.origins.link[origin] == link
        arrive = self.times.leave_s(link, self.enter_s[origin, link])
        return np.asarray(np.where(own, self.leave_s[origin], arrive))


def search(
    network: Network, times: LinkTimes, origins: Origins, depart_s: float = 0.0, limit_s: float = np.inf
) -> Search:
    """Find when every link can be entered at the earliest, from every origin.

    Parameters
    ----------
    network : Network
    times : LinkTimes
        FIFO, which `engine.traffic.network.times.link_times` sees to.
    origins : Origins
    depart_s : float
        From now, >= 0. [s]
    limit_s : float
        Later is never. [s]

    Returns
    -------
    Search

    Notes
    -----
    Exact: nothing is rounded to slices. Labels are settled in buckets of time, those of all origins together; what a
    bucket improves within itself is settled again. An origin's own link counts from its offset on, and losses at its
    entry are passed already.

    Source
    ------
    Dreyfus (1969), Operations Research 17(3): Dijkstra's method holds for FIFO times; buckets after Meyer and Sanders
    (2003), "Δ-stepping", Journal of Algorithms 49(1).
    """
    leave = _leave_own(network, times, origins, depart_s)
    turns = _Turns(network.onward, network.onward_s)
    label = _settled(turns, times.leave_s, _width_s(times.travel_s.min(axis=0)), origins.link, leave, limit_s)
    return Search(network, times, origins, leave, label)


@dataclass(frozen=True)
class _Turns:
    """What may follow what, and the time lost, as in a `Network`; of links or of chains."""

    onward: Ints
    onward_s: Floats


def _settled(
    turns: _Turns,
    leave_s: Callable[[Ints, Floats], Floats],
    width_s: float,
    start: Ints,
    start_s: Floats,
    limit_s: float,
) -> Floats:
    """Return when each link is entered at the earliest from starts that are left at a time, (n_start, n_link)."""
    n_start, n_link = len(start), len(turns.onward)
    label = np.full(n_start * n_link, np.inf)
    settled = np.zeros(n_start * n_link, dtype=np.bool_)
    queue = _Buckets(width_s)
    pair = np.arange(n_start) * n_link + start
    starting = np.isfinite(start_s)
    _relax(turns, label, settled, queue, pair[starting], start[starting], start_s[starting], limit_s)
    for pairs in queue:
        fresh = pairs[~settled[pairs]]
        if len(fresh):
            settled[fresh] = True
            link = fresh % n_link
            _relax(turns, label, settled, queue, fresh, link, leave_s(link, label[fresh]), limit_s)
    return label.reshape(n_start, n_link)


def _width_s(shortest_s: Floats) -> float:
    return float(np.quantile(shortest_s, _WIDTH_QUANTILE)) if len(shortest_s) else 1.0


class _Buckets:
    """Pairs by when they are due; the earliest bucket is given again until nothing is left in it."""

    def __init__(self, width_s: float) -> None:
        self._width_s = width_s
        self._lists: dict[int, list[Ints]] = {}

    def put(self, pairs: Ints, due_s: Floats) -> None:
        number = (due_s / self._width_s).astype(np.int64)
        order = np.argsort(number, kind="stable")
        number = number[order]
        cuts = np.flatnonzero(np.append(True, number[1:] != number[:-1])) if len(number) else np.empty(0, np.int64)
        for key, part in zip(number[cuts].tolist(), np.split(pairs[order], cuts[1:]), strict=True):
            self._lists.setdefault(key, []).append(part)

    def __iter__(self) -> Iterator[Ints]:
        while self._lists:
            yield np.concatenate(self._lists.pop(min(self._lists)))


def _relax(
    network: _Turns,
    label: Floats,
    settled: NDArray[np.bool_],
    queue: _Buckets,
    pair: Ints,
    link: Ints,
    leave_s: Floats,
    limit_s: float,
) -> None:
    """Carry pairs of origin and link on to the links that follow."""
    for turn in range(network.onward.shape[1]):
        following = network.onward[link, turn]
        reach_s = leave_s + network.onward_s[link, turn]
        going = (following != NONE) & (reach_s < limit_s)
        target = (pair - link + following)[going]
        reach_s = reach_s[going]
        better = reach_s < label[target]
        target, reach_s = target[better], reach_s[better]
        if len(target):
            np.minimum.at(label, target, reach_s)
            best = label[target] == reach_s
            target, reach_s = target[best], reach_s[best]
            settled[target] = False
            queue.put(target, reach_s)


def _leave_own(network: Network, times: LinkTimes, origins: Origins, depart_s: float) -> Floats:
    """Return when the origins' own links are left, without the losses at their entry. [s]."""
    bare = LinkTimes(times.slice_s, times.travel_s, Losses.none(), np.empty(0), np.empty(0))
    whole_s = bare.leave_s(origins.link, np.full(len(origins.link), depart_s)) - depart_s
    ahead = np.clip(1.0 - origins.offset_m / network.length_m[origins.link], 0.0, 1.0)
    return np.asarray(depart_s + ahead * whole_s)


def travel_times(
    network: Network,
    times: LinkTimes,
    origins: Origins,
    destinations: Ints,
    depart_s: float = 0.0,
    limit_s: float = np.inf,
) -> Floats:
    """Return the travel times from all origins to all destinations.

    Parameters
    ----------
    network, times, origins, depart_s, limit_s
        As for `search`.
    destinations : ndarray, shape (n_destination,), int64
        Nodes.

    Returns
    -------
    ndarray, shape (n_origin, n_destination), float64
        ``inf`` where there is no way. [s]

    Notes
    -----
    As `search`, but over chains of links without junction or destination, whose times are those of their links one
    after the other: as exact, and several times faster.
    """
    n_origin = len(origins.link)
    result = np.full((n_origin, len(destinations)), np.inf)
    if not n_origin:
        return result
    chains = Chains.of(network, destinations)
    turns = _Turns(chains.onward, chains.onward_s)
    shortest_s = np.where(chains.links == NONE, 0.0, times.travel_s.min(axis=0)[chains.links]).sum(axis=1)

    def leave_s(chain: Ints, enter_s: Floats) -> Floats:
        return chains.leave_s(times, chain, enter_s)

    start = chains.chain_of[origins.link]
    own_s = _leave_own(network, times, origins, depart_s)
    begin_s = chains.leave_s(times, start, own_s, chains.place_of[origins.link])
    ends = network.to_node[chains.last]
    block = max(1, _BLOCK_LABELS // len(chains.last))
    for first in range(0, n_origin, block):
        part = slice(first, first + block)
        label = _settled(turns, leave_s, _width_s(shortest_s), start[part], begin_s[part], limit_s)
        for place, node in enumerate(destinations.tolist()):
            reach = result[part, place]
            for chain in np.flatnonzero(ends == node).tolist():
                through = leave_s(np.full(len(label), chain), label[:, chain])
                own = np.where(start[part] == chain, begin_s[part], np.inf)
                reach = np.minimum(reach, np.minimum(through, own))
            result[part, place] = reach - depart_s
    return result


def arrivals(found: Search, destinations: Ints) -> tuple[Floats, Ints]:
    """Return when destinations are reached at the earliest, and over which last link.

    Parameters
    ----------
    found : Search
    destinations : ndarray, shape (n_destination,), int64
        Nodes.

    Returns
    -------
    arrive_s : ndarray, shape (n_origin, n_destination), float64
        ``inf`` where there is no way. [s]
    last : ndarray, shape (n_origin, n_destination), int64
        ``NONE`` where there is no way.
    """
    n_origin = len(found.origins.link)
    origin = np.arange(n_origin)
    arrive = np.full((n_origin, len(destinations)), np.inf)
    last = np.full(arrive.shape, NONE, dtype=np.int64)
    for place, node in enumerate(destinations.tolist()):
        for link in np.flatnonzero(found.network.to_node == node).tolist():
            reach = found.arrive_s(origin, np.full(n_origin, link))
            better = reach < arrive[:, place]
            arrive[better, place] = reach[better]
            last[better, place] = link
    return arrive, last


def routes(found: Search, origin: Ints, last: Ints) -> list[Ints]:
    """Return the links of ways, the origin's own first.

    Parameters
    ----------
    found : Search
    origin, last : ndarray, shape (n,), int64
        Origin and last link of each, as `arrivals` gives them; ``NONE`` = no way.

    Returns
    -------
    list of ndarray, int64
        Empty where there is no way.
    """
    network = found.network
    steps = [np.where(last == NONE, NONE, last)]
    going = np.flatnonzero((last != NONE) & (found.origins.link[origin] != last))
    while len(going):
        link, start = steps[-1][going], origin[going]
        before = network.incoming[link]
        rows = np.repeat(np.arange(len(going)), before.shape[1])
        flat = before.reshape(-1)
        real = flat != NONE
        reach = np.full(len(flat), np.inf)
        reach[real] = found.arrive_s(start[rows[real]], flat[real]) + network.incoming_s[link].reshape(-1)[real]
        best = reach.reshape(before.shape).argmin(axis=1)
        came = np.full(len(last), NONE, dtype=np.int64)
        came[going] = before[np.arange(len(going)), best]
        steps.append(came)
        going = going[came[going] != found.origins.link[start]]
    table = np.stack(steps[::-1], axis=1)
    return [row[row != NONE] for row in table]
