"""A SUMO simulation through a real broker."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import aiomqtt
import pytest

from ingest.mqtt.broker import Broker
from sensors.codec import decode
from sensors.observations import Message, VdsObservation
from simulators.errors import TransportError
from simulators.sumo.bridge import Prepared, SumoSimulation
from simulators.sumo.live import send
from tests.simulators.sumo.making import needs_sumo

pytestmark = [pytest.mark.integration, needs_sumo]
START = datetime(2026, 4, 8, 7, 0, tzinfo=UTC)


@pytest.fixture
async def broker() -> Broker:
    listener = Broker()
    await listener.start()
    yield listener  # type: ignore[misc]
    await listener.stop()


@pytest.mark.parametrize("speed", [None, 120.0])
async def test_every_period_arrives_in_order(broker: Broker, prepared: Prepared, speed: float | None) -> None:
    expected = 4 * len(prepared.catalogue.vds)
    heard: list[Message] = []
    reached: list[float] = []
    async with aiomqtt.Client("127.0.0.1", broker.port, identifier="ear") as client:
        await client.subscribe("gwanje/v1/+/vds/_gateway/+/obs", qos=1)
        with SumoSimulation(prepared, START, qos=1 if speed is None else 0) as simulation:
            async with asyncio.TaskGroup() as tasks:
                url = f"mqtt://127.0.0.1:{broker.port}"
                sending = tasks.create_task(send(simulation, url, speed=speed, until_s=120.0, reached=reached.append))
                async with asyncio.timeout(40):
                    async for message in client.messages:
                        heard += decode(message.topic.value, message.payload).messages  # type: ignore[arg-type]
                        if len(heard) == expected:
                            break
            assert simulation.time_s == 120.0
    assert sending.result() == 4
    assert reached[-1] == 120.0
    assert {one.device for one in heard} == {station.id for station in prepared.catalogue.vds}
    assert all(isinstance(one, VdsObservation) for one in heard)
    times = [(one.time - START).total_seconds() for one in heard]
    assert times == sorted(times)
    assert set(times) == {30.0, 60.0, 90.0, 120.0}


async def test_a_wrong_address_fails_and_a_cancelled_run_stops(broker: Broker, prepared: Prepared) -> None:
    with SumoSimulation(prepared, START) as simulation:
        with pytest.raises(TransportError, match="was 'amqp' as scheme"):
            await send(simulation, "amqp://127.0.0.1", speed=None)
        task = asyncio.create_task(send(simulation, f"mqtt://127.0.0.1:{broker.port}", speed=1.0))
        await asyncio.sleep(0.5)
        task.cancel()
        async with asyncio.timeout(10):
            await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()
        assert not simulation.ended
