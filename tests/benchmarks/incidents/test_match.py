"""Alarms of a fake detector against incidents, queues, work zones and faults."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.incidents.corridors import names
from benchmarks.incidents.detectors import california7
from benchmarks.incidents.labels import Fault, Queue, Slowing
from benchmarks.incidents.match import load_tolerances, match
from benchmarks.incidents.score import Score
from benchmarks.incidents.table import tables
from gwanje.errors import CommandError
from tests.benchmarks.incidents.builders import Said, corridor, incident, labels

MILE = 1_609.344
TOLERANCES = load_tolerances()


@pytest.mark.parametrize(("rising", "chainage_m"), [(True, 5.0 * MILE), (False, 5.0 * MILE)])
def test_the_first_alarm_detects_and_later_ones_are_duplicates(rising: bool, chainage_m: float, tmp_path: Path) -> None:
    one = corridor(tmp_path, labels(rising=rising, incidents=(incident(),)))
    found = match(
        one,
        [Said(1_120.0, 1_080.0, chainage_m - 400.0), Said(1_060.0, 1_030.0, chainage_m + 300.0)],
        TOLERANCES,
    )
    (outcome,) = found.outcomes
    assert outcome.delay_s == 60.0
    assert outcome.place_error_m == pytest.approx(300.0)
    assert outcome.onset_error_s == 30.0
    assert (found.duplicates, found.false_alarms) == (1, ())


@pytest.mark.parametrize(
    ("detected_s", "beside_m", "finds"),
    [
        (940.0, 0.0, True),
        (939.0, 0.0, False),
        (1_900.0, 0.0, True),
        (1_901.0, 0.0, False),
        (1_060.0, 1_499.0, True),
        (1_060.0, -1_501.0, False),
    ],
)
def test_tolerances_of_place_and_time(detected_s: float, beside_m: float, finds: bool, tmp_path: Path) -> None:
    one = corridor(tmp_path, labels(incidents=(incident(),)))
    found = match(one, [Said(detected_s, detected_s, 5.0 * MILE + beside_m)], TOLERANCES)
    assert (found.outcomes[0].delay_s is not None) is finds
    assert len(found.false_alarms) == (0 if finds else 1)


def test_an_alarm_is_of_the_nearest_incident_and_other_kinds_do_not_count(tmp_path: Path) -> None:
    one = corridor(tmp_path, labels(incidents=(incident("a", mile=15.0), incident("b", mile=15.6))))
    said = [Said(1_060.0, 1_000.0, 5.5 * MILE), Said(1_030.0, 1_000.0, 5.0 * MILE, kind="queue")]
    found = match(one, said, TOLERANCES)
    assert [outcome.delay_s for outcome in found.outcomes] == [None, 60.0]
    assert not found.false_alarms


def test_what_is_false_says_what_was_there(tmp_path: Path) -> None:
    queues = (
        Queue(time_s=900.0, id="q", head_mile=11.5, tail_mile=12.0, cause="bottleneck"),
        Queue(time_s=2_400.0, id="r", head_mile=13.0, tail_mile=15.0, cause="a"),
    )
    others = (
        Slowing(cause="work_zone", onset_s=100.0, end_s=800.0, head_mile=17.5, tail_mile=18.0),
        Slowing(cause="fog", onset_s=100.0, end_s=800.0, head_mile=13.0, tail_mile=14.0),
    )
    faults = (Fault(lane=0, station=20, kind="stuck", start_s=100.0, end_s=800.0),)
    one = corridor(tmp_path, labels(rising=False, incidents=(incident(),), queues=queues, others=others, faults=faults))
    at = one.chainage_m
    said = [
        Said(910.0, 900.0, at(11.7)),
        Said(2_450.0, 2_400.0, at(13.5)),  # in the queue that the incident has left
        Said(500.0, 480.0, at(17.8)),
        Said(500.0, 480.0, at(13.5)),
        Said(500.0, 480.0, at(10.2)),
        Said(3_000.0, 3_000.0, at(19.0)),
    ]
    found = match(one, said, TOLERANCES)
    assert sorted(one.of for one in found.false_alarms) == ["fault stuck", "fog", "nothing", "recurrent"]
    assert (found.duplicates, found.work_zones) == (1, 1)
    assert [one.mile for one in found.false_alarms if one.of == "nothing"] == [19.0]


def test_every_second_station_and_the_fault_of_one_that_is_left_out(tmp_path: Path) -> None:
    faults = (Fault(lane=0, station=1, kind="stuck", start_s=100.0, end_s=800.0),)
    one = corridor(tmp_path, labels(faults=faults), spacing="1km")
    assert one.corridor.milemarker.tolist() == [10.0 + step for step in range(11)]
    assert one.km_h == pytest.approx(16.09344)
    found = match(one, [Said(500.0, 480.0, 0.0)], TOLERANCES)
    assert [false.of for false in found.false_alarms] == ["nothing"]


def test_score_and_table(tmp_path: Path) -> None:
    what = labels(incidents=(incident("a"), incident("b", onset_s=2_500.0, mile=12.0, blocked=0)))
    one = corridor(tmp_path, what)
    score, baseline = Score(), Score()
    score.add(one, lambda _: [Said(1_090.0, 1_000.0, 5.0 * MILE), Said(100.0, 100.0, 0.0)], TOLERANCES)
    baseline.add(one, california7, TOLERANCES)
    rows = score.rows()
    assert rows["asked"]["incidents"] == 1
    assert rows["asked"]["rate"] == 1.0
    assert rows["asked"]["delay_median_s"] == 90.0
    assert rows["0 of 3 lanes"]["rate"] == 0.0
    alarms = score.alarms()
    assert alarms["false_alarms"] == 1
    assert alarms["false_per_day_100_km"] == pytest.approx(2_400.0 / 16.09344)
    assert alarms["hours_without_incident"] == 0.0
    assert baseline.rows()["asked"]["rate"] == 0.0
    assert score.report()["missed"] == []
    text = "\n".join(tables({"fake": score, "california7": baseline}, {}))
    assert "100.0%" in text
    assert "돌발상황" in text


def test_names_says_what_it_expected(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="expected test_"):
        names([tmp_path], "test_")
    corridor(tmp_path, labels())
    assert [path.name for path in names([tmp_path], "test_")] == ["test_one.npz"]
    (tmp_path / "test_one.json").write_text("{}")
    from benchmarks.incidents.corridors import load

    with pytest.raises(CommandError, match="expected labels"):
        load(tmp_path / "test_one.npz", "1km")


def test_california_on_a_corridor(tmp_path: Path) -> None:
    one = corridor(tmp_path, labels())
    occupancy = one.corridor.series.occupancy_pct
    occupancy[40:, 10] = 30.0
    occupancy[41:, 11] = 4.0
    found = california7(one.corridor)
    assert [alarm.detected_s for alarm in found] == [43 * 30.0]
    assert found[0].chainage_m == pytest.approx(10.5 * 0.5 * MILE)
    assert np.isfinite(found[0].onset_s)
