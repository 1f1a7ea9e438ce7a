"""How fast a fire runs in every direction: the Canadian Forest Fire Behavior Prediction (FBP) System of 1992.

Forestry Canada Fire Danger Group 1992, "Development and structure of the Canadian Forest Fire Behavior Prediction
System", report ST-X-3; fine fuel moisture by the hour: Van Wagner 1977, "A method of computing fine fuel moisture
content throughout the diurnal cycle", PS-X-69. Left out: crown fire as a separate regime, the build-up effect (the
standard build-up of each fuel is taken) and green leaves: this is the leafless dry season.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

FUELS = ("bare", "conifer", "mixed", "broadleaf", "grass")
Fuel = Literal["bare", "conifer", "mixed", "broadleaf", "grass"]
BARE, CONIFER, MIXED, BROADLEAF, GRASS = range(5)
"""Codes of fuels in grids; nothing burns on bare ground and water."""

C7 = (45.0, 0.0305, 2.0)
D1 = (30.0, 0.0232, 1.6)
O1A = (190.0, 0.0310, 1.4)
"""Constants a [m/min], b, c of the rate of spread (ST-X-3, table 6): ponderosa pine, the nearest to open stands of red
pine on dry slopes; leafless aspen, for oak; matted grass."""
CURING_FACTOR = 0.176 + 0.02 * (90.0 - 58.8)
"""Of grass cured to 90 %, as in spring (Wotton et al. 2009, GLC-X-10) [-]."""
CONIFER_SHARE = np.array([0.0, 1.0, 0.5, 0.0, 0.0])
"""Share of the pine's rate in each fuel, the rest is broadleaf (as in ST-X-3 M-1); own shares [-]."""
LOAD_KG_M2 = np.array([0.0, 2.9, 1.95, 1.0, 0.35])
"""Fuel that a fire consumes, by fuel: FBP surface consumption at FFMC 93 and build-up 60 [kg/m²]."""
MOISTURE_SCALE = 147.2
"""Of the FFMC scale (Van Wagner & Pickett 1985) [%]."""
MOISTURE_LIMIT_PCT = 250.0
STRONG_WIND_KMH = 40.0
"""From here on the wind's effect levels off (ST-X-3, equation 53a) [km/h]."""
ACCELERATION_MIN = 0.115
"""Of a fire from a point, in open stands (ST-X-3, equation 70) [1/min]."""
GREATEST_WIND_KMH = 112.45
STEEPEST_PCT = 70.0


class Spread(NamedTuple):
    """Ellipses of growth, all of one shape.

    Attributes
    ----------
    half_m_min
        Half the sum of the head's and the back's rate: growth of the long semi-axis. [m/min]
    drift_m_min
        Half their difference: how fast the centre moves. [m/min]
    flank_m_min
        Growth of the short semi-axis. [m/min]
    east, north
        Unit vector of the direction that the head runs to. [-]
    """

    half_m_min: Floats
    drift_m_min: Floats
    flank_m_min: Floats
    east: Floats
    north: Floats

    @property
    def head_m_min(self) -> Floats:
        """Rate of the head [m/min]."""
        return self.half_m_min + self.drift_m_min

    @property
    def back_m_min(self) -> Floats:
        """Rate of the back [m/min]."""
        return self.half_m_min - self.drift_m_min


def equilibrium_pct(rh_pct: float, temp_c: float) -> tuple[float, float]:
    """Return the moisture contents that fine fuel dries to and wets to (PS-X-69) [% of dry weight]."""
    rh = min(max(rh_pct, 0.0), 99.9999)
    warm = 0.18 * (21.1 - temp_c) * (1.0 - np.exp(-0.115 * rh))
    damp = np.exp((rh - 100.0) / 10.0)
    drying = 0.942 * rh**0.679 + 11.0 * damp + warm
    wetting = 0.618 * rh**0.753 + 10.0 * damp + warm
    return float(max(drying, 0.5)), float(max(wetting, 0.5))


def next_moisture_pct(
    moisture_pct: float, dt_s: float, rh_pct: float, temp_c: float, wind_kmh: float, rain_mm_h: float
) -> float:
    """Return the moisture content of fine dead fuel after a time (PS-X-69, hourly form, for short steps).

    Parameters
    ----------
    moisture_pct
        Now, 0 to 250. [% of dry weight]
    dt_s
        At most an hour. [s]
    rh_pct, temp_c, wind_kmh, rain_mm_h
        Air over that time. [%], [°C], [km/h], [mm/h]
    """
    hours = dt_s / 3600.0
    rain_mm = rain_mm_h * hours
    moisture = moisture_pct
    if rain_mm > 0.0:
        moisture += 42.5 * rain_mm * float(np.exp(-100.0 / (251.0 - moisture)) * -np.expm1(-6.93 / rain_mm))
        moisture = min(moisture, MOISTURE_LIMIT_PCT)
    drying, wetting = equilibrium_pct(rh_pct, temp_c)
    rh = min(max(rh_pct, 0.0), 99.9999) / 100.0
    if moisture > drying:
        target, damp = drying, rh
    elif moisture < wetting:
        target, damp = wetting, 1.0 - rh
    else:
        return moisture
    rate = 0.424 * (1.0 - damp**1.7) + 0.0694 * np.sqrt(wind_kmh) * (1.0 - damp**8)
    rate *= 0.0579 * np.exp(0.0365 * temp_c)
    return float(target + (moisture - target) * 10.0 ** (-rate * hours))


def fine_fuel_factor(moisture_pct: float) -> float:
    """Return the effect of fine fuel moisture on spread, f(F) of the Initial Spread Index [-]."""
    # The moisture that the index sees comes through the FFMC scale, whose constants do not quite cancel.
    return float(91.9 * np.exp(-0.1386 * moisture_pct) * (1.0 + moisture_pct**5.31 / 4.93e7))


def wind_factor(wind_kmh: ArrayLike) -> Floats:
    """Return the effect of wind on spread, f(W) of the FBP System [-]."""
    wind = np.asarray(wind_kmh, dtype=np.float64)
    strong = 12.0 * -np.expm1(-0.0818 * (wind - 28.0))
    factor: Floats = np.where(wind < STRONG_WIND_KMH, np.exp(0.05039 * np.minimum(wind, STRONG_WIND_KMH)), strong)
    return factor


def rate_m_min(constants: tuple[float, float, float], isi: ArrayLike) -> Floats:
    """Return the rate of spread at an Initial Spread Index, without slope [m/min]."""
    a, b, c = constants
    rate: Floats = a * (-np.expm1(-b * np.asarray(isi, dtype=np.float64))) ** c
    return rate


def fuel_rate_m_min(fuel: NDArray[np.integer], isi: ArrayLike) -> Floats:
    """Return the rate of spread in each cell's fuel, 0 on bare ground [m/min]."""
    index = np.broadcast_to(np.asarray(isi, dtype=np.float64), fuel.shape)
    share = CONIFER_SHARE[fuel]
    forest = share * rate_m_min(C7, index) + (1.0 - share) * rate_m_min(D1, index)
    rate: Floats = np.where(fuel == GRASS, CURING_FACTOR * rate_m_min(O1A, index), forest)
    return np.where(fuel == BARE, 0.0, rate)


def upslope_wind_kmh(fuel: NDArray[np.integer], gradient: Floats, fuel_factor: float) -> Floats:
    """Return the wind that would drive a fire on the flat as the slope does (ST-X-3, equations 39 to 44).

    Parameters
    ----------
    fuel
        Codes of fuels.
    gradient
        Rise over run, at least 0, the shape of ``fuel``. [-]
    fuel_factor
        Of `fine_fuel_factor`. [-]
    """
    percent = 100.0 * gradient
    steep = np.where(percent < STEEPEST_PCT, np.exp(3.533 * np.minimum(gradient, 1.0) ** 1.2), 10.0)
    calm = 0.208 * fuel_factor
    share = CONIFER_SHARE[fuel]
    forest = share * _index_of(C7, steep, calm) + (1.0 - share) * _index_of(D1, steep, calm)
    index = np.where(fuel == GRASS, _index_of(O1A, steep, calm), forest)
    with np.errstate(divide="ignore", invalid="ignore"):
        weak = np.log(index / calm) / 0.05039
        strong = 28.0 - np.log(np.maximum(1.0 - index / (2.496 * fuel_factor), 1e-9)) / 0.0818
    wind: Floats = np.clip(np.where(weak <= STRONG_WIND_KMH, weak, strong), 0.0, GREATEST_WIND_KMH)
    return np.where(gradient > 0.0, wind, 0.0)


def _index_of(constants: tuple[float, float, float], steep: Floats, calm: float) -> Floats:
    """Return the Initial Spread Index at which a fire on the flat is as fast as a calm one on the slope."""
    a, b, c = constants
    rate = rate_m_min(constants, calm) * steep
    index: Floats = np.log(np.maximum(1.0 - (rate / a) ** (1.0 / c), 0.01)) / -b
    return index


def length_to_breadth(fuel: NDArray[np.integer], wind_kmh: Floats) -> Floats:
    """Return the ratio of an ellipse's axes (ST-X-3, equations 79 to 81; after Alexander 1985) [-]."""
    forest = 1.0 + 8.729 * (-np.expm1(-0.030 * wind_kmh)) ** 2.155
    grass = np.where(wind_kmh < 1.0, 1.0, 1.1 * np.maximum(wind_kmh, 1.0) ** 0.464)
    ratio: Floats = np.where(fuel == GRASS, grass, forest)
    return ratio


def spread(
    fuel: NDArray[np.integer],
    share: Floats,
    slope_east: Floats,
    slope_north: Floats,
    *,
    moisture_pct: float,
    wind_kmh: float,
    wind_deg: float,
    minutes: float = np.inf,
) -> Spread:
    """Return the ellipses by which a fire grows.

    Parameters
    ----------
    fuel
        Codes of fuels, any shape.
    share
        Part of the ground that carries fuel: the rates are multiplied by it; the shape of ``fuel``. [-]
    slope_east, slope_north
        Rise of the ground per metre east and north, the shape of ``fuel``. [-]
    moisture_pct
        Of fine dead fuel. [% of dry weight]
    wind_kmh, wind_deg
        At 10 m; where it comes from, clockwise from north. [km/h], [deg]
    minutes
        Age of the fire: one that starts at a point takes half an hour to full speed. [min]

    Returns
    -------
    Spread
        Wind and upslope wind add as vectors (ST-X-3, equations 47 to 49); the back runs by the same rate equation
        against the wind (equation 75).
    """
    fuel_factor = fine_fuel_factor(moisture_pct)
    gradient = np.hypot(slope_east, slope_north)
    upslope = upslope_wind_kmh(fuel, gradient, fuel_factor)
    safe = np.maximum(gradient, 1e-9)
    to_rad = np.radians(wind_deg + 180.0)
    east = wind_kmh * np.sin(to_rad) + upslope * slope_east / safe
    north = wind_kmh * np.cos(to_rad) + upslope * slope_north / safe
    wind = np.hypot(east, north)
    still = wind < 1e-9
    ramp = 1.0 if np.isinf(minutes) else float(-np.expm1(-ACCELERATION_MIN * minutes))
    head = ramp * share * fuel_rate_m_min(fuel, 0.208 * fuel_factor * wind_factor(wind))
    back = ramp * share * fuel_rate_m_min(fuel, 0.208 * fuel_factor * np.exp(-0.05039 * wind))
    ratio = 1.0 + ramp * (length_to_breadth(fuel, wind) - 1.0)
    half = 0.5 * (head + back)
    return Spread(
        half_m_min=half,
        drift_m_min=0.5 * (head - back),
        flank_m_min=half / ratio,
        east=np.where(still, 0.0, east / np.where(still, 1.0, wind)),
        north=np.where(still, 1.0, north / np.where(still, 1.0, wind)),
    )
