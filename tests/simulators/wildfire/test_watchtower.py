from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import numpy as np
import pytest

from sensors.codec import decode
from sensors.observations import CameraStatus, TowerEvent
from simulators.devices.watchtower import HFOV_DEG, LOOK_PERIOD_S, WatchTower, draw_pose
from simulators.world.happenings import DeviceFault, FalseSource
from simulators.world.wildfire.mistakes import mistake
from simulators.world.wildfire.sight import SmokeSight
from tests.simulators.wildfire.stage import (
    START,
    Stage,
    burn,
    even_fire,
    even_grid,
    events,
    hilly_region,
    said,
    statuses,
    timebase,
)

REGION = hilly_region()


def burning_stage(minutes: float, **changes: Any) -> Stage:
    fire = burn(even_fire(even_grid(2_000.0)), 60.0 * minutes)
    # The even ground of the fire lies at 1,000 m.
    towers = tuple(msgspec.structs.replace(tower, ground_elevation_m=1_100.0) for tower in REGION.tower)
    open_ground = msgspec.structs.replace(REGION, terrain=None, tower=towers)
    return Stage(region=REGION, sights=[SmokeSight.from_towers(fire, open_ground)], **changes)


def tower(stage: Stage, index: int = 0, seed: int = 1) -> WatchTower:
    return WatchTower(REGION.tower[index], index, stage, timebase(), seed)


def source(**changes: Any) -> FalseSource:
    parts: dict[str, Any] = {
        "id": "X", "tower": "TWR-0", "cause": "dust", "azimuth_deg": 100.0, "drift_deg_min": 0.5, "confidence": 0.5,
        "from_s": 0.0, "until_s": 3_600.0,
    }  # fmt: skip
    return FalseSource(**(parts | changes))


def test_a_tower_reports_a_grown_fire_at_its_bearing_under_one_detection() -> None:
    stage = burning_stage(20.0)
    found = events(said(tower(stage), 0.0, 900.0))
    assert 24 <= len(found) <= 30
    assert len({message.detection for message in found}) == 1
    truth = stage.sights[0].view().azimuth_deg[0]
    errors = [(message.azimuth_deg - truth + 180) % 360 - 180 for message in found]
    assert abs(np.mean(errors)) < 3 * 0.5
    assert 0.2 < np.std(errors) < 0.7
    for message in found:
        left, top, right, bottom = message.bbox
        assert 0.0 <= left < 0.5 < right <= 1.0
        assert 0.0 <= top < bottom <= 1.0
        assert message.hfov_deg == HFOV_DEG
        assert message.elevation_deg == pytest.approx(stage.sights[0].view().elevation_deg[0], abs=0.01)
        assert message.confidence > 0.7
    times = [message.time for message in found]
    assert times == sorted(times)
    assert min(np.diff(times)) >= timedelta(seconds=LOOK_PERIOD_S)


def test_a_tower_out_of_range_and_a_tower_in_fog_see_nothing() -> None:
    assert events(said(tower(burning_stage(20.0), index=3), 0.0, 900.0)) == []
    assert events(said(tower(burning_stage(20.0, visibility_m=800.0)), 0.0, 900.0)) == []


def test_small_and_hazy_smoke_is_found_less_and_with_less_confidence() -> None:
    small, large = burning_stage(2.5), burning_stage(20.0)
    hazy = burning_stage(20.0, visibility_m=7_000.0)
    by_stage = [events(said(tower(stage), 0.0, 3_600.0)) for stage in (small, hazy, large)]
    found = [len(each) for each in by_stage]
    assert 0 < found[0] < 0.9 * found[2]
    sure = [np.mean([message.confidence for message in each]) for each in by_stage]
    assert sure[0] < sure[2] - 0.1
    assert sure[1] < sure[2] - 0.03


def test_nothing_is_reported_when_nothing_burns() -> None:
    stage = Stage(region=REGION)
    said_all = said(tower(stage), 0.0, 600.0)
    assert events(said_all) == []
    assert 9 <= len(statuses(said_all)) <= 11


def test_the_same_seed_says_the_same_whatever_the_tick() -> None:
    stage = burning_stage(10.0)
    one, other = tower(stage), tower(stage)
    assert said(one, 0.0, 600.0, 5.0) == said(other, 0.0, 600.0, 7.5)
    assert said(tower(stage, seed=2), 0.0, 600.0) != said(tower(stage), 0.0, 600.0)


def test_looks_that_were_slept_through_are_not_made_up_for() -> None:
    device = tower(burning_stage(20.0))
    said(device, 0.0, 60.0)
    assert sum(isinstance(each, TowerEvent) for out in device.due(4_000.0) for each in _decoded(out)) <= 1


def _decoded(out: Any) -> tuple[Any, ...]:
    return tuple(decode(out.topic, out.payload).messages)


def test_false_sources_drift_and_come_and_go_as_their_kind_does() -> None:
    stage = Stage(region=REGION, false_sources=(source(), source(tower="TWR-1", id="Y")))
    found = events(said(tower(stage), 0.0, 1_800.0))
    assert 10 <= len(found) <= 55
    drift = (found[-1].azimuth_deg - found[0].azimuth_deg) / ((found[-1].time - found[0].time).total_seconds() / 60)
    assert drift == pytest.approx(0.5, abs=0.12)
    assert {message.detection[-2:] for message in found} == {"f0"}
    wet = Stage(region=REGION, false_sources=(source(),), rain_mm_h=3.0)
    assert events(said(tower(wet), 0.0, 1_800.0)) == []


@pytest.mark.parametrize(
    ("cause", "sun_deg", "morning", "seen"),
    [
        ("sunset", 3.0, False, True), ("sunset", 30.0, False, False), ("sunset", -8.0, False, False),
        ("fog", 5.0, True, True), ("fog", 5.0, False, False), ("fog", 40.0, True, False),
        ("cloud", 50.0, False, True), ("dust", 50.0, False, True),
    ],
)  # fmt: skip
def test_mistakes_need_their_light(cause: Any, sun_deg: float, morning: bool, seen: bool) -> None:
    def at(time_s: float) -> Any:
        return mistake(source(cause=cause), time_s, sun_elevation_deg=sun_deg, morning=morning, rain_mm_h=0.0)

    assert (at(60.0) is not None) == seen
    assert at(-1.0) is None
    assert at(3_600.0) is None
    if seen:
        assert at(120.0).azimuth_deg == pytest.approx(101.0)
        assert 0.0 < at(60.0).chance <= 1.0
        assert 0.0 < at(60.0).confidence <= 0.5


def test_fog_thins_and_cloud_climbs() -> None:
    fog = [mistake(source(cause="fog"), 0.0, sun_elevation_deg=sun, morning=True, rain_mm_h=0.0) for sun in (2.0, 20.0)]
    assert fog[0] is not None
    assert fog[1] is not None
    assert fog[1].chance < fog[0].chance
    cloud = [
        mistake(source(cause="cloud"), at_s, sun_elevation_deg=40.0, morning=False, rain_mm_h=0.0)
        for at_s in (0.0, 600.0)
    ]
    assert cloud[0] is not None
    assert cloud[1] is not None
    assert cloud[1].elevation_deg > cloud[0].elevation_deg


def fault(kind: Any, value: float = 0.0, from_s: float = 300.0, until_s: float = 600.0) -> DeviceFault:
    return DeviceFault("TWR-0", kind, from_s, until_s, value)


def test_a_stale_frame_keeps_its_time_and_shows_nothing_new() -> None:
    stage = burning_stage(20.0, fault_list=(fault("stale_frame"),))
    messages = said(tower(stage), 0.0, 900.0)
    during = [each for each in messages if START + timedelta(seconds=300) <= each.time < START + timedelta(seconds=600)]
    assert events(during) == []
    assert len(statuses(during)) >= 4
    assert len({each.frame_time for each in statuses(during)}) == 1
    assert max(each.time - each.frame_time for each in statuses(during)) > timedelta(seconds=200)
    after = [each for each in messages if each.time >= START + timedelta(seconds=600)]
    assert events(after)
    assert all(each.time - each.frame_time < timedelta(seconds=1) for each in statuses(after))


def test_a_lost_connection_leaves_the_will_and_comes_back() -> None:
    stage = burning_stage(20.0, fault_list=(fault("dropout"),))
    messages = said(tower(stage), 0.0, 900.0)
    during = [each for each in messages if START + timedelta(seconds=300) <= each.time < START + timedelta(seconds=600)]
    assert [(each.online, each.fault) for each in during] == [(False, "connection lost")]
    back = next(each for each in messages if each.time >= START + timedelta(seconds=600))
    assert isinstance(back, CameraStatus)
    assert back.online
    hung = said(tower(replace(stage, fault_list=(fault("silent"),))), 0.0, 900.0)
    assert not [each for each in hung if START + timedelta(seconds=300) <= each.time < START + timedelta(seconds=600)]


def test_a_fault_changes_its_own_time_only() -> None:
    sound = events(said(tower(burning_stage(20.0)), 0.0, 900.0))
    turned = events(said(tower(burning_stage(20.0, fault_list=(fault("offset", 12.0),))), 0.0, 900.0))
    assert len(sound) == len(turned)
    for one, other in zip(sound, turned, strict=True):
        within = START + timedelta(seconds=300) <= one.time < START + timedelta(seconds=600)
        apart = (other.azimuth_deg - one.azimuth_deg + 180) % 360 - 180
        assert apart == pytest.approx(12.0 if within else 0.0, abs=0.011)
    late = events(said(tower(burning_stage(20.0, fault_list=(fault("clock_offset", -40.0),))), 0.0, 900.0))
    shifts = [(other.time - one.time).total_seconds() for one, other in zip(sound, late, strict=True)]
    assert set(shifts) == {0.0, -40.0}


def test_it_says_hello_and_goodbye_and_leaves_a_will() -> None:
    device = tower(Stage(region=REGION))
    (hello,), (bye,) = (device.hello(START), device.goodbye(START))
    will = device.will(START)
    assert will is not None
    assert [_decoded(out)[0].online for out in (hello, bye, will)] == [True, False, False]
    assert hello.retain
    assert hello.topic.endswith("/tower/TWR-0/status")


def test_the_parts_of_a_bearings_error_add_up_to_the_stated_sigma() -> None:
    rng = np.random.default_rng(1)
    poses = [draw_pose(REGION.tower[0], rng) for _ in range(2_000)]
    errors = [pose.error_deg + pose.noise_sigma_deg * rng.standard_normal() for pose in poses]
    assert np.std(errors) == pytest.approx(REGION.tower[0].azimuth_sigma_deg, rel=0.05)
