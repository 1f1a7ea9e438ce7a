"""Replaying keeps order and pace, through a real broker; recording hears what devices say."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiomqtt
import pytest

from ingest.mqtt.broker import Broker
from simulators.record import record
from simulators.recording import FORMAT, VERSION, Header, Recorded, RecordingWriter, read_messages
from simulators.replay import replay

pytestmark = pytest.mark.integration
START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
async def broker() -> Broker:
    listener = Broker()
    await listener.start()
    yield listener  # type: ignore[misc]
    await listener.stop()


def numbered(count: int, step_s: float = 1.0) -> list[Recorded]:
    return [
        Recorded(at=START + timedelta(seconds=step_s * n), topic=f"gwanje/v1/99110/vds/v{n % 7}/obs", payload=b"%d" % n)
        for n in range(count)
    ]


async def test_everything_arrives_once_and_in_order(broker: Broker) -> None:
    got: list[int] = []
    async with aiomqtt.Client("127.0.0.1", broker.port, identifier="listener") as client:
        await client.subscribe("gwanje/v1/#", qos=1)
        async with asyncio.TaskGroup() as tasks:
            sending = tasks.create_task(
                replay(numbered(3_000), f"mqtt://127.0.0.1:{broker.port}", speed=None, progress=lambda _: None)
            )
            async with asyncio.timeout(30):
                async for message in client.messages:
                    got.append(int(message.payload))  # type: ignore[arg-type]
                    if len(got) == 3_000:
                        break
    assert sending.result() == 3_000
    assert got == list(range(3_000))


async def test_the_pace_is_the_recorded_one_over_the_speed(broker: Broker) -> None:
    slept: list[float] = []
    clock_s = 0.0

    async def sleep(seconds: float) -> None:
        nonlocal clock_s
        slept.append(seconds)
        clock_s += seconds

    await replay(
        numbered(5, step_s=30.0),
        f"mqtt://127.0.0.1:{broker.port}",
        speed=60.0,
        progress=lambda _: None,
        sleep=sleep,
        monotonic=lambda: clock_s,
    )
    assert slept == pytest.approx([0.0, 0.5, 0.5, 0.5, 0.5])


async def test_a_recording_holds_what_devices_said_but_no_commands(broker: Broker, tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl.gz"
    stopping = asyncio.Event()
    counted: list[int] = []

    def progress(count: int) -> None:
        counted.append(count)
        if count == 2:
            stopping.set()

    header = Header(format=FORMAT, version=VERSION, region="default", digest="", started=START)
    url = f"mqtt://127.0.0.1:{broker.port}"
    with RecordingWriter(path, header) as writer:
        async with asyncio.TaskGroup() as tasks, asyncio.timeout(20):
            recording = tasks.create_task(
                record(writer, url, clock=lambda: START, stopping=stopping, progress=progress)
            )
            async with aiomqtt.Client("127.0.0.1", broker.port) as client:
                while not counted:
                    await client.publish("gwanje/v1/99110/sign/s1/command", b"not the device's word", qos=1)
                    await client.publish("gwanje/v1/99110/vds/v1/obs", b"\x81\x00", qos=1)
                    await asyncio.sleep(0.02)
                await client.publish("gwanje/v1/99110/sign/s1/status", b"{}", qos=1, retain=True)
                await stopping.wait()
    assert recording.result() == len(list(read_messages(path)))
    topics = [message.topic for message in read_messages(path)]
    assert topics[0] == "gwanje/v1/99110/vds/v1/obs"
    assert not any(topic.endswith("/command") for topic in topics)
    assert next(read_messages(path)).payload == b"\x81\x00"
