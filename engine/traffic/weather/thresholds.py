"""The numbers by which road weather is graded; values in ``config/thresholds/traffic_weather.toml``."""

from __future__ import annotations

from dataclasses import dataclass

from engine.thresholds import Sourced


@dataclass(frozen=True)
class RoadWeatherThresholds:
    """Steps of the four hazards, and what drivers are to do."""

    fog_attention_m: Sourced
    fog_caution_m: Sourced
    fog_alert_m: Sourced
    fog_serious_m: Sourced
    ice_c: Sourced
    """A wet surface at or below it freezes."""
    near_ice_c: Sourced
    """A wet surface at or below it may freeze beside the sensor: bridges and shade are colder."""
    frost_margin_c: Sourced
    """A cold surface within this of the frost point takes on frost."""
    trend_window_s: Sourced
    trend_min_span_s: Sourced
    forecast_s: Sourced
    """How far ahead a falling surface temperature is followed."""
    forecast_below_c: Sourced
    """Only surfaces that are this cold already."""
    wet_rain_mm: Sourced
    """Rain of an hour that leaves a road wet, where the station does not say what its surface is."""
    rain_attention_1h_mm: Sourced
    rain_caution_3h_mm: Sourced
    rain_alert_3h_mm: Sourced
    rain_serious_1h_mm: Sourced
    rain_serious_with_3h_mm: Sourced
    rain_extreme_1h_mm: Sourced
    rain_max_mm_h: Sourced
    wind_attention_m_s: Sourced
    wind_caution_m_s: Sourced
    wind_alert_m_s: Sourced
    wind_serious_m_s: Sourced
    wind_mean_s: Sourced
    release_share: Sourced
    """By how much a value has to be better than its step, as a share, before a level falls."""
    release_c: Sourced
    """The same for temperatures."""
    confirm_samples: Sourced
    """A level rises when so many samples in a row say so."""
    hold_s: Sourced
    """A level falls after it was better for so long."""
    value_age_s: Sourced
    """A quantity that was last measured longer ago is not known."""
    reaction_s: Sourced
    deceleration_m_s2: Sourced
    wet_reduction: Sourced
    half_reduction: Sourced
