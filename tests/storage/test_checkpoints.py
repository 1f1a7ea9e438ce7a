"""Checkpoints: written with their rows, never back, and the answer to a commit of unknown fate."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.checkpoints import Checkpoint, farthest, read_checkpoint, save_checkpoints, take_over
from storage.database import Connection, connect
from storage.queries import dead_letters, readings_since
from storage.writer import Writer
from storage.writer_batches import BatchQueue, Priority, WriteBatch
from tests.gwanje.polling import eventually
from tests.storage.rows import NOW, series_rows

pytestmark = pytest.mark.integration


def running(url: str) -> Writer:
    return Writer(lambda: connect(url), now=lambda: NOW, interval_s=0.01)


def batch(position: int, n_row: int = 0, **given: Any) -> WriteBatch:
    series = (series_rows("vds_lane", n_row, device=position),) if n_row else ()
    return WriteBatch(series=series, checkpoint=Checkpoint("j", position), **given)


async def count(connection: Connection) -> int:
    return len((await readings_since(connection, "vds_lane", NOW))["time"])


async def test_unknown_journal_has_no_checkpoint(connection: Connection) -> None:
    assert await read_checkpoint(connection, "j") is None


async def test_position_never_goes_back(connection: Connection) -> None:
    for positions in ([5], [3, 9, 4], [7]):
        await save_checkpoints(connection, [Checkpoint("j", position) for position in positions], NOW)
    await save_checkpoints(connection, [Checkpoint("other", 2**62)], NOW)
    assert await read_checkpoint(connection, "j") == 9
    assert await read_checkpoint(connection, "other") == 2**62


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 2**63 - 1))))
def test_farthest_is_the_maximum_of_each_journal(given: list[tuple[str, int]]) -> None:
    found = farthest(Checkpoint(*one) for one in given)
    assert found == {name: max(p for n, p in given if n == name) for name in {n for n, _ in given}}


async def test_batch_with_nothing_but_a_checkpoint_is_written(connection: Connection, database_url: str) -> None:
    durable = asyncio.Event()
    writer = running(database_url)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(writer.run())
        await writer.put(batch(17, on_durable=durable.set))
        async with asyncio.timeout(10):
            await durable.wait()
        assert await read_checkpoint(connection, "j") == 17
        writer.close()


async def test_refused_row_does_not_hold_the_checkpoint_back(connection: Connection, database_url: str) -> None:
    writer = running(database_url)
    bad = WriteBatch(series=(series_rows("vds_lane", 1, lane=np.array([70_000])),), checkpoint=Checkpoint("j", 8))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(writer.run())
        await writer.put(bad)
        writer.close()
    assert await read_checkpoint(connection, "j") == 8
    assert len(await dead_letters(connection)) == 1


async def test_batches_with_checkpoints_keep_their_order_and_are_never_dropped() -> None:
    queue = BatchQueue(10, plenty_rows=10)
    await queue.put(batch(1, 6))
    await queue.put(WriteBatch(series=(series_rows("vds_lane", 4),)))
    async with asyncio.TaskGroup() as tasks:
        # The second one would fit at once, but may not pass the first one.
        tasks.create_task(queue.put(batch(2, 8)))
        await asyncio.sleep(0)
        tasks.create_task(queue.put(batch(3, 1)))
        await asyncio.sleep(0)
        tasks.create_task(queue.put(WriteBatch(dead_letters=(), priority=Priority.HAZARD)))
        taken: list[int | None] = []
        while len(taken) < 4:
            taken += [one.checkpoint and one.checkpoint.position for one in await queue.take(1)]
            await asyncio.sleep(0)
    assert taken == [1, 2, 3, None]
    assert queue.dropped_rows[Priority.TELEMETRY] == 4


class Cut:
    """A connection that is lost at a commit, before or after the server did it."""

    def __init__(self, inner: Connection, *, after: bool) -> None:
        self._inner = inner
        self._after = after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def transaction(self) -> Any:
        return _CutTransaction(self._inner, after=self._after)


class _CutTransaction:
    def __init__(self, inner: Connection, *, after: bool) -> None:
        self._inner = inner
        self._transaction = inner.transaction()
        self._after = after

    async def __aenter__(self) -> Any:
        return await self._transaction.__aenter__()

    async def __aexit__(self, *exc: Any) -> bool | None:
        if self._after:
            await self._transaction.__aexit__(*exc)
        await self._inner.close()
        raise psycopg.OperationalError("server closed the connection unexpectedly")


@pytest.mark.parametrize("after", [False, True])
async def test_commit_of_unknown_fate_is_there_once(connection: Connection, database_url: str, after: bool) -> None:
    cuts = [True, True]

    async def connect_to() -> Any:
        inner = await connect(database_url)
        return Cut(inner, after=after) if cuts and cuts.pop() else inner

    writer = Writer(connect_to, now=lambda: NOW, interval_s=0.01)
    durable: list[int] = []
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(writer.run())
        for position in (1, 2, 3):
            await writer.put(batch(position, 5, on_durable=lambda position=position: durable.append(position)))
            await eventually(lambda position=position: position in durable, 20.0)
        writer.close()
    assert await count(connection) == 15
    assert await read_checkpoint(connection, "j") == 3
    assert writer.status.reconnects >= 1


async def test_old_checkpoint_of_an_earlier_run_hides_no_rows(connection: Connection, database_url: str) -> None:
    await save_checkpoints(connection, [Checkpoint("j", 1_000)], NOW)
    writer = running(database_url)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(writer.run())
        await writer.put(batch(5, 3))
        writer.close()
    assert await count(connection) == 3
    assert await read_checkpoint(connection, "j") == 1_000


async def test_who_takes_over_waits_for_what_the_earlier_session_commits(
    connection: Connection, database_url: str
) -> None:
    async with await connect(database_url) as earlier:
        assert await take_over(earlier, "j") is None
        async with earlier.transaction():
            await save_checkpoints(earlier, [Checkpoint("j", 4)], NOW)
        assert await take_over(connection, "j") == 4
        with pytest.raises(psycopg.OperationalError):
            await earlier.execute(b"SELECT 1")
    # Another journal's writer is left alone.
    async with await connect(database_url) as other:
        assert await take_over(other, "other") is None
        assert await take_over(connection, "j") == 4
        await other.execute(b"SELECT 1")
