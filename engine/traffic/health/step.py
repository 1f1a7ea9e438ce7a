"""Detector health of all lanes: the live and the daily rules together, period by period."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.thresholds import Sourced, TrafficThresholds
from engine.traffic.frame import Frame
from engine.traffic.health.company import company_of
from engine.traffic.health.daily import DayTally, flags, local_time, tally
from engine.traffic.health.live import LiveCounters, absurd, follow, held_s, judge, measurable
from engine.traffic.health.reasons import DAILY, LIVE, USABLE, HealthThresholds, Reason
from engine.traffic.health.swapped import LaneOrder, follow_order
from engine.traffic.layout import Layout

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

NEVER = np.iinfo(np.int64).min
_NS = 1e9
_SLOW_TO_CLEAR = (Reason.CHATTER, Reason.LOCKED_ON, Reason.SPIKES, Reason.SWAPPED)


@dataclass(frozen=True)
class Health:
    """Verdict on every lane after one period; arrays of shape (n_station, n_lane).

    Attributes
    ----------
    time_ns : int
        End of the period. [ns since 1970 UTC]
    faulty : ndarray, bool
        Any reason.
    excluded : ndarray, bool
        A reason for which the lane's numbers must not be used.
    reasons : ndarray, uint16
        Flags of `Reason`.
    since_ns : ndarray, int64
        When that began of which it was then found out; ``NEVER`` for a healthy lane. [ns since 1970 UTC]
    """

    time_ns: int
    faulty: Bools
    excluded: Bools
    reasons: NDArray[np.uint16]
    since_ns: Ints


@dataclass(frozen=True)
class HealthState:
    """What is remembered from period to period.

    Attributes
    ----------
    time_ns : int
        Of the newest frame; ``NEVER`` before the first. [ns since 1970 UTC]
    counters, order, day
        Of the live rules, of the order of lanes, of the daily rules.
    hold_s : ndarray, shape (len(LIVE), n_station, n_lane), float32
        For how long each live verdict will yet stand without being found again. [s]
    urban : ndarray, shape (n_station,), bool
        Where the published share of empty samples for urban roads applies.
    health : Health
    """

    time_ns: int
    counters: LiveCounters
    order: LaneOrder
    day: DayTally
    hold_s: NDArray[np.float32]
    urban: Bools
    health: Health

    @classmethod
    def initial(cls, layout: Layout, n_lane: int, urban: Bools | None = None) -> HealthState:
        """Return the state before any frame; all roads are rural unless ``urban`` says otherwise."""
        shape = (len(layout), n_lane)
        no = np.zeros(shape, dtype=bool)
        return cls(
            time_ns=NEVER,
            counters=LiveCounters.initial(shape),
            order=LaneOrder.initial(shape),
            day=DayTally.initial(shape, -1),
            hold_s=np.zeros((len(LIVE), *shape), dtype=np.float32),
            urban=np.zeros(len(layout), dtype=bool) if urban is None else urban,
            health=Health(NEVER, no, no, np.zeros(shape, dtype=np.uint16), np.full(shape, NEVER, dtype=np.int64)),
        )


def health_step(
    state: HealthState,
    frame: Frame,
    layout: Layout,
    thresholds: HealthThresholds,
    traffic: TrafficThresholds,
    utc_offset_s: float,
) -> tuple[HealthState, Health]:
    """Judge every lane after one more period.

    Parameters
    ----------
    state : HealthState
    frame : Frame
        NaN = not measured: no fault by itself, unless it goes on.
    layout : Layout
        Of as many stations; lanes beyond ``layout.lanes`` are not there and never faulty.
    thresholds : HealthThresholds
    traffic : TrafficThresholds
        What a jam is.
    utc_offset_s : float
        Local time less UTC, for the hours of the daily rules. [s]

    Returns
    -------
    state : HealthState
    health : Health
        A frame that is not newer than the newest changes nothing.

    Raises
    ------
    ValueError
        If the frame is not of the shape that the state was made for.

    Source
    ------
    Live rules as in IRIS, daily rules as in PeMS (`live.follow`, `daily.tally`); how they are guarded against jams and
    empty roads, and the rules for silent, stuck and swapped lanes: own construction.
    """
    shape = state.health.reasons.shape
    if frame.volume.shape != shape or frame.speed_kmh.shape != shape or frame.occupancy_pct.shape != shape:
        raise ValueError(f"frame: expected shape {shape}, was {frame.volume.shape}")
    if state.time_ns != NEVER and frame.time_ns <= state.time_ns:
        return state, state.health
    frame = measurable(frame)
    first = state.time_ns == NEVER
    elapsed_s = frame.period_s if first else (frame.time_ns - state.time_ns) / _NS
    day_before = DayTally.initial(shape, local_time(frame.time_ns, utc_offset_s)[0]) if first else state.day

    there = np.arange(shape[1]) < layout.lanes[:, None]
    absurd_now = absurd(frame, thresholds) & there
    credible = there & ~absurd_now & ~state.health.excluded
    company = company_of(frame, credible, layout, thresholds, traffic)
    counters = follow(state.counters, frame, absurd_now, company, elapsed_s, thresholds)
    calm = counters.jam_s > thresholds.jam_memory_s.value
    order = follow_order(state.order, frame, credible & calm, layout, elapsed_s, thresholds)
    swapped_s = order.swapped_s()
    zero_share = np.where(state.urban, thresholds.zero_share_urban.value, thresholds.zero_share_rural.value)
    day = tally(day_before, frame, absurd_now, company, calm, zero_share, utc_offset_s, thresholds)

    again = absurd_now & (state.counters.absurd_age_s + elapsed_s <= thresholds.clear_soon_after_s.value)
    found = judge(counters, frame.period_s, again, swapped_s, thresholds)
    hold_s = np.where(found, _clear_s(thresholds), np.maximum(state.hold_s - np.float32(elapsed_s), 0)).astype(
        np.float32
    )
    reasons = _flags(hold_s > 0, LIVE) | _flags(flags(day, thresholds), DAILY)
    reasons[~there] = 0
    faulty = reasons != 0
    since_ns = np.where(faulty, state.health.since_ns, NEVER)
    new = faulty & ~state.health.faulty
    if new.any():
        since_ns[new] = _onset_ns(reasons, new, counters, day, swapped_s, frame)
    excluded = (reasons & ~np.uint16(USABLE)) != 0
    health = Health(frame.time_ns, faulty, excluded, reasons, since_ns)
    return HealthState(frame.time_ns, counters, order, day, hold_s, state.urban, health), health


@dataclass(frozen=True)
class Evidence:
    """Why: what was read, and the threshold that it passed.

    Attributes
    ----------
    reading : float
        NaN where there is none.
    threshold : Sourced
    unit : str
    since_ns : int
        When it began. [ns since 1970 UTC]
    """

    reading: float
    threshold: Sourced
    unit: str
    since_ns: int


def evidence(
    state: HealthState, frame: Frame, reason: Reason, station: int, lane: int, thresholds: HealthThresholds
) -> Evidence:
    """Say why one lane is called faulty for one reason, from the state just after.

    Parameters
    ----------
    state : HealthState
    frame : Frame
        The period after which it was found.
    reason : Reason
        One flag.
    station, lane : int
        Place in the arrays.
    thresholds : HealthThresholds
    """
    at = (station, lane)
    if reason in DAILY:
        limit = {
            Reason.LOW_SAMPLES: thresholds.low_sample_share,
            Reason.ZERO_OCCUPANCY: thresholds.zero_share_urban if state.urban[station] else thresholds.zero_share_rural,
            Reason.HIGH_OCCUPANCY: thresholds.high_share,
            Reason.OCCUPANCY_WITHOUT_FLOW: thresholds.occupancy_without_flow_share,
            Reason.FLOW_WITHOUT_OCCUPANCY: thresholds.flow_without_occupancy_share,
        }[reason]
        share = float(state.day.share()[(DAILY.index(reason), *at)])
        return Evidence(share, limit, "1", frame.time_ns - round(state.day.seen_s * _NS))
    if reason == Reason.ABSURD:
        reading, limit, unit = _absurd_reading(frame, at, thresholds)
        return Evidence(reading, limit, unit, frame.time_ns)
    swapped_s = state.order.swapped_s()
    held = float(held_s(state.counters, reason, swapped_s)[at])
    since_ns = frame.time_ns - round(held * _NS)
    counters = state.counters
    if reason == Reason.CHATTER:
        return Evidence(float(counters.volume[at]), thresholds.chatter_veh_30s, "veh", since_ns)
    if reason == Reason.SPIKES:
        return Evidence(float(counters.spike_s[at]), thresholds.spike_for_s, "s", since_ns)
    if reason == Reason.SILENT:
        expected = float((counters.share(thresholds) * counters.missed_veh)[at])
        return Evidence(expected, thresholds.silent_expected_veh, "veh", since_ns)
    limit = {
        Reason.NO_DATA: thresholds.no_data_for_s,
        Reason.LOCKED_ON: thresholds.locked_for_s,
        Reason.NO_HITS: thresholds.no_hits_for_s,
        Reason.STUCK: thresholds.stuck_for_s,
        Reason.CONSTANT_OCCUPANCY: thresholds.constant_for_s,
        Reason.NO_CHANGE: thresholds.no_change_for_s,
        Reason.SWAPPED: thresholds.swapped_for_s,
    }[reason]
    return Evidence(held, limit, "s", since_ns)


def _absurd_reading(frame: Frame, at: tuple[int, int], thresholds: HealthThresholds) -> tuple[float, Sourced, str]:
    volume, speed, occupancy = float(frame.volume[at]), float(frame.speed_kmh[at]), float(frame.occupancy_pct[at])
    possible = "what can be counted, or be a share of time"
    if speed < 0:
        return speed, Sourced(0.0, possible), "km/h"
    fastest = thresholds.max_speed_kmh if volume > 1.0 else thresholds.max_speed_one_kmh
    if speed > fastest.value:
        return speed, fastest, "km/h"
    if occupancy > 100:
        return occupancy, Sourced(100.0, possible), "%"
    if occupancy < 0:
        return occupancy, Sourced(0.0, possible), "%"
    return volume, Sourced(0.0, possible), "veh"


def _clear_s(thresholds: HealthThresholds) -> NDArray[np.float32]:
    slow, soon = thresholds.clear_after_s.value, thresholds.clear_soon_after_s.value
    return np.array([slow if reason in _SLOW_TO_CLEAR else soon for reason in LIVE], dtype=np.float32)[:, None, None]


def _flags(held: Bools, order: tuple[Reason, ...]) -> NDArray[np.uint16]:
    reasons = np.zeros(held.shape[1:], dtype=np.uint16)
    for place, reason in enumerate(order):
        reasons |= held[place] * np.uint16(reason)
    return reasons


def _onset_ns(
    reasons: NDArray[np.uint16],
    new: Bools,
    counters: LiveCounters,
    day: DayTally,
    swapped_s: NDArray[np.float64],
    frame: Frame,
) -> Ints:
    """Return when the oldest of the reasons of each lane that is new began."""
    longest_s = np.zeros(new.sum())
    flagged = reasons[new]
    for reason in (*LIVE, *DAILY):
        has = (flagged & np.uint16(reason)) != 0
        if has.any():
            held = np.full(len(flagged), day.seen_s) if reason in DAILY else held_s(counters, reason, swapped_s)[new]
            longest_s = np.where(has, np.maximum(longest_s, held), longest_s)
    return frame.time_ns - np.round(longest_s * _NS).astype(np.int64)
