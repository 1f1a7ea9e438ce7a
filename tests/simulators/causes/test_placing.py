from __future__ import annotations

from dataclasses import replace as changed

import numpy as np
import pytest
from msgspec.structs import replace

from config.catalogue.geometry import GEOD, positions_along
from config.catalogue.model import Catalogue
from simulators.causes.problems import ScenarioProblemsError
from simulators.causes.regional import check_against
from simulators.placement.places import place_scenario
from simulators.placement.setting import Setting
from simulators.placement.skies import rain_sum_mm
from simulators.world.happenings import Closure, Happenings
from tests.simulators.causes.hills import hilly_region
from tests.simulators.causes.text import HEAD, parse
from tests.simulators.region import small_region

CRASH = 'kind = "crash"\nname = "first"\nat_s = 60\nduration_s = 1500\nlanes_blocked = 2'
STORM = 'kind = "storm"\nname = "rain"\nat_s = 0\npeak_mm_h = 40\nradius_km = 4\nheading_deg = 90\nspeed_kmh = 3'
FOG = 'kind = "fog"\nname = "fog"\nat_s = 0\nradius_km = 4\nvisibility_m = 80\nover = "expressway"'


def place(*events: str, region: Catalogue | None = None, head: str = HEAD) -> Happenings:
    return place_scenario(parse(*events, head=head), region or hilly_region())


def refusals(*events: str, region: Catalogue | None = None) -> list[str]:
    with pytest.raises(ScenarioProblemsError) as raised:
        place(*events, region=region)
    return [str(problem) for problem in raised.value.problems]


def where(closure: Closure, region: Catalogue) -> tuple[float, float]:
    link = next(link for link in region.links if link.id == closure.link)
    lon, lat = positions_along(link.line, [closure.offset_m])[0]
    return float(lon), float(lat)


def test_a_crash_on_the_longest_expressway_in_the_busier_direction() -> None:
    region = hilly_region()
    (closure,) = place(CRASH).closures
    assert closure.link.startswith("E1up")
    assert (closure.id, closure.cause, closure.lanes) == ("first", "crash", frozenset({1, 2}))
    assert (closure.from_s, closure.until_s) == (60.0, 1560.0)
    link = next(link for link in region.links if link.id == closure.link)
    assert not link.tunnel
    along_m = link.chainage_m + closure.offset_m
    assert 5_000.0 <= along_m <= 24_000.0 - 2_000.0
    lon, lat = where(closure, region)
    assert min(GEOD.inv(lon, lat, *camera.position)[2] - camera.range_m for camera in region.cctv) <= 0.0


def test_expected_flows_choose_the_direction() -> None:
    scenario = parse(CRASH)
    down = place_scenario(scenario, hilly_region(), flow_at=lambda link, _: 1.5 if "down" in link else 0.5)
    assert down.closures[0].link.startswith("E1down")
    evening = parse(CRASH, head=HEAD.replace("08:00", "18:00"))
    assert place_scenario(evening, hilly_region()).closures[0].link.startswith("E1down")


def test_two_crashes_at_one_time_keep_apart() -> None:
    region = hilly_region()
    first, second = place(CRASH, CRASH.replace('"first"', '"other"')).closures
    apart_m = GEOD.inv(*where(first, region), *where(second, region))[2]
    assert apart_m >= 3_000.0 or first.link[:4] != second.link[:4]
    again = place(CRASH, CRASH.replace('"first"', '"other"').replace("at_s = 60", "at_s = 3000"))
    assert again.closures[0].link == again.closures[1].link


def test_a_crash_in_the_fog() -> None:
    region = hilly_region()
    happenings = place(FOG, CRASH + '\nnear = "fog"')
    (fog,) = happenings.fogs
    assert GEOD.inv(*where(happenings.closures[0], region), *fog.centre)[2] <= 2_050.0
    elsewhere = FOG.replace('over = "expressway"', "lon_deg = 128.1\nlat_deg = 37.28")
    (text,) = refusals(elsewhere, CRASH + '\nnear = "fog"')
    assert text.startswith("mine.toml:20: event[1].near: expected a place within 2000 m of (128.1, 37.28)")


def test_the_longest_tunnel_is_closed_in_both_tubes() -> None:
    fire = 'kind = "tunnel_fire"\nname = "lorry"\nat_s = 0\nduration_s = 900'
    closures = place(fire).closures
    assert [closure.id for closure in closures] == ["lorry", "lorry.2", "lorry.opposite", "lorry.opposite.2"]
    assert [closure.link for closure in closures] == ["E1down09", "E1down08", "E1up08", "E1up09"]
    assert all(closure.lanes == {1, 2, 3} and closure.offset_m == 0.0 for closure in closures)
    one = place(fire + '\nboth_directions = false\nlink = "N7up05"').closures
    assert [closure.link for closure in one] == ["N7up05"]
    (text,) = refusals(fire, region=small_region())
    assert "event[0].place: expected a tunnel; region small has none" in text
    (text,) = refusals(fire, fire.replace("lorry", "car") + '\nlink = "E1up09"')
    assert text.startswith("mine.toml:6: event[0].place: expected lanes that no other event blocks at the time")


def test_a_single_tube_has_no_other_direction() -> None:
    region = hilly_region()
    links = tuple(replace(link, tunnel=link.id == "E1up03") for link in region.links)
    (text,) = refusals('kind = "tunnel_fire"\nat_s = 0', region=replace(region, links=links))
    assert "event[0].both_directions: expected a tunnel with another tube" in text


def test_a_work_zone_on_the_longest_stretch() -> None:
    zone = 'kind = "work_zone"\nat_s = 0\nlanes_blocked = 1\nlength_m = 800\nspeed_limit_kmh = 60'
    (closure,) = place(zone).closures
    assert closure.id == "work_zone-1"
    assert closure.link.startswith("E1up")
    assert closure.lanes == frozenset({3})
    assert (closure.speed_limit_kmh, closure.length_m) == (60.0, 800.0)
    (text,) = refusals(zone.replace("800", "2500"))
    assert "expected a link of two lanes or more outside tunnels with 2500 m of room" in text


def test_debris_lies_on_a_national_road() -> None:
    debris = 'kind = "debris"\nat_s = 0\nlanes_blocked = 1\nplace = "longest_national_road"\nside = "shoulder"'
    region = hilly_region()
    cameras = tuple(
        replace(camera, position=link.line[0])
        for camera, link in zip(region.cctv, (link for link in region.links if link.road == "N7"), strict=False)
    )
    (closure,) = place(debris, region=replace(region, cctv=cameras)).closures
    assert closure.link.startswith("N7")
    assert closure.lanes == frozenset({2})
    (text,) = refusals(debris)
    assert "event[0].place: expected a place on a road of rank national" in text


def test_a_storm_stands_over_the_densest_slopes_at_half_its_time() -> None:
    scenario = parse(STORM + '\nover = "slopes"')
    region = hilly_region()
    (storm,) = place_scenario(scenario, region).storms
    half_m = storm.speed_kmh / 3.6 * 3_600.0
    lon, lat, _ = GEOD.fwd(*storm.centre, storm.heading_deg, half_m)
    assert min(GEOD.inv(lon, lat, *node.position)[2] for node in region.slope) < 30.0
    setting = Setting(region, 1, 0.0, 100, None)
    caught = [
        rain_sum_mm(changed(storm, centre=node.position), setting, setting.nodes_xy).sum() for node in region.slope
    ]
    assert rain_sum_mm(storm, setting, setting.nodes_xy).sum() >= 0.99 * max(caught)


def test_the_rain_of_a_standing_storm_is_its_profile() -> None:
    region = hilly_region()
    (storm,) = place(STORM.replace("speed_kmh = 3", "speed_kmh = 0") + '\nover = "region"').storms
    setting = Setting(region, 1, 0.0, 100, None)
    centre = setting.xy(*storm.centre)
    places = centre + np.array([[0.0, 0.0], [6_400.0, 0.0], [0.0, 4_000.0], [0.0, 1e6]])
    expected = 80.0 * np.array([1.0, np.exp(-0.5), np.exp(-0.5), 0.0])
    np.testing.assert_allclose(rain_sum_mm(storm, setting, places), expected, rtol=1e-6, atol=1e-9)


def test_weak_slopes_stand_above_different_roads_near_the_path() -> None:
    weak = 'kind = "weak_slopes"\ncount = 3\namong = 4\nunder = "rain"\nmargin_frac = 0.3'
    storm = STORM + '\nover = "slopes"'
    happenings = place(weak, storm)
    region = hilly_region()
    chosen = [slope.node for slope in happenings.weak_slopes]
    assert len({region.slope[node].link for node in chosen}) == 3
    setting = Setting(region, 1, 0.0, 100, None)
    wet = rain_sum_mm(happenings.storms[0], setting, setting.nodes_xy)
    assert set(chosen) <= set(np.argsort(-wet)[:4].tolist())
    (text,) = refusals(storm, weak.replace("count = 3", "count = 4"), weak.replace("count = 3", "count = 1"))
    assert "event[2].count: expected 1 sound nodes above a road among the 4 nodes nearest to the path of rain" in text


def test_a_fault_near_an_event_takes_the_nearest_device() -> None:
    fault = 'kind = "fault"\nfault = "stale_frame"\ndevices = ["cctv"]\ncount = 1\nnear = "first"\nat_s = 0'
    happenings = place(fault, CRASH)
    region = hilly_region()
    here = where(happenings.closures[0], region)
    nearest = min(region.cctv, key=lambda camera: GEOD.inv(*here, *camera.position)[2])
    assert [item.device for item in happenings.faults] == [nearest.id]


def test_shares_are_drawn_by_the_seed_and_do_not_meet() -> None:
    share = 'kind = "fault"\nfault = "{}"\ndevices = ["vds"]\nshare = 0.3\nat_s = 0'
    events = [share.format("stuck"), share.format("zero")]
    faults = place(*events).faults
    devices = [fault.device for fault in faults]
    assert len(devices) == len(set(devices)) == 2 * round(0.3 * len(hilly_region().vds))
    assert place(*events).faults == faults
    assert place(*events, head=HEAD.replace("seed = 7", "seed = 8")).faults != faults
    (text,) = refusals(*events, share.format("stuck").replace("0.3", "0.5"))
    assert "event[2].share: expected 20 devices without another fault at the time, was 16" in text


def test_a_sunset_stands_where_the_sun_does() -> None:
    sunset = 'kind = "false_detection"\ncause = "sunset"\nconfidence = 0.4\nat_s = 0\nduration_s = 600'
    # 128° E keeps 28 min behind its clocks: at the equinox the sun sets at about 18:28 in the west.
    head = HEAD.replace("08:00", "18:20") + 'date = "03-21"\n'
    (source,) = place(sunset, head=head).false_sources
    assert source.azimuth_deg == pytest.approx(269.0, abs=1.5)
    assert source.drift_deg_min == pytest.approx(0.15, abs=0.02)
    (text,) = refusals(sunset)
    assert text.startswith("mine.toml:10: event[0].at_s: expected a sunset while the sun stands")


def test_the_mistaken_tower_looks_away_from_the_fire_or_at_the_fog() -> None:
    false = 'kind = "false_detection"\ncause = "fog"\nconfidence = 0.4\nat_s = 60'
    fire = 'kind = "fire"\nname = "fire"\nat_s = 0\nlon_deg = 128.1\nlat_deg = 37.05'
    region = hilly_region()
    happenings = place(fire, false, FOG, false + '\nnear = "fog"')
    away, near = happenings.false_sources
    towers = {tower.id: tower for tower in region.tower}
    distance = {key: GEOD.inv(*tower.position, 128.1, 37.05)[2] for key, tower in towers.items()}
    assert distance[away.tower] == max(distance.values())
    (fog,) = happenings.fogs
    azimuth, _, distance_m = GEOD.inv(*towers[near.tower].position, *fog.centre)
    assert near.azimuth_deg == pytest.approx(azimuth % 360.0, abs=0.01)
    assert distance_m == min(GEOD.inv(*tower.position, *fog.centre)[2] for tower in region.tower)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (CRASH + '\nlink = "E1up99"\noffset_m = 1', "mine.toml:12: event[0].link: expected a link of region small (ne"),
        (CRASH + '\nlink = "N7up01"\noffset_m = 1995', "mine.toml:13: event[0].offset_m: expected 100 m of room"),
        (CRASH + '\nlink = "N7up01"\noffset_m = 3000', "mine.toml:13: event[0].offset_m: expected less than the"),
        (
            CRASH.replace("lanes_blocked = 2", "lanes_blocked = 3") + '\nlink = "N7up01"\noffset_m = 5',
            "mine.toml:11: event[0].lanes_blocked: expected at most the 2 lanes of link N7up01, was 3",
        ),
        ('kind = "tunnel_fire"\nat_s = 0\nlink = "E1up01"', "mine.toml:9: event[0].link: expected a link in a tunnel"),
        ('kind = "surge"\nat_s = 0\nfactor = 2\nroad = "E9"', "mine.toml:10: event[0].road: expected a road"),
        ('kind = "slope_creep"\nat_s = 0\nrate_deg_h = 1\nnode = "SLP-9"', "event[0].node: expected a slope node"),
        ('kind = "weak_slopes"\nmargin_frac = 0.2\nnodes = ["SLP-1", "X"]', "mine.toml:9: event[0].nodes[1]: expected"),
        ('kind = "fire"\nat_s = 0\nlon_deg = 12\nlat_deg = 37', "mine.toml:9: event[0].lon_deg: expected within the"),
        (
            'kind = "fault"\nat_s = 0\nfault = "stuck"\ndevice = "VDS-1"',
            "mine.toml:10: event[0].device: expected a device of region small (nearest: VMS-1), was 'VDS-1'",
        ),
        (
            'kind = "fault"\nat_s = 0\nfault = "refuse"\ndevice = "CAM-1"',
            "mine.toml:9: event[0].fault: expected a fault that a device of kind cctv can have, was refuse (of sign)",
        ),
        (
            'kind = "fault"\nat_s = 0\nfault = "missed_lane"\nvalue = 3\ndevice = "VDS-N7up01"',
            "mine.toml:10: event[0].value: expected one of the 2 lanes of station VDS-N7up01, was 3",
        ),
        (
            'kind = "fault"\nat_s = 0\nfault = "dropout"\ndevices = ["tower"]\ncount = 5',
            "mine.toml:10: event[0].devices: expected devices that region small has (4 of these kinds)",
        ),
        (
            'kind = "false_detection"\ncause = "dust"\nconfidence = 0.4\nat_s = 60\ntower = "TWR-7"',
            "mine.toml:11: event[0].tower: expected a watchtower of region small",
        ),
    ],
)
def test_what_the_region_does_not_have(event: str, expected: str) -> None:
    found = check_against(parse(event), hilly_region())
    assert len(found) == 1
    assert expected in str(found[0])
    assert refusals(event) == [str(found[0])]


def test_lanes_from_both_sides_that_meet_in_the_middle() -> None:
    crash = 'kind = "crash"\nlink = "E1up02"\noffset_m = 500\nat_s = 0\nlanes_blocked = 2'
    other = crash + '\nside = "shoulder"'
    (problem,) = check_against(parse(crash, other), hilly_region())
    assert "event[1].link: expected lanes that no other event blocks at the time, was lane 2 of link E1up02" in str(
        problem
    )
    assert check_against(parse(crash.replace("blocked = 2", "blocked = 1"), other), hilly_region()) == []


def test_every_event_without_a_place_is_told_at_once() -> None:
    bare = replace(hilly_region(), cctv=(), slope=(), tower=())
    found = refusals(
        CRASH,
        'kind = "slope_creep"\nat_s = 0\nplace = "road_slope"\nrate_deg_h = 1',
        STORM + '\nover = "slopes"',
        'kind = "weak_slopes"\ncount = 1\nunder = "rain"\nmargin_frac = 0.2',
        region=bare,
    )
    # The weak slopes are not told: what they refer to is.
    assert [text.split(": ")[1] for text in found] == ["event[0].place", "event[1].place", "event[2].over"]
