"""The desk's store and the courier's outbox, in PostgreSQL."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import psycopg

from alerts.courier import Waiting
from alerts.desk import Deed, DeskChange, StoreUnavailableError
from alerts.model import Alert, DeliveryState, Situation
from sensors.columns import from_ns
from storage.database import Connection, Database
from storage.errors import DatabaseUnavailable
from storage.repositories.alerts import alerts, save_alert
from storage.repositories.audit import AuditEntry, record_audit
from storage.repositories.findings import FindingRow, save_findings
from storage.repositories.outbox import OutboxItem, add_to_outbox, claim_waiting, record_delivery
from storage.repositories.situations import save_situation, situations

_RETRY_AFTER = timedelta(seconds=5)
"""A posting whose sender fell silent is taken again after this; own construction."""


@contextlib.asynccontextmanager
async def available(database: Database) -> AsyncIterator[Connection]:
    """Lend a transaction; whatever keeps it from being committed becomes `StoreUnavailableError`."""
    try:
        async with database.transaction() as connection:
            yield connection
    except (DatabaseUnavailable, psycopg.OperationalError, psycopg.InterfaceError, OSError) as exc:
        raise StoreUnavailableError(" ".join(str(exc).split()) or type(exc).__name__) from exc


class PostgresDeskStore:
    """Keeps what the desk has; see `alerts.desk.DeskStore`.

    Parameters
    ----------
    keep_ended
        How long an ended situation is still loaded.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime], keep_ended: timedelta) -> None:
        self._database = database
        self._clock = clock
        self._keep_ended = keep_ended

    async def load(self) -> tuple[list[Situation], list[Alert]]:
        """Return the active situations, those that ended lately, and their alerts."""
        since = self._clock() - self._keep_ended
        async with available(self._database) as connection:
            situation_rows = await situations(connection, closed_since=since)
            alert_rows = await alerts(connection, updated_since=since)
        loaded = [msgspec.convert(row.body, Situation) for row in situation_rows]
        known = {one.id for one in loaded}
        kept = [msgspec.convert(row.body, Alert) for row in alert_rows]
        return loaded, [alert for alert in kept if alert.situation in known]

    async def save(self, change: DeskChange) -> None:
        """Save everything of a change, or nothing."""
        async with available(self._database) as connection:
            for situation in change.situations:
                await save_situation(connection, situation.id, situation.active, situation.updated, _body(situation))
            for alert in change.alerts:
                await save_alert(connection, alert.id, alert.version, alert.state, alert.updated, _body(alert))
            await save_findings(
                connection,
                [
                    FindingRow(
                        id=finding.id,
                        rule=finding.rule.value,
                        subject=finding.subject,
                        level=finding.level.name.lower(),
                        active=finding.active,
                        onset=from_ns(finding.onset_ns),
                        updated=from_ns(finding.updated_ns),
                        body=_body(finding),
                    )
                    for finding in change.findings
                ],
            )
            now = self._clock()
            for posting in change.postings:
                item = OutboxItem(posting.channel, posting.target, {})
                await add_to_outbox(connection, posting.alert, posting.version, [item], now)
            for deed in change.deeds:
                await record_audit(connection, _audit(deed))


class PostgresOutbox:
    """Postings that wait; see `alerts.courier.Outbox`."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    async def claim(self, limit: int) -> Sequence[Waiting]:
        """Take the oldest postings that are due."""
        now = self._clock()
        async with available(self._database) as connection:
            rows = await claim_waiting(connection, now=now, retry_before=now - _RETRY_AFTER, limit=limit)
        return [
            msgspec.convert(
                {
                    "number": row.id,
                    "alert": row.alert,
                    "channel": row.channel,
                    "target": row.target,
                    "attempts": row.attempts,
                },
                Waiting,
            )
            for row in rows
        ]

    async def settle(self, number: int, state: DeliveryState, detail: str | None = None) -> None:
        """Note what became of a posting."""
        async with available(self._database) as connection:
            await record_delivery(connection, number, state, at=self._clock(), detail=detail)

    async def alert_of(self, number: int) -> tuple[str, str] | None:
        """Return alert and target of a posting, or None when there is none of that number."""
        async with available(self._database) as connection:
            cursor = await connection.execute("SELECT alert, target FROM gwanje.outbox WHERE id = %s", [number])
            row = await cursor.fetchone()
        return None if row is None else (row[0], row[1])


def _body(value: msgspec.Struct) -> dict[str, Any]:
    body: dict[str, Any] = msgspec.to_builtins(value)
    return body


def _audit(deed: Deed) -> AuditEntry:
    return AuditEntry(deed.time, deed.who, deed.action, deed.subject, _body(deed.before), _body(deed.after))
