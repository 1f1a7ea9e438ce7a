"""Safety warnings from weather stations beside roads, as findings with their receipts."""

from __future__ import annotations

from dataclasses import replace
from math import erf, isfinite, log, sqrt

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.findings import Finding, HazardLevel, Observation, ReceiptLine, Rule
from engine.region import WeatherTable
from engine.thresholds import Sourced
from engine.traffic.weather.hazards import (
    HAZARDS,
    Conditions,
    Hazard,
    advised_speed_kmh,
    crosswind_m_s,
    wetness_point_c,
)
from engine.traffic.weather.state import RoadWeatherState, take_in
from engine.traffic.weather.thresholds import RoadWeatherThresholds
from sensors.columns import ROAD_STATES, Ints, WeatherColumns

_NS = 1_000_000_000
_SENSOR_SHARE = 0.1
_SENSOR_C = 0.3
"""Errors of the sensors that confidence counts with; usual data-sheet figures."""
_SILENT = 0.5
"""What is left of confidence while a station says nothing; own construction."""


def update_road_weather(
    state: RoadWeatherState,
    samples: WeatherColumns,
    known: NDArray[np.bool_],
    now_ns: int,
    stations: WeatherTable,
    thresholds: RoadWeatherThresholds,
    report_every_s: Sourced,
) -> tuple[RoadWeatherState, list[Finding]]:
    """Take in samples and say where a road became dangerous, changed, or is safe again.

    Parameters
    ----------
    state : RoadWeatherState
    samples : WeatherColumns
        Any number per station, in any order.
    known : ndarray, shape (n_station,), bool
        False where the station's word is too old to count: its warnings stay, with less confidence, for silence is not
        good weather.
    now_ns : int
        Engine time. [ns since 1970 UTC]
    stations : WeatherTable
        Those beside all roads are followed but warn of nothing.
    thresholds : RoadWeatherThresholds
    report_every_s : Sourced

    Returns
    -------
    state : RoadWeatherState
    findings : list of Finding
        Those that opened, changed or closed, and those whose turn it is to be repeated; ``detail`` is the hazard.

    Source
    ------
    Own construction; steps as `engine.traffic.weather.hazards.levels`.
    """
    if len(samples.envelope):
        state = take_in(state, samples, thresholds)
    beside = np.array([bool(road) for road in stations.road], dtype=np.bool_)
    active = {(finding.subject, finding.detail): finding for finding in state.findings}
    row, hazard = np.nonzero((state.level >= HazardLevel.ATTENTION) & beside[:, None])
    said: list[Finding] = []
    still: list[Finding] = []
    if len(row):
        speaker = _Speaker(state, row, known, now_ns, stations, thresholds)
        for place, (station, column) in enumerate(zip(row.tolist(), hazard.tolist(), strict=True)):
            before = active.pop((stations.ids[station], HAZARDS[column].value), None)
            due = before is None or now_ns - before.updated_ns >= report_every_s.value * _NS
            if before is None or due or before.level != state.level[station, column]:
                said.append(speaker.finding(place, column, before))
                still.append(said[-1])
            else:
                still.append(before)
    said += [msgspec.structs.replace(gone, active=False, updated_ns=now_ns) for gone in active.values()]
    return replace(state, findings=tuple(still)), said


class _Speaker:
    """Puts what is known of some stations into words and numbers."""

    def __init__(
        self,
        state: RoadWeatherState,
        row: Ints,
        known: NDArray[np.bool_],
        now_ns: int,
        stations: WeatherTable,
        thresholds: RoadWeatherThresholds,
    ) -> None:
        self._state, self._row, self._known = state, row, known
        self._now_ns, self._stations, self._thresholds = now_ns, stations, thresholds
        self._at = state.conditions(row, thresholds)
        self._speed = advised_speed_kmh(self._at, stations.speed_limit_kmh[row], thresholds)
        self._cross = crosswind_m_s(self._at.wind_m_s, self._at.wind_deg, stations.road_deg[row])
        self._wetness = wetness_point_c(self._at)
        self._predicted = self._at.predicted_surface_c(thresholds)

    def finding(self, place: int, column: int, before: Finding | None) -> Finding:
        state, stations, row = self._state, self._stations, int(self._row[place])
        hazard, name = HAZARDS[column], stations.ids[row]
        level = HazardLevel(int(state.level[row, column]))
        onset_ns = int(state.onset_ns[row, column]) if before is None else before.onset_ns
        sure = self._confidence(place, hazard, level)
        return Finding(
            id=f"road-weather-{name}-{hazard.value}-{onset_ns // _NS}" if before is None else before.id,
            rule=Rule.ROAD_WEATHER,
            level=level,
            active=True,
            onset_ns=onset_ns,
            updated_ns=self._now_ns,
            confidence=round(sure if self._known[row] else sure * _SILENT, 3),
            lon_deg=float(stations.lon_deg[row]),
            lat_deg=float(stations.lat_deg[row]),
            subject=name,
            detail=hazard.value,
            devices=(name,),
            observations=(Observation(name, int(state.seq[row])),),
            receipt=tuple(line for line in self._receipt(place, hazard, level) if isfinite(line.value)),
        )

    def _receipt(self, place: int, hazard: Hazard, level: HazardLevel) -> tuple[ReceiptLine, ...]:
        """Return all quantities; those that are not known are not finite."""
        at, t = self._at, self._thresholds
        law = t.half_reduction.source
        speed = _line("advised_speed", self._speed[place], "km/h", source=law)
        age_s = (self._now_ns - int(self._state.time_ns[self._row[place]])) / _NS
        age = _line("sample_age", round(age_s), "s", t.value_age_s)
        match hazard:
            case Hazard.FOG:
                return (_line("visibility", at.visibility_m[place], "m", fog_limit(level, t)), speed, age)
            case Hazard.ICING:
                water = ROAD_STATES[int(at.road_state[place])] if at.road_state[place] >= 0 else ""
                surface = {"moist": "surface_wet", "wet": "surface_wet", "snow": "surface_snow", "ice": "surface_ice"}
                return (
                    _line("road_surface", at.surface_c[place], "°C", t.ice_c),
                    *((_line(surface[water], 1.0, ""),) if water in surface else ()),
                    _line("wetness_point", self._wetness[place], "°C"),
                    _line("surface_trend", at.surface_trend_c_h[place], "°C/h"),
                    _line("surface_predicted", self._predicted[place], "°C", t.ice_c),
                    _line("rain_1h", at.rain_1h_mm[place], "mm", t.wet_rain_mm),
                    speed,
                    age,
                )
            case Hazard.FLOODING:
                hour = t.rain_attention_1h_mm if level < HazardLevel.SERIOUS else t.rain_extreme_1h_mm
                three = t.rain_caution_3h_mm if level <= HazardLevel.CAUTION else t.rain_alert_3h_mm
                return (
                    _line("rain_1h", at.rain_1h_mm[place], "mm", hour),
                    _line("rain_3h", at.rain_3h_mm[place], "mm", three),
                    speed,
                    age,
                )
            case Hazard.WIND:
                return (
                    _line("wind_speed", at.wind_m_s[place], "m/s", wind_limit(level, t)),
                    _line("crosswind", self._cross[place], "m/s"),
                    age,
                )

    def _confidence(self, place: int, hazard: Hazard, level: HazardLevel) -> float:
        """Probability that the value itself is beyond its step, for normal errors of the sensor. Own construction."""
        at, t = self._at, self._thresholds
        match hazard:
            case Hazard.FOG:
                z = _ratio(fog_limit(level, t).value, float(at.visibility_m[place])) / _SENSOR_SHARE
            case Hazard.WIND:
                z = _ratio(float(at.wind_m_s[place]), wind_limit(level, t).value) / _SENSOR_SHARE
            case Hazard.FLOODING:
                hour = _ratio(float(at.rain_1h_mm[place]), t.rain_attention_1h_mm.value)
                three = _ratio(float(at.rain_3h_mm[place]), t.rain_caution_3h_mm.value)
                z = max(hour, three) / _SENSOR_SHARE
            case Hazard.ICING:
                z = _icing_sigmas(at, place, t)
        # A level that is held although the value came back stays at least as likely as not.
        return round(min(max(0.5 * (1.0 + erf(z / sqrt(2.0))), 0.5), 0.99), 3)


def fog_limit(level: HazardLevel, thresholds: RoadWeatherThresholds) -> Sourced:
    """Return the visibility at or under which a level holds."""
    t = thresholds
    return (t.fog_attention_m, t.fog_caution_m, t.fog_alert_m, t.fog_serious_m)[int(level) - 1]


def wind_limit(level: HazardLevel, thresholds: RoadWeatherThresholds) -> Sourced:
    """Return the wind speed from which a level holds."""
    t = thresholds
    return (t.wind_attention_m_s, t.wind_caution_m_s, t.wind_alert_m_s, t.wind_serious_m_s)[int(level) - 1]


def _icing_sigmas(at: Conditions, place: int, thresholds: RoadWeatherThresholds) -> float:
    if at.road_state[place] >= 0 and ROAD_STATES[int(at.road_state[place])] in {"ice", "snow"}:
        return 2.0
    below = thresholds.near_ice_c.value - float(at.surface_c[place])
    return below / _SENSOR_C if isfinite(below) else 0.0


def _ratio(high: float, low: float) -> float:
    return log(high / low) if high > 0 and low > 0 and isfinite(high) and isfinite(low) else 0.0


def _line(quantity: str, value: float, unit: str, limit: Sourced | None = None, source: str = "") -> ReceiptLine:
    return ReceiptLine(
        quantity=quantity,
        value=round(float(value), 2),
        unit=unit,
        threshold=None if limit is None else limit.value,
        source=source if limit is None else limit.source,
    )
