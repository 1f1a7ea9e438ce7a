"""Situations, each with a version that guards against changes made side by side."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from storage.database import Connection, as_json
from storage.errors import VersionConflict


class SituationRow(NamedTuple):
    """A situation as it is stored. ``body`` is its JSON object."""

    id: str
    active: bool
    version: int
    updated: datetime
    body: dict[str, Any]


async def save_situation(
    connection: Connection, situation: str, active: bool, updated: datetime, body: dict[str, Any]
) -> int:
    """Store a situation as it is now, over whatever is stored, and return its new version.

    For a single writer that holds the situations in memory; `change_situation` guards against others.
    """
    cursor = await connection.execute(
        "INSERT INTO gwanje.situation AS stored (id, active, version, updated, body) VALUES (%s, %s, 1, %s, %s)"
        " ON CONFLICT (id) DO UPDATE SET active = excluded.active, version = stored.version + 1,"
        " updated = excluded.updated, body = excluded.body RETURNING version",
        [situation, active, updated, as_json(body)],
    )
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def change_situation(connection: Connection, situation: SituationRow) -> None:
    """Store a situation whose version is one more than the stored one; version 1 is a new one.

    Raises
    ------
    VersionConflict
        If another version is stored.
    """
    expected = situation.version - 1 or None
    if expected is None:
        statement = (
            "INSERT INTO gwanje.situation (active, version, updated, body, id) VALUES (%s, %s, %s, %s, %s)"
            " ON CONFLICT (id) DO NOTHING"
        )
    else:
        statement = (
            "UPDATE gwanje.situation SET active = %s, version = %s, updated = %s, body = %s"
            " WHERE id = %s AND version = %s"
        )
    values = [situation.active, situation.version, situation.updated, as_json(situation.body), situation.id]
    cursor = await connection.execute(statement, values if expected is None else [*values, expected])
    if cursor.rowcount != 1:
        stored = await situation_by_id(connection, situation.id)
        raise VersionConflict(f"situation {situation.id}", expected, stored.version if stored else None)


async def situation_by_id(connection: Connection, situation: str) -> SituationRow | None:
    """Return a situation, or None when there is none of that identifier."""
    cursor = await connection.execute(
        "SELECT id, active, version, updated, body FROM gwanje.situation WHERE id = %s", [situation]
    )
    row = await cursor.fetchone()
    return SituationRow(*row) if row else None


async def situations(connection: Connection, *, closed_since: datetime, limit: int = 10_000) -> list[SituationRow]:
    """Return the active situations and those that ended since a time, latest change first."""
    cursor = await connection.execute(
        "SELECT id, active, version, updated, body FROM gwanje.situation WHERE active OR updated >= %s"
        " ORDER BY active DESC, updated DESC, id LIMIT %s",
        [closed_since, limit],
    )
    return [SituationRow(*row) for row in await cursor.fetchall()]
