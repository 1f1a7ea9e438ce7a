"""Weather stations: what they say of the weather."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec
import numpy as np
import pytest

from config.catalogue.model import Name, WeatherStation
from sensors.observations import WeatherObservation
from simulators.devices.endpoint import Timebase
from simulators.devices.faults import FaultTable
from simulators.devices.weather_stations import WeatherGateway
from simulators.world.happenings import DeviceFault, FogBank
from simulators.world.sky.air import Air, Places
from simulators.world.sky.climate import Climate
from simulators.world.sky.field import WeatherField
from simulators.world.sky.surfaces import Surfaces

START = datetime(2026, 7, 19, tzinfo=UTC)
COUNT = 12
STATIONS = tuple(
    WeatherStation(
        id=f"wx-{number}", district="99110", position=(128.1 + 0.05 * number, 37.5), name=Name(ko="기상", en="weather"),
        ground_elevation_m=50.0 * number,
    )
    for number in range(COUNT)
)  # fmt: skip


@dataclass
class Sky:
    """What a gateway asks of the world."""

    climate: Climate
    fogs: tuple[FogBank, ...] = ()
    faults: FaultTable = field(default_factory=lambda: FaultTable((), 1))

    def __post_init__(self) -> None:
        self.places = Places(
            *(np.array([s.position[axis] for s in STATIONS]) for axis in (0, 1)),
            np.array([station.ground_elevation_m for station in STATIONS]),
        )
        bbox = (128.0, 37.0, 129.0, 38.0)
        self.sky = WeatherField(self.climate, fogs=self.fogs, bbox=bbox, day_of_year=200, time_of_day_s=0.0, seed=1)
        self.station_surface = Surfaces(self.places, self.station_air(), self.sky.sun(self.places))

    def station_air(self) -> Air:
        return self.sky.at(self.places)

    def play(self, gateway: WeatherGateway, hours: float) -> list[WeatherObservation]:
        heard: list[WeatherObservation] = []
        for _ in range(round(hours * 120)):
            self.station_surface.step(30.0, self.station_air(), self.sky.sun(self.places))
            self.sky.step(30.0)
            for message in gateway.due(self.sky.time_s):
                assert message.topic == "gwanje/v1/99110/weather/_gateway/gw/obs"
                heard += msgspec.json.decode(message.payload, type=list[WeatherObservation])
        return heard

    def gateway(self) -> WeatherGateway:
        return WeatherGateway("gw", "99110", STATIONS, range(COUNT), self, Timebase(START), 3)


def test_stations_say_the_weather_every_minute() -> None:
    sky = Sky(Climate(temp_c=20.0, wind_kmh=30.0))
    heard = sky.play(sky.gateway(), 1.0)
    assert COUNT * 60 <= len(heard) <= COUNT * 61
    air = sky.station_air()
    for number in range(COUNT):
        own = [said for said in heard if said.device == f"wx-{number}"]
        assert [said.seq for said in own] == list(range(own[0].seq, own[0].seq + len(own)))
        assert own[-1].temp_c == pytest.approx(air.temp_c[number], abs=1.0)
        assert own[-1].rh_pct == pytest.approx(air.rh_pct[number], abs=8.0)
        assert np.mean([said.wind_kmh for said in own]) == pytest.approx(air.wind_kmh[number], rel=0.5)
        assert len({said.rain_mm_total for said in own}) == 1
        assert {said.road_state for said in own} == {"dry"}


def test_rain_tips_the_gauges_wets_the_roads_and_fog_hides_them() -> None:
    fog = FogBank("f", STATIONS[0].position, 6_000.0, 90.0, 0.0, 7_200.0)
    sky = Sky(Climate(temp_c=20.0, rain_mm_h=8.0), (fog,))
    heard = sky.play(sky.gateway(), 1.0)
    for number in range(COUNT):
        own = [said for said in heard if said.device == f"wx-{number}"]
        totals = [said.rain_mm_total for said in own]
        assert totals == sorted(totals)
        assert totals[-1] - totals[0] == pytest.approx(sky.station_surface.rain_mm[number], abs=0.8)
        assert own[-1].road_state == "wet"
    last = {said.device: said.visibility_m for said in heard}
    assert last["wx-0"] < 120.0 < 1_000.0 < last["wx-11"]


def test_faults_reach_the_readings_the_clock_and_the_voice() -> None:
    faults = FaultTable(
        (
            DeviceFault("wx-1", "dropout", 600.0, 1_200.0),
            DeviceFault("wx-2", "offset", 900.0, 9_000.0, 12.0),
            DeviceFault("wx-3", "clock_offset", 0.0, 9_000.0, -90.0),
        ),
        1,
    )
    sky = Sky(Climate(temp_c=20.0), faults=faults)
    heard = sky.play(sky.gateway(), 0.5)
    since = {
        device: [(said.time - START).total_seconds() for said in heard if said.device == device]
        for device in ("wx-1", "wx-3")
    }
    assert not [time for time in since["wx-1"] if 600 <= time < 1_200]
    assert since["wx-3"][0] == pytest.approx(-87.5, abs=0.6)
    warm = [said.temp_c for said in heard if said.device == "wx-2"]
    assert warm[-1] - warm[0] == pytest.approx(12.0, abs=1.5)
