"""The numbers of incident detection; the values stand in ``config/thresholds/traffic_incidents.toml``."""

from __future__ import annotations

from dataclasses import dataclass

from engine.thresholds import Sourced


@dataclass(frozen=True)
class IncidentThresholds:
    """Scores are in standard errors of what is usual at the place."""

    reference_memory_s: Sourced
    """What a station showed of late: flow, speed and occupancy to compare with."""
    balance_memory_s: Sourced
    """Of the share of the upstream count that comes out downstream: ramps, and errors of counting."""
    noise_memory_s: Sourced
    suspicion_slowdown: Sourced
    """References of a place under suspicion learn at this share of their speed."""
    warm_up_s: Sourced
    drop_at_least: Sourced
    """Share of the usual discharge that is missing."""
    balance_at_most: Sourced
    """Share of the expected vehicles that came out."""
    usual_balance: Sourced
    """Of a balance, in standard errors: so much is nothing unusual."""
    usual_drop: Sourced
    """Of a discharge, in standard errors: so much is nothing unusual."""
    inflow_margin: Sourced
    """A drop downstream that exceeds the one upstream by more than this did not come from there."""
    queue_drop: Sourced
    """As ``drop_at_least``, behind a queue."""
    density_at_most: Sourced
    """Share of the usual density downstream: where a queue arrives it rises."""
    moving_downstream_ratio: Sourced
    free_downstream_ratio: Sourced
    surplus_sigmas: Sourced
    """More vehicles than went in, in standard errors: the station miscounts."""
    slow_ratio: Sourced
    contrast_periods: Sourced
    capacity_drop: Sourced
    busy_lane_veh_h: Sourced
    """From here on the busiest lane downstream says that a slow stream upstream is simply too much traffic."""
    busy_lane_sigma_veh_h: Sourced
    light_lane_veh_h: Sourced
    usual_score: Sourced
    """What a score has to exceed before it adds to the evidence."""
    alarm_evidence: Sourced
    most_evidence: Sourced
    clear_after_s: Sourced
    merge_m: Sourced
    """Two alarms closer than this along the road are one incident."""
