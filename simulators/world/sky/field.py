"""Weather of a region as a function of place and time. Own construction, on textbook formulas where they are named."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from simulators.world.happenings import FogBank, Storm, WindChange
from simulators.world.seeds import stream
from simulators.world.sky.air import Air, Places, Plane, Sun
from simulators.world.sky.climate import Climate
from simulators.world.sky.humidity import dew_point_c, saturation_hpa
from simulators.world.sky.noise import SmoothNoise
from simulators.world.sky.rain import RainField
from simulators.world.sky.regimes import Regime, Regimes
from simulators.world.sky.sun import DAY_S, DayCourse, clear_sky_w_m2, sine_of_height, under_cloud
from simulators.world.sky.visibility import FogField, visibility_m

Floats = NDArray[np.float64]

DEW_LAPSE_C_PER_KM = 2.0
"""Fall of the dew point with height in air that is well mixed, about 1.8-2."""
FAIR_CLOUD_FRAC, RAIN_CLOUD_FRAC = 0.25, 0.95
CLOUD_DAMPING = 0.6
"""How much of a day's range a covered sky takes."""
EVAPORATIVE_COOLING = 0.4
"""Share of the dew point's distance that rain cools the air by: about down to the wet-bulb temperature."""
RAIN_FELT_MM_H = 3.0
"""Rain at which two thirds of its cooling and moistening are there."""
SLOW_S, GUST_S, GUST_M = 5_400.0, 60.0, 3_000.0
SITE_M = 1_200.0
"""Times and distances over which spells of weather, gusts, and the lie of a place differ."""
SLOW_C, SITE_C = 0.6, 0.5
GUSTINESS, FOEHN_GUSTINESS = 0.15, 0.07
SITE_WIND = 0.18
WIND_PER_KM = 0.35
"""Gain of wind with height, up to 2 km."""
CALM_NIGHT, WINDY_DAY = 0.75, 1.2
"""Factors of the wind at dawn and in the afternoon, when the air mixes with the faster air above."""
FOG_RH_PCT = 98.0


class WeatherField:
    """Weather over a region at one instant, moved on by `step`.

    Everything is a function of place and time, so that weather at a place does not depend on which other places were
    asked about, nor on the lengths of the steps.

    Parameters
    ----------
    climate
        The day that it varies around.
    storms, fogs, winds
        What comes over the region.
    bbox
        West, south, east, north of the region. [deg]
    day_of_year
        1 to 366, of local time at the start.
    time_of_day_s
        Local time at the start. [s since midnight]
    seed
        Seed of the run, at least 0.
    meridian_deg
        Meridian of the local time, 15° per hour from UTC: 135 for UTC+9. [deg]

    Raises
    ------
    ValueError
        If a parameter or something that comes makes no sense; the message names it.
    """

    def __init__(
        self,
        climate: Climate,
        storms: Sequence[Storm] = (),
        fogs: Sequence[FogBank] = (),
        winds: Sequence[WindChange] = (),
        *,
        bbox: tuple[float, float, float, float],
        day_of_year: int,
        time_of_day_s: float,
        seed: int,
        meridian_deg: float = 135.0,
    ) -> None:
        if not 1 <= day_of_year <= 366:
            raise ValueError(f"day_of_year: expected 1 to 366, was {day_of_year}")
        if not 0 <= time_of_day_s < DAY_S:
            raise ValueError(f"time_of_day_s: expected 0 to below {DAY_S:.0f}, was {time_of_day_s}")
        self.time_s = 0.0
        self.climate = climate
        self.day_of_year = day_of_year
        self._plane = Plane.around(bbox)
        # Four minutes of time per degree between the region and the meridian of its clocks.
        self._solar_start_s = time_of_day_s + (self._plane.lon_deg - meridian_deg) * 240.0
        self._course = DayCourse(day_of_year, self._plane.lat_deg)
        fair = RAIN_CLOUD_FRAC if climate.rain_mm_h > 0 else FAIR_CLOUD_FRAC
        self._fair_frac = fair
        self._swing_c = climate.temp_swing_c * (1.0 - CLOUD_DAMPING * fair)
        self._rain = RainField(storms, climate.rain_mm_h, climate.wind_kmh, climate.wind_deg, self._plane, seed)
        self._fog = FogField(fogs, self._plane, seed)
        self._regimes = Regimes(climate, climate.mean_temp_c(day_of_year), winds, self._day_c)
        self._slow = SmoothNoise(stream(seed, "sky", "slow"), (3, 512))
        self._site = SmoothNoise(stream(seed, "sky", "site"), (128, 128, 4))
        self._gust = SmoothNoise(stream(seed, "sky", "gust"), (32, 32, 256))

    def step(self, dt_s: float) -> None:
        """Move the weather on.

        Parameters
        ----------
        dt_s
            Length of the step, above 0. [s]

        Raises
        ------
        ValueError
            If the step is not a number above 0.
        """
        if not (math.isfinite(dt_s) and dt_s > 0):
            raise ValueError(f"dt_s: expected a number above 0, was {dt_s}")
        self.time_s += dt_s

    def at(self, places: Places) -> Air:
        """Return the weather at places now."""
        time_s = self.time_s
        east_m, north_m = self._plane.metres(places.lon_deg, places.lat_deg)
        height_km = np.maximum(places.elevation_m, 0.0) / 1_000.0
        regime = self._regimes.at(time_s)
        rain = self._rain.rain_mm_h(east_m, north_m, places.elevation_m, time_s)
        fog_per_m, in_fog = self._fog.at(east_m, north_m, time_s)
        temp_c, rh_pct = self._warmth_and_moisture(regime, east_m, north_m, height_km, rain, in_fog)
        wind_kmh, wind_deg = self._wind(regime, east_m, north_m, height_km)
        return Air(temp_c, rh_pct, wind_kmh, wind_deg, rain, visibility_m(rain, rh_pct, fog_per_m))

    def rain_mm_h(self, places: Places) -> Floats:
        """Return the rain at places now, the same as that of `at` [mm/h]."""
        east_m, north_m = self._plane.metres(places.lon_deg, places.lat_deg)
        return self._rain.rain_mm_h(east_m, north_m, places.elevation_m, self.time_s)

    def sun(self, places: Places) -> Sun:
        """Return sunshine and cloud at places now."""
        east_m, north_m = self._plane.metres(places.lon_deg, places.lat_deg)
        cloud = self._rain.cloud_frac(east_m, north_m, self.time_s, self._fair_frac)
        cloud = np.maximum(cloud, self._fog.at(east_m, north_m, self.time_s)[1])
        return Sun(under_cloud(clear_sky_w_m2(self.sine_of_sun()), cloud), cloud)

    def sine_of_sun(self) -> float:
        """Return the sine of the sun's height in the middle of the region now, negative at night [-]."""
        return sine_of_height(self.day_of_year, self._plane.lat_deg, self._solar_start_s + self.time_s)

    def _day_c(self, time_s: float) -> float:
        return self._swing_c * self._course.at(self._solar_start_s + time_s)

    def _spell(self, row: int) -> float:
        return float(self._slow.at(row, self.time_s / SLOW_S))

    def _warmth_and_moisture(
        self, regime: Regime, east_m: Floats, north_m: Floats, height_km: Floats, rain: Floats, in_fog: Floats
    ) -> tuple[Floats, Floats]:
        site = self._site.at(east_m / SITE_M, north_m / SITE_M, 0)
        temp_c = regime.temp_c + self._day_c(self.time_s) - regime.lapse_c_per_km * height_km
        temp_c = temp_c + SLOW_C * self._spell(0) + SITE_C * site
        dew_c = np.minimum(dew_point_c(regime.vapour_hpa) - DEW_LAPSE_C_PER_KM * height_km, temp_c)
        felt = 1.0 - np.exp(-rain / RAIN_FELT_MM_H)
        temp_c = temp_c - EVAPORATIVE_COOLING * felt * (temp_c - dew_c)
        dew_c = dew_c + 0.75 * felt * (temp_c - dew_c)
        saturated = saturation_hpa(temp_c)
        rh_pct = 100.0 * saturation_hpa(dew_c) / saturated
        rh_pct = rh_pct + in_fog * np.maximum(FOG_RH_PCT - rh_pct, 0.0)
        return np.asarray(temp_c, dtype=np.float64), np.clip(rh_pct, 0.5, 100.0)

    def _wind(self, regime: Regime, east_m: Floats, north_m: Floats, height_km: Floats) -> tuple[Floats, Floats]:
        mixing = 0.5 * (1.0 + self._course.at(self._solar_start_s + self.time_s))
        # A regime of its own, such as a föhn, blows through the night.
        by_day = CALM_NIGHT + (WINDY_DAY - CALM_NIGHT) * min(max(mixing, 0.0), 1.0)
        by_day += regime.foehn * (1.0 - by_day)
        gust_time = self.time_s / GUST_S
        gusts = self._gust.at(east_m / GUST_M, north_m / GUST_M, gust_time)
        veering = self._gust.at(east_m / GUST_M + 16.0, north_m / GUST_M, gust_time)
        gustiness = GUSTINESS + FOEHN_GUSTINESS * regime.foehn
        factor = np.exp(SITE_WIND * self._site.at(east_m / SITE_M, north_m / SITE_M, 1))
        factor *= (1.0 + WIND_PER_KM * np.minimum(height_km, 2.0)) * (1.0 + gustiness * gusts + 0.1 * self._spell(1))
        site_deg = self._site.at(east_m / SITE_M, north_m / SITE_M, 2)
        turned = regime.wind_deg + 12.0 * self._spell(2) + 10.0 * site_deg + 8.0 * veering
        # The remainder of a tiny negative angle is 360 itself.
        direction = turned % 360.0 % 360.0
        return np.maximum(regime.wind_kmh * by_day * factor, 0.0), np.asarray(direction, dtype=np.float64)
