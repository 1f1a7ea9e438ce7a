"""A scenario in a region as a stream of messages: the same seed and start give the same stream, byte for byte."""

from __future__ import annotations

from datetime import UTC, datetime

from config.catalogue.model import Catalogue
from simulators.devices.endpoint import Outbound, Timebase
from simulators.devices.fleet import build_fleet
from simulators.errors import SimulatorError
from simulators.placement.script import place_events
from simulators.scenario import Scenario
from simulators.world.corridors import build_corridors
from simulators.world.demand import Demand
from simulators.world.region import World
from simulators.world.seeds import stream

DEVICES_ASLEEP_S = 60.0
"""When time leaps further than this (a machine that slept), devices take no samples in between [s]."""


class Simulation:
    """A region's world and devices, moved on by simulation time; no clock, no network.

    Parameters
    ----------
    catalogue
        Region.
    scenario
        What happens.
    start
        Device time at simulation time 0; aware.
    seed
        Seed of everything random; the scenario's own when None.

    Raises
    ------
    SimulatorError
        If ``start`` is not aware.
    ScenarioError
        If the region has no place for one of the scenario's events.
    """

    def __init__(self, catalogue: Catalogue, scenario: Scenario, start: datetime, seed: int | None = None) -> None:
        if start.utcoffset() is None:
            raise SimulatorError(f"start: expected an aware time, was {start.isoformat()}")
        seed = scenario.seed if seed is None else seed
        corridors = build_corridors(catalogue)
        demand = Demand.draw(corridors, stream(seed, "demand"))
        self.script = place_events(scenario, catalogue, corridors, demand)
        self.world = World.build(
            catalogue, corridors, demand, scenario.weather, self.script.happenings, scenario.time_of_day_s, seed
        )
        self.endpoints = build_fleet(catalogue, self.world, self.script, Timebase(start.astimezone(UTC)), seed)
        self.time_s = 0.0

    def advance(self, time_s: float) -> list[tuple[int, Outbound]]:
        """Move on to an instant of simulation time; an earlier one than before does nothing.

        Returns
        -------
        list of tuple
            Index of the endpoint and message, in the order of sending.
        """
        messages: list[tuple[int, Outbound]] = []
        asleep = time_s - self.time_s > DEVICES_ASLEEP_S
        while self.world.time_s < time_s:
            if self.world.time_s > self.time_s and not asleep:
                messages += self._due(self.world.time_s)
            self.world.step()
        if time_s > self.time_s:
            messages += self._due(time_s)
        return messages

    def _due(self, time_s: float) -> list[tuple[int, Outbound]]:
        self.time_s = time_s
        return [(index, message) for index, endpoint in enumerate(self.endpoints) for message in endpoint.due(time_s)]
