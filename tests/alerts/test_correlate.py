"""One real-world event is one situation, however many devices see it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from alerts.correlate import MAX_ENDED_FINDINGS, MAX_TIMELINE, Correlator, Situations, logged
from alerts.model import Situation
from config.catalogue.model import Name
from engine.findings import Finding, HazardLevel
from sensors.columns import to_ns
from tests.alerts.making import (
    EASTERN,
    NOW,
    WESTERN,
    bearing,
    camera_event,
    correlator,
    fire,
    later,
    queue,
    seen,
    slope,
)


@pytest.fixture(scope="module")
def sorter() -> Correlator:
    return correlator()


def heard(sorter: Correlator, *findings: Finding) -> Situations:
    situations: Situations = {}
    for finding in findings:
        situations, _ = sorter.absorb(situations, finding)
    return situations


def active(situations: Situations) -> list[Situation]:
    return [one for one in situations.values() if one.active]


def ended(finding: Finding, at_s: float) -> Finding:
    return msgspec.structs.replace(finding, active=False, updated_ns=to_ns(later(at_s)))


def lines(situation: Situation) -> list[str]:
    return [entry.what.en for entry in situation.timeline]


def test_one_fire_seen_by_two_towers_and_then_positioned_is_one_situation(sorter: Correlator) -> None:
    first, second = bearing("b0", "TWR-0"), bearing("b1", "TWR-1", at_s=30)
    smoke = heard(sorter, first, second)
    assert len(active(smoke)) == 2
    situations, changed = sorter.absorb(smoke, fire("f", 8_000, 2_000, at_s=60))
    (one,) = active(situations)
    assert one.id == "situation-b0"
    assert {known.id for known in one.findings} == {"b0", "b1", "f"}
    assert one.title.ko == "솔마을 부근 산불 의심"
    assert [entry.id for entry in changed] == ["situation-b0", "situation-b1"]
    assert situations["situation-b1"].phase == "closed"
    assert lines(situations["situation-b1"])[-1].startswith("The same event, merged into: Suspected forest fire")
    # The bearings end, as the engine counts them to the position now: their situation does not.
    for gone in (ended(first, 61), ended(second, 61)):
        situations, _ = sorter.absorb(situations, gone)
    (one,) = active(situations)
    assert [known.id for known in one.findings if known.active] == ["f"]


def test_two_fires_far_apart_are_two(sorter: Correlator) -> None:
    situations = heard(sorter, fire("f1", 4_000, 2_000), fire("f2", 20_000, 2_000, towers=("TWR-2", "TWR-3"), at_s=5))
    assert len(active(situations)) == 2
    assert {one.district for one in active(situations)} == {WESTERN, EASTERN}


def test_a_fire_that_is_positioned_anew_nearby_is_the_same(sorter: Correlator) -> None:
    situations = heard(sorter, fire("f1", 4_000, 2_000), fire("f2", 4_900, 2_000, observations=seen("TWR-3", seq=9)))
    assert len(situations) == 1


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_camera_event_and_a_queue_of_one_road_and_direction_are_one_incident(
    sorter: Correlator, order: tuple[int, int]
) -> None:
    both = (camera_event("c", "CAM-4"), queue("q", "VDS-E1up03"))
    situations = heard(sorter, *(both[place] for place in order))
    (one,) = situations.values()
    assert one.kind == "incident"
    assert one.title.ko == "E1 상행 정지 차량"


def test_a_lone_camera_event_names_no_direction_for_a_camera_sees_both(sorter: Correlator) -> None:
    (one,) = heard(sorter, camera_event("c", "CAM-4")).values()
    assert one.title == Name("E1 정지 차량", "stopped vehicle on E1")


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_queue_tells_the_direction_of_what_a_camera_saw(sorter: Correlator, order: tuple[int, int]) -> None:
    both = (camera_event("c", "CAM-4"), queue("q", "VDS-E1down03"))
    (one,) = heard(sorter, *(both[place] for place in order)).values()
    assert one.title.ko == "E1 하행 정지 차량"


@pytest.mark.parametrize("station", ["VDS-E1up09", "VDS-N7up03"])
def test_far_along_and_another_road_are_others(sorter: Correlator, station: str) -> None:
    assert len(heard(sorter, camera_event("c", "CAM-4"), queue("q", station))) == 2


def test_queues_of_both_directions_at_one_place_are_two(sorter: Correlator) -> None:
    assert len(heard(sorter, queue("q1", "VDS-E1up03"), queue("q2", "VDS-E1down03"))) == 2


def test_a_bearing_that_points_at_a_known_fire_is_of_it(sorter: Correlator) -> None:
    known = fire("f", 6_000, 0, observations=seen("TWR-3", seq=9))
    assert len(heard(sorter, known, bearing("b", "TWR-0"))) == 1
    # 600 m beside it at 6 km are 5.7 degrees; 20 km are beyond the 9 km that the tower's line reaches.
    aside = fire("f", 6_000, 600, observations=seen("TWR-3", seq=9))
    beyond = fire("f", 20_000, 0, observations=seen("TWR-3", seq=9))
    assert len(heard(sorter, aside, bearing("b", "TWR-0"))) == 2
    assert len(heard(sorter, beyond, bearing("b", "TWR-0"))) == 2


def test_when_the_event_is_over_and_the_queue_is_not_the_title_says_queue(sorter: Correlator) -> None:
    event = camera_event("c", "CAM-4")
    situations = heard(sorter, event, queue("q", "VDS-E1up03"), ended(event, 60))
    (one,) = active(situations)
    assert one.kind == "incident"
    assert one.title.en == "Congestion on E1 inbound"


def test_a_level_latches_and_the_situation_ends_with_its_last_evidence(sorter: Correlator) -> None:
    high = slope("s", "SLP-2", level=HazardLevel.SERIOUS)
    situations = heard(sorter, slope("s", "SLP-2"), high, slope("s", "SLP-2", at_s=90, level=HazardLevel.CAUTION))
    (one,) = situations.values()
    assert one.level is HazardLevel.SERIOUS
    assert lines(one) == ["Situation opened: Slope moving: Slope 2", "Hazard level SERIOUS"]
    situations, _ = sorter.absorb(situations, ended(high, 120))
    (one,) = situations.values()
    assert (one.active, one.phase, one.level) == (False, "closed", HazardLevel.SERIOUS)
    assert lines(one)[-1] == "All evidence is gone"


def test_what_begins_again_under_its_own_name_opens_its_situation_again(sorter: Correlator) -> None:
    once = slope("s", "SLP-2")
    situations = heard(sorter, once, ended(once, 60), slope("s", "SLP-2", at_s=120))
    (one,) = situations.values()
    assert (one.active, one.phase) == (True, "suspected")
    assert one.updated == later(120)


def test_the_end_of_something_unknown_changes_nothing(sorter: Correlator) -> None:
    situations, changed = sorter.absorb({}, ended(slope("s", "SLP-2"), 60))
    assert (situations, changed) == ({}, ())


def test_a_situation_never_grows_without_bound(sorter: Correlator) -> None:
    situations = heard(sorter, camera_event("c", "CAM-4"))
    for number in range(MAX_ENDED_FINDINGS + 30):
        found = queue(f"q{number}", "VDS-E1up03", at_s=number, observations=seen("VDS-E1up03", seq=number + 10))
        situations, _ = sorter.absorb(situations, found)
        situations, _ = sorter.absorb(situations, ended(found, number + 0.5))
    (one,) = situations.values()
    assert len(one.findings) == MAX_ENDED_FINDINGS + 1
    assert one.findings[0].id == "c"
    assert len(one.timeline) <= MAX_TIMELINE
    assert "q0" not in {known.id for known in one.findings}


def test_a_timeline_keeps_the_newest_lines(sorter: Correlator) -> None:
    (one,) = heard(sorter, camera_event("c", "CAM-4")).values()
    for number in range(MAX_TIMELINE + 5):
        one = logged(one, NOW, Name(str(number), str(number)), who="Lee")
    assert len(one.timeline) == MAX_TIMELINE
    assert one.timeline[-1].what.ko == str(MAX_TIMELINE + 4)


def test_a_camera_beside_all_roads_and_a_device_that_is_gone_have_words_all_the_same(sorter: Correlator) -> None:
    (one,) = heard(sorter, camera_event("c", "CAM-11", "flooding")).values()
    assert one.title == Name("달마을 부근 침수", "flooding near Moon")
    (one,) = heard(sorter, queue("q", "VDS-OLD")).values()
    assert one.title == Name("솔마을 부근 정체", "queue near Pine")


@pytest.mark.parametrize("name", ["bearing-TWR-0-a/b", "bearing-TWR-0-\x00", "bearing-연기", "x y", "a?b#c"])
def test_identifiers_fit_an_address_whatever_a_tower_calls_its_detection(sorter: Correlator, name: str) -> None:
    (one,) = heard(sorter, bearing(name, "TWR-0")).values()
    assert one.id.isascii()
    assert all(letter.isalnum() or letter in "-_" for letter in one.id)
    (other,) = heard(sorter, bearing(name + "/", "TWR-0")).values()
    assert other.id != one.id


def test_the_given_situations_are_not_changed(sorter: Correlator) -> None:
    before: dict[str, Any] = heard(sorter, camera_event("c", "CAM-4"))
    copy = dict(before)
    sorter.absorb(before, queue("q", "VDS-E1up03"))
    assert before == copy


def test_confidence_is_of_all_together(sorter: Correlator) -> None:
    both: Iterable[Finding] = (
        camera_event("c", "CAM-4", confidence=0.8),
        queue("q", "VDS-E1up03", confidence=0.5),
    )
    (one,) = heard(sorter, *both).values()
    assert one.confidence == pytest.approx(1 - 0.2 * 0.5)
