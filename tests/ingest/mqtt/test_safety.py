"""Acknowledged means safe, and bounded memory under any sender: the embedded broker's own promises."""

from __future__ import annotations

import asyncio

import pytest

from ingest.mqtt.broker import Broker
from ingest.mqtt.limits import BrokerLimits
from ingest.mqtt.packets import Pingreq, Pingresp, Puback, Publish
from tests.ingest.mqtt.wire import running, until, wire

pytestmark = pytest.mark.integration


async def test_the_publisher_is_acknowledged_only_after_every_connected_subscriber():
    async with (
        running(Broker()) as broker,
        wire(broker.port, "p") as p,
        wire(broker.port, "s1") as s1,
        wire(broker.port, "s2", clean=False) as s2,
        wire(broker.port, "s0") as s0,
    ):
        await s1.subscribe(("x", 1))
        await s2.subscribe(("x", 1))
        await s0.subscribe(("x", 0))
        p.send(Publish("x", b"1", 1, packet_id=77))
        assert await s0.next() == Publish("x", b"1")
        for subscriber in (s1, s2):
            await p.nothing_for(0.1)
            subscriber.send(Puback((await subscriber.expect(Publish)).packet_id))
        assert await p.next() == Puback(77)
        assert broker.counters.queued_bytes == 0


async def test_a_dropped_subscriber_gets_it_again_and_only_then_is_the_publisher_acknowledged():
    async with running(Broker()) as broker, wire(broker.port, "p") as p:
        async with wire(broker.port, "s", clean=False) as s:
            await s.subscribe(("x", 1))
            p.send(Publish("x", b"1", 1, packet_id=7), Publish("x", b"2", 1, packet_id=8))
            first, second = await s.next(), await s.next()
            s.kill()
        await until(lambda: broker.counters.connections == 1, "dropped")
        await p.nothing_for()
        async with wire(broker.port, "s", clean=False) as s:
            assert await s.next() == Publish("x", b"1", 1, False, True, first.packet_id)
            assert await s.next() == Publish("x", b"2", 1, False, True, second.packet_id)
            await p.nothing_for(0.1)
            s.send(Puback(second.packet_id), Puback(first.packet_id))
            assert {await p.next(), await p.next()} == {Puback(7), Puback(8)}


async def test_after_the_grace_an_absent_ordinary_session_holds_nobody_up():
    async with running(Broker(limits=BrokerLimits(grace_s=0.1))) as broker, wire(broker.port, "p") as p:
        async with wire(broker.port, "s", clean=False) as s:
            await s.subscribe(("x", 1))
            p.send(Publish("x", b"1", 1, packet_id=7))
            await s.expect(Publish)
            s.kill()
        assert await p.next() == Puback(7)
        await p.publish("x", b"2", 8)
        async with wire(broker.port, "s", clean=False) as s:
            assert (await s.next()).payload == b"1"
            assert (await s.next()).payload == b"2"


async def test_a_clean_subscriber_that_leaves_releases_the_publisher():
    async with running(Broker()) as broker, wire(broker.port, "p") as p:
        async with wire(broker.port, "s") as s:
            await s.subscribe(("x", 1))
            p.send(Publish("x", b"1", 1, packet_id=7))
            await s.expect(Publish)
            s.kill()
        assert await p.next() == Puback(7)
        assert broker.counters.queued_bytes == 0


async def test_nothing_for_a_keeper_is_acknowledged_before_the_keeper_has_it():
    broker = Broker(keepers={"k": [("x/#", 1)]}, limits=BrokerLimits(grace_s=0.05))
    async with running(broker), wire(broker.port, "p", clean=False) as p:
        p.send(Publish("x/1", b"early", 1, packet_id=7))
        await p.nothing_for(0.4)
        async with wire(broker.port, "k", clean=False) as k:
            assert k.session_present
            message = await k.expect(Publish)
            assert message.payload == b"early"
            await p.nothing_for(0.1)
            k.send(Puback(message.packet_id))
            assert await p.next() == Puback(7)


async def test_a_repeat_of_an_open_message_is_not_passed_on_and_is_answered_on_the_new_connection():
    async with running(Broker()) as broker, wire(broker.port, "s") as s:
        await s.subscribe(("x", 1))
        async with wire(broker.port, "p", clean=False) as p:
            p.send(Publish("x", b"1", 1, packet_id=7))
            message = await s.expect(Publish)
            p.kill()
        async with wire(broker.port, "p", clean=False) as p:
            p.send(Publish("x", b"1", 1, dup=True, packet_id=7))
            await s.nothing_for(0.1)
            assert broker.counters.duplicates == 1
            s.send(Puback(message.packet_id))
            assert await p.next() == Puback(7)


async def test_an_identifier_used_again_is_another_message():
    async with running(Broker()) as broker, wire(broker.port, "s") as s:
        await s.subscribe(("x", 1))
        async with wire(broker.port, "p", clean=False) as p:
            p.send(Publish("x", b"old", 1, packet_id=7))
            old = await s.expect(Publish)
            p.kill()
        async with wire(broker.port, "p", clean=False) as p:
            p.send(Publish("x", b"new", 1, packet_id=7))
            new = await s.expect(Publish)
            assert new.payload == b"new"
            s.send(Puback(old.packet_id))
            await p.nothing_for(0.1)
            s.send(Puback(new.packet_id))
            assert await p.next() == Puback(7)


async def test_a_subscriber_that_never_answers_is_dropped():
    limits = BrokerLimits(ack_timeout_s=0.2, grace_s=0.05)
    async with running(Broker(limits=limits)) as broker, wire(broker.port, "p") as p, wire(broker.port, "s") as s:
        await s.subscribe(("x", 1))
        p.send(Publish("x", b"1", 1, packet_id=7))
        assert isinstance(await s.next(), Publish)
        assert await s.next() is None
        assert await p.next() == Puback(7)
        assert broker.counters.ack_timeouts == 1


async def test_a_keeper_may_take_its_time():
    limits = BrokerLimits(ack_timeout_s=0.05)
    broker = Broker(keepers={"k": [("x", 1)]}, limits=limits)
    async with running(broker), wire(broker.port, "p") as p, wire(broker.port, "k", clean=False) as k:
        p.send(Publish("x", b"1", 1, packet_id=7))
        message = await k.expect(Publish)
        await k.nothing_for(0.7)
        k.send(Puback(message.packet_id), Pingreq())
        assert await k.next() == Pingresp()
        assert await p.next() == Puback(7)


async def test_a_subscriber_that_does_not_read_loses_qos_0_and_stalls_nobody():
    limits = BrokerLimits(max_outgoing_bytes=100_000, ack_timeout_s=1.0)
    async with (
        running(Broker(limits=limits)) as broker,
        wire(broker.port, "p") as p,
        wire(broker.port, "dead") as dead,
        wire(broker.port, "live") as live,
    ):
        await dead.subscribe(("x", 0))
        await live.subscribe(("x", 0))
        dead.writer.transport.pause_reading()
        total, received = 0, 0
        while not broker.counters.dropped_qos0:
            p.send(*(Publish("x", b"v" * 50_000) for _ in range(10)))
            total += 10
            assert total < 5_000
            while received < total:
                assert isinstance(await live.next(), Publish)
                received += 1
        assert received == total
        await until(lambda: broker.counters.ack_timeouts == 1, "dead one dropped")


async def test_a_full_queue_pauses_the_publisher_and_draining_lets_it_go_on():
    limits = BrokerLimits(max_inflight=10, max_queued=800)
    broker = Broker(keepers={"k": [("x", 1)]}, limits=limits)
    count = 5_000
    async with running(broker), wire(broker.port, "p") as p, wire(broker.port, "other") as other:
        p.send(*(Publish("x", b"%d" % i + b" " * 500, 1, packet_id=i + 1) for i in range(count)))
        await until(lambda: broker.counters.paused, "paused")
        # It overshoots by at most what one read of the publisher's socket holds: 256 KiB.
        assert broker.counters.queued_bytes < 2 * 800 * 800
        await other.publish("y", b"not held up")
        async with wire(broker.port, "k", clean=False) as k:
            received = []
            while len(received) < count:
                message = await k.expect(Publish)
                received.append(int(message.payload))
                k.send(Puback(message.packet_id))
            assert received == list(range(count))
            for _ in range(count):
                assert isinstance(await p.next(), Puback)
        assert broker.counters.queued_bytes == 0
        assert broker.counters.overrun == 0


async def test_a_publisher_that_comes_back_and_back_cannot_fill_the_memory():
    limits = BrokerLimits(max_queued=50)
    broker = Broker(keepers={"k": [("x", 1)]}, limits=limits)
    async with running(broker):
        for attempt in range(10):
            async with wire(broker.port, f"p{attempt}") as p:
                before = broker.counters.received
                p.send(*(Publish("x", b"v", 1, packet_id=i + 1) for i in range(20)))
                await until(lambda before=before: broker.counters.received > before, "taken")
        assert broker.counters.overrun > 0
        async with wire(broker.port, "k", clean=False) as k:
            got = [await k.expect(Publish) for _ in range(50)]
            assert len(got) == 50
            assert broker.counters.queued_bytes <= 101 * 300


async def test_what_was_refused_is_taken_when_it_comes_again():
    broker = Broker(keepers={"k": [("x", 1)]}, limits=BrokerLimits(max_queued=2))
    async with running(broker):
        async with wire(broker.port, "p", clean=False) as p:
            p.send(*(Publish("x", b"%d" % i, 1, packet_id=i) for i in range(1, 7)))
            assert await p.next() is None
        assert broker.counters.overrun == 1
        async with wire(broker.port, "k", clean=False) as k, wire(broker.port, "p", clean=False) as p:
            p.send(*(Publish("x", b"%d" % i, 1, dup=True, packet_id=i) for i in range(1, 7)))
            received = set()
            answered = set()
            while len(received) < 6:
                message = await k.expect(Publish)
                received.add(message.payload)
                k.send(Puback(message.packet_id))
            while len(answered) < 6:
                answered.add((await p.expect(Puback)).packet_id)
            assert answered == {1, 2, 3, 4, 5, 6}


async def test_a_full_session_of_an_absent_ordinary_client_loses_messages_visibly():
    async with running(Broker(limits=BrokerLimits(max_queued=3))) as broker, wire(broker.port, "p") as p:
        async with wire(broker.port, "s", clean=False) as s:
            await s.subscribe(("x", 1))
        await until(lambda: broker.counters.connections == 1, "gone")
        async with wire(broker.port, "s2"):
            for i in range(5):
                p.send(Publish("x", b"%d" % i, 1, packet_id=i + 1))
            await until(lambda: broker.counters.dropped_full == 2, "counted")
        async with wire(broker.port, "s", clean=False) as s:
            assert [(await s.next()).payload for _ in range(3)] == [b"0", b"1", b"2"]


async def test_two_clients_that_publish_to_each_other_do_not_wait_for_ever():
    limits = BrokerLimits(max_inflight=5, max_queued=20, max_unacknowledged=10)
    count = 300
    async with (
        running(Broker(limits=limits)) as broker,
        wire(broker.port, "a", clean=False) as a,
        wire(broker.port, "b", clean=False) as b,
    ):
        await a.subscribe(("to/a", 1))
        await b.subscribe(("to/b", 1))

        async def talk(me, topic):
            sent, open_, received = 0, 0, 0
            while received < count or sent < count or open_:
                while sent < count and open_ < 15:
                    sent += 1
                    open_ += 1
                    me.send(Publish(topic, b"v" * 100, 1, packet_id=sent))
                packet = await me.next()
                if isinstance(packet, Publish):
                    received += 1
                    me.send(Puback(packet.packet_id))
                else:
                    assert isinstance(packet, Puback), packet
                    open_ -= 1
            return received

        assert await asyncio.gather(talk(a, "to/b"), talk(b, "to/a")) == [count, count]
        assert broker.counters.overrun == 0


async def test_who_publishes_to_itself_without_answering_is_stopped():
    limits = BrokerLimits(max_inflight=5, max_queued=20)
    async with running(Broker(limits=limits)) as broker, wire(broker.port, "a") as a:
        await a.subscribe(("x", 1))
        a.send(*(Publish("x", b"v" * 100, 1, packet_id=i + 1) for i in range(500)))
        await until(lambda: broker.counters.overrun == 1, "dropped")
        await until(lambda: broker.counters.queued_bytes == 0, "forgotten")


async def test_too_much_unacknowledged_pauses_the_publisher():
    limits = BrokerLimits(max_unacknowledged=10)
    broker = Broker(keepers={"k": [("x", 1)]}, limits=limits)
    async with running(broker), wire(broker.port, "p") as p, wire(broker.port, "k", clean=False) as k:
        for i in range(30):
            p.send(Publish("x", b"v", 1, packet_id=i + 1))
            await p.writer.drain()
        await until(lambda: broker.counters.paused, "paused")
        for _ in range(30):
            k.send(Puback((await k.expect(Publish)).packet_id))
        assert {await p.next() for _ in range(30)} == {Puback(i + 1) for i in range(30)}
