"""Series of detectors out of recorded messages, and the waves in them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gwanje.pictures.detectors import DetectorSeries, RoadProfile, read_detectors, release_wave_kmh, road_profile
from sensors.codec import encode
from sensors.observations import LaneSample, VdsObservation
from simulators.recording import Recorded
from tests.simulators.region import small_region

START = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
REGION = small_region()


def sample(device: str, at_s: float, *lanes: tuple[int, float | None]) -> Recorded:
    time = START + timedelta(seconds=at_s)
    told = tuple(
        LaneSample(lane=lane, volume=volume, speed_kmh=speed_kmh, occupancy_pct=10.0)
        for lane, (volume, speed_kmh) in enumerate(lanes, start=1)
    )
    message = VdsObservation(device=device, time=time, seq=int(at_s), period_s=30.0, lanes=told)
    return Recorded(at=time, topic=f"gwanje/v1/99110/vds/{device}/obs", payload=encode(message))


def test_flow_is_per_lane_and_speed_is_the_vehicles_mean() -> None:
    device = REGION.vds[0].id
    series = read_detectors([sample(device, 30, (10, 60.0), (30, 100.0))], REGION, START)
    assert series.flow_veh_h[0, 0] == pytest.approx(40 * 120 / 2)
    assert series.speed_kmh[0, 0] == pytest.approx(90.0)
    assert series.density_veh_km[0, 0] == pytest.approx(2400 / 90)


def test_what_is_missing_or_empty_is_no_number() -> None:
    device = REGION.vds[1].id
    series = read_detectors([sample(device, 90, (0, None)), sample(device, 150, (2, 80.0))], REGION, START)
    assert series.flow_veh_h[:, 1].tolist() == pytest.approx([np.nan, np.nan, 0.0, np.nan, 240.0], nan_ok=True)
    assert np.isnan(series.speed_kmh[2, 1])
    assert np.isnan(series.flow_veh_h[:, 0]).all()


def test_other_messages_are_passed_over_and_none_is_said() -> None:
    broken = Recorded(at=START, topic="gwanje/v1/99110/vds/x/obs", payload=b"{}")
    elsewhere = Recorded(at=START, topic="weather", payload=b"{}")
    with pytest.raises(ValueError, match="messages: expected samples of detection stations"):
        read_detectors([broken, elsewhere], REGION, START)


def test_stations_come_in_the_order_of_travel() -> None:
    station = REGION.vds[0]
    link = next(link for link in REGION.links if link.id == station.link)
    profile = road_profile(REGION, link.road, link.direction)
    assert (np.diff(profile.chainage_m) > 0).all()
    with pytest.raises(ValueError, match="expected two stations or more, was 0"):
        road_profile(REGION, "nowhere", "up")


def queue(wave_kmh: float, growth_kmh: float, noise: np.random.Generator) -> tuple[DetectorSeries, RoadProfile]:
    """A queue of 8 km that grows upstream from the last station for 40 minutes and then dissolves from there."""
    chainage_m = np.arange(9) * 1_000.0
    behind_m = chainage_m[-1] - chainage_m
    time_s = (np.arange(400) + 1.0) * 30.0
    comes_s, goes_s = 600.0 + behind_m / (growth_kmh / 3.6), 3_000.0 + behind_m / (wave_kmh / 3.6)
    standing = (time_s[:, np.newaxis] >= comes_s) & (time_s[:, np.newaxis] < goes_s)
    speed = np.where(standing, 8.0, np.where(time_s[:, np.newaxis] >= goes_s, 45.0, 100.0))
    speed += noise.normal(0.0, 1.5, speed.shape)
    series = DetectorSeries(tuple("abcdefghi"), START, 30.0, np.full(speed.shape, 1200.0), speed, speed * 0.0)
    return series, RoadProfile("R", "up", np.arange(9), chainage_m)


@settings(max_examples=20, deadline=None)
@given(wave_kmh=st.floats(12.0, 25.0), growth_kmh=st.floats(13.0, 40.0), seed=st.integers(0, 2**16))
def test_the_front_of_discharge_is_measured_not_that_of_growth(wave_kmh: float, growth_kmh: float, seed: int) -> None:
    series, profile = queue(wave_kmh, growth_kmh, np.random.default_rng(seed))
    # Each instant is known to a period: half a minute in the half hour that the front takes.
    assert release_wave_kmh(series, profile) == pytest.approx(wave_kmh, rel=0.06)


def test_a_road_without_a_queue_has_no_wave() -> None:
    series, profile = queue(18.0, 20.0, np.random.default_rng(1))
    free = DetectorSeries(series.ids, START, 30.0, series.flow_veh_h, np.full((400, 9), 95.0), series.occupancy_pct)
    assert release_wave_kmh(free, profile) is None
