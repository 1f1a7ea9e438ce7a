"""The desk's store and the outbox on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import gc
import itertools
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import msgspec
import psycopg
import pytest

from alerts.desk import Desk
from alerts.desk_store import DeskChange, Posting, StoreConflictError, StoreUnavailableError
from alerts.model import Alert
from engine.findings import HazardLevel
from sensors.columns import to_ns
from storage.database import Connection, Database, as_json
from storage.desk_store import PostgresDeskStore, PostgresOutbox, available
from storage.repositories.alerts import alert_by_id
from storage.repositories.audit import audit_trail
from storage.repositories.devices import DeviceRow, register_devices
from storage.repositories.findings import finding_history
from storage.repositories.outbox import deliveries
from tests.alerts.fakes import CORRELATOR, Seen
from tests.alerts.making import NOW, fire, later, slope

pytestmark = pytest.mark.integration
KEEP = timedelta(days=1)
NAME = "alert-f-1"


class Store:
    """A database, a clock that is moved by hand, and a desk on both."""

    def __init__(self, database: Database) -> None:
        self.now = NOW
        self.database = database
        self.store = PostgresDeskStore(database, lambda: self.now, KEEP)
        self.outbox = PostgresOutbox(database, lambda: self.now)

    async def desk(self) -> Desk:
        seen = Seen()
        desk = Desk(CORRELATOR, "exercise", self.store, seen.publish, seen.retire)
        await desk.open(self.now)
        return desk

    async def approved(self) -> Desk:
        desk = await self.desk()
        desk.hear([fire("f", 8_000, 2_000)], NOW)
        await desk.flush()
        await desk.approve(NAME, "Lee", 1, later(1))
        return desk


@pytest.fixture
async def made(database_url: str) -> AsyncIterator[Store]:
    database = Database(lambda: database_url, wait_s=2.0)
    yield Store(database)
    await database.close()


async def test_what_is_saved_is_loaded_as_it_was(made: Store) -> None:
    desk = await made.approved()
    await desk.flush()
    again = await made.desk()
    assert again.alerts == desk.alerts
    assert again.situations == desk.situations
    assert await made.store.alert(NAME) == desk.alerts[NAME]
    assert await made.store.alert("alert-9") is None


async def test_an_approval_is_one_transaction_with_its_postings_and_audit(made: Store, connection: Connection) -> None:
    await made.approved()
    rows = await deliveries(connection, NAME)
    assert [(row.channel, row.target, row.version, row.state) for row in rows] == [
        ("subscribers", "99110", 2, "waiting"),
        ("sign", "VMS-up4", 2, "waiting"),
    ]
    (entry,) = await audit_trail(connection, NAME)
    assert (entry.who, entry.action) == ("Lee", "approve")
    assert entry.before is not None
    assert entry.before["state"] == "draft"
    assert len(await finding_history(connection, "f")) == 1


async def test_a_change_that_fails_leaves_nothing_behind(made: Store, connection: Connection) -> None:
    desk = await made.approved()
    later_version = msgspec.structs.replace(desk.alerts[NAME], version=7)
    change = DeskChange(
        alerts=(later_version,),
        postings=(Posting(alert="alert-unknown", version=1, channel="sign", target="VMS-up4"),),
    )
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        await made.store.save(change)
    row = await alert_by_id(connection, NAME)
    assert row is not None
    assert row.version == 2


async def test_a_version_that_is_behind_is_a_conflict(made: Store) -> None:
    desk = await made.approved()
    with pytest.raises(StoreConflictError, match="expected version 1, was version 2"):
        await made.store.save(DeskChange(alerts=(msgspec.structs.replace(desk.alerts[NAME], version=1),)))


async def test_without_a_database_everything_says_that_it_is_unavailable() -> None:
    database = Database(lambda: "postgresql://nobody@127.0.0.1:1/none", wait_s=0.1)
    store = PostgresDeskStore(database, lambda: NOW, KEEP)
    outbox = PostgresOutbox(database, lambda: NOW)
    for call in (
        store.load(),
        store.alert("a"),
        store.save(DeskChange()),
        outbox.claim("sign", 1),
        outbox.settle(1, "sent"),
    ):
        with pytest.raises(StoreUnavailableError, match=r"127\.0\.0\.1:1"):
            await call
    await database.close()


async def test_a_server_that_ends_in_the_middle_is_unavailable(made: Store) -> None:
    with pytest.raises(StoreUnavailableError):
        async with available(made.database) as connection:
            await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")


async def test_a_cancellation_at_any_moment_gives_the_connection_back(made: Store) -> None:
    async def use() -> None:
        async with available(made.database) as connection:
            await connection.execute("SELECT pg_sleep(0.001)")

    await use()
    for steps in range(40):
        using = asyncio.ensure_future(use())
        for _ in range(steps):
            await asyncio.sleep(0)
        using.cancel()
        await asyncio.wait([using])
    # Nothing is left open (an open connection that is collected is an error), and every place is free again.
    gc.collect()
    async with asyncio.timeout(5):
        await asyncio.gather(*(use() for _ in range(8)))


async def test_a_posting_is_claimed_again_only_after_its_sender_fell_silent(made: Store) -> None:
    await made.approved()
    (first,) = await made.outbox.claim("sign", 10)
    assert (first.alert, first.target, first.attempts) == (NAME, "VMS-up4", 1)
    assert await made.outbox.claim("sign", 10) == []
    (other,) = await made.outbox.claim("subscribers", 10)
    assert other.target == "99110"
    made.now = later(6)
    (again,) = await made.outbox.claim("sign", 10)
    assert (again.number, again.attempts) == (first.number, 2)
    await made.outbox.settle(first.number, "sent")
    await made.outbox.settle(other.number, "sent")
    made.now = later(40)
    assert await made.outbox.claim("sign", 10) == []
    assert await made.outbox.alert_of(first.number) == (NAME, "VMS-up4")
    assert await made.outbox.alert_of(10**9) is None


async def test_a_sign_that_does_not_answer_is_sent_its_message_again_ever_more_seldom(made: Store) -> None:
    await made.approved()
    (first,) = await made.outbox.claim("sign", 10)
    (other,) = await made.outbox.claim("subscribers", 10)
    for number in (first.number, other.number):
        await made.outbox.settle(number, "sent")
    asked = [0.0]
    for second in range(1, 1_200):
        made.now = later(second)
        asked += [float(second) for _ in await made.outbox.claim("sign", 10)]
    assert [after - before for before, after in itertools.pairwise(asked)] == [21.0, 41.0, 81.0, 161.0, 301.0, 301.0]
    assert await made.outbox.claim("subscribers", 10) == []  # only signs answer
    await made.outbox.settle(first.number, "shown")
    made.now = later(9_000)
    assert await made.outbox.claim("sign", 10) == []


async def test_what_a_killed_sender_left_is_due_at_once(made: Store) -> None:
    await made.approved()
    assert len(await made.outbox.claim("sign", 10)) == 1
    made.now = later(2)
    successor = PostgresOutbox(made.database, lambda: made.now)
    (taken_over,) = await successor.claim("sign", 10)
    assert taken_over.attempts == 2
    assert await successor.claim("sign", 10) == []


@pytest.mark.parametrize(
    ("steps", "state"),
    [
        (("sent", "shown"), "shown"),
        (("shown", "sent"), "shown"),
        (("shown", "refused"), "shown"),
        (("shown", "failed"), "shown"),
        (("refused", "shown"), "shown"),
        (("failed", "sent"), "failed"),
        (("failed", "refused"), "refused"),
        (("sent", "failed"), "failed"),
    ],
)
async def test_a_delivery_never_goes_back(
    made: Store, connection: Connection, steps: tuple[str, ...], state: str
) -> None:
    await made.approved()
    (posting,) = await made.outbox.claim("sign", 1)
    for step in steps:
        await made.outbox.settle(posting.number, step, step)  # type: ignore[arg-type]
    row = next(row for row in await deliveries(connection, NAME) if row.channel == "sign")
    assert row.state == state


def delivery(alert: Alert, target: str) -> tuple[str, str | None]:
    one = next(one for one in alert.deliveries if one.target == target)
    return one.state, one.detail


async def test_after_a_kill_deliveries_are_as_the_outbox_has_them(made: Store) -> None:
    await made.approved()
    (posting,) = await made.outbox.claim("subscribers", 1)
    await made.outbox.settle(posting.number, "failed", "too late")
    desk = await made.desk()
    assert delivery(desk.alerts[NAME], "99110") == ("failed", "too late")
    assert delivery(desk.alerts[NAME], "VMS-up4") == ("waiting", None)


async def test_after_a_kill_an_answer_that_was_stored_and_not_noted_counts(made: Store, connection: Connection) -> None:
    await made.approved()
    (posting,) = await made.outbox.claim("sign", 1)
    await made.outbox.settle(posting.number, "sent")
    keys = await register_devices(connection, [DeviceRow("VMS-up4", "sign", "99110"), DeviceRow("X", "sign", "99110")])
    await _answer(connection, int(keys[0]), "m999", later(3), shown=False)
    await _answer(connection, int(keys[1]), f"m{posting.number}", later(3), shown=False)
    assert delivery((await made.desk()).alerts[NAME], "VMS-up4") == ("sent", None)
    await _answer(connection, int(keys[0]), f"m{posting.number}", later(4), shown=True)
    await _answer(connection, int(keys[0]), f"m{posting.number}", later(1800), shown=False)
    assert delivery((await made.desk()).alerts[NAME], "VMS-up4") == ("shown", None)


async def _answer(connection: Connection, device: int, message: str, at: datetime, *, shown: bool) -> None:
    await connection.execute(
        "INSERT INTO gwanje.device_event (time, received, device, kind, stream, seq, payload)"
        " VALUES (%s, %s, %s, 'sign', 'ack', 1, %s)",
        [at, at, device, as_json({"message": message, "shown": shown})],
    )


async def test_what_ended_long_ago_is_loaded_only_if_it_waits_to_be_told(made: Store) -> None:
    desk = await made.approved()
    over = msgspec.structs.replace(fire("f", 8_000, 2_000), active=False, updated_ns=to_ns(later(10)))
    desk.hear([over, slope("s", "SLP-2")], later(10))
    gone = msgspec.structs.replace(slope("s", "SLP-2"), active=False, updated_ns=to_ns(later(11)))
    desk.hear([gone], later(11))
    await desk.flush()
    made.now = later(11) + KEEP + timedelta(seconds=1)
    waiting = await made.desk()
    assert set(waiting.situations) == {"situation-f"}
    assert set(waiting.alerts) == {NAME}
    for channel in ("sign", "subscribers"):
        for posting in await made.outbox.claim(channel, 10):  # type: ignore[arg-type]
            await made.outbox.settle(posting.number, "sent")
    assert (await made.desk()).situations == {}


async def test_a_rejected_alert_of_an_active_situation_is_loaded_however_old_so_that_no_name_is_given_twice(
    made: Store,
) -> None:
    desk = await made.desk()
    desk.hear([fire("f", 8_000, 2_000)], NOW)
    await desk.flush()
    await desk.reject(NAME, "Lee", 1, "no", later(1))
    await desk.flush()
    made.now = later(0) + 3 * KEEP
    again = await made.desk()
    assert again.alerts[NAME].state == "rejected"
    again.hear([fire("f", 8_000, 2_000, level=HazardLevel.SERIOUS, at_s=3 * KEEP.total_seconds())], made.now)
    assert "alert-f-2" in again.alerts
    await again.flush()
