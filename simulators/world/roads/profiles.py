"""How traffic changes over the day."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

DAY_S = 86_400.0

# Share of the peak hour's flow at each full hour, linear between. Own construction, in the shape of a working day
# on an interurban road: towards town the morning is the peak, away from it the evening.
_TOWARDS = (12, 8, 6, 6, 9, 24, 58, 92, 100, 82, 68, 64, 62, 63, 64, 66, 70, 76, 72, 58, 44, 36, 28, 19)
_AWAY = (16, 11, 8, 7, 8, 16, 36, 60, 68, 64, 60, 60, 62, 64, 68, 76, 88, 98, 100, 80, 58, 46, 36, 25)
_WORKING_DAY = np.array([_TOWARDS, _AWAY], dtype=np.float64) / 100.0
# Weekend and holidays: one broad peak, out of town before noon and back in the late afternoon. Own construction.
_HOME = (16, 11, 8, 6, 6, 9, 16, 26, 36, 46, 54, 60, 64, 68, 74, 82, 88, 90, 86, 76, 62, 48, 36, 24)
_OUT = (16, 11, 8, 7, 8, 16, 34, 54, 72, 86, 90, 88, 80, 72, 66, 64, 62, 58, 52, 44, 38, 32, 26, 20)
_WEEKEND = np.array([_HOME, _OUT], dtype=np.float64) / 100.0

HEAVY_DAY_FRACTION = 0.14
HEAVY_NIGHT_FRACTION = 0.35
"""Share of heavy vehicles on expressways by day and by night; own construction after the usual range [-]."""


def profile(time_of_day_s: ArrayLike, working_day: bool = True) -> Floats:
    """Return the share of the peak flow towards town and away from it.

    Parameters
    ----------
    time_of_day_s
        Local time, any shape. [s]
    working_day
        False on weekends and holidays.

    Returns
    -------
    ndarray, shape (2, *shape of the time)
        Above 0 and at most 1. [-]
    """
    hour = np.asarray(time_of_day_s, dtype=np.float64) % DAY_S / 3600.0
    rows = _WORKING_DAY if working_day else _WEEKEND
    return np.array([np.interp(hour, np.arange(25.0), np.append(row, row[0])) for row in rows])


def heavy_fraction(time_of_day_s: float) -> float:
    """Return the share of heavy vehicles on expressways, highest at 3 in the morning [-]."""
    phase = np.cos(2 * np.pi * (time_of_day_s / DAY_S - 3 / 24))
    return float(HEAVY_DAY_FRACTION + (HEAVY_NIGHT_FRACTION - HEAVY_DAY_FRACTION) * max(phase, 0.0) ** 2)
