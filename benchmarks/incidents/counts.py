"""Counts of stations that see the same vehicles, as loops do, instead of each drawing its own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ORDER = 0.25
"""Variance of the number passed at an instant over the count of a period: a flow of cells does not know in which order
and how bunched vehicles come. With it, over 30 s and 500 m, the balance of two stations varies as in the I-24 file
(variance about 1 to 1.5 of the count, a third of that over two minutes). [-]"""
MISSED = 0.015
"""Share of vehicles that a loop does not see."""
DOUBLE = 0.008
"""Share that it counts twice."""
STATION_SIGMA = 0.01
"""Standard deviation of a station's own error on top. All three: own constructions within the 1 to 3 % for which loops
and radars are usually taken."""


class ConservedCounts:
    """Stands in for the generator of the counts in `simulators.world.roads.detectors.sample`.

    There every station draws its counts anew, so that the balance of two stations is a random walk. Here whole vehicles
    pass one station after the other: what is counted is by how much the number that has passed has risen, on lanes
    drawn at random, with the errors of real detectors.

    Parameters
    ----------
    rng
        Source of the noise.
    n_station
        All stations, in the same order in each call.
    """

    def __init__(self, rng: np.random.Generator, n_station: int) -> None:
        self._rng = rng
        self._passed = rng.random(n_station)
        self._counted = np.zeros(n_station, dtype=np.int64)
        self._bias = STATION_SIGMA * rng.standard_normal(n_station)

    def binomial(self, most: Ints, part: Floats) -> Ints:
        """Return counts of shape (station, lane), given the most that fit, (station, 1), and expectations over that."""
        expected = most * part
        total = expected.sum(axis=1)
        self._passed = self._passed + total
        seen = np.floor(self._passed + np.sqrt(ORDER * total) * self._rng.standard_normal(len(total)))
        passed = np.maximum(seen.astype(np.int64) - self._counted, 0)
        self._counted = self._counted + passed
        share = expected / np.maximum(total, 1e-12)[:, np.newaxis]
        # What numpy asks of a multinomial; a station with no expectation counts nothing, so its lane does not matter.
        share[:, -1] = np.maximum(1.0 - share[:, :-1].sum(axis=1), 0.0)
        count = self._rng.multinomial(passed, share)
        missed = np.clip(MISSED - self._bias, 0.0, 1.0)[:, np.newaxis]
        double = np.clip(DOUBLE + self._bias, 0.0, 1.0)[:, np.newaxis]
        lost, twice = self._rng.binomial(count, missed), self._rng.binomial(count, double)
        return np.asarray(count - lost + twice)
