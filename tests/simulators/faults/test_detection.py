from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from sensors.codec import decode
from sensors.observations import VdsObservation
from simulators.devices.detection import SELF_TEST_S, DetectionStations, VdsGateway, few
from simulators.devices.endpoint import Timebase
from simulators.devices.faults import FaultTable
from simulators.devices.schedule import Due
from simulators.world.happenings import DeviceFault
from simulators.world.roads.detectors import Samples
from simulators.world.roads.model import RoadModel
from tests.simulators.region import small_region

REGION = small_region()
START = datetime(2026, 4, 11, 1, 30, tzinfo=UTC)
DISTRICT = "99110"
STATIONS = [station for station in REGION.vds if station.district == DISTRICT]
DEVICE = STATIONS[3].id
Said = dict[str, list[VdsObservation]]


@dataclass
class Roads:
    """What a gateway reads of the world: the same traffic for all, and its own faults."""

    roads: RoadModel
    faults: FaultTable


class FaultlessStations(DetectionStations):
    """Loops that see every vehicle once."""

    def _imperfect(self, due: Due, samples: Samples) -> Samples:
        return samples


def run_all(
    plans: list[tuple[list[DeviceFault], int]], until_s: float = 900.0, kind: type = DetectionStations
) -> list[Said]:
    """What gateways with these faults and seeds say of the same traffic."""
    roads = RoadModel.build(REGION, time_of_day_s=9 * 3600.0, seed=1, warm_up_s=0.0)
    name = f"gw-vds-{DISTRICT}"
    gateways = [
        VdsGateway(name, DISTRICT, kind([STATIONS], Roads(roads, FaultTable(faults, seed)), Timebase(START), seed))
        for faults, seed in plans
    ]
    said: list[Said] = [defaultdict(list) for _ in plans]
    while roads.state.time_s < until_s:
        roads.step(5.0, 9 * 3600.0 + roads.state.time_s)
        for place, gateway in enumerate(gateways):
            for outbound in gateway.due(roads.state.time_s):
                for message in decode(outbound.topic, outbound.payload).messages:
                    said[place][message.device].append(message)
    return said


def run(*faults: DeviceFault, seed: int = 1) -> Said:
    return run_all([(list(faults), seed)])[0]


def fault(kind: str, value: float = 0.0, from_s: float = 200.0, until_s: float = 700.0) -> DeviceFault:
    return DeviceFault(DEVICE, kind, from_s, until_s, value)  # type: ignore[arg-type]


def at_s(message: VdsObservation) -> float:
    return (message.time - START).total_seconds()


def during(said: Said) -> list[VdsObservation]:
    return [message for message in said[DEVICE] if 200 <= at_s(message) < 700]


CALM = run()


@pytest.mark.parametrize(
    "kind", ["dropout", "silent", "stuck", "zero", "offset", "noise", "spike", "missed_lane", "clock_offset"]
)
def test_a_fault_changes_its_own_device_in_its_own_time_only(kind: str) -> None:
    said = run(fault(kind, 2.0))
    assert said[DEVICE] != CALM[DEVICE]
    assert {device: said[device] for device in CALM if device != DEVICE} == {
        device: CALM[device] for device in CALM if device != DEVICE
    }
    before = [message for message in said[DEVICE] if message.time < START + timedelta(seconds=200)]
    assert before == [message for message in CALM[DEVICE] if at_s(message) < 200]
    lanes = {message.time: message.lanes for message in CALM[DEVICE]}
    after = [message for message in said[DEVICE] if at_s(message) >= 705]
    assert len(after) >= 6
    assert all(message.lanes == lanes[message.time] and message.fault is None for message in after)


def test_a_stuck_station_repeats_its_first_sample_under_new_numbers() -> None:
    messages = during(run(fault("stuck")))
    assert len(messages) > 12
    assert {message.lanes for message in messages} == {during(CALM)[0].lanes}
    assert np.all(np.diff([message.seq for message in messages]) == 1)


def test_a_dead_loop_counts_nothing_and_has_no_speed() -> None:
    for message in during(run(fault("zero"))):
        assert {(one.volume, one.heavy, one.speed_kmh, one.occupancy_pct) for one in message.lanes} == {(0, 0, None, 0)}
    assert sum(lane.volume for message in during(CALM) for lane in message.lanes) > 100


def test_a_silent_station_sends_nothing_and_then_samples_of_its_own_period() -> None:
    said = run(fault("dropout"))
    assert during(said) == []
    assert {message.period_s for message in said[DEVICE][1:] if at_s(message) > 100} == {30.0}
    assert np.all(np.diff([message.seq for message in said[DEVICE]]) == 1)


def test_a_clock_that_is_off_shifts_the_time_and_not_the_number() -> None:
    said = run(fault("clock_offset", -75.0, 0.0, 1e9))
    assert [(m.seq, m.lanes, m.time + timedelta(seconds=75)) for m in said[DEVICE]] == [
        (m.seq, m.lanes, m.time) for m in CALM[DEVICE]
    ]


def test_an_offset_shifts_speeds_only() -> None:
    for sound, off in zip(during(CALM), during(run(fault("offset", 25.0))), strict=True):
        for one, other in zip(sound.lanes, off.lanes, strict=True):
            assert (one.volume, one.occupancy_pct) == (other.volume, other.occupancy_pct)
            if one.speed_kmh is not None:
                assert other.speed_kmh == pytest.approx(one.speed_kmh + 25.0, abs=0.051)


def test_a_missed_lane_is_left_out_by_stations_that_know_and_counts_a_share_at_the_others() -> None:
    left_out, deaf = 0, 0
    seeds = range(12)
    sounds = run_all([([], seed) for seed in seeds], 330.0)
    for sound, said in zip(
        sounds, run_all([([fault("missed_lane", 2.0)], seed) for seed in seeds], 330.0), strict=True
    ):
        for one, other in zip(during(sound), during(said), strict=True):
            lanes = {lane.lane: lane for lane in other.lanes}
            true = {lane.lane: lane for lane in one.lanes}
            assert all(lanes[lane] == true[lane] for lane in true if lane != 2)
            if 2 not in lanes:
                left_out += 1
            else:
                deaf += 1
                assert lanes[2].volume == int(true[2].volume * 0.3)
                assert (lanes[2].speed_kmh is None) == (lanes[2].volume == 0)
    assert left_out > 8
    assert deaf > 8


def test_some_stations_name_their_dead_loop_after_their_self_test() -> None:
    named = 0
    for said in run_all([([fault("zero")], seed) for seed in range(12)], 600.0):
        messages = during(said)
        early = [message.fault for message in messages if at_s(message) < 200 + SELF_TEST_S]
        late = {message.fault for message in messages if at_s(message) >= 200 + SELF_TEST_S}
        assert set(early) == {None}
        assert late in ({None}, {"loop open"})
        named += late == {"loop open"}
    assert 2 <= named <= 9


def test_what_is_said_is_the_same_in_every_run_of_a_seed() -> None:
    faults = [fault("noise", 8.0), fault("spike", 40.0), fault("stuck", 0.0, 400.0, 600.0)]
    said = run(*faults)
    assert said == run(*faults)
    assert said != run(*faults, seed=2)


def test_sound_loops_miss_and_double_a_few_vehicles() -> None:
    counts = []
    for kind in (FaultlessStations, DetectionStations):
        (said,) = run_all([([], 1)], 1_200.0, kind)
        counts.append(np.array([sum(lane.volume for lane in m.lanes) for s in STATIONS for m in said[s.id]]))
    true, real = counts
    assert (real.sum() / true.sum()) == pytest.approx(1 - 0.015 + 0.005, abs=0.004)
    assert np.abs(real - true).max() <= 5
    for message in CALM[DEVICE]:
        for lane in message.lanes:
            assert (lane.speed_kmh is None) == (lane.volume == 0)
            assert lane.heavy <= lane.volume


@given(st.integers(0, 60), st.floats(0.001, 0.02), st.floats(1e-6, 1 - 1e-6))
def test_few_inverts_the_binomial_distribution(count: int, share: float, draw: float) -> None:
    (events,) = few(np.array([draw]), np.array([count]), np.array([share])).tolist()
    exact = binom.ppf(draw, count, share)
    boundary = min(abs(binom.cdf(k, count, share) - draw) for k in range(9))
    assert events == min(exact, 8) or boundary < 1e-9
    assert 0 <= events <= count
