"""Smooth noise that is a function of place and time, so that nobody's asking changes what another is told."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


class SmoothNoise:
    """A smooth, periodic field of standard normal values in one to three dimensions.

    Values drawn at the points of a lattice, blended between them with S-shaped weights and divided by the root of the
    weights' sum of squares, so that the variance is 1 everywhere. Own construction after value noise.

    Parameters
    ----------
    rng
        What the values are drawn from.
    period
        Points of the lattice along each axis: after so many the field begins again.
    """

    def __init__(self, rng: np.random.Generator, period: tuple[int, ...]) -> None:
        self._period = period
        self._values: Floats = rng.standard_normal(period).ravel()

    def at(self, *coordinates: ArrayLike) -> Floats:
        """Return the field at coordinates in lattice steps, one array for each axis, which broadcast."""
        if len(coordinates) != len(self._period):
            raise ValueError(f"coordinates: expected {len(self._period)} axes, was {len(coordinates)}")
        corners: list[list[tuple[NDArray[np.int64], Floats]]] = []
        stride = len(self._values)
        for coordinate, period in zip(coordinates, self._period, strict=True):
            stride //= period
            place = np.asarray(coordinate, dtype=np.float64)
            below = np.floor(place)
            share = place - below
            upper = share * share * (3.0 - 2.0 * share)
            index = below.astype(np.int64)
            corners.append([(index % period * stride, 1.0 - upper), ((index + 1) % period * stride, upper)])
        total: Floats = np.zeros(())
        squares: Floats = np.zeros(())
        for corner in product(*corners):
            index = sum((axis[0] for axis in corner), start=np.zeros((), dtype=np.int64))
            weight: Floats = np.ones(())
            for axis in corner:
                weight = weight * axis[1]
            total = total + weight * self._values[index]
            squares = squares + weight**2
        return np.asarray(total / np.sqrt(squares), dtype=np.float64)
