"""What a lane of each kind of road carries, in passenger cars, and what heavy vehicles take of it.

Capacities are those of the Korean Highway Capacity Manual 2013 (KHCM) where it has them. Flows and densities of cars
and lorries together follow by `heavy_factor`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from config.catalogue.model import RoadRank

Floats = NDArray[np.float64]

WAVE_KMH = 17.5
"""Speed at which news of a queue travels upstream; observed 15–20 km/h (Treiber & Kesting 2013, *Traffic Flow
Dynamics*, chapter 8). Jam density follows from it, from capacity and from free speed. [km/h]"""
FREE_OVER_LIMIT = 1.05
"""Free speed over the speed limit; own construction [-]."""

_EXPRESSWAY_LIMIT_KMH = (80.0, 100.0, 120.0)
_EXPRESSWAY_PC_H = (2_000.0, 2_200.0, 2_300.0)
"""KHCM 2013, basic expressway sections, by design speed. [pc/h/lane]"""
_MULTILANE_LIMIT_KMH = (60.0, 80.0, 100.0)
_MULTILANE_PC_H = (1_800.0, 2_000.0, 2_200.0)
"""KHCM 2013, p. 144, uninterrupted multilane roads at 80 and 100 km/h; 60 km/h own construction. [pc/h/lane]"""
_ONE_LANE_PC_H = 1_700.0
"""KHCM 2013, p. 170, one direction of a two-lane road. [pc/h]"""

RAMP_KMH = 60.0
RAMP_PC_H = 1_800.0
"""Free speed of a ramp (own construction) and the capacity of one lane at it: KHCM 2013, table 4-2. [pc/h]"""
RAMP_LENGTH_M = 400.0
"""Room on a ramp between two roads; own construction [m]."""
TURN_KMH = 40.0
TURN_PC_H = 1_600.0
"""The same for a turn between roads without an expressway: lowest row of KHCM 2013, table 4-2. [pc/h]"""
TURN_LENGTH_M = 200.0
"""Room on such a turn; own construction [m]."""

HEAVY_EQUIVALENT_PC = 2.0
"""Passenger cars that a heavy vehicle counts for on level ground: HCM 6th edition, exhibit 12-25 [pc]."""
HEAVY_OF_RANK: dict[RoadRank, float] = {"expressway": 1.0, "national": 0.8, "local": 0.6}
"""Share of heavy vehicles over that of expressways; own construction [-]."""


def lane_capacity_pc_h(rank: RoadRank, lanes: int, limit_kmh: float) -> float:
    """Return the capacity of one lane [pc/h].

    Parameters
    ----------
    rank
        Of the road.
    lanes
        Of this direction.
    limit_kmh
        Speed limit, standing in for the manual's design speed; linear between its rows.
    """
    if rank == "expressway":
        return float(np.interp(limit_kmh, _EXPRESSWAY_LIMIT_KMH, _EXPRESSWAY_PC_H))
    if lanes == 1:
        return _ONE_LANE_PC_H
    return float(np.interp(limit_kmh, _MULTILANE_LIMIT_KMH, _MULTILANE_PC_H))


def jam_density(capacity: Floats, free_mps: Floats) -> Floats:
    """Return the density of standing traffic of a triangular diagram whose queues grow at `WAVE_KMH`.

    Parameters
    ----------
    capacity
        Maximum flow, per second.
    free_mps
        Free speed, same shape. [m/s]

    Returns
    -------
    ndarray
        In the unit of the flow per metre.
    """
    return np.asarray(capacity / free_mps + capacity * 3.6 / WAVE_KMH)


def heavy_factor(heavy_share: Floats) -> Floats:
    """Return vehicles over passenger cars at a share of heavy vehicles: HCM 6th edition, equation 12-10 [-]."""
    return np.asarray(1.0 / (1.0 + heavy_share * (HEAVY_EQUIVALENT_PC - 1.0)))
