"""The one writer of the hot tables: group commit, acknowledgement after the commit, survival of a lost server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

import psycopg

from storage.checkpoints import Ledger, save_checkpoints
from storage.database import IDLE_REPLY_S, Connection, cut_after
from storage.errors import DatabaseUnavailable
from storage.writer_batches import BatchQueue, Priority, WriteBatch
from storage.writer_rows import Rows, Written, checkpoints_of, refuses_data, write_rows, write_rows_apart

WriterState = Literal["up", "degraded", "down"]

_FIRST_DELAY_S = 0.1
_LONGEST_DELAY_S = 5.0
_PING_INTERVAL_S = 2.0
_DEGRADED_FILL_FRAC = 0.5


@dataclass(frozen=True, slots=True)
class WriterStatus:
    """How the writer is.

    Attributes
    ----------
    state
        ``down``: no connection. ``degraded``: the queue is more than half full, or the last transaction failed.
    reason
        Why it is not up; None when it is.
    rows_written, rows_refused
        Since the start; a refused row was stored as a dead letter.
    rows_repeated
        Late rows since the start that were stored already.
    rows_dropped
        Telemetry rows that gave way since the start.
    rows_waiting
        Rows in the queue.
    transactions, reconnects
        Since the start.
    """

    state: WriterState = "down"
    reason: str | None = "not connected yet"
    rows_written: int = 0
    rows_refused: int = 0
    rows_repeated: int = 0
    rows_dropped: int = 0
    rows_waiting: int = 0
    transactions: int = 0
    reconnects: int = 0


class Writer:
    """Writes batches to the store in groups.

    Parameters
    ----------
    connect
        Opens a connection in autocommit mode; called again whenever the last one is lost.
    now
        The present time, for dead letters of refused rows.
    interval_s
        Longest time that a batch waits for others before it is written. [s]
    group_rows
        Rows that are enough for a transaction; it then begins at once.
    queue_rows
        Rows that may wait, see `BatchQueue`.
    commit_s
        Longest time of a transaction; then the link counts as dead, and the group is tried again on another. [s]
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[Connection]],
        *,
        now: Callable[[], datetime],
        interval_s: float = 0.5,
        group_rows: int = 20_000,
        queue_rows: int = 200_000,
        commit_s: float = 30.0,
    ) -> None:
        self._connect = connect
        self._now = now
        self._interval_s = interval_s
        self._commit_s = commit_s
        self._group_rows = group_rows
        self._queue = BatchQueue(queue_rows, plenty_rows=group_rows)
        self._status = WriterStatus()
        self._closing = asyncio.Event()
        self._ledger = Ledger()

    @property
    def status(self) -> WriterStatus:
        """The present status."""
        status = replace(
            self._status,
            rows_waiting=self._queue.rows,
            rows_dropped=self._queue.dropped_rows[Priority.TELEMETRY],
        )
        if status.state == "up" and self._queue.fill_frac > _DEGRADED_FILL_FRAC:
            return replace(status, state="degraded", reason=f"{status.rows_waiting} rows wait to be written")
        return status

    async def put(self, batch: WriteBatch) -> bool:
        """Hand over a batch; return False when it was dropped.

        Never waits for telemetry. Waits for hazards, and for batches with a checkpoint, as long as the queue is full of
        such.
        """
        return await self._queue.put(batch)

    def close(self) -> None:
        """Let `run` write what waits, if the server takes it, and return."""
        self._closing.set()
        self._queue.close()

    async def run(self) -> None:
        """Write until `close` or cancellation.

        A group that was not committed is written again after a reconnection; `on_durable` is called after the commit.
        When nobody knows whether it was, its checkpoint tells; a group without one may then be there twice.
        """
        group: list[WriteBatch] = []
        delay_s = _FIRST_DELAY_S
        while True:
            connection: Connection | None = None
            try:
                connection = await self._connect()
                self._status = replace(self._status, state="up", reason=None)
                while True:
                    group = group or await self._next_group(connection)
                    if not group:
                        return
                    with cut_after(connection, self._commit_s):
                        await self._commit(connection, group)
                    group = []
                    delay_s = _FIRST_DELAY_S
            except (psycopg.Error, DatabaseUnavailable, OSError) as error:
                self._lost(connection, error)
                if self._closing.is_set() and connection is None:
                    return
            finally:
                if connection is not None:
                    await connection.close()
            await _set_within(self._closing, delay_s)
            delay_s = min(2.0 * delay_s, _LONGEST_DELAY_S)

    async def _next_group(self, connection: Connection) -> list[WriteBatch]:
        """Wait for batches, then for more of them; empty when the writer is closed and has nothing left."""
        while not await _set_within(self._queue.arrived, _PING_INTERVAL_S):
            with cut_after(connection, IDLE_REPLY_S):
                await connection.execute(b"SELECT 1")  # an idle connection does not notice that its server went away
        await _set_within(self._queue.plenty, self._interval_s)
        return await self._queue.take(self._group_rows)

    async def _commit(self, connection: Connection, group: list[WriteBatch]) -> None:
        checkpoints = checkpoints_of(group)
        if await self._ledger.is_stored(connection, checkpoints):
            written = Written(0, 0)
        else:
            written = await self._write(connection, group)
        self._ledger.stored(checkpoints)
        before = self._status
        self._status = replace(
            before,
            state="up",
            reason=None,
            rows_written=before.rows_written + sum(batch.n_row for batch in group) - sum(written),
            rows_refused=before.rows_refused + written.n_refused,
            rows_repeated=before.rows_repeated + written.n_repeated,
            transactions=before.transactions + 1,
        )
        for batch in group:
            if batch.on_durable is not None:
                batch.on_durable()

    async def _write(self, connection: Connection, group: list[WriteBatch]) -> Written:
        checkpoints = checkpoints_of(group)
        try:
            async with connection.transaction():
                written = await write_rows(connection, Rows.of(group))
                await save_checkpoints(connection, checkpoints, self._now())
        except (psycopg.Error, ValueError, TypeError, OverflowError) as error:
            if not refuses_data(error):
                raise
            async with connection.transaction():
                written = await write_rows_apart(connection, Rows.of(group, join=False), self._now)
                await save_checkpoints(connection, checkpoints, self._now())
        return written

    def _lost(self, connection: Connection | None, error: Exception) -> None:
        reason = " ".join(str(error).split()) or type(error).__name__
        reconnects = self._status.reconnects + (connection is not None)
        state: WriterState = "down" if connection is None or connection.closed else "degraded"
        self._status = replace(self._status, state=state, reason=reason, reconnects=reconnects)


async def _set_within(event: asyncio.Event, timeout_s: float) -> bool:
    """Wait for an event, but not for ever; return whether it is set."""
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return False
    return True
