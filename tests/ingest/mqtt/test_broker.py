"""The embedded broker with bare clients on real sockets: sessions, retained messages, wills, limits of the standard."""

from __future__ import annotations

import asyncio

import pytest

from ingest.mqtt.broker import Broker
from ingest.mqtt.errors import MqttUnavailable
from ingest.mqtt.limits import BrokerLimits
from ingest.mqtt.packets import (
    Connack,
    Connect,
    Disconnect,
    Pingreq,
    Pingresp,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Subscribe,
    Unsuback,
    Unsubscribe,
    Will,
)
from tests.ingest.mqtt.wire import free_port, open_wire, running, until, wire

pytestmark = pytest.mark.integration


async def test_publish_subscribe_unsubscribe_and_ping():
    async with running(Broker()) as broker, wire(broker.port, "a") as a, wire(broker.port, "b") as b:
        assert (await a.subscribe(("x/+", 2), ("y", 0))).codes == (1, 0)
        b.send(Publish("x/1", b"one"), Publish("z", b"no"), Publish("y", b"two", 1, packet_id=4))
        assert await a.next() == Publish("x/1", b"one")
        assert await a.next() == Publish("y", b"two")
        assert await b.next() == Puback(4)
        a.send(Unsubscribe(2, ("x/+",)), Pingreq())
        assert await a.next() == Unsuback(2)
        assert await a.next() == Pingresp()
        b.send(Publish("x/1", b"gone"), Publish("y", b"three"))
        assert await a.next() == Publish("y", b"three")
        assert broker.counters.received == 5
        assert broker.counters.delivered == 3


async def test_overlapping_filters_deliver_once_with_the_highest_qos():
    async with running(Broker()) as broker, wire(broker.port, "a") as a:
        await a.subscribe(("x/#", 0), ("x/+", 1), ("#", 0))
        a.send(Publish("x/1", b"1", 1, packet_id=9), Publish("x/1", b"2"))
        assert await a.next() == Publish("x/1", b"1", 1, packet_id=1)
        assert await a.next() == Publish("x/1", b"2")


async def test_qos_2_publishes_are_taken_exactly_once():
    async with running(Broker()) as broker, wire(broker.port, "a") as a, wire(broker.port, "b") as b:
        await a.subscribe(("x", 1))
        b.send(Publish("x", b"1", 2, packet_id=5))
        delivered = await a.next()
        assert delivered == Publish("x", b"1", 1, packet_id=1)
        b.send(Publish("x", b"1", 2, dup=True, packet_id=5))
        await b.nothing_for()
        a.send(Puback(1))
        assert await b.next() == Pubrec(5)
        b.send(Publish("x", b"1", 2, dup=True, packet_id=5))
        assert await b.next() == Pubrec(5)
        b.send(Pubrel(5), Pubrel(5))
        assert await b.next() == Pubcomp(5)
        assert await b.next() == Pubcomp(5)
        b.send(Publish("x", b"2", 2, packet_id=5))
        assert await a.next() == Publish("x", b"2", 1, packet_id=2)


async def test_retained_messages():
    async with running(Broker()) as broker, wire(broker.port, "a") as a, wire(broker.port, "b") as b:
        await a.publish("s/1", b"on", retain=True)
        await a.publish("s/2", b"on", retain=True)
        await a.publish("s/1", b"off", retain=True)
        await a.publish("s/2", b"", retain=True)
        a.send(Publish("s/3", b"q0", retain=True), Pingreq())
        await a.next()
        await b.subscribe(("s/+", 1))
        assert await b.next() == Publish("s/1", b"off", 1, True, packet_id=1)
        assert await b.next() == Publish("s/3", b"q0", 0, True)
        a.send(Publish("s/3", b"live", retain=True))
        assert await b.next() == Publish("s/3", b"live")


async def test_many_retained_messages_all_arrive_through_a_small_buffer():
    limits = BrokerLimits(max_outgoing_bytes=20_000, max_inflight=10)
    async with running(Broker(limits=limits)) as broker, wire(broker.port, "a") as a, wire(broker.port, "b") as b:
        a.send(*(Publish(f"s/{i}", b"v" * 1000, i % 2, True, packet_id=(i + 1) * (i % 2)) for i in range(600)))
        for _ in range(300):
            assert isinstance(await a.next(), Puback)
        await b.subscribe(("s/#", 1))
        seen = set()
        while len(seen) < 600:
            message = await b.next()
            seen.add(message.topic)
            if message.qos:
                b.send(Puback(message.packet_id))
        assert broker.counters.dropped_qos0 == 0


async def test_the_will_is_published_unless_the_client_says_goodbye():
    will = Will("gone", b"a", 1, True)
    async with running(Broker()) as broker, wire(broker.port, "b") as b:
        await b.subscribe(("gone", 0))
        async with wire(broker.port, "polite", will=will) as client:
            client.send(Disconnect())
            assert await client.next() is None
        async with wire(broker.port, "a", will=will) as client:
            client.kill()
            assert await b.next() == Publish("gone", b"a")
        async with wire(broker.port, "c") as late:
            await late.subscribe(("gone", 1))
            assert await late.next() == Publish("gone", b"a", 1, True, packet_id=1)
        async with wire(broker.port, "a", will=will) as client:
            client.writer.write(b"\xff\x00")
            assert await b.next() == Publish("gone", b"a")
        assert broker.counters.wills == 2
        assert broker.counters.protocol_errors == 1


async def test_a_silent_client_is_dropped_after_one_and_a_half_keep_alives():
    async with running(Broker()) as broker, wire(broker.port, "b") as b:
        await b.subscribe(("gone", 0))
        loop = asyncio.get_running_loop()
        start_s = loop.time()
        async with wire(broker.port, "a", keep_alive_s=1, will=Will("gone", b"")) as client:
            assert await client.next() is None
            assert 1.4 < loop.time() - start_s < 2.5
        assert await b.next() == Publish("gone", b"")
        assert broker.counters.keep_alive_timeouts == 1


async def test_whoever_does_not_say_connect_is_dropped():
    async with running(Broker(limits=BrokerLimits(connect_timeout_s=0.1))) as broker:
        silent = await open_wire(broker.port)
        rude = await open_wire(broker.port)
        rude.send(Pingreq())
        assert await rude.next() is None
        assert await silent.next() is None
        await silent.close()
        await rude.close()
        assert broker.counters.connect_timeouts == 1
        assert broker.counters.protocol_errors == 1


async def test_a_second_connect_of_the_same_connection_is_an_error():
    async with running(Broker()) as broker, wire(broker.port, "a") as a:
        a.send(Connect("a"))
        assert await a.next() is None


async def test_takeover_closes_the_old_connection_and_keeps_the_session():
    async with running(Broker()) as broker, wire(broker.port, "a", clean=False) as old:
        assert not old.session_present
        await old.subscribe(("x", 1))
        async with wire(broker.port, "a", clean=False) as new:
            assert new.session_present
            assert await old.next() is None
            new.send(Publish("x", b"1"))
            assert await new.next() == Publish("x", b"1")
            assert broker.counters.takeovers == 1
            assert broker.counters.connections == 1


async def test_a_persistent_session_keeps_qos_1_and_a_clean_one_nothing():
    async with running(Broker()) as broker, wire(broker.port, "pub") as pub:
        for clean in (False, True):
            async with wire(broker.port, f"s{clean}", clean=clean) as client:
                await client.subscribe(("x", 1))
        await until(lambda: broker.counters.connections == 1, "both gone")
        await pub.publish("x", b"1")
        pub.send(Publish("x", b"lost"))
        await pub.publish("x", b"2", packet_id=2)
        async with wire(broker.port, "sTrue") as client:
            assert not client.session_present
            await client.nothing_for()
        async with wire(broker.port, "sFalse", clean=False) as client:
            assert client.session_present
            assert await client.next() == Publish("x", b"1", 1, packet_id=1)
            assert await client.next() == Publish("x", b"2", 1, packet_id=2)
            client.send(Puback(1), Puback(2))
        async with wire(broker.port, "sFalse", clean=True) as client:
            assert not client.session_present
        assert broker.counters.queued_bytes == 0


async def test_sessions_of_absent_clients_expire():
    limits = BrokerLimits(session_expiry_s=0.05)
    async with running(Broker(limits=limits)) as broker:
        async with wire(broker.port, "a", clean=False) as a:
            await a.subscribe(("x", 1))
        await until(lambda: broker.counters.sessions_expired == 1, "expired")
        async with wire(broker.port, "a", clean=False) as a:
            assert not a.session_present


async def test_absent_sessions_are_bounded_in_number():
    async with running(Broker(limits=BrokerLimits(max_offline_sessions=2))) as broker:
        for name in "abcd":
            async with wire(broker.port, name, clean=False) as client:
                client.send(Disconnect())
                assert await client.next() is None
        await until(lambda: broker.counters.sessions_expired == 2, "two forgotten")
        async with wire(broker.port, "a", clean=False) as oldest, wire(broker.port, "d", clean=False) as newest:
            assert not oldest.session_present
            assert newest.session_present


async def refusal(port: int, packet: Connect) -> Connack:
    client = await open_wire(port)
    client.send(packet)
    answer = await client.next()
    assert await client.next() is None
    await client.close()
    return answer


async def test_connack_codes():
    keepers = {"keeper": [("k", 1)]}
    async with running(Broker(username="u", password="p", keepers=keepers)) as broker:
        assert await refusal(broker.port, Connect("a")) == Connack(False, 5)
        assert await refusal(broker.port, Connect("a", username="u")) == Connack(False, 4)
        assert await refusal(broker.port, Connect("a", username="x", password=b"p")) == Connack(False, 4)
        assert await refusal(broker.port, Connect("", False, username="u", password=b"p")) == Connack(False, 2)
        assert await refusal(broker.port, Connect("n" * 257, username="u", password=b"p")) == Connack(False, 2)
        assert await refusal(broker.port, Connect("keeper", username="u", password=b"p")) == Connack(False, 2)
        assert broker.counters.refused == 6
        async with wire(broker.port, "", username="u", password=b"p") as a:
            a.send(Pingreq())
            assert await a.next() == Pingresp()


async def test_other_versions_are_refused_politely():
    async with running(Broker()) as broker:
        for level, answer in ((5, bytes.fromhex("2003008400")), (3, bytes.fromhex("20020001"))):
            reader, writer = await asyncio.open_connection("127.0.0.1", broker.port)
            writer.write(bytes.fromhex("100e00044d515454") + bytes((level,)) + bytes.fromhex("02003c0000016100"))
            assert await asyncio.wait_for(reader.read(), 5) == answer
            writer.close()
        assert broker.counters.refused == 2


async def test_connections_are_bounded():
    async with running(Broker(limits=BrokerLimits(max_connections=2))) as broker:
        async with wire(broker.port, "a"), wire(broker.port, "b"):
            assert await refusal(broker.port, Connect("c")) == Connack(False, 3)
        await until(lambda: broker.counters.connections == 0, "both gone")
        async with wire(broker.port, "c"):
            assert broker.counters.connections == 1


async def test_subscriptions_are_bounded():
    limits = BrokerLimits(max_subscriptions=2, max_filter_levels=3)
    async with running(Broker(limits=limits)) as broker, wire(broker.port, "a") as a:
        assert (await a.subscribe(("a", 1), ("1/2/3/4", 1), ("b", 0), ("c", 1), ("a", 0))).codes == (1, 128, 0, 128, 0)


async def test_an_oversize_publish_stops_nothing():
    seen = []
    broker = Broker(limits=BrokerLimits(max_packet_bytes=1000), on_oversize=lambda who, what: seen.append((who, what)))
    async with running(broker), wire(broker.port, "a") as a:
        await a.subscribe(("x", 0))
        a.send(Publish("x", b"1"), Publish("x", b"b" * 100_000, 1, packet_id=8), Publish("x", b"2"))
        assert await a.next() == Publish("x", b"1")
        assert {type(await a.next()), type(await a.next())} == {Puback, Publish}
        a.send(Publish("x", b"b" * 2_000, 2, packet_id=9), Pubrel(9))
        assert await a.next() == Pubrec(9)
        assert await a.next() == Pubcomp(9)
        assert broker.counters.oversize == 2
        assert [(who, what.topic, what.qos) for who, what in seen] == [("a", "x", 1), ("a", "x", 2)]


async def test_a_port_in_use_is_said_plainly():
    port = free_port()
    async with running(Broker(port=port)):
        with pytest.raises(MqttUnavailable, match=f"cannot listen on 127.0.0.1:{port} .*choose another port"):
            await Broker(port=port).start()


async def test_stop_closes_everyone_and_the_broker_can_start_again():
    broker = Broker()
    async with running(broker):
        async with wire(broker.port, "a", clean=False) as a:
            await a.subscribe(("x", 1))
            await broker.stop()
            assert await a.next() is None
        await broker.start()
        async with wire(broker.port, "a", clean=False) as a:
            assert a.session_present
    with pytest.raises(RuntimeError, match="expected it to be started"):
        print(broker.port)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="expected both or neither"):
        Broker(username="u")
    with pytest.raises(ValueError, match="max_queued: expected a number above 0, was 0"):
        BrokerLimits(max_queued=0)
    with pytest.raises(ValueError, match="max_inflight: expected at most 32767"):
        BrokerLimits(max_inflight=40_000)
    with pytest.raises(ValueError, match="keepers: expected a QoS"):
        Broker(keepers={"k": [("a", 2)]})
    with pytest.raises(ValueError, match="# alone"):
        Broker(keepers={"k": [("#/a", 1)]})


async def test_subscribing_again_and_again_without_reading_is_stopped():
    limits = BrokerLimits(max_outgoing_bytes=10_000, max_queued=10, max_retained=200)
    async with running(Broker(limits=limits)) as broker, wire(broker.port, "a") as a, wire(broker.port, "b") as b:
        a.send(*(Publish(f"s/{i}", b"v" * 40_000, 0, True) for i in range(200)), Pingreq())
        assert await a.next() == Pingresp()
        b.reader._transport.pause_reading()
        b.send(*(Subscribe(i + 1, (("s/#", 0),)) for i in range(50)))
        await until(lambda: broker.counters.overrun == 1, "dropped")
