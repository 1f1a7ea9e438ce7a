"""Rules that the stories rest on."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from simulators.causes.fields import BURNING_BEFORE_S
from simulators.causes.land import Fire
from simulators.placement.places import place_scenario
from simulators.placement.setting import Setting
from simulators.placement.tunnels import find_tunnel, has_way_around
from simulators.world.happenings import Ignition
from simulators.world.region import World
from simulators.world.roads.closures import WORK_ZONE_PC_H
from simulators.world.roads.model import RoadModel
from tests.simulators.causes.text import parse, problems
from tests.simulators.region import spot
from tests.simulators.roads.networks import bypass
from tests.simulators.valley import valley

WORKS = 'kind = "work_zone"\nat_s = 0\nlanes_blocked = 1\nlength_m = 800\nspeed_limit_kmh = 60'


@pytest.mark.parametrize(
    ("kind", "at_s", "fits"),
    [("fire", -BURNING_BEFORE_S, True), ("fire", -BURNING_BEFORE_S - 1, False), ("slope_creep", -1, False)],
)
def test_only_a_fire_may_have_begun_before_the_run(kind: str, at_s: float, fits: bool) -> None:
    found = problems(f'kind = "{kind}"\nat_s = {at_s}' + ("\nrate_deg_h = 1" if kind == "slope_creep" else ""))
    assert (found == []) == fits
    assert fits or "event[0].at_s: expected seconds from the start of the run, a number from" in found[0]


def test_a_fire_of_before_has_burnt_until_now() -> None:
    lon, lat = spot(6_000, 6_000)
    day = parse(f'kind = "fire"\nname = "old"\nat_s = -600\nattack_s = 7000\nlon_deg = {lon}\nlat_deg = {lat}')
    (cause,) = day.event
    assert isinstance(cause, Fire)
    roads = RoadModel.build(valley(), time_of_day_s=day.time_of_day_s, seed=7, warm_up_s=0.0)
    made = World(valley(), day, place_scenario(day, valley()), roads, 7)
    (fire,) = made.fires
    assert fire.ignition == Ignition("old", (round(lon, 6), round(lat, 6)), -600.0, 7_000.0, day.duration_s)
    assert fire.started
    assert (fire.time_s, fire.steps) == (0.0, 20)
    assert fire.area_ha > 0.0
    made.step()
    assert fire.steps == 20
    while made.time_s < 30.0:
        made.step()
    assert (fire.time_s, fire.steps) == (30.0, 21)


def test_the_longest_tunnel_with_a_way_around_it_burns() -> None:
    region = bypass()
    border = [link for link in region.links if {link.from_node, link.to_node} == {"B", "E"}]
    between = [link for link in region.links if {link.from_node, link.to_node} == {"A", "M"}]
    tunnels = {link.id for link in (*border, *between)}
    region = replace(region, links=tuple(replace(link, tunnel=link.id in tunnels) for link in region.links))
    setting = Setting(catalogue=region, seed=1, time_of_day_s=0.0, day_of_year=100, flow_at=None)
    assert border[0].length_m > between[0].length_m
    assert not has_way_around((border[0],), setting)
    (chosen,) = find_tunnel(None, setting)
    assert chosen.id in {link.id for link in between}
    # Where none has a way around it the longest one has to do.
    alone = replace(region, links=tuple(link for link in region.links if link.road == "E1"))
    setting = Setting(catalogue=alone, seed=1, time_of_day_s=0.0, day_of_year=100, flow_at=None)
    (chosen,) = find_tunnel(None, setting)
    assert chosen.id in {link.id for link in border}


def test_works_lie_where_the_open_lanes_do_at_first_and_not_later() -> None:
    region = valley()
    open_veh_s = 0.9 * 2 * WORK_ZONE_PC_H / 3_600.0

    def flow_at(link: str, time_of_day_s: float) -> float:
        busy = {"E1up10": (1.2, 1.5), "E1up04": (0.5, 1.2), "E1up03": (0.5, 0.9)}.get(link, (0.3, 0.4))
        return busy[time_of_day_s > 8.5 * 3_600.0] * open_veh_s

    (works,) = place_scenario(parse(WORKS), region, flow_at=flow_at).closures
    assert works.link == "E1up04"
