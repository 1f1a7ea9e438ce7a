"""Findings: the present state of each, and a row for every change of level or activity."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from storage.database import Connection, as_json


class FindingRow(NamedTuple):
    """A finding as it is stored. ``body`` is its JSON object."""

    id: str
    rule: str
    subject: str
    level: str
    active: bool
    onset: datetime
    updated: datetime
    body: dict[str, Any]


class FindingChange(NamedTuple):
    """A change of level or of activity; the first row of a finding is its onset."""

    finding: str
    at: datetime
    level: str
    active: bool
    body: dict[str, Any]


# The common table expressions see the table as it was before the statement, so `previous` is the row that is replaced.
_SAVE = """
WITH given AS (SELECT %s AS id, %s AS rule, %s AS subject, %s AS level, %s AS active,
               %s::timestamptz AS onset, %s::timestamptz AS updated, %s::jsonb AS body),
previous AS (SELECT f.level, f.active FROM gwanje.finding f JOIN given USING (id)),
saved AS (
    INSERT INTO gwanje.finding (id, rule, subject, level, active, onset, updated, body)
    SELECT id, rule, subject, level, active, onset, updated, body FROM given
    ON CONFLICT (id) DO UPDATE SET rule = excluded.rule, subject = excluded.subject, level = excluded.level,
        active = excluded.active, onset = excluded.onset, updated = excluded.updated, body = excluded.body
)
INSERT INTO gwanje.finding_change (finding, at, level, active, body)
SELECT id, updated, level, active, body FROM given
WHERE NOT EXISTS (SELECT FROM previous WHERE (previous.level, previous.active) = (given.level, given.active))
"""


async def save_findings(connection: Connection, findings: Sequence[FindingRow]) -> None:
    """Store findings, all or none; a change row is added where level or activity differ from what was stored."""
    if not findings:
        return
    rows = [(*finding[:-1], as_json(finding.body)) for finding in findings]
    async with connection.transaction(), connection.cursor() as cursor:
        await cursor.executemany(_SAVE, rows)


async def active_findings(connection: Connection, limit: int = 10_000) -> list[FindingRow]:
    """Return the active findings, latest change first."""
    cursor = await connection.execute(
        "SELECT id, rule, subject, level, active, onset, updated, body FROM gwanje.finding"
        " WHERE active ORDER BY updated DESC, id LIMIT %s",
        [limit],
    )
    return [FindingRow(*row) for row in await cursor.fetchall()]


async def finding_history(connection: Connection, finding: str, limit: int = 1_000) -> list[FindingChange]:
    """Return the changes of a finding, oldest first."""
    cursor = await connection.execute(
        "SELECT finding, at, level, active, body FROM gwanje.finding_change WHERE finding = %s ORDER BY id LIMIT %s",
        [finding, limit],
    )
    return [FindingChange(*row) for row in await cursor.fetchall()]
