"""Numbers of the model of the road ahead."""

from __future__ import annotations

from dataclasses import dataclass

from engine.thresholds import Sourced


@dataclass(frozen=True)
class AheadThresholds:
    """Of what is learnt of the road, and of the model that runs ahead."""

    smoothing_s: Sourced
    discharge_s: Sourced
    ramp_s: Sourced
    hold_s: Sourced
    step_s: Sourced
    horizon_s: Sourced
    jam_wave_kmh: Sourced
    """How fast news travels upstream in a queue, > 0."""
    jam_density_veh_km_lane: Sourced
    jam_density_memory: Sourced
    jam_density_slack: Sourced
    free_speed_memory: Sourced
    free_ratio: Sourced
    free_density_veh_km_lane: Sourced
    queued_ratio: Sourced
    slow_ratio: Sourced
    mismatch_s: Sourced
    least_flow_veh_h_lane: Sourced
    least_discharge_veh_h_lane: Sourced
    usual_capacity_veh_h_lane: Sourced
    clearing_s: Sourced
    """Over this time what holds a queue is expected to go."""
    slowest_kmh: Sourced
