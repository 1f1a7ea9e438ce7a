"""The daily diagnosis, live: running tallies of the present day, judged as soon as enough of it was seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.traffic.frame import Frame
from engine.traffic.health.company import Company
from engine.traffic.health.reasons import DAILY, HealthThresholds

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_DAY_S = 86_400


@dataclass(frozen=True)
class DayTally:
    """Tallies of one local day between the hours of the diagnosis.

    Attributes
    ----------
    day : int
        Days since 1970-01-01, local.
    periods : int
        Detection periods that came in.
    counts, of : ndarray, shape (len(DAILY), n_station, n_lane), float32
        Samples that speak for the rule, and samples that it was judged on.
    latched : ndarray, shape (len(DAILY), n_station, n_lane), bool
        Judged so today; holds until the day ends.
    carried : ndarray, shape (len(DAILY), n_station, n_lane), bool
        Verdict on the last day of which enough was seen.
    seen_s : float
        Of the day, between those hours. [s]
    """

    day: int
    periods: int
    counts: NDArray[np.float32]
    of: NDArray[np.float32]
    latched: Bools
    carried: Bools
    seen_s: float

    @classmethod
    def initial(cls, shape: tuple[int, int], day: int) -> DayTally:
        """Return the tallies before the first day."""
        zero = np.zeros((len(DAILY), *shape), dtype=np.float32)
        no = np.zeros(zero.shape, dtype=bool)
        return cls(day, 0, zero, zero, no, no, 0.0)

    def share(self) -> NDArray[np.float32]:
        """Return the share of today's samples that speak for each rule; NaN before the first."""
        return np.divide(self.counts, self.of, out=np.full(self.counts.shape, np.nan, np.float32), where=self.of > 0)


def local_time(time_ns: int, utc_offset_s: float) -> tuple[int, float]:
    """Return the local day, in days since 1970-01-01, and the second of it."""
    day, second = divmod(time_ns / 1e9 + utc_offset_s, _DAY_S)
    return int(day), second


def tally(
    tally: DayTally,
    frame: Frame,
    absurd_now: Bools,
    company: Company,
    calm: Bools,
    zero_share: Floats,
    utc_offset_s: float,
    thresholds: HealthThresholds,
) -> DayTally:
    """Take in one period; on the first of a new day the old one is judged for good.

    Parameters
    ----------
    tally : DayTally
    frame : Frame
    absurd_now, calm : ndarray, shape (n_station, n_lane), bool
        Sample not to be used; no sign of a jam for a while.
    company : Company
    zero_share : ndarray, shape (n_station,), float64
        Share of samples at zero occupancy from which a lane is taken for dead.
    utc_offset_s : float
        Local time less UTC. [s]
    thresholds : HealthThresholds

    Returns
    -------
    DayTally

    Notes
    -----
    Own construction, against false alarms: zero occupancy counts where others counted vehicles; occupancy without
    flow, and above 70 %, where no jam is about; occupancy without flow only beyond what one vehicle on the border of
    two periods leaves; samples are counted against the periods that came in from anyone.

    Source
    ------
    Chen, Kwon, Rice, Skabardonis, Varaiya (2003), "Detecting errors and imputing missing data for single-loop
    surveillance systems", TRR 1855; shares as PeMS applies them.
    """
    day, second = local_time(frame.time_ns, utc_offset_s)
    if day != tally.day:
        tally = _next_day(tally, day, thresholds)
    if not thresholds.day_from_h.value * 3600 < second <= thresholds.day_until_h.value * 3600:
        return tally
    usable = ~absurd_now
    volume, occupancy = frame.volume, frame.occupancy_pct
    has_volume, has_occupancy = usable & ~np.isnan(volume), usable & ~np.isnan(occupancy)
    said = has_volume | has_occupancy | (usable & ~np.isnan(frame.speed_kmh))
    empty = occupancy == 0
    straddle = thresholds.straddle_occupancy_pct_30s.value * 30.0 / frame.period_s
    both = has_volume & has_occupancy
    counts = np.stack(
        (
            said,
            has_occupancy & empty & ~(volume > 0) & (company.flow_veh > 0),
            has_occupancy & (occupancy > thresholds.high_occupancy_pct.value) & calm,
            both & (volume == 0) & (occupancy > straddle) & calm,
            both & empty & (volume > 0),
        )
    )
    of = np.stack((np.ones(said.shape, dtype=bool), has_occupancy & (company.flow_veh > 0), has_occupancy, both, both))
    tally = DayTally(
        day,
        tally.periods + 1,
        tally.counts + counts,
        tally.of + of,
        tally.latched,
        tally.carried,
        tally.seen_s + frame.period_s,
    )
    if tally.seen_s < thresholds.day_enough_s.value:
        return tally
    latched = tally.latched | _verdict(tally, zero_share, frame.period_s, thresholds)
    return DayTally(day, tally.periods, tally.counts, tally.of, latched, tally.carried, tally.seen_s)


def flags(tally: DayTally, thresholds: HealthThresholds) -> Bools:
    """Return which daily rule holds for which lane, shape (len(DAILY), n_station, n_lane), bool."""
    return tally.latched if tally.seen_s >= thresholds.day_enough_s.value else tally.carried


def _verdict(tally: DayTally, zero_share: Floats, period_s: float, thresholds: HealthThresholds) -> Bools:
    share = tally.share()
    enough = tally.of * period_s >= thresholds.day_enough_s.value / 2.0
    low = share[0] < thresholds.low_sample_share.value
    verdict = np.stack(
        (
            low,
            share[1] >= zero_share[:, None],
            share[2] >= thresholds.high_share.value,
            share[3] >= thresholds.occupancy_without_flow_share.value,
            share[4] >= thresholds.flow_without_occupancy_share.value,
        )
    )
    return verdict & enough


def _next_day(tally: DayTally, day: int, thresholds: HealthThresholds) -> DayTally:
    new = DayTally.initial(tally.counts.shape[1:], day)
    carried = tally.latched if tally.seen_s >= thresholds.day_enough_s.value else tally.carried
    return DayTally(day, 0, new.counts, new.of, new.latched, carried, 0.0)
