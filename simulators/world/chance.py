"""Random numbers that depend on what they are for and on the instant only, not on how often anybody asked before."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

Floats = NDArray[np.float64]
Keys = NDArray[np.uint64]

# Multipliers and increment of splitmix64: Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators".
_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


def _mix(words: Keys) -> Keys:
    words = words + _GAMMA
    words = (words ^ (words >> np.uint64(30))) * _FIRST
    words = (words ^ (words >> np.uint64(27))) * _SECOND
    return np.asarray(words ^ (words >> np.uint64(31)), dtype=np.uint64)


def _milliseconds(at_s: Floats) -> Keys:
    return np.round(np.asarray(at_s) * 1_000).astype(np.int64).astype(np.uint64)


def uniform(keys: Keys, at_s: Floats, purpose: str, columns: int) -> Floats:
    """Return numbers between 0 and 1, the ends left out.

    Parameters
    ----------
    keys
        One for each row, such as a device's, shape (n,).
    at_s
        Instant of each row, to the millisecond, shape (n,). [s]
    purpose
        What they are for; another purpose gives other numbers.
    columns
        Numbers per row; the first of them are the same however many are asked for.

    Returns
    -------
    ndarray
        Shape (n, columns).
    """
    salt = np.array([zlib.crc32(purpose.encode())], dtype=np.uint64)
    rows = _mix(_mix(keys ^ _mix(salt)) ^ _milliseconds(at_s))
    words = _mix(rows[:, np.newaxis] ^ _mix(np.arange(columns, dtype=np.uint64)))
    # The highest 52 bits, in the middle of their step, so that neither 0 nor 1 comes out.
    return ((words >> np.uint64(12)).astype(np.float64) + 0.5) / 2.0**52


def normal(keys: Keys, at_s: Floats, purpose: str, columns: int) -> Floats:
    """Return standard normal numbers; parameters and shape as in `uniform`."""
    return np.asarray(ndtri(uniform(keys, at_s, purpose, columns)), dtype=np.float64)
