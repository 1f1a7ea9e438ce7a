"""What must hold of any score."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from gwanje.rehearsal.said_records import SaidSituation
from gwanje.score.score import score_run
from gwanje.score.summary import Summary, summarise
from gwanje.score.tolerances import HAZARDS, load_tolerances
from simulators.truth.reader import Run
from tests.gwanje.score.builders import lie, noisy, perfect, run_of, runs

TOLERANCES = load_tolerances()
FEW = settings(max_examples=30, deadline=None)
RULES = {
    "incident": "traffic.camera_event",
    "queue": "traffic.congestion",
    "slope": "slope.level",
    "fire": "fire.position",
}


def figures(run: Run, said: list[SaidSituation]) -> dict[str, Summary]:
    score = score_run(run, said, TOLERANCES)
    return {one.hazard: summarise([one]) for one in score.hazards}


@given(runs())
@FEW
def test_who_says_all_at_once_has_a_perfect_score(run: Run) -> None:
    for one in figures(run, perfect(run)).values():
        assert (one.missed, one.false_alarms, one.duplicates) == (0, 0, 0)
        if one.events:
            assert (one.pod, one.far, one.csi) == (1.0, 0.0, 1.0)
            assert one.time_to_detect_s.p90 == 0.0
            assert one.position_error_m.p90 < 0.01
        if one.tail_error_m.count:
            assert one.tail_error_m.p90 < 0.01
        if one.hazard == "slope" and one.events:
            assert one.warning_lead_s.median == 3_600.0
        assert one.reaches_warned == one.reaches


@given(runs())
@FEW
def test_who_says_nothing_misses_all(run: Run) -> None:
    for one in figures(run, []).values():
        assert (one.detected, one.false_alarms, one.situations, one.duplicates) == (0, 0, 0, 0)
        assert one.missed == one.events
        assert one.reaches_warned == 0


@given(runs(), st.data())
@FEW
def test_where_nothing_happened_all_is_false(run: Run, data: st.DataObject) -> None:
    said = data.draw(noisy(run))
    for one in figures(run_of([]), said).values():
        assert (one.events, one.detected, one.duplicates) == (0, 0, 0)
        assert one.false_alarms == one.situations


@given(runs(), st.data())
@FEW
def test_order_and_names_change_nothing(run: Run, data: st.DataObject) -> None:
    said = data.draw(noisy(run))
    names = {name: f"x{place}" for place, name in enumerate(data.draw(st.permutations([one.id for one in said])))}
    other = [
        msgspec.structs.replace(
            one,
            id=names[one.id],
            findings=tuple(msgspec.structs.replace(part, id=names[part.id]) for part in one.findings),
        )
        for one in data.draw(st.permutations(said))
    ]
    assert figures(run, said) == figures(run, other)


@given(runs(), st.data())
@FEW
def test_saying_something_wrong_as_well_never_improves_anything(run: Run, data: st.DataObject) -> None:
    said = data.draw(noisy(run))
    hazard = data.draw(st.sampled_from(HAZARDS))
    more = [*said, lie("lie-x", RULES[hazard], data.draw(st.floats(0.0, 20_000.0)))]
    before, after = figures(run, said), figures(run, more)
    for kind in HAZARDS:
        if kind != hazard:
            assert before[kind] == after[kind]
    one, two = before[hazard], after[hazard]
    assert two.false_alarms == one.false_alarms + 1
    assert (two.detected, two.duplicates, two.time_to_detect_s) == (one.detected, one.duplicates, one.time_to_detect_s)
    assert two.far > one.far if one.far is not None and one.far < 1.0 else two.far == 1.0 or one.far == 1.0
    assert (two.csi or 0.0) <= (one.csi or 0.0)


@given(runs(), st.data())
@FEW
def test_counts_add_up_over_runs(run: Run, data: st.DataObject) -> None:
    said = data.draw(noisy(run))
    score = score_run(run, said, TOLERANCES)
    for one in score.hazards:
        single, double = summarise([one]), summarise([one, one])
        assert double.events == 2 * single.events == 2 * (single.detected + single.missed)
        assert double.false_alarms == 2 * single.false_alarms
        assert (double.pod, double.far, double.csi) == (single.pod, single.far, single.csi)
        assert double.false_per_hour == single.false_per_hour
        assert single.false_alarms + single.duplicates <= single.situations
