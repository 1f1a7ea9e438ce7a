from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from config.catalogue.geometry import GEOD
from config.catalogue.model import Catalogue
from simulators.errors import ScenarioError
from simulators.placement.ignition import (
    ASIDE_SHARE,
    CLEARANCE_M,
    UPWIND_M,
    IgnitionRule,
    crossing,
    place_ignition,
    towers_seeing,
)
from simulators.world.happenings import Ignition
from simulators.world.wildfire.frame import Frame
from simulators.world.wildfire.fuel import FuelGrid
from tests.simulators.wildfire.stage import hilly_region

REGION = hilly_region()


def placed(rule: IgnitionRule, region: Catalogue = REGION) -> Ignition:
    return place_ignition(rule, region, 3, name="F", from_s=60.0, attack_s=900.0, until_s=7_200.0)


def test_a_fire_beside_a_road_keeps_its_rule() -> None:
    fire = placed(IgnitionRule())
    assert (fire.id, fire.from_s, fire.attack_s, fire.until_s) == ("F", 60.0, 900.0, 7_200.0)
    lon, lat = (np.array([part]) for part in fire.position)
    assert towers_seeing(REGION, lon, lat).sum() >= 3
    assert 500.0 <= GEOD.inv(*fire.position, *REGION.villages[0].position)[2] <= 4_000.0
    road_m = min(abs(Frame.around(fire.position).to_plane(*link.line[0])[1]) for link in REGION.links)
    assert road_m <= 1_500.0
    FuelGrid.around(fire.position, REGION, 3).require_burnable("F")
    assert placed(IgnitionRule()) == fire


@pytest.mark.parametrize("wind_deg", [0.0, 10.0])
def test_a_fire_upwind_has_its_targets_downwind(wind_deg: float) -> None:
    fire = placed(IgnitionRule(toward="expressway_and_village", wind_deg=wind_deg, towers=2))
    frame, course = Frame.around(fire.position), np.radians(wind_deg + 180.0)
    toward = np.array([np.sin(course), np.cos(course)])
    village = np.array([float(part) for part in frame.to_plane(*REGION.villages[0].position)])
    along, across = village @ toward, abs(village @ np.array([-toward[1], toward[0]]))
    assert UPWIND_M[0] - 20 <= along <= UPWIND_M[1] + 20
    assert across <= ASIDE_SHARE * along + 20
    # The expressway runs east to west along the southern edge of the region.
    _, north = frame.to_plane(*REGION.nodes[0].position)
    assert CLEARANCE_M <= -float(north) <= UPWIND_M[1]


@pytest.mark.parametrize(
    ("rule", "changes", "text"),
    [
        ({}, {"villages": ()}, "fire: expected a place that burns within 1500 m of a national road"),
        ({}, {"tower": REGION.tower[:2]}, "in sight of 3 towers; region small has none"),
        ({"toward": "expressway_and_village"}, {"villages": ()}, "region small has no village"),
        (
            {"toward": "expressway_and_village"},
            {"roads": tuple(msgspec.structs.replace(road, rank="national") for road in REGION.roads)},
            "region small has no expressway",
        ),
        ({"toward": "expressway_and_village", "wind_deg": 90.0}, {}, "wind from 90 deg"),
        ({"toward": "expressway_and_village", "towers": 4}, {}, "in sight of 4 towers"),
    ],
)
def test_a_region_without_a_place_says_what_is_missing(
    rule: dict[str, Any], changes: dict[str, Any], text: str
) -> None:
    with pytest.raises(ScenarioError, match=text):
        placed(IgnitionRule(**rule), msgspec.structs.replace(REGION, **changes))


def test_crossing_is_widest_at_right_angles() -> None:
    assert crossing(np.array([10.0, 100.0, 20.0])) == pytest.approx(1.0)
    assert crossing(np.array([10.0, 190.0])) == pytest.approx(0.0, abs=1e-9)
    assert crossing(np.array([])) == 0.0
