from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.catalogue.model import Name, Road
from simulators.devices.advice import DriversEyes
from simulators.world.roads.advice import DetourAdvice
from tests.simulators.region import small_region

SIGN = small_region().sign[0]
ROADS = (
    Road(id="X", number="991", name=Name("고속국도 제991호선", "Expressway 991"), rank="expressway"),
    Road(id="Y", number="992", name=Name("고속국도 제992호선", "Expressway 992"), rank="expressway"),
    Road(id="A", number="95", name=Name("국도 제95호선", "National Road 95"), rank="national"),
    Road(id="B", number="995", name=Name("해안로", "Coast Road"), rank="national"),
    Road(id="C", number="992", name=Name("지방도 제992호선", "Local Road 992"), rank="local"),
)
EYES = DriversEyes(ROADS, {SIGN.link: "X"} | {f"link of {road.id}": road.id for road in ROADS})


def read(multi: str) -> tuple[str, str | None] | None:
    advice = EYES.advice(multi, SIGN)
    if advice is None:
        return None
    assert (advice.link, advice.offset_m) == (SIGN.link, SIGN.offset_m)
    return advice.avoid_road, advice.via_road


@pytest.mark.parametrize(
    "multi",
    [
        "",
        "전방 사고[nl]서행",
        "[jp3]안개 구간[nl]감속 운행",
        "우회전 금지",
        "우회 해제",
        "95번 국도 우회[nl]종료",
        "DETOUR ENDS",
        "NO DETOUR",
        "END DETOUR",
        "USE CAUTION",
        "국도95 사고[nl]서행",
        "VIA E991",
        "NATIONAL ROAD 95 CLOSED",
        "서울 95km 이용",
    ],
)
def test_words_that_ask_for_no_detour(multi: str) -> None:
    assert read(multi) is None


@pytest.mark.parametrize(
    ("multi", "avoid", "via"),
    [
        ("전방 사고[nl]우회", "X", None),
        ("회차", "X", None),
        ("전방 통제[nl]돌아가세요", "X", None),
        ("DETOUR", "X", None),
        ("CRASH AHEAD[nl]alternate route", "X", None),
        ("991호선 통제[nl]95번 국도 우회", "X", "A"),
        ("국도 95 이용", "X", "A"),
        ("국도95호선으로 우회", "X", "A"),
        ("우회도로[nl]국도 제95호선", "X", "A"),
        ("[jl3][cf255,0,0]사고[/fl][nl]95호선 이용", "X", "A"),
        ("전방 5km 사고[np]95번 국도 우회", "X", "A"),
        ("해안로 이용", "X", "B"),
        ("USE N995", "X", "B"),
        ("use coast road", "X", "B"),
        ("TAKE RTE 95", "X", "A"),
        ("E991 CLOSED[nl]DETOUR VIA ROUTE 995", "X", "B"),
        ("E991 CLOSED USE N95", "X", "A"),
        ("DETOUR[nl]N95[nl]ACCIDENT", "X", "A"),
        ("DETOUR: NATIONAL ROAD 95", "X", "A"),
        ("992번 고속도로 통제[nl]우회", "Y", None),
        ("고속도로 992 정체[nl]고속도로 991 이용", "Y", "X"),
        ("지방도 992 이용", "X", "C"),
        ("E992 CLOSED[nl]USE N95", "Y", "A"),
        ("7번 국도 우회", "X", None),
        ("국도[[95]] 우회", "X", None),
    ],
)
def test_words_that_ask_for_a_detour(multi: str, avoid: str, via: str | None) -> None:
    assert read(multi) == (avoid, via)


WORDS = ("우회", "[nl]", "N95 ", "E991", "CLOSED ", "이용", "[", "95번 국도", "NO ", "해제")


@given(st.text(max_size=60) | st.lists(st.sampled_from(WORDS)).map("".join))
def test_any_face_can_be_read_and_nobody_is_sent_where_it_is_closed(multi: str) -> None:
    advice = EYES.advice(multi, SIGN)
    if advice is not None:
        assert isinstance(advice, DetourAdvice)
        assert advice.avoid_road in {road.id for road in ROADS}
        assert advice.via_road in {None, *(road.id for road in ROADS)} - {advice.avoid_road}


def test_a_sign_on_an_unknown_link_is_an_error() -> None:
    with pytest.raises(KeyError):
        DriversEyes(ROADS, {}).advice("우회", SIGN)


def test_a_road_without_links_is_no_way_to_go() -> None:
    eyes = DriversEyes(ROADS, {SIGN.link: "X"})
    advice = eyes.advice("95번 국도 우회", SIGN)
    assert advice is not None
    assert (advice.avoid_road, advice.via_road) == ("X", None)


def test_the_eyes_of_a_region_know_its_roads() -> None:
    advice = DriversEyes.of(small_region()).advice("고속도로 1 통제[nl]국도 7 이용", SIGN)
    assert advice is not None
    assert (advice.avoid_road, advice.via_road) == ("E1", "N7")
