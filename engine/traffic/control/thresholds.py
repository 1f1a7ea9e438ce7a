"""The numbers of control advice; values in ``config/thresholds/traffic_control.toml``."""

from __future__ import annotations

from dataclasses import dataclass

from engine.thresholds import Sourced


@dataclass(frozen=True)
class ControlThresholds:
    """Decelerations are positive, in km/h per hour, as speeds are in km/h and distances in km."""

    slow_kmh: Sourced
    """A station that is faster is no bottleneck."""
    start_km_h2: Sourced
    control_km_h2: Sourced
    stop_km_h2: Sourced
    intervals: Sourced
    """How many in a row it takes to start, to stop, and to show a higher speed."""
    min_station_m: Sourced
    downstream_m: Sourced
    min_shown_kmh: Sourced
    step_kmh: Sourced
    below_limit_kmh: Sourced
    """An advised speed nearer than this to the limit is not shown."""
    alinea_gain: Sourced
    alinea_occupancy_pct: Sourced
    queue_occupancy_pct: Sourced
    """On the detector at the end of a ramp's queue: the queue has come to the street."""
    min_rate_veh_h: Sourced
    max_rate_veh_h: Sourced
    unknown_intervals: Sourced
    """So long a rate is kept without measurements; then nobody is held back."""
    critical_veh_km: Sourced
    desired_share: Sourced
    """Desired over critical density."""
    low_share: Sourced
    """Density over critical under which metering ends."""
    jam_veh_km: Sourced
    segment_m: Sourced
    start_intervals: Sourced
    stop_intervals: Sourced
    min_tracking: Sourced
    max_tracking: Sourced
    tracking_s: Sourced
    max_wait_s: Sourced
    target_storage: Sourced
    critical_step_veh_km: Sourced
    critical_band: Sourced
    """Densities within this share of the estimate say something of it."""
    critical_slope_kmh: Sourced
    """Slope of flow over density that counts as rising or falling."""
    critical_memory: Sourced
    """Intervals over which flow and density are remembered."""
    critical_range: Sourced
    """How far, as a share, the estimate may go from the published value."""
    lane_close_m: Sourced
    lane_merge_m: Sourced
    lane_hold_intervals: Sourced
