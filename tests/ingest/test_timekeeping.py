"""Ticks: by the wall for operation, by the devices for a replay, and then the same however the stream is cut."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.intake import Intake
from ingest.mqtt.session import Incoming
from ingest.timekeeping import DeviceTicks, Due, WallTicks
from sensors.codec import decode
from sensors.columns import to_ns
from tests.alerts.making import NOW, later
from tests.gwanje.polling import eventually
from tests.ingest.making import Clock, intake, reader, slope_message, vds

IDLE_S = 0.03


def seqs(due: Due) -> list[int]:
    return [
        one.seq
        for group in due.arrived
        for message in group.messages
        if isinstance(message, Incoming)
        for one in decode(message.topic, message.payload).messages
    ]


def device_ticks(taking: Intake, **options: int) -> DeviceTicks:
    return DeviceTicks(taking, 30.0, reader(by_device_time=True).newest_ns, idle_s=IDLE_S, **options)


async def ticks_of(messages: list[Incoming], cuts: list[int], most: int) -> list[tuple[int, list[int]]]:
    """Feed a stream in pieces to ticks of 30 s; everything handed out is safe at once."""
    taking = intake()
    keeper = device_ticks(taking, most=most)
    ticks: list[tuple[int, list[int]]] = []

    async def work() -> None:
        while True:
            due = await keeper.next_tick()
            ticks.append((due.now_ns, seqs(due)))
            keeper.acknowledged(sum(one.qos for group in due.arrived for one in group.messages))

    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        working = tasks.create_task(work())
        begin = 0
        for cut in (*sorted(cuts), len(messages)):
            taking.take_hazards(messages[begin:cut])
            keeper.arrived(hazard=True)
            begin = max(begin, cut)
            await asyncio.sleep(0)
        await eventually(lambda: sum(len(one) for _, one in ticks) == len(messages))
        working.cancel()
    return ticks


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_the_same_stream_gives_the_same_ticks_however_it_is_cut(data: st.DataObject) -> None:
    offsets = data.draw(st.lists(st.integers(0, 200), min_size=1, max_size=20))
    stream = [vds(seq=place, time=later(offset), qos=1) for place, offset in enumerate(offsets)]
    cuts = [data.draw(st.lists(st.integers(0, len(stream)), max_size=6)) for _ in range(2)]
    most = data.draw(st.integers(1, 6))
    one, other = (asyncio.run(ticks_of(stream, cut, most)) for cut in cuts)
    assert one == other
    assert [seq for _, taken in one for seq in taken] == list(range(len(stream)))
    times = [now_ns for now_ns, _ in one]
    assert times == sorted(times)
    assert all(len(taken) <= most for _, taken in one)


async def test_a_tick_ends_with_the_first_message_of_a_later_interval() -> None:
    stream = [vds(seq=place, time=later(at)) for place, at in enumerate((0, 10, 29, 30, 5, 95, 96))]
    assert [taken for _, taken in await ticks_of(stream, [], 100)] == [[0, 1, 2], [3, 4], [5, 6]]
    assert [now_ns for now_ns, _ in await ticks_of(stream, [], 100)] == [to_ns(later(at)) for at in (29, 30, 96)]


async def test_silence_says_nothing_while_the_sender_may_be_waiting_for_us() -> None:
    taking = intake()
    keeper = device_ticks(taking)
    taking.take_hazards([vds(seq=1, time=NOW, qos=1), vds(seq=2, time=later(40), qos=1)])
    assert seqs(await keeper.next_tick()) == [1]
    waiting = asyncio.ensure_future(keeper.next_tick())
    done, _ = await asyncio.wait([waiting], timeout=4 * IDLE_S)
    assert not done
    keeper.acknowledged(1)
    async with asyncio.timeout(2):
        assert seqs(await waiting) == [2]


async def test_the_time_of_a_replay_is_that_of_its_devices_and_never_goes_back() -> None:
    taking = intake()
    keeper = device_ticks(taking)
    taking.take_hazards([vds(seq=1, time=later(40)), vds(seq=2, time=later(10))])
    due = await keeper.next_tick()
    assert due.now_ns == to_ns(later(40))
    assert keeper.now() == later(40)


async def test_a_hazard_is_taken_soon_and_telemetry_with_it() -> None:
    taking = intake()
    keeper = WallTicks(taking, Clock(), 60.0, gather_s=30.0, hazard_gather_s=0.001)
    taking.take_telemetry([vds(seq=1)])
    keeper.arrived(hazard=False)
    waiting = asyncio.ensure_future(keeper.next_tick())
    done, _ = await asyncio.wait([waiting], timeout=0.05)
    assert not done
    taking.take_hazards([slope_message(seq=2)])
    keeper.arrived(hazard=True)
    async with asyncio.timeout(2):
        assert seqs(await waiting) == [2, 1]


async def test_telemetry_is_taken_when_it_has_gathered() -> None:
    taking = intake()
    keeper = WallTicks(taking, Clock(), 60.0, gather_s=0.001)
    taking.take_telemetry([vds(seq=1)])
    keeper.arrived(hazard=False)
    async with asyncio.timeout(2):
        assert seqs(await keeper.next_tick()) == [1]


async def test_after_a_long_step_telemetry_gathers_as_long_as_that_took_and_hazards_do_not() -> None:
    now_s = 0.0
    taking = intake()
    keeper = WallTicks(taking, Clock(), 60.0, gather_s=0.01, hazard_gather_s=0.01, monotonic=lambda: now_s)
    taking.take_telemetry([vds(seq=1)])
    keeper.arrived(hazard=False)
    now_s = 1.0
    await keeper.next_tick()
    now_s = 4.0  # the step took three seconds
    waiting = asyncio.ensure_future(keeper.next_tick())
    await asyncio.sleep(0)
    taking.take_telemetry([vds(seq=2)])
    keeper.arrived(hazard=False)
    assert keeper._due_s == 7.0
    taking.take_hazards([slope_message(seq=3)])
    keeper.arrived(hazard=True)
    assert keeper._due_s == 4.01
    now_s = 5.0
    async with asyncio.timeout(2):
        assert seqs(await waiting) == [3, 2]


async def test_the_wall_ticks_also_when_nothing_comes_and_its_time_never_goes_back() -> None:
    clock = Clock()
    keeper = WallTicks(intake(), clock, 0.005)
    first = await keeper.next_tick()
    clock.now = NOW - timedelta(hours=1)
    second = await keeper.next_tick()
    assert (first.now_ns, second.now_ns) == (to_ns(NOW), to_ns(NOW))
    assert keeper.now() == NOW
    assert list(second.arrived) == []


async def test_what_is_too_much_for_one_tick_is_taken_at_once_by_the_next() -> None:
    taking = intake()
    keeper = WallTicks(taking, Clock(), 60.0, gather_s=0.001, telemetry_bytes=1)
    for number in range(3):
        taking.take_telemetry([vds(seq=number)])
    keeper.arrived(hazard=False)
    async with asyncio.timeout(5):
        assert [seqs(await keeper.next_tick()) for _ in range(3)] == [[0], [1], [2]]


async def test_a_message_that_is_not_believed_does_not_move_the_time_of_a_replay() -> None:
    taking = intake()
    keeper = device_ticks(taking)
    taking.take_hazards([vds(seq=1, time=later(40)), vds("VDS-NOWHERE", seq=2, time=later(90))])
    due = await keeper.next_tick()
    assert due.now_ns == to_ns(later(40))
    assert len(due.arrived) == 2
