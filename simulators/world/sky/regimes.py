"""The air over the whole region: that of the climate, and what changes of wind bring."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from simulators.world.happenings import WindChange
from simulators.world.sky.climate import Climate
from simulators.world.sky.humidity import saturation_hpa

LAPSE_C_PER_KM = 6.5
"""Fall of temperature with height: the standard atmosphere (ISO 2533)."""
DRY_LAPSE_C_PER_KM = 9.8
"""That of dry air which sinks down a mountain's lee, g / c_p: the air of a föhn."""
_DRIEST_PCT = 1.0


@dataclass(frozen=True)
class Regime:
    """The air at sea level, without the course of the day."""

    wind_kmh: float
    wind_deg: float
    temp_c: float
    """Mean of the day."""
    vapour_hpa: float
    foehn: float
    """Share of air that sank from the mountains, 0 to 1."""

    @property
    def lapse_c_per_km(self) -> float:
        """Fall of temperature with height."""
        return LAPSE_C_PER_KM + self.foehn * (DRY_LAPSE_C_PER_KM - LAPSE_C_PER_KM)


class Regimes:
    """How the region's air goes over from one wind to the next.

    Parameters
    ----------
    climate
        The air at the start.
    mean_temp_c
        Its mean of the day at sea level. [°C]
    winds
        Changes of the run, in any order. ``temp_c`` and ``rh_pct`` of a change are those at sea level at the instant
        at which it is complete, cloud and rain left out; from then on the day goes its course. Air that is brought so
        counts as a föhn: it falls off dry-adiabatically with height.
    course_c
        Deviation of the temperature from the day's mean at an instant. [°C]

    Raises
    ------
    ValueError
        If a change makes no sense.
    """

    def __init__(
        self, climate: Climate, mean_temp_c: float, winds: Sequence[WindChange], course_c: Callable[[float], float]
    ) -> None:
        for number, wind in enumerate(winds):
            _check(number, wind)
        self._winds = sorted(winds, key=lambda wind: wind.from_s)
        vapour_hpa = _vapour_hpa(mean_temp_c, climate.rh_pct)
        self._first = Regime(climate.wind_kmh, climate.wind_deg, mean_temp_c, vapour_hpa, 0.0)
        self._targets: list[Regime] = []
        before = self._first
        for wind in self._winds:
            full_s = wind.from_s + wind.over_s
            temp_c = before.temp_c if wind.temp_c is None else wind.temp_c - course_c(full_s)
            vapour = before.vapour_hpa
            if wind.rh_pct is not None:
                vapour = _vapour_hpa(temp_c + course_c(full_s), wind.rh_pct)
            brought = wind.temp_c is not None or wind.rh_pct is not None
            before = Regime(wind.wind_kmh, wind.wind_deg, temp_c, vapour, 1.0 if brought else before.foehn)
            self._targets.append(before)

    def at(self, time_s: float) -> Regime:
        """Return the air at an instant; winds turn by way of their vectors, so that opposite ones pass a lull."""
        now = self._first
        for wind, target in zip(self._winds, self._targets, strict=True):
            if time_s < wind.from_s:
                break
            share = 1.0 if wind.over_s <= 0 else min((time_s - wind.from_s) / wind.over_s, 1.0)
            now = _between(now, target, share * share * (3.0 - 2.0 * share))
        return now


def _between(one: Regime, other: Regime, share: float) -> Regime:
    if share >= 1.0:
        return other
    east, north = (
        (1.0 - share) * one.wind_kmh * turn(math.radians(one.wind_deg))
        + share * other.wind_kmh * turn(math.radians(other.wind_deg))
        for turn in (math.sin, math.cos)
    )
    return Regime(
        wind_kmh=math.hypot(east, north),
        wind_deg=math.degrees(math.atan2(east, north)) % 360.0,
        temp_c=(1.0 - share) * one.temp_c + share * other.temp_c,
        vapour_hpa=(1.0 - share) * one.vapour_hpa + share * other.vapour_hpa,
        foehn=(1.0 - share) * one.foehn + share * other.foehn,
    )


def _vapour_hpa(temp_c: float, rh_pct: float) -> float:
    return float(saturation_hpa(temp_c)) * max(rh_pct, _DRIEST_PCT) / 100.0


def _check(number: int, wind: WindChange) -> None:
    for name, value, low, high in (
        ("over_s", wind.over_s, 0.0, 1e6),
        ("wind_kmh", wind.wind_kmh, 0.0, 200.0),
        ("wind_deg", wind.wind_deg, 0.0, 360.0),
        ("rh_pct", 50.0 if wind.rh_pct is None else wind.rh_pct, 0.0, 100.0),
        ("temp_c", 10.0 if wind.temp_c is None else wind.temp_c, -40.0, 45.0),
    ):
        if not low <= value <= high:
            raise ValueError(f"winds[{number}].{name}: expected {low:g} to {high:g}, was {value}")
