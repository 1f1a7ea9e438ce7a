"""A scenario in a region as a stream of messages: the same seed and start give the same stream, byte for byte."""

from __future__ import annotations

from datetime import UTC, datetime

from config.catalogue.model import Catalogue
from simulators.causes.scenario import Scenario
from simulators.devices.broadcast import CellBroadcastCentre
from simulators.devices.endpoint import Outbound, Timebase
from simulators.devices.fleet import build_fleet
from simulators.devices.message_sign import MessageSign
from simulators.errors import SimulatorError
from simulators.placement.places import place_scenario
from simulators.truth.recorder import Snapshot
from simulators.truth.snapshots import WorldTruth
from simulators.world.region import World
from simulators.world.roads.advice import DetourAdvice
from simulators.world.roads.model import RoadModel

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
    ScenarioProblemsError
        If the scenario names what the region does not have, or it has no place for one of its events; with every
        problem's line.
    """

    def __init__(self, catalogue: Catalogue, scenario: Scenario, start: datetime, seed: int | None = None) -> None:
        if start.utcoffset() is None:
            raise SimulatorError(f"start: expected an aware time, was {start.isoformat()}")
        seed = scenario.seed if seed is None else seed
        start = start.astimezone(UTC)
        roads = RoadModel.of_scenario(catalogue, scenario, seed)
        self.happenings = place_scenario(scenario, catalogue, flow_at=roads.plan.flow_veh_s, seed=seed)
        self.world = World(catalogue, scenario, self.happenings, roads, seed)
        self.endpoints = build_fleet(catalogue, self.world, Timebase(start), seed)
        signs = [endpoint for endpoint in self.endpoints if isinstance(endpoint, MessageSign)]

        def read_signs() -> list[DetourAdvice]:
            return [advice for sign in signs if (advice := sign.advice) is not None]

        self.world.read_signs = read_signs
        centres = [endpoint for endpoint in self.endpoints if isinstance(endpoint, CellBroadcastCentre)]
        self._truth = WorldTruth(self.world, start, centres)
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

    def snapshot(self, time_s: float) -> Snapshot:
        """Return what is so at an instant of simulation time, that of the last `advance` or later [s]."""
        return self._truth.snapshot(time_s)

    def _due(self, time_s: float) -> list[tuple[int, Outbound]]:
        self.time_s = time_s
        return [(index, message) for index, endpoint in enumerate(self.endpoints) for message in endpoint.due(time_s)]
