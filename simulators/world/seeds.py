"""Random streams that depend on a seed and a name only, so that adding a device does not change its neighbours."""

from __future__ import annotations

import zlib

import numpy as np


def stream(seed: int, *names: str) -> np.random.Generator:
    """Return the random generator of a part of the simulation.

    Parameters
    ----------
    seed
        Seed of the run, at least 0.
    *names
        What the stream is for, such as ``"vds", "gw-vds-99110"``.
    """
    return np.random.default_rng([seed, *(zlib.crc32(name.encode()) for name in names)])
