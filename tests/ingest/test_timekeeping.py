"""Ticks: by the wall for operation, by the devices for a replay, and then the same however the stream is cut."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.mqtt.session import Incoming
from ingest.timekeeping import DeviceTicks, Due, WallTicks
from sensors.columns import to_ns
from tests.alerts.making import NOW, later
from tests.gwanje.polling import eventually
from tests.ingest.making import Clock, intake, slope_message, vds

IDLE_S = 0.03


async def no_wait(_seconds: float) -> None:
    await asyncio.sleep(0)


def seqs(due: Due) -> list[int]:
    return [item.message.seq for one in due.accepted for item in one.observations]


async def ticks_of(messages: list[Incoming], cuts: list[int], most: int) -> list[tuple[int, list[int]]]:
    """Feed a stream in pieces to ticks of 30 s; everything handed out is safe at once."""
    taking = intake(by_device_time=True)
    keeper = DeviceTicks(taking, 30.0, idle_s=IDLE_S, most=most)
    ticks: list[tuple[int, list[int]]] = []

    async def work() -> None:
        while True:
            due = await keeper.next_tick()
            ticks.append((due.now_ns, seqs(due)))
            keeper.acknowledged(sum(one.source.qos for one in due.accepted))

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
    taking = intake(by_device_time=True)
    keeper = DeviceTicks(taking, 30.0, idle_s=IDLE_S)
    taking.take_hazards([vds(seq=1, time=NOW, qos=1), vds(seq=2, time=later(40), qos=1)])
    assert seqs(await keeper.next_tick()) == [1]
    waiting = asyncio.ensure_future(keeper.next_tick())
    done, _ = await asyncio.wait([waiting], timeout=4 * IDLE_S)
    assert not done
    keeper.acknowledged(1)
    async with asyncio.timeout(2):
        assert seqs(await waiting) == [2]


async def test_the_time_of_a_replay_is_that_of_its_devices_and_never_goes_back() -> None:
    taking = intake(by_device_time=True)
    keeper = DeviceTicks(taking, 30.0, idle_s=IDLE_S)
    taking.take_hazards([vds(seq=1, time=later(40)), vds(seq=2, time=later(10))])
    due = await keeper.next_tick()
    assert due.now_ns == to_ns(later(40))
    assert keeper.now() == later(40)


async def test_a_hazard_is_taken_at_once_and_telemetry_with_its_tick() -> None:
    taking = intake()
    clock = Clock()
    keeper = WallTicks(taking, clock, 60.0, sleep=no_wait)
    taking.take_telemetry([vds(seq=1)])
    keeper.arrived(hazard=False)
    waiting = asyncio.ensure_future(keeper.next_tick())
    done, _ = await asyncio.wait([waiting], timeout=0.05)
    assert not done
    taking.take_hazards([slope_message(seq=2)])
    keeper.arrived(hazard=True)
    async with asyncio.timeout(2):
        assert seqs(await waiting) == [2, 1]


async def test_the_wall_ticks_also_when_nothing_comes_and_its_time_never_goes_back() -> None:
    clock = Clock()
    keeper = WallTicks(intake(), clock, 0.005, sleep=no_wait)
    first = await keeper.next_tick()
    clock.now = NOW - timedelta(hours=1)
    second = await keeper.next_tick()
    assert (first.now_ns, second.now_ns) == (to_ns(NOW), to_ns(NOW))
    assert keeper.now() == NOW
    assert list(second.accepted) == []


async def test_telemetry_that_is_too_much_for_one_tick_waits_for_the_next() -> None:
    taking = intake()
    keeper = WallTicks(taking, Clock(), 0.005, telemetry_per_tick=3, sleep=no_wait)
    taking.take_telemetry([vds(seq=number) for number in range(5)])
    assert seqs(await keeper.next_tick()) == [0, 1, 2]
    assert seqs(await keeper.next_tick()) == [3, 4]
