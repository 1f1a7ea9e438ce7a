"""How we count, rule by rule."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from config.numbers import NumberError
from gwanje.score.score import score_run
from gwanje.score.summary import Summary, summarise
from gwanje.score.table import Table
from gwanje.score.tolerances import FILE, load_tolerances
from simulators.truth.records import FalseSource, Fault, FireSample, SlopeFailure
from tests.gwanje.score.builders import (
    at,
    finding,
    fire,
    incident,
    lie,
    perfect,
    queue,
    run_of,
    slope,
    wording,
)

TOLERANCES = load_tolerances()
CAMERA, JAM, TILT, PLACE, BEARING = (
    "traffic.camera_event",
    "traffic.congestion",
    "slope.level",
    "fire.position",
    "fire.bearing",
)


def figure(hazard: str, lines, said) -> Summary:  # type: ignore[no-untyped-def]
    score = score_run(run_of(lines), said, TOLERANCES)
    return next(summarise([one]) for one in score.hazards if one.hazard == hazard)


def jam(name: str, time_s: float, tail: float, head: float, **fields: object):  # type: ignore[no-untyped-def]
    return wording(name, time_s, finding(JAM, name, head, line=((tail, 37.0), (head, 37.0)), **fields))


def test_the_queue_behind_a_crash_is_no_detection_of_the_crash() -> None:
    lines = [incident("c", 128.0, 0.0), *queue("q", 128.0, 60.0, cause="c")]
    said = [jam("s", 200.0, 127.995, 128.0)]
    assert (figure("incident", lines, said).detected, figure("queue", lines, said).detected) == (0, 1)
    both = [*said, wording("s", 230.0, said[0].findings[0], finding(CAMERA, "cam", 128.001))]
    assert figure("incident", lines, both).time_to_detect_s.median == 230.0
    assert figure("incident", lines, both).false_alarms == 0


def test_a_queue_of_the_other_direction_is_another_one() -> None:
    lines = queue("q", 128.0, 0.0)
    assert figure("queue", lines, [jam("s", 200.0, 127.99, 128.0, subject="E1:down")]).false_alarms == 1
    assert figure("queue", lines, [jam("s", 200.0, 127.99, 128.0)]).detected == 1


def test_a_second_crash_needs_something_new_to_be_found() -> None:
    lines = [incident("one", 128.0, 0.0), incident("two", 128.002, 900.0)]
    old = [wording("s", time_s, finding(CAMERA, "cam", 128.0)) for time_s in (30.0, 400.0, 1_000.0, 1_100.0)]
    assert figure("incident", lines, old).detected == 1
    new = [*old, wording("s", 1_150.0, finding(CAMERA, "cam", 128.0), finding(CAMERA, "cam-2", 128.002))]
    assert figure("incident", lines, new).detected == 2


def test_a_false_alarm_that_was_already_there_finds_nothing() -> None:
    said = [wording("s", time_s, finding(CAMERA, "cam", 128.0)) for time_s in (10.0, 2_000.0)]
    found = figure("incident", [incident("c", 128.0, 1_500.0)], said)
    assert (found.detected, found.false_alarms) == (0, 1)


def test_two_situations_of_one_event_are_one_too_many() -> None:
    lines = [*fire("f", 128.0, 0.0)]
    said = [wording("a", 60.0, finding(PLACE, "a", 128.001)), wording("b", 90.0, finding(PLACE, "b", 128.003))]
    found = figure("fire", lines, said)
    assert (found.detected, found.duplicates, found.false_alarms) == (1, 1, 0)
    # Two fires side by side, each near enough to both situations: nothing is too many.
    assert figure("fire", [*lines, *fire("g", 128.004, 0.0)], said).duplicates == 0


def test_a_work_zone_explains_but_need_not_be_found() -> None:
    lines = [incident("w", 128.0, 0.0, cause="work_zone")]
    assert figure("incident", lines, []).events == 0
    assert figure("incident", lines, [wording("s", 60.0, finding(CAMERA, "c", 128.0))]).false_alarms == 0


def test_the_other_tube_of_a_burning_tunnel_explains_but_need_not_be_found() -> None:
    lorry = incident("lorry", 128.0, 0.0, cause="tunnel_fire")
    other = replace(incident("lorry.opposite", 128.1, 0.0, cause="tunnel_fire"), part_of="lorry")
    found = figure("incident", [lorry, other], [wording("s", 60.0, finding(CAMERA, "c", 128.1))])
    assert (found.events, found.detected, found.false_alarms) == (1, 0, 0)


def test_a_camera_in_the_smoke_of_a_far_fire_is_right_about_it() -> None:
    burning = fire("f", 128.0, 0.0)
    seen = wording("s", 1_200.0, finding(CAMERA, "c", 128.2, detail="smoke"))
    assert figure("fire", burning, [seen]).false_alarms == 1
    drifted = [
        replace(line, smoke=((128.2, 37.0),)) if isinstance(line, FireSample) and line.time > at(300.0) else line
        for line in burning
    ]
    found = figure("fire", drifted, [seen])
    assert (found.events, found.detected, found.false_alarms) == (1, 0, 0)
    early = wording("s", 60.0, finding(CAMERA, "c", 128.2, detail="smoke"))
    assert figure("fire", drifted, [early]).false_alarms == 1


def test_a_short_queue_explains_but_need_not_be_found() -> None:
    short = queue("q", 128.0, 0.0)[:3]
    assert figure("queue", short, []).events == 0
    assert figure("queue", short, [jam("s", 60.0, 127.995, 128.0)]).false_alarms == 0


def test_a_creep_that_never_fails_explains_a_warning() -> None:
    creep = SlopeFailure(id="n", lon_deg=128.0, lat_deg=37.0, creep_onset=at(1_000.0))
    found = figure("slope", [creep], [wording("s", 2_000.0, finding(TILT, "n", 128.0))])
    assert (found.events, found.false_alarms) == (0, 0)


def test_the_lead_of_a_slope_counts_from_the_level_of_warning() -> None:
    said = [
        wording("s", 1_000.0, finding(TILT, "n", 128.0, level=1)),
        wording("s", 2_600.0, finding(TILT, "n", 128.0, level=2)),
        wording("s", 5_000.0, finding(TILT, "n", 128.0, level=4)),
    ]
    found = figure("slope", [slope("n", 128.0, 0.0)], said)
    assert (found.lead_s.median, found.warning_lead_s.median, found.levels) == (2_600.0, 1_000.0, {2: 1})
    late = figure("slope", [slope("n", 128.0, 0.0)], said[2:])
    assert (late.detected, late.lead_s.median, late.warning_lead_s.count) == (1, -1_400.0, 0)


def test_a_bearing_finds_a_fire_but_gives_no_place_and_no_warning() -> None:
    line = ((127.9, 37.0), (128.3, 37.0))
    said = [wording("s", 60.0, finding(BEARING, "b", 127.9, line=line))]
    found = figure("fire", fire("f", 128.0, 0.0), said)
    assert (found.detected, found.position_error_m.count, found.reaches_warned, found.reaches) == (1, 0, 0, 1)
    placed = [*said, wording("s", 500.0, finding(PLACE, "p", 128.01))]
    found = figure("fire", fire("f", 128.0, 0.0), placed)
    assert (found.time_to_detect_s.median, found.reach_lead_s.median) == (60.0, 700.0)
    assert found.position_error_m.median == pytest.approx(888.0, abs=3.0)


def test_a_position_inside_the_burnt_area_is_no_error() -> None:
    said = [wording("s", 700.0, finding(PLACE, "p", 128.002, 37.002))]
    assert figure("fire", fire("f", 128.0, 0.0), said).position_error_m.median == 0.0


def test_the_error_of_a_tail_is_negative_where_drivers_meet_it_unwarned() -> None:
    # After 900 s the true tail is 0.02 degrees upstream of the head, 1,776 m at this latitude.
    for tail, short in ((127.99, 1.0), (127.97, 0.0)):
        found = figure("queue", queue("q", 128.0, 0.0), [jam("s", 950.0, tail, 128.0)])
        assert found.tail_error_m.median == pytest.approx(890.0, abs=3.0)
        assert found.tail_short == short


def test_a_lying_device_and_a_deceived_tower_are_named() -> None:
    lines = [
        Fault(device="D-a", fault="stuck", start=at(0.0), end=at(500.0)),
        FalseSource(id="dust", tower="D-b", cause="dust", azimuth_deg=3.0, start=at(0.0), end=at(500.0)),
    ]
    said = [lie("a", JAM, 600.0), lie("b", PLACE, 600.0), lie("c", PLACE, 600.0), lie("b2", PLACE, 600.0)]
    queue_figures, fire_figures = figure("queue", lines, said), figure("fire", lines, said)
    assert (queue_figures.false_by_fault, queue_figures.false_by_source) == (1, 0)
    assert (fire_figures.false_alarms, fire_figures.false_by_source) == (3, 1)
    assert figure("queue", lines, [lie("a", JAM, 5_000.0)]).false_by_fault == 0


def test_false_alarms_are_held_against_hours_and_decisions() -> None:
    found = figure("queue", [], [lie("a", JAM, 600.0), lie("b", JAM, 700.0)])
    # Ten stations that speak every 30 s for six hours.
    assert found.false_per_hour == pytest.approx(2 / 6)
    assert found.false_per_decision == pytest.approx(2 / (10 * 720))


def test_fog_on_a_camera_is_not_scored() -> None:
    score = score_run(run_of([]), [wording("s", 5.0, finding(CAMERA, "c", 128.0, detail="low_visibility"))], TOLERANCES)
    assert (score.not_scored, sum(one.claims for one in score.hazards)) == (1, 0)


@pytest.mark.parametrize("language", ["ko", "en"])
def test_the_table_names_every_kind_and_cause(language: str) -> None:
    lines = [
        *(incident(cause, 127.0 + place, 0.0, cause) for place, cause in enumerate(("crash", "debris", "tunnel_fire"))),
        *queue("q", 128.0, 0.0),
        slope("n", 129.0, 0.0),
        *fire("f", 127.5, 0.0),
    ]
    run = run_of(lines)
    score = score_run(run, perfect(run), TOLERANCES)
    text = "\n".join(Table(language).run(score) + Table(language).total([score, score]))  # type: ignore[arg-type]
    for word in {"ko": ("정체", "터널 화재", "주의 3"), "en": ("queue", "tunnel fire", "caution 3")}[language]:
        assert word in text


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("value = 2500", "value = -1", "queue.place_m: expected a number of 0 or more, was -1"),
        ("[fire.place_m]", "[fires.place_m]", "fires: expected one of incident, queue, slope, fire or common"),
        ("[common.warning_level]", "[common.level]", "unknown field `level`"),
        ("value = 2500", "", "missing required field `value`"),
    ],
)
def test_a_wrong_tolerance_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / "tolerances.toml"
    path.write_text(FILE.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(NumberError) as caught:
        load_tolerances(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
