from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta, timezone
from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.catalogue.geometry import GEOD
from sensors.codec import MESSAGE_TYPES, decode
from sensors.observations import (
    CameraStatus,
    CctvEvent,
    DeviceStatus,
    Message,
    SlopeObservation,
    TowerEvent,
    VdsObservation,
    WeatherObservation,
)
from sensors.registry import Registry
from simulators.causes.files import load_scenario
from simulators.causes.land import SlopeCreep
from simulators.devices.endpoint import Outbound
from simulators.errors import SimulatorError
from simulators.simulation import DEVICES_ASLEEP_S, Simulation
from simulators.world.happenings import Happenings
from simulators.world.sky.climate import Climate
from tests.simulators.playing import START, by_device, eventful, played, simulate
from tests.simulators.valley import valley

REGISTRY = Registry.from_catalogue(valley())
ENDPOINTS = set(range(len(Simulation(valley(), load_scenario("calm"), START).endpoints)))
EVERYONE = {*REGISTRY.ids, *REGISTRY.centres}


@pytest.mark.parametrize(("name", "until_s"), [("calm", 1_300.0), ("crash", 600.0), ("fire", 900.0)])
def test_everything_sent_fits_the_protocol_and_the_region(name: str, until_s: float) -> None:
    numbers: dict[str, int] = {}
    for outbound in played(name, until_s):
        decoded = decode(outbound.topic, outbound.payload)
        topic = decoded.topic
        slow = topic.stream == "obs" and topic.kind != "slope"
        assert outbound.qos == (0 if slow else 1)
        assert outbound.retain == (topic.stream == "status")
        for message in decoded.messages:
            if topic.kind == "cell":
                REGISTRY.check_centre(topic, message.device)
            else:
                REGISTRY.resolve(topic, message.device)
            assert isinstance(message, MESSAGE_TYPES[topic.kind, topic.stream])
            assert message.time.utcoffset() == timedelta(0)
            # The radio of slope nodes may bring a reading late or twice; all others say things once and in order.
            assert topic.kind == "slope" or message.seq > numbers.get(message.device, -1)
            numbers[message.device] = message.seq
    assert set(numbers) == EVERYONE


@settings(deadline=None, max_examples=3)
@given(
    seed=st.integers(0, 2**32 - 1),
    tick_s=st.sampled_from([0.5, 1.7, 5.0, 13.0]),
    temp=st.floats(-40, 45), wind=st.floats(0, 150), rain=st.floats(0, 150), rate=st.floats(0.01, 100),
    time=st.sampled_from(["00:00", "08:00", "18:30"]),
)  # fmt: skip
def test_any_seed_tick_weather_and_creep_give_decodable_messages(
    seed: int, tick_s: float, temp: float, wind: float, rain: float, rate: float, time: str
) -> None:
    scenario = msgspec.structs.replace(
        load_scenario("crash"),
        time_of_day=time,
        weather=Climate(temp_c=temp, wind_kmh=wind, rain_mm_h=rain),
        event=(*load_scenario("crash").event, SlopeCreep(at_s=0, duration_s=600, node="SLP-2", rate_deg_h=rate)),
    )
    sent = simulate(scenario, 130.0, tick_s, seed)
    assert all(decode(outbound.topic, outbound.payload).messages for _, outbound in sent)
    assert {endpoint for endpoint, _ in sent} == ENDPOINTS


@pytest.fixture(scope="module")
def minutes() -> list[tuple[int, Outbound]]:
    """Twenty minutes in which everything happens."""
    return simulate(eventful(), 1_200.0, 5.0)


def test_twenty_eventful_minutes_hold_events_of_every_kind(minutes: list[tuple[int, Outbound]]) -> None:
    happenings = Simulation(valley(), eventful(), START).happenings
    assert all(getattr(happenings, field) for field in Happenings.__dataclass_fields__)
    assert max(closure.from_s for closure in happenings.closures) < 1_200.0
    assert by_device(minutes, CctvEvent)
    assert len(by_device(minutes, TowerEvent)) >= 2


def test_the_same_seed_and_start_give_the_same_bytes_in_the_same_order(minutes: list[tuple[int, Outbound]]) -> None:
    assert simulate(eventful(), 1_200.0, 5.0) == minutes


def test_another_seed_says_something_else_on_every_kind_of_device(minutes: list[tuple[int, Outbound]]) -> None:
    other = simulate(eventful(), 400.0, 5.0, seed=67)
    for kind in (VdsObservation, WeatherObservation, SlopeObservation):
        one, two = by_device(minutes, kind), by_device(other, kind)
        shared = one.keys() & two.keys()
        assert shared
        for device in shared:
            both = min(len(one[device]), len(two[device]))
            assert one[device][:both] != two[device][:both]


@pytest.mark.parametrize("tick_s", [1.0, 13.7])
def test_devices_say_the_same_whatever_the_tick(minutes: list[tuple[int, Outbound]], tick_s: float) -> None:
    # The tick decides which samples of a gateway travel in one batch, nothing else.
    def said(sent: list[tuple[int, Outbound]]) -> dict[tuple[int, str], list[Message]]:
        streams: dict[tuple[int, str], list[Message]] = defaultdict(list)
        for endpoint, outbound in sent:
            decoded = decode(outbound.topic, outbound.payload)
            for message in decoded.messages:
                streams[endpoint, f"{message.device}/{decoded.topic.stream}"].append(message)
        return streams

    assert said(simulate(eventful(), 1_200.0, tick_s)) == said(minutes)


def test_a_page_fills_within_seconds() -> None:
    assert {message.device for message in _all(simulate("calm", 3.0))} == EVERYONE


def _all(sent: list[tuple[int, Outbound]]) -> list[Message]:
    return [message for _, outbound in sent for message in decode(outbound.topic, outbound.payload).messages]


def test_detector_periods_are_true_and_leave_no_gap() -> None:
    found = by_device(played("calm", 1_300.0), VdsObservation)
    assert len(found) == len(valley().vds)
    for samples in found.values():
        end = START
        for sample in samples:
            assert isinstance(sample, VdsObservation)
            assert (sample.time - end).total_seconds() == pytest.approx(sample.period_s, abs=0.002)
            end = sample.time
        assert {sample.period_s for sample in samples[2:]} == {30.0}  # type: ignore[attr-defined]
        assert samples[0].period_s <= 3.0  # type: ignore[attr-defined]


@pytest.mark.parametrize(("kind", "period_s"), [(WeatherObservation, 60.0), (CameraStatus, 60.0), (DeviceStatus, 60.0)])
def test_periods_of_the_other_devices(kind: type[Message], period_s: float) -> None:
    found = by_device(played("calm", 1_300.0), kind)
    assert found
    for received in found.values():
        gaps = [(b.time - a.time).total_seconds() for a, b in pairwise(received[1:])]
        assert gaps == pytest.approx([period_s] * len(gaps), abs=0.002)
        assert len(gaps) >= 1_300 / period_s - 3


def test_pictures_are_fresh() -> None:
    for statuses in by_device(played("calm", 1_300.0), CameraStatus).values():
        for status in statuses:
            assert isinstance(status, CameraStatus)
            assert status.frame_time is not None
            assert timedelta(0) < status.time - status.frame_time < timedelta(seconds=1)


def test_a_creeping_node_reports_every_minute_and_tilts() -> None:
    event = SlopeCreep(at_s=60, duration_s=1_800, node="SLP-2", rate_deg_h=0.6)
    found = by_device(
        simulate(msgspec.structs.replace(load_scenario("calm"), event=(event,)), 1_860.0, 30.0), SlopeObservation
    )
    assert len(found["SLP-2"]) > 15
    assert len(found["SLP-1"]) <= 6
    first, last = found["SLP-2"][0], found["SLP-2"][-1]
    moved = np.hypot(last.tilt_x_deg - first.tilt_x_deg, last.tilt_y_deg - first.tilt_y_deg)  # type: ignore[attr-defined]
    spent_h = (last.time - START).total_seconds() / 3_600 - 60 / 3_600
    assert moved == pytest.approx(0.6 * min(spent_h, 0.5), abs=0.06)


def test_the_crash_is_in_the_detectors_and_the_camera() -> None:
    (crash,) = Simulation(valley(), load_scenario("crash"), START).happenings.closures
    sent = played("crash", 600.0)
    place = spot_along(crash.link, crash.offset_m)
    events = [
        event
        for found in by_device(sent, CctvEvent).values()
        for event in found
        if event.event == "stopped_vehicle"  # type: ignore[attr-defined]
    ]
    assert events
    cameras = {camera.id: camera for camera in valley().cctv}
    for event in events:
        assert GEOD.inv(*cameras[event.device].position, *place)[2] <= cameras[event.device].range_m
        assert event.time >= START + timedelta(seconds=crash.from_s)
    station = next(one for one in valley().vds if one.link == crash.link)
    behind = station.id if station.offset_m < crash.offset_m else f"VDS-{_before(crash.link)}"
    late = START + timedelta(seconds=400)
    speeds = defaultdict(list)
    for device, samples in by_device(sent, VdsObservation).items():
        for sample in samples:
            if sample.time > late:
                speeds[device] += [lane.speed_kmh for lane in sample.lanes if lane.speed_kmh is not None]  # type: ignore[attr-defined]
    assert np.mean(speeds[behind]) < 40.0
    way = "E1up" if "E1down" in crash.link else "E1down"
    assert min(np.mean(found) for device, found in speeds.items() if way in device) > 70.0


def _before(link: str) -> str:
    links = {one.id: one for one in valley().links}
    return next(
        one.id
        for one in valley().links
        if one.to_node == links[link].from_node and one.direction == links[link].direction
    )


def spot_along(link: str, offset_m: float) -> tuple[float, float]:
    found = next(one for one in valley().links if one.id == link)
    azimuth, _, _ = GEOD.inv(*found.line[0], *found.line[-1])
    lon, lat, _ = GEOD.fwd(*found.line[0], azimuth, offset_m)
    return lon, lat


def test_towers_point_at_the_fire_and_one_is_mistaken() -> None:
    simulation = Simulation(valley(), load_scenario("fire"), START)
    (fire,), (false,) = simulation.happenings.ignitions, simulation.happenings.false_sources
    events = by_device(played("fire", 900.0), TowerEvent)
    sighted = 0
    for tower in valley().tower:
        seen = [event for event in events[tower.id] if not event.detection.endswith("f0")]  # type: ignore[attr-defined]
        if not seen:
            continue
        sighted += 1
        assert len({event.detection for event in seen}) == 1  # type: ignore[attr-defined]
        assert min((b.time - a.time).total_seconds() for a, b in pairwise(seen)) >= 29.9
        azimuth = GEOD.inv(*tower.position, *fire.position)[0]
        # The smoke of a fire some hundred metres long stands beside its beginning.
        wide_deg = np.degrees(np.arctan2(600.0, GEOD.inv(*tower.position, *fire.position)[2]))
        errors = [(event.azimuth_deg - azimuth + 180) % 360 - 180 for event in seen]  # type: ignore[attr-defined]
        assert np.abs(errors).max() < 4 * tower.azimuth_sigma_deg + wide_deg
        assert seen[0].time > START + timedelta(seconds=fire.from_s)
    assert sighted >= 3
    mistaken = [event for event in events[false.tower] if event.detection.endswith("f0")]  # type: ignore[attr-defined]
    assert mistaken
    assert max(event.confidence for event in mistaken) < 0.5  # type: ignore[attr-defined]


def test_a_machine_that_slept_makes_nothing_up() -> None:
    simulation = Simulation(valley(), load_scenario("calm"), START)
    simulation.advance(40.0)
    late = simulation.advance(1_840.0)
    assert simulation.world.time_s >= 1_840.0 > 40.0 + DEVICES_ASLEEP_S
    assert not by_device(late, VdsObservation)
    after = simulation.advance(1_875.0)
    periods = {sample.period_s for group in by_device(after, VdsObservation).values() for sample in group}  # type: ignore[attr-defined]
    assert periods == {30.0}
    assert simulation.advance(1_840.0) == []


def test_a_start_without_time_zone_is_refused() -> None:
    with pytest.raises(SimulatorError, match="start: expected an aware time"):
        Simulation(valley(), load_scenario("calm"), datetime(2026, 1, 1))  # noqa: DTZ001


def test_a_start_in_another_time_zone_is_the_same_instant() -> None:
    korean = Simulation(valley(), load_scenario("calm"), START.astimezone(timezone(timedelta(hours=9))))
    batch = korean.advance(3.0)[0][1]
    assert decode(batch.topic, batch.payload).messages[0].time.utcoffset() == timedelta(0)
