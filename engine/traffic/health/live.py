"""Rules that are judged sample by sample: running seconds of every condition, no history."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.traffic.frame import Frame
from engine.traffic.health.company import Company
from engine.traffic.health.reasons import HealthThresholds, Reason

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_SPIKE_PERIOD_S = 60.0
_LEAST = 1e-3


@dataclass(frozen=True)
class LiveCounters:
    """Running counters of every lane, shape (n_station, n_lane), float64.

    Attributes
    ----------
    volume, speed_kmh, occupancy_pct : ndarray
        Of the newest sample; NaN before the first.
    unheard_s, chatter_s, locked_s, occupancy_same_s, same_s : ndarray
        For how long the condition has held, in sampled time. [s]
    spike_s, spike_over_s : ndarray
        The spike timer, and for how long it has been above its limit. [s]
    quiet_s, missed_veh : ndarray
        Time without a vehicle while others counted, and what a lane of those others counted in it. [s], [veh]
    own_veh, others_veh : ndarray
        Fading sums, to its newest vehicle: the lane's own count, and that of a lane beside it. [veh]
    jam_s, absurd_age_s : ndarray
        Time since the last sign of a jam, since the last absurd sample. [s]
    """

    volume: Floats
    speed_kmh: Floats
    occupancy_pct: Floats
    unheard_s: Floats
    chatter_s: Floats
    locked_s: Floats
    occupancy_same_s: Floats
    same_s: Floats
    spike_s: Floats
    spike_over_s: Floats
    quiet_s: Floats
    missed_veh: Floats
    own_veh: Floats
    others_veh: Floats
    jam_s: Floats
    absurd_age_s: Floats

    @classmethod
    def initial(cls, shape: tuple[int, int]) -> LiveCounters:
        """Return the counters when watching begins."""
        unknown, zero = np.full(shape, np.nan), np.zeros(shape)
        return cls(
            volume=unknown,
            speed_kmh=unknown,
            occupancy_pct=unknown,
            unheard_s=zero,
            chatter_s=zero,
            locked_s=zero,
            occupancy_same_s=zero,
            same_s=zero,
            spike_s=zero,
            spike_over_s=zero,
            quiet_s=zero,
            missed_veh=zero,
            own_veh=zero,
            others_veh=zero,
            jam_s=np.full(shape, np.inf),
            absurd_age_s=np.full(shape, np.inf),
        )

    def share(self, thresholds: HealthThresholds) -> Floats:
        """Return what the lane usually counts for one vehicle in a lane beside it; a guess for one never seen."""
        guess = np.full(self.own_veh.shape, thresholds.unknown_share.value)
        seen = (self.own_veh > 0) & (self.others_veh > 0)
        return np.asarray(np.divide(self.own_veh, self.others_veh, out=guess, where=seen))


def measurable(frame: Frame) -> Frame:
    """Return the frame with what is less than any detector can tell from nothing as nothing."""
    return Frame(
        frame.time_ns, frame.period_s, _whole(frame.volume), _whole(frame.speed_kmh), _whole(frame.occupancy_pct)
    )


def _whole(values: Floats) -> Floats:
    return np.where(np.abs(values) < _LEAST, 0.0, values)


def absurd(frame: Frame, thresholds: HealthThresholds) -> Bools:
    """Return which lanes give numbers that no traffic makes: negative, infinite, above 100 %, too fast."""
    wrong = (frame.volume < 0) | np.isinf(frame.volume)
    wrong |= (frame.occupancy_pct < 0) | (frame.occupancy_pct > 100.0)
    return wrong | (frame.speed_kmh < 0) | (frame.speed_kmh > speed_limit(frame, thresholds))


def speed_limit(frame: Frame, thresholds: HealthThresholds) -> Floats:
    """Return up to what a measured speed is possible: in km/h: more for one vehicle than for the mean of several."""
    return np.where(frame.volume > 1.0, thresholds.max_speed_kmh.value, thresholds.max_speed_one_kmh.value)


def follow(
    counters: LiveCounters,
    frame: Frame,
    absurd_now: Bools,
    company: Company,
    elapsed_s: float,
    thresholds: HealthThresholds,
) -> LiveCounters:
    """Take in one period.

    Parameters
    ----------
    counters : LiveCounters
    frame : Frame
    absurd_now : ndarray, shape (n_station, n_lane), bool
        Of ``absurd``; such samples move no other counter.
    company : Company
    elapsed_s : float
        Since the frame before. [s]
    thresholds : HealthThresholds

    Returns
    -------
    LiveCounters

    Notes
    -----
    A sample counts as one period however long the gap before it was: silence makes nothing constant. Counters that a
    jam could drive stand still while there are signs of one.

    Source
    ------
    IRIS auto-fail rules; pauses in jams and while nobody drives are own construction.
    """
    volume = np.where(absurd_now, np.nan, frame.volume)
    speed = np.where(absurd_now, np.nan, frame.speed_kmh)
    occupancy = np.where(absurd_now, np.nan, frame.occupancy_pct)
    has_volume, has_occupancy = ~np.isnan(volume), ~np.isnan(occupancy)
    said = has_volume | has_occupancy | ~np.isnan(speed)
    period_s = frame.period_s
    jam_s = np.where(company.jam, 0.0, counters.jam_s + elapsed_s)
    calm = jam_s > thresholds.jam_memory_s.value

    limit = thresholds.chatter_veh_30s.value * period_s / 30.0
    chatter_s = _run(counters.chatter_s, volume >= limit, has_volume, period_s)
    full = occupancy >= thresholds.locked_occupancy_pct.value
    locked_s = _run(counters.locked_s, full, has_occupancy & (calm | ~full), period_s)
    equal_occupancy = occupancy == counters.occupancy_pct
    occupancy_same_s = _run(counters.occupancy_same_s, equal_occupancy & (occupancy > 0), has_occupancy, period_s)
    equal_speed = (speed == counters.speed_kmh) | (np.isnan(speed) & np.isnan(counters.speed_kmh))
    busy = (volume > 0) | (occupancy > 0) | (speed > 0)
    alike = (volume == counters.volume) | ~has_volume
    alike &= (equal_occupancy | ~has_occupancy) & equal_speed & busy
    # A queue that stands gives equal samples too; one that moves does not.
    same_s = _run(counters.same_s, alike, said & (calm | (volume > 0) | ~alike), period_s)

    change = np.abs(occupancy - counters.occupancy_pct)
    jumps = np.floor(np.where(np.isnan(change), 0.0, change) / thresholds.spike_jump_pct.value)
    # The published timer is for periods of half a minute: over longer ones, traffic itself changes as much.
    timed = has_occupancy & calm & (period_s <= _SPIKE_PERIOD_S)
    fallen_s = np.maximum(counters.spike_s - period_s, 0.0)
    spike_s = np.where(timed, fallen_s + period_s * jumps, counters.spike_s)

    others = np.nan_to_num(company.flow_veh)
    hit = volume > 0
    waited = has_volume & ~hit & calm & (others > 0)
    missed_veh = counters.missed_veh + np.where(waited | hit, others, 0.0)
    keep = np.where(hit, np.exp(-missed_veh / thresholds.share_memory_veh.value), 1.0)
    return LiveCounters(
        volume=np.where(has_volume, volume, counters.volume),
        speed_kmh=np.where(said, speed, counters.speed_kmh),
        occupancy_pct=np.where(has_occupancy, occupancy, counters.occupancy_pct),
        unheard_s=np.where(said, 0.0, counters.unheard_s + period_s),
        chatter_s=chatter_s,
        locked_s=locked_s,
        occupancy_same_s=occupancy_same_s,
        same_s=same_s,
        spike_s=spike_s,
        spike_over_s=_run(counters.spike_over_s, spike_s > thresholds.spike_for_s.value, timed, period_s),
        quiet_s=np.where(hit, 0.0, counters.quiet_s + np.where(waited, period_s, 0.0)),
        missed_veh=np.where(hit, 0.0, missed_veh),
        own_veh=counters.own_veh * keep + np.where(hit, volume, 0.0),
        others_veh=counters.others_veh * keep + np.where(hit, missed_veh, 0.0),
        jam_s=jam_s,
        absurd_age_s=np.where(absurd_now, 0.0, counters.absurd_age_s + elapsed_s),
    )


def judge(
    counters: LiveCounters, period_s: float, absurd_again: Bools, swapped_s: Floats, thresholds: HealthThresholds
) -> Bools:
    """Return which live rule holds for which lane, shape (len(LIVE), n_station, n_lane), bool.

    Equal samples are counted as samples: of longer periods there must be as many.

    ``absurd_again`` says where an absurd sample was not the first for a while: a single one is left out, and no more.
    """
    expected = counters.share(thresholds) * counters.missed_veh
    limit = thresholds
    quiet = counters.quiet_s
    return np.stack(
        (
            counters.unheard_s > limit.no_data_for_s.value,
            absurd_again,
            counters.chatter_s > limit.chatter_for_s.value,
            counters.locked_s > limit.locked_for_s.value,
            counters.spike_over_s > limit.spike_over_for_s.value,
            (quiet >= limit.no_hits_for_s.value) & (expected >= limit.no_hits_expected_veh.value),
            (quiet >= limit.silent_for_s.value) & (expected >= limit.silent_expected_veh.value),
            counters.same_s >= limit.stuck_for_s.value * np.maximum(period_s / 30.0, 1.0),
            counters.occupancy_same_s >= limit.constant_for_s.value,
            counters.occupancy_same_s >= limit.no_change_for_s.value,
            swapped_s >= limit.swapped_for_s.value,
        )
    )


def held_s(counters: LiveCounters, reason: Reason, swapped_s: Floats) -> Floats:
    """Return for how long, in seconds, what a live rule judges has been so."""
    held = {
        Reason.NO_DATA: counters.unheard_s,
        Reason.CHATTER: counters.chatter_s,
        Reason.LOCKED_ON: counters.locked_s,
        Reason.SPIKES: counters.spike_over_s,
        Reason.NO_HITS: counters.quiet_s,
        Reason.SILENT: counters.quiet_s,
        Reason.STUCK: counters.same_s,
        Reason.CONSTANT_OCCUPANCY: counters.occupancy_same_s,
        Reason.NO_CHANGE: counters.occupancy_same_s,
        Reason.SWAPPED: swapped_s,
    }
    return held.get(reason, np.zeros(counters.chatter_s.shape))


def _run(run_s: Floats, holds: Bools, judged: Bools, period_s: float) -> Floats:
    """Lengthen runs that go on, end those that do not, leave those that were not judged."""
    return np.where(judged, np.where(holds, run_s + period_s, 0.0), run_s)
