"""A SUMO simulation against a broker, at a multiple of real time or as fast as it goes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog

from simulators.devices.endpoint import Outbound
from simulators.run import utc_now
from simulators.sumo.bridge import SumoSimulation
from simulators.transport.address import parse_broker_url
from simulators.transport.connection import Connection
from simulators.world.seeds import stream

TICK_S = 0.2
"""How often it is moved on, in the wall's time [s]."""
MOST_S = 10.0
"""Never further than this at once in simulation time: whoever watches sees what comes and goes, and a cancellation is
not kept waiting. [s]"""
DRAINED_EVERY_S = 0.005
DRAIN_S = 30.0
"""Longest wait for the broker at the end [s]."""
BEHIND_S = 10.0
"""It says so once when the simulation falls this far behind, in the wall's time [s]."""

_log = structlog.get_logger("simulators.sumo")


async def send(
    simulation: SumoSimulation,
    mqtt_url: str,
    *,
    speed: float | None,
    reached: Callable[[float], None] = lambda _: None,
    until_s: float | None = None,
    clock: Callable[[], datetime] = utc_now,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> int:
    """Send what the stations measure until the simulation ends or the call is cancelled.

    Parameters
    ----------
    simulation
        At simulation time 0; it is not closed. For ``speed`` None make it with ``qos=1``.
    mqtt_url
        ``mqtt://user:password@host:port``. A broker that does not answer is no error: the concentrator tries again,
        and meanwhile loses the oldest of what waits, as a real one.
    speed
        How many times faster than real time; None = as fast as the broker acknowledges, and nothing is lost.
    reached
        Called with the simulation time after each step of it, in another thread. [s]
    until_s
        End in simulation time; that of the simulation when None. [s]
    clock, sleep
        The wall's time and what waits for a number of its seconds.

    Returns
    -------
    int
        Messages that were sent.

    Raises
    ------
    TransportError
        If ``mqtt_url`` is not an address.
    SumoError
        If SUMO fails.
    """
    address = parse_broker_url(mqtt_url)
    connections = [
        Connection(endpoint, address, clock, sleep, stream(0, "backoff", endpoint.client_id))
        for endpoint in simulation.endpoints
    ]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(connection.run(lambda: None)) for connection in connections]
        try:
            await _pump(simulation, connections, speed, reached, until_s, clock, sleep)
        finally:
            for connection, task in zip(connections, tasks, strict=True):
                connection.stop()
                task.cancel()
    return sum(connection.sent for connection in connections)


async def _pump(
    simulation: SumoSimulation,
    connections: list[Connection],
    speed: float | None,
    reached: Callable[[float], None],
    until_s: float | None,
    clock: Callable[[], datetime],
    sleep: Callable[[float], Awaitable[None]],
) -> None:
    end_s = float("inf") if until_s is None else until_s
    start = clock()
    put = 0
    behind = False
    while not simulation.ended and simulation.time_s + simulation.prepared.configuration.step_s <= end_s:
        wanted_s = float("inf") if speed is None else (clock() - start).total_seconds() * speed
        target_s = min(wanted_s, simulation.time_s + MOST_S, end_s)
        for index, message in await asyncio.to_thread(_advance, simulation, target_s, reached):
            connections[index].outbox.put(message)
            put += 1
        if speed is None:
            await _drained(connections, put, sleep, None)
            continue
        late_s = (wanted_s - simulation.time_s) / speed
        if late_s > BEHIND_S and not behind:
            behind = True
            _log.warning("simulation is slower than asked for", speed=speed, behind_s=round(late_s, 1))
        if late_s < TICK_S:
            await sleep(TICK_S)
    await _drained(connections, put, sleep, DRAIN_S)


def _advance(
    simulation: SumoSimulation, target_s: float, reached: Callable[[float], None]
) -> list[tuple[int, Outbound]]:
    messages = simulation.advance(target_s)
    reached(simulation.time_s)
    return messages


async def _drained(
    connections: list[Connection], put: int, sleep: Callable[[float], Awaitable[None]], most_s: float | None
) -> None:
    """Wait until everything is sent, or lost, or the time is over."""
    waited_s = 0.0
    while sum(connection.sent + connection.outbox.lost.telemetry for connection in connections) < put:
        if most_s is not None and waited_s >= most_s:
            return
        await sleep(DRAINED_EVERY_S)
        waited_s += DRAINED_EVERY_S
