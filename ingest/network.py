"""The catalogue's roads as the graph that the engine searches."""

from __future__ import annotations

import numpy as np

from config.catalogue.model import Catalogue, Link, RoadRank
from engine.traffic.network.graph import RANKS, Network
from engine.traffic.network.thresholds import NetworkThresholds


def network_of(catalogue: Catalogue, thresholds: NetworkThresholds) -> Network:
    """Build the graph of a region; links and nodes are in catalogue order.

    Parameters
    ----------
    catalogue
    thresholds
        Say what a lane carries and what a turn costs.

    Notes
    -----
    The catalogue has no turn restrictions; turning round along a road is not allowed anywhere.
    """
    nodes = {node.id: row for row, node in enumerate(catalogue.nodes)}
    roads = {road.id: row for row, road in enumerate(catalogue.roads)}
    ranks: dict[str, RoadRank] = {road.id: road.rank for road in catalogue.roads}
    links = catalogue.links
    return Network.of(
        link_ids=tuple(link.id for link in links),
        node_ids=tuple(nodes),
        road_ids=tuple(roads),
        from_node=np.array([nodes[link.from_node] for link in links], dtype=np.int64),
        to_node=np.array([nodes[link.to_node] for link in links], dtype=np.int64),
        road=np.array([roads[link.road] for link in links], dtype=np.int64),
        reverse=np.array([link.direction == "down" for link in links], dtype=np.bool_),
        rank=np.array([RANKS.index(ranks[link.road]) for link in links], dtype=np.int8),
        lanes=np.array([link.lanes for link in links], dtype=np.int64),
        length_m=np.array([link.length_m for link in links], dtype=np.float64),
        free_kmh=np.array([link.speed_limit_kmh for link in links], dtype=np.float64),
        capacity_veh_h=np.array([capacity_veh_h(link, ranks[link.road], thresholds) for link in links]),
        ramp_s=thresholds.ramp_s.value,
        turn_s=thresholds.turn_s.value,
    )


def capacity_veh_h(link: Link, rank: RoadRank, thresholds: NetworkThresholds) -> float:
    """Return what a link carries, all lanes together; between the rows of the manual linear. [veh/h]."""
    if rank == "expressway":
        speeds = (80.0, 100.0, 120.0)
        rows = (thresholds.expressway_80_pc_h, thresholds.expressway_100_pc_h, thresholds.expressway_120_pc_h)
    else:
        speeds = (60.0, 80.0, 100.0)
        rows = (thresholds.multilane_60_pc_h, thresholds.multilane_80_pc_h, thresholds.multilane_100_pc_h)
    lane = float(np.interp(link.speed_limit_kmh, speeds, [row.value for row in rows]))
    if rank != "expressway" and link.lanes == 1:
        lane = thresholds.one_lane_pc_h.value
    heavy = thresholds.heavy_share.value * (thresholds.heavy_equivalent_pc.value - 1.0)
    return link.lanes * lane / (1.0 + heavy)
