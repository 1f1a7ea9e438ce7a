"""The simulated region against a broker, until cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import structlog

from config.catalogue.model import Catalogue
from simulators.causes.scenario import Scenario
from simulators.simulation import Simulation
from simulators.transport.address import parse_broker_url
from simulators.transport.connection import Connection
from simulators.world.seeds import stream

TICK_S = 1.0
"""How often due messages are collected, in device time [s]."""
SHORTEST_TICK_S = 0.05
"""The same for a clock that runs fast, in the wall's time [s]."""
CONNECT_EVERY_S = 0.01
"""Distance between the first attempts of two connections [s]."""
SLICE_S = 600.0
"""Simulation time made up for at a time after a pause, before others have their turn [s]."""

_log = structlog.get_logger("simulators")


def utc_now() -> datetime:
    """Return the time of this machine."""
    return datetime.now(UTC)


async def run(
    catalogue: Catalogue,
    scenario: Scenario,
    mqtt_url: str,
    *,
    seed: int | None = None,
    clock: Callable[[], datetime] = utc_now,
    speed: float = 1.0,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    started: asyncio.Event | None = None,
) -> None:
    """Run a scenario's devices against a broker until cancelled.

    Cancelled, devices say that they go offline and disconnect; killed, the broker tells their last wills.

    Parameters
    ----------
    catalogue
        Region.
    scenario
        What happens, from `simulators.scenario.load_scenario`.
    mqtt_url
        ``mqtt://user:password@host:port``.
    seed
        Seed of everything random; the scenario's own when None.
    clock
        Source of device time, aware UTC. Simulation time is the time since the call.
    speed
        How many times faster than the wall's that clock runs.
    sleep
        Waits for a number of seconds of the wall.
    started
        Set when every connection has been made once.

    Raises
    ------
    TransportError
        If ``mqtt_url`` is not an address. A broker that does not answer is no error: devices try again.
    ScenarioError
        If the region has no place for one of the scenario's events.
    """
    address = parse_broker_url(mqtt_url)
    start = clock()
    simulation = Simulation(catalogue, scenario, start, seed)
    connections = [
        Connection(endpoint, address, clock, sleep, stream(0, "backoff", endpoint.client_id))
        for endpoint in simulation.endpoints
    ]
    missing = {connection.endpoint.client_id for connection in connections}
    if started is not None and not missing:
        started.set()

    def connected(client_id: str) -> None:
        missing.discard(client_id)
        if started is not None and not missing:
            started.set()

    _log.info("simulation started", scenario=scenario.title.en, connections=len(connections))
    async with asyncio.TaskGroup() as group:
        for place, connection in enumerate(connections):
            client_id = connection.endpoint.client_id

            def came(client_id: str = client_id) -> None:
                connected(client_id)

            group.create_task(connection.run(came, place * CONNECT_EVERY_S), name=f"simulated {client_id}")
        group.create_task(_pump(simulation, connections, start, clock, speed, sleep), name="simulated world")
        try:
            await asyncio.Event().wait()
        finally:
            for connection in connections:
                connection.stop()


async def _pump(
    simulation: Simulation,
    connections: list[Connection],
    start: datetime,
    clock: Callable[[], datetime],
    speed: float,
    sleep: Callable[[float], Awaitable[None]],
) -> None:
    tick_s = max(TICK_S, SHORTEST_TICK_S * speed)
    while True:
        now_s = (clock() - start).total_seconds()
        while simulation.time_s < now_s:
            for index, message in simulation.advance(min(now_s, simulation.time_s + SLICE_S)):
                connections[index].outbox.put(message)
            await asyncio.sleep(0)
        spent_s = (clock() - start).total_seconds()
        await sleep((tick_s - spent_s % tick_s) / speed)
