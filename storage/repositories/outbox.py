"""The outbox: messages that must reach a target once, kept from the decision until the target has answered."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple

from storage.database import Connection, as_json

DeliveryState = Literal["waiting", "sent", "shown", "refused", "failed"]


class OutboxItem(NamedTuple):
    """A message to send."""

    channel: str
    target: str
    body: dict[str, Any]


class OutboxRow(NamedTuple):
    """A message as it is stored."""

    id: int
    alert: str
    version: int
    channel: str
    target: str
    body: dict[str, Any]
    state: DeliveryState
    attempts: int
    detail: str | None
    created: datetime
    updated: datetime


async def add_to_outbox(
    connection: Connection, alert: str, version: int, items: Sequence[OutboxItem], at: datetime
) -> int:
    """Add messages of one version of an alert; return how many are new.

    A message to a target that has one of that version already is left as it is, so it cannot be sent twice.
    """
    if not items:
        return 0
    rows = [(alert, version, item.channel, item.target, as_json(item.body), at, at) for item in items]
    async with connection.cursor() as cursor:
        await cursor.executemany(
            "INSERT INTO gwanje.outbox (alert, version, channel, target, body, created, updated)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (alert, version, channel, target) DO NOTHING",
            rows,
        )
        return cursor.rowcount


async def claim_waiting(
    connection: Connection, *, now: datetime, retry_before: datetime, limit: int
) -> list[OutboxRow]:
    """Take messages to send, oldest first, and count the attempt.

    A message stays ``waiting`` until `record_delivery`; if that does not come, because the sender died, it is taken
    again once its last attempt lies before `retry_before`. Two senders never take the same message at a time.
    """
    cursor = await connection.execute(
        "UPDATE gwanje.outbox SET attempts = attempts + 1, updated = %s WHERE id IN ("
        " SELECT id FROM gwanje.outbox WHERE state = 'waiting' AND (attempts = 0 OR updated < %s)"
        " ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED)"
        " RETURNING id, alert, version, channel, target, body, state, attempts, detail, created, updated",
        [now, retry_before, limit],
    )
    return sorted((OutboxRow(*row) for row in await cursor.fetchall()), key=lambda row: row.id)


async def record_delivery(
    connection: Connection, message: int, state: DeliveryState, *, at: datetime, detail: str | None = None
) -> bool:
    """Record what became of a message; return False when there is no such message."""
    cursor = await connection.execute(
        "UPDATE gwanje.outbox SET state = %s, detail = %s, updated = %s WHERE id = %s", [state, detail, at, message]
    )
    return cursor.rowcount == 1


async def deliveries(connection: Connection, alert: str) -> list[OutboxRow]:
    """Return all messages of an alert, oldest first."""
    cursor = await connection.execute(
        "SELECT id, alert, version, channel, target, body, state, attempts, detail, created, updated"
        " FROM gwanje.outbox WHERE alert = %s ORDER BY id",
        [alert],
    )
    return [OutboxRow(*row) for row in await cursor.fetchall()]
