"""MQTT: parsing, and embedded broker to session over loopback in one process. Nothing of ingest or storage."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import Awaitable, Callable

from ingest.mqtt.broker import Broker
from ingest.mqtt.codec import Parser
from ingest.mqtt.encode import encode, encode_publish
from ingest.mqtt.packets import Connect, Puback
from ingest.mqtt.session import Incoming, MqttSession

PAYLOAD = b"x" * 180
TOPICS = [f"gwanje/v1/11110/vds/VDS{i:05d}/obs".encode() for i in range(400)]
MESSAGES = 60_000
WINDOW = 1_000
REPEATS = 3


def run() -> dict[str, float]:
    """Return microseconds for each message parsed, and messages per second from publisher to session, by QoS.

    The payload has 180 bytes; 400 topics. In the rates, publisher, broker and session share one thread; at QoS 1
    the session acknowledges once for each read and the publisher keeps at most 1,000 messages unacknowledged.
    """
    figures: dict[str, float] = {}
    for qos in (0, 1):
        figures[f"parse_qos{qos}_us"] = _parse_us(qos)
        rates = [asyncio.run(_rate(qos)) for _ in range(REPEATS)]
        figures[f"broker_to_session_qos{qos}_messages_per_s"] = statistics.median(rates)
    return figures


def _packets(qos: int, count: int) -> list[bytes]:
    return [
        encode_publish(TOPICS[i % len(TOPICS)], PAYLOAD, qos, packet_id=i % 65_535 + 1 if qos else 0)
        for i in range(count)
    ]


def _parse_us(qos: int) -> float:
    count = 1_200
    data = b"".join(_packets(qos, count))
    parser = Parser()
    times = []
    for _ in range(100):
        started_s = time.perf_counter()
        parsed = len(parser.feed(data))
        times.append(time.perf_counter() - started_s)
        if parsed != count:
            raise RuntimeError(f"parser: expected {count} messages, was {parsed}")
    return statistics.median(times) / count * 1e6


async def _rate(qos: int) -> float:
    broker = Broker()
    await broker.start()
    done = asyncio.Event()
    ready = asyncio.Event()
    progress = asyncio.Event()
    received = 0

    async def pace(wanted: int) -> None:
        while received < wanted:
            progress.clear()
            await progress.wait()

    def take(messages: list[Incoming]) -> None:
        nonlocal received
        received += len(messages)
        session.acknowledge(messages)
        progress.set()
        if received >= MESSAGES:
            done.set()

    session = MqttSession(
        f"mqtt://127.0.0.1:{broker.port}",
        client_id="benchmark",
        filters=[("gwanje/v1/#", qos)],
        on_messages=take,
        on_state=lambda state: ready.set() if state.connected else None,
    )
    try:
        async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
            runner = tasks.create_task(session.run())
            await ready.wait()
            started_s = time.perf_counter()
            await _publish(broker.port, qos, pace)
            await done.wait()
            elapsed_s = time.perf_counter() - started_s
            runner.cancel()
    finally:
        await broker.stop()
    return MESSAGES / elapsed_s


async def _publish(port: int, qos: int, pace: Callable[[int], Awaitable[None]]) -> None:
    """Send all messages; at QoS 0 stay at most 5,000 ahead of the session, so that none is dropped."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(encode(Connect("publisher")))
    parser = Parser()
    parser.feed(await reader.read(4))
    packets = _packets(qos, MESSAGES)
    answered = 0
    for start in range(0, MESSAGES, WINDOW // 2):
        while qos and start + WINDOW // 2 - answered > WINDOW:
            answered += sum(isinstance(packet, Puback) for packet in parser.feed(await reader.read(65_536)))
        if not qos:
            await pace(start - 5_000)
        writer.write(b"".join(packets[start : start + WINDOW // 2]))
        await writer.drain()
        await asyncio.sleep(0)
    while qos and answered < MESSAGES:
        answered += sum(isinstance(packet, Puback) for packet in parser.feed(await reader.read(65_536)))
    writer.close()


if __name__ == "__main__":
    print(json.dumps(run(), indent=1))
