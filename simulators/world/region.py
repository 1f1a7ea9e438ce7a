"""The simulated region: every model under one simulation time."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from config.catalogue.model import Catalogue
from simulators.world import slopes as slope_model
from simulators.world import traffic as traffic_model
from simulators.world import weather as weather_model
from simulators.world.corridors import Corridors
from simulators.world.demand import DAY_S, Demand
from simulators.world.fire import FireSource
from simulators.world.seeds import stream

LONGEST_STEP_S = 5.0
SLOW_STEP_S = 30.0
"""Longest step of traffic, and the step of weather and slopes [s]."""
REFERENCE_HEIGHT_M = 200.0
"""Height whose air temperature the slope nodes feel [m]."""


@dataclass(frozen=True)
class Closure:
    """Lanes of one cell that are blocked for a time."""

    cell: int
    lanes: frozenset[int]
    capacity_left: float
    """Share of the cell's capacity that is left [-]."""
    from_s: float
    until_s: float

    def active(self, time_s: float) -> bool:
        """Whether the lanes are blocked at an instant."""
        return self.from_s <= time_s < self.until_s


@dataclass(frozen=True)
class Creep:
    """A slope node that tilts at a steady rate for a time."""

    node: int
    """Index of the node in the catalogue's order."""
    rate_deg_h: float
    from_s: float
    until_s: float


@dataclass(frozen=True)
class Happenings:
    """What goes wrong in the region, and when."""

    closures: tuple[Closure, ...] = ()
    fires: tuple[FireSource, ...] = ()
    creeps: tuple[Creep, ...] = ()


@dataclass
class World:
    """The region at one instant of simulation time, moved on by `step`.

    ``time_of_day_start_s`` is the local time of day at simulation time 0. [s]
    """

    corridors: Corridors
    demand: Demand
    climate: weather_model.Climate
    sites: weather_model.Sites
    nodes: slope_model.Nodes
    happenings: Happenings
    time_of_day_start_s: float
    traffic: traffic_model.TrafficState
    weather: weather_model.WeatherState
    slopes: slope_model.SlopeState
    rng_traffic: np.random.Generator
    rng_weather: np.random.Generator
    step_s: float
    time_s: float = field(default=0.0)

    @classmethod
    def build(
        cls,
        catalogue: Catalogue,
        corridors: Corridors,
        demand: Demand,
        climate: weather_model.Climate,
        happenings: Happenings,
        time_of_day_s: float,
        seed: int,
    ) -> World:
        """Build a region at rest at simulation time 0.

        Parameters
        ----------
        catalogue
            Region.
        corridors, demand
            The roads' grid and what they are asked to carry.
        climate
            The day's weather.
        happenings
            What goes wrong.
        time_of_day_s
            Local time of day at the start. [s]
        seed
            Seed of everything random.
        """
        limit_s = traffic_model.largest_step_s(corridors)
        rng_weather = stream(seed, "weather")
        heights_m = np.array([station.ground_elevation_m for station in catalogue.weather], dtype=np.float64)
        sites = weather_model.Sites.draw(heights_m, rng_weather)
        nodes = slope_model.Nodes.draw(len(catalogue.slope), stream(seed, "slopes"))
        return cls(
            corridors=corridors,
            demand=demand,
            climate=climate,
            sites=sites,
            nodes=nodes,
            happenings=happenings,
            time_of_day_start_s=time_of_day_s,
            traffic=traffic_model.start(corridors, demand, time_of_day_s),
            weather=weather_model.start(sites, climate, rng_weather),
            slopes=slope_model.start(nodes),
            rng_traffic=stream(seed, "traffic"),
            rng_weather=rng_weather,
            step_s=LONGEST_STEP_S / max(1, math.ceil(LONGEST_STEP_S / limit_s)),
        )

    def time_of_day_s(self, time_s: float) -> float:
        """Return the local time of day at an instant of simulation time [s]."""
        return (self.time_of_day_start_s + time_s) % DAY_S

    def closed_lanes(self, time_s: float) -> dict[int, frozenset[int]]:
        """Return the blocked lanes by cell at an instant."""
        return {item.cell: item.lanes for item in self.happenings.closures if item.active(time_s)}

    def slope_temperature_c(self, time_s: float) -> float:
        """Return the air temperature that slope nodes feel [°C]."""
        height = np.array([REFERENCE_HEIGHT_M])
        return float(weather_model.temperature_c(self.weather, self.climate, self.time_of_day_s(time_s), height)[0])

    def step(self) -> None:
        """Move the region on by ``step_s`` seconds."""
        self.traffic = traffic_model.step(
            self.traffic,
            self.step_s,
            self.corridors,
            self.demand.at(self.time_of_day_s(self.time_s)),
            self._capacity_left(),
            self.rng_traffic,
        )
        self.time_s = self.traffic.time_s
        while self.weather.time_s + SLOW_STEP_S <= self.time_s + 1e-9:
            rain = weather_model.rain_mm_h(self.weather, self.climate)
            self.slopes = slope_model.step(self.slopes, SLOW_STEP_S, self.nodes, rain, self._creep_deg_h())
            self.weather = weather_model.step(self.weather, SLOW_STEP_S, self.sites, self.climate, self.rng_weather)

    def _capacity_left(self) -> NDArray[np.float64]:
        left = np.ones(len(self.corridors))
        for closure in self.happenings.closures:
            if closure.active(self.time_s):
                left[closure.cell] = min(left[closure.cell], closure.capacity_left)
        return left

    def _creep_deg_h(self) -> NDArray[np.float64]:
        rate = np.zeros(len(self.nodes.rain_factor))
        for creep in self.happenings.creeps:
            if creep.from_s <= self.slopes.time_s < creep.until_s:
                rate[creep.node] += creep.rate_deg_h
        return rate
