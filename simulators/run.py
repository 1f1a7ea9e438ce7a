"""The simulated region against a broker, until cancelled."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime

import structlog

from config.catalogue.model import Catalogue
from simulators.causes.scenario import Scenario
from simulators.simulation import DEVICES_ASLEEP_S, Simulation
from simulators.transport.address import parse_broker_url
from simulators.transport.connection import Connection
from simulators.truth.recorder import TruthRecorder
from simulators.world.seeds import stream

TICK_S = 1.0
"""How often due messages are collected, in device time [s]."""
SHORTEST_TICK_S = 0.05
"""The same for a clock that runs fast, in the wall's time [s]."""
CONNECT_EVERY_S, CONNECT_WITHIN_S = 0.01, 20.0
"""Distance between the first attempts of two connections, and the longest time over which all of them spread [s]."""
TURNS = 8
"""Turns of the event loop between two ticks that are made up for: a message takes four of them to leave."""
OBSERVE_EVERY_S = 10.0
"""Device time between two looks at the truth: a queue's onset is known to this. Own construction. [s]"""
SLICE_S = 600.0
"""Simulation time made up for at a time after a long pause, before others have their turn [s]."""

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
    keep: Callable[[datetime], AbstractContextManager[TruthRecorder]] | None = None,
) -> None:
    """Run a scenario's devices against a broker until cancelled.

    Cancelled, devices say that they go offline and disconnect; killed, the broker tells their last wills.

    Parameters
    ----------
    catalogue
        Region.
    scenario
        What happens, from `simulators.causes.files.load_scenario`.
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
    keep
        Called with device time at the start; what it returns is shown the truth until the end.

    Raises
    ------
    TransportError
        If ``mqtt_url`` is not an address. A broker that does not answer is no error: devices try again.
    ScenarioProblemsError
        If the scenario names what the region does not have, or it has no place for one of its events.
    RunError, OSError
        From ``keep``.
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
    async with contextlib.AsyncExitStack() as kept, asyncio.TaskGroup() as group:
        recorder = None if keep is None else kept.enter_context(keep(start))
        apart_s = min(CONNECT_EVERY_S, CONNECT_WITHIN_S / max(len(connections), 1))
        for place, connection in enumerate(connections):
            client_id = connection.endpoint.client_id

            def came(client_id: str = client_id) -> None:
                connected(client_id)

            group.create_task(connection.run(came, place * apart_s), name=f"simulated {client_id}")
        group.create_task(_pump(simulation, connections, start, clock, speed, sleep, recorder), name="simulated world")
        try:
            await asyncio.Event().wait()
        finally:
            if recorder is not None:
                recorder.close(simulation.time_s)
            for connection in connections:
                connection.stop()


async def _pump(
    simulation: Simulation,
    connections: list[Connection],
    start: datetime,
    clock: Callable[[], datetime],
    speed: float,
    sleep: Callable[[float], Awaitable[None]],
    recorder: TruthRecorder | None,
) -> None:
    looked_s = -OBSERVE_EVERY_S
    tick_s = max(TICK_S, SHORTEST_TICK_S * speed)
    done = 0
    while True:
        # Whole ticks only, so that the same samples share a message however late this machine is. Time is made up for
        # in them too, unless it is so much that the devices count as asleep.
        ticks = int((clock() - start).total_seconds() / tick_s)
        while done < ticks:
            behind_s = (ticks - done) * tick_s
            if behind_s <= DEVICES_ASLEEP_S * speed:
                done += 1
            else:
                _log.warning("devices slept", for_s=round(behind_s), speed=speed)
                done += min(ticks - done, int(SLICE_S / tick_s))
            for index, message in simulation.advance(done * tick_s):
                connections[index].outbox.put(message)
            if recorder is not None and simulation.time_s - looked_s >= OBSERVE_EVERY_S:
                looked_s = simulation.time_s
                recorder.observe(simulation.snapshot(looked_s), looked_s)
            for _ in range(TURNS):
                await asyncio.sleep(0)
        spent_s = (clock() - start).total_seconds()
        await sleep((tick_s - spent_s % tick_s) / speed)
