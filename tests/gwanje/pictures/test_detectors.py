"""Series of detectors out of recorded messages, and the waves in them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gwanje.pictures.detectors import DetectorSeries, RoadProfile, read_detectors, road_profile, wave_speed_kmh
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


@settings(max_examples=20, deadline=None)
@given(wave_kmh=st.floats(12.0, 25.0), seed=st.integers(0, 2**16))
def test_a_wave_of_known_speed_is_measured(wave_kmh: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    chainage_m = np.arange(5) * 1_000.0
    source = 25.0 + 8.0 * np.convolve(rng.standard_normal(800), np.ones(6) / 2.4, mode="same")
    speed = np.stack(
        [
            np.interp(np.arange(240) + 400 - (chainage_m[-1] - at_m) / (wave_kmh / 3.6) / 30.0, np.arange(800), source)
            for at_m in chainage_m
        ],
        axis=1,
    )
    speed = np.clip(speed, 2.0, 49.0)
    series = DetectorSeries(
        tuple("abcde"), START, 30.0, np.full(speed.shape, 1200.0), speed, np.full(speed.shape, 30.0)
    )
    measured = wave_speed_kmh(series, RoadProfile("R", "up", np.arange(5), chainage_m))
    # Lags are whole periods: 1 km at 12 to 25 km/h is 5 to 10 of them.
    assert np.median(measured) == pytest.approx(wave_kmh, rel=0.12)
