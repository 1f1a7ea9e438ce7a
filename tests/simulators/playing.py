"""Simulations of the valley as streams of messages, for tests."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from functools import cache

from msgspec.structs import replace

from sensors.codec import decode
from sensors.observations import Message
from simulators.causes.events import Event
from simulators.causes.files import load_scenario
from simulators.causes.land import Fire
from simulators.causes.scenario import Scenario
from simulators.causes.sky import Storm
from simulators.devices.endpoint import Outbound
from simulators.simulation import Simulation
from tests.simulators.region import spot
from tests.simulators.valley import valley

START = datetime(2026, 4, 11, 1, 30, tzinfo=UTC)
TIMES = ("at_s", "duration_s", "attack_s", "after_s", "over_s")


def simulate(
    scenario: Scenario | str, until_s: float, tick_s: float = 1.0, seed: int | None = None
) -> list[tuple[int, Outbound]]:
    """Every message of a run with its endpoint, as if all connections stood from the start."""
    wanted = load_scenario(scenario) if isinstance(scenario, str) else scenario
    simulation = Simulation(valley(), wanted, START, seed)
    sent = [(index, message) for index, one in enumerate(simulation.endpoints) for message in one.hello(START)]
    ticks = 0
    while simulation.time_s < until_s:
        ticks += 1
        sent += simulation.advance(min(ticks * tick_s, until_s))
    return sent


@cache
def played(name: str, until_s: float) -> tuple[Outbound, ...]:
    """The messages of a scenario that comes along, kept for other tests."""
    return tuple(message for _, message in simulate(name, until_s))


def by_device(sent: list[tuple[int, Outbound]] | tuple[Outbound, ...], kind: type[Message]) -> dict[str, list[Message]]:
    """Messages of one kind of each device."""
    found: dict[str, list[Message]] = defaultdict(list)
    for item in sent:
        outbound = item if isinstance(item, Outbound) else item[1]
        for message in decode(outbound.topic, outbound.payload).messages:
            if isinstance(message, kind):
                found[message.device].append(message)
    return found


def eventful() -> Scenario:
    """Twenty minutes in which everything happens: five hours in a fifteenth of their time.

    The fire, which cannot be hurried, burns from the start, and the storm is too small to reach it.
    """
    scenario = load_scenario("everything")
    lon_deg, lat_deg = spot(6_000, 6_000)
    events: list[Event] = []
    for event in scenario.event:
        if isinstance(event, Fire):
            events.append(
                Fire(name=event.name, at_s=0.0, duration_s=1_200.0, attack_s=1_100.0, lon_deg=lon_deg, lat_deg=lat_deg)
            )
        elif isinstance(event, Storm):
            events.append(replace(_hurried(event, 15.0), radius_km=1.0))
        else:
            events.append(_hurried(event, 15.0))
    return replace(scenario, duration_s=1_200.0, event=tuple(events))


def _hurried(event: Event, times: float) -> Event:
    spans = {field: getattr(event, field, None) for field in TIMES}
    return replace(event, **{field: span / times for field, span in spans.items() if span is not None})
