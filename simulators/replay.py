"""Sending what was recorded to a broker again, in order, at a chosen pace."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime

import aiomqtt

from simulators.recording import Recorded
from simulators.transport.address import parse_broker_url

_IN_FLIGHT = 500
_TIMEOUT_S = 60.0
_library_log = logging.getLogger("simulators.aiomqtt")


async def replay(
    messages: Iterable[Recorded],
    mqtt_url: str,
    *,
    speed: float | None,
    progress: Callable[[int], None],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    monotonic: Callable[[], float] | None = None,
) -> int:
    """Publish messages in order and return how many the broker has acknowledged.

    All go out in quality of service 1, whatever they had: one quality keeps one order, which a repeatable replay needs.

    Parameters
    ----------
    messages
        In the order of their times.
    mqtt_url
        ``mqtt://user:password@host:port``.
    speed
        How many times faster than it happened; None = as fast as it is taken.
    progress
        Called with the number sent so far.
    sleep, monotonic
        What waits and what measures.

    Raises
    ------
    TransportError
        If ``mqtt_url`` is not an address.
    aiomqtt.MqttError
        If the broker is away or does not acknowledge within a minute.
    """
    address = parse_broker_url(mqtt_url)
    now_s = monotonic or asyncio.get_running_loop().time
    window = asyncio.Semaphore(_IN_FLIGHT)
    sent = 0
    async with (
        aiomqtt.Client(
            address.host,
            address.port,
            username=address.username,
            password=address.password,
            identifier="gwanje-replay-source",
            tls_context=address.tls_context(),
            timeout=_TIMEOUT_S,
            max_inflight_messages=_IN_FLIGHT,
            logger=_library_log,
        ) as client,
        asyncio.TaskGroup() as tasks,
    ):
        client.pending_calls_threshold = _IN_FLIGHT
        started_s = now_s()
        first: datetime | None = None
        for message in messages:
            first = first or message.at
            if speed is not None:
                due_s = (message.at - first).total_seconds() / speed
                await sleep(max(started_s + due_s - now_s(), 0.0))
            await window.acquire()
            # Tasks begin in the order in which they are made, and the client's queue keeps it.
            task = tasks.create_task(client.publish(message.topic, message.payload, qos=1, retain=message.retain))
            task.add_done_callback(lambda _: window.release())
            sent += 1
            progress(sent)
    return sent
