"""Listening to a broker and writing down what devices say."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

import aiomqtt

from sensors.topics import PREFIX
from simulators.recording import Recorded, RecordingWriter
from simulators.transport.address import parse_broker_url

_MOST_WAITING = 100_000
_library_log = logging.getLogger("simulators.aiomqtt")


async def record(
    writer: RecordingWriter,
    mqtt_url: str,
    *,
    clock: Callable[[], datetime],
    stopping: asyncio.Event,
    progress: Callable[[int], None],
) -> int:
    """Write every message of the protocol until told to stop; return how many.

    Commands to devices are left out: they are the control room's words, not the devices'.

    Raises
    ------
    TransportError
        If ``mqtt_url`` is not an address.
    aiomqtt.MqttError
        If the broker is away.
    """
    address = parse_broker_url(mqtt_url)
    async with aiomqtt.Client(
        address.host,
        address.port,
        username=address.username,
        password=address.password,
        tls_context=address.tls_context(),
        max_queued_incoming_messages=_MOST_WAITING,
        logger=_library_log,
    ) as client:
        await client.subscribe(f"{PREFIX}/#", qos=1)
        async with asyncio.TaskGroup() as tasks:
            writing = tasks.create_task(_write(client, writer, clock, progress))
            waiting = tasks.create_task(stopping.wait())
            await asyncio.wait((writing, waiting), return_when=asyncio.FIRST_COMPLETED)
            writing.cancel()
            waiting.cancel()
    return writer.count


async def _write(
    client: aiomqtt.Client, writer: RecordingWriter, clock: Callable[[], datetime], progress: Callable[[int], None]
) -> None:
    async for message in client.messages:
        topic = message.topic.value
        payload = message.payload
        if topic.endswith("/command") or not isinstance(payload, bytes):
            continue
        writer.add(Recorded(at=clock(), topic=topic, payload=payload, retain=message.retain))
        progress(writer.count)
