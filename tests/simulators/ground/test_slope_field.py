"""Slopes under rain: what holds, what fails, and how it moves before."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.world.ground.creep import FASTEST_MM_H, Movement
from simulators.world.ground.field import SlopeField
from simulators.world.ground.soil import SATURATED_FRAC, SOUND_SATURATED, Soil
from simulators.world.ground.stability import factor_of_safety
from simulators.world.ground.water import Water
from simulators.world.happenings import Creep, WeakSlope
from tests.simulators.ground.slopes import rain_on, slope_field, slope_nodes


def failed(field: SlopeField) -> np.ndarray:
    return ~np.isnan(field.failed_at_s)


@settings(deadline=None, max_examples=15)
@given(
    rain=st.floats(0, 150), later=st.floats(0, 30), temp=st.floats(-10, 35), hours=st.floats(0.2, 5),
    dt_s=st.sampled_from([30.0, 60.0]), seed=st.integers(0, 99),
)  # fmt: skip
def test_no_water_is_lost_or_made(rain: float, later: float, temp: float, hours: float, dt_s: float, seed: int) -> None:
    field = slope_field(12, seed=seed)
    before = field.water.stored_mm
    rain_on(field, rain, hours / 2, temp, dt_s)
    rain_on(field, later, hours / 2, 20.0, dt_s)
    water = field.water
    left = water.fallen_mm - water.runoff_mm - water.outflow_mm - water.evaporated_mm
    assert before + left == pytest.approx(water.stored_mm, abs=1e-7)
    assert np.all((water.share >= 0) & (water.share <= 1 + 1e-12))
    assert np.all((water.standing_mm >= 0) & (water.standing_mm <= field.soil.capacity_mm + 1e-9))
    assert np.all((field.moisture_frac > 0) & (field.moisture_frac <= SATURATED_FRAC + 1e-12))


@settings(deadline=None, max_examples=8)
@given(less=st.floats(0, 60), more=st.floats(0, 60), hours=st.floats(0.5, 6), seed=st.integers(0, 99))
def test_more_rain_never_makes_a_slope_safer(less: float, more: float, hours: float, seed: int) -> None:
    dry, wet = slope_field(12, seed=seed), slope_field(12, seed=seed)
    rain_on(dry, less, hours)
    rain_on(wet, less + more, hours)
    assert np.all(wet.factor_of_safety <= dry.factor_of_safety + 1e-9)
    assert np.all(wet.pore_pressure_kpa >= dry.pore_pressure_kpa - 1e-9)


def test_rain_wets_from_above_then_presses_and_drains_again() -> None:
    field = slope_field()
    dry = field.factor_of_safety.copy()
    rain_on(field, 30.0, 1.0)
    assert np.all(field.moisture_frac[:, 0] > field.moisture_frac[:, 2] + 0.02)
    assert np.all(field.pore_pressure_kpa < 0)
    rain_on(field, 30.0, 7.0)
    wet, pressed = field.factor_of_safety.copy(), field.pore_pressure_kpa.copy()
    assert np.all(pressed > 1.0)
    assert np.all(wet < dry)
    rain_on(field, 0.0, 24.0)
    assert np.all(field.pore_pressure_kpa < pressed - 1.0)
    assert np.all(field.factor_of_safety > wet)


def test_safety_is_that_of_the_infinite_slope() -> None:
    soil = Soil.draw(slope_nodes(3), (), 1)
    water = Water.drained(soil)
    water.standing_mm[:] = soil.capacity_mm
    slope = np.radians([15.0, 27.5, 40.0])
    depth, weight = soil.depth_m, 18.5
    # No suction is left: c + (γ − γ_w) z cos²β tan φ over γ z sin β cos β.
    expected = (soil.cohesion_kpa + (weight - 9.81) * depth * np.cos(slope) ** 2 * soil.tan_friction) / (
        weight * depth * np.sin(slope) * np.cos(slope)
    )
    assert factor_of_safety(soil, water, np.zeros(3)) == pytest.approx(expected)
    assert np.all(expected >= SOUND_SATURATED - 1e-9)


@pytest.mark.parametrize("seed", [1, 2])
def test_sound_slopes_stand_through_40_mm_an_hour_for_6_hours(seed: int) -> None:
    field = slope_field(300, seed=seed)
    rain_on(field, 40.0, 6.0)
    rain_on(field, 0.0, 6.0)
    assert not failed(field).any()
    assert np.isnan(field.creep_onset_s).all()
    assert field.displacement_mm.max() < 0.5


@pytest.mark.parametrize("margin", [0.15, 0.25, 0.4])
def test_weak_slopes_stand_in_drizzle(margin: float) -> None:
    field = slope_field(200, margin)
    rain_on(field, 5.0, 12.0)
    rain_on(field, 0.0, 4.0)
    assert not failed(field).any()


def test_weak_slopes_fail_in_heavy_rain_at_different_times_with_hours_or_minutes_of_warning() -> None:
    field = slope_field(300, 0.3)
    rain_on(field, 40.0, 6.0)
    rain_on(field, 0.0, 10.0)
    gone = failed(field)
    assert gone.mean() > 0.8
    hours = field.failed_at_s[gone] / 3_600.0
    assert hours.min() > 2.0
    assert np.ptp(hours) > 5.0
    warning_h = (field.failed_at_s - field.creep_onset_s)[gone] / 3_600.0
    assert 0.02 < np.mean(warning_h < 0.5) < 0.3
    assert np.percentile(warning_h, 50) > 1.5
    assert warning_h.max() > 6.0


def test_weaker_slopes_fail_earlier_and_in_less_rain() -> None:
    shares = []
    for margin in (0.15, 0.25, 0.4):
        field = slope_field(150, margin)
        rain_on(field, 30.0, 6.0)
        rain_on(field, 0.0, 4.0)
        shares.append(failed(field).mean())
    assert shares[0] < shares[1] < shares[2]


def test_movement_only_grows_and_a_failed_slope_has_come_down() -> None:
    field = slope_field(60, 0.3)
    before = field.displacement_mm.copy()
    for _ in range(24):
        rain_on(field, 40.0, 0.5)
        assert np.all(field.displacement_mm >= before)
        before = field.displacement_mm.copy()
    gone = failed(field)
    assert gone.any()
    assert np.all(field.displacement_mm[gone] > 1_000.0)
    assert np.all(field.rate_mm_h[gone] == 0.0)
    assert np.all(field.displacement_mm[~gone] < 1_000.0)


def test_a_slope_that_drains_in_time_recovers() -> None:
    field = slope_field(300, 0.2)
    rain_on(field, 50.0, 3.5)
    rain_on(field, 0.0, 20.0)
    near_miss = ~np.isnan(field.last_onset_s) & ~failed(field)
    assert near_miss.any()
    assert np.isnan(field.creep_onset_s[near_miss]).all()
    assert np.all(field.recovered_at_s[near_miss] > field.last_onset_s[near_miss])
    assert np.isnan(field.recovered_at_s[failed(field)]).all()


def one_soil(exponent: float, time_left_s: float = 7_200.0) -> Soil:
    soil = Soil.draw(slope_nodes(1), (), 1)
    fixed = {"onset_mm_h": np.array([0.3]), "time_left_s": np.array([time_left_s]), "exponent": np.array([exponent])}
    return Soil(**{name: fixed.get(name, value) for name, value in vars(soil).items()})


def creep_out(soil: Soil, dt_s: float) -> tuple[np.ndarray, np.ndarray, Movement]:
    movement = Movement.at_rest(1)
    times, rates = [], []
    time_s = 0.0
    while np.isnan(movement.failed_at_s[0]) and time_s < 100_000:
        movement.step(dt_s, time_s, np.array([0.9]), np.zeros(1), soil)
        time_s += dt_s
        times.append(time_s)
        rates.append(movement.rate_mm_h[0])
    return np.array(times), np.array(rates), movement


def test_the_inverse_of_the_rate_falls_in_a_straight_line_to_the_time_of_failure() -> None:
    times, rates, movement = creep_out(one_soil(2.0), 30.0)
    onset, failure = movement.onset_s[0], movement.failed_at_s[0]
    assert failure - onset == pytest.approx(7_200.0, abs=1e-3)
    tail = (times > onset) & (times < failure - 60)
    line = np.polyfit(times[tail], 1.0 / rates[tail], 1)
    assert np.polyval(line, times[tail]) == pytest.approx(1.0 / rates[tail], abs=1e-6)
    assert -line[1] / line[0] == pytest.approx(failure, abs=5.0)


@settings(deadline=None, max_examples=12)
@given(exponent=st.floats(1.8, 2.2), hours=st.floats(0.3, 4), dt_s=st.sampled_from([30.0, 60.0, 120.0]))
def test_creep_follows_voight_whatever_the_step(exponent: float, hours: float, dt_s: float) -> None:
    soil = one_soil(exponent, hours * 3_600.0)
    times, rates, movement = creep_out(soil, dt_s)
    onset = movement.onset_s[0]
    assert movement.failed_at_s[0] - onset == pytest.approx(hours * 3_600.0, abs=1e-3)
    moving = (times > onset + dt_s) & (times < movement.failed_at_s[0] - 2 * dt_s)
    power = exponent - 1.0
    first, end = 0.3**-power, FASTEST_MM_H**-power
    straight = first - (first - end) * (times[moving] - onset) / (hours * 3_600.0)
    assert rates[moving] ** -power == pytest.approx(straight, abs=1e-6 * first)
    assert rates.max() <= FASTEST_MM_H * (1 + 1e-9)


def test_imposed_creep_tilts_at_its_rate_for_its_time() -> None:
    field = slope_field(5, creeps=(Creep(2, 0.05, 3_600.0, 10_800.0),))
    rain_on(field, 0.0, 5.0)
    assert field.tilt_deg[2] == pytest.approx(0.1, rel=0.02)
    assert np.all(np.delete(field.tilt_deg, 2) < 0.001)


def test_slopes_depend_on_their_own_node_only_and_on_the_seed() -> None:
    few, many = Soil.draw(slope_nodes(60)[:10], (), 3), Soil.draw(slope_nodes(60), (), 3)
    assert np.array_equal(few.cohesion_kpa, many.cohesion_kpa[:10])
    assert not np.array_equal(few.cohesion_kpa, Soil.draw(slope_nodes(60)[:10], (), 4).cohesion_kpa)
    one, other = slope_field(40, 0.3), slope_field(40, 0.3)
    for field, dt_s in ((one, 60.0), (other, 600.0)):
        rain_on(field, 40.0, 5.0, dt_s=dt_s)
    assert np.array_equal(one.displacement_mm, other.displacement_mm)
    assert np.array_equal(one.failed_at_s, other.failed_at_s, equal_nan=True)


@pytest.mark.parametrize(
    ("weak", "creeps", "message"),
    [
        ((WeakSlope(5, 0.2),), (), r"weak\[0\].node: expected 0 to 4, was 5"),
        ((WeakSlope(1, 1.0),), (), r"weak\[0\].margin_frac: expected 0 to below 1, was 1.0"),
        ((), (Creep(-1, 0.1, 0.0, 1.0),), r"creeps\[0\].node: expected 0 to 4, was -1"),
        ((), (Creep(1, -0.1, 0.0, 1.0),), r"creeps\[0\].rate_deg_h: expected at least 0, was -0.1"),
    ],
)
def test_causes_that_make_no_sense_are_refused(weak: tuple, creeps: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SlopeField.build(slope_nodes(5), weak, creeps, 1)


def test_weather_of_another_shape_or_of_no_numbers_is_refused() -> None:
    field = slope_field(5)
    with pytest.raises(ValueError, match=r"rain_mm_h: expected shape \(5,\), was \(4,\)"):
        field.step(30.0, np.zeros(4), np.zeros(5))
    with pytest.raises(ValueError, match="temp_c: expected numbers, was nan"):
        field.step(30.0, np.zeros(5), np.full(5, np.nan))
    with pytest.raises(ValueError, match="rain_mm_h: expected at least 0, was -1"):
        field.step(30.0, np.full(5, -1.0), np.zeros(5))
    with pytest.raises(ValueError, match="dt_s: expected a number above 0, was nan"):
        field.step(float("nan"), np.zeros(5), np.zeros(5))


def test_a_region_without_slopes_steps_as_well() -> None:
    field = SlopeField.build((), (), (), 1)
    field.step(30.0, np.zeros(0), np.zeros(0))
    assert len(field) == 0
    assert field.moisture_frac.shape == (0, 3)
