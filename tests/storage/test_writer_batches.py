"""The queue in front of the store: bounded, telemetry gives way, hazards wait."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.writer_batches import BatchQueue, DeadLetter, DeviceEvent, Priority, WriteBatch
from tests.storage.rows import NOW, series_rows


def batch(n_row: int, priority: Priority = Priority.TELEMETRY, **given: Any) -> WriteBatch:
    return WriteBatch(series=(series_rows("vds_lane", n_row),), priority=priority, **given)


async def test_oldest_telemetry_gives_way() -> None:
    queue = BatchQueue(30, plenty_rows=30)
    dropped: list[str] = []
    for name in ("first", "second", "third", "fourth"):
        assert await queue.put(batch(10, on_dropped=lambda name=name: dropped.append(name)))
    assert dropped == ["first"]
    assert queue.rows == 30
    assert queue.dropped_rows == {Priority.TELEMETRY: 10, Priority.HAZARD: 0}


async def test_hazards_push_telemetry_out_and_then_wait() -> None:
    queue = BatchQueue(20, plenty_rows=20)
    await queue.put(batch(20))
    await queue.put(batch(20, Priority.HAZARD))
    assert queue.dropped_rows[Priority.TELEMETRY] == 20
    assert not await queue.put(batch(1))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await queue.put(batch(5, Priority.HAZARD))
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(queue.put(batch(5, Priority.HAZARD)))
        await asyncio.sleep(0)
        assert [one.n_row for one in await queue.take(100)] == [20]
        assert await waiting
    assert queue.rows == 5


async def test_batch_larger_than_the_queue_is_let_in_alone() -> None:
    queue = BatchQueue(10, plenty_rows=10)
    assert await queue.put(batch(50))
    assert [one.n_row for one in await queue.take(10)] == [50]
    assert queue.rows == 0


@given(st.lists(st.tuples(st.integers(0, 12), st.sampled_from(Priority)), max_size=60), st.integers(1, 20))
def test_rows_are_written_dropped_or_waiting(offers: list[tuple[int, Priority]], take_rows: int) -> None:
    async def play() -> None:
        queue = BatchQueue(40, plenty_rows=20)
        offered = dict.fromkeys(Priority, 0)
        taken = dict.fromkeys(Priority, 0)
        for n_row, priority in offers:
            if priority is Priority.HAZARD and queue.rows + n_row > 40:
                for one in await queue.take(take_rows):
                    taken[one.priority] += one.n_row
            try:
                async with asyncio.timeout(0):
                    await queue.put(batch(n_row, priority))
            except TimeoutError:
                continue
            offered[priority] += n_row
            assert queue.rows <= 40
            assert queue.arrived.is_set() == (queue.rows > 0)
            assert queue.plenty.is_set() == (queue.rows >= 20)
        while queue.rows:
            for one in await queue.take(take_rows):
                taken[one.priority] += one.n_row
        assert taken[Priority.HAZARD] == offered[Priority.HAZARD]
        assert taken[Priority.TELEMETRY] + queue.dropped_rows[Priority.TELEMETRY] == offered[Priority.TELEMETRY]
        assert queue.dropped_rows[Priority.HAZARD] == 0

    asyncio.run(play())


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: series_rows("vds_lane", 3, lane=[1, 2]), r"vds_lane\.lane: expected 3 rows, was .* shape \(2,\)"),
        (lambda: series_rows("vds_lane", 3, extra=[1, 2, 3]), "vds_lane: expected the columns time, received"),
        (
            lambda: DeviceEvent(
                time=NOW.replace(tzinfo=None), received=NOW, device=1, kind="k", stream="s", seq=1, payload=None
            ),
            "time: expected an aware time",
        ),
        (
            lambda: DeadLetter(
                received=NOW.replace(tzinfo=None),
                topic="",
                device=None,
                field="",
                problem="",
                size_bytes=0,
                payload=b"",
            ),
            "received: expected an aware time",
        ),
    ],
)
def test_malformed_rows_are_refused(make: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        make()
