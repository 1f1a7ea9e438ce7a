from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from sensors.codec import decode
from sensors.observations import CctvEventKind
from simulators.devices.camera_hub import FORGET_S, LOW_VISIBILITY_M, REPEAT_S, CameraHub
from simulators.world.happenings import Closure, DeviceFault
from simulators.world.wildfire.sight import SmokeSight
from tests.simulators.region import DISTRICTS, spot
from tests.simulators.wildfire.stage import (
    FOEHN,
    START,
    Stage,
    burn,
    even_fire,
    events,
    hilly_region,
    said,
    statuses,
    timebase,
)

REGION = hilly_region()


def hub(stage: Stage, seed: int = 1) -> CameraHub:
    own = [index for index, camera in enumerate(REGION.cctv) if camera.district == DISTRICTS[0]]
    return CameraHub("hub-1", DISTRICTS[0], [REGION.cctv[index] for index in own], own, stage, timebase(), seed)


def crash(cause: Any = "crash", lanes: frozenset[int] = frozenset({2, 3})) -> Closure:
    return Closure("C1", cause, "E1up01", 500.0, 100.0, lanes, 0.0, 7_200.0)


def at_camera_2(cause: Any = "crash") -> tuple[tuple[Closure, tuple[float, float]], ...]:
    return ((crash(cause), spot(4_200, 0)),)


def test_the_nearest_camera_reports_a_crash_soon_and_then_now_and_again() -> None:
    found = events(said(hub(Stage(region=REGION, closures=at_camera_2())), 0.0, 1_200.0))
    assert {(each.device, each.event, each.lane) for each in found} == {("CAM-2", "stopped_vehicle", 2)}
    assert found[0].time <= START + timedelta(seconds=120)
    assert [each.confidence for each in found[:3]] == [0.62, 0.79, 0.91]
    gaps = np.diff([each.time for each in found[3:]])
    assert min(gaps) >= timedelta(seconds=REPEAT_S)
    assert max(gaps) <= timedelta(seconds=3 * REPEAT_S)


def test_delays_differ_between_runs() -> None:
    stage = Stage(region=REGION, closures=at_camera_2())
    first = [events(said(hub(stage, seed), 0.0, 600.0))[0].time for seed in range(12)]
    assert len(set(first)) > 2
    assert events(said(hub(stage, 3), 0.0, 600.0)) == events(said(hub(stage, 3), 0.0, 600.0, 2.5))


@pytest.mark.parametrize(
    ("cause", "what"),
    [
        ("crash", {"stopped_vehicle"}),
        ("secondary_crash", {"stopped_vehicle"}),
        ("tunnel_fire", {"stopped_vehicle", "smoke"}),
        ("debris", {"debris"}),
        ("slope_failure", {"debris"}),
        ("work_zone", set()),
        ("smoke", set()),
    ],
)
def test_closures_look_as_their_cause_does(cause: str, what: set[CctvEventKind]) -> None:
    found = events(said(hub(Stage(region=REGION, closures=at_camera_2(cause))), 0.0, 900.0))
    assert {each.event for each in found} == what


def test_far_away_and_in_fog_nothing_is_seen_but_the_fog() -> None:
    far = Stage(region=REGION, closures=((crash(), spot(4_000, 4_000)),))
    assert events(said(hub(far), 0.0, 900.0)) == []
    fog = Stage(region=REGION, closures=at_camera_2(), visibility_m=120.0)
    found = events(said(hub(fog), 0.0, 900.0))
    assert {each.event for each in found} == {"low_visibility"}
    assert {each.device for each in found} == {f"CAM-{step}" for step in range(6)}
    thin = Stage(region=REGION, visibility_m=LOW_VISIBILITY_M + 1.0)
    assert events(said(hub(thin), 0.0, 900.0)) == []


def test_standing_traffic_in_view_is_a_queue() -> None:
    stage = Stage(region=REGION, queued=(spot(6_100, 0), spot(6_450, 0), spot(6_800, 0)))
    found = events(said(hub(stage), 0.0, 900.0))
    assert {(each.device, each.event, each.lane) for each in found} == {("CAM-3", "queue", None)}


def test_what_comes_back_after_a_while_is_new() -> None:
    stage = Stage(region=REGION, closures=at_camera_2())
    device = hub(stage)
    assert len(events(said(device, 0.0, 600.0))) > 3
    stage.closures = ()
    assert events(said(device, 600.0, 600.0 + 2 * FORGET_S)) == []
    stage.closures = at_camera_2()
    again = events(said(device, 600.0 + 2 * FORGET_S, 2_000.0))
    assert again[0].confidence == 0.62


def test_smoke_over_the_road_is_seen_as_smoke_and_as_bad_visibility() -> None:
    # A fire 6 km north of the expressway whose smoke a north wind drives over it.
    fire = burn(even_fire(), 3_600.0, FOEHN._replace(wind_deg=0.0))
    stage = Stage(region=REGION, sights=[SmokeSight.from_towers(fire, REGION)])
    over = stage.sights[0].smoke_over_m(*np.array([camera.position for camera in REGION.cctv]).T)
    assert over[3] < 1_000.0 < over[0]
    found = events(said(hub(stage), 0.0, 900.0))
    assert {each.event for each in found} <= {"smoke", "low_visibility"}
    smoky = {each.device for each in found if each.event == "smoke"}
    assert "CAM-3" in smoky
    assert "CAM-0" not in smoky
    quiet = Stage(region=REGION, sights=[SmokeSight.from_towers(burn(even_fire(), 3_600.0), REGION)])
    assert events(said(hub(quiet), 0.0, 900.0)) == []


@dataclass(frozen=True)
class Scripted:
    camera: str
    event: CctvEventKind
    confidence: float


def test_cameras_are_wrong_by_script_only() -> None:
    wrong = (Scripted("CAM-1", "wrong_way", 0.4), Scripted("CAM-9", "debris", 0.4))
    found = events(said(hub(Stage(region=REGION, scripted=wrong)), 0.0, 600.0))
    assert {(each.device, each.event, each.confidence) for each in found} == {("CAM-1", "wrong_way", 0.4)}
    assert events(said(hub(Stage(region=REGION)), 0.0, 600.0)) == []


def faulty(kind: Any, value: float = 0.0) -> Stage:
    fault = DeviceFault("CAM-2", kind, 300.0, 600.0, value)
    return Stage(region=REGION, closures=at_camera_2(), fault_list=(fault,))


def of_camera_2(messages: list[Any], from_s: float, until_s: float) -> list[Any]:
    return [
        each
        for each in messages
        if each.device == "CAM-2"
        and START + timedelta(seconds=from_s) <= each.time < START + timedelta(seconds=until_s)
    ]


def test_a_stale_frame_keeps_its_time_and_finds_nothing() -> None:
    messages = said(hub(faulty("stale_frame")), 0.0, 900.0)
    during = of_camera_2(messages, 300.0, 600.0)
    assert events(during) == []
    assert len(statuses(during)) >= 4
    assert {each.frame_time for each in statuses(during)} == {START + timedelta(seconds=299.8)}
    assert all(each.online for each in statuses(during))
    assert events(of_camera_2(messages, 600.0, 900.0))
    others = [each for each in statuses(messages) if each.device != "CAM-2"]
    assert all(each.time - each.frame_time < timedelta(seconds=1) for each in others)


def test_a_lost_camera_is_said_to_be_offline_and_a_silent_one_is_not_spoken_of() -> None:
    lost = said(hub(faulty("dropout")), 0.0, 900.0)
    during = of_camera_2(lost, 300.0, 600.0)
    assert during
    assert {(each.online, each.fault) for each in during} == {(False, "no picture")}
    assert during[0].time == START + timedelta(seconds=300)
    back = of_camera_2(lost, 600.0, 900.0)
    assert back[0].time == START + timedelta(seconds=600)
    assert back[0].online
    hung = said(hub(faulty("silent")), 0.0, 900.0)
    assert of_camera_2(hung, 300.0, 600.0) == []
    assert of_camera_2(hung, 600.0, 900.0)


def test_a_clock_that_is_ahead_moves_the_times_of_that_camera_only() -> None:
    sound = said(hub(replace(faulty("silent"), fault_list=())), 0.0, 900.0)
    ahead = said(hub(faulty("clock_offset", 90.0)), 0.0, 900.0)
    assert len(sound) == len(ahead)
    shifts = {(one.device, (other.time - one.time).total_seconds()) for one, other in zip(sound, ahead, strict=True)}
    assert {shift for device, shift in shifts if device != "CAM-2"} == {0.0}
    assert {shift for device, shift in shifts if device == "CAM-2"} == {0.0, 90.0}


def test_every_camera_says_hello_and_goodbye_with_numbers_that_go_up() -> None:
    device = hub(Stage(region=REGION))
    hello = [decode(out.topic, out.payload).messages[0] for out in device.hello(START)]
    bye = [decode(out.topic, out.payload).messages[0] for out in device.goodbye(START)]
    assert [each.device for each in hello] == [f"CAM-{step}" for step in range(6)]
    assert all(one.seq < two.seq and not two.online for one, two in zip(hello, bye, strict=True))
    assert device.will(START) is None
