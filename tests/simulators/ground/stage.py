"""A world of slopes under weather, with a gateway on it, played minute by minute."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec
import numpy as np

from sensors.observations import SlopeObservation
from simulators.devices.endpoint import Timebase
from simulators.devices.faults import FaultTable
from simulators.devices.slope_nodes import SlopeGateway
from simulators.world.ground.field import SlopeField
from simulators.world.sky.air import Air, Places
from simulators.world.sky.climate import Climate
from simulators.world.sky.field import WeatherField
from tests.simulators.ground.slopes import slope_nodes

START = datetime(2026, 7, 19, tzinfo=UTC)


@dataclass
class Stage:
    """What a gateway asks of the world; the rain is set by hand."""

    ground: SlopeField
    faults: FaultTable = field(default_factory=lambda: FaultTable((), 1))
    rain_mm_h: float = 0.0
    sky: WeatherField = field(init=False)
    node_places: Places = field(init=False)
    air: Air = field(init=False)

    def __post_init__(self) -> None:
        n = len(self.ground)
        self.node_places = Places(np.full(n, 128.3), np.full(n, 37.4), np.full(n, 200.0))
        bbox = (128.0, 37.0, 129.0, 38.0)
        self.sky = WeatherField(Climate(temp_c=18.0), bbox=bbox, day_of_year=200, time_of_day_s=0.0, seed=1)

        self.air = self.sky.at(self.node_places)

    def node_air(self) -> Air:
        return self.air

    def step(self) -> None:
        rain_mm_h = np.full(len(self.ground), self.rain_mm_h)
        self.ground.step(60.0, rain_mm_h, self.air.temp_c)
        self.sky.step(60.0)
        self.air = self.sky.at(self.node_places)._replace(rain_mm_h=rain_mm_h)

    def gateway(self, seed: int = 3) -> SlopeGateway:
        n = len(self.ground)
        return SlopeGateway("gw", "99110", slope_nodes(n), range(n), self, Timebase(START), seed)


Heard = list[tuple[float, SlopeObservation]]
"""What arrives, each with the instant of its arrival [s]."""


def play(stage: Stage, gateway: SlopeGateway, hours: float, tick_s: float = 30.0) -> Heard:
    """Let time pass and return what arrives."""
    heard: Heard = []
    until_s = stage.ground.time_s + hours * 3_600.0
    while stage.ground.time_s < until_s:
        stage.step()
        for tick in np.arange(stage.ground.time_s - 60.0 + tick_s, stage.ground.time_s + 0.1, tick_s):
            for message in gateway.due(float(tick)):
                assert message.topic == "gwanje/v1/99110/slope/_gateway/gw/obs"
                heard += [
                    (float(tick), said) for said in msgspec.msgpack.decode(message.payload, type=list[SlopeObservation])
                ]
    return heard


def after_s(said: SlopeObservation) -> float:
    """Device time since the start [s]."""
    return (said.time - START).total_seconds()
