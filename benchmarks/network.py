"""Ways and detours in a road network of national size."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from engine.traffic.network.detours import advise
from engine.traffic.network.graph import Network
from engine.traffic.network.paths import Origins, travel_times
from engine.traffic.network.thresholds import NetworkThresholds
from engine.traffic.network.times import Losses, link_times
from ingest.thresholds import load_group

T = TypeVar("T")

_PIECES = 6
"""Links between two junctions."""
_SLICES = 13
_REGION, _NATIONAL = (5, 60, 18), (30, 2_090, 50)
"""Junctions along a side, signs, destinations."""


def run(sizes: tuple[str, ...] = ("region", "national")) -> dict[str, float]:
    """Return processor times of one refresh of all signs and destinations, and of the detours round one closure [s]."""
    numbers = load_group(NetworkThresholds, "traffic_network")
    figures: dict[str, float] = {}
    for name, (side, n_sign, n_goal) in (("region", _REGION), ("national", _NATIONAL)):
        if name not in sizes:
            continue
        random = np.random.default_rng(1)
        network = lattice(side)
        link = random.integers(0, len(network), n_sign)
        origins = Origins(link, random.uniform(0, 1, n_sign) * network.length_m[link])
        goals = random.choice(len(network.node_ids), n_goal, replace=False)
        slower = np.exp(-np.abs(random.normal(0.0, 0.3, (_SLICES, len(network)))))
        speed = network.free_kmh * slower
        times = link_times(network, speed, slice_s=300.0, min_speed_kmh=5.0)
        closed = Losses.of(len(network) // 2, 0.0, 0.0, 7200.0)
        flow = 0.4 * network.capacity_veh_h
        found, detours_s = _timed(lambda: advise(network, closed, origins, goals, flow, numbers, speed_kmh=speed))  # noqa: B023
        _, refresh_s = _timed(lambda: travel_times(network, times, origins, goals))  # noqa: B023
        figures |= {
            f"{name}_links": len(network),
            f"{name}_pairs": n_sign * n_goal,
            f"{name}_refresh_cpu_s": round(refresh_s, 4),
            f"{name}_detours_cpu_s": round(detours_s, 4),
            f"{name}_detours": len(found),
        }
    figures["peak_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0, 1)
    return figures


def _timed(compute: Callable[[], T]) -> tuple[T, float]:
    started = time.process_time()
    result = compute()
    return result, time.process_time() - started


def lattice(side: int) -> Network:
    """Return a square of roads, 12 km between junctions in links of 2 km, every third an expressway."""
    pairs, road = [], []
    for number in range(2 * side):
        for piece in range((side - 1) * _PIECES):
            along, cross = piece, (number % side) * _PIECES
            flat = number < side
            pairs.append(((along, cross), (along + 1, cross)) if flat else ((cross, along), (cross, along + 1)))
            road.append(number)
    nodes = {place: row for row, place in enumerate(sorted({end for pair in pairs for end in pair}))}
    first = np.array([nodes[one] for one, _ in pairs], dtype=np.int64)
    then = np.array([nodes[other] for _, other in pairs], dtype=np.int64)
    number_of = np.tile(np.array(road, dtype=np.int64), 2)
    fast = number_of % 3 == 0
    n = len(number_of)
    return Network.of(
        link_ids=tuple(str(row) for row in range(n)),
        node_ids=tuple(f"{x},{y}" for x, y in nodes),
        road_ids=tuple(str(row) for row in range(2 * side)),
        from_node=np.concatenate((first, then)),
        to_node=np.concatenate((then, first)),
        road=number_of,
        reverse=np.repeat([False, True], n // 2),
        rank=np.where(fast, 0, 1).astype(np.int8),
        lanes=np.full(n, 2),
        length_m=np.full(n, 2000.0),
        free_kmh=np.where(fast, 100.0, 70.0),
        capacity_veh_h=np.where(fast, 4000.0, 3000.0),
        ramp_s=30.0,
        turn_s=30.0,
    )
