"""Putting rows into the tables: COPY, and the search for the rows that the database refuses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec
import numpy as np
import psycopg
from psycopg import sql

from storage.copy import build_copy
from storage.database import Connection
from storage.series import SERIES, SERIES_NAMES, SeriesRows, join_rows
from storage.writer_batches import DeadLetter, DeviceEvent, WriteBatch, event_payload

_EVENT_COPY = "COPY gwanje.device_event (time, received, device, kind, stream, seq, payload) FROM STDIN"
_DEAD_LETTER_COPY = "COPY gwanje.dead_letter (received, topic, device, field, problem, size_bytes, payload) FROM STDIN"
_DATA_CLASSES = ("22", "23", "54")
"""SQLSTATE classes that a row causes: data exception, integrity constraint, program limit."""


@dataclass(slots=True)
class Rows:
    """The rows of one transaction by table."""

    series: list[SeriesRows] = field(default_factory=list)
    events: list[DeviceEvent] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)

    @classmethod
    def of(cls, batches: Sequence[WriteBatch], *, join: bool = True) -> Rows:
        """Gather the rows of some batches, with one block for each series or one for each of the batches."""
        blocks = [rows for batch in batches for rows in batch.series if len(rows)]
        by_name = [[rows for rows in blocks if rows.name == name] for name in SERIES_NAMES]
        return cls(
            [join_rows(rows) for rows in by_name if rows] if join else blocks,
            [event for batch in batches for event in batch.events],
            [letter for batch in batches for letter in batch.dead_letters],
        )


def refuses_data(error: Exception) -> bool:
    """Whether an error comes from the rows themselves, so that trying them again is of no use."""
    if isinstance(error, psycopg.Error) and error.sqlstate is not None:
        return error.sqlstate.startswith(_DATA_CLASSES)
    return isinstance(error, ValueError | TypeError | OverflowError | psycopg.DataError)


async def write_rows(connection: Connection, rows: Rows) -> None:
    """Write all rows by COPY, inside the caller's transaction."""
    for block in rows.series:
        await _copy_series(connection, block)
    if rows.events:
        await _copy_events(connection, rows.events)
    if rows.dead_letters:
        await _copy_dead_letters(connection, rows.dead_letters)


async def write_rows_apart(connection: Connection, rows: Rows, now: Callable[[], datetime]) -> int:
    """Write rows of which some are refused: those become dead letters, the others are stored.

    Parameters
    ----------
    connection
        Inside the caller's transaction.
    rows
        What to write.
    now
        Time of arrival for dead letters of series rows, which have none that can be trusted.

    Returns
    -------
    int
        How many rows were refused.
    """
    refused: list[DeadLetter] = []
    for block in rows.series:
        refused += await _series_apart(connection, block, now)
    refused += await _events_apart(connection, rows.events)
    letters = [*rows.dead_letters, *refused]
    if letters:
        await _copy_dead_letters(connection, letters)
    return len(refused)


async def _series_apart(connection: Connection, block: SeriesRows, now: Callable[[], datetime]) -> list[DeadLetter]:
    """Write a block, halving it as long as the database refuses it."""
    try:
        async with connection.transaction():
            await _copy_series(connection, block)
    except (psycopg.Error, ValueError, TypeError, OverflowError) as error:
        if not refuses_data(error):
            raise
        if len(block) == 1:
            return [_refused_series(block, error, now())]
    else:
        return []
    middle = len(block) // 2
    first = await _series_apart(connection, block.part(0, middle), now)
    return first + await _series_apart(connection, block.part(middle, len(block)), now)


async def _events_apart(connection: Connection, events: Sequence[DeviceEvent]) -> list[DeadLetter]:
    if not events:
        return []
    try:
        async with connection.transaction():
            await _copy_events(connection, events)
    except (psycopg.Error, ValueError, TypeError, OverflowError) as error:
        if not refuses_data(error):
            raise
        if len(events) == 1:
            return [_refused_event(events[0], error)]
    else:
        return []
    middle = len(events) // 2
    first = await _events_apart(connection, events[:middle])
    return first + await _events_apart(connection, events[middle:])


async def _copy_series(connection: Connection, block: SeriesRows) -> None:
    columns = SERIES[block.name]
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(
        sql.Identifier("gwanje", block.name), sql.SQL(", ").join(sql.Identifier(column.name) for column in columns)
    )
    payload = build_copy(columns, block.columns)
    async with connection.cursor() as cursor, cursor.copy(statement) as copy:
        await copy.write(payload)


async def _copy_events(connection: Connection, events: Sequence[DeviceEvent]) -> None:
    async with connection.cursor() as cursor, cursor.copy(_EVENT_COPY) as copy:
        for event in events:
            row = (event.time, event.received, event.device, event.kind, event.stream, event.seq)
            await copy.write_row((*row, event_payload(event).decode("utf-8")))


async def _copy_dead_letters(connection: Connection, letters: Sequence[DeadLetter]) -> None:
    async with connection.cursor() as cursor, cursor.copy(_DEAD_LETTER_COPY) as copy:
        for letter in letters:
            await copy.write_row(
                (
                    letter.received,
                    letter.topic,
                    letter.device,
                    letter.field,
                    letter.problem,
                    letter.size_bytes,
                    letter.payload,
                )
            )


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
