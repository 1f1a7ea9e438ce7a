from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import inspect

from sensors.columns import (
    SLOPE_FIELDS,
    SOIL_DEPTHS,
    WEATHER_FIELDS,
    Received,
    bearing_columns,
    camera_event_columns,
    envelope,
    from_ns,
    slope_columns,
    status_columns,
    to_ns,
    weather_columns,
)
from sensors.lanes import vds_columns
from sensors.observations import (
    CameraStatus,
    CctvEvent,
    DeviceStatus,
    LaneSample,
    SlopeObservation,
    TowerEvent,
    VdsObservation,
    WeatherObservation,
)
from tests.sensors.messages import MESSAGES, values_of

T = datetime(2026, 3, 1, 9, tzinfo=UTC)
HEAD = {"device": "d-1", "time": T, "seq": 7}


def test_nanoseconds_are_exact():
    assert to_ns(datetime(1970, 1, 1, tzinfo=UTC)) == 0
    assert to_ns(datetime(1970, 1, 1, 0, 0, 1, 5, tzinfo=UTC)) == 1_000_005_000
    assert to_ns(datetime(2026, 3, 1, 18, tzinfo=timezone(timedelta(hours=9)))) == to_ns(T)


@given(values_of(inspect.DateTimeType(tz=True)))
def test_times_read_back(time):
    assert from_ns(to_ns(time)) == time
    assert np.array([to_ns(time)], dtype=np.int64)[0] == to_ns(time)


def test_an_envelope_has_dense_and_kind_indices():
    columns = envelope([Received(12, CctvEvent(**HEAD, event="smoke", confidence=1.0), 5)], 10)
    assert (columns.device[0], columns.row[0], columns.seq[0]) == (12, 2, 7)
    assert (columns.time_ns[0], columns.received_ns[0]) == (to_ns(T), 5)
    assert {column.dtype for column in vars(columns).values()} == {np.dtype(np.int64)}
    assert len(columns.take(np.array([False]))) == 0


def test_lanes_stand_in_their_columns_whatever_their_order():
    lanes = (
        LaneSample(lane=3, volume=1, speed_kmh=None, occupancy_pct=2.0),
        LaneSample(lane=1, volume=4, speed_kmh=90.0, occupancy_pct=5.0, heavy=2),
    )
    message = VdsObservation(**HEAD, period_s=30.0, lanes=lanes, fault="x")
    columns = vds_columns([Received(0, message, 1)], 0, 4)
    nan = np.nan
    np.testing.assert_array_equal(columns.volume, [[4.0, nan, 1.0, nan]])
    np.testing.assert_array_equal(columns.speed_kmh, [[90.0, nan, nan, nan]])
    np.testing.assert_array_equal(columns.occupancy_pct, [[5.0, nan, 2.0, nan]])
    np.testing.assert_array_equal(columns.heavy, [[2.0, nan, nan, nan]])
    assert columns.fault.tolist() == [True]


def test_a_lane_that_the_grid_does_not_have_is_an_error():
    lanes = (LaneSample(lane=3, volume=1, speed_kmh=None, occupancy_pct=2.0),)
    with pytest.raises(IndexError):
        vds_columns([Received(0, VdsObservation(**HEAD, period_s=30.0, lanes=lanes), 1)], 0, 2)


def test_missing_numbers_are_nan():
    slope = slope_columns([Received(0, SlopeObservation(**HEAD, soil_moisture_frac=(None, 0.2)), 1)], 0)
    assert set(slope.values) == set(SLOPE_FIELDS)
    assert all(np.isnan(column).all() for column in slope.values.values())
    np.testing.assert_array_equal(slope.soil_moisture_frac, [[np.nan, 0.2, np.nan]])
    weather = weather_columns([Received(0, WeatherObservation(**HEAD, temp_c=1.0), 1)], 0)
    assert weather.values["temp_c"].tolist() == [1.0]
    assert all(np.isnan(weather.values[name]).all() for name in WEATHER_FIELDS[1:])


def test_more_depths_than_are_kept_do_no_harm():
    slope = slope_columns([Received(0, SlopeObservation(**HEAD, soil_moisture_frac=(0.1,) * 8), 1)], 0)
    assert slope.soil_moisture_frac.shape == (1, SOIL_DEPTHS)


def test_a_bearing_of_360_is_north():
    event = TowerEvent(
        **HEAD, detection="x", azimuth_deg=360.0, azimuth_sigma_deg=0.5, confidence=0.5, source="watcher"
    )
    columns = bearing_columns([Received(3, event, 1)], 3)
    assert columns.azimuth_deg.tolist() == [0.0]
    assert np.isnan(columns.elevation_deg).all()
    assert columns.detection == ("x",)


def test_a_lane_that_was_not_said_is_zero():
    columns = camera_event_columns([Received(0, CctvEvent(**HEAD, event="smoke", confidence=1.0), 1)], 0)
    assert columns.lane.tolist() == [0]
    assert columns.lane.dtype == np.int64


@pytest.mark.parametrize(("age_s", "fresh"), [(0, True), (90, True), (91, False), (-91, False), (None, True)])
def test_a_status_is_as_fresh_as_its_picture(age_s, fresh):
    frame = None if age_s is None else T - timedelta(seconds=age_s)
    message = CameraStatus(**HEAD, online=True, frame_time=frame)
    assert status_columns([Received(5, message, 1)], 90.0).fresh.tolist() == [fresh]


def test_a_status_keeps_dense_rows_and_says_no_fault_as_nothing():
    columns = status_columns([Received(5, DeviceStatus(**HEAD, online=False), 1)], 90.0)
    assert (columns.envelope.row[0], columns.fault, columns.online.tolist()) == (5, ("",), [False])


@settings(max_examples=25)
@given(st.lists(MESSAGES["vds", "obs"], min_size=2, max_size=5), st.randoms(use_true_random=False))
def test_the_order_of_messages_moves_rows_and_nothing_else(messages, random):
    items = [Received(place, message, place) for place, message in enumerate(messages)]
    shuffled = list(items)
    random.shuffle(shuffled)
    one, other = vds_columns(items, 0, 16), vds_columns(shuffled, 0, 16)
    back = np.argsort(other.envelope.device)
    for name in ("volume", "speed_kmh", "occupancy_pct", "heavy", "period_s", "fault"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name)[back])


def test_nothing_gives_empty_columns():
    assert vds_columns([], 0, 4).volume.shape == (0, 4)
    assert slope_columns([], 0).soil_moisture_frac.shape == (0, SOIL_DEPTHS)
    assert len(bearing_columns([], 0).envelope) == len(camera_event_columns([], 0).envelope) == 0
    assert len(weather_columns([], 0).envelope) == len(status_columns([], 1.0).envelope) == 0
