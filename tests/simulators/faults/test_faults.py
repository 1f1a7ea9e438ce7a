from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.devices.faults import FAULT_KINDS, QUANTITIES, DeviceFaults, FaultTable
from simulators.world.chance import normal, uniform
from simulators.world.happenings import DeviceFault

IDS = ["a", "b", "c", "d"]
ALL = np.arange(4)


def of(*faults: DeviceFault, seed: int = 1, ids: list[str] = IDS) -> DeviceFaults:
    return FaultTable(faults, seed).of(ids)


def fault(device: str, kind: str, from_s: float = 10.0, until_s: float = 100.0, value: float = 0.0) -> DeviceFault:
    return DeviceFault(device, kind, from_s, until_s, value)  # type: ignore[arg-type]


@st.composite
def fault_lists(draw: st.DrawFn, devices: tuple[str, ...] = ("a", "b")) -> list[DeviceFault]:
    def one(device: str, kind: str, from_s: float, length_s: float) -> DeviceFault:
        size = {"missed_lane": 2.0, "dead_pixels": 0.25}.get(kind, 7.0)
        return fault(device, kind, from_s, from_s + length_s, size)

    times = st.floats(0, 50, allow_nan=False)
    return draw(
        st.lists(
            st.builds(one, st.sampled_from(devices), st.sampled_from(FAULT_KINDS), times, st.floats(1, 50)), max_size=8
        )
    )


@settings(deadline=None)
@given(fault_lists(), st.floats(0, 100), st.integers(0, 2**31), st.sampled_from(sorted(QUANTITIES)))
def test_faults_never_reach_other_devices_nor_other_times(
    faults: list[DeviceFault], at_s: float, seed: int, quantity: str
) -> None:
    values = np.full((4, 3), 50.0)
    found = of(*faults, seed=seed)
    read = found.distort(quantity, ALL, at_s, values)
    now = {one.device for one in faults if one.from_s <= at_s < one.until_s}
    for place, device in enumerate(IDS):
        if device not in now:
            assert np.array_equal(read[place], values[place])
            assert not found.silent([place], at_s)[0]
            assert found.clock_offset_s([place], at_s)[0] == 0.0
            assert found.missed_lane([place], at_s)[0] == 0
    for kind in FAULT_KINDS:
        there = {one.device for one in faults if one.kind == kind and one.from_s <= at_s < one.until_s}
        assert [IDS[place] for place in np.flatnonzero(found.active(kind, ALL, at_s))] == sorted(there)
    assert np.array_equal(values, np.full((4, 3), 50.0))


@settings(deadline=None)
@given(fault_lists(), st.permutations(range(12)), st.integers(1, 12))
def test_what_a_device_reads_does_not_depend_on_how_it_is_asked(
    faults: list[DeviceFault], order: list[int], group: int
) -> None:
    steady = [one for one in faults if one.kind != "stuck"]
    which, at_s = np.repeat(ALL, 3), np.tile([5.0, 20.0, 40.0], 4)
    values = np.linspace(20, 110, 12)
    at_once = of(*steady).distort("speed_kmh", which, at_s, values)
    found, pieces = of(*steady), np.zeros(12)
    for begin in range(0, 12, group):
        some = np.array(order[begin : begin + group])
        pieces[some] = found.distort("speed_kmh", which[some], at_s[some], values[some])
    assert np.array_equal(at_once, pieces, equal_nan=True)


def test_a_stuck_device_holds_what_it_read_first_of_each_quantity_and_lane() -> None:
    found = of(fault("b", "stuck"), fault("b", "stuck", 200.0, 300.0))
    speed, volume = np.arange(8.0).reshape(4, 2), np.arange(8).reshape(4, 2)
    assert found.distort("speed_kmh", ALL, 9.0, speed) is speed
    found.distort("speed_kmh", ALL, 10.0, speed)
    found.distort("volume", ALL, 20.0, volume)
    later = found.distort("speed_kmh", ALL, 99.0, speed + 30)
    assert np.array_equal(later, np.where(ALL[:, None] == 1, speed, speed + 30))
    count = found.distort("volume", ALL, 99.0, volume + 3)
    assert count.dtype == volume.dtype
    assert np.array_equal(count[1], volume[1])
    assert np.array_equal(found.distort("speed_kmh", ALL, 100.0, speed + 30), speed + 30)
    assert np.array_equal(found.distort("speed_kmh", ALL, 210.0, speed + 70), speed + 70)
    assert np.array_equal(found.distort("speed_kmh", ALL, 220.0, speed)[1], speed[1] + 70)


def test_several_readings_of_a_stuck_device_in_one_call_hold_the_earliest() -> None:
    read = of(fault("a", "stuck")).distort("temp_c", [0, 0, 0], [30.0, 12.0, 20.0], np.array([3.0, 1.0, 2.0]))
    assert read.tolist() == [1.0, 1.0, 1.0]


def test_a_stuck_device_with_no_reading_stays_without_one() -> None:
    found = of(fault("a", "stuck"))
    found.distort("speed_kmh", [0], 10.0, np.array([np.nan]))
    assert math.isnan(found.distort("speed_kmh", [0], 20.0, np.array([80.0]))[0])


def test_a_dead_sensor_reads_nothing_whatever_else_is_wrong() -> None:
    found = of(fault("a", "zero"), fault("a", "offset", value=9.0), fault("a", "stuck"))
    assert found.distort("volume", ALL, 20.0, np.full(4, 9)).tolist() == [0, 9, 9, 9]
    assert math.isnan(found.distort("speed_kmh", ALL, 20.0, np.full(4, 80.0))[0])
    assert found.distort("battery_v", ALL, 20.0, np.full(4, 3.6)).tolist() == [3.6] * 4


def test_an_offset_is_added_within_what_the_wire_can_carry() -> None:
    found = of(fault("a", "offset", value=-30.0), fault("b", "offset", value=20.0))
    assert found.distort("speed_kmh", ALL, 20.0, np.full(4, 20.0)).tolist() == [0.0, 40.0, 20.0, 20.0]
    assert found.distort("azimuth_deg", ALL, 20.0, np.array([10.0, 350.0, 0.0, 0.0])).tolist() == [340.0, 10.0, 0, 0]
    assert found.distort("occupancy_pct", ALL, 20.0, np.full(4, 20.0)).tolist() == [20.0] * 4
    assert math.isnan(found.distort("speed_kmh", [0], 20.0, np.array([np.nan]))[0])


def test_noise_and_spikes_have_the_size_and_frequency_that_are_said() -> None:
    found = of(fault("a", "noise", 0.0, 1e6, 4.0), fault("b", "spike", 0.0, 1e6, 50.0))
    at_s = np.arange(4_000.0)
    noise = found.distort("speed_kmh", np.zeros(4_000, dtype=np.int64), at_s, np.full(4_000, 80.0)) - 80.0
    assert noise.std() == pytest.approx(4.0, rel=0.05)
    assert noise.mean() == pytest.approx(0.0, abs=0.25)
    assert abs(np.corrcoef(noise[1:], noise[:-1])[0, 1]) < 0.06
    spikes = found.distort("speed_kmh", np.ones(4_000, dtype=np.int64), at_s, np.full(4_000, 80.0)) - 80.0
    assert set(spikes.tolist()) == {0.0, 50.0}
    assert (spikes > 0).mean() == pytest.approx(0.05, abs=0.012)


def test_two_lanes_two_devices_and_two_seeds_have_different_noise() -> None:
    faults = (fault("a", "noise", value=4.0), fault("b", "noise", value=4.0))
    read = of(*faults).distort("tilt_x_deg", ALL, 20.0, np.zeros((4, 2)))
    other = of(*faults, seed=2).distort("tilt_x_deg", ALL, 20.0, np.zeros((4, 2)))
    assert len(set(read[:2].ravel().tolist()) | set(other[:2].ravel().tolist())) == 8


def test_noise_of_a_device_does_not_depend_on_its_place_in_the_set() -> None:
    table = FaultTable([fault("c", "noise", value=4.0)], 5)
    one = table.of(["c"]).distort("temp_c", [0], 20.0, np.zeros(1))
    other = table.of(["x", "y", "c"]).distort("temp_c", [2], 20.0, np.zeros(1))
    assert one[0] == other[0] != 0.0


def test_without_faults_the_very_same_array_comes_back() -> None:
    values = np.ones(4)
    for found in (of(), of(fault("elsewhere", "zero")), of(fault("a", "dropout"))):
        assert found.distort("temp_c", ALL, 20.0, values) is values
    assert not of()
    assert of(fault("a", "dropout"))


def test_sizes_silence_lanes_and_clocks() -> None:
    found = of(
        fault("a", "dropout"),
        fault("b", "silent"),
        fault("c", "missed_lane", value=2.0),
        fault("d", "clock_offset", value=-40.0),
        fault("d", "clock_offset", 50.0, 60.0, 7.5),
    )
    assert found.silent(ALL, 20.0).tolist() == [True, True, False, False]
    assert found.missed_lane(ALL, 20.0).tolist() == [0, 0, 2, 0]
    assert found.clock_offset_s(ALL, 20.0).tolist() == [0, 0, 0, -40.0]
    assert found.clock_offset_s([3, 3, 3], [9.0, 55.0, 60.0]).tolist() == [0.0, 7.5, -40.0]
    assert found.spans("clock_offset", 3) == ((10.0, 100.0), (50.0, 60.0))
    assert found.spans("clock_offset", 0) == found.spans("zero", 0) == ()
    assert np.isnan(found.value("clock_offset", [0], 20.0)).all()


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (fault("a", "sleepy"), r"faults\[1\].kind: expected one of dropout, stuck, .*, was 'sleepy'"),
        (fault("a", "zero", 10.0, 10.0), r"faults\[1\].until_s: expected a time after from_s = 10.0, was 10.0"),
        (fault("a", "zero", math.nan), r"faults\[1\].until_s: expected a time after from_s = nan"),
        (fault("a", "offset", value=math.inf), r"faults\[1\].value: expected a number, was inf"),
        (fault("a", "noise", value=-1.0), r"faults\[1\].value: expected a spread of at least 0, was -1.0"),
        (fault("a", "missed_lane", value=1.5), r"faults\[1\].value: expected the number of a lane, 1 to 16, was 1.5"),
        (fault("a", "dead_pixels", value=2.0), r"faults\[1\].value: expected a share of the face, 0 to 1, was 2.0"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(wrong: DeviceFault, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        FaultTable([fault("b", "zero"), wrong], 1)


def test_wrong_questions_are_refused() -> None:
    found = of(fault("a", "stuck"))
    with pytest.raises(ValueError, match="device_ids: expected each device once, was 'x' twice"):
        FaultTable([], 1).of(["x", "y", "x"])
    with pytest.raises(ValueError, match=r"quantity: expected one of volume, .*, was 'speed'"):
        found.distort("speed", ALL, 1.0, np.zeros(4))
    with pytest.raises(ValueError, match=r"values: expected shape \(4,\) or \(4, lane\), was \(3,\)"):
        found.distort("temp_c", ALL, 1.0, np.zeros(3))
    found.distort("temp_c", ALL, 20.0, np.zeros((4, 2)))
    with pytest.raises(ValueError, match="values: expected 2 lanes of temp_c as before, was 3"):
        found.distort("temp_c", ALL, 20.0, np.zeros((4, 3)))


def test_chances_are_even_and_their_columns_do_not_depend_on_their_number() -> None:
    keys = np.arange(500, dtype=np.uint64)
    draws = uniform(keys, np.full(500, 12.0), "test", 40)
    assert draws.min() > 0
    assert draws.max() < 1
    assert np.histogram(draws, 10, (0, 1))[0] == pytest.approx(2_000, rel=0.1)
    assert np.array_equal(uniform(keys, np.full(500, 12.0), "test", 3), draws[:, :3])
    assert not np.isin(uniform(keys, np.full(500, 12.0), "other", 3), draws).any()
    assert not np.isin(uniform(keys, np.full(500, 12.001), "test", 3), draws).any()
    spread = normal(keys, np.full(500, 12.0), "test", 40)
    assert (spread.mean(), spread.std()) == pytest.approx((0.0, 1.0), abs=0.02)
