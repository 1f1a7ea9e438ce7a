"""The log of messages to citizens, from which a client gets what it missed by its last offset."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from storage.database import Connection, as_json


class CitizenMessage(NamedTuple):
    """A message for one district in one language."""

    alert: str
    district: str
    language: str
    created: datetime
    body: dict[str, Any]


class CitizenEntry(NamedTuple):
    """A message with its place in the log."""

    offset: int
    message: CitizenMessage


class Recovery(NamedTuple):
    """What a client missed.

    Attributes
    ----------
    recovered
        False when the client's place is of another epoch or no longer kept; what it missed is then not known.
    offset
        The newest offset of the epoch, 0 when it has no message.
    entries
        Messages after the client's offset that suit it, in order. At most the limit; when `recovered` is true they are
        complete.
    """

    recovered: bool
    offset: int
    entries: list[CitizenEntry]


async def open_epoch(connection: Connection, proposed: str, at: datetime) -> str:
    """Return the log's current epoch; the proposed one becomes it when there is none yet."""
    async with connection.transaction():
        await connection.execute("LOCK TABLE gwanje.citizen_epoch IN SHARE ROW EXCLUSIVE MODE")
        cursor = await connection.execute("SELECT epoch FROM gwanje.citizen_epoch ORDER BY number DESC LIMIT 1")
        row = await cursor.fetchone()
        if row is not None:
            return str(row[0])
        await begin_epoch(connection, proposed, at)
    return proposed


async def begin_epoch(connection: Connection, epoch: str, at: datetime) -> None:
    """Make a new epoch the current one: offsets begin again, earlier places cannot be recovered from."""
    await connection.execute("INSERT INTO gwanje.citizen_epoch (epoch, created) VALUES (%s, %s)", [epoch, at])


async def append_messages(connection: Connection, epoch: str, messages: Sequence[CitizenMessage]) -> list[int]:
    """Append messages and return their offsets, which follow each other without a gap.

    Raises
    ------
    KeyError
        If there is no such epoch.
    """
    if not messages:
        return []
    async with connection.transaction():
        cursor = await connection.execute(
            "UPDATE gwanje.citizen_epoch SET last_offset = last_offset + %s WHERE epoch = %s RETURNING last_offset",
            [len(messages), epoch],
        )
        row = await cursor.fetchone()
        if row is None:
            raise KeyError(f"epoch: expected one that was begun, was {epoch!r}")
        offsets = list(range(row[0] - len(messages) + 1, row[0] + 1))
        rows = [
            (epoch, offset, message.alert, message.district, message.language, message.created, as_json(message.body))
            for offset, message in zip(offsets, messages, strict=True)
        ]
        async with connection.cursor() as inserting:
            await inserting.executemany(
                'INSERT INTO gwanje.citizen_log (epoch, "offset", alert, district, language, created, body)'
                " VALUES (%s, %s, %s, %s, %s, %s, %s)",
                rows,
            )
    return offsets


async def recover(
    connection: Connection, epoch: str, offset: int, *, district: str, language: str, limit: int = 1_000
) -> Recovery:
    """Return what a client at an offset of an epoch missed."""
    cursor = await connection.execute(
        "SELECT last_offset, first_offset, number = (SELECT max(number) FROM gwanje.citizen_epoch)"
        " FROM gwanje.citizen_epoch WHERE epoch = %s",
        [epoch],
    )
    row = await cursor.fetchone()
    if row is None:
        return Recovery(False, 0, [])
    last, first, current = row
    if not current or not first - 1 <= offset <= last:
        return Recovery(False, last, [])
    cursor = await connection.execute(
        'SELECT "offset", alert, district, language, created, body FROM gwanje.citizen_log'
        ' WHERE epoch = %s AND "offset" > %s AND "offset" <= %s AND district = %s AND language = %s'
        ' ORDER BY "offset" LIMIT %s',
        [epoch, offset, last, district, language, limit + 1],
    )
    rows = await cursor.fetchall()
    entries = [CitizenEntry(one[0], CitizenMessage(*one[1:])) for one in rows[:limit]]
    return Recovery(len(rows) <= limit, last, entries)
