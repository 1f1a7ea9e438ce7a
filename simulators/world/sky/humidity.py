"""Water vapour: saturation pressure and dew point."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

_A_HPA, _B, _C_C = 6.1094, 17.625, 243.04
"""Magnus formula over water with the coefficients of Alduchov & Eskridge 1996, J. Applied Meteorology 35:601-609."""


def saturation_hpa(temp_c: ArrayLike) -> Floats:
    """Return the saturation vapour pressure over water, to 0.4 % from −40 to 50 °C [hPa]."""
    temp = np.asarray(temp_c, dtype=np.float64)
    return np.asarray(_A_HPA * np.exp(_B * temp / (_C_C + temp)), dtype=np.float64)


def saturation_slope_hpa_k(temp_c: ArrayLike) -> Floats:
    """Return how much `saturation_hpa` grows per degree [hPa/K]."""
    temp = np.asarray(temp_c, dtype=np.float64)
    return np.asarray(saturation_hpa(temp) * _B * _C_C / (_C_C + temp) ** 2, dtype=np.float64)


def dew_point_c(vapour_hpa: ArrayLike) -> Floats:
    """Return the temperature at which air of a vapour pressure above 0 is saturated [°C]."""
    ratio = np.log(np.asarray(vapour_hpa, dtype=np.float64) / _A_HPA)
    return np.asarray(_C_C * ratio / (_B - ratio), dtype=np.float64)
