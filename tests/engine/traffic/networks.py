"""Small road networks for tests."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from engine.traffic.network.graph import Network
from engine.traffic.network.thresholds import NetworkThresholds
from engine.traffic.network.times import LinkTimes
from ingest.thresholds import load_group

NUMBERS: NetworkThresholds = load_group(NetworkThresholds, "traffic_network")


def roads(
    links: Sequence[tuple[str, str, str]],
    *,
    length_m: Any = 1000.0,
    free_kmh: Any = 100.0,
    capacity_veh_h: Any = 2000.0,
    rank: Any = 1,
    turn_s: float = 0.0,
    both_ways: bool = False,
) -> Network:
    """Return links (road, from, to); columns broadcast. ``both_ways`` adds each once more in reverse."""
    n = len(links)
    columns = [np.broadcast_to(np.asarray(one, dtype=np.float64), n) for one in (length_m, free_kmh, capacity_veh_h)]
    ranks = np.broadcast_to(np.asarray(rank, dtype=np.int8), n)
    reverse = np.zeros(n, dtype=np.bool_)
    rows = list(links)
    if both_ways:
        rows += [(road, to, start) for road, start, to in links]
        columns = [np.tile(one, 2) for one in columns]
        ranks, reverse = np.tile(ranks, 2), np.repeat([False, True], n)
    nodes = sorted({node for _, start, to in rows for node in (start, to)})
    names = sorted({road for road, _, _ in rows})
    return Network.of(
        link_ids=tuple(f"{road}:{start}-{to}" for road, start, to in rows),
        node_ids=tuple(nodes),
        road_ids=tuple(names),
        from_node=np.array([nodes.index(start) for _, start, _ in rows], dtype=np.int64),
        to_node=np.array([nodes.index(to) for _, _, to in rows], dtype=np.int64),
        road=np.array([names.index(road) for road, _, _ in rows], dtype=np.int64),
        reverse=reverse,
        rank=ranks.copy(),
        lanes=np.full(len(rows), 2),
        length_m=columns[0].copy(),
        free_kmh=columns[1].copy(),
        capacity_veh_h=columns[2].copy(),
        ramp_s=turn_s,
        turn_s=turn_s,
    )


def grid(random: np.random.Generator, n: int) -> Network:
    """Return a square of streets with lengths and speeds drawn at random."""
    links = [(f"h{row}", f"{row},{col}", f"{row},{col + 1}") for row in range(n) for col in range(n - 1)]
    links += [(f"v{col}", f"{row},{col}", f"{row + 1},{col}") for row in range(n - 1) for col in range(n)]
    return roads(
        links,
        length_m=random.uniform(200, 9000, len(links)),
        free_kmh=random.uniform(40, 110, len(links)),
        turn_s=20.0,
        both_ways=True,
    )


def slowly(network: Network, times: LinkTimes, link: int, offset_m: float, depart_s: float) -> dict[int, float]:
    """Dijkstra's method as the textbook has it, one origin, one label at a time: when each link is entered."""
    whole = replace(times, losses=replace(times.losses, link=times.losses.link * 0 - 1))
    start = np.array([depart_s])
    left = depart_s + (1 - offset_m / network.length_m[link]) * (
        float(whole.leave_s(np.array([link]), start)[0]) - depart_s
    )
    entered: dict[int, float] = {}
    heap = [
        (left + float(lost), int(then))
        for then, lost in zip(network.onward[link], network.onward_s[link], strict=True)
        if then >= 0
    ]
    heapq.heapify(heap)
    while heap:
        at, here = heapq.heappop(heap)
        if here in entered or not np.isfinite(at):
            continue
        entered[here] = at
        leave = float(times.leave_s(np.array([here]), np.array([at]))[0])
        for then, lost in zip(network.onward[here], network.onward_s[here], strict=True):
            if then >= 0 and int(then) not in entered:
                heapq.heappush(heap, (leave + float(lost), int(then)))
    return entered
