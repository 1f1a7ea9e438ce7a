"""From lanes to stations: flow, density, speed, occupancy and the congestion level of every detection station."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.freshness import NEVER
from engine.region import StationTable
from engine.thresholds import TrafficThresholds
from sensors.columns import Floats, Ints, VdsColumns

_NS = 1e9
_EMPTY_VEH_KM = 1e-3
Scalar = TypeVar("Scalar", bound=np.generic)


class CongestionLevel(enum.IntEnum):
    """Korean three-colour status, and not known."""

    UNKNOWN = -1
    SMOOTH = 0
    SLOW = 1
    JAMMED = 2


@dataclass(frozen=True)
class StationState:
    """Columns of shape (n_station,).

    Attributes
    ----------
    flow_veh_h, density_veh_km : ndarray, float64
        Smoothed, over all lanes. NaN before the first valid sample.
    speed_kmh : ndarray, float64
        Smoothed flow over smoothed density. NaN when the road is empty.
    occupancy_pct : ndarray, float64
        Of the newest sample, mean of the lanes.
    time_ns, seq : ndarray, int64
        Device time and number of the newest sample used.
    level : ndarray, int8
        A `CongestionLevel`.
    level_since_ns : ndarray, int64
        Device time of the first sample at this level.
    """

    flow_veh_h: Floats
    density_veh_km: Floats
    speed_kmh: Floats
    occupancy_pct: Floats
    time_ns: Ints
    seq: Ints
    level: NDArray[np.int8]
    level_since_ns: Ints

    @classmethod
    def initial(cls, n_station: int) -> StationState:
        """Return the state before any sample."""
        nothing = np.full(n_station, np.nan)
        return cls(
            flow_veh_h=nothing,
            density_veh_km=nothing,
            speed_kmh=nothing,
            occupancy_pct=nothing,
            time_ns=np.full(n_station, NEVER),
            seq=np.full(n_station, -1, dtype=np.int64),
            level=np.full(n_station, CongestionLevel.UNKNOWN, dtype=np.int8),
            level_since_ns=np.full(n_station, NEVER),
        )


def aggregate_lanes(
    volume: Floats, speed_kmh: Floats, occupancy_pct: Floats, period_s: Floats, effective_length_m: float
) -> tuple[Floats, Floats, Floats]:
    """Sum the lanes of each sample to the station's flow, density and occupancy.

    Parameters
    ----------
    volume : ndarray, shape (n, n_lane), float64
        Vehicles in the period. NaN = lane not reported. [veh]
    speed_kmh : ndarray, shape (n, n_lane), float64
        Mean speed. NaN = none measured. [km/h]
    occupancy_pct : ndarray, shape (n, n_lane), float64
        NaN = lane not reported. [%]
    period_s : ndarray, shape (n,), float64
        > 0. [s]
    effective_length_m : float
        Vehicle plus detection zone, > 0. [m]

    Returns
    -------
    flow_veh_h, density_veh_km, occupancy_pct : ndarray, shape (n,), float64
        Over all lanes that reported; occupancy is their mean. NaN when no lane reported.

    Notes
    -----
    A lane's density is q/v where vehicles moved at a measured speed (then station speed, total flow over total
    density, is the flow-weighted harmonic mean of the lanes), and occupancy over effective length where they
    did not: a queue that stands on the detector has no count and no speed, but it is there.

    Source
    ------
    Hydrodynamic relation q = k·v; density from occupancy after Athol (1965), "Interdependence of certain
    operational characteristics within a moving traffic stream", Highway Research Record 72.
    """
    reported = ~np.isnan(volume)
    lane_flow = volume * 3600.0 / period_s[:, None]
    moving = reported & (volume > 0) & (speed_kmh > 0)
    from_speed = np.divide(lane_flow, speed_kmh, out=np.zeros_like(lane_flow), where=moving)
    from_occupancy = np.nan_to_num(occupancy_pct, nan=0.0) * 10.0 / effective_length_m
    density = np.where(moving, from_speed, np.where(reported, from_occupancy, 0.0)).sum(axis=1)
    flow = np.where(reported, np.nan_to_num(lane_flow), 0.0).sum(axis=1)
    measured = ~np.isnan(occupancy_pct)
    count = measured.sum(axis=1)
    occupancy = np.divide(
        np.nan_to_num(occupancy_pct).sum(axis=1), count, out=np.full(len(period_s), np.nan), where=count > 0
    )
    silent = ~reported.any(axis=1)
    flow[silent] = np.nan
    density[silent] = np.nan
    return flow, density, occupancy


def congestion_level(
    speed_kmh: Floats,
    occupancy_pct: Floats,
    speed_limit_kmh: Floats,
    previous: NDArray[np.int8],
    thresholds: TrafficThresholds,
) -> NDArray[np.int8]:
    """Grade speed against the limit in three steps, with hysteresis.

    Parameters
    ----------
    speed_kmh, occupancy_pct, speed_limit_kmh : ndarray, shape (n,), float64
        NaN speed = no vehicle measured: then jammed if the occupancy says that one stands there, else smooth.
        NaN speed and NaN occupancy = unknown.
    previous : ndarray, shape (n,), int8
        Level so far; `CongestionLevel.UNKNOWN` starts without hysteresis.
    thresholds : TrafficThresholds

    Returns
    -------
    ndarray, shape (n,), int8
        A `CongestionLevel` each.

    Source
    ------
    Steps at 80 % and 40 % of the limit as on Korea's public traffic map; the margins of return are own construction.
    """
    ratio = speed_kmh / speed_limit_kmh
    was_jammed = previous == CongestionLevel.JAMMED
    was_slow = was_jammed | (previous == CongestionLevel.SLOW)
    jam_limit = np.where(was_jammed, thresholds.unjammed_above_ratio.value, thresholds.jammed_below_ratio.value)
    slow_limit = np.where(was_slow, thresholds.smooth_above_ratio.value, thresholds.slow_below_ratio.value)
    standing = np.isnan(speed_kmh) & (occupancy_pct >= thresholds.jam_occupancy_pct.value)
    level = np.full(len(ratio), CongestionLevel.SMOOTH, dtype=np.int8)
    level[ratio < slow_limit] = CongestionLevel.SLOW
    level[(ratio < jam_limit) | standing] = CongestionLevel.JAMMED
    level[np.isnan(speed_kmh) & np.isnan(occupancy_pct)] = CongestionLevel.UNKNOWN
    return level


def update_stations(
    state: StationState, samples: VdsColumns, stations: StationTable, thresholds: TrafficThresholds
) -> StationState:
    """Take in samples, oldest first, and grade the stations that they speak of.

    Flow and density are smoothed exponentially over device time, each sample weighing 1 - exp(-Δt/τ); a sample older
    than the newest one used, or one that the station itself calls faulty, is left out.

    Parameters
    ----------
    state : StationState
    samples : VdsColumns
        Any number per station, in any order.
    stations : StationTable
    thresholds : TrafficThresholds

    Returns
    -------
    StationState

    Source
    ------
    Own construction. Smoothing flow and density, not speed, keeps q = k·v.
    """
    usable = np.flatnonzero(~samples.fault)
    order = usable[np.lexsort((samples.envelope.time_ns[usable], samples.envelope.row[usable]))]
    rank = _rank_within(samples.envelope.row[order])
    for turn in range(int(rank.max(initial=-1)) + 1):
        state = _update_once(state, samples, order[rank == turn], stations, thresholds)
    return state


def _rank_within(rows: Ints) -> NDArray[np.intp]:
    """Return 0, 1, 2, … along each run of equal rows; one turn then holds a station at most once."""
    starts = np.flatnonzero(np.append(True, rows[1:] != rows[:-1])) if len(rows) else np.empty(0, np.intp)
    lengths = np.diff(np.append(starts, len(rows)))
    return np.arange(len(rows)) - np.repeat(starts, lengths)


def _update_once(
    state: StationState,
    samples: VdsColumns,
    which: NDArray[np.intp],
    stations: StationTable,
    thresholds: TrafficThresholds,
) -> StationState:
    which = which[samples.envelope.time_ns[which] > state.time_ns[samples.envelope.row[which]]]
    flow, density, occupancy = aggregate_lanes(
        samples.volume[which],
        samples.speed_kmh[which],
        samples.occupancy_pct[which],
        samples.period_s[which],
        thresholds.effective_length_m.value,
    )
    valid = ~np.isnan(flow)
    which, flow, density, occupancy = which[valid], flow[valid], density[valid], occupancy[valid]
    row = samples.envelope.row[which]
    time_ns = samples.envelope.time_ns[which]

    first = np.isnan(state.flow_veh_h[row])
    elapsed_s = np.where(first, 0.0, (time_ns - np.where(first, time_ns, state.time_ns[row])) / _NS)
    weight = np.where(first, 1.0, -np.expm1(-elapsed_s / thresholds.smoothing_s.value))
    flow = _blend(state.flow_veh_h[row], flow, weight)
    density = _blend(state.density_veh_km[row], density, weight)
    speed = np.divide(flow, density, out=np.full(len(row), np.nan), where=density > _EMPTY_VEH_KM)
    level = congestion_level(speed, occupancy, stations.speed_limit_kmh[row], state.level[row], thresholds)
    return replace(
        state,
        flow_veh_h=_put(state.flow_veh_h, row, flow),
        density_veh_km=_put(state.density_veh_km, row, density),
        speed_kmh=_put(state.speed_kmh, row, speed),
        occupancy_pct=_put(state.occupancy_pct, row, occupancy),
        time_ns=_put(state.time_ns, row, time_ns),
        seq=_put(state.seq, row, samples.envelope.seq[which]),
        level=_put(state.level, row, level),
        level_since_ns=_put(
            state.level_since_ns, row, np.where(level != state.level[row], time_ns, state.level_since_ns[row])
        ),
    )


def _blend(old: Floats, new: Floats, weight: Floats) -> Floats:
    return np.where(np.isnan(old), new, old + weight * (new - np.nan_to_num(old)))


def _put(column: NDArray[Scalar], row: Ints, values: NDArray[Scalar]) -> NDArray[Scalar]:
    result = column.copy()
    result[row] = values
    return result
