"""What the tests share: a bare client, a poll with a deadline, free ports, a running broker or session."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from subprocess import DEVNULL, Popen

import pytest

from ingest.mqtt.broker import Broker
from ingest.mqtt.codec import Parser
from ingest.mqtt.encode import encode
from ingest.mqtt.packets import Connack, Connect, Packet, Puback, Publish, Suback, Subscribe
from ingest.mqtt.session import Incoming, MqttSession

DEADLINE_S = 8.0


async def until(condition: Callable[[], object], what: str, timeout_s: float = DEADLINE_S) -> None:
    """Poll until the condition holds."""
    loop = asyncio.get_running_loop()
    end_s = loop.time() + timeout_s
    while not condition():
        if loop.time() > end_s:
            pytest.fail(f"not within {timeout_s:g} s: {what}")
        await asyncio.sleep(0.005)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Wire:
    """A client of bare packets: nothing is answered by itself."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.parser = Parser(8 << 20)
        self.waiting: list[Packet] = []

    def send(self, *packets: Packet) -> None:
        self.writer.write(b"".join(map(encode, packets)))

    async def next(self, timeout_s: float = DEADLINE_S) -> Packet | None:
        """Return the next packet, or None when the broker has closed."""
        async with asyncio.timeout(timeout_s):
            while not self.waiting:
                try:
                    data = await self.reader.read(1 << 18)
                except ConnectionError:
                    return None
                if not data:
                    return None
                self.waiting = self.parser.feed(data)
        return self.waiting.pop(0)

    async def expect(self, kind: type) -> Packet:
        packet = await self.next()
        assert type(packet) is kind, packet
        return packet

    async def nothing_for(self, quiet_s: float = 0.15) -> None:
        """Check that nothing comes."""
        with pytest.raises(TimeoutError):
            pytest.fail(f"unexpected {await self.next(quiet_s)}")

    async def subscribe(self, *filters: tuple[str, int]) -> Suback:
        self.send(Subscribe(1, filters))
        return await self.expect(Suback)

    async def publish(self, topic: str, payload: bytes = b"x", packet_id: int = 1, **fields: bool) -> None:
        """Publish at QoS 1 and wait for the acknowledgement."""
        self.send(Publish(topic, payload, 1, packet_id=packet_id, **fields))
        assert await self.expect(Puback) == Puback(packet_id)

    def kill(self) -> None:
        self.writer.transport.abort()

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


async def open_wire(port: int) -> Wire:
    return Wire(*await asyncio.open_connection("127.0.0.1", port))


@asynccontextmanager
async def wire(port: int, client_id: str, *, clean: bool = True, **fields: object) -> AsyncIterator[Wire]:
    """Connect a bare client and check that it is accepted."""
    client = await open_wire(port)
    try:
        client.send(Connect(client_id, clean, **fields))
        answer = await client.expect(Connack)
        assert answer.code == 0, answer
        client.session_present = answer.session_present
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def running(broker: Broker) -> AsyncIterator[Broker]:
    await broker.start()
    try:
        yield broker
    finally:
        await broker.stop()


@asynccontextmanager
async def connected(session: MqttSession) -> AsyncIterator[MqttSession]:
    """Run a session and wait until it is subscribed."""
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(session.run())
        try:
            await until(lambda: session.state.connected or task.done(), "session connected")
            yield session
        finally:
            task.cancel()


class Inbox:
    """Collects what a session receives, and acknowledges it unless told not to."""

    def __init__(self) -> None:
        self.session: MqttSession | None = None
        self.messages: list[Incoming] = []
        self.reads = 0
        self.acknowledges = True

    def __call__(self, messages: list[Incoming]) -> None:
        self.reads += 1
        self.messages += messages
        if self.acknowledges and self.session is not None:
            self.session.acknowledge(messages)

    def payloads(self) -> list[bytes]:
        return [message.payload for message in self.messages]


def make_session(port: int, *, client_id: str = "ingest", **options: object) -> tuple[MqttSession, Inbox]:
    """Return a session that reconnects quickly, and its inbox."""
    inbox = Inbox()

    async def short_sleep(delay_s: float) -> None:
        await asyncio.sleep(min(delay_s, 0.02))

    options.setdefault("filters", [("t/#", 1)])
    url = options.pop("url", f"mqtt://127.0.0.1:{port}")
    session = MqttSession(url, client_id=client_id, on_messages=inbox, sleep=short_sleep, **options)
    inbox.session = session
    return session, inbox


def tool(name: str) -> str:
    """Return the path of a public MQTT tool; without it skip here, but fail in continuous integration."""
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if path is None:
        if os.environ.get("CI"):
            pytest.fail(f"{name} is not installed, and continuous integration must have it")
        pytest.skip(f"{name} is not installed")
    return path


@contextmanager
def mosquitto(port: int, settings: str = "") -> Iterator[Popen[bytes]]:
    """Run a mosquitto child on a port."""
    program = tool("mosquitto")
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "mosquitto.conf")
        config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n{settings}", encoding="utf-8")
        with Popen([program, "-c", str(config)], stdout=DEVNULL, stderr=DEVNULL) as child:
            try:
                yield child
            finally:
                child.terminate()
