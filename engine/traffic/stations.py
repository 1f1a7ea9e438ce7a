"""From lanes to stations: flow, density, speed, occupancy and the congestion level of every detection station."""

from __future__ import annotations

import enum
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from engine.freshness import NEVER
from engine.region import StationTable
from engine.thresholds import TrafficThresholds
from sensors.columns import Floats, Ints, VdsColumns

_NS = 1e9
_EMPTY_VEH_KM = 1e-3


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
        Smoothed, over all lanes that reported. NaN before the first valid sample. [veh/h], [veh/km]
    speed_kmh : ndarray, float64
        Smoothed flow over smoothed density. NaN when the road is empty. [km/h]
    occupancy_pct : ndarray, float64
        Of the newest sample used, mean of the lanes. NaN before the first. [%]
    time_ns, seq : ndarray, int64
        Device time and number of the newest sample used; ``NEVER`` and -1 before the first. [ns since 1970 UTC]
    level : ndarray, int8
        A `CongestionLevel`.
    level_since_ns : ndarray, int64
        Device time of the first sample at this level; ``NEVER`` before the first. [ns since 1970 UTC]
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
            time_ns=np.full(n_station, NEVER, dtype=np.int64),
            seq=np.full(n_station, -1, dtype=np.int64),
            level=np.full(n_station, CongestionLevel.UNKNOWN, dtype=np.int8),
            level_since_ns=np.full(n_station, NEVER, dtype=np.int64),
        )


def aggregate_lanes(
    volume: Floats,
    speed_kmh: Floats,
    occupancy_pct: Floats,
    period_s: Floats,
    effective_length_m: float,
    standing_occupancy_pct: float = 0.0,
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
    standing_occupancy_pct : float
        From here on a lane without count holds a standing queue; under it, a vehicle at the edge of the period. [%]

    Returns
    -------
    flow_veh_h, density_veh_km, occupancy_pct : ndarray, shape (n,), float64
        Over all lanes that reported; occupancy is their mean. NaN when no lane reported. [veh/h], [veh/km], [%]

    Notes
    -----
    A lane's density is q/v where vehicles moved at a measured speed (then station speed, total flow over total
    density, is the flow-weighted harmonic mean of the lanes), and occupancy over effective length where they did not: a
    queue that stands on the detector has no count and no speed, but it is there. A lane that counts vehicles and shows
    neither speed nor occupancy contradicts itself and is taken as not reported: its flow without its density would make
    the station faster than any of its lanes.

    Source
    ------
    Hydrodynamic relation q = k·v; density from occupancy after Athol (1965), "Interdependence of certain
    operational characteristics within a moving traffic stream", Highway Research Record 72. The rules for lanes without
    count or speed: own construction.
    """
    counted = volume > 0
    moving = counted & (speed_kmh > 0)
    occupied = np.where(counted, occupancy_pct > 0, occupancy_pct >= standing_occupancy_pct)
    reported = moving | (counted & occupied) | (volume == 0)
    lane_flow = np.where(reported, volume, 0.0) * 3600.0 / period_s[:, None]
    from_speed = np.divide(lane_flow, speed_kmh, out=np.zeros_like(lane_flow), where=moving)
    from_occupancy = np.where(occupied, occupancy_pct, 0.0) * (10.0 / effective_length_m)
    density = np.where(moving, from_speed, np.where(reported, from_occupancy, 0.0)).sum(axis=1)
    flow = lane_flow.sum(axis=1)
    measured = reported & ~np.isnan(occupancy_pct)
    count = measured.sum(axis=1)
    occupancy = np.divide(
        np.where(measured, occupancy_pct, 0.0).sum(axis=1), count, out=np.full(len(period_s), np.nan), where=count > 0
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
        NaN speed and NaN occupancy = unknown. [km/h], [%], [km/h]
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

    Flow and density are smoothed exponentially over device time, each sample weighing 1 - exp(-Δt/τ). A sample that is
    not newer than the newest one used, or that the station itself calls faulty, is left out.

    Parameters
    ----------
    state : StationState
    samples : VdsColumns
        Any number per station, in any order; of two with one device time the one with the higher number counts.
    stations : StationTable
    thresholds : TrafficThresholds

    Returns
    -------
    StationState

    Source
    ------
    Own construction. Smoothing flow and density, not speed, keeps q = k·v.
    """
    order, row = _in_order(samples)
    late = samples.envelope.time_ns[order] <= state.time_ns[row]
    order, row = order[~late], row[~late]
    flow, density, occupancy = aggregate_lanes(
        samples.volume[order],
        samples.speed_kmh[order],
        samples.occupancy_pct[order],
        samples.period_s[order],
        thresholds.effective_length_m.value,
        thresholds.jam_occupancy_pct.value,
    )
    valid = ~np.isnan(flow)
    order, row, flow, density, occupancy = order[valid], row[valid], flow[valid], density[valid], occupancy[valid]
    if len(row) == 0:
        return state
    columns = StationState(*(getattr(state, field.name).copy() for field in fields(state)))
    time_ns, seq = samples.envelope.time_ns[order], samples.envelope.seq[order]
    rank = _rank_within(row)
    by_rank = np.split(np.argsort(rank, kind="stable"), np.cumsum(np.bincount(rank))[:-1])
    for turn in by_rank:
        _use(
            columns,
            row[turn],
            time_ns[turn],
            seq[turn],
            flow[turn],
            density[turn],
            occupancy[turn],
            stations,
            thresholds,
        )
    return columns


def _in_order(samples: VdsColumns) -> tuple[NDArray[np.intp], Ints]:
    """Return places and rows of the usable samples, by station and time, each time once."""
    envelope = samples.envelope
    order = np.lexsort((envelope.seq, envelope.time_ns, envelope.row))
    order = order[~samples.fault[order]]
    row, time_ns = envelope.row[order], envelope.time_ns[order]
    once = np.append((row[1:] != row[:-1]) | (time_ns[1:] != time_ns[:-1]), True)[: len(row)]
    return order[once], row[once]


def _rank_within(rows: Ints) -> NDArray[np.intp]:
    """Return 0, 1, 2, … along each run of equal rows; the samples of one rank then hold a station at most once."""
    starts = np.flatnonzero(np.append(True, rows[1:] != rows[:-1]))
    lengths = np.diff(np.append(starts, len(rows)))
    return np.arange(len(rows)) - np.repeat(starts, lengths)


def _use(
    columns: StationState,
    row: Ints,
    time_ns: Ints,
    seq: Ints,
    flow: Floats,
    density: Floats,
    occupancy: Floats,
    stations: StationTable,
    thresholds: TrafficThresholds,
) -> None:
    """Write one sample a station into columns that are ours to change."""
    first = np.isnan(columns.flow_veh_h[row])
    elapsed_s = np.where(first, 0, time_ns - np.where(first, time_ns, columns.time_ns[row])) / _NS
    weight = np.where(first, 1.0, -np.expm1(-elapsed_s / thresholds.smoothing_s.value))
    flow = _blend(columns.flow_veh_h[row], flow, weight)
    density = _blend(columns.density_veh_km[row], density, weight)
    speed = np.divide(flow, density, out=np.full(len(row), np.nan), where=density > _EMPTY_VEH_KM)
    before = columns.level[row]
    level = congestion_level(speed, occupancy, stations.speed_limit_kmh[row], before, thresholds)
    columns.flow_veh_h[row] = flow
    columns.density_veh_km[row] = density
    columns.speed_kmh[row] = speed
    columns.occupancy_pct[row] = occupancy
    columns.time_ns[row] = time_ns
    columns.seq[row] = seq
    columns.level[row] = level
    columns.level_since_ns[row] = np.where(level != before, time_ns, columns.level_since_ns[row])


def _blend(old: Floats, new: Floats, weight: Floats) -> Floats:
    return np.where(np.isnan(old), new, old + weight * (new - np.nan_to_num(old)))
