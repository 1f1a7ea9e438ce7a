"""How far one sees: haze, rain and fog, whose extinctions add up."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from simulators.world.happenings import FogBank
from simulators.world.seeds import stream
from simulators.world.sky.air import Plane, smoothstep, swell
from simulators.world.sky.noise import SmoothNoise

Floats = NDArray[np.float64]

KOSCHMIEDER = 3.0
"""−ln 0.05: extinction times meteorological optical range (WMO-No. 8, ch. 9)."""
CLEAR_M = 20_000.0
"""Range in clean air, and the most that a road's visibility sensor says."""
_RAIN_DB_KM, _RAIN_EXPONENT = 1.076, 0.67
"""Attenuation of light by rain, 1.076 R^0.67 dB/km: Carbonneau & Wisely 1998, Proc. SPIE 3232, from memory."""
_PER_M_PER_DB_KM = math.log(10.0) / 10_000.0
_HAZE_FROM_PCT, _HAZE = 80.0, 3.0
"""Humidity from which haze swells, and by how much at saturation; own construction."""
_EDGE = 0.4
"""Share of a fog bank's radius over which it thins out."""
_RAGGED, _RAGGED_M, _RAGGED_S = 0.1, 2_000.0, 1_200.0
"""How much the edge of a bank wavers, and over which distance and time; own construction."""


class FogField:
    """Fog banks as a function of place and time.

    Parameters
    ----------
    fogs
        Banks of the run.
    plane
        Where metres are counted from.
    seed
        Seed of the run.

    Raises
    ------
    ValueError
        If a bank makes no sense; the message names it.
    """

    def __init__(self, fogs: Sequence[FogBank], plane: Plane, seed: int) -> None:
        for fog in fogs:
            for name, value, fits, wanted in (
                ("radius_m", fog.radius_m, fog.radius_m > 0, "above 0"),
                ("visibility_m", fog.visibility_m, 0 < fog.visibility_m <= CLEAR_M, f"above 0, at most {CLEAR_M:.0f}"),
                ("until_s", fog.until_s, fog.until_s > fog.from_s, f"after from_s = {fog.from_s}"),
            ):
                if not (math.isfinite(value) and fits):
                    raise ValueError(f"fog {fog.id}: {name}: expected a number {wanted}, was {value}")
        self._fogs = tuple(fogs)
        self._centres = [plane.metres(*(np.array([part]) for part in fog.centre)) for fog in fogs]
        self._edge = SmoothNoise(stream(seed, "sky", "fog"), (64, 64, 32))

    def at(self, east_m: Floats, north_m: Floats, time_s: float) -> tuple[Floats, Floats]:
        """Return the extinction of the fog at places [1/m] and how much in the fog they are, 0 to 1; shape (place,)."""
        extinction: Floats = np.zeros(len(east_m))
        inside: Floats = np.zeros(len(east_m))
        for fog, (centre_east, centre_north) in zip(self._fogs, self._centres, strict=True):
            thick = swell(time_s, fog.from_s, fog.until_s, (fog.until_s - fog.from_s) / 4)
            if thick == 0:
                continue
            waver = self._edge.at(east_m / _RAGGED_M, north_m / _RAGGED_M, time_s / _RAGGED_S)
            radius_m = fog.radius_m * (1.0 + _RAGGED * np.clip(waver, -2.0, 2.0))
            distance_m = np.hypot(east_m - centre_east, north_m - centre_north)
            density = thick * smoothstep((radius_m - distance_m) / (_EDGE * radius_m))
            extinction += density * KOSCHMIEDER * (1.0 / fog.visibility_m - 1.0 / CLEAR_M)
            inside = np.maximum(inside, density)
        return extinction, inside


def visibility_m(rain_mm_h: Floats, rh_pct: Floats, fog_per_m: Floats) -> Floats:
    """Return the meteorological optical range, 3 / extinction [m].

    Parameters
    ----------
    rain_mm_h, rh_pct, fog_per_m
        Rain [mm/h], humidity [%] and extinction of fog [1/m] at places, shape (place,).
    """
    rain_per_m = _RAIN_DB_KM * _PER_M_PER_DB_KM * rain_mm_h**_RAIN_EXPONENT
    # Fog is nearly saturated air, and has its own extinction already.
    damp = np.clip((rh_pct - _HAZE_FROM_PCT) / (100.0 - _HAZE_FROM_PCT), 0.0, 1.0) * (fog_per_m == 0)
    haze_per_m = KOSCHMIEDER / CLEAR_M * (1.0 + _HAZE * damp**2)
    return np.asarray(KOSCHMIEDER / (haze_per_m + rain_per_m + fog_per_m), dtype=np.float64)
