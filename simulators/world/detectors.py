"""What a detection station counts: samples per lane out of the traffic between two instants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from config.catalogue.model import VdsStation
from simulators.world.corridors import Corridors
from simulators.world.traffic import TrafficState, speed_mps

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

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


def place_stations(stations: Sequence[VdsStation], corridors: Corridors, rng: np.random.Generator) -> Stations:
    """Find the cells of stations and draw how their lanes share the flow.

    Raises
    ------
    KeyError
        If a station names a link that the region has not.
    """
    located = [corridors.locate(station.link, station.offset_m) for station in stations]
    lanes = np.array([station.lanes for station in stations], dtype=np.int64)
    n_lane = int(lanes.max(initial=1))
    exists = np.arange(n_lane) < lanes[:, np.newaxis]
    return Stations(
        cell=np.array([cell for cell, _ in located], dtype=np.int64),
        fraction=np.array([fraction for _, fraction in located]),
        lanes=lanes,
        lane_bias=np.where(exists, rng.uniform(0.92, 1.08, exists.shape), 0.0),
    )


def mark(stations: Stations, which: Ints, state: TrafficState, time_s: Floats) -> Marks:
    """Read the integrals at some stations at instants within the last step.

    Parameters
    ----------
    stations
        All stations.
    which
        Indices of those to read, shape (n,).
    state
        Traffic at the end of the step.
    time_s
        Instants, shape (n,), within the step that led to ``state``: flows are constant in it. [s]
    """
    cell, fraction = stations.cell[which], stations.fraction[which]
    back_s = state.time_s - time_s
    came = state.passed_in[cell] - back_s * state.inflow_veh_s[cell]
    went = state.passed_out[cell] - back_s * state.outflow_veh_s[cell]
    return Marks(
        time_s=time_s,
        passed=(1 - fraction) * came + fraction * went,
        held_veh_s=state.held_veh_s[cell] - back_s * state.vehicles[cell],
    )


def sample(
    stations: Stations,
    which: Ints,
    before: Marks,
    after: Marks,
    corridors: Corridors,
    closed: Mapping[int, frozenset[int]],
    heavy_share: float,
    rng: np.random.Generator,
) -> Samples:
    """Draw what stations counted between two instants.

    Parameters
    ----------
    stations, which
        All stations, and the indices of those that sample, shape (n,).
    before, after
        Integrals at the start and end of each one's period.
    corridors
        The grid.
    closed
        Cell to the numbers of the lanes that are blocked in it.
    heavy_share
        Mean share of heavy vehicles. [-]
    rng
        Source of the noise.

    Returns
    -------
    Samples
        Volume is binomial around the flow, as many as fit at the least headway: nearly Poisson in thin traffic,
        steadier near capacity.
    """
    cell, lanes = stations.cell[which], stations.lanes[which]
    period_s = np.maximum(after.time_s - before.time_s, 1e-6)
    passed = np.maximum(after.passed - before.passed, 0.0)
    density = np.maximum(after.held_veh_s - before.held_veh_s, 0.0) / period_s / corridors.length_m[cell]
    mean_speed = speed_mps(density, corridors, cell)

    share = stations.lane_bias[which].copy()
    for place, where in enumerate(cell.tolist()):
        for lane in closed.get(where, ()):
            share[place, lane - 1 : lane] = 0.0
    share /= np.maximum(share.sum(axis=1, keepdims=True), 1e-9)

    most = np.maximum(np.floor(period_s / MIN_HEADWAY_S), 1.0).astype(np.int64)[:, np.newaxis]
    volume = rng.binomial(most, np.clip(passed[:, np.newaxis] * share / most, 0.0, 1.0))

    number = np.arange(share.shape[1])
    outward = np.clip(number / np.maximum(lanes - 1, 1)[:, np.newaxis], 0.0, 1.0)
    heavy = rng.binomial(volume, np.clip(heavy_share * (0.4 + 1.2 * outward), 0.0, 1.0))

    freedom = (mean_speed / corridors.free_mps[cell])[:, np.newaxis]
    lane_speed = mean_speed[:, np.newaxis] * (1 + LANE_SPEED_SPREAD * (1 - 2 * outward) * freedom)
    spread = SPEED_SIGMA_MPS + SPEED_SIGMA_FRACTION * lane_speed
    noisy = lane_speed + spread / np.sqrt(np.maximum(volume, 1)) * rng.standard_normal(volume.shape)
    speed = np.maximum(noisy, 0.5)

    seconds = ((volume - heavy) * CAR_EFFECTIVE_M + heavy * HEAVY_EFFECTIVE_M) / speed
    moving_pct = 100.0 * seconds / period_s[:, np.newaxis]
    # Where nothing passes in a standing queue somebody stands on the detector, as likely as the queue is dense.
    queued = density > 0.6 * corridors.jam_veh_m[cell]
    standing_pct = np.where(queued, 100.0 * density / corridors.lanes[cell] * CAR_EFFECTIVE_M, 0.0)[:, np.newaxis]
    occupancy = np.where((volume == 0) & (share > 0.0), standing_pct, moving_pct)
    return Samples(
        volume=volume,
        heavy=heavy,
        speed_kmh=np.where(volume > 0, np.round(speed * 3.6, 1), np.nan),
        occupancy_pct=np.round(np.clip(occupancy, 0.0, 100.0), 1),
    )
