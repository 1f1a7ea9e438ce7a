from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
from simulators.devices.endpoint import Outbound
from simulators.errors import SimulatorError
from simulators.causes.files import Scenario, SlopeCreep, load_scenario
from simulators.simulation import Simulation
from simulators.world.weather import Climate
from tests.simulators.region import small_region

REGION = small_region()
START = datetime(2026, 4, 11, 1, 30, tzinfo=UTC)


def simulate(scenario: Scenario, until_s: float, tick_s: float = 1.0, seed: int | None = None) -> list[Outbound]:
    """Every message of a run, as if all connections stood from the start."""
    simulation = Simulation(REGION, scenario, START, seed)
    sent = [message for endpoint in simulation.endpoints for message in endpoint.hello(START)]
    for tick in np.arange(tick_s, until_s + tick_s / 2, tick_s):
        sent += [message for _, message in simulation.advance(float(tick))]
    return sent


def messages(sent: list[Outbound], kind: type[Message]) -> dict[str, list[Message]]:
    found: dict[str, list[Message]] = defaultdict(list)
    for outbound in sent:
        for message in decode(outbound.topic, outbound.payload).messages:
            if type(message) is kind:
                found[message.device].append(message)
    return found


@pytest.mark.parametrize("name", ["calm", "crash", "fire"])
def test_everything_sent_fits_the_protocol_and_the_region(name: str) -> None:
    registry = Registry.from_catalogue(REGION)
    seen: set[tuple[str, int]] = set()
    numbers: dict[str, int] = {}
    for outbound in simulate(load_scenario(name), 400.0):
        decoded = decode(outbound.topic, outbound.payload)
        topic = decoded.topic
        slow = topic.stream == "obs" and topic.kind != "slope"
        assert outbound.qos == (0 if slow else 1)
        assert outbound.retain == (topic.stream == "status")
        for message in decoded.messages:
            registry.resolve(topic, message.device)
            assert isinstance(message, MESSAGE_TYPES[topic.kind, topic.stream])
            assert message.time.utcoffset() == timedelta(0)
            assert (message.device, message.seq) not in seen
            seen.add((message.device, message.seq))
            assert message.seq > numbers.get(message.device, -1)
            numbers[message.device] = message.seq
    assert set(numbers) == set(registry.ids)


@settings(deadline=None, max_examples=8)
@given(
    seed=st.integers(0, 2**32 - 1),
    tick_s=st.sampled_from([0.5, 1.0, 1.7, 5.0, 13.0]),
    name=st.sampled_from(["crash", "fire"]),
)
def test_any_seed_and_any_tick_give_decodable_messages(seed: int, tick_s: float, name: str) -> None:
    for outbound in simulate(load_scenario(name), 130.0, tick_s, seed):
        assert decode(outbound.topic, outbound.payload).messages


@settings(deadline=None, max_examples=8)
@given(
    temp=st.floats(-40, 45), wind=st.floats(0, 150), rain=st.floats(0, 150), rate=st.floats(0.01, 100),
    time=st.sampled_from(["00:00", "08:00", "18:30"]),
)  # fmt: skip
def test_any_weather_and_creep_give_decodable_messages(
    temp: float, wind: float, rain: float, rate: float, time: str
) -> None:
    scenario = msgspec.structs.replace(
        load_scenario("calm"),
        time_of_day=time,
        weather=Climate(temp_c=temp, wind_kmh=wind, rain_mm_h=rain),
        event=(SlopeCreep(at_s=0, duration_s=600, node="SLP-2", rate_deg_h=rate),),
    )
    for outbound in simulate(scenario, 200.0, 5.0):
        assert decode(outbound.topic, outbound.payload).messages


def test_the_same_seed_and_start_give_the_same_bytes_and_another_seed_does_not() -> None:
    crash = load_scenario("crash")
    assert simulate(crash, 200.0) == simulate(crash, 200.0)
    assert simulate(crash, 200.0) != simulate(crash, 200.0, seed=99)


def test_a_page_fills_within_seconds() -> None:
    heard = {
        message.device
        for outbound in simulate(load_scenario("calm"), 3.0)
        for message in decode(outbound.topic, outbound.payload).messages
    }
    assert heard == set(Registry.from_catalogue(REGION).ids)


def test_detector_periods_are_true_and_leave_no_gap() -> None:
    found = messages(simulate(load_scenario("calm"), 200.0), VdsObservation)
    assert len(found) == len(REGION.vds)
    for samples in found.values():
        end = START
        for sample in samples:
            assert isinstance(sample, VdsObservation)
            assert (sample.time - end).total_seconds() == pytest.approx(sample.period_s, abs=0.002)
            end = sample.time
        assert {sample.period_s for sample in samples[2:]} == {30.0}  # type: ignore[attr-defined]
        assert samples[0].period_s <= 3.0  # type: ignore[attr-defined]


def test_periods_of_the_other_devices() -> None:
    sent = simulate(load_scenario("calm"), 1_300.0)
    for kind, period_s in (
        (WeatherObservation, 60.0),
        (SlopeObservation, 600.0),
        (CameraStatus, 60.0),
        (DeviceStatus, 60.0),
    ):
        for received in messages(sent, kind).values():
            gaps = [(b.time - a.time).total_seconds() for a, b in pairwise(received[1:])]
            assert gaps == pytest.approx([period_s] * len(gaps), abs=0.002)
            assert len(gaps) >= 1_300 / period_s - 3


def test_pictures_are_fresh() -> None:
    for statuses in messages(simulate(load_scenario("calm"), 200.0), CameraStatus).values():
        for status in statuses:
            assert isinstance(status, CameraStatus)
            assert status.frame_time is not None
            assert timedelta(0) < status.time - status.frame_time < timedelta(seconds=1)


def test_a_creeping_node_reports_every_minute_and_tilts() -> None:
    event = SlopeCreep(at_s=60, duration_s=1_800, node="SLP-2", rate_deg_h=0.6)
    scenario = msgspec.structs.replace(load_scenario("calm"), event=(event,))
    found = messages(simulate(scenario, 1_860.0, 5.0), SlopeObservation)
    assert len(found["SLP-2"]) > 25
    assert len(found["SLP-1"]) <= 5
    first, last = found["SLP-2"][0], found["SLP-2"][-1]
    moved = np.hypot(last.tilt_x_deg - first.tilt_x_deg, last.tilt_y_deg - first.tilt_y_deg)  # type: ignore[attr-defined]
    assert moved == pytest.approx(0.3, abs=0.03)


def test_the_crash_is_in_the_detectors_and_the_camera() -> None:
    simulation = Simulation(REGION, load_scenario("crash"), START)
    (crash,) = simulation.script.crashes
    sent = simulate(load_scenario("crash"), 420.0)
    events = messages(sent, CctvEvent)
    assert list(events) == [crash.camera]
    assert [event.event for event in events[crash.camera]][:1] == ["stopped_vehicle"]  # type: ignore[attr-defined]
    behind = f"VDS-{crash.link}"
    speeds = [
        lane.speed_kmh
        for sample in messages(sent, VdsObservation)[behind]
        if sample.time > START + timedelta(seconds=330)
        for lane in sample.lanes  # type: ignore[attr-defined]
        if lane.speed_kmh is not None
    ]
    assert np.mean(speeds) < 40.0


def test_towers_point_at_the_fire_ever_more_surely_and_one_is_mistaken() -> None:
    simulation = Simulation(REGION, load_scenario("fire"), START)
    (fire,), (false,) = simulation.script.happenings.fires, simulation.script.false_sightings
    events = messages(simulate(load_scenario("fire"), 600.0), TowerEvent)
    for index, tower in enumerate(REGION.tower[:3]):
        seen = [event for event in events[tower.id] if isinstance(event, TowerEvent)]
        assert len({event.detection for event in seen}) == 1
        gaps = [(b.time - a.time).total_seconds() for a, b in pairwise(seen)]
        assert gaps == pytest.approx([30.0] * len(gaps), abs=0.002)
        errors = [(event.azimuth_deg - fire.azimuth_deg[index] + 180) % 360 - 180 for event in seen]
        assert np.abs(errors).max() < 4 * tower.azimuth_sigma_deg
        assert seen[-1].confidence > 0.7 > 0.5 > seen[0].confidence
    mistaken = events[false.tower]
    assert len(mistaken) == 2
    assert all(event.confidence < 0.4 for event in mistaken)  # type: ignore[attr-defined]


def test_a_machine_that_slept_makes_nothing_up() -> None:
    simulation = Simulation(REGION, load_scenario("calm"), START)
    simulation.advance(40.0)
    late = [message for _, message in simulation.advance(4_000.0)]
    assert simulation.world.time_s >= 4_000.0
    assert not messages(late, VdsObservation)
    after = [message for _, message in simulation.advance(4_035.0)]
    assert {sample.period_s for group in messages(after, VdsObservation).values() for sample in group} == {30.0}  # type: ignore[attr-defined]
    assert simulation.advance(4_000.0) == []


def test_a_start_without_time_zone_is_refused() -> None:
    with pytest.raises(SimulatorError, match="start: expected an aware time"):
        Simulation(REGION, load_scenario("calm"), datetime(2026, 1, 1))  # noqa: DTZ001


def test_a_start_in_another_time_zone_is_the_same_instant() -> None:
    korean = Simulation(REGION, load_scenario("calm"), START.astimezone(timezone(timedelta(hours=9))))
    batch = korean.advance(3.0)[0][1]
    assert decode(batch.topic, batch.payload).messages[0].time.utcoffset() == timedelta(0)
