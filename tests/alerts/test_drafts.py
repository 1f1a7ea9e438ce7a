"""Drafts: who is told what, marked unless it is meant, and short enough for a phone."""

from __future__ import annotations

from itertools import product
from typing import Any

import msgspec
import numpy as np
import pytest

from alerts.correlate import Correlator
from alerts.drafts import Drafter
from alerts.lifecycle import approve, reject
from alerts.model import Alert, Situation
from alerts.spoken import spoken
from alerts.wording import mark_multi
from config.catalogue.generate import syllables
from config.catalogue.model import Name
from config.settings import Mode
from config.words import Words
from engine.findings import Finding, HazardLevel
from sensors.columns import to_ns
from simulators.devices.multi import why_not_shown
from tests.alerts.making import (
    NOW,
    bearing,
    camera_event,
    correlator,
    fire,
    later,
    queue,
    road_weather,
    slope,
    two_districts,
)

MODES: tuple[Mode, ...] = ("live", "exercise", "test")
EVERYTHING = (
    fire("f", 8_000, 2_000),
    camera_event("c", "CAM-4"),
    camera_event("c", "CAM-11", "flooding"),
    queue("q", "VDS-E1up03"),
    slope("s", "SLP-2"),
    slope("s", "SLP-0"),
    road_weather("w", "WX-0"),
    road_weather("w", "WX-9", "icing"),
)
EACH_IN_EACH_MODE = list(product(EVERYTHING, MODES))
MOST_CHARACTERS = 90
"""Of a Korean text for phones, three pages of a cell broadcast."""


@pytest.fixture(scope="module")
def sorter() -> Correlator:
    return correlator()


def situation_of(sorter: Correlator, *findings: Finding) -> Situation:
    situations: dict[str, Situation] = {}
    for finding in findings:
        situations, _ = sorter.absorb(situations, finding)
    return next(iter(situations.values()))


def propose(sorter: Correlator, *findings: Finding, mode: Mode = "exercise", alerts: tuple[Alert, ...] = ()) -> Any:
    return Drafter(sorter, mode).propose(situation_of(sorter, *findings), alerts, later(9))


@pytest.mark.parametrize(("finding", "mode"), EACH_IN_EACH_MODE)
def test_every_draft_says_what_it_is_and_only_that(sorter: Correlator, finding: Finding, mode: Mode) -> None:
    draft = propose(sorter, finding, mode=mode)
    assert (draft.mode, draft.author, draft.state, draft.version) == (mode, "system", "draft", 1)
    spoken(draft, mode)
    marked = [draft.text.ko, draft.text.en, *(sign.multi for sign in draft.signs)]
    said = any(mark in text for text in marked for mark in ("훈련", "시험", "EXERCISE", "TEST"))
    assert said == (mode != "live")


@pytest.mark.parametrize(("finding", "mode"), EACH_IN_EACH_MODE)
def test_every_sign_can_show_its_text(sorter: Correlator, finding: Finding, mode: Mode) -> None:
    heights = {sign.id: sign.height_px for sign in two_districts().sign}
    for sign in propose(sorter, finding, mode=mode).signs:
        assert why_not_shown(sign.multi, heights[sign.sign]) is None


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", ["incident", "congestion", "slope", "fire", "spot", "weather"])
def test_korean_texts_fit_a_phone_even_with_the_longest_names(kind: str, mode: Mode) -> None:
    words = Words.load("texts")
    mark = "" if mode == "live" else words.say(mode).ko
    # The longest stem of a generated country and an ending, and a road name as long as any numbered road has.
    longest = max(len(stem) for stem, _ in syllables.invent(4_200, np.random.default_rng(1))) + 1
    fields = {
        "district": Name("가" * max(longest, 6), "x"),
        "village": Name("가" * max(longest, 8), "x"),
        "road": Name("고속국도 제9991호선", "x"),
        "slope": Name("가" * 24, "x"),
        "agency": words.say("agency"),
        "advice": max(
            (words.say("advice", entry, speed="110") for entry in _entries(words, "advice")),
            key=lambda one: len(one.ko),
        ),
    }
    table = "hazard" if kind == "weather" else "event"
    for event, direction in product(_entries(words, table), ("up", "down")):
        text = words.say(
            kind, "text", event=words.say(table, event), direction=words.say("direction", direction), **fields
        )
        assert len(mark + text.ko) <= MOST_CHARACTERS, mark + text.ko
        assert text.ko != text.en


def _entries(words: Words, table: str) -> list[str]:
    return list(words._tables[table])


def test_drivers_before_a_place_on_a_road_are_told_that_it_is_ahead(sorter: Correlator) -> None:
    draft = propose(sorter, queue("q", "VDS-E1up06"), mode="live")
    assert [sign.sign for sign in draft.signs] == ["VMS-up4", "VMS-up0"]
    assert [sign.multi for sign in draft.signs] == ["[jp3]전방 4km[nl]정체 서행", "[jp3]전방 12km[nl]정체 서행"]


def test_while_only_a_camera_speaks_both_directions_are_told(sorter: Correlator) -> None:
    event = camera_event("c", "CAM-6")
    lone = Drafter(sorter, "live").propose(situation_of(sorter, event), [], NOW)
    assert lone is not None
    # CAM-6 stands 12 km from either end; signs at 0.1 and 8.1 km upwards, at 0.1 km downwards; they reach 15 km.
    assert [sign.sign for sign in lone.signs] == ["VMS-up4", "VMS-down0", "VMS-up0"]
    joined = Drafter(sorter, "live").propose(situation_of(sorter, event, queue("q", "VDS-E1down05")), [], NOW)
    assert joined is not None
    assert [sign.sign for sign in joined.signs] == ["VMS-down0"]
    assert "하행" in joined.text.ko


def test_signs_near_a_fire_do_not_claim_that_it_is_ahead(sorter: Correlator) -> None:
    draft = propose(sorter, fire("f", 8_000, 2_000), mode="live")
    assert [(sign.sign, sign.multi) for sign in draft.signs] == [("VMS-up4", "[jp3]2km 거리[nl]산불 연기 주의")]


def test_a_slope_over_a_road_is_ahead_and_one_beside_all_roads_is_near(sorter: Correlator) -> None:
    assert propose(sorter, slope("s", "SLP-2"), mode="live").signs[0].multi == "[jp3]전방 7km[nl]산사태 위험"
    assert propose(sorter, slope("s", "SLP-0"), mode="live").signs[0].multi == "[jp3]1km 거리[nl]산사태 위험"


def test_the_end_of_an_incident_is_its_queue_and_not_what_is_near_on_another_road(sorter: Correlator) -> None:
    draft = propose(sorter, camera_event("c", "CAM-6"), queue("q", "VDS-E1up05"), mode="live")
    assert draft.signs[0].multi.startswith("[jp3]전방 2km")


def test_bearings_and_low_levels_get_no_draft(sorter: Correlator) -> None:
    assert propose(sorter, bearing("b", "TWR-0", level=HazardLevel.ALERT)) is None
    assert propose(sorter, camera_event("c", "CAM-4", "queue", level=HazardLevel.ATTENTION)) is None


def test_a_draft_follows_its_situation_until_somebody_decides(sorter: Correlator) -> None:
    draft = propose(sorter, fire("f", 8_000, 2_000))
    assert propose(sorter, fire("f", 8_050, 2_000), alerts=(draft,)) is None
    moved = propose(sorter, fire("f", 20_000, 1_500), alerts=(draft,))
    assert (moved.id, moved.version, moved.districts) == (draft.id, 2, ("99120",))
    over = msgspec.structs.replace(fire("f", 8_000, 2_000), active=False, updated_ns=to_ns(later(5)))
    assert propose(sorter, fire("f", 8_000, 2_000), over, alerts=(draft,)).state == "withdrawn"


def test_a_draft_whose_position_was_lost_keeps_its_words(sorter: Correlator) -> None:
    found = fire("f", 8_000, 2_000)
    draft = propose(sorter, found)
    lost = msgspec.structs.replace(found, active=False)
    assert propose(sorter, bearing("b", "TWR-0"), found, lost, alerts=(draft,)) is None


@pytest.mark.parametrize("decide", ["approve", "reject"])
def test_after_a_decision_only_a_higher_level_asks_again(sorter: Correlator, decide: str) -> None:
    found = fire("f", 8_000, 2_000)
    draft = propose(sorter, found)
    decided = approve(draft, "Lee", 1, NOW) if decide == "approve" else reject(draft, "Lee", 1, "no", NOW)
    assert propose(sorter, found, alerts=(decided,)) is None
    worse = propose(sorter, fire("f", 8_000, 2_000, level=HazardLevel.ALERT), alerts=(decided,))
    assert (worse.id, worse.version) == ("alert-f-2", 1)


def test_alerts_of_another_mode_count_for_the_number_only(sorter: Correlator) -> None:
    exercise = approve(propose(sorter, fire("f", 8_000, 2_000), mode="exercise"), "Lee", 1, NOW)
    live = propose(sorter, fire("f", 8_000, 2_000), mode="live", alerts=(exercise,))
    assert (live.id, live.mode) == ("alert-f-2", "live")


def test_brackets_in_names_are_no_tags() -> None:
    assert mark_multi("[훈련]", "[jp3]글") == "[jp3][[훈련]][nl]글"
    words = Words({"event": {"debris": {"ko": "낙하물[돌]", "en": "debris"}}} | _texts_but("event"))
    known = correlator()
    sorter = Correlator(known.gazetteer, words, known.numbers)
    draft = propose(sorter, camera_event("c", "CAM-4", "debris"), mode="live")
    assert "낙하물[[돌]]" in draft.signs[0].multi
    assert why_not_shown(draft.signs[0].multi, 32) is None
    assert "낙하물[돌]" in draft.text.ko


def _texts_but(*left_out: str) -> dict[str, Any]:
    tables: dict[str, Any] = Words.load("texts")._tables
    return {name: table for name, table in tables.items() if name not in left_out}
