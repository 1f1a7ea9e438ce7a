"""The newest few periods of every station, and averages that forget."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def pushed(ring: Floats, newest: Floats) -> Floats:
    """Return a ring of periods, newest first, with one more and the oldest gone.

    Parameters
    ----------
    ring : ndarray, shape (n_period, ...), float64
    newest : ndarray, shape (...), float64
    """
    return np.concatenate((newest[None], ring[:-1]))


def forgetting(old: Floats, new: Floats, weight: Floats | float) -> Floats:
    """Return an exponential average moved towards new values.

    Parameters
    ----------
    old, new : ndarray, float64
        NaN in ``old`` = nothing yet, in ``new`` = nothing now.
    weight : ndarray or float
        Share of the new value, 0 to 1.
    """
    return np.where(np.isnan(old), new, np.where(np.isnan(new), old, old + weight * (new - old)))


def weight_of(elapsed_s: float, memory_s: float) -> float:
    """Return the share that a value of so long a time gets in an average of such a memory."""
    return float(-np.expm1(-elapsed_s / memory_s))


def mean_of_known(ring: Floats) -> Floats:
    """Return the mean over the first axis of what is known; NaN where nothing is."""
    known = ~np.isnan(ring)
    count = known.sum(axis=0)
    total = np.where(known, ring, 0.0).sum(axis=0)
    return np.asarray(np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0))
