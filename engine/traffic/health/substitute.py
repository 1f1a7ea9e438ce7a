"""What stands in for lanes and stations that cannot be believed, marked as such."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.thresholds import Sourced, TrafficThresholds
from engine.traffic.frame import Frame, StationFrame
from engine.traffic.health.lengths import LengthState, LengthThresholds, estimate_speeds
from engine.traffic.health.live import absurd, measurable
from engine.traffic.health.profile import Profile, learn
from engine.traffic.health.reasons import HealthThresholds
from engine.traffic.health.shares import LaneShares, ShareThresholds, learn_shares, whole_over_part
from engine.traffic.health.step import NEVER, Health
from engine.traffic.layout import Layout
from engine.traffic.stations import aggregate_lanes

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

_EMPTY_VEH_KM = 1e-3
_NS = 1e9


class Way(enum.IntEnum):
    """Whence a station's numbers come."""

    MEASURED = 0
    LENGTH = 1
    """Measured, with a speed from volume and occupancy in some lane."""
    LANES = 2
    """From the other lanes, by the usual shares of the lanes."""
    NEIGHBOURS = 3
    """From the stations next up- and downstream that measure."""
    PROFILE = 4
    """From what is usual at this time of day."""
    UNKNOWN = 5


@dataclass(frozen=True)
class SubstituteThresholds(LengthThresholds, ShareThresholds):
    """How far a neighbour speaks, and how fast usual values are learnt."""

    between_m: Sourced
    """Farthest that two stations may be from one between them."""
    beside_m: Sourced
    """Farthest that a single station may be."""
    largest_ratio: Sourced
    """Of now to usual at the neighbours, and its inverse."""
    new_day_weight: Sourced


@dataclass(frozen=True)
class SubstituteState:
    """What was learnt while all was well.

    Attributes
    ----------
    time_ns : int
        Of the newest frame. [ns since 1970 UTC]
    lengths : LengthState
    shares : LaneShares
    known : ndarray, shape (n_station, n_lane), bool
        Lanes that ever reported.
    profile : Profile
    """

    time_ns: int
    lengths: LengthState
    shares: LaneShares
    known: Bools
    profile: Profile

    @classmethod
    def initial(cls, n_station: int, n_lane: int, usual: NDArray[np.float32] | None = None) -> SubstituteState:
        """Return the state before any frame; ``usual`` as for `Profile.initial`."""
        shape = (n_station, n_lane)
        return cls(
            NEVER,
            LengthState.initial(shape),
            LaneShares.initial(shape),
            np.zeros(shape, dtype=bool),
            Profile.initial(n_station, usual),
        )


@dataclass(frozen=True)
class Substituted:
    """Stations after substitution.

    Attributes
    ----------
    stations : StationFrame
        ``substituted`` from `Way.LANES` on.
    way : ndarray, shape (n_station,), int8
        A `Way` each.
    speed_kmh : ndarray, shape (n_station, n_lane), float64
        Of the lanes that are believed, estimated where not measured. [km/h]
    """

    stations: StationFrame
    way: NDArray[np.int8]
    speed_kmh: Floats


def substitute(
    state: SubstituteState,
    frame: Frame,
    health: Health,
    layout: Layout,
    thresholds: SubstituteThresholds,
    health_thresholds: HealthThresholds,
    traffic: TrafficThresholds,
    utc_offset_s: float,
) -> tuple[SubstituteState, Substituted]:
    """Sum a period over the lanes that are believed, and fill in what is missing.

    Parameters
    ----------
    state : SubstituteState
    frame : Frame
    health : Health
        Of the same period.
    layout : Layout
    thresholds, health_thresholds, traffic
    utc_offset_s : float
        Local time less UTC, for the time of day. [s]

    Returns
    -------
    state : SubstituteState
    substituted : Substituted
        In this order: the lanes that are believed; when some of the usual ones are missing, those that are left divided
        by the share that they usually carry; when none is left, the nearest stations up- and downstream that measure,
        flow and density linear between them, times what is usual here over what is usual there at this time of day
        where both are known; when there is none near enough, what is usual here; else NaN. Of a station that measures
        speeds only, and for which nobody else speaks, the speed is the harmonic mean of its lanes, and counts as
        measured, without a flow.

    Source
    ------
    Own construction; imputing from lanes and neighbours by their usual relation as Chen et al. (2003), TRR 1855.
    """
    frame = measurable(frame)
    n_station, n_lane = shape = frame.volume.shape
    there = np.arange(n_lane) < layout.lanes[:, None]
    use = there & ~health.excluded & ~absurd(frame, health_thresholds)
    lengths, speed = estimate_speeds(
        state.lengths, frame, use, layout.speed_limit_kmh, traffic.effective_length_m.value, thresholds
    )
    per_lane = aggregate_lanes(
        np.where(use, frame.volume, np.nan).reshape(-1, 1),
        speed.reshape(-1, 1),
        np.where(use, frame.occupancy_pct, np.nan).reshape(-1, 1),
        np.full(frame.volume.size, frame.period_s),
        traffic.effective_length_m.value,
        traffic.jam_occupancy_pct.value,
    )
    lanes = np.stack([quantity.reshape(shape) for quantity in per_lane])
    reported = ~np.isnan(lanes[0])
    known = state.known | reported
    whole = np.asarray((reported | ~known).all(axis=1) & reported.any(axis=1))
    doubted = np.asarray(health.excluded.any(axis=1))

    values, scaled = _by_shares(lanes, reported, known, state.shares, layout, thresholds.smallest_share.value)
    used = reported.sum(axis=1)
    estimated = (reported & ~(frame.speed_kmh > 0) & (speed > 0)).any(axis=1)
    way = np.where(estimated, Way.LENGTH, Way.MEASURED).astype(np.int8)
    way[scaled] = Way.LANES
    profile = learn(state.profile, values, frame.time_ns, utc_offset_s, thresholds.new_day_weight.value)
    blind = np.flatnonzero(used == 0)
    if len(blind):
        usual = state.profile.now(frame.time_ns, utc_offset_s).astype(np.float64)
        values[blind], way[blind] = _from_elsewhere(blind, values, used > 0, usual, layout, thresholds)
    flow, density, occupancy = values.T
    speeds = np.divide(flow, density, out=np.full(n_station, np.nan), where=density > _EMPTY_VEH_KM)
    lost = np.flatnonzero(way == Way.UNKNOWN)
    if len(lost):
        speeds[lost], used[lost] = _harmonic(speed[lost])
        way[lost[used[lost] > 0]] = Way.MEASURED
    elapsed_s = frame.period_s if state.time_ns == NEVER else max((frame.time_ns - state.time_ns) / _NS, 0.0)
    new = replace(
        state,
        time_ns=frame.time_ns,
        lengths=lengths,
        shares=learn_shares(state.shares, lanes, whole, doubted, layout, elapsed_s, thresholds),
        known=known,
        profile=profile,
    )
    stations = StationFrame(
        time_ns=frame.time_ns,
        period_s=frame.period_s,
        lanes_used=used,
        flow_veh_h_lane=flow,
        density_veh_km_lane=density,
        speed_kmh=speeds,
        occupancy_pct=occupancy,
        substituted=way >= Way.LANES,
    )
    return new, Substituted(stations, way, speed)


def _by_shares(
    lanes: Floats, reported: Bools, known: Bools, shares: LaneShares, layout: Layout, smallest_share: float
) -> tuple[Floats, Bools]:
    """Return the mean lane of each station, shape (n_station, QUANTITIES), and where lanes were made up for."""
    total, count = np.where(reported, lanes, 0.0), reported.sum(axis=1)
    has_occupancy = reported & ~np.isnan(lanes[2])
    total[2] = np.where(has_occupancy, lanes[2], 0.0)
    counts = np.stack((count, count, has_occupancy.sum(axis=1)))
    mean = np.divide(total.sum(axis=2), counts, out=np.full(counts.shape, np.nan), where=counts > 0)
    scaled = (known & ~reported).any(axis=1) & (count > 0)
    rows = np.flatnonzero(scaled)
    if len(rows):
        mean[:, rows] *= whole_over_part(shares, rows, reported[rows], known[rows], layout, smallest_share)
    return mean.T.copy(), scaled


def _from_elsewhere(
    blind: Ints,
    values: Floats,
    measures: Bools,
    usual: Floats,
    layout: Layout,
    thresholds: SubstituteThresholds,
) -> tuple[Floats, NDArray[np.int8]]:
    """Return what stations without any lane get, and the way."""
    place = np.arange(len(layout))
    before = np.maximum.accumulate(np.where(measures, place, -1))[blind]
    after = np.minimum.accumulate(np.where(measures, place, len(layout))[::-1])[::-1][blind]
    gap_up, up = _gap_m(blind, before, layout)
    gap_down, down = _gap_m(blind, after, layout)
    between = (gap_up + gap_down) <= thresholds.between_m.value
    alone_up = ~between & (gap_up <= thresholds.beside_m.value) & ~(gap_down < gap_up)
    alone_down = ~between & ~alone_up & (gap_down <= thresholds.beside_m.value)
    width = np.where(between, gap_up + gap_down, 1.0)
    weight = np.where(between, np.where(width > 0, gap_down / np.maximum(width, 1e-9), 0.5), alone_up)[:, None]
    neighbours = between | alone_up | alone_down
    base = usual[blind]
    limit = thresholds.largest_ratio.value

    def ratio(row: Ints) -> Floats:
        lawful = (usual[row] > 0) & ~np.isnan(values[row])
        now = np.divide(values[row], usual[row], out=np.full(values[row].shape, np.nan), where=lawful)
        return np.asarray(np.clip(now, 1.0 / limit, limit))

    plain = _mix(values[up], values[down], weight)
    related = _mix(ratio(up), ratio(down), weight) * base
    # Flow and density must come the same way, or the speed between them means nothing.
    relates = np.asarray(~np.isnan(related[:, :2]).any(axis=1))
    found = np.where(neighbours[:, None], np.where(relates[:, None], related, plain), base)
    way = np.where(neighbours, Way.NEIGHBOURS, Way.PROFILE)
    way = np.where(np.isnan(found[:, :2]).any(axis=1), Way.UNKNOWN, way).astype(np.int8)
    found[way == Way.UNKNOWN] = np.nan
    return found, way


def _harmonic(speed_kmh: Floats) -> tuple[Floats, Ints]:
    """Return the harmonic mean of the lanes of each row, and of how many; NaN of none."""
    moving = speed_kmh > 0
    count = moving.sum(axis=1)
    slowness = np.divide(1.0, speed_kmh, out=np.zeros(speed_kmh.shape), where=moving).sum(axis=1)
    return np.divide(count, slowness, out=np.full(len(count), np.nan), where=count > 0), count


def _mix(first: Floats, second: Floats, weight: Floats) -> Floats:
    """Return the weighted mean, without letting a NaN of weight zero through."""
    return np.where(weight > 0, first, 0.0) * weight + np.where(weight < 1, second, 0.0) * (1.0 - weight)


def _gap_m(row: Ints, other: Ints, layout: Layout) -> tuple[Floats, Ints]:
    """Return the distance to a station of the same corridor, infinite where there is none, and a row to read."""
    inside = (other >= 0) & (other < len(layout))
    safe = np.where(inside, other, row)
    same = inside & (layout.corridor[safe] == layout.corridor[row])
    return np.where(same, np.abs(layout.chainage_m[safe] - layout.chainage_m[row]), np.inf), np.where(same, safe, row)
