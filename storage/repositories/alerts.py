"""Alerts: drafts, decisions and what follows from a decision, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from storage.database import Connection, as_json
from storage.errors import VersionConflict
from storage.repositories.audit import AuditEntry, record_audit
from storage.repositories.outbox import OutboxItem, add_to_outbox


class AlertRow(NamedTuple):
    """An alert as it is stored. ``body`` is its JSON object."""

    id: str
    version: int
    state: str
    updated: datetime
    body: dict[str, Any]


async def create_alert(connection: Connection, alert: AlertRow, audit: AuditEntry) -> None:
    """Store a new alert and the audit entry of its making.

    Raises
    ------
    VersionConflict
        If there is an alert of that identifier.
    """
    async with connection.transaction():
        cursor = await connection.execute(
            "INSERT INTO gwanje.alert (id, version, state, updated, body) VALUES (%s, %s, %s, %s, %s)"
            " ON CONFLICT (id) DO NOTHING",
            [alert.id, alert.version, alert.state, alert.updated, as_json(alert.body)],
        )
        if cursor.rowcount != 1:
            stored = await alert_by_id(connection, alert.id)
            raise VersionConflict(f"alert {alert.id}", None, stored.version if stored else None)
        await record_audit(connection, audit)


async def change_alert(
    connection: Connection,
    alert: AlertRow,
    *,
    expected_version: int,
    audit: AuditEntry,
    expected_state: str | None = None,
    outbox: Sequence[OutboxItem] = (),
) -> None:
    """Replace an alert, fill the outbox and record the act: all in one transaction, or nothing.

    Approval, rejection, withdrawal and expiry are all this.

    Parameters
    ----------
    connection
        The database.
    alert
        The alert as it shall be; its version must be greater than the expected one.
    expected_version
        The version that the decision was made on.
    audit
        The act.
    expected_state
        The state that the alert must be in, such as ``draft``; None for any.
    outbox
        Messages that follow from the decision, for the new version.

    Raises
    ------
    VersionConflict
        If the stored alert has another version or state, or does not exist.
    ValueError
        If the new version is not greater than the expected one.
    """
    if alert.version <= expected_version:
        raise ValueError(f"version: expected more than {expected_version}, was {alert.version}")
    async with connection.transaction():
        cursor = await connection.execute(
            "UPDATE gwanje.alert SET version = %s, state = %s, updated = %s, body = %s"
            " WHERE id = %s AND version = %s AND (%s::text IS NULL OR state = %s)",
            [
                alert.version,
                alert.state,
                alert.updated,
                as_json(alert.body),
                alert.id,
                expected_version,
                expected_state,
                expected_state,
            ],
        )
        if cursor.rowcount != 1:
            stored = await alert_by_id(connection, alert.id)
            raise VersionConflict(f"alert {alert.id}", expected_version, stored.version if stored else None)
        await add_to_outbox(connection, alert.id, alert.version, outbox, alert.updated)
        await record_audit(connection, audit)


async def save_alert(
    connection: Connection, alert: str, version: int, state: str, updated: datetime, body: dict[str, Any]
) -> None:
    """Store an alert as it is now, over an earlier or the same version of it.

    For a single writer that holds the alerts in memory and has checked the decision; `change_alert` checks it here.

    Raises
    ------
    VersionConflict
        If a later version is stored.
    """
    cursor = await connection.execute(
        "INSERT INTO gwanje.alert AS stored (id, version, state, updated, body) VALUES (%s, %s, %s, %s, %s)"
        " ON CONFLICT (id) DO UPDATE SET version = excluded.version, state = excluded.state,"
        " updated = excluded.updated, body = excluded.body WHERE stored.version <= excluded.version",
        [alert, version, state, updated, as_json(body)],
    )
    if cursor.rowcount != 1:
        stored = await alert_by_id(connection, alert)
        raise VersionConflict(f"alert {alert}", version, stored.version if stored else None)


async def alert_by_id(connection: Connection, alert: str) -> AlertRow | None:
    """Return an alert, or None when there is none of that identifier."""
    cursor = await connection.execute(
        "SELECT id, version, state, updated, body FROM gwanje.alert WHERE id = %s", [alert]
    )
    row = await cursor.fetchone()
    return AlertRow(*row) if row else None


async def alerts(connection: Connection, *, updated_since: datetime, limit: int = 10_000) -> list[AlertRow]:
    """Return the drafts and approved alerts, and the others changed since a time; latest change first."""
    cursor = await connection.execute(
        "SELECT id, version, state, updated, body FROM gwanje.alert"
        " WHERE state IN ('draft', 'approved') OR updated >= %s ORDER BY updated DESC, id LIMIT %s",
        [updated_since, limit],
    )
    return [AlertRow(*row) for row in await cursor.fetchall()]
