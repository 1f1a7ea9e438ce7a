"""The audit trail: who did what, before and after. The database refuses to change or remove a row of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from storage.database import Connection, as_json


class AuditEntry(NamedTuple):
    """One act."""

    at: datetime
    who: str
    action: str
    subject: str
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None


async def record_audit(connection: Connection, entry: AuditEntry) -> None:
    """Add an act to the trail."""
    bodies = [None if body is None else as_json(body) for body in (entry.before, entry.after)]
    await connection.execute(
        "INSERT INTO gwanje.audit (at, who, action, subject, before, after) VALUES (%s, %s, %s, %s, %s, %s)",
        [entry.at, entry.who, entry.action, entry.subject, *bodies],
    )


async def audit_trail(connection: Connection, subject: str, limit: int = 1_000) -> list[AuditEntry]:
    """Return the acts on a subject, newest first."""
    cursor = await connection.execute(
        "SELECT at, who, action, subject, before, after FROM gwanje.audit WHERE subject = %s ORDER BY id DESC LIMIT %s",
        [subject, limit],
    )
    return [AuditEntry(*row) for row in await cursor.fetchall()]
