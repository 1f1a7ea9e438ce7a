"""Places in words."""

from __future__ import annotations

import pytest

from alerts.gazetteer import Gazetteer, RoadPlace
from config.catalogue.model import Name
from tests.alerts.making import EASTERN, WESTERN, two_districts
from tests.simulators.region import spot

REGION = two_districts()


@pytest.fixture(scope="module")
def gazetteer() -> Gazetteer:
    return Gazetteer(REGION)


@pytest.mark.parametrize(
    ("place", "district"),
    [(spot(1_000, 0), WESTERN), (spot(23_000, 0), EASTERN), (spot(-60_000, 0), WESTERN), (spot(90_000, 0), EASTERN)],
)
def test_district_of_a_position_or_the_nearest(gazetteer: Gazetteer, place: tuple[float, float], district: str) -> None:
    assert gazetteer.district_at(*place) == district


def test_the_nearest_village_names_a_place(gazetteer: Gazetteer) -> None:
    assert gazetteer.village_near(*spot(9_000, 2_000)) == Name("솔마을", "Pine")
    assert gazetteer.village_near(*spot(19_000, 2_000)) == Name("달마을", "Moon")
    bare = Gazetteer(two_districts(villages=()))
    assert bare.village_near(*spot(9_000, 2_000)).ko == "서군"


def test_a_device_at_the_very_start_of_its_link_stands_there_and_not_in_the_middle(gazetteer: Gazetteer) -> None:
    camera = next(one for one in REGION.cctv if one.id == "CAM-4")
    assert camera.offset_m == 0.0
    place = gazetteer.place_of("CAM-4")
    assert place is not None
    assert place.corridor == "E1:up"
    assert place.chainage_m == pytest.approx(8_000, rel=1e-3)


def test_a_slope_without_offset_stands_in_the_middle_of_its_link(gazetteer: Gazetteer) -> None:
    place = gazetteer.place_of("SLP-2")
    assert place is not None
    assert place.chainage_m == pytest.approx(7_000, rel=1e-3)


def test_what_the_region_does_not_have_is_beside_all_roads_under_its_own_name(gazetteer: Gazetteer) -> None:
    assert gazetteer.place_of("GONE-1") is None
    assert gazetteer.place_of("CAM-11") is None
    assert gazetteer.device_name("GONE-1") == Name("GONE-1", "GONE-1")
    assert gazetteer.device_name("SLP-2").ko == "2번 사면"
    assert gazetteer.device_name("VDS-E1up00").ko == "VDS-E1up00"


def test_signs_before_a_place_are_those_that_drivers_pass_nearest_first(gazetteer: Gazetteer) -> None:
    found = gazetteer.signs_before(RoadPlace("E1:up", 10_000.0), 15_000.0)
    assert [sign.id for sign, _ in found] == ["VMS-up4", "VMS-up0"]
    assert [round(distance_m, -2) for _, distance_m in found] == [1_900.0, 9_900.0]
    assert gazetteer.signs_before(RoadPlace("E1:up", 8_000.0), 15_000.0)[0][0].id == "VMS-up0"
    assert gazetteer.signs_before(RoadPlace("E1:up", 10_000.0), 5_000.0)[-1][0].id == "VMS-up4"
    assert gazetteer.signs_before(RoadPlace("N7:up", 10_000.0), 15_000.0) == []


def test_signs_around_a_place_face_any_way(gazetteer: Gazetteer) -> None:
    found = gazetteer.signs_around(spot(500, 0), 6_000.0)
    assert [sign.id for sign, _ in found] == ["VMS-up0"]
    assert found[0][1] == pytest.approx(500, rel=0.01)
    assert {sign.id for sign, _ in gazetteer.signs_around(spot(23_900, 0), 6_000.0)} == {"VMS-down0"}
