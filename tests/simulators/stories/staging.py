"""Parts of the world of a scenario, each on its own: the whole of it would take minutes for hours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from config.catalogue.model import Catalogue, Coordinate
from simulators.causes.files import load_scenario
from simulators.placement.places import place_scenario
from simulators.world.dynamic import DynamicClosures
from simulators.world.ground.field import SlopeField
from simulators.world.happenings import Closure, Happenings
from simulators.world.roads.conditions import RoadConditions, road_conditions
from simulators.world.roads.model import RoadModel
from simulators.world.roads.queues import QueueExtent
from simulators.world.sky.air import Places
from simulators.world.sky.field import WeatherField
from simulators.world.terrain import elevation_m
from simulators.world.wildfire.air import FireAir
from simulators.world.wildfire.fire import Wildfire

STEP_S = 10.0
SKY_STEP_S = 120.0
FIRE_STEP_S = 30.0


_PLACED: dict[tuple[str, str], Happenings] = {}


def placed(region: Catalogue, name: str) -> Happenings:
    """The causes of a scenario at their places, by expectations of traffic that do not count here."""
    if (region.id, name) not in _PLACED:
        _PLACED[region.id, name] = place_scenario(load_scenario(name), region)
    return _PLACED[region.id, name]


class Sky:
    """The weather of a scenario at some places."""

    def __init__(self, region: Catalogue, name: str, lon_deg: Sequence[float], lat_deg: Sequence[float]) -> None:
        self.scenario = load_scenario(name)
        self.happenings = placed(region, name)
        lon, lat = np.asarray(lon_deg, dtype=np.float64), np.asarray(lat_deg, dtype=np.float64)
        self.places = Places(lon, lat, np.asarray(elevation_m(region.terrain, lon, lat)))
        self.field = WeatherField(
            self.scenario.weather,
            self.happenings.storms,
            self.happenings.fogs,
            self.happenings.winds,
            bbox=region.bbox,
            day_of_year=self.scenario.day_of_year,
            time_of_day_s=self.scenario.time_of_day_s,
            seed=self.scenario.seed,
            meridian_deg=135.0,
        )


class Ground(Sky):
    """The slopes of a scenario in its rain."""

    def __init__(self, region: Catalogue, name: str) -> None:
        super().__init__(region, name, *np.array([node.position for node in region.slope]).T)
        self.slopes = SlopeField.build(
            region.slope, self.happenings.weak_slopes, self.happenings.creeps, self.scenario.seed
        )

    def run(self) -> SlopeField:
        for _ in range(round(self.scenario.duration_s / SKY_STEP_S)):
            self.field.step(SKY_STEP_S)
            air = self.field.at(self.places)
            self.slopes.step(SKY_STEP_S, air.rain_mm_h, air.temp_c)
        return self.slopes


class Burning(Sky):
    """The fire of a scenario in its wind."""

    def __init__(self, region: Catalogue, name: str) -> None:
        (ignition,) = placed(region, name).ignitions
        super().__init__(region, name, [ignition.position[0]], [ignition.position[1]])
        self.fire = Wildfire.build(ignition, region, self.scenario.seed)

    def run(self, every_s: float) -> Iterator[float]:
        """Burn to the end of the rehearsal; yields the time now and then."""
        for number in range(1, round(self.scenario.duration_s / FIRE_STEP_S) + 1):
            if number * FIRE_STEP_S % SKY_STEP_S == 0.0:
                self.field.step(SKY_STEP_S)
            self.fire.step(FIRE_STEP_S, FireAir.at(self.field.at(self.places), 0))
            if number * FIRE_STEP_S % every_s == 0.0:
                yield number * FIRE_STEP_S


class Traffic:
    """The roads of a scenario from some time on, with what blocks them, in fair weather unless it is given."""

    def __init__(self, region: Catalogue, name: str, from_s: float = 0.0) -> None:
        self.scenario = load_scenario(name)
        self.model = RoadModel.build(
            region,
            time_of_day_s=self.scenario.time_of_day_s + from_s,
            seed=self.scenario.seed,
            demand_factor=self.scenario.demand.factor,
            working_day=not self.scenario.demand.weekend,
        )
        self.grid = self.model.grid
        self.ranks = {road.id: road.rank for road in region.roads}
        self.happenings = place_scenario(self.scenario, region, flow_at=self.model.plan.flow_veh_s)
        self.dynamic = DynamicClosures(region, self.grid, self.happenings.secondary)
        self.conditions: RoadConditions | None = None
        self.time_s = from_s

    def closures(self) -> dict[str, Closure]:
        scripted = [one for one in self.happenings.closures if one.active(self.time_s)]
        return {one.id: one for one in (*scripted, *self.dynamic.active(self.time_s))}

    def run(self, until_s: float) -> Traffic:
        while self.time_s < until_s - 1e-6:
            self.model.step(
                STEP_S,
                self.scenario.time_of_day_s + self.time_s,
                closures=tuple(self.closures().values()),
                conditions=self.conditions,
                surges=[one for one in self.happenings.surges if one.from_s <= self.time_s < one.until_s],
            )
            self.time_s += STEP_S
            self.dynamic.crash_into_tails(self.model, self.time_s)
        return self

    def feel(self, sky: WeatherField, places: Places) -> None:
        """Take the weather of now from a sky."""
        air = sky.at(places)
        self.conditions = road_conditions(air.rain_mm_h, air.visibility_m)

    def queue_km(self) -> float:
        return sum(queue.length_m for queue in self.model.queues()) / 1_000.0

    def behind(self, closure: str) -> QueueExtent:
        """The longest queue behind a closure."""
        return max((one for one in self.model.queues() if one.cause == closure), key=lambda one: one.length_m)

    def along_m(self, link: str, offset_m: float) -> float:
        """Place along its road and direction [m]."""
        cell, fraction = self.grid.locate(link, offset_m)
        return float(self.grid.chainage_m[cell] + fraction * self.grid.length_m[cell])

    def at_m(self, closure: Closure) -> float:
        return self.along_m(closure.link, closure.offset_m)

    def flow_veh_h(self, closure: Closure) -> float:
        """Flow out of the first cell of a closure [veh/h]."""
        return 3_600.0 * float(self.model.state.outflow_veh_s[self.grid.locate(closure.link, closure.offset_m)[0]])


def columns(positions: Sequence[Coordinate]) -> tuple[list[float], list[float]]:
    return [one[0] for one in positions], [one[1] for one in positions]
