"""Slope nodes: their rate, their radio, their counters, their end."""

from __future__ import annotations

from collections import Counter as Tally
from itertools import pairwise

import numpy as np
import pytest

from simulators.devices.endpoint import Timebase
from simulators.devices.faults import FaultTable
from simulators.devices.slope_hardware import (
    BACKLOG,
    COUNTER_TIPS,
    RESENT_AT_ONCE,
    TIP_MM,
    Battery,
    Counter,
    Judgement,
    Radio,
    loss_share,
)
from simulators.devices.slope_nodes import SlopeGateway
from simulators.world.happenings import Creep, DeviceFault
from tests.simulators.ground.slopes import slope_field, slope_nodes
from tests.simulators.ground.stage import START, Heard, Stage, after_s, play


def of(heard: Heard, node: int) -> list[float]:
    """Device times of one node, in order."""
    return sorted({after_s(said) for _, said in heard if said.device == f"slope-{node:04d}"})


def test_quiet_nodes_speak_every_ten_minutes_and_at_the_start() -> None:
    stage = Stage(slope_field(40))
    heard = play(stage, stage.gateway(), 4.0)
    assert {said.device for _, said in heard} == {f"slope-{node:04d}" for node in range(40)}
    for node in range(40):
        times = of(heard, node)
        assert times[0] < 3.0
        assert 22 <= len(times) <= 26
        assert {round(later - earlier) for earlier, later in pairwise(times[1:])} <= {600, 1_200, 1_800}


def test_rain_and_creep_make_nodes_fast_by_their_own_readings_and_calm_makes_them_slow_again() -> None:
    stage = Stage(slope_field(30, creeps=(Creep(4, 0.06, 0.0, 4 * 3_600.0),)))
    gateway = stage.gateway()
    play(stage, gateway, 2.0)
    assert np.flatnonzero(gateway.fast()).tolist() == [4]
    stage.rain_mm_h = 30.0
    play(stage, gateway, 0.5)
    gauged = stage.ground.mounting.has_gauge
    assert np.all(gateway.fast()[gauged])
    assert not gateway.fast()[~gauged & (np.arange(30) != 4)].any()
    stage.rain_mm_h = 0.0
    play(stage, gateway, 4.0)
    assert not gateway.fast().any()


def test_what_is_read_is_the_truth_with_the_noise_of_the_sensors() -> None:
    stage = Stage(slope_field(30, creeps=(Creep(3, 0.3, 3_600.0, 10_800.0),)))
    heard = play(stage, stage.gateway(), 4.0)
    tilt = {
        node: np.array([[said.tilt_x_deg, said.tilt_y_deg] for _, said in heard if said.device == f"slope-{node:04d}"])
        for node in (3, 5)
    }
    first, last = tilt[3][:3].mean(axis=0), tilt[3][-3:].mean(axis=0)
    assert np.hypot(*(last - first)) == pytest.approx(0.6, abs=0.02)
    assert tilt[5].std(axis=0) == pytest.approx(0.002, rel=0.5)
    with_wire = {s.device for _, s in heard if s.extension_mm is not None}
    expected = {f"slope-{node:04d}" for node in np.flatnonzero(stage.ground.mounting.has_extensometer)}
    assert with_wire == expected
    assert 3 < len(expected) < 20
    dry = {s.device for _, s in heard if s.soil_moisture_frac is None}
    assert dry == {f"slope-{node:04d}" for node in np.flatnonzero(~stage.ground.mounting.has_probe.any(axis=1))}


def test_lost_packets_come_later_with_their_own_time_some_twice_and_none_is_made_up() -> None:
    stage = Stage(slope_field(80))
    stage.rain_mm_h = 25.0
    heard = play(stage, stage.gateway(), 3.0)
    late = [said for at_s, said in heard if at_s - after_s(said) > 45.0]
    assert len(late) > 10
    times = Tally((said.device, said.seq) for _, said in heard)
    assert 3 < sum(count - 1 for count in times.values()) < 0.1 * len(heard)
    same = {}
    for _, said in heard:
        assert same.setdefault((said.device, said.seq), said) == said
    disorder = sum(
        later.seq < earlier.seq
        for node in range(80)
        for earlier, later in pairwise(said for _, said in heard if said.device == f"slope-{node:04d}")
    )
    assert disorder > 3
    assert all(after_s(said) <= at_s for at_s, said in heard)


def test_a_failing_slope_buries_its_node() -> None:
    stage = Stage(slope_field(40, 0.4))
    gateway = stage.gateway()
    stage.rain_mm_h = 50.0
    heard = play(stage, gateway, 6.0)
    failed_at_s = stage.ground.failed_at_s
    gone = np.flatnonzero(failed_at_s < 5.2 * 3_600)
    assert len(gone) > 4
    absurd = 0
    for node in gone:
        after = [s for _, s in heard if s.device == f"slope-{node:04d}" and after_s(s) >= failed_at_s[node]]
        assert all(after_s(said) < failed_at_s[node] + 600.0 for said in after)
        assert all(said.pore_pressure_kpa is None for said in after)
        absurd += bool(after)
        before = [s for _, s in heard if s.device == f"slope-{node:04d}" and after_s(s) < failed_at_s[node]]
        assert len(before) > 10
    assert 0 < absurd < len(gone)


def test_counters_roll_over_and_start_anew() -> None:
    counter = Counter(np.array([[0.0, 0.0], [1.0, 0.5]]))
    before = counter.total_mm(np.arange(2)).copy()
    assert before[0] == pytest.approx((COUNTER_TIPS - 5) * TIP_MM)
    counter.count(np.array([2.0, 2.0]))
    after = counter.total_mm(np.arange(2))
    assert after[0] == pytest.approx(1.0)
    assert after[1] == pytest.approx(before[1] + 2.0)
    counter.reset(np.array([1]))
    assert counter.total_mm(np.array([1])) == 0.0
    counter.count(np.array([2.0, 2.6]))
    assert counter.total_mm(np.array([1])) == pytest.approx(0.6)


def test_noise_alone_does_not_wake_a_node_and_a_knock_does() -> None:
    judgement, rng = Judgement(200), np.random.default_rng(4)
    every = np.arange(200)
    for step in range(100):
        judgement.take_tilt(every, np.full(200, step * 600.0), rng.normal(0.0, 0.002, (200, 2)))
        assert judgement.fast.mean() < 0.02
    judgement.take_tilt(np.array([7]), np.array([60_000.0]), np.array([[0.2, 0.0]]))
    assert judgement.fast[7]
    judgement.forget(np.array([7]))
    assert not judgement.fast[7]


def test_the_sun_fills_a_battery_and_sampling_empties_it() -> None:
    battery = Battery(np.array([[0.5, 0.5, 0.5], [0.01, 0.0, 0.0]]))
    full = battery.share(np.arange(2)).copy()
    assert not battery.live(36_000.0, np.zeros(2)).any()
    dark = battery.share(np.arange(2)).copy()
    assert np.all(dark < full)
    battery.spend(np.array([0]), 500.0)
    assert battery.share(np.array([0])) < dark[0]
    battery.spend(np.array([1]), 1e6)
    battery.live(36_600.0, np.zeros(2))
    assert battery.off.tolist() == [False, True]
    back = battery.live(60_000.0, np.full(2, 800.0))
    assert back.tolist() == [False, True]
    assert 3.0 <= battery.volts(np.array([1]))[0] <= 4.15


def test_a_node_without_link_forgets_its_oldest_packets_and_counts_them() -> None:
    stage = Stage(slope_field(1))
    packet = play(stage, stage.gateway(), 0.01)[0][1]
    radio = Radio(1)
    for _ in range(BACKLOG + 5):
        assert radio.send(0, packet, lost=True, unheard=False) == []
    assert radio.dropped == 5
    assert len(radio.send(0, packet, lost=False, unheard=False)) == 1 + RESENT_AT_ONCE
    assert loss_share(np.array([-130.0, -118.0, -80.0])) == pytest.approx([1.0, 0.5, 0.0], abs=1e-3)


def test_faults_reach_the_readings_the_clock_and_the_voice() -> None:
    faults = (
        DeviceFault("slope-0001", "silent", 3_600.0, 7_200.0),
        DeviceFault("slope-0002", "clock_offset", 0.0, 9_000.0, 120.0),
        DeviceFault("slope-0003", "offset", 3_600.0, 9_000.0, 1.5),
        DeviceFault("slope-0004", "stuck", 1_800.0, 9_000.0),
    )
    stage = Stage(slope_field(8), FaultTable(faults, 2))
    heard = play(stage, stage.gateway(), 2.0)
    assert not [time for time in of(heard, 1) if 3_600 <= time < 7_200]
    assert of(heard, 2)[0] == pytest.approx(122.5, abs=0.6)
    offset = [(after_s(s), s.tilt_x_deg) for _, s in heard if s.device == "slope-0003"]
    early, late = (np.mean([x for t, x in offset if (t < 3_600) is side]) for side in (True, False))
    assert late - early == pytest.approx(1.5, abs=0.01)
    assert len({s.tilt_x_deg for _, s in heard if s.device == "slope-0004" and after_s(s) >= 1_800}) == 1


def test_a_run_is_the_same_again_and_whatever_the_tick() -> None:
    runs = []
    for tick_s in (12.0, 30.0, 30.0):
        stage = Stage(slope_field(25, creeps=(Creep(4, 0.06, 0.0, 7_200.0),)))
        stage.rain_mm_h = 12.0
        runs.append([said for _, said in play(stage, stage.gateway(), 1.1, tick_s)])
    assert runs[1] == runs[2]
    times = [sorted((said.device, said.seq, said.time) for said in run) for run in runs]
    assert times[0] == times[1]


def test_a_district_of_its_own_nodes_reads_those() -> None:
    stage = Stage(slope_field(20, creeps=(Creep(12, 1.0, 0.0, 7_200.0),)))
    nodes = slope_nodes(20)
    gateway = SlopeGateway("gw", "99110", [nodes[12], nodes[3]], [12, 3], stage, Timebase(START), 3)
    heard = play(stage, gateway, 1.0)
    moved = {
        device: np.ptp([said.tilt_x_deg for _, said in heard if said.device == device])
        + np.ptp([said.tilt_y_deg for _, said in heard if said.device == device])
        for device in ("slope-0012", "slope-0003")
    }
    assert moved["slope-0012"] > 0.5 > 0.05 > moved["slope-0003"]
