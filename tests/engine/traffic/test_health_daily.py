"""Daily rules, live: judged once enough of the day was seen, kept until the next day can be judged."""

from __future__ import annotations

import numpy as np

from engine.traffic.health.reasons import Reason
from tests.engine.builders import NS, changed
from tests.engine.traffic.roads import HEALTH, judge_all, reasons_of, road, traffic

QUICK = changed(HEALTH, day_enough_s=600.0, silent_for_s=1e9, no_hits_for_s=1e9, stuck_for_s=1e9)
HOUR = 3600 * NS
N = 60


def _reasons(series, **options):
    return reasons_of(judge_all(series, road(5), QUICK, **options)[1])


def _holds(reasons, reason, station=2, lane=1):
    return (reasons[:, station, lane] & int(reason)) != 0


def test_too_few_samples():
    series = traffic(N, 5)
    for values in (series.volume, series.occupancy_pct, series.speed_kmh):
        values[1::2, 2, 1] = np.nan
    reasons = _reasons(series)
    assert not _holds(reasons, Reason.LOW_SAMPLES)[:19].any()
    assert _holds(reasons, Reason.LOW_SAMPLES)[-1]
    assert not np.delete(reasons[-1].ravel(), 2 * 3 + 1).any()


def test_nothing_is_judged_outside_of_the_hours():
    series = traffic(N, 5, start_ns=1 * HOUR)
    for values in (series.volume, series.occupancy_pct, series.speed_kmh):
        values[1::2, 2, 1] = np.nan
    assert not _reasons(series).any()
    local = reasons_of(judge_all(series, road(5), QUICK, utc_offset_s=7 * 3600.0)[1])
    assert _holds(local, Reason.LOW_SAMPLES)[-1]


def test_zero_occupancy_by_kind_of_road():
    series = traffic(N, 5)
    zero = np.arange(N) % 10 < 8
    series.volume[zero, 2, 1], series.occupancy_pct[zero, 2, 1], series.speed_kmh[zero, 2, 1] = 0.0, 0.0, np.nan
    assert not _holds(_reasons(series), Reason.ZERO_OCCUPANCY).any()
    urban = reasons_of(judge_all(series, road(5), QUICK, urban=np.ones(5, dtype=bool))[1])
    assert _holds(urban, Reason.ZERO_OCCUPANCY)[-1]


def test_high_occupancy_counts_only_without_a_jam():
    series = traffic(N, 5)
    high = np.arange(N) % 4 == 0
    series.occupancy_pct[high, 2, 1] = 75.0
    assert _holds(_reasons(series), Reason.HIGH_OCCUPANCY)[-1]
    series.speed_kmh[:, 1] = 20.0
    assert not _holds(_reasons(series), Reason.HIGH_OCCUPANCY).any()


def test_occupancy_without_flow_beyond_one_vehicle_on_the_border():
    for occupancy, faulty in ((5.0, False), (12.0, True)):
        series = traffic(N, 5)
        some = np.arange(N) % 20 == 0
        series.volume[some, 2, 1], series.occupancy_pct[some, 2, 1], series.speed_kmh[some, 2, 1] = (
            0.0,
            occupancy,
            np.nan,
        )
        assert _holds(_reasons(series), Reason.OCCUPANCY_WITHOUT_FLOW)[-1] == faulty


def test_flow_without_occupancy():
    series = traffic(N, 5)
    series.occupancy_pct[:, 2, 1] = 0.0
    assert _holds(_reasons(series), Reason.FLOW_WITHOUT_OCCUPANCY)[-1]


def test_a_verdict_is_kept_until_the_next_day_can_be_judged():
    first = traffic(N, 5)
    first.occupancy_pct[:, 2, 1] = 0.0
    second = traffic(N, 5, start_ns=32 * HOUR, seed=1)
    both = type(first)(
        np.concatenate((first.time_ns, second.time_ns)),
        first.period_s,
        *(
            np.concatenate((getattr(first, name), getattr(second, name)))
            for name in ("volume", "speed_kmh", "occupancy_pct")
        ),
    )
    holds = _holds(_reasons(both), Reason.FLOW_WITHOUT_OCCUPANCY)
    assert holds[N - 1]
    assert holds[N : N + 19].all()
    assert not holds[N + 20 :].any()
