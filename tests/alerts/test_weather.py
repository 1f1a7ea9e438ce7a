"""Road weather as situations: one a road and kind of weather, with words that say what to do."""

from __future__ import annotations

import pytest

from alerts.correlate import Correlator
from alerts.drafts import Drafter
from alerts.model import Situation
from engine.findings import Finding, HazardLevel, ReceiptLine
from tests.alerts.making import camera_event, correlator, later, road_weather


@pytest.fixture(scope="module")
def sorter() -> Correlator:
    return correlator()


def absorbed(sorter: Correlator, *findings: Finding) -> list[Situation]:
    situations: dict[str, Situation] = {}
    for finding in findings:
        situations, _ = sorter.absorb(situations, finding)
    return list(situations.values())


def test_the_same_weather_along_one_road_is_one_situation(sorter: Correlator) -> None:
    (one,) = absorbed(sorter, road_weather("a", "WX-0"), road_weather("b", "WX-4"))
    assert one.kind == "weather"
    assert len(one.findings) == 2


def test_other_weather_and_far_weather_are_others(sorter: Correlator) -> None:
    assert len(absorbed(sorter, road_weather("a", "WX-0"), road_weather("b", "WX-0", "icing"))) == 2
    assert len(absorbed(sorter, road_weather("a", "WX-0"), road_weather("b", "WX-11"))) == 2
    assert len(absorbed(sorter, road_weather("a", "WX-4"), camera_event("c", "CAM-4"))) == 2


def test_the_words_name_road_weather_and_speed(sorter: Correlator) -> None:
    fast = ReceiptLine(quantity="advised_speed", value=50, unit="km/h")
    fog = road_weather("a", "WX-4", level=HazardLevel.ALERT, receipt=(fast,))
    (situation,) = absorbed(sorter, fog)
    assert "안개" in situation.title.ko
    assert "fog on" in situation.title.en
    draft = Drafter(sorter, "live").propose(situation, (), later(9))
    assert draft is not None
    assert "50km/h 이하" in draft.text.ko
    assert "At most 50 km/h" in draft.text.en
    assert draft.signs
    assert all("안개" in sign.multi and "50km/h" in sign.multi for sign in draft.signs)


def test_without_a_speed_there_is_other_advice_and_without_a_road_a_place(sorter: Correlator) -> None:
    (windy,) = absorbed(sorter, road_weather("a", "WX-0", "wind"))
    draft = Drafter(sorter, "live").propose(windy, (), later(9))
    assert draft is not None
    assert "횡풍" in draft.text.ko
    (lost,) = absorbed(sorter, road_weather("a", "WX-5", "icing"))
    assert "결빙" in lost.title.ko
    draft = Drafter(sorter, "live").propose(lost, (), later(9))
    assert draft is not None
    assert draft.text.ko


def test_below_caution_nothing_is_drafted(sorter: Correlator) -> None:
    (haze,) = absorbed(sorter, road_weather("a", "WX-0", level=HazardLevel.ATTENTION))
    assert Drafter(sorter, "live").propose(haze, (), later(9)) is None
