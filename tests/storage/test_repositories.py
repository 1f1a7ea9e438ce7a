"""Findings, situations, alerts, outbox, citizens' log, audit and device keys against a real server."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from storage.database import Connection, connect
from storage.errors import VersionConflict
from storage.repositories.alerts import AlertRow, alert_by_id, alerts, change_alert, create_alert, save_alert
from storage.repositories.audit import AuditEntry, audit_trail, record_audit
from storage.repositories.citizens import CitizenMessage, append_messages, begin_epoch, open_epoch, recover
from storage.repositories.devices import DeviceRow, register_devices
from storage.repositories.findings import FindingRow, active_findings, finding_history, save_findings
from storage.repositories.outbox import OutboxItem, claim_waiting, deliveries, record_delivery
from storage.repositories.situations import SituationRow, change_situation, save_situation, situation_by_id, situations
from tests.storage.rows import NOW

pytestmark = pytest.mark.integration

LATER = NOW + timedelta(minutes=1)
MADE = AuditEntry(NOW, "policy", "draft", "alert A", None, {"state": "draft"})
DECIDED = AuditEntry(LATER, "operator", "approve", "alert A", {"state": "draft"}, {"state": "approved"})
DRAFT = AlertRow("A", 1, "draft", NOW, {"id": "A", "text": {"ko": "대피", "en": "evacuate"}})
APPROVED = AlertRow("A", 2, "approved", LATER, {"id": "A", "by": "operator"})
OUTBOX = (OutboxItem("sign", "S1", {"multi": "[nl]"}), OutboxItem("subscribers", "district-1", {}))


async def test_device_keys_are_dense_and_stay(connection: Connection) -> None:
    first = [DeviceRow("b", "vds", "1"), DeviceRow("a", "cctv", "1")]
    assert (await register_devices(connection, first)).tolist() == [1, 2]
    again = [DeviceRow("c", "vds", "1"), DeviceRow("a", "cctv", "2"), DeviceRow("b", "vds", "1")]
    keys = await register_devices(connection, again)
    assert (keys.tolist(), keys.dtype) == ([3, 2, 1], "int32")
    cursor = await connection.execute("SELECT district FROM gwanje.device WHERE id = 'a'")
    assert await cursor.fetchone() == ("2",)
    assert (await register_devices(connection, [])).tolist() == []
    with pytest.raises(ValueError, match="was 'a' twice"):
        await register_devices(connection, [first[1], first[1]])


async def test_two_starts_at_once_give_the_same_keys(connection: Connection, database_url: str) -> None:
    devices = [DeviceRow(f"d{number}", "vds", "1") for number in range(50)]
    async with await connect(database_url) as other:
        one, two = await asyncio.gather(register_devices(connection, devices), register_devices(other, devices[::-1]))
    assert one.tolist() == two.tolist()[::-1]
    assert sorted(one.tolist()) == list(range(1, 51))


async def test_findings_keep_the_history_of_their_level(connection: Connection) -> None:
    def finding(level: str, active: bool, minute: int, note: float = 0.5) -> FindingRow:
        return FindingRow("F", "rule", "S1", level, active, NOW, NOW + timedelta(minutes=minute), {"n": note})

    other = finding("caution", True, 0)._replace(id="G")
    await save_findings(connection, [finding("attention", True, 0), other])
    await save_findings(connection, [finding("attention", True, 1, float("nan"))])
    await save_findings(connection, [finding("alert", True, 2), finding("alert", False, 3)])
    assert await active_findings(connection) == [other]
    history = await finding_history(connection, "F")
    assert [(change.level, change.active, change.at) for change in history] == [
        ("attention", True, NOW),
        ("alert", True, NOW + timedelta(minutes=2)),
        ("alert", False, NOW + timedelta(minutes=3)),
    ]


async def test_findings_are_stored_all_or_none(connection: Connection) -> None:
    good = FindingRow("F", "rule", "S1", "alert", True, NOW, NOW, {})
    with pytest.raises(psycopg.Error):
        await save_findings(connection, [good, good._replace(id="G", body={"nul": "\x00"})])
    assert await active_findings(connection) == []


async def test_situation_takes_only_the_next_version(connection: Connection) -> None:
    first = SituationRow("S", True, 1, NOW, {"kind": "fire"})
    await change_situation(connection, first)
    with pytest.raises(VersionConflict, match="situation S: expected not to exist, was version 1"):
        await change_situation(connection, first)
    second = first._replace(version=2, active=False, updated=LATER)
    await change_situation(connection, second)
    with pytest.raises(VersionConflict, match="situation S: expected version 1, was version 2") as conflict:
        await change_situation(connection, second)
    assert (conflict.value.expected_version, conflict.value.actual_version) == (1, 2)
    with pytest.raises(VersionConflict, match="expected version 4, was does not exist"):
        await change_situation(connection, first._replace(id="T", version=5))
    assert await situation_by_id(connection, "S") == second
    assert await situations(connection, closed_since=LATER) == [second]
    assert await situations(connection, closed_since=LATER + timedelta(seconds=1)) == []


async def test_approval_changes_alert_outbox_and_audit_at_once(connection: Connection) -> None:
    await create_alert(connection, DRAFT, MADE)
    await change_alert(connection, APPROVED, expected_version=1, expected_state="draft", audit=DECIDED, outbox=OUTBOX)
    assert await alert_by_id(connection, "A") == APPROVED
    assert [(row.target, row.state, row.version) for row in await deliveries(connection, "A")] == [
        ("S1", "waiting", 2),
        ("district-1", "waiting", 2),
    ]
    assert await audit_trail(connection, "alert A") == [DECIDED, MADE]
    assert await alerts(connection, updated_since=LATER) == [APPROVED]


@pytest.mark.parametrize(
    "given",
    [{"expected_version": 0}, {"expected_version": 1, "expected_state": "rejected"}],
)
async def test_conflict_leaves_everything_as_it_was(connection: Connection, given: dict[str, Any]) -> None:
    await create_alert(connection, DRAFT, MADE)
    with pytest.raises(VersionConflict):
        await change_alert(connection, APPROVED, audit=DECIDED, outbox=OUTBOX, **given)
    assert await alert_by_id(connection, "A") == DRAFT
    assert await deliveries(connection, "A") == []
    assert await audit_trail(connection, "alert A") == [MADE]


async def test_failure_after_the_change_undoes_it(connection: Connection) -> None:
    await create_alert(connection, DRAFT, MADE)
    unstorable = DECIDED._replace(after={"nul": "\x00"})
    with pytest.raises(psycopg.Error):
        await change_alert(connection, APPROVED, expected_version=1, audit=unstorable, outbox=OUTBOX)
    assert await alert_by_id(connection, "A") == DRAFT
    assert await deliveries(connection, "A") == []


async def test_of_two_operators_one_wins(connection: Connection, database_url: str) -> None:
    await create_alert(connection, DRAFT, MADE)
    async with await connect(database_url) as other:
        outcomes = await asyncio.gather(
            *(
                change_alert(one, APPROVED, expected_version=1, audit=DECIDED, outbox=OUTBOX)
                for one in (connection, other)
            ),
            return_exceptions=True,
        )
    assert sorted(type(outcome) for outcome in outcomes if outcome is not None) == [VersionConflict]
    assert len(await deliveries(connection, "A")) == 2


async def test_alert_is_made_once_and_never_goes_back(connection: Connection) -> None:
    await create_alert(connection, DRAFT, MADE)
    with pytest.raises(VersionConflict, match="alert A: expected not to exist, was version 1"):
        await create_alert(connection, DRAFT, MADE)
    with pytest.raises(ValueError, match="version: expected more than 2, was 2"):
        await change_alert(connection, APPROVED, expected_version=2, audit=DECIDED)


async def test_single_writer_stores_over_earlier_versions_only(connection: Connection) -> None:
    for row in (DRAFT, APPROVED, APPROVED._replace(body={"id": "A", "deliveries": []})):
        await save_alert(connection, *row)
        assert await alert_by_id(connection, "A") == row
    with pytest.raises(VersionConflict, match="alert A: expected version 1, was version 2"):
        await save_alert(connection, *DRAFT)
    for version, active in ((1, True), (2, True), (3, False)):
        assert await save_situation(connection, "S", active, NOW, {"n": version}) == version
        assert await situation_by_id(connection, "S") == SituationRow("S", active, version, NOW, {"n": version})


async def test_message_is_claimed_by_one_sender_until_it_is_given_up(connection: Connection, database_url: str) -> None:
    await create_alert(connection, DRAFT, MADE)
    await change_alert(connection, APPROVED, expected_version=1, audit=DECIDED, outbox=OUTBOX)
    again = APPROVED._replace(version=3)
    await change_alert(connection, again, expected_version=2, audit=DECIDED, outbox=OUTBOX[:1] * 2)
    async with await connect(database_url) as other:
        claims = await asyncio.gather(
            *(claim_waiting(one, now=LATER, retry_before=NOW, limit=10) for one in (connection, other))
        )
    claimed = sorted(row.id for rows in claims for row in rows)
    assert len(claimed) == len(set(claimed)) == 3
    assert await record_delivery(connection, claimed[0], "shown", at=LATER, detail="ok")
    assert not await record_delivery(connection, 10**9, "sent", at=LATER)
    assert await claim_waiting(connection, now=LATER, retry_before=LATER, limit=10) == []
    much_later = LATER + timedelta(hours=1)
    retried = await claim_waiting(connection, now=much_later, retry_before=LATER + timedelta(seconds=1), limit=1)
    assert [(row.id, row.attempts) for row in retried] == [(claimed[1], 2)]
    shown = (await deliveries(connection, "A"))[0]
    assert (shown.state, shown.detail, shown.attempts) == ("shown", "ok", 1)


async def test_audit_cannot_be_changed(connection: Connection) -> None:
    await record_audit(connection, MADE)
    for statement in (b"UPDATE gwanje.audit SET who = 'x'", b"DELETE FROM gwanje.audit", b"TRUNCATE gwanje.audit"):
        with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
            await connection.execute(statement)
    assert await audit_trail(connection, "alert A") == [MADE]


def message(number: int, district: str = "1", language: str = "ko") -> CitizenMessage:
    return CitizenMessage(f"A{number}", district, language, NOW, {"n": number})


async def test_citizen_gets_what_was_missed(connection: Connection) -> None:
    assert await open_epoch(connection, "e1", NOW) == "e1"
    assert await open_epoch(connection, "e2", NOW) == "e1"
    await append_messages(connection, "e1", [message(1), message(2, district="2"), message(3, language="en")])
    assert await append_messages(connection, "e1", [message(4)]) == [4]
    found = await recover(connection, "e1", 0, district="1", language="ko")
    assert (found.recovered, found.offset) == (True, 4)
    assert [(entry.offset, entry.message) for entry in found.entries] == [(1, message(1)), (4, message(4))]
    assert (await recover(connection, "e1", 4, district="1", language="ko")) == (True, 4, [])
    assert (await recover(connection, "e1", 5, district="1", language="ko")) == (False, 4, [])
    assert (await recover(connection, "e1", -1, district="1", language="ko")) == (False, 4, [])
    assert (await recover(connection, "other", 0, district="1", language="ko")) == (False, 0, [])
    assert not (await recover(connection, "e1", 0, district="1", language="ko", limit=1)).recovered
    await begin_epoch(connection, "e2", LATER)
    assert not (await recover(connection, "e1", 4, district="1", language="ko")).recovered
    with pytest.raises(KeyError, match="was 'e9'"):
        await append_messages(connection, "e9", [message(1)])


async def test_offsets_have_no_gap_when_writers_race_and_fail(connection: Connection, database_url: str) -> None:
    await open_epoch(connection, "e1", NOW)
    unstorable = message(0)._replace(body={"nul": "\x00"})

    async def write(times: int) -> None:
        async with await connect(database_url) as own:
            for number in range(times):
                with pytest.raises(psycopg.Error):
                    await append_messages(own, "e1", [message(number), unstorable])
                await append_messages(own, "e1", [message(number), message(number)])

    await asyncio.gather(*(write(5) for _ in range(4)))
    found = await recover(connection, "e1", 0, district="1", language="ko")
    assert [entry.offset for entry in found.entries] == list(range(1, 41))
