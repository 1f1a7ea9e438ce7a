from __future__ import annotations

import copy
from dataclasses import fields, is_dataclass
from typing import Any

import msgspec
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.findings import Rule
from engine.fire.position import WGS84
from engine.freshness import Freshness
from engine.step import EngineState, step
from sensors.columns import Batch
from tests.engine.builders import (
    NS,
    NUMBERS,
    T0,
    batch,
    bearings,
    camera_events,
    envelope,
    region,
    slope,
    stations,
    status,
    towers,
    vds,
    weather,
)

N_STATION, N_CAMERA, N_SLOPE, N_TOWER = 6, 2, 3, 3
START = {"vds": 0, "cctv": 6, "slope": 8, "tower": 11, "weather": 14}
TOWERS = towers([128.0, 128.2, 128.1], [37.0, 37.0, 37.2], sigma_deg=0.3)
REGION = region(
    stations([1000.0 * row for row in range(N_STATION)]),
    n_camera=N_CAMERA,
    n_slope=N_SLOPE,
    tower_table=TOWERS,
    n_weather=1,
)
FIRE = (128.1, 37.08)


def same(one: Any, other: Any) -> bool:
    """Return whether two states are equal to the last bit."""
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    if is_dataclass(one):
        return all(same(getattr(one, field.name), getattr(other, field.name)) for field in fields(one))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, tuple):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    return bool(one == other)


def ordinary_tick(tick: int, random: np.random.Generator) -> Batch:
    """Return what a region of everything says in one tick of 30 s: a jam, a creeping slope, a fire, a stopped car."""
    time_ns = T0 + tick * 30 * NS
    jammed = (np.arange(N_STATION) >= 2) & (tick >= 3)
    road = vds(
        envelope(range(N_STATION), time_ns, seq=[tick] * N_STATION),
        random.integers(5, 15, N_STATION),
        np.where(jammed, 15.0, 90.0) + random.normal(0, 2, N_STATION),
        np.where(jammed, 60.0, 8.0),
    )
    parts: dict[str, Any] = {"vds": road}
    if tick % 4 == 0:
        creep = 0.2 * tick * 30 / 3600
        head = envelope(range(N_SLOPE), time_ns, seq=[tick] * N_SLOPE, start=START["slope"])
        parts["slope"] = slope(head, tilt_x_deg=[0.0, creep, 0.0], tilt_y_deg=0.0, rain_mm_total=tick * 0.5)
    if tick % 2:
        azimuth = [WGS84.inv(lon, lat, *FIRE)[0] for lon, lat in zip(TOWERS.lon_deg, TOWERS.lat_deg, strict=True)]
        head = envelope(range(N_TOWER), time_ns, seq=[tick] * N_TOWER, start=START["tower"])
        parts["bearings"] = bearings(head, azimuth + random.normal(0, 0.2, N_TOWER), sigma_deg=0.3)
        head = envelope([0], time_ns, seq=[tick], start=START["weather"])
        parts["weather"] = weather(head, visibility_m=np.where(tick > 20, 80.0, 9000.0))
    if tick == 5:
        head = envelope([0], time_ns, start=START["cctv"])
        parts["camera_events"] = camera_events(head, ["stopped_vehicle"])
    parts["status"] = status(
        envelope([START["cctv"] + 1, START["weather"]], time_ns, seq=[tick] * 2), [tick < 40, True]
    )
    return batch(**parts)


def run(ticks: int, seed: int = 1) -> tuple[EngineState, list[bytes], list[Any]]:
    random = np.random.default_rng(seed)
    state, said, findings = EngineState.initial(REGION), [], []
    for tick in range(ticks):
        state, found = step(state, ordinary_tick(tick, random), T0 + tick * 30 * NS + NS, REGION, NUMBERS)
        said.append(msgspec.json.encode(found))
        findings += found
    return state, said, findings


def test_a_region_of_everything_speaks_of_everything():
    state, _, findings = run(60)
    # A minute of traffic shows no incident; tests/engine/traffic/test_live.py has one.
    assert {finding.rule for finding in findings} == set(Rule) - {Rule.FIRE_BEARING, Rule.INCIDENT}
    assert {finding.subject for finding in findings if finding.rule is Rule.SLOPE_LEVEL} == {"L1"}
    (queue,) = state.queues
    assert queue.rows == (2, 3, 4, 5)
    assert state.freshness.state[START["cctv"] + 1] == Freshness.UNKNOWN  # said that it is offline
    assert state.freshness.state[START["weather"]] == Freshness.FRESH
    for finding in findings:
        assert finding.receipt
        assert all(np.isfinite(line.value) for line in finding.receipt)
        assert 0.0 <= finding.confidence <= 1.0
        assert finding.devices
        assert finding.onset_ns <= finding.updated_ns


def test_the_same_stream_gives_the_same_bytes():
    first, second = run(40), run(40)
    assert first[1] == second[1]
    assert same(first[0], second[0])


def test_a_step_leaves_its_inputs_alone():
    random = np.random.default_rng(1)
    state = EngineState.initial(REGION)
    for tick in range(12):
        arrived = ordinary_tick(tick, random)
        before = copy.deepcopy((state, arrived, REGION))
        after, _ = step(state, arrived, T0 + tick * 30 * NS, REGION, NUMBERS)
        assert same_all(before, (state, arrived, REGION))
        state = after


def same_all(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    return all(same(a, b) for a, b in zip(one, other, strict=True))


def _shuffled(arrived: Batch, random: np.random.Generator) -> Batch:
    """Return the batch with the messages of every part in another order."""

    def mixed(part: Any) -> Any:
        order = random.permutation(len(part.envelope))

        def move(value: Any) -> Any:
            if isinstance(value, np.ndarray):
                return value[order]
            if isinstance(value, tuple):
                return tuple(value[place] for place in order)
            if isinstance(value, dict):
                return {name: column[order] for name, column in value.items()}
            return value.take(order)

        return type(part)(**{field.name: move(getattr(part, field.name)) for field in fields(part)})

    return Batch(**{field.name: mixed(getattr(arrived, field.name)) for field in fields(arrived)})


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_order_of_messages_within_a_batch_does_not_matter(seed):
    first, second, shuffle = np.random.default_rng(1), np.random.default_rng(1), np.random.default_rng(seed)
    one = other = EngineState.initial(REGION)
    for tick in range(12):
        now_ns = T0 + tick * 30 * NS
        one, said = step(one, ordinary_tick(tick, first), now_ns, REGION, NUMBERS)
        other, said_other = step(other, _shuffled(ordinary_tick(tick, second), shuffle), now_ns, REGION, NUMBERS)
        assert said == said_other
    assert same(one, other)


def test_what_opened_stays_open_when_all_fall_silent_except_what_ends_by_time():
    state, _, _ = run(60)
    opened = {queue.id for queue in state.queues}
    for minute in range(1, 24 * 60, 30):
        state, found = step(state, batch(), T0 + (1800 + minute * 60) * NS, REGION, NUMBERS)
        assert not [one for one in found if one.rule in {Rule.CONGESTION, Rule.SLOPE_LEVEL} and not one.active]
    assert {queue.id for queue in state.queues} == opened
    assert state.slopes.level[1] >= 2
    assert (state.freshness.state == Freshness.UNKNOWN).all()


def test_a_step_without_devices_does_nothing():
    nobody = region()
    state, found = step(EngineState.initial(nobody), batch(), T0, nobody, NUMBERS)
    assert found == ()
    assert state.freshness.state.shape == (0,)
