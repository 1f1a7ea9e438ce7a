from __future__ import annotations

from itertools import pairwise

import msgspec
import numpy as np
import pytest

from config.catalogue.geometry import GEOD
from config.catalogue.model import Catalogue
from simulators.errors import ScenarioError
from simulators.placement.crash import capacity_left
from simulators.placement.fire import SMOKE_SEEN_M, crossing
from simulators.placement.script import Script, place_events
from simulators.scenario import Crash, FalseDetection, Scenario, SlopeCreep, load_scenario
from simulators.world.corridors import build_corridors
from simulators.world.demand import Demand
from simulators.world.seeds import stream
from tests.simulators.region import small_region


def placed(name: str | Scenario, region: Catalogue | None = None) -> Script:
    catalogue = region or small_region()
    corridors = build_corridors(catalogue)
    scenario = load_scenario(name) if isinstance(name, str) else name
    return place_events(scenario, catalogue, corridors, Demand.draw(corridors, stream(1, "demand")))


def with_event(event: Crash | SlopeCreep | FalseDetection) -> Scenario:
    return msgspec.structs.replace(load_scenario("calm"), event=(event,))


def test_the_crash_is_on_the_expressway_in_the_busier_direction_with_room_and_a_camera() -> None:
    region = small_region()
    (crash,) = placed("crash", region).crashes
    link = next(link for link in region.links if link.id == crash.link)
    assert (link.road, link.direction) == ("E1", "up")
    along_m = link.chainage_m + crash.offset_m
    assert 5_000 <= along_m <= 24_000 - 2_000 + 400
    camera = next(camera for camera in region.cctv if camera.id == crash.camera)
    distances = [GEOD.inv(*other.position, *crash.position)[2] for other in region.cctv]
    assert GEOD.inv(*camera.position, *crash.position)[2] == min(distances) <= camera.range_m
    behind = [along_m - (2_000 * step + 900) for step in range(12)]
    assert 0 < min(distance for distance in behind if distance > 0) < 800
    assert crash.closure.lanes == {1, 2}
    assert crash.closure.capacity_left == 0.17
    assert (crash.closure.from_s, crash.closure.until_s) == (60.0, 1_560.0)


def test_the_camera_reports_the_stopped_vehicle_while_it_stands_there() -> None:
    script = placed("crash")
    times = [finding.at_s for finding in script.findings]
    assert times[0] == 75.0
    assert all(a < b for a, b in pairwise(times))
    assert times[-1] < 1_560.0
    confidence = [finding.confidence for finding in script.findings]
    assert confidence == sorted(confidence)
    assert {finding.camera for finding in script.findings} == {script.crashes[0].camera}
    assert {finding.lane for finding in script.findings} == {1}


def test_one_lane_always_stays_open() -> None:
    event = Crash(at_s=0, duration_s=60, lanes_blocked=8)
    (crash,) = placed(with_event(event)).crashes
    assert crash.closure.lanes == {1, 2}


@pytest.mark.parametrize(
    "changes",
    [
        {"cctv": ()},
        {"vds": ()},
        {"roads": tuple(msgspec.structs.replace(r, rank="national") for r in small_region().roads)},
    ],
)
def test_a_region_without_a_place_for_a_crash_says_so(changes: dict[str, object]) -> None:
    with pytest.raises(ScenarioError, match="crash: expected an expressway with 5000 m of road"):
        placed("crash", small_region(**changes))


@pytest.mark.parametrize(
    ("lanes", "blocked", "left"), [(2, 1, 0.35), (3, 1, 0.49), (3, 2, 0.17), (8, 3, 0.41), (9, 1, 0.78)]
)
def test_capacity_left_is_the_manuals(lanes: int, blocked: int, left: float) -> None:
    assert capacity_left(lanes, blocked) == left


def test_the_fire_is_near_road_and_village_and_in_sight_of_three_towers() -> None:
    region = small_region()
    (fire,) = placed("fire", region).happenings.fires
    seen = fire.in_range & (fire.hidden_below_m <= SMOKE_SEEN_M)
    assert seen.sum() >= 3
    assert crossing(fire.azimuth_deg[seen]) > 0.8
    village_m = GEOD.inv(*fire.position, *region.villages[0].position)[2]
    assert 500 <= village_m <= 4_000
    ends = np.array([link.line[0] for link in region.links])
    road_m = GEOD.inv(ends[:, 0], ends[:, 1], *(np.full(len(ends), part) for part in fire.position))[2].min()
    assert road_m < np.hypot(1_500, 1_000) + 1
    assert (fire.from_s, fire.until_s) == (45.0, 7_245.0)


@pytest.mark.parametrize("changes", [{"villages": ()}, {"tower": small_region().tower[:2]}])
def test_a_region_without_a_place_for_a_fire_says_so(changes: dict[str, object]) -> None:
    with pytest.raises(ScenarioError, match="fire: expected a place within 1500 m"):
        placed("fire", small_region(**changes))


def test_the_mistaken_tower_is_another_one_that_looks_elsewhere() -> None:
    region = small_region()
    script = placed("fire", region)
    (fire,), (false,) = script.happenings.fires, script.false_sightings
    index = [tower.id for tower in region.tower].index(false.tower)
    assert not fire.visible(false.at_s)[index]
    apart = abs((false.azimuth_deg - fire.azimuth_deg[index] + 180) % 360 - 180)
    assert apart > 90
    assert false.confidence < 0.4


def test_events_without_their_device_say_what_is_missing() -> None:
    with pytest.raises(ScenarioError, match="slope_creep: node: expected a slope node of region small, was 'X'"):
        placed(with_event(SlopeCreep(at_s=0, duration_s=60, node="X", rate_deg_h=0.1)))
    with pytest.raises(ScenarioError, match="false_detection: expected a watchtower"):
        placed(with_event(FalseDetection(at_s=0, confidence=0.3)), small_region(tower=()))


def test_places_are_the_same_every_time() -> None:
    assert placed("crash") == placed("crash")
    assert placed("fire").happenings.fires[0].position == placed("fire").happenings.fires[0].position
