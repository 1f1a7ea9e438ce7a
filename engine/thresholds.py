"""The numbers that the engine decides by, each with its source. The values stand in ``config/thresholds/``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from engine.traffic.live import CycleThresholds
    from engine.traffic.weather.thresholds import RoadWeatherThresholds


class Sourced(NamedTuple):
    """A number and where it comes from."""

    value: float
    source: str


@dataclass(frozen=True)
class TrafficThresholds:
    """Ratios are station speed over speed limit, dimensionless."""

    slow_below_ratio: Sourced
    smooth_above_ratio: Sourced
    jammed_below_ratio: Sourced
    unjammed_above_ratio: Sourced
    smoothing_s: Sourced
    effective_length_m: Sourced
    """Vehicle plus detection zone, for density from occupancy."""
    jam_occupancy_pct: Sourced
    """A lane without count or speed but with this much occupancy has a queue standing on its detector."""
    open_after_s: Sourced
    close_after_s: Sourced
    bridge_gap_m: Sourced
    """Farthest that two jammed stations may be apart and still be one queue."""
    caution_length_m: Sourced
    alert_length_m: Sourced
    camera_confidence: Sourced
    one_camera_confidence: Sourced
    """However often one camera reports, it makes nobody surer than this."""
    camera_hold_s: Sourced


@dataclass(frozen=True)
class SlopeThresholds:
    """Tilt in degrees per hour; rain as an intensity-duration curve I = a·D^b."""

    tilt_caution_deg_h: Sourced
    tilt_alert_deg_h: Sourced
    tilt_window_s: Sourced
    tilt_min_span_s: Sourced
    tilt_sigmas: Sourced
    """A rate counts when it stands this many standard errors above the threshold."""
    rain_id_a: Sourced
    rain_id_b: Sourced
    rain_id_min_h: Sourced
    rain_id_max_h: Sourced
    rain_max_mm_h: Sourced
    """A counter that runs faster was set anew: its step is not rain."""
    hold_s: Sourced
    """A level falls only after it was lower for so long."""


@dataclass(frozen=True)
class FireThresholds:
    """Association and position of smoke bearings."""

    window_s: Sourced
    sequence_deg: Sourced
    """Detections of one tower within this angle are one sequence."""
    min_confidence: Sourced
    one_tower_confidence: Sourced
    """However often one tower reports, it makes nobody surer than this."""
    min_crossing_deg: Sourced
    min_baseline_m: Sourced
    max_range_m: Sourced
    gate_sigmas: Sourced
    """A bearing belongs to a fire when its residual is within so many sigma."""
    alert_confidence: Sourced
    alert_towers: Sourced
    max_sequences: Sourced
    """The newest so many sequences are paired; more at once is beyond what bearings alone can tell apart."""


@dataclass(frozen=True)
class FreshnessThresholds:
    """When a device's newest word is too old."""

    stale_after_periods: Sourced
    """In multiples of the device's period."""
    unknown_after_periods: Sourced
    """In multiples of the device's period."""
    clock_slack_s: Sourced
    """How much older than its arrival a sample may say it is and still count as new."""


@dataclass(frozen=True)
class Thresholds:
    """All of them."""

    traffic: TrafficThresholds
    cycle: CycleThresholds
    slope: SlopeThresholds
    fire: FireThresholds
    freshness: FreshnessThresholds
    road_weather: RoadWeatherThresholds
    report_every_s: Sourced
    """A finding that goes on is said again so often, with its newest numbers."""
