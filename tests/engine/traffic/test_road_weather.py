"""Road weather: humid air by the tables, levels with confirmation and hold, silence that is not good weather."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.findings import Finding, HazardLevel, Rule
from engine.traffic.weather.air import dew_point_c, frost_point_c, stopping_speed_kmh, trend
from engine.traffic.weather.hazards import HAZARDS, Conditions, Hazard, advised_speed_kmh, crosswind_m_s, levels
from engine.traffic.weather.state import RoadWeatherState, take_in
from engine.traffic.weather.warnings import update_road_weather
from sensors.columns import ROAD_STATES, WEATHER_FIELDS, WeatherColumns
from tests.engine.builders import AGAIN, NS, NUMBERS, T0, envelope, weather, weather_stations

T = NUMBERS.road_weather
MINUTE = 60 * NS
WET, SNOW, ICE = (ROAD_STATES.index(name) for name in ("wet", "snow", "ice"))


def f(*values: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array(values, dtype=np.float64)


def conditions(**known: Any) -> Conditions:
    n = max(len(np.atleast_1d(value)) for value in known.values())
    parts: dict[str, Any] = {name: np.full(n, np.nan) for name in Conditions.__dataclass_fields__}
    parts["road_state"] = np.full(n, -1, dtype=np.int8)
    for name, value in known.items():
        parts[name] = np.broadcast_to(np.asarray(value, dtype=parts[name].dtype), n).copy()
    return Conditions(**parts)


def graded(hazard: Hazard, **known: Any) -> list[int]:
    return levels(conditions(**known), T)[:, HAZARDS.index(hazard)].tolist()


class Road:
    """One station, told sample after sample."""

    def __init__(self, n: int = 1) -> None:
        self.table = weather_stations(n)
        self.state = RoadWeatherState.initial(n)
        self.known = np.ones(n, dtype=np.bool_)
        self.now_ns = T0
        self.seq = 0

    def tell(self, road_state: int = -1, minutes: int = 1, **values: float) -> list[Finding]:
        self.now_ns += minutes * MINUTE
        self.seq += 1
        n = len(self.table.ids)
        return self.step(weather(envelope(range(n), self.now_ns, seq=[self.seq] * n), road_state, **values))

    def step(self, samples: WeatherColumns | None = None) -> list[Finding]:
        nothing = weather(envelope([]))
        self.state, said = update_road_weather(
            self.state, nothing if samples is None else samples, self.known, self.now_ns, self.table, T, AGAIN
        )
        return said


def test_dew_and_frost_points_are_those_of_the_tables() -> None:
    # Saturation over water 23.37 hPa at 20 °C; half of it is that of 9.3 °C. Over ice 2.60 hPa at -10 °C.
    assert dew_point_c(f(20, 20, -10), f(50, 100, 100)) == pytest.approx([9.26, 20.0, -10.0], abs=0.05)
    assert frost_point_c(f(-10.0), f(100 * 2.599 / 2.863)) == pytest.approx([-10.0], abs=0.05)
    assert np.isnan(dew_point_c(f(20, 20, np.nan, -300), f(0, np.nan, 50, 50))).all()
    assert dew_point_c(f(10), f(120)) == pytest.approx([10.0])


def test_one_stops_within_what_one_sees() -> None:
    speed = stopping_speed_kmh(f(50, 100, 250, np.nan), 2.5, 3.4)
    v = speed / 3.6
    assert (v * 2.5 + v**2 / 6.8)[:3] == pytest.approx([50, 100, 250])
    assert np.isnan(speed[3])


def test_a_trend_needs_three_samples_and_a_span() -> None:
    time = np.array([[0.0, 600, 1200, np.nan], [0, 600, np.nan, np.nan], [0, 1, 2, 3], [np.nan] * 4])
    slope, sigma = trend(time, 5.0 - time / 600.0, 900.0)
    assert slope[0] == pytest.approx(-1 / 600)
    assert sigma[0] == pytest.approx(0, abs=1e-9)
    assert np.isnan(slope[1:]).all()


def test_fog_wind_and_rain_have_the_steps_of_their_authorities() -> None:
    assert graded(Hazard.FOG, visibility_m=f(2000, 500, 250, 100, 50, np.nan)) == [0, 1, 2, 3, 4, -1]
    assert graded(Hazard.WIND, wind_m_s=f(9, 10, 14, 21, 25, np.nan)) == [0, 1, 2, 3, 4, -1]
    rain = {"rain_1h_mm": f(5, 25, 30, 40, 50, 72, np.nan), "rain_3h_mm": f(5, 30, 60, 90, 90, 75, np.nan)}
    assert graded(Hazard.FLOODING, **rain) == [0, 1, 2, 3, 4, 4, -1]


def test_ice_takes_cold_and_water() -> None:
    dry_air = {"temp_c": 2.0, "rh_pct": 40.0}
    assert graded(Hazard.ICING, surface_c=f(-5, 0.8, -0.1), road_state=[0, WET, WET], **dry_air) == [0, 2, 3]
    assert graded(Hazard.ICING, surface_c=f(3, 3), road_state=[SNOW, ICE], **dry_air) == [2, 3]
    # Surface colder than the frost point of -1.0 °C that the air has: frost, though the road was dry.
    assert graded(Hazard.ICING, surface_c=f(-3, -0.5), road_state=0, temp_c=0.0, rh_pct=90.0) == [2, 0]
    # Without a word on the surface the rain of the hour says whether it is wet.
    assert graded(Hazard.ICING, surface_c=f(-1, -1, -1), rain_1h_mm=f(1, 0, np.nan), **dry_air) == [3, 0, 0]
    assert graded(Hazard.ICING, surface_c=f(np.nan, np.nan), road_state=[-1, ICE]) == [-1, 3]


def test_a_falling_temperature_is_followed_for_an_hour() -> None:
    falling = {"surface_trend_c_h": f(-2.5, -2.5, -1.0, -2.5), "surface_sigma_c_h": f(0.2, 0.2, 0.2, 2.0)}
    known = {"surface_c": 2.0, "road_state": [WET, 0, WET, WET], "temp_c": 3.0, "rh_pct": 60.0}
    assert graded(Hazard.ICING, **falling, **known) == [2, 0, 0, 0]
    assert graded(Hazard.ICING, **falling, **(known | {"road_state": 0, "temp_c": -0.2, "rh_pct": 100.0}))[0] == 1


def test_the_advised_speed_is_that_of_the_law_and_of_sight() -> None:
    now = conditions(
        visibility_m=f(2000, 2000, 100, 30, np.nan, 2000, 2000), road_state=[0, WET, 0, 0, -1, ICE, WET],
        surface_c=f(10, 10, 10, 10, 10, -1, -1),
    )  # fmt: skip
    assert advised_speed_kmh(now, np.full(7, 100.0), T).tolist() == [100, 80, 50, 20, 100, 50, 50]
    assert np.isnan(advised_speed_kmh(now, np.full(7, np.nan), T)).all()
    assert crosswind_m_s(f(10, 10, 10), f(90, 0, np.nan), f(0, 0, 0))[:2] == pytest.approx([10, 0], abs=1e-9)


def test_fog_is_confirmed_said_with_its_receipt_and_let_go_after_the_hold() -> None:
    road = Road()
    assert road.tell(visibility_m=5000) == []
    assert road.tell(visibility_m=80) == []  # an insect on the lens?
    (opened,) = road.tell(visibility_m=80)
    assert (opened.rule, opened.level, opened.detail) == (Rule.ROAD_WEATHER, HazardLevel.ALERT, "fog")
    assert opened.onset_ns == T0 + 2 * MINUTE
    receipt = {line.quantity: line for line in opened.receipt}
    assert receipt["visibility"].value == 80
    assert receipt["visibility"].threshold == 100
    assert "제19조" in receipt["visibility"].source
    assert receipt["advised_speed"].value == 50
    assert 0.9 < opened.confidence < 1
    margin = {one.level for _ in range(30) for one in road.tell(visibility_m=110)}
    assert margin == {HazardLevel.ALERT}
    said = [one for _ in range(20) for one in road.tell(visibility_m=3000)]
    assert said[-1].active is False
    assert said[-1].id == opened.id
    assert said[-1].updated_ns - T0 == pytest.approx((3 + 30 + 1 + 15) * MINUTE, abs=MINUTE)
    assert road.state.findings == ()


def test_fog_that_has_just_lifted_is_not_over() -> None:
    road = Road()
    road.tell(visibility_m=60)
    road.tell(visibility_m=60)
    for _ in range(14):
        road.tell(visibility_m=200)
    said = [one for _ in range(3) for one in road.tell(visibility_m=9000)]
    assert [one.level for one in said][-1] == HazardLevel.CAUTION  # the worst of the quarter of an hour
    assert said[-1].active
    said = [one for _ in range(15) for one in road.tell(visibility_m=9000)]
    assert not said[-1].active


def test_one_odd_sample_opens_nothing_and_ends_nothing() -> None:
    road = Road()
    for place in range(30):
        assert road.tell(visibility_m=60 if place % 2 else 4000) == []
    road.tell(visibility_m=60)
    road.tell(visibility_m=60)
    for place in range(60):
        assert all(one.active for one in road.tell(visibility_m=60 if place % 10 else 9000))
    assert road.state.findings[0].active


def test_silence_and_missing_values_are_not_good_weather() -> None:
    road = Road()
    road.tell(visibility_m=40)
    (opened,) = road.tell(visibility_m=40)
    for _ in range(200):
        road.tell(temp_c=5.0)  # the visibility sensor is dead
    assert road.state.level[0, 0] == HazardLevel.SERIOUS
    road.known[:] = False
    road.now_ns += 7200 * NS
    (again,) = road.step()
    assert (again.id, again.active, again.level) == (opened.id, True, opened.level)
    assert again.confidence <= 0.5 * opened.confidence
    assert {line.quantity: line.value for line in again.receipt}["sample_age"] == 7200
    assert road.state.level[0, 1] == -1  # of ice nobody knows anything


def test_rain_comes_out_of_a_counter_that_rolls_over() -> None:
    road, total = Road(), 970.0
    findings = []
    for _ in range(60):
        total = (total + 1.2) % 1000.0
        findings += road.tell(rain_mm_total=total)
    assert {one.detail for one in findings} == {"flooding"}
    assert max(one.level for one in findings) >= HazardLevel.CAUTION
    hour = {line.quantity: line.value for line in findings[-1].receipt}["rain_1h"]
    assert hour == pytest.approx(70, abs=7)


def test_a_gauge_that_is_set_anew_is_no_flood() -> None:
    road = Road()
    road.tell(rain_mm_total=12.0)
    assert [one for _ in range(10) for one in road.tell(rain_mm_total=900.0)] == []


def test_gusts_are_averaged() -> None:
    road = Road()
    for _ in range(20):
        road.tell(wind_kmh=20.0)
    assert road.tell(wind_kmh=100.0) == []
    said = [one for _ in range(20) for one in road.tell(wind_kmh=100.0, wind_deg=90.0)]
    assert said[-1].detail == "wind"
    assert max(one.level for one in said) == HazardLevel.SERIOUS
    assert {line.quantity: line.value for line in said[-1].receipt}["crosswind"] == pytest.approx(27.1, abs=1)


def test_an_evening_frost_is_foretold_and_then_said() -> None:
    road, said = Road(), []
    for minute in range(240):
        said += road.tell(WET, road_surface_c=6.0 - 2.5 * minute / 60, temp_c=4.0 - minute / 60, rh_pct=80.0)
    first, last = said[0], said[-1]
    assert first.level == HazardLevel.CAUTION
    assert {line.quantity for line in first.receipt} >= {"surface_predicted", "surface_trend", "surface_wet"}
    frozen_ns = T0 + 144 * MINUTE
    assert 30 * MINUTE < frozen_ns - first.onset_ns < 90 * MINUTE
    assert last.level == HazardLevel.ALERT
    assert {line.quantity: line.value for line in last.receipt}["advised_speed"] == 50


def test_a_station_beside_all_roads_warns_of_nothing() -> None:
    road = Road(2)
    road.table = replace(road.table, road=("", "R1"))
    road.tell(visibility_m=30)
    said = road.tell(visibility_m=30)
    assert [one.subject for one in said] == ["W1"]


def random_samples(seed: int, n: int = 3, count: int = 40) -> WeatherColumns:
    random = np.random.default_rng(seed)
    row = random.integers(0, n, count)
    head = envelope(row, T0 + random.integers(0, 60, count) * MINUTE, seq=random.integers(0, 5, count))
    scale = {"temp_c": 20, "rh_pct": 100, "wind_kmh": 120, "wind_deg": 360, "rain_mm_total": 60, "visibility_m": 600}
    values = {name: random.uniform(0, scale.get(name, 4), count) for name in WEATHER_FIELDS}
    for column in values.values():
        column[random.random(count) < 0.2] = np.nan
    return WeatherColumns(head, values, random.integers(-1, 6, count).astype(np.int8))


def encoded(state: RoadWeatherState) -> list[bytes]:
    return [np.asarray(value).tobytes() for value in vars(state).values() if isinstance(value, np.ndarray)]


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_samples_may_come_together_or_one_by_one_in_any_order(seed: int) -> None:
    samples = random_samples(seed)
    # Of two samples with one time the later number counts, whatever else they say: make them alike.
    _, first = np.unique(np.stack([samples.envelope.row, samples.envelope.time_ns]), axis=1, return_index=True)
    samples = samples.take(first)
    at_once = take_in(RoadWeatherState.initial(3), samples, T)
    shuffled = samples.take(np.random.default_rng(seed).permutation(len(samples.envelope)))
    assert encoded(take_in(RoadWeatherState.initial(3), shuffled, T)) == encoded(at_once)
    bit_by_bit = RoadWeatherState.initial(3)
    for place in np.lexsort((samples.envelope.row, samples.envelope.time_ns)):
        bit_by_bit = take_in(bit_by_bit, samples.take(np.array([place])), T)
    assert encoded(bit_by_bit) == encoded(at_once)
    assert encoded(take_in(at_once, samples, T)) == encoded(at_once)  # nothing of it is new


@given(st.integers(0, 2**32 - 1))
def test_whatever_comes_findings_are_sound(seed: int) -> None:
    road = Road(3)
    samples = random_samples(seed)
    for minute in range(0, 60, 5):
        road.now_ns = T0 + minute * MINUTE
        inside = (samples.envelope.time_ns <= road.now_ns) & (samples.envelope.time_ns > road.now_ns - 5 * MINUTE)
        for one in road.step(samples.take(inside)):
            assert all(np.isfinite(line.value) for line in one.receipt)
            assert 0 <= one.confidence <= 1
            assert one.onset_ns <= one.updated_ns
            assert msgspec.json.encode(one)
    held = levels(road.state.conditions(np.arange(3), T), T, holding=True)
    assert (held >= levels(road.state.conditions(np.arange(3), T), T)).all()
