"""The numbers by which the network is built and detours are judged; values in ``config/thresholds``."""

from __future__ import annotations

from dataclasses import dataclass

from engine.thresholds import Sourced


@dataclass(frozen=True)
class NetworkThresholds:
    """Of ``traffic_network.toml``; capacities in passenger cars per hour and lane."""

    expressway_80_pc_h: Sourced
    expressway_100_pc_h: Sourced
    expressway_120_pc_h: Sourced
    multilane_60_pc_h: Sourced
    multilane_80_pc_h: Sourced
    multilane_100_pc_h: Sourced
    one_lane_pc_h: Sourced
    heavy_share: Sourced
    heavy_equivalent_pc: Sourced
    ramp_s: Sourced
    """Lost by changing roads where one of them is an expressway."""
    turn_s: Sourced
    """Lost by changing roads elsewhere."""
    min_speed_kmh: Sourced
    """A link is never taken to be slower: a standing queue moves on in the end."""
    slice_s: Sourced
    """Distance of two predictions."""
    bpr_alpha: Sourced
    bpr_beta: Sourced
    max_vc: Sourced
    """Flow over capacity above which an alternative would itself jam."""
    min_saving_min: Sourced
    """A detour that saves less is not worth a sign."""
    compliance: Sourced
    """Share of those addressed that follows."""
    min_share: Sourced
    """A smaller share cannot be steered by signs."""
    max_upstream_min: Sourced
    """How far before the incident drivers are addressed, as travel time in free flow."""
    search_limit_min: Sourced
    """Journeys that take longer count as no way."""
