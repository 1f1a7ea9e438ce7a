"""A small world for fire tests: hilly ground, four towers, and what devices ask for, set by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np

from config.catalogue.model import Catalogue, Coordinate, Terrain
from sensors.codec import decode
from sensors.observations import CameraStatus, CctvEvent, TowerEvent
from simulators.devices.camera_hub import ScriptedFinding
from simulators.devices.endpoint import Endpoint, Timebase
from simulators.devices.faults import FaultTable
from simulators.world.happenings import Closure, DeviceFault, FalseSource, Ignition
from simulators.world.wildfire.air import FireAir
from simulators.world.wildfire.behaviour import CONIFER
from simulators.world.wildfire.fire import Wildfire
from simulators.world.wildfire.frame import Frame
from simulators.world.wildfire.fuel import CELL_M, FuelGrid
from simulators.world.wildfire.sight import SmokeSight
from simulators.world.wildfire.spotting import Spotting
from tests.simulators.region import small_region, spot

START = datetime(2026, 4, 11, 4, 30, tzinfo=UTC)
FOEHN = FireAir(wind_kmh=40.0, wind_deg=270.0, rh_pct=20.0, temp_c=20.0, rain_mm_h=0.0)
MILD = FireAir(wind_kmh=8.0, wind_deg=270.0, rh_pct=50.0, temp_c=15.0, rain_mm_h=0.0)
PLACE = spot(6_000, 6_000)


def hills() -> Terrain:
    """Ground of round hills 150 to 450 m high, sea in the far east."""
    lat, lon = np.meshgrid(np.arange(240), np.arange(300), indexing="ij")
    height = 300.0 + 150.0 * np.sin(lon / 6.0) * np.cos(lat / 7.0)
    height[:, 240:] = -10.0
    return Terrain(
        west_deg=127.8, south_deg=36.7, step_lon_deg=0.0025, step_lat_deg=0.0025, elevation_m=height.astype(np.float32)
    )


def hilly_region(**changes: Any) -> Catalogue:
    region = small_region(terrain=hills())
    towers = tuple(msgspec.structs.replace(tower, ground_elevation_m=600.0) for tower in region.tower)
    return msgspec.structs.replace(region, **({"tower": towers} | changes))


def even_grid(half_m: float = 4_000.0, fuel: int = CONIFER, slope_east: float = 0.0) -> FuelGrid:
    """Even ground of one fuel that rises to the east."""
    n = 2 * int(half_m // CELL_M) + 1
    axis = (np.arange(n) - n // 2) * CELL_M
    return FuelGrid(
        frame=Frame.around(PLACE),
        axis_m=axis,
        elevation_m=(np.zeros((n, 1)) + slope_east * axis + 1_000.0).astype(np.float32),
        fuel=np.full((n, n), fuel, dtype=np.int8),
        share=np.ones((n, n), dtype=np.float32),
        slope_east=np.full((n, n), slope_east, dtype=np.float32),
        slope_north=np.zeros((n, n), dtype=np.float32),
    )


def ignition(**changes: Any) -> Ignition:
    parts: dict[str, Any] = {"id": "F", "position": PLACE, "from_s": 0.0, "attack_s": 36_000.0, "until_s": 72_000.0}
    return Ignition(**(parts | changes))


def even_fire(grid: FuelGrid | None = None, **changes: Any) -> Wildfire:
    """A fire on even ground that throws no brands."""
    rng = np.random.default_rng(0)
    spotting = Spotting(rng)
    spotting.land = lambda *args: None  # type: ignore[method-assign]
    return Wildfire(ignition(**changes), even_grid() if grid is None else grid, spotting)


def burn(fire: Wildfire, seconds: float, air: FireAir = FOEHN, dt_s: float = 30.0) -> Wildfire:
    for _ in range(round(seconds / dt_s)):
        fire.step(dt_s, air)
    return fire


@dataclass
class PlainAir:
    visibility_m: np.ndarray[Any, np.dtype[np.float64]]
    rain_mm_h: np.ndarray[Any, np.dtype[np.float64]]


@dataclass
class Stage:
    """Everything that towers and cameras ask of a world."""

    region: Catalogue = field(default_factory=hilly_region)
    sights: list[SmokeSight] = field(default_factory=list)
    false_sources: tuple[FalseSource, ...] = ()
    fault_list: tuple[DeviceFault, ...] = ()
    visibility_m: float = 20_000.0
    rain_mm_h: float = 0.0
    sun_deg: float = 40.0
    day_s: float = 50_000.0
    closures: tuple[tuple[Closure, Coordinate], ...] = ()
    queued: tuple[Coordinate, ...] = ()
    scripted: tuple[ScriptedFinding, ...] = ()

    @property
    def faults(self) -> FaultTable:
        return FaultTable(self.fault_list, 1)

    def _air(self, n: int) -> PlainAir:
        return PlainAir(np.full(n, self.visibility_m), np.full(n, self.rain_mm_h))

    def tower_air(self) -> PlainAir:
        return self._air(len(self.region.tower))

    def camera_air(self) -> PlainAir:
        return self._air(len(self.region.cctv))

    def sun_elevation_deg(self, time_s: float) -> float:
        return self.sun_deg

    def time_of_day_s(self, time_s: float) -> float:
        return self.day_s

    def active_closures(self) -> tuple[Closure, ...]:
        return tuple(closure for closure, _ in self.closures)

    def closure_position(self, closure: Closure) -> Coordinate:
        return next(place for other, place in self.closures if other.id == closure.id)

    def queued_places(self) -> tuple[Any, Any]:
        lon, lat = np.array(self.queued, dtype=np.float64).reshape(-1, 2).T
        return lon, lat

    def camera_events(self, time_s: float) -> tuple[ScriptedFinding, ...]:
        return self.scripted


def timebase() -> Timebase:
    return Timebase(START)


def said(endpoint: Endpoint, from_s: float, until_s: float, tick_s: float = 5.0) -> list[Any]:
    """What a device says in a span of time."""
    messages = []
    for time_s in np.arange(from_s + tick_s, until_s + tick_s / 2, tick_s).tolist():
        for out in endpoint.due(time_s):
            messages += decode(out.topic, out.payload).messages
    return messages


def events(messages: list[Any]) -> list[Any]:
    return [message for message in messages if isinstance(message, TowerEvent | CctvEvent)]


def statuses(messages: list[Any]) -> list[Any]:
    return [message for message in messages if isinstance(message, CameraStatus)]
