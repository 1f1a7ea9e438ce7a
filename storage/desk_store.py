"""The desk's store and the courier's outbox, in PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import psycopg

from alerts.courier import Waiting
from alerts.desk_store import Deed, DeskChange, StoreConflictError, StoreUnavailableError
from alerts.lifecycle import record_delivery
from alerts.model import Alert, ChannelName, DeliveryState, Situation
from sensors.columns import from_ns
from storage.database import Connection, Database
from storage.errors import DatabaseUnavailable, VersionConflict
from storage.repositories.alerts import alert_by_id, save_alert
from storage.repositories.audit import AuditEntry, record_audit
from storage.repositories.findings import FindingRow, save_findings
from storage.repositories.outbox import OutboxItem, add_to_outbox
from storage.repositories.situations import save_situation, situations

_RETRY_AFTER = timedelta(seconds=5)
"""A posting whose sender fell silent is taken again after this; own construction."""

_CLAIM = """
UPDATE gwanje.outbox SET attempts = attempts + 1, updated = %(now)s WHERE id IN (
    SELECT id FROM gwanje.outbox
    WHERE channel = %(channel)s AND (
        (state = 'waiting' AND (attempts = 0 OR updated < %(silent)s))
        OR (state = 'sent' AND channel = 'sign' AND updated < %(now)s
            - least(%(again_s)s * power(2, least(attempts - 1, 10)), 300) * interval '1 second'))
    ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
RETURNING id, alert, channel, target, attempts
"""

# What a sign has answered stays: a note of having sent comes late, a blank face is no news of the delivery.
_SETTLE = """
UPDATE gwanje.outbox SET state = %(state)s, detail = %(detail)s, updated = %(now)s
WHERE id = %(number)s AND CASE %(state)s
    WHEN 'shown' THEN true
    WHEN 'refused' THEN state <> 'shown'
    WHEN 'failed' THEN state IN ('waiting', 'sent')
    ELSE state = 'waiting' END
"""

# An answer is stored before it is noted: after a kill between the two it is still among the events of the device.
_DELIVERIES = """
SELECT o.alert, o.channel, o.target, coalesce(answer.state, o.state), coalesce(answer.time, o.updated),
       CASE WHEN answer.state IS NULL THEN o.detail ELSE answer.reason END
FROM gwanje.outbox o
LEFT JOIN LATERAL (
    SELECT CASE WHEN (e.payload->>'shown')::boolean THEN 'shown' ELSE 'refused' END AS state,
           e.time, e.payload->>'reason' AS reason
    FROM gwanje.device d JOIN gwanje.device_event e ON e.device = d.key
    WHERE o.channel = 'sign' AND o.state IN ('waiting', 'sent') AND d.id = o.target AND e.stream = 'ack'
      AND e.time >= o.created - interval '1 hour' AND e.payload->>'message' = 'm' || o.id
    ORDER BY (e.payload->>'shown')::boolean DESC, e.time LIMIT 1
) answer ON true
WHERE o.alert = ANY(%s) AND (o.state <> 'waiting' OR answer.state IS NOT NULL)
"""


@contextlib.asynccontextmanager
async def available(database: Database) -> AsyncIterator[Connection]:
    """Lend a transaction.

    Raises
    ------
    StoreUnavailableError
        If anything keeps the database from answering; what was to be committed then may have been.
    """
    try:
        async with contextlib.AsyncExitStack() as stack:
            yield await _uninterrupted(stack.enter_async_context(database.transaction()))
    except (DatabaseUnavailable, psycopg.OperationalError, psycopg.InterfaceError, OSError) as exc:
        raise StoreUnavailableError(" ".join(str(exc).split()) or type(exc).__name__) from exc


async def _uninterrupted(work: Coroutine[Any, Any, Connection]) -> Connection:
    """Let a cancellation wait until a connection is lent: one cut off in the middle of that is never given back."""
    lending = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(lending)
    except asyncio.CancelledError:
        await asyncio.wait([lending])
        raise


class PostgresDeskStore:
    """Keeps what the desk has; see `alerts.desk_store.DeskStore`.

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
        """Return the situations that are active, ended lately or wait to be told of, and all their alerts.

        Deliveries are as the outbox has them, and as signs answered.
        """
        since = self._clock() - self._keep_ended
        async with available(self._database) as connection:
            bodies = [row.body for row in await situations(connection, closed_since=since)]
            cursor = await connection.execute(
                "SELECT s.body FROM gwanje.situation s WHERE NOT s.active AND s.updated < %s AND s.id IN ("
                " SELECT a.body->>'situation' FROM gwanje.outbox o JOIN gwanje.alert a ON a.id = o.alert"
                " WHERE o.state = 'waiting')",
                [since],
            )
            bodies += [row[0] for row in await cursor.fetchall()]
            loaded = [msgspec.convert(body, Situation) for body in bodies]
            cursor = await connection.execute(
                "SELECT body FROM gwanje.alert WHERE body->>'situation' = ANY(%s) ORDER BY id",
                [[one.id for one in loaded]],
            )
            kept = {alert.id: alert for row in await cursor.fetchall() if (alert := msgspec.convert(row[0], Alert))}
            cursor = await connection.execute(_DELIVERIES, [list(kept)])
            for name, channel, target, state, time, detail in await cursor.fetchall():
                if name in kept:
                    kept[name] = record_delivery(kept[name], channel, target, state, time, detail)
        return loaded, list(kept.values())

    async def alert(self, alert: str) -> Alert | None:
        """Return an alert as it is saved, or None when it never was."""
        async with available(self._database) as connection:
            row = await alert_by_id(connection, alert)
        return None if row is None else msgspec.convert(row.body, Alert)

    async def save(self, change: DeskChange) -> None:
        """Save everything of a change, or nothing.

        Raises
        ------
        StoreConflictError
            If a later version of an alert is stored.
        StoreUnavailableError
            As `available`.
        """
        try:
            async with available(self._database) as connection:
                await self._save(connection, change)
        except VersionConflict as exc:
            raise StoreConflictError(str(exc)) from exc

    async def _save(self, connection: Connection, change: DeskChange) -> None:
        for situation in change.situations:
            await save_situation(connection, situation.id, situation.active, situation.updated, _body(situation))
        for alert in change.alerts:
            await save_alert(connection, alert.id, alert.version, alert.state, alert.updated, _body(alert))
        findings = [
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
        ]
        await save_findings(connection, findings)
        now = self._clock()
        for posting in change.postings:
            item = OutboxItem(posting.channel, posting.target, {})
            await add_to_outbox(connection, posting.alert, posting.version, [item], now)
        for deed in change.deeds:
            await record_audit(connection, _audit(deed))


class PostgresOutbox:
    """Postings that wait; see `alerts.courier.Outbox`.

    Whoever makes one is the only sender: what another left under way is due at once.

    Parameters
    ----------
    again_s
        How long after its message was sent a sign that has not answered is sent it again: the broker may have lost what
        it took, and a command that is repeated does no harm. Twice as long each time, up to five minutes. [s]
    """

    def __init__(self, database: Database, clock: Callable[[], datetime], again_s: float = 20.0) -> None:
        self._again_s = again_s
        self._database = database
        self._clock = clock
        self._taken_over: set[ChannelName] = set()

    async def claim(self, channel: ChannelName, limit: int) -> Sequence[Waiting]:
        """Take the oldest postings of a channel that are due."""
        now = self._clock()
        fell_silent = now - _RETRY_AFTER if channel in self._taken_over else now
        async with available(self._database) as connection:
            given = {"now": now, "channel": channel, "silent": fell_silent, "again_s": self._again_s, "limit": limit}
            cursor = await connection.execute(_CLAIM, given)
            rows = sorted(await cursor.fetchall())
        if len(rows) < limit:
            self._taken_over.add(channel)
        return [
            Waiting(number=number, alert=alert, channel=of, target=target, attempts=attempts)
            for number, alert, of, target, attempts in rows
        ]

    async def settle(self, number: int, state: DeliveryState, detail: str | None = None) -> None:
        """Note what became of a posting; it never goes back, such as from shown to sent."""
        values = {"number": number, "state": state, "detail": detail, "now": self._clock()}
        async with available(self._database) as connection:
            await connection.execute(_SETTLE, values)

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
