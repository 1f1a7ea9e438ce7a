"""The simulated region: weather, ground, fire and traffic under one simulation time, each acting on the others."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from config.catalogue.geometry import positions_along
from config.catalogue.model import Catalogue, Coordinate, Device
from simulators.causes.scenario import Scenario
from simulators.devices.faults import FaultTable
from simulators.world.dynamic import DynamicClosures
from simulators.world.ground.field import SlopeField
from simulators.world.happenings import Closure, FalseSource, Happenings
from simulators.world.people import People
from simulators.world.roads.advice import DetourAdvice
from simulators.world.roads.conditions import RoadConditions, road_conditions
from simulators.world.roads.grid import Grid
from simulators.world.roads.model import RoadModel
from simulators.world.roads.queues import QueueExtent
from simulators.world.sky.air import Air, Places
from simulators.world.sky.field import WeatherField
from simulators.world.sky.surfaces import ICE, SNOW, Surfaces
from simulators.world.terrain import elevation_m
from simulators.world.wildfire.air import FireAir
from simulators.world.wildfire.fire import Wildfire
from simulators.world.wildfire.sight import SmokeSight

Floats = NDArray[np.float64]

DAY_S = 86_400.0
LONGEST_STEP_S = 5.0
SLOW_STEP_S = 30.0
"""Longest step of traffic, and the step of weather, slopes and fire [s]."""


class World:
    """A region at one instant of simulation time, moved on by `step`.

    Within a slow step weather comes first; slopes, surfaces and fires feel it; roads feel all of them, and what signs
    say, until the next one. Devices read whatever they measure.

    Parameters
    ----------
    catalogue
        Region.
    scenario
        The day: climate, date, local time, demand.
    happenings
        What goes wrong in it, at its places.
    roads
        Its traffic, from `RoadModel.of_scenario`.
    seed
        Of everything random.

    Attributes
    ----------
    time_s, step_s
        Simulation time and the length of a step. [s]
    sky, ground, roads, sights
        The models; ``sights`` are the fires with their smoke as towers see it.
    people
        Phones.
    faults
        Of all devices.
    read_signs
        Returns what signs ask of drivers now; replaced by whoever has signs.

    Raises
    ------
    SimulatorError
        If a cause does not fit the region.
    """

    def __init__(
        self, catalogue: Catalogue, scenario: Scenario, happenings: Happenings, roads: RoadModel, seed: int
    ) -> None:
        self.catalogue = catalogue
        self.scenario = scenario
        self.happenings = happenings
        self.faults = FaultTable(happenings.faults, seed)
        self.false_sources: tuple[FalseSource, ...] = happenings.false_sources
        self.read_signs: Callable[[], Sequence[DetourAdvice]] = tuple
        self.time_s = 0.0
        self.sky = WeatherField(
            scenario.weather,
            happenings.storms,
            happenings.fogs,
            happenings.winds,
            bbox=catalogue.bbox,
            day_of_year=scenario.day_of_year,
            time_of_day_s=scenario.time_of_day_s,
            seed=seed,
            meridian_deg=_meridian_deg(catalogue.timezone),
        )
        self.ground = SlopeField.build(catalogue.slope, happenings.weak_slopes, happenings.creeps, seed)
        self.roads = roads
        self.sights = tuple(
            SmokeSight.from_towers(Wildfire.build(ignition, catalogue, seed), catalogue)
            for ignition in happenings.ignitions
        )
        self.people = People(catalogue, seed)
        self._dynamic = DynamicClosures(catalogue, self.roads.grid, happenings.secondary)
        self._place_all()
        self._feel()
        # What was lit before the run has burnt until now, in the air of now.
        self._burn(0.0)
        self.station_surface = Surfaces(self.station_places, self._air["weather"], self.sky.sun(self.station_places))
        self.road_surface = Surfaces(self.road_places, self._air["road"], self.sky.sun(self.road_places))
        self._conditions = self._road_conditions()
        self._advice: tuple[DetourAdvice, ...] = ()
        self._lines = {link.id: link.line for link in catalogue.links}
        self._slow_s = 0.0
        longest_s = min(LONGEST_STEP_S, self.roads.largest_step_s)
        self.step_s = SLOW_STEP_S / math.ceil(SLOW_STEP_S / longest_s)
        self._steps = 0

    def _place_all(self) -> None:
        region, grid = self.catalogue, self.roads.grid
        self.node_places = self._places([node.position for node in region.slope])
        self.station_places = Places(
            *_columns([station.position for station in region.weather]),
            np.array([station.ground_elevation_m for station in region.weather], dtype=np.float64),
        )
        self.road_places = Places(
            grid.lon_deg, grid.lat_deg, np.asarray(elevation_m(region.terrain, grid.lon_deg, grid.lat_deg))
        )
        self.places = {
            "weather": self.station_places,
            "slope": self.node_places,
            "road": self.road_places,
            "tower": self._of_devices(region.tower),
            "cctv": self._of_devices(region.cctv),
            "fire": self._places([ignition.position for ignition in self.happenings.ignitions]),
        }

    def _of_devices(self, devices: Sequence[Device]) -> Places:
        return self._places([device.position for device in devices])

    def _places(self, positions: Sequence[Coordinate]) -> Places:
        lon, lat = _columns(positions)
        return Places(lon, lat, np.asarray(elevation_m(self.catalogue.terrain, lon, lat)))

    def _feel(self) -> None:
        self._air: dict[str, Air] = {name: self.sky.at(places) for name, places in self.places.items()}

    @property
    def grid(self) -> Grid:
        """Cells of the roads."""
        return self.roads.grid

    @property
    def fires(self) -> tuple[Wildfire, ...]:
        """Fires, those that have not started too."""
        return tuple(sight.fire for sight in self.sights)

    def node_air(self) -> Air:
        """Return the weather at the slope nodes."""
        return self._air["slope"]

    def station_air(self) -> Air:
        """Return the weather at the weather stations."""
        return self._air["weather"]

    def tower_air(self) -> Air:
        """Return the weather at the watchtowers."""
        return self._air["tower"]

    def camera_air(self) -> Air:
        """Return the weather at the cameras."""
        return self._air["cctv"]

    def time_of_day_s(self, time_s: float) -> float:
        """Return the local time of day at an instant of simulation time [s]."""
        return (self.scenario.time_of_day_s + time_s) % DAY_S

    def sun_elevation_deg(self, time_s: float) -> float:  # noqa: ARG002 - moves an eighth of a degree in a slow step
        """Return the height of the sun over the middle of the region [deg]."""
        return math.degrees(math.asin(max(-1.0, min(1.0, self.sky.sine_of_sun()))))

    def active_closures(self) -> tuple[Closure, ...]:
        """Return the closures in force, scripted ones and those that followed from the world's state."""
        scripted = (closure for closure in self.happenings.closures if closure.active(self.time_s))
        return (*scripted, *self._dynamic.active(self.time_s))

    def closure_position(self, closure: Closure) -> Coordinate:
        """Return where a closure begins [deg]."""
        lon, lat = positions_along(self._lines[closure.link], [closure.offset_m])[0]
        return (round(float(lon), 6), round(float(lat), 6))

    def queues(self) -> tuple[QueueExtent, ...]:
        """Return the queues on the roads."""
        return self.roads.queues()

    def queued_places(self) -> tuple[Floats, Floats]:
        """Return longitude and latitude of the road cells where traffic queues, shapes (cell,) [deg]."""
        queued = np.flatnonzero(self.roads.queued)
        return self.grid.lon_deg[queued], self.grid.lat_deg[queued]

    def camera_events(self, time_s: float) -> tuple[()]:  # noqa: ARG002
        """Return what cameras are mistaken about: nothing, no scenario makes them."""
        return ()

    def step(self) -> None:
        """Move the region on by ``step_s`` seconds."""
        self.roads.step(
            self.step_s,
            self.time_of_day_s(self.time_s),
            closures=self.active_closures(),
            conditions=self._conditions,
            surges=[surge for surge in self.happenings.surges if surge.from_s <= self.time_s < surge.until_s],
            advice=self._advice,
        )
        self._steps += 1
        self.time_s = self._steps * self.step_s
        self._dynamic.crash_into_tails(self.roads, self.time_s)
        if self.time_s - self._slow_s >= SLOW_STEP_S - 1e-6:
            self._slow_s += SLOW_STEP_S
            self._step_slow()

    def _step_slow(self) -> None:
        self.sky.step(SLOW_STEP_S)
        self._feel()
        nodes = self._air["slope"]
        self.ground.step(SLOW_STEP_S, nodes.rain_mm_h, nodes.temp_c)
        self._dynamic.slide(self.ground.failed_at_s)
        self.station_surface.step(SLOW_STEP_S, self._air["weather"], self.sky.sun(self.station_places))
        self.road_surface.step(SLOW_STEP_S, self._air["road"], self.sky.sun(self.road_places))
        self._burn(SLOW_STEP_S)
        self._conditions = self._road_conditions()
        self._advice = tuple(self.read_signs())

    def _burn(self, dt_s: float) -> None:
        for place, fire in enumerate(self.fires):
            fire.step(dt_s, FireAir.at(self._air["fire"], place))

    def _road_conditions(self) -> RoadConditions:
        air = self._air["road"]
        sight_m = air.visibility_m
        burning = [sight for sight in self.sights if sight.fire.started and not sight.fire.out]
        smoke_m = np.full(len(self.grid), np.inf)
        for sight in burning:
            smoke_m = np.minimum(smoke_m, sight.smoke_over_m(self.grid.lon_deg, self.grid.lat_deg))
        self._dynamic.close_smoky(smoke_m, self.time_s)
        state = self.road_surface.road_state
        slippery = (state == ICE) | (state == SNOW)
        return road_conditions(air.rain_mm_h, np.minimum(sight_m, smoke_m), slippery)


def _columns(positions: Sequence[Coordinate]) -> tuple[Floats, Floats]:
    table = np.array(positions, dtype=np.float64).reshape(-1, 2)
    return table[:, 0].copy(), table[:, 1].copy()


def _meridian_deg(timezone: str) -> float:
    """Meridian of a zone's clocks: 15° for each hour ahead of UTC, summer time left out [deg]."""
    winter = datetime(2026, 1, 1, tzinfo=UTC).astimezone(ZoneInfo(timezone)).utcoffset()
    assert winter is not None
    return winter.total_seconds() / 3600.0 * 15.0
