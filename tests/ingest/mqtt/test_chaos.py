"""Connections killed at random while devices publish: what was acknowledged to a device has been stored."""

from __future__ import annotations

import asyncio
import random

import pytest

from ingest.mqtt.broker import Broker
from ingest.mqtt.limits import BrokerLimits
from tests.ingest.mqtt.wire import make_session, running

pytestmark = pytest.mark.integration

DEVICES = 4
EACH = 150


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_nothing_acknowledged_is_lost(seed):
    choose = random.Random(seed)
    limits = BrokerLimits(max_inflight=20, max_queued=60, max_unacknowledged=30)
    stored: set[bytes] = set()
    acknowledged: set[bytes] = set()
    async with running(Broker(keepers={"ingest": [("t/#", 1)]}, limits=limits)) as broker:
        ingest, inbox = make_session(broker.port)
        inbox.acknowledges = False
        devices = [
            make_session(broker.port, client_id=f"device{n}", filters=[("c/#", 1)], max_inflight=10)[0]
            for n in range(DEVICES)
        ]

        async def store() -> None:
            """Commit what has come, then acknowledge it; now and then fall behind and hold the broker back."""
            while True:
                batch, inbox.messages = inbox.messages, []
                ingest.pause()
                await asyncio.sleep(choose.choice((0.0, 0.002, 0.02)))
                stored.update(message.payload for message in batch)
                ingest.acknowledge(batch)
                ingest.resume()
                await asyncio.sleep(0.001)

        async def kill() -> None:
            while True:
                await asyncio.sleep(choose.uniform(0.005, 0.05))
                victim = choose.choice([ingest, *devices])
                if victim._link is not None and victim._link._transport is not None:
                    victim._link._transport.abort()

        async def publish(device, number: int, message: int) -> None:
            payload = b"%d/%d" % (number, message)
            await device.publish(f"t/{number}", payload, qos=1, timeout_s=30)
            # Looked at in the moment of the acknowledgement: stored before, not just in the end.
            assert payload in stored
            acknowledged.add(payload)

        async with asyncio.TaskGroup() as tasks:
            for_ever = [tasks.create_task(work) for work in (ingest.run(), store(), kill())]
            for_ever += [tasks.create_task(device.run()) for device in devices]
            async with asyncio.timeout(30), asyncio.TaskGroup() as publishers:
                for number, device in enumerate(devices):
                    for message in range(EACH):
                        publishers.create_task(publish(device, number, message))
            for task in for_ever:
                task.cancel()
        assert len(acknowledged) == DEVICES * EACH
        assert sum(session.counters.reconnects for session in (ingest, *devices)) > 3
