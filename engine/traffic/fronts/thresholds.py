"""The numbers that fronts are followed by; the values stand in ``config/thresholds/traffic_fronts.toml``."""

from __future__ import annotations

from dataclasses import dataclass

from engine.thresholds import Sourced


@dataclass(frozen=True)
class FrontThresholds:
    """Speeds are held against the free speed that each station showed, dimensionless ratios."""

    queued_below_ratio: Sourced
    flowing_above_ratio: Sourced
    smoothing_s: Sourced
    """Of flow and density on both sides of a front."""
    free_speed_memory_s: Sourced
    front_sigma_kmh: Sourced
    """Error of a front's computed speed from one period to the next."""
    passing_sigma_m: Sourced
    """Error of a front's place when a station has just changed sides."""
    fastest_growth_kmh: Sourced
    fastest_shrinking_kmh: Sourced
    growth_smoothing_s: Sourced
    merge_gap_m: Sourced
    """Farthest that two queued stations may be apart and still be one queue."""
