"""What happens on slopes and in forests in the scenarios that come along."""

from __future__ import annotations

import numpy as np
import pytest

from config.catalogue.model import Catalogue
from sensors.codec import decode
from sensors.observations import TowerEvent
from simulators.causes.files import load_scenario
from simulators.placement.ignition import crossing
from simulators.simulation import Simulation
from simulators.world.dynamic import SHUT_BELOW_M
from simulators.world.ground.field import SlopeField
from simulators.world.roads.grid import build_grid
from simulators.world.wildfire.fuel import settlement_radius_m
from simulators.world.wildfire.sight import SmokeSight
from tests.simulators.playing import START
from tests.simulators.stories.staging import Burning, Ground, Traffic, columns

REACHED_M = 100.0


@pytest.fixture(scope="module")
def landslides(region: Catalogue) -> tuple[list[int], SlopeField]:
    ground = Ground(region, "landslides")
    return [slope.node for slope in ground.happenings.weak_slopes], ground.run()


def test_three_slopes_come_down_after_an_hour_of_creep_and_the_others_hold(
    landslides: tuple[list[int], SlopeField], region: Catalogue
) -> None:
    weak, slopes = landslides
    assert len(weak) == 3
    assert np.flatnonzero(~np.isnan(slopes.failed_at_s)).tolist() == weak
    failed_s, onset_s = slopes.failed_at_s[weak], slopes.creep_onset_s[weak]
    assert np.all(onset_s > 1_800.0)  # not before the rain had its effect
    assert np.all((failed_s - onset_s > 600.0) & (failed_s - onset_s < 4.0 * 3_600.0))
    assert all(region.slope[node].link is not None for node in weak)


def test_a_slide_stops_the_traffic_below_it(landslides: tuple[list[int], SlopeField], region: Catalogue) -> None:
    _, slopes = landslides
    first_s = float(np.nanmin(slopes.failed_at_s))
    node = int(np.nanargmin(slopes.failed_at_s))
    traffic = Traffic(region, "landslides", from_s=first_s)
    traffic.dynamic.slide(np.where(slopes.failed_at_s <= first_s, slopes.failed_at_s, np.nan))
    slide = traffic.closures()[f"slide-{region.slope[node].id}"]
    assert slide.link == region.slope[node].link
    traffic.run(first_s + 1_800.0)
    assert traffic.flow_veh_h(slide) == 0.0
    queue = traffic.behind(slide.id)
    assert queue.length_m > 300.0
    assert queue.speed_kmh < 10.0


def test_towers_see_the_fire_of_the_demonstration_within_two_minutes(region: Catalogue) -> None:
    simulation = Simulation(region, load_scenario("fire"), START)
    (fire,) = simulation.world.fires
    assert fire.started  # before anybody was looking
    assert len(fire.perimeter()) > 3
    seen: dict[str, list[TowerEvent]] = {}
    for time_s in (30.0, 60.0, 90.0, 120.0):
        for _, one in simulation.advance(time_s):
            for message in decode(one.topic, one.payload).messages:
                if isinstance(message, TowerEvent):
                    seen.setdefault(message.device, []).append(message)
    first_s = min((events[0].time - START).total_seconds() for events in seen.values())
    assert first_s <= 90.0
    assert len(seen) >= 2
    # The bearings cross widely enough for a position.
    assert crossing(np.array([events[-1].azimuth_deg for events in seen.values()])) > 0.3


def test_who_is_mistaken_later_does_not_see_the_fire(region: Catalogue) -> None:
    burning = Burning(region, "fire")
    sight = SmokeSight.from_towers(burning.fire, region)
    (mistaken,) = burning.happenings.false_sources
    towers = [tower.id for tower in region.tower]
    seen = np.zeros(len(towers), dtype=np.bool_)
    for time_s in burning.run(300.0):
        seen |= sight.view().seen
        if time_s >= mistaken.until_s:
            break
    assert seen.sum() >= 3
    assert not seen[towers.index(mistaken.tower)]


def test_the_foehn_drives_the_fire_over_the_expressway_to_a_village(region: Catalogue) -> None:
    burning = Burning(region, "wildfire")
    fire, sight = burning.fire, SmokeSight.from_towers(burning.fire, region)
    grid = build_grid(region)
    ranks = {road.id: road.rank for road in region.roads}
    expressway = np.array([ranks[link.road] == "expressway" for link in grid.links])[grid.link]
    lon_deg, lat_deg = grid.lon_deg[expressway], grid.lat_deg[expressway]
    homes_m = np.array([settlement_radius_m(village) for village in region.villages])
    reached: dict[str, float] = {}
    for time_s in burning.run(600.0):
        if fire.distance_m(lon_deg, lat_deg).min() <= REACHED_M:
            reached.setdefault("expressway", time_s)
        if (fire.distance_m(*columns([one.position for one in region.villages])) - homes_m).min() <= REACHED_M:
            reached.setdefault("village", time_s)
        if sight.smoke_over_m(lon_deg, lat_deg).min() < SHUT_BELOW_M:
            reached.setdefault("smoke", time_s)
        if len(reached) == 3:
            break
    assert set(reached) == {"expressway", "village", "smoke"}
    # There is time to warn, an hour at least, and the crews come after.
    assert min(reached.values()) > fire.ignition.from_s + 3_600.0
    assert reached["village"] < fire.ignition.attack_s + 3_600.0
    assert fire.area_ha > 100.0


def test_everything_at_once_has_slides_and_a_fire_that_the_rain_does_not_put_out(region: Catalogue) -> None:
    ground = Ground(region, "everything")
    weak = [slope.node for slope in ground.happenings.weak_slopes]
    slopes = ground.run()
    failed = np.flatnonzero(~np.isnan(slopes.failed_at_s))
    assert len(failed) >= 2
    assert set(failed.tolist()) <= set(weak)
    burning = Burning(region, "everything")
    for time_s in burning.run(600.0):
        if time_s >= burning.fire.ignition.attack_s:
            break
    assert burning.fire.area_ha > 20.0
