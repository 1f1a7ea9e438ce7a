"""Letting a broker's backlog go: when, when not, and what mosquitto then forgets and keeps."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.mqtt.backlog import LOOK_S, Backlog, BacklogLimits
from ingest.mqtt.encode import PINGREQ, encode_publish
from ingest.mqtt.packets import Pingresp, Publish
from tests.ingest.mqtt.wire import Wire, connected, free_port, make_session, mosquitto, until, wire

LIMITS = BacklogLimits(ping_every_s=1.0, behind_s=2.0, not_again_s=3.0, kept_frac_max=0.5)
QUICK = BacklogLimits(ping_every_s=0.2, behind_s=0.5, not_again_s=0.7, kept_frac_max=0.5)
UNBOUNDED = "persistence false\nmax_queued_messages 0\nmax_inflight_messages 0\nuser root\n"
PLAIN, KEPT = Publish("t/x", b"", 0), Publish("t/x", b"", 1, packet_id=1)


class Bench:
    """A backlog with a clock and a broker that answers when it is told to."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.backlog = Backlog(LIMITS, lambda: self.now_s)
        self.pings = 0
        self.answered = 0

    def ping(self) -> int:
        self.pings += 1
        return self.pings

    def renew(self) -> None:
        self.backlog.begin()
        self.pings = self.answered = 0

    def look(self, message: Publish | None = PLAIN, *, step_s: float = LOOK_S, reading: bool = True) -> bool:
        self.now_s += step_s
        if message is not None:
            self.backlog.note([message])
        return self.backlog.look(self.answered, self.ping, reading=reading)

    def looks(self, count: int, message: Publish | None = PLAIN, **how: bool) -> int:
        """Look so often; return after how many it was to let go, 0 for never."""
        return next((number for number in range(1, count + 1) if self.look(message, **how)), 0)


def test_a_ping_that_waits_too_long_while_data_comes_lets_the_backlog_go():
    bench = Bench()
    assert bench.looks(100) * LOOK_S == LIMITS.behind_s + LOOK_S
    assert (bench.pings, bench.backlog.let_go) == (1, 1)
    assert bench.backlog.went_within(1.0)
    bench.now_s += 60.0
    assert not bench.backlog.went_within(60.0)


def test_answers_in_time_let_nothing_go_and_tell_the_delay():
    bench = Bench()
    for _ in range(200):
        assert not bench.looks(6)
        bench.answered = bench.pings
        assert not bench.looks(1)
    assert bench.backlog.let_go == 0
    assert 1.0 <= bench.backlog.delay_s < LIMITS.behind_s
    assert bench.pings == pytest.approx(200 * 7 * LOOK_S / (7 * LOOK_S), abs=1)


def test_nothing_goes_while_nothing_comes_nothing_is_read_or_all_of_it_would_come_again():
    assert Bench().looks(100, None) == 0
    assert Bench().looks(100, reading=False) == 0
    assert Bench().looks(100, KEPT) == 0
    bench = Bench()
    assert bench.looks(9, KEPT) == 0
    assert bench.looks(100, PLAIN) > 0


def test_a_stop_of_an_hour_is_no_delay_but_what_follows_is():
    bench = Bench()
    bench.look()
    assert not bench.look(step_s=3600.0)
    assert bench.looks(100) >= (LIMITS.behind_s - 2 * LOOK_S) / LOOK_S


def test_not_again_at_once_on_a_new_connection():
    bench = Bench()
    times_s = []
    for _ in range(5):
        assert bench.looks(100)
        times_s.append(bench.now_s)
        bench.renew()
    assert min(after - before for before, after in itertools.pairwise(times_s)) >= LIMITS.not_again_s


@given(
    st.lists(
        st.tuples(st.sampled_from([PLAIN, KEPT, None]), st.floats(0.0, 5.0), st.booleans(), st.booleans()),
        max_size=300,
    )
)
def test_never_more_often_than_allowed(course):
    bench = Bench()
    times_s = []
    for message, step_s, reading, answer in course:
        bench.answered = bench.pings if answer else bench.answered
        if bench.look(message, step_s=step_s, reading=reading):
            assert reading
            assert message is not None
            times_s.append(bench.now_s)
            bench.renew()
    assert len(times_s) == bench.backlog.let_go
    assert all(after - before >= LIMITS.not_again_s for before, after in itertools.pairwise(times_s))


@contextmanager
def slowly(session, inbox, each_s: float) -> Iterator[None]:
    """Let a session's reader take so long for every message."""

    def take(messages):
        time.sleep(each_s * len(messages))
        inbox(messages)

    session._on_messages, before = take, session._on_messages
    try:
        yield
    finally:
        session._on_messages = before


async def flood(port: int, count: int, *, every: int = 0, qos: int = 0, rate: float = 0.0) -> set[bytes]:
    """Publish numbered messages of 200 bytes, each ``every`` one at QoS 1; return those, when all are acknowledged."""
    kept: set[bytes] = set()
    acknowledged = 0
    async with wire(port, "flood") as client:

        async def hear() -> None:
            nonlocal acknowledged
            while await client.next(60.0) is not None:
                acknowledged += 1

        hearing = asyncio.create_task(hear())
        began_s = time.monotonic()
        for number in range(count):
            body = b"%0200d" % number
            if qos or (every and number % every == every - 1):
                kept.add(body)
                client.writer.write(encode_publish(b"t/kept", body, 1, packet_id=number % 65_000 + 1))
            else:
                client.writer.write(encode_publish(b"t/plain", body, 0))
            if number % 200 == 199:
                await client.writer.drain()
                await asyncio.sleep(max(0.0, began_s + number / rate - time.monotonic()) if rate else 0.0)
        await until(lambda: acknowledged == len(kept), "the flood acknowledged", 60.0)
        hearing.cancel()
    return kept


@pytest.mark.integration
async def test_mosquitto_answers_a_ping_behind_its_backlog_and_forgets_only_qos_0_of_a_closed_connection():
    port = free_port()
    with mosquitto(port, UNBOUNDED):
        await _started(port)
        async with wire(port, "held", clean=False) as held:
            await held.subscribe(("t/#", 1))
            kept = await flood(port, 100_000, every=1_000)
            held.writer.write(PINGREQ)
            before = await _until_ping(held)
            assert len(before) == 100_000
            await flood(port, 50_000, every=1_000)
            held.kill()
        async with wire(port, "held", clean=False) as held:
            assert held.session_present
            held.writer.write(PINGREQ)
            again = await _until_ping(held)
        assert all(message.qos for message in again)
        # None of the first 100 was acknowledged either.
        assert len(again) == 150
        assert kept <= {message.payload for message in again}


async def _until_ping(client: Wire) -> list[Publish]:
    messages = []
    while type(packet := await client.next(20.0)) is not Pingresp:
        assert type(packet) is Publish
        messages.append(packet)
    return messages


async def _started(port: int) -> None:
    for _ in range(200):
        try:
            async with wire(port, "probe"):
                return
        except OSError:
            await asyncio.sleep(0.02)


@pytest.mark.integration
async def test_a_session_that_is_too_slow_is_new_again_at_once_and_has_every_qos_1_message():
    port = free_port()
    with mosquitto(port, UNBOUNDED):
        await _started(port)
        session, inbox = make_session(port, backlog=Backlog(QUICK))
        states = []
        session._on_state = states.append
        async with connected(session):
            with slowly(session, inbox, 100e-6):
                kept = await asyncio.to_thread(asyncio.run, flood(port, 150_000, every=100, rate=50_000.0))
            assert session.backlog.let_go >= 1
            await session.publish("t/last", b"last", qos=1)
            await until(lambda: b"last" in inbox.payloads(), "the newest", 3.0)
            await until(lambda: kept <= set(inbox.payloads()), "all at QoS 1")
        assert session.counters.reconnects == session.backlog.let_go
        assert len([state for state in states if state.renewing]) == session.backlog.let_go
        got = [message for message in inbox.messages if message.topic == "t/plain"]
        assert 0 < len(got) == len({message.payload for message in got}) < 150_000 - len(kept)


@pytest.mark.integration
@pytest.mark.parametrize("how", ["keeps up", "was stopped for 2 s", "all at QoS 1"])
async def test_a_session_keeps_its_connection_that(how):
    port = free_port()
    with mosquitto(port, UNBOUNDED):
        await _started(port)
        session, inbox = make_session(port, backlog=Backlog(QUICK))
        async with connected(session):
            careful = how == "all at QoS 1"
            plan = {"qos": 1, "rate": 20_000.0} if careful else {"rate": 10_000.0}
            with slowly(session, inbox, 200e-6 if careful else 0.0):
                flooding = asyncio.create_task(asyncio.to_thread(asyncio.run, flood(port, 20_000, **plan)))
                await asyncio.sleep(0.5)
                if how == "was stopped for 2 s":
                    time.sleep(2.0)  # noqa: ASYNC251 - the whole loop, as by a debugger
                await flooding
                await until(lambda: len({m.payload for m in inbox.messages}) == 20_000, "all", 20.0)
        assert session.backlog.let_go == session.counters.reconnects == 0
