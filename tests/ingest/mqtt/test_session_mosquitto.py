"""The session against a mosquitto child: publish, redelivery, restart of the broker, TLS."""

from __future__ import annotations

import asyncio
import ssl
from subprocess import run

import pytest

from ingest.mqtt.address import check_reachable
from ingest.mqtt.errors import MqttUnavailable
from tests.ingest.mqtt.wire import connected, free_port, make_session, mosquitto, tool, until

pytestmark = pytest.mark.integration


async def test_against_mosquitto():
    port = free_port()
    session, inbox = make_session(port)
    inbox.acknowledges = False
    async with asyncio.TaskGroup() as tasks:
        with mosquitto(port):
            runner = tasks.create_task(session.run())
            await until(lambda: session.state.connected, "connected to mosquitto")
            await session.publish("t/1", b"one", qos=1)
            await session.publish("t/2", b"two")
            await until(lambda: len(inbox.messages) == 2, "both back")
            session._link._transport.abort()
            await until(lambda: len(inbox.messages) == 3, "unacknowledged one again")
            again = inbox.messages[2]
            assert (again.payload, again.dup, again.qos) == (b"one", True, 1)
            assert session.acknowledge(inbox.messages) == 1
            session._link._transport.abort()
            await until(lambda: session.counters.reconnects == 2, "third connection")
            await session.publish("t/3", b"kept", qos=1, retain=True)
            await until(lambda: len(inbox.messages) == 4, "nothing else again")
            assert inbox.messages[3].payload == b"kept"
        await until(lambda: not session.state.connected, "noticed that it is gone")
        with mosquitto(port):
            await until(lambda: session.state.connected, "connected again")
            await session.publish("t/4", b"four", qos=1)
        runner.cancel()


async def test_tls(tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    await asyncio.to_thread(
        run,
        f"{tool('openssl')} req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
        f"-keyout {key} -out {certificate} -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1".split(),
        check=True,
        capture_output=True,
    )
    port = free_port()
    key.chmod(0o644)
    tmp_path.chmod(0o755)
    trusting = ssl.create_default_context(cafile=certificate)
    with mosquitto(port, f"keyfile {key}\ncertfile {certificate}\nuser root\n"):
        session, inbox = make_session(port, url=f"mqtts://127.0.0.1:{port}", tls=trusting)
        async with connected(session):
            await session.publish("t/1", b"v" * 100_000, qos=1)
            await until(lambda: inbox.payloads() == [b"v" * 100_000], "back over TLS")
        await check_reachable(f"mqtts://127.0.0.1:{port}", tls=trusting)
        with pytest.raises(MqttUnavailable, match="TLS: "):
            await check_reachable(f"mqtts://127.0.0.1:{port}")
