"""What a detection station counts: samples per lane out of the traffic between two instants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from config.catalogue.model import VdsStation
from simulators.world.roads.grid import Grid, Ints

Floats = NDArray[np.float64]

MIN_HEADWAY_S = 1.2
"""Closest that vehicles follow in a lane on average over a period; bounds the count. Own construction [s]."""
CAR_EFFECTIVE_M = 6.2
HEAVY_EFFECTIVE_M = 13.0
"""Length of a vehicle and of the detection zone together; own construction after 4.6 m cars, 11 m lorries, 1.8 m loops.
[m]"""
LANE_SPEED_SPREAD = 0.06
"""Half the difference in free speed between the lane at the median and the outer one; own construction [-]."""
SPEED_SIGMA_MPS = 0.6
SPEED_SIGMA_FRACTION = 0.09
"""Spread of single vehicles' speeds: this many m/s plus this share of the mean; own construction."""
STANDING_FRACTION = 0.6
"""Share of jam density from which a lane without a count has a vehicle standing on the detector; own construction
[-]."""
NEIGHBOURS = ((-2, 0.7), (-1, 0.35), (1, 0.5))
"""Use of a blocked lane some cells before and after the blockage, over its usual one: drivers leave it before and fill
it again after. Own construction. [cells, -]"""


class Traffic(Protocol):
    """What a station needs to know of the traffic: rates of the last step and integrals since the start."""

    time_s: float
    vehicles_before: Floats
    inflow_veh_s: Floats
    outflow_veh_s: Floats
    passed_in: Floats
    passed_out: Floats
    held_veh_s: Floats


@dataclass(frozen=True)
class Stations:
    """Where the stations of a set stand in the grid; arrays of shape (station,)."""

    cell: Ints
    fraction: Floats
    """How far into the cell, 0 to 1."""
    lanes: Ints
    lane_bias: Floats
    """Shape (station, lane). Share of each lane in the flow before normalising; 0 where the station has no lane."""


class Marks(NamedTuple):
    """Integrals at the stations at one instant, shape (station,): vehicles passed, and vehicle seconds in the cell."""

    time_s: Floats
    passed: Floats
    held_veh_s: Floats


class Samples(NamedTuple):
    """Lane samples of shape (station, lane); columns beyond a station's lanes hold no meaning.

    ``speed_kmh`` is NaN where no vehicle passed. Counts per period.
    """

    volume: Ints
    heavy: Ints
    speed_kmh: Floats
    occupancy_pct: Floats


class Noise(NamedTuple):
    """Sources of the noise, one for each quantity: each is drawn from row by row, so batches of rows change nothing."""

    volume: np.random.Generator
    heavy: np.random.Generator
    speed: np.random.Generator


def place_stations(stations: Sequence[VdsStation], grid: Grid, rng: np.random.Generator) -> Stations:
    """Find the cells of stations and draw how their lanes share the flow.

    Raises
    ------
    SimulatorError
        If a station names a link that the region has not.
    """
    located = [grid.locate(station.link, station.offset_m) for station in stations]
    lanes = np.array([station.lanes for station in stations], dtype=np.int64)
    n_lane = int(lanes.max(initial=1))
    exists = np.arange(n_lane) < lanes[:, np.newaxis]
    return Stations(
        cell=np.array([cell for cell, _ in located], dtype=np.int64),
        fraction=np.array([fraction for _, fraction in located]),
        lanes=lanes,
        lane_bias=np.where(exists, rng.uniform(0.92, 1.08, exists.shape), 0.0),
    )


def mark(stations: Stations, which: Ints, traffic: Traffic, time_s: Floats) -> Marks:
    """Read the integrals at some stations at instants within the last step.

    Parameters
    ----------
    stations
        All stations.
    which
        Indices of those to read, shape (n,).
    traffic
        Traffic at the end of the step.
    time_s
        Instants, shape (n,), within the step that led to ``traffic``: flows are constant in it. [s]
    """
    cell, fraction = stations.cell[which], stations.fraction[which]
    back_s = traffic.time_s - time_s
    came = traffic.passed_in[cell] - back_s * traffic.inflow_veh_s[cell]
    went = traffic.passed_out[cell] - back_s * traffic.outflow_veh_s[cell]
    return Marks(
        time_s=time_s,
        passed=(1 - fraction) * came + fraction * went,
        held_veh_s=traffic.held_veh_s[cell] - back_s * traffic.vehicles_before[cell],
    )


def _lane_shares(
    stations: Stations,
    which: Ints,
    grid: Grid,
    closed: Mapping[int, frozenset[int]],
    neighbours: Sequence[tuple[int, float]],
) -> Floats:
    """Share of each lane in the flow, shape (n, lane): none in blocked lanes, less in them before and after."""
    cell = stations.cell[which]
    share = stations.lane_bias[which].copy()
    for where, lanes in closed.items():
        columns = np.array([lane - 1 for lane in sorted(lanes) if 1 <= lane <= share.shape[1]], dtype=np.int64)
        for step, use in neighbours:
            beside = where + step
            if 0 <= beside < len(grid) and beside not in closed and grid.run[beside] == grid.run[where]:
                rows = np.flatnonzero(cell == beside)
                share[np.ix_(rows, columns)] = np.minimum(
                    share[np.ix_(rows, columns)], use * stations.lane_bias[which][np.ix_(rows, columns)]
                )
        share[np.ix_(np.flatnonzero(cell == where), columns)] = 0.0
    return np.asarray(share / np.maximum(share.sum(axis=1, keepdims=True), 1e-9))


def sample(
    stations: Stations,
    which: Ints,
    before: Marks,
    after: Marks,
    grid: Grid,
    closed: Mapping[int, frozenset[int]],
    heavy_share: float,
    noise: Noise,
    neighbours: Sequence[tuple[int, float]] = NEIGHBOURS,
) -> Samples:
    """Draw what stations counted between two instants.

    Parameters
    ----------
    stations, which
        All stations, and the indices of those that sample, shape (n,).
    before, after
        Integrals at the start and end of each one's period.
    grid
        The cells.
    closed
        Cell to the numbers of the lanes that are blocked in it.
    heavy_share
        Mean share of heavy vehicles on expressways. [-]
    noise
        Sources of the noise.
    neighbours
        As `NEIGHBOURS`, for a grid of other cells.

    Returns
    -------
    Samples
        Volume is binomial around the flow, as many as fit at the least headway: nearly Poisson in thin traffic,
        steadier near capacity. Mean speed is distance travelled over time spent in the cell (Edie 1963), so it knows
        of rain, limits and queues alike.
    """
    cell, lanes = stations.cell[which], stations.lanes[which]
    period_s = np.maximum(after.time_s - before.time_s, 1e-6)
    passed = np.maximum(after.passed - before.passed, 0.0)
    held = np.maximum(after.held_veh_s - before.held_veh_s, 0.0)
    density = held / period_s / grid.length_m[cell]
    free = grid.free_mps[cell]
    mean_speed = np.clip(np.where(held > 0.0, passed * grid.length_m[cell] / np.maximum(held, 1e-9), free), 0.0, free)
    share = _lane_shares(stations, which, grid, closed, neighbours)

    most = np.maximum(np.floor(period_s / MIN_HEADWAY_S), 1.0).astype(np.int64)[:, np.newaxis]
    volume = noise.volume.binomial(most, np.clip(passed[:, np.newaxis] * share / most, 0.0, 1.0))

    outward = np.clip(np.arange(share.shape[1]) / np.maximum(lanes - 1, 1)[:, np.newaxis], 0.0, 1.0)
    heavy_mean = heavy_share * grid.heavy_of_mean[cell][:, np.newaxis]
    heavy = noise.heavy.binomial(volume, np.clip(heavy_mean * (0.4 + 1.2 * outward), 0.0, 1.0))

    freedom = (mean_speed / free)[:, np.newaxis]
    lane_speed = mean_speed[:, np.newaxis] * (1 + LANE_SPEED_SPREAD * (1 - 2 * outward) * freedom)
    spread = SPEED_SIGMA_MPS + SPEED_SIGMA_FRACTION * lane_speed
    noisy = lane_speed + spread / np.sqrt(np.maximum(volume, 1)) * noise.speed.standard_normal(volume.shape)
    speed = np.maximum(noisy, 0.5)

    seconds = ((volume - heavy) * CAR_EFFECTIVE_M + heavy * HEAVY_EFFECTIVE_M) / speed
    moving_pct = 100.0 * seconds / period_s[:, np.newaxis]
    queued = density > STANDING_FRACTION * grid.jam_pc_m[cell]
    standing_pct = np.where(queued, 100.0 * density / grid.lanes[cell] * CAR_EFFECTIVE_M, 0.0)[:, np.newaxis]
    occupancy = np.where((volume == 0) & (share > 0.0), standing_pct, moving_pct)
    return Samples(
        volume=volume,
        heavy=heavy,
        speed_kmh=np.where(volume > 0, np.round(speed * 3.6, 1), np.nan),
        occupancy_pct=np.round(np.clip(occupancy, 0.0, 100.0), 1),
    )
