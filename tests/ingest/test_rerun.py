"""A past hour once more: the same findings with the same thresholds, from any moment; others with others."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alerts.gazetteer import Gazetteer
from engine.thresholds import Sourced, Thresholds
from ingest.core import Core
from ingest.region import engine_region
from ingest.rerun import rerun, span_of
from ingest.safekeeping import Safekeeper
from ingest.thresholds import load_thresholds
from sensors.columns import to_ns
from storage.journal.log import Journal
from storage.journal.model import JournalLimits
from tests.alerts.making import NOW, later
from tests.ingest.making import REGION, arrived, batcher, reader, slope_message, vds

TABLES = engine_region(REGION, Gazetteer(REGION))
THRESHOLDS = load_thresholds()
TICKS = 120
PERIOD_S = 60.0


def core(thresholds: Thresholds = THRESHOLDS) -> Core:
    return Core(reader(), batcher(), TABLES, thresholds)


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two hours of a creeping slope and a jam, in many segments."""
    folder = tmp_path_factory.mktemp("journal")
    limits = JournalLimits(segment_bytes=60_000, min_free_bytes=0)
    log = Journal(folder, region="two", limits=limits, now_ns=time.time_ns)
    log.open()
    keeper = Safekeeper(log, lambda _lane, _messages: None, memory_every_s=600.0)
    running = core()
    for number in range(TICKS):
        at = later(PERIOD_S * number)
        speed = 8.0 if 30 < number < 80 else 95.0
        lanes = [{"lane": lane, "volume": 6, "speed_kmh": speed, "occupancy_pct": 50.0} for lane in (1, 2)]
        stations = [vds(f"VDS-E1up0{place}", seq=number, time=at, lanes=lanes) for place in range(6)]
        slope = slope_message(seq=number, time=at, tilt_x_deg=0.002 * number)
        taken = arrived(*stations, slope, slope, at=at)
        keeper.keep(taken, running.run(taken, to_ns(at)), to_ns(at))
    log.close()
    return folder


def over(folder: Path, first: float, last: float, thresholds: Thresholds = THRESHOLDS, **options: Any) -> Any:
    return rerun(folder, to_ns(later(PERIOD_S * first)), to_ns(later(PERIOD_S * last)), core(thresholds), **options)


def test_all_of_it_gives_the_same_findings_byte_for_byte(journal: Path) -> None:
    done = over(journal, 0, TICKS)
    assert (done.ticks, done.gaps, done.unreadable) == (TICKS, 0, 0)
    assert done.messages == TICKS * 7  # the repeated one is left out
    assert {one.rule.value for one in done.was} - {"traffic.incident"} == {"traffic.congestion", "slope.level"}
    assert done.is_same
    assert done.begun_from == "memory"


@pytest.mark.parametrize(("first", "last"), [(35, 60), (1, 2), (61, 119), (80, 500)])
def test_any_part_of_it_does_too_for_it_begins_with_what_the_engine_remembered(
    journal: Path, first: int, last: int
) -> None:
    done = over(journal, first, last)
    assert done.ticks == min(last, TICKS) - first
    assert done.is_same
    assert done.first_ns == to_ns(later(PERIOD_S * first))


def test_other_thresholds_give_other_findings_beside_what_was(journal: Path) -> None:
    never = replace(THRESHOLDS.traffic, jammed_below_ratio=Sourced(0.001, "a test"))
    done = over(journal, 0, TICKS, replace(THRESHOLDS, traffic=never))
    assert not done.is_same
    assert "traffic.congestion" in {one.rule.value for one in done.was}
    assert "traffic.congestion" not in {one.rule.value for one in done.found}


def test_progress_goes_on_in_engine_time(journal: Path) -> None:
    seen: list[int] = []
    over(journal, 10, 20, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == to_ns(later(PERIOD_S * 19))


def test_the_span_is_that_of_the_ticks(journal: Path, tmp_path: Path) -> None:
    span = span_of(journal)
    assert span is not None
    assert (span.first_ns, span.last_ns) == (to_ns(NOW), to_ns(later(PERIOD_S * (TICKS - 1))))
    assert span_of(tmp_path) is None
