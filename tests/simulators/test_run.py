"""The simulated region against real brokers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import sys
import textwrap
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiomqtt
import pytest

from ingest.mqtt.broker import Broker
from sensors.codec import decode, encode
from sensors.observations import CameraStatus, DeviceStatus, Message, SignAck, SignCommand, TowerEvent
from sensors.registry import Registry
from simulators.causes.files import load_scenario
from simulators.causes.scenario import Scenario
from simulators.errors import TransportError
from simulators.run import run
from tests.simulators.causes.text import parse
from tests.simulators.region import small_region

pytestmark = pytest.mark.integration

REGION = small_region()
NODES = {node.id for node in REGION.slope}
OFTEN = set(Registry.from_catalogue(REGION).ids) - NODES
"""Slope nodes speak every ten minutes only, and their radio loses a packet now and then."""
SPEED = 30.0
DEADLINE_S = 20.0
DUSTY = parse(
    *(
        f'kind = "false_detection"\ncause = "dust"\nconfidence = 0.45\nat_s = 5\ntower = "TWR-{tower}"'
        for tower in range(3)
    )
)
"""Three towers take dust for smoke."""
MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


async def until(condition: Callable[[], bool], what: str) -> None:
    """Poll a condition; fail when it does not come true in time."""
    end = asyncio.get_running_loop().time() + DEADLINE_S
    while not condition():
        assert asyncio.get_running_loop().time() < end, f"not in {DEADLINE_S} s: {what}"
        await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def mosquitto(folder: Path, port: int) -> AsyncIterator[None]:
    if MOSQUITTO is None:
        if os.environ.get("CI"):
            pytest.fail("mosquitto is missing")
        pytest.skip("mosquitto is not on this machine")
    config = folder / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    process = await asyncio.create_subprocess_exec(
        MOSQUITTO, "-c", str(config), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await until(lambda: listens(port), "mosquitto")
        yield
    finally:
        process.terminate()
        await process.wait()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextlib.asynccontextmanager
async def embedded(port: int) -> AsyncIterator[None]:
    broker = Broker(port=port)
    await broker.start()
    try:
        yield
    finally:
        await broker.stop()


@pytest.fixture(params=["mosquitto", "embedded"])
async def port(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[int]:
    number = free_port()
    async with mosquitto(tmp_path, number) if request.param == "mosquitto" else embedded(number):
        yield number


class Ear:
    """A control room that only listens."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def listen(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            assert isinstance(message.payload, bytes)
            self.messages += decode(message.topic.value, message.payload).messages

    def heard(self) -> set[str]:
        return {message.device for message in self.messages}

    def statuses(self) -> dict[str, DeviceStatus]:
        return {message.device: message for message in self.messages if isinstance(message, DeviceStatus)}


@contextlib.asynccontextmanager
async def listening(port: int) -> AsyncIterator[tuple[Ear, aiomqtt.Client]]:
    ear = Ear()
    async with aiomqtt.Client("127.0.0.1", port) as client:
        await client.subscribe("gwanje/v1/#", qos=1)
        task = asyncio.ensure_future(ear.listen(client))
        try:
            yield ear, client
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


@contextlib.asynccontextmanager
async def running(port: int, scenario: Scenario) -> AsyncIterator[asyncio.Event]:
    """A simulated region whose time runs faster."""
    loop = asyncio.get_running_loop()
    begin, epoch = loop.time(), datetime.now(UTC)

    def clock() -> datetime:
        return epoch + timedelta(seconds=(loop.time() - begin) * SPEED)

    async def sleep(seconds: float) -> None:
        await asyncio.sleep(seconds / SPEED)

    started = asyncio.Event()
    url = f"mqtt://127.0.0.1:{port}"
    task = asyncio.ensure_future(run(REGION, scenario, url, clock=clock, sleep=sleep, started=started))
    try:
        yield started
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_a_region_speaks_obeys_and_says_goodbye(port: int) -> None:
    async with listening(port) as (ear, client):
        async with running(port, DUSTY) as started:
            await asyncio.wait_for(started.wait(), DEADLINE_S)
            await until(lambda: ear.heard() >= OFTEN and bool(ear.heard() & NODES), "every device")
            sign = REGION.sign[0]
            order = SignCommand(
                device=sign.id, time=datetime.now(UTC), seq=1, message="m1", multi="[jp3]산불", priority=90,
                expires=datetime.now(UTC) + timedelta(hours=2),
            )  # fmt: skip
            await client.publish(f"gwanje/v1/{sign.district}/sign/{sign.id}/command", encode(order), qos=1)
            await until(lambda: any(isinstance(message, SignAck) for message in ear.messages), "acknowledgement")
            ack = next(message for message in ear.messages if isinstance(message, SignAck))
            assert (ack.device, ack.message, ack.shown, ack.multi) == (sign.id, "m1", True, "[jp3]산불")
            await until(
                lambda: len({m.device for m in ear.messages if isinstance(m, TowerEvent)}) >= 3, "three bearings"
            )
            assert all(status.online for status in ear.statuses().values())
        speaking = {device.id for device in (*REGION.tower, *REGION.sign, *REGION.cctv)}
        await until(lambda: {d for d, s in ear.statuses().items() if not s.online} == speaking, "goodbyes")
    async with listening(port) as (late_ear, _):
        await until(lambda: set(late_ear.statuses()) == speaking, "retained statuses")
        assert not any(status.online for status in late_ear.statuses().values())


async def test_devices_come_back_when_the_broker_does(tmp_path: Path) -> None:
    number = free_port()
    async with running(number, load_scenario("calm")) as started:
        async with mosquitto(tmp_path, number):
            await asyncio.wait_for(started.wait(), DEADLINE_S)
        async with mosquitto(tmp_path, number), listening(number) as (ear, _):
            await until(lambda: ear.heard() >= OFTEN, "every device again")
            assert all(status.online for status in ear.statuses().values())


async def test_a_killed_simulator_leaves_its_last_wills(port: int) -> None:
    program = textwrap.dedent(f"""
        import asyncio
        from simulators.run import run
        from simulators.causes.files import load_scenario
        from tests.simulators.region import small_region
        asyncio.run(run(small_region(), load_scenario("calm"), "mqtt://127.0.0.1:{port}"))
    """)
    root = Path(__file__).parents[2]
    async with listening(port) as (ear, _):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, cwd=root, stdout=asyncio.subprocess.DEVNULL
        )
        try:
            await until(lambda: ear.heard() >= OFTEN and bool(ear.heard() & NODES), "every device")
        finally:
            process.send_signal(signal.SIGKILL)
            await process.wait()
        willed = {device.id for device in (*REGION.tower, *REGION.sign)}
        await until(lambda: {d for d, s in ear.statuses().items() if not s.online} == willed, "last wills")
        assert {ear.statuses()[device].fault for device in willed} == {"connection lost"}
        assert any(isinstance(status, CameraStatus) for status in ear.statuses().values())


async def test_a_wrong_address_fails_at_once() -> None:
    with pytest.raises(TransportError, match="was 'amqp' as scheme"):
        await run(REGION, load_scenario("calm"), "amqp://127.0.0.1")
