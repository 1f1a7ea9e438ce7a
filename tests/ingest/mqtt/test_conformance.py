"""Public clients against the embedded broker: paho-mqtt, aiomqtt, mosquitto_pub and mosquitto_sub."""

from __future__ import annotations

import asyncio
import threading
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Iterator
from contextlib import contextmanager

import aiomqtt
import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from ingest.mqtt.broker import Broker
from ingest.mqtt.limits import BrokerLimits
from tests.ingest.mqtt.wire import running, tool, until

pytestmark = pytest.mark.integration


class Paho:
    """A paho client with its network thread, and what it saw."""

    def __init__(self, client_id: str, *, clean: bool = True, version: int = MQTTProtocolVersion.MQTTv311) -> None:
        options = {} if version == MQTTProtocolVersion.MQTTv5 else {"clean_session": clean}
        self.client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id, protocol=version, reconnect_on_failure=False, **options
        )
        self.messages: list[paho.MQTTMessage] = []
        self.connacks: list[tuple[bool, int]] = []
        self.subscribed = threading.Event()
        self.disconnected = threading.Event()
        self.client.on_message = lambda client, data, message: self.messages.append(message)
        self.client.on_connect = lambda client, data, flags, code, properties: self.connacks.append(
            (flags.session_present, code.value)
        )
        self.client.on_subscribe = lambda *_: self.subscribed.set()
        self.client.on_disconnect = lambda *_: self.disconnected.set()

    async def connect(self, port: int, keepalive: int = 60) -> None:
        await asyncio.to_thread(self.client.connect, "127.0.0.1", port, keepalive)
        self.client.loop_start()
        await until(lambda: self.connacks, "CONNACK")

    async def subscribe(self, topic_filter: str, qos: int) -> None:
        self.subscribed.clear()
        self.client.subscribe(topic_filter, qos)
        await until(self.subscribed.is_set, "SUBACK")

    async def publish(self, topic: str, payload: bytes, qos: int, retain: bool = False) -> None:
        info = self.client.publish(topic, payload, qos, retain)
        await until(info.is_published, f"QoS {qos} published")

    def payloads(self) -> list[bytes]:
        return [message.payload for message in self.messages]

    def kill(self) -> None:
        """Lose the connection without a DISCONNECT."""
        self.client.socket().shutdown(2)

    async def close(self) -> None:
        self.client.disconnect()
        await asyncio.to_thread(self.client.loop_stop)


@contextmanager
def stopping(*clients: Paho) -> Iterator[None]:
    try:
        yield
    finally:
        for client in clients:
            client.client.disconnect()
            client.client.loop_stop()


async def test_paho_publishes_at_every_qos():
    pub, sub = Paho("pub"), Paho("sub")
    async with running(Broker()) as broker:
        with stopping(pub, sub):
            await sub.connect(broker.port)
            await pub.connect(broker.port)
            await sub.subscribe("x/#", 2)
            for qos in (0, 1, 2):
                await pub.publish("x/y", b"%d" % qos, qos)
            await until(lambda: len(sub.messages) == 3, "three messages")
            assert sorted(sub.payloads()) == [b"0", b"1", b"2"]
            assert {message.qos for message in sub.messages} == {0, 1}
            for i in range(300):
                pub.client.publish("x/many", b"%d" % i, 1 + i % 2)
            await until(lambda: len(sub.messages) == 303, "all")
            assert sub.payloads()[3:] == [b"%d" % i for i in range(300)]


async def test_paho_retained_wildcards_and_big_payload():
    pub, sub = Paho("pub"), Paho("sub")
    async with running(Broker()) as broker:
        with stopping(pub, sub):
            await pub.connect(broker.port)
            await pub.publish("a/1/s", b"kept", 1, retain=True)
            await pub.publish("a/2/s", b"kept", 1, retain=True)
            await pub.publish("a/2/s", b"", 1, retain=True)
            await sub.connect(broker.port)
            await sub.subscribe("a/+/s", 1)
            await until(lambda: sub.messages, "retained")
            assert [(m.topic, m.payload, m.retain) for m in sub.messages] == [("a/1/s", b"kept", True)]
            big = bytes(range(256)) * 3_900
            await pub.publish("a/big/s", big, 1)
            await pub.publish("a/big/t", b"not wanted", 1)
            await until(lambda: len(sub.messages) == 2, "big message")
            assert sub.messages[1].payload == big
            assert not sub.messages[1].retain


async def test_paho_oversize_payload_stops_nothing():
    pub, sub = Paho("pub"), Paho("sub")
    async with running(Broker(limits=BrokerLimits(max_packet_bytes=10_000))) as broker:
        with stopping(pub, sub):
            await sub.connect(broker.port)
            await pub.connect(broker.port)
            await sub.subscribe("#", 1)
            await pub.publish("x", b"before", 1)
            for qos in (1, 2):
                await pub.publish("x", b"b" * 500_000, qos)
            await pub.publish("x", b"after", 1)
            await until(lambda: len(sub.messages) == 2, "both")
            assert sub.payloads() == [b"before", b"after"]
            assert broker.counters.oversize == 2


async def test_paho_will_on_kill_and_none_on_goodbye():
    sub, one, two = Paho("sub"), Paho("one"), Paho("two")
    async with running(Broker()) as broker:
        with stopping(sub, one, two):
            await sub.connect(broker.port)
            await sub.subscribe("gone/#", 1)
            for client in (one, two):
                client.client.will_set("gone/" + client.client._client_id.decode(), b"x", 1, retain=True)
                await client.connect(broker.port)
            await one.close()
            two.kill()
            await until(lambda: sub.messages, "will")
            assert [message.topic for message in sub.messages] == ["gone/two"]


async def test_paho_stays_alive_on_pings():
    client = Paho("c")
    async with running(Broker()) as broker:
        with stopping(client):
            await client.connect(broker.port, keepalive=1)
            with pytest.raises(pytest.fail.Exception):
                await until(client.disconnected.is_set, "disconnected", 2.5)
            assert broker.counters.keep_alive_timeouts == 0


async def test_paho_persistent_session_and_takeover():
    pub, first, second = Paho("pub"), Paho("s", clean=False), Paho("s", clean=False)
    async with running(Broker()) as broker:
        with stopping(pub, first, second):
            await pub.connect(broker.port)
            await first.connect(broker.port)
            await first.subscribe("x", 1)
            await first.close()
            await pub.publish("x", b"while away", 1)
            again = Paho("s", clean=False)
            with stopping(again):
                await again.connect(broker.port)
                await until(lambda: again.payloads() == [b"while away"], "kept message")
                assert again.connacks == [(True, 0)]
                await second.connect(broker.port)
                await until(again.disconnected.is_set, "taken over")
            await pub.publish("x", b"to the second", 1)
            await until(lambda: second.payloads() == [b"to the second"], "delivered")


async def test_paho_with_mqtt_5_is_refused_politely():
    client = Paho("c", version=MQTTProtocolVersion.MQTTv5)
    async with running(Broker()) as broker:
        with stopping(client):
            await client.connect(broker.port)
            assert client.connacks == [(False, 0x84)]


async def test_paho_unacknowledged_is_delivered_again():
    pub, sub = Paho("pub"), Paho("sub", clean=False)
    sub.client.manual_ack_set(True)
    async with running(Broker()) as broker:
        with stopping(pub, sub):
            await sub.connect(broker.port)
            await sub.subscribe("x", 1)
            await pub.connect(broker.port)
            info = pub.client.publish("x", b"once", 1)
            await until(lambda: sub.messages, "delivered")
            sub.kill()
            await until(sub.disconnected.is_set, "gone")
            again = Paho("sub", clean=False)
            with stopping(again):
                assert not info.is_published()
                await again.connect(broker.port)
                await until(lambda: again.messages, "delivered again")
                assert (again.messages[0].payload, again.messages[0].dup) == (b"once", True)
                await until(info.is_published, "publisher acknowledged")


async def test_aiomqtt():
    async with running(Broker(username="u", password="p")) as broker:
        with pytest.raises(aiomqtt.MqttError):
            async with aiomqtt.Client("127.0.0.1", broker.port, username="u", password="wrong"):
                pass
        will = aiomqtt.Will("gone", b"x", 1)
        options = {"username": "u", "password": "p"}
        async with (
            aiomqtt.Client("127.0.0.1", broker.port, identifier="s", **options) as sub,
            aiomqtt.Client("127.0.0.1", broker.port, identifier="p", will=will, **options) as pub,
        ):
            await sub.subscribe([("a/+/obs", 1), ("b/#", 2)])
            for i in range(100):
                await pub.publish(f"a/{i}/obs", str(i), qos=i % 3)
            await pub.publish("b", "last", qos=1)
            received = {}
            async with asyncio.timeout(8):
                async for message in sub.messages:
                    received[str(message.topic)] = message.payload
                    if len(received) == 101:
                        break
            assert received == {"b": b"last"} | {f"a/{i}/obs": b"%d" % i for i in range(100)}
            await sub.unsubscribe("b/#")


async def run_tool(*arguments: str, stdin: bytes | None = None) -> tuple[int, bytes]:
    process = await asyncio.create_subprocess_exec(
        *arguments, stdin=PIPE if stdin is not None else DEVNULL, stdout=PIPE, stderr=DEVNULL
    )
    async with asyncio.timeout(8):
        output, _ = await process.communicate(stdin)
    return process.returncode, output


async def test_mosquitto_pub_and_sub():
    pub, sub = tool("mosquitto_pub"), tool("mosquitto_sub")
    async with running(Broker()) as broker:
        to = ("-h", "127.0.0.1", "-p", str(broker.port))
        code, _ = await run_tool(pub, *to, "-t", "s/1", "-m", "kept", "-q", "1", "-r")
        assert code == 0
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(run_tool(sub, *to, "-t", "s/+", "-q", "2", "-C", "32", "-F", "%r %t %p"))
            await until(lambda: broker.counters.delivered == 1, "retained delivered")
            for qos in ("0", "1", "2"):
                lines = "".join(f"{qos}-{i}\n" for i in range(10)).encode()
                code, _ = await run_tool(pub, *to, "-t", "s/2", "-l", "-q", qos, stdin=lines)
                assert code == 0
            code, _ = await run_tool(pub, *to, "-t", "s/3", "-s", "-q", "2", stdin=b"b" * 300_000)
            assert code == 0
        code, output = reading.result()
        assert code == 0
        lines = output.decode().splitlines()
        assert lines[0] == "1 s/1 kept"
        assert lines[1:31] == [f"0 s/2 {qos}-{i}" for qos in range(3) for i in range(10)]
        assert lines[31] == "0 s/3 " + "b" * 300_000


async def test_mosquitto_persistent_session_and_mqtt_5():
    pub, sub = tool("mosquitto_pub"), tool("mosquitto_sub")
    async with running(Broker()) as broker:
        to = ("-h", "127.0.0.1", "-p", str(broker.port))
        session = (sub, *to, "-t", "x", "-q", "1", "-c", "-i", "s")
        assert await run_tool(*session, "-E") == (0, b"")
        for i in range(3):
            assert (await run_tool(pub, *to, "-t", "x", "-m", f"{i}", "-q", "1"))[0] == 0
        assert await run_tool(*session, "-C", "3") == (0, b"0\n1\n2\n")
        code, _ = await run_tool(pub, *to, "-V", "5", "-t", "x", "-m", "5")
        assert code != 0
        assert broker.counters.refused == 1
