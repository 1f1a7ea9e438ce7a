"""Humid air and what one can still see: dew point, frost point, and the speed at which one can stop in time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_A_WATER, _B_WATER = 17.62, 243.12
_A_ICE, _B_ICE = 22.46, 272.62


def dew_point_c(temp_c: Floats, rh_pct: Floats) -> Floats:
    """Return the temperature at which dew forms.

    Parameters
    ----------
    temp_c, rh_pct : ndarray, float64
        Air. NaN or a humidity that is not above 0 = NaN; above 100 counts as 100. [°C], [%]

    Returns
    -------
    ndarray, float64
        [°C]

    Source
    ------
    Magnus formula, coefficients over water of WMO-No. 8, annex 4.B: 6.112 hPa, 17.62, 243.12 °C; -45 to 60 °C.
    """
    log = _log_vapour(temp_c, rh_pct)
    return np.asarray(_B_WATER * log / (_A_WATER - log))


def frost_point_c(temp_c: Floats, rh_pct: Floats) -> Floats:
    """Return the temperature at which frost forms; as `dew_point_c`.

    Source
    ------
    Magnus formula, coefficients over ice of WMO-No. 8, annex 4.B: 6.112 hPa, 22.46, 272.62 °C; -65 to 0 °C.
    """
    log = _log_vapour(temp_c, rh_pct)
    return np.asarray(_B_ICE * log / (_A_ICE - log))


def _log_vapour(temp_c: Floats, rh_pct: Floats) -> Floats:
    """Return the logarithm of vapour pressure over 6.112 hPa; humidity is measured over water."""
    share = np.minimum(rh_pct, 100.0) / 100.0
    known = (share > 0) & (temp_c > -_B_WATER)
    safe_c = np.where(known, temp_c, 0.0)
    log = np.log(np.where(known, share, 1.0)) + _A_WATER * safe_c / (_B_WATER + safe_c)
    return np.asarray(np.where(known, log, np.nan))


def stopping_speed_kmh(sight_m: Floats, reaction_s: float, deceleration_m_s2: float) -> Floats:
    """Return the speed from which one stops within what one sees.

    Parameters
    ----------
    sight_m : ndarray, float64
        NaN = NaN. [m]
    reaction_s, deceleration_m_s2 : float
        [s], > 0 [m/s²]

    Returns
    -------
    ndarray, float64
        [km/h]

    Source
    ------
    Stopping sight distance v·t + v²/(2a), AASHTO (2018), "A Policy on Geometric Design", eq. 3-2, solved for v.
    """
    lost = deceleration_m_s2 * reaction_s
    return np.asarray(3.6 * (np.sqrt(lost**2 + 2.0 * deceleration_m_s2 * np.maximum(sight_m, 0.0)) - lost))


def trend(time_s: Floats, value: Floats, min_span_s: float) -> tuple[Floats, Floats]:
    """Fit straight lines.

    Parameters
    ----------
    time_s, value : ndarray, shape (n, k), float64
        NaN in either = no sample.
    min_span_s : float
        A shorter history has no trend. [s]

    Returns
    -------
    slope, sigma : ndarray, shape (n,), float64
        And its standard error; NaN with fewer than three samples or too short a span. [1/s]

    Source
    ------
    Ordinary least squares.
    """
    used = np.isfinite(time_s) & np.isfinite(value)
    count = used.sum(axis=1)
    whole = np.maximum(count, 1)
    time = np.where(used, time_s, 0.0)
    level = np.where(used, value, 0.0)
    from_mean = np.where(used, time - (time.sum(axis=1) / whole)[:, None], 0.0)
    about_mean = np.where(used, level - (level.sum(axis=1) / whole)[:, None], 0.0)
    square = (from_mean**2).sum(axis=1)
    span = np.where(used, time_s, -np.inf).max(axis=1, initial=-np.inf)
    span = np.where(count > 0, span, 0.0) - np.where(
        count > 0, np.where(used, time_s, np.inf).min(axis=1, initial=np.inf), 0.0
    )
    good = (count >= 3) & (span >= min_span_s) & (square > 0)
    slope = np.divide((from_mean * about_mean).sum(axis=1), square, out=np.full(len(count), np.nan), where=good)
    rest = ((about_mean - np.nan_to_num(slope)[:, None] * from_mean) ** 2 * used).sum(axis=1)
    variance = np.divide(rest, np.maximum(count - 2, 1) * square, out=np.full(len(count), np.nan), where=good)
    return slope, np.sqrt(variance)
