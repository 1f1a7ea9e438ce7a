"""Tails of queues against true ones, and travel times through a field of speeds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.incidents.labels import Queue
from benchmarks.incidents.match import load_tolerances
from benchmarks.incidents.tails import Extent, Tails
from benchmarks.incidents.trips import trips_through
from tests.benchmarks.incidents.builders import corridor, labels

MILE = 1_609.344
NAN = float("nan")


def test_errors_of_tails_now_and_later(tmp_path: Path) -> None:
    queues = (
        Queue(time_s=600.0, id="q", head_mile=15.0, tail_mile=14.0, cause="demand"),
        Queue(time_s=900.0, id="q", head_mile=15.0, tail_mile=13.0, cause="demand"),
        Queue(time_s=900.0, id="short", head_mile=19.0, tail_mile=18.9, cause="demand"),
        Queue(time_s=900.0, id="spilled", head_mile=10.5, tail_mile=9.0, cause="demand"),
    )
    one = corridor(tmp_path, labels(queues=queues))
    found = [
        (600.0, [Extent(5.0 * MILE, 4.0 * MILE + 120.0, (3.0 * MILE - 50.0, NAN, 0.0)), Extent(900.0, 0.0, (0, 0, 0))]),
        (900.0, [Extent(9.0 * MILE, 8.9 * MILE, (NAN, NAN, NAN))]),
    ]
    tails = Tails()
    tails.add(one, found, load_tolerances())
    figures = tails.figures()["world"]
    assert figures["queue_periods"] == 2
    assert figures["found"] == 0.5
    assert figures["tail_error_median_m"] == pytest.approx(120.0)
    assert figures["tail_error_bias_m"] == pytest.approx(120.0)
    assert figures["tail_error_5min_median_m"] == pytest.approx(50.0)
    assert figures["tail_if_still_5min_median_m"] == pytest.approx(MILE + 120.0)
    assert "tail_error_10min_median_m" not in figures
    assert tails.figures()["all"] == figures


def test_no_queue_gives_no_figures() -> None:
    assert Tails().figures() == {}


def test_trips_through_steady_and_stopping_traffic() -> None:
    cell_m = np.full(100, 100.0)
    steady = trips_through(np.full((40, 100), 20.0), cell_m, 5_000.0, 30.0, 1_000.0, 9_000.0)
    assert steady[0].depart_s == 5_000.0
    assert {trip.minutes for trip in steady} == {round(8_000 / 20 / 60, 3)}
    assert steady[-1].depart_s <= 5_000.0 + 40 * 30.0 - 400.0
    # From 300 s on everything crawls: who departs at 0 has 6,000 m behind, the other 2,000 m take 2,000 s.
    speed = np.full((100, 100), 20.0)
    speed[10:] = 1.0
    assert trips_through(speed, cell_m, 0.0, 30.0, 1_000.0, 9_000.0)[0].minutes == pytest.approx(2_300 / 60, abs=0.01)
