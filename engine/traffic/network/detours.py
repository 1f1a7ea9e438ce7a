"""Which detour to advise at which sign, what it saves, and why not. Advice only: an operator releases it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from engine.traffic.network.dispatch import Detour, Dispatcher, Pair
from engine.traffic.network.graph import NONE, Network
from engine.traffic.network.paths import Origins, Search, arrivals, routes, search
from engine.traffic.network.thresholds import NetworkThresholds
from engine.traffic.network.times import LinkTimes, Losses, link_times

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def advise(
    network: Network,
    losses: Losses,
    origins: Origins,
    destinations: Ints,
    flow_veh_h: Floats,
    thresholds: NetworkThresholds,
    *,
    speed_kmh: Floats | None = None,
    split: Floats | None = None,
) -> tuple[Detour, ...]:
    """Choose detours around closures and losses of capacity.

    Parameters
    ----------
    network : Network
    losses : Losses
    origins : Origins
        Signs.
    destinations : ndarray, shape (n_destination,), int64
        Nodes.
    flow_veh_h : ndarray, shape (n_link,), float64
        As expected without diversion. NaN = not known. [veh/h]
    thresholds : NetworkThresholds
    speed_kmh : ndarray, shape (n_slice, n_link), float64, optional
        Present and predicted, without the losses. NaN = free flow. [km/h]
    split : ndarray, shape (n_origin, n_destination), float64, optional
        Share of the traffic at a sign that goes to each destination. Without it, the same to every destination: an
        assumption, which the receipt names.

    Returns
    -------
    tuple of Detour
        One for each sign within ``max_upstream_min`` and each destination to which its usual way meets a loss; in the
        order of signs, then destinations.

    Notes
    -----
    The usual way is the fastest without the losses; the other the fastest that avoids all of them. Traffic is counted
    where the ways part, so several signs before one exit speak to the same drivers. Groups are served from the one
    farthest upstream on, each finds the flows that those before it added, and none is sent more than it takes for the
    demand at the loss to be what the loss leaves. The share is the largest, up to compliance, with which no link of the
    other way goes over ``max_vc`` and the time saved stays above ``min_saving_min``.

    Source
    ------
    Own construction; link delay by volume: Bureau of Public Roads (1964). Queue at the loss: `queue_delay_s`.
    """
    if not len(losses) or not len(origins.link) or not len(destinations):
        return ()
    pairs = _affected(network, losses, origins, destinations, flow_veh_h, thresholds, speed_kmh)
    even = np.full((len(origins.link), len(destinations)), 1.0 / len(destinations))
    desk = Dispatcher(
        network, losses, flow_veh_h, thresholds, even if split is None else split, split_assumed=split is None
    )
    groups: dict[tuple[int, int], list[Pair]] = {}
    for pair in pairs:
        groups.setdefault((pair.leaves, pair.destination), []).append(pair)
    ordered = sorted(
        groups.values(), key=lambda group: (-group[0].before_s, group[0].leaves, group[0].way_s - group[0].stay_s)
    )
    advised = [detour for group in ordered for detour in desk.serve(group)]
    return tuple(sorted(advised, key=lambda one: (one.sign, one.destination)))


def _affected(
    network: Network,
    losses: Losses,
    origins: Origins,
    destinations: Ints,
    flow_veh_h: Floats,
    thresholds: NetworkThresholds,
    speed_kmh: Floats | None,
) -> list[Pair]:
    def times(what: Losses) -> LinkTimes:
        return link_times(
            network,
            speed_kmh,
            slice_s=thresholds.slice_s.value,
            min_speed_kmh=thresholds.min_speed_kmh.value,
            losses=what,
            flow_veh_h=flow_veh_h,
        )

    lost = np.unique(losses.link)
    before_s = time_before(network, lost, thresholds.max_upstream_min.value * 60.0)
    signs = np.flatnonzero(np.isfinite(before_s[origins.link]) & ~np.isin(origins.link, lost))
    near = Origins(origins.link[signs], origins.offset_m[signs])
    limit_s = thresholds.search_limit_min.value * 60.0
    shut = Losses(lost, np.full(len(lost), -1.0), np.full(len(lost), np.inf), np.zeros(len(lost)))
    usual, other = (search(network, times(what), near, 0.0, limit_s) for what in (Losses.none(), shut))
    usual_ways, usual_s = _ways(usual, destinations)
    other_ways, other_s = _ways(other, destinations)
    is_lost = np.zeros(len(network), dtype=np.bool_)
    is_lost[lost] = True
    meets = [place for place, way in enumerate(usual_ways) if is_lost[way].any()]
    rows = np.array(meets, dtype=np.int64) // len(destinations)
    stay_s = times_along(network, times(losses), [usual_ways[place] for place in meets], usual.leave_s[rows])
    pairs: list[Pair] = []
    for place, stays_s in zip(meets, stay_s.tolist(), strict=True):
        sign, destination = divmod(place, len(destinations))
        leaves = _parting(usual_ways[place], other_ways[place])
        pairs.append(
            Pair(
                sign=int(signs[sign]),
                destination=destination,
                usual=usual_ways[place],
                way=other_ways[place],
                usual_s=float(usual_s[place]),
                stay_s=stays_s if stays_s < limit_s else np.inf,
                way_s=float(other_s[place]),
                leaves=leaves,
                before_s=float(before_s[leaves]) if leaves != NONE else 0.0,
            )
        )
    return pairs


def _ways(found: Search, destinations: Ints) -> tuple[list[Ints], Floats]:
    arrive, last = arrivals(found, destinations)
    origin = np.repeat(np.arange(len(arrive)), len(destinations))
    return routes(found, origin, last.reshape(-1)), arrive.reshape(-1)


def times_along(network: Network, times: LinkTimes, ways: list[Ints], leave_s: Floats) -> Floats:
    """Return when the ends of ways are reached.

    Parameters
    ----------
    network : Network
    times : LinkTimes
    ways : list of ndarray, int64
        Links, each at least one.
    leave_s : ndarray, shape (n_way,), float64
        When the first link of each is left. [s]

    Returns
    -------
    ndarray, shape (n_way,), float64
        ``inf`` where nobody gets through. [s]
    """
    at = np.asarray(leave_s, dtype=np.float64).copy()
    length = np.array([len(way) for way in ways], dtype=np.int64)
    for step in range(1, int(length.max(initial=0))):
        going = np.flatnonzero(length > step)
        link = np.array([ways[place][step] for place in going.tolist()], dtype=np.int64)
        came = np.array([ways[place][step - 1] for place in going.tolist()], dtype=np.int64)
        turn = (network.onward[came] == link[:, None]).argmax(axis=1)
        at[going] = times.leave_s(link, at[going] + network.onward_s[came, turn])
    return at


def time_before(network: Network, links: Ints, limit_s: float) -> Floats:
    """Return the free-flow time from the end of every link to the nearest of some links, shape (n_link,).

    ``inf`` beyond ``limit_s``, 0 for those links themselves. [s]
    """
    first, turn = np.nonzero(network.onward != NONE)
    then = network.onward[first, turn]
    cost_s = network.onward_s[first, turn] + np.where(np.isin(then, links), 0.0, network.free_s[then])
    # A stored zero is an edge of no length; the smallest number keeps it one.
    graph = csr_array((np.maximum(cost_s, 1e-9), (then, first)), shape=(len(network), len(network)))
    reached = dijkstra(graph, indices=links, min_only=True, limit=limit_s)
    return np.asarray(reached, dtype=np.float64)


def _parting(usual: Ints, other: Ints) -> int:
    """Return the last link before two ways part; -1 when one of them is none."""
    if not len(other):
        return NONE
    n = min(len(usual), len(other))
    differs = np.flatnonzero(usual[:n] != other[:n])
    return int(usual[(differs[0] if len(differs) else n) - 1])
