"""Putting rows into the tables, and the search for the rows that the database refuses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

import msgspec
import numpy as np
import psycopg

from storage.checkpoints import Checkpoint
from storage.database import Connection
from storage.late import insert_late_events, insert_late_series
from storage.rollup_marks import mark_buckets
from storage.series import SERIES_NAMES, SeriesRows, join_rows
from storage.writer_batches import DeadLetter, DeviceEvent, WriteBatch, event_payload
from storage.writer_copy import copy_dead_letters, copy_events, copy_series

_DATA_CLASSES = ("22", "23", "54")
"""SQLSTATE classes that a row causes: data exception, integrity constraint, program limit."""


@dataclass(slots=True)
class Rows:
    """The rows of one transaction by table."""

    series: list[SeriesRows] = field(default_factory=list)
    events: list[DeviceEvent] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    late: list[SeriesRows] = field(default_factory=list)
    late_events: list[DeviceEvent] = field(default_factory=list)

    @classmethod
    def of(cls, batches: Sequence[WriteBatch], *, join: bool = True) -> Rows:
        """Gather the rows of some batches, with one block for each series or one for each of the batches."""
        gathered = _joined if join else _filled
        return cls(
            gathered([rows for batch in batches for rows in batch.series]),
            [event for batch in batches for event in batch.events],
            [letter for batch in batches for letter in batch.dead_letters],
            gathered([rows for batch in batches for rows in batch.late]),
            [event for batch in batches for event in batch.late_events],
        )


class Written(NamedTuple):
    """What became of rows that are not in the tables because of this transaction.

    Attributes
    ----------
    n_refused
        Rows that the database refuses; each is a dead letter now.
    n_repeated
        Late rows that were there already.
    """

    n_refused: int
    n_repeated: int


def checkpoints_of(batches: Sequence[WriteBatch]) -> list[Checkpoint]:
    """Return the checkpoints of some batches, in their order."""
    return [batch.checkpoint for batch in batches if batch.checkpoint is not None]


def refuses_data(error: Exception) -> bool:
    """Whether an error comes from the rows themselves, so that trying them again is of no use."""
    if isinstance(error, psycopg.Error) and error.sqlstate is not None:
        return error.sqlstate.startswith(_DATA_CLASSES)
    return isinstance(error, ValueError | TypeError | OverflowError | psycopg.DataError)


async def write_rows(connection: Connection, rows: Rows) -> Written:
    """Write all rows, inside the caller's transaction: the late ones last, as they are compared with the others."""
    n_repeated = 0
    for block in rows.series:
        await copy_series(connection, block)
    if rows.events:
        await copy_events(connection, rows.events)
    for block in rows.late:
        n_repeated += await insert_late_series(connection, block)
    if rows.late_events:
        n_repeated += await insert_late_events(connection, rows.late_events)
    if rows.dead_letters:
        await copy_dead_letters(connection, rows.dead_letters)
    await mark_buckets(connection, (*rows.series, *rows.late))
    return Written(0, n_repeated)


async def write_rows_apart(connection: Connection, rows: Rows, now: Callable[[], datetime]) -> Written:
    """Write rows of which some are refused: those become dead letters, the others are stored.

    Parameters
    ----------
    connection
        Inside the caller's transaction.
    rows
        What to write.
    now
        Time of arrival for dead letters of series rows, which have none that can be trusted.
    """
    refused: list[DeadLetter] = []
    repeated: list[int] = []

    async def series(block: SeriesRows) -> None:
        await copy_series(connection, block)

    async def events(some: Sequence[DeviceEvent]) -> None:
        await copy_events(connection, some)

    async def late(block: SeriesRows) -> None:
        repeated.append(await insert_late_series(connection, block))

    async def late_events(some: Sequence[DeviceEvent]) -> None:
        repeated.append(await insert_late_events(connection, some))

    for block in rows.series:
        refused += await _series_apart(connection, block, series, now)
    refused += await _events_apart(connection, rows.events, events)
    for block in rows.late:
        refused += await _series_apart(connection, block, late, now)
    refused += await _events_apart(connection, rows.late_events, late_events)
    letters = [*rows.dead_letters, *refused]
    if letters:
        await copy_dead_letters(connection, letters)
    await mark_buckets(connection, (*rows.series, *rows.late))
    return Written(len(refused), sum(repeated))


async def _series_apart(
    connection: Connection,
    block: SeriesRows,
    write: Callable[[SeriesRows], Awaitable[None]],
    now: Callable[[], datetime],
) -> list[DeadLetter]:
    """Write a block, halving it as long as the database refuses it."""
    try:
        async with connection.transaction():
            await write(block)
    except (psycopg.Error, ValueError, TypeError, OverflowError) as error:
        if not refuses_data(error):
            raise
        if len(block) == 1:
            return [_refused_series(block, error, now())]
    else:
        return []
    middle = len(block) // 2
    first = await _series_apart(connection, block.part(0, middle), write, now)
    return first + await _series_apart(connection, block.part(middle, len(block)), write, now)


async def _events_apart(
    connection: Connection, events: Sequence[DeviceEvent], write: Callable[[Sequence[DeviceEvent]], Awaitable[None]]
) -> list[DeadLetter]:
    if not events:
        return []
    try:
        async with connection.transaction():
            await write(events)
    except (psycopg.Error, ValueError, TypeError, OverflowError) as error:
        if not refuses_data(error):
            raise
        if len(events) == 1:
            return [_refused_event(events[0], error)]
    else:
        return []
    middle = len(events) // 2
    first = await _events_apart(connection, events[:middle], write)
    return first + await _events_apart(connection, events[middle:], write)


def _filled(blocks: Sequence[SeriesRows]) -> list[SeriesRows]:
    return [rows for rows in blocks if len(rows)]


def _joined(blocks: Sequence[SeriesRows]) -> list[SeriesRows]:
    by_name = [[rows for rows in _filled(blocks) if rows.name == name] for name in SERIES_NAMES]
    return [join_rows(rows) for rows in by_name if rows]


def _refused_series(block: SeriesRows, error: Exception, received: datetime) -> DeadLetter:
    values = {name: np.asarray(column[0]).tolist() for name, column in block.columns.items()}
    payload = msgspec.json.encode(values)
    return DeadLetter(
        received=received,
        topic=f"database/{block.name}",
        device=None,
        field="row",
        problem=_problem(error),
        size_bytes=len(payload),
        payload=payload,
    )


def _refused_event(event: DeviceEvent, error: Exception) -> DeadLetter:
    try:
        payload = event_payload(event)
    except (TypeError, ValueError, OverflowError):
        payload = repr(event.payload).encode("utf-8", "replace")
    return DeadLetter(
        received=event.received,
        topic=f"database/device_event/{event.kind}/{event.stream}",
        device=None,
        field="row",
        problem=_problem(error),
        size_bytes=len(payload),
        payload=payload,
    )


def _problem(error: Exception) -> str:
    text = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    return f"the database refused the row: {text or str(error) or type(error).__name__}"
