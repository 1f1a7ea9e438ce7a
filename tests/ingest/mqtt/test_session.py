"""The session against the embedded broker, a mosquitto child, and brokers that misbehave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from ingest.mqtt.address import BrokerAddress, check_reachable, parse_url
from ingest.mqtt.broker import Broker
from ingest.mqtt.codec import Parser
from ingest.mqtt.encode import encode
from ingest.mqtt.errors import MqttUnavailable, PublishTimeoutError
from ingest.mqtt.limits import BrokerLimits
from ingest.mqtt.packets import Connack, Puback, Publish, Suback, Subscribe
from ingest.mqtt.session import Backoff, MqttSession
from tests.ingest.mqtt.wire import connected, free_port, make_session, running, until, wire

pytestmark = pytest.mark.integration


async def test_messages_of_one_read_come_in_one_call_and_are_acknowledged_together():
    async with running(Broker()) as broker, wire(broker.port, "p") as p:
        session, inbox = make_session(broker.port)
        async with connected(session):
            p.send(*(Publish("t/1", b"%d" % i, 1, packet_id=i + 1) for i in range(200)))
            await until(lambda: len(inbox.messages) == 200, "all messages")
            assert inbox.payloads() == [b"%d" % i for i in range(200)]
            assert inbox.reads < 50
            for _ in range(200):
                await p.next()
            assert session.counters.received == session.counters.acknowledged == 200
            assert broker.counters.acknowledged == 200


async def test_unacknowledged_messages_come_again_marked_and_old_acknowledgements_are_ignored():
    broker = Broker(keepers={"ingest": [("t/#", 1)]})
    async with running(broker), wire(broker.port, "p") as p:
        session, inbox = make_session(broker.port)
        inbox.acknowledges = False
        async with connected(session):
            p.send(Publish("t/1", b"1", 1, packet_id=7))
            await until(lambda: inbox.messages, "first delivery")
            session._link._transport.abort()
            await until(lambda: len(inbox.messages) == 2, "second delivery")
            first, second = inbox.messages
            assert (first.dup, second.dup) == (False, True)
            assert second.connection > first.connection
            assert session.acknowledge([first]) == 0
            await p.nothing_for(0.1)
            assert session.acknowledge([second]) == 1
            assert (await p.next()).packet_id == 7
            assert session.counters.reconnects == 1


async def test_pause_holds_the_publishers_and_resume_lets_them_go_on():
    limits = BrokerLimits(max_inflight=50, max_queued=2_000, max_outgoing_bytes=100_000)
    async with running(Broker(limits=limits)) as broker, wire(broker.port, "p") as p:
        session, inbox = make_session(broker.port)
        async with connected(session):
            session.pause()
            session.pause()
            assert session.paused
            p.send(*(Publish("t/1", b"v" * 200, 1, packet_id=i + 1) for i in range(6_000)))
            await until(lambda: broker.counters.paused, "publisher paused")
            received = len(inbox.messages)
            assert received <= 50
            session.resume()
            await until(lambda: len(inbox.messages) == 6_000, "all messages")
            assert session.counters.paused == 1
            assert broker.counters.overrun == 0


async def test_a_pause_made_while_disconnected_holds_on_the_next_connection():
    broker = Broker(keepers={"ingest": [("t/#", 1)]})
    async with running(broker), wire(broker.port, "p") as p:
        session, inbox = make_session(broker.port)
        session.pause()
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(session.run())
            await until(lambda: broker.counters.connections == 2, "connected")
            p.send(Publish("t/1", b"1", 1, packet_id=7))
            await p.nothing_for()
            assert not inbox.messages
            session.resume()
            assert (await p.next()).packet_id == 7
            task.cancel()


async def test_publish_at_qos_1_completes_on_the_acknowledgement():
    async with running(Broker()) as broker, wire(broker.port, "s") as s:
        await s.subscribe(("c/#", 1))
        session, _ = make_session(broker.port, filters=())
        async with connected(session), asyncio.TaskGroup() as tasks:
            task = tasks.create_task(session.publish("c/1", b"go", qos=1, retain=True))
            message = await s.expect(Publish)
            assert message.payload == b"go"
            assert not task.done()
            s.send(Puback(message.packet_id))
            await asyncio.wait_for(task, 5)
            assert session.counters.published == 1


async def test_an_unacknowledged_publish_is_sent_again_after_a_reconnect():
    async with running(Broker()) as broker, wire(broker.port, "s") as s:
        await s.subscribe(("c/#", 1))
        session, _ = make_session(broker.port, filters=())
        async with connected(session), asyncio.TaskGroup() as tasks:
            task = tasks.create_task(session.publish("c/1", b"go", qos=1))
            message = await s.expect(Publish)
            session._link._transport.abort()
            await until(lambda: broker.counters.duplicates == 1, "sent again with DUP")
            assert not task.done()
            s.send(Puback(message.packet_id))
            await asyncio.wait_for(task, 5)


async def test_publish_while_disconnected_waits_or_says_so():
    port = free_port()
    session, inbox = make_session(port)
    async with asyncio.TaskGroup() as tasks:
        runner = tasks.create_task(session.run())
        for qos in (0, 1):
            with pytest.raises(
                PublishTimeoutError, match=r"t/x was not done within 0.1 s \(not connected: cannot reach"
            ):
                await session.publish("t/x", b"1", qos=qos, timeout_s=0.1)
        waiting = [tasks.create_task(session.publish("t/x", b"%d" % qos, qos=qos)) for qos in (0, 1)]
        async with running(Broker(port=port)):
            await asyncio.gather(*waiting)
            await until(lambda: len(inbox.messages) >= 1, "delivered")
            assert session.counters.published == 2
            runner.cancel()


async def test_waiting_publishes_are_bounded():
    session, _ = make_session(free_port(), max_waiting=2, max_inflight=1)
    async with asyncio.TaskGroup() as tasks:
        waiting = [tasks.create_task(session.publish("t", b"", qos=1)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(MqttUnavailable, match=r"2 publishes to the MQTT broker at .* already wait"):
            await session.publish("t", b"")
        for task in waiting:
            task.cancel()
    assert len(session._outbox) == 0


async def test_publish_checks_its_arguments():
    session, _ = make_session(1, max_packet_bytes=30)
    with pytest.raises(ValueError, match="no wildcard"):
        await session.publish("t/#", b"")
    with pytest.raises(ValueError, match="qos: expected 0 or 1, was 2"):
        await session.publish("t", b"", qos=2)
    with pytest.raises(ValueError, match="at most 30 bytes, was 110"):
        await session.publish("t", b"x" * 100)


async def test_a_late_acknowledgement_is_not_taken_for_the_next_message():
    async with running(Broker()) as broker, wire(broker.port, "s") as s:
        await s.subscribe(("c/#", 1))
        session, _ = make_session(broker.port, filters=())
        async with connected(session), asyncio.TaskGroup() as tasks:
            with pytest.raises(PublishTimeoutError, match=r"\(connected\)"):
                await session.publish("c/1", b"given up", qos=1, timeout_s=0.1)
            first = await s.expect(Publish)
            task = tasks.create_task(session.publish("c/2", b"next", qos=1))
            second = await s.expect(Publish)
            s.send(Puback(first.packet_id))
            await until(lambda: len(session._outbox) == 1, "first settled")
            assert not task.done()
            s.send(Puback(second.packet_id))
            await asyncio.wait_for(task, 5)


async def test_an_oversize_message_is_reported_and_acknowledged():
    async with running(Broker()) as broker, wire(broker.port, "p") as p:
        reports = []
        session, inbox = make_session(broker.port, max_packet_bytes=1_000, on_oversize=reports.append)
        async with connected(session):
            p.send(Publish("t/1", b"b" * 5_000, 1, packet_id=1), Publish("t/1", b"after", 1, packet_id=2))
            assert (await p.next()).packet_id == 2
            assert inbox.payloads() == [b"after"]
            assert [report.topic for report in reports] == ["t/1"]
            assert session.acknowledge(reports) == 1
            assert (await p.next()).packet_id == 1
        plain, _ = make_session(broker.port, client_id="plain", max_packet_bytes=1_000, filters=[("u", 1)])
        async with connected(plain):
            await p.publish("u", b"b" * 5_000, 3)
            assert plain.counters.oversize == 1


async def test_an_error_of_the_callback_ends_the_session_with_it():
    def fail(messages):
        raise KeyError("bug")

    async with running(Broker()) as broker, wire(broker.port, "p") as p:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        states = []
        session = MqttSession(
            f"mqtt://127.0.0.1:{broker.port}",
            client_id="c",
            filters=[("t", 0)],
            on_messages=fail,
            on_state=states.append,
        )

        async def poke() -> None:
            await until(lambda: session.state.connected, "connected")
            p.send(Publish("t", b"1"))

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(poke())
            with pytest.raises(KeyError, match="bug"):
                await session.run()
        assert [state.connected for state in states] == [True]


async def test_states_and_backoff_while_there_is_no_broker():
    delays = []
    states = []

    async def sleep(delay_s: float) -> None:
        delays.append(delay_s)
        await asyncio.sleep(0)

    port = free_port()
    session = MqttSession(
        f"mqtt://127.0.0.1:{port}",
        client_id="c",
        on_messages=lambda messages: None,
        on_state=states.append,
        backoff=Backoff(1.0, 8.0),
        sleep=sleep,
        jitter=lambda: 0.5,
    )
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(session.run())
        await until(lambda: len(delays) >= 6, "six attempts")
        task.cancel()
    assert delays[:6] == [0.75, 1.5, 3.0, 6.0, 6.0, 6.0]
    assert states[0].reason == (
        f"cannot reach the MQTT broker at 127.0.0.1:{port} (connection refused): "
        "start it, or unset GWANJE_MQTT_URL to use the embedded one"
    )
    assert session.counters.reconnects == 0


@asynccontextmanager
async def scripted(*answers: bytes) -> AsyncIterator[int]:
    """Run a broker that answers each packet of the client with the next bytes, whatever they are."""

    open_now = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal open_now
        open_now += 1
        parser = Parser()
        rest = list(answers)
        with suppress(ConnectionError):
            while data := await reader.read(4096):
                for _ in parser.feed(data):
                    if rest:
                        writer.write(rest.pop(0))
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        open_now -= 1

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
        await until(lambda: not open_now, "clients gone")


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ([encode(Connack(False, 5))], "not authorised"),
        ([encode(Connack(False, 4))], "wrong user name or password"),
        ([b"HTTP/1.1 400 Bad Request\r\n\r\n"], "protocol error"),
        ([encode(Publish("t", b"early"))], "messages before CONNACK"),
        ([encode(Connack(False, 0)), encode(Suback(65_535, (128,)))], "refused the subscription to t/#"),
        ([encode(Connack(False, 0)), encode(Suback(65_535, (1,))) + b"\xff\x00"], "type and flags"),
        ([encode(Connack(False, 0)), encode(Publish("t/1", b"", 2, packet_id=1))], "unexpected packet Publish"),
        ([encode(Connack(False, 0)), encode(Subscribe(1, (("t", 0),)))], "unexpected packet Subscribe"),
        ([encode(Connack(False, 0))], "nothing heard from the MQTT broker at"),
    ],
)
async def test_a_broker_that_misbehaves_is_left_with_the_reason(answers, reason):
    async with scripted(*answers) as port:
        reasons = []
        session, _ = make_session(
            port,
            keep_alive_s=1,
            on_state=lambda state: None if state.connected else reasons.append(state.reason),
        )
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(session.run())
            await until(lambda: reasons, "a reason")
            task.cancel()
        assert reason in reasons[0]


async def test_check_reachable():
    async with running(Broker(username="u", password="p@ss")) as broker:
        await check_reachable(f"mqtt://u:p%40ss@127.0.0.1:{broker.port}")
        with pytest.raises(MqttUnavailable, match="wrong user name or password"):
            await check_reachable(f"mqtt://u:no@127.0.0.1:{broker.port}")
        with pytest.raises(MqttUnavailable, match="not authorised"):
            await check_reachable(f"mqtt://127.0.0.1:{broker.port}")
    with pytest.raises(MqttUnavailable, match="connection refused"):
        await check_reachable(f"mqtt://127.0.0.1:{free_port()}")
    async with scripted() as port:
        with pytest.raises(MqttUnavailable, match="no answer in time"):
            await check_reachable(f"mqtt://127.0.0.1:{port}", timeout_s=0.1)
    async with scripted(b"SSH-2.0-x") as port:
        with pytest.raises(MqttUnavailable, match="it does not speak MQTT"):
            await check_reachable(f"mqtt://127.0.0.1:{port}")


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("mqtt://h", BrokerAddress("h", 1883)),
        ("mqtts://h/", BrokerAddress("h", 8883, True)),
        ("mqtt://u:p%40%3A@h:1", BrokerAddress("h", 1, False, "u", "p@:")),
        ("mqtt://[::1]:5", BrokerAddress("::1", 5)),
    ],
)
def test_urls(url, address):
    assert parse_url(url) == address
    assert "p@" not in str(address) + repr(address)


@pytest.mark.parametrize(
    "url", ["", "h:1", "http://h", "mqtt://", "mqtt://h:0", "mqtt://h:99999", "mqtt://u:secret@/x"]
)
def test_bad_urls(url):
    with pytest.raises(ValueError, match="MQTT URL: expected mqtt://") as caught:
        parse_url(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"client_id": ""}, "client_id: expected"),
        ({"keep_alive_s": 0}, "keep_alive_s: expected 1 to 65535, was 0"),
        ({"filters": [("a", 2)]}, "filters: expected a QoS of 0 or 1"),
        ({"filters": [("a#", 1)]}, "# alone"),
        ({"max_inflight": 0}, "max_inflight: expected"),
    ],
)
def test_bad_arguments_are_named(arguments, problem):
    with pytest.raises(ValueError, match=problem):
        MqttSession("mqtt://h", **{"client_id": "c", "on_messages": print, **arguments})
