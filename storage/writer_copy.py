"""COPY of the writer's rows into their tables, or into a table with the same columns."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from storage.copy import build_copy
from storage.database import Connection
from storage.series import SERIES, SeriesRows
from storage.writer_batches import DeadLetter, DeviceEvent, event_payload

EVENT_COLUMNS = ("time", "received", "device", "kind", "stream", "seq", "payload")
"""Columns of ``device_event`` in the order of its COPY."""

_DEAD_LETTER_COLUMNS = ("received", "topic", "device", "field", "problem", "size_bytes", "payload")


async def copy_series(connection: Connection, block: SeriesRows, into: sql.Identifier | None = None) -> None:
    """Append readings, inside the caller's transaction.

    Raises
    ------
    ValueError
        If a value does not fit its column.
    """
    columns = SERIES[block.name]
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(
        into or sql.Identifier("gwanje", block.name), _names([column.name for column in columns])
    )
    payload = build_copy(columns, block.columns)
    async with connection.cursor() as cursor, cursor.copy(statement) as copy:
        await copy.write(payload)


async def copy_events(
    connection: Connection, events: Sequence[DeviceEvent], into: sql.Identifier | None = None
) -> None:
    """Append events of devices, inside the caller's transaction."""
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        into or sql.Identifier("gwanje", "device_event"), _names(EVENT_COLUMNS)
    )
    async with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for event in events:
            row = (event.time, event.received, event.device, event.kind, event.stream, event.seq)
            await copy.write_row((*row, event_payload(event).decode("utf-8")))


async def copy_dead_letters(connection: Connection, letters: Sequence[DeadLetter]) -> None:
    """Append dead letters, inside the caller's transaction."""
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier("gwanje", "dead_letter"), _names(_DEAD_LETTER_COLUMNS)
    )
    async with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for letter in letters:
            await copy.write_row([getattr(letter, name) for name in _DEAD_LETTER_COLUMNS])


def _names(names: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(name) for name in names)
