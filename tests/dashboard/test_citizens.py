"""The citizens' log: every alert in it once, shown in its order, also when answers of the database are lost."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, Literal

import msgspec
import pytest

import dashboard.citizens
from alerts.courier import Waiting
from alerts.desk_store import StoreUnavailableError
from alerts.lifecycle import approve
from alerts.model import Alert
from alerts.spoken import WrongModeError
from dashboard.citizens import CitizenHub, Reader
from storage.database import Connection, Database
from storage.desk_store import available
from storage.repositories.alerts import save_alert
from storage.repositories.citizens import open_epoch
from storage.repositories.outbox import OutboxItem, add_to_outbox, deliveries
from tests.alerts.making import NOW
from tests.alerts.test_lifecycle import draft
from tests.gwanje.polling import eventually


def approved_alert() -> Alert:
    return approve(draft(districts=("99110",)), "Lee", 3, NOW)


async def post(connection: Connection, alert: Alert, version: int, target: str = "99110") -> Waiting:
    """Put a posting of an alert into the outbox and return it as if it was claimed."""
    await save_alert(connection, alert.id, version, alert.state, NOW, msgspec.to_builtins(alert))
    await add_to_outbox(connection, alert.id, version, [OutboxItem("subscribers", target, {})], NOW)
    row = (await deliveries(connection, alert.id))[-1]
    return Waiting(number=row.id, alert=alert.id, channel="subscribers", target=target, attempts=1)


def taken(reader: Reader) -> list[int]:
    offsets = []
    while not reader.waiting.empty():
        offsets.append(reader.waiting.get_nowait()[0])
    return offsets


async def logged(connection: Connection) -> list[tuple[int, str, str]]:
    cursor = await connection.execute('SELECT "offset", district, language FROM gwanje.citizen_log ORDER BY "offset"')
    return await cursor.fetchall()


@pytest.fixture
async def hub(database_url: str, connection: Connection) -> AsyncIterator[CitizenHub]:
    await open_epoch(connection, "e1", NOW)
    databases = [Database(lambda: database_url, wait_s=2.0) for _ in range(2)]
    made = CitizenHub(*databases, "e1", "exercise")
    await made.begin()
    yield made
    for database in databases:
        await database.close()


pytestmark = pytest.mark.integration


async def test_an_alert_is_appended_once_in_each_language_and_shown_to_its_readers(
    hub: CitizenHub, connection: Connection
) -> None:
    korean, english, elsewhere = hub.open("99110", "ko"), hub.open("99110", "en"), hub.open("99120", "ko")
    alert = approved_alert()
    posting = await post(connection, alert, 4)
    for _ in range(3):
        await hub.send(posting, alert, NOW)
    assert await logged(connection) == [(1, "99110", "ko"), (2, "99110", "en")]
    assert (taken(korean), taken(english), taken(elsewhere)) == ([1], [2], [])
    assert (await deliveries(connection, alert.id))[0].state == "sent"


@pytest.mark.parametrize("lost", ["before", "after"])
async def test_a_lost_answer_neither_loses_the_alert_nor_repeats_it(
    hub: CitizenHub, connection: Connection, monkeypatch: pytest.MonkeyPatch, lost: Literal["before", "after"]
) -> None:
    reader, alert = hub.open("99110", "ko"), approved_alert()
    posting = await post(connection, alert, 4)
    monkeypatch.setattr(dashboard.citizens, "available", _losing(lost))
    with pytest.raises(StoreUnavailableError):
        await hub.send(posting, alert, NOW)
    assert taken(reader) == []
    monkeypatch.setattr(dashboard.citizens, "available", available)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(hub.run())
        await hub.send(posting, alert, NOW)
        await eventually(lambda: hub.shown == 2)
        running.cancel()
    assert taken(reader) == [1]
    assert len(await logged(connection)) == 2


def _losing(when: Literal["before", "after"]) -> Any:
    @contextlib.asynccontextmanager
    async def losing(database: Database) -> AsyncIterator[Connection]:
        if when == "before":
            raise StoreUnavailableError("no connection")
        async with available(database) as connection:
            yield connection
        raise StoreUnavailableError("the answer to the commit was lost")

    return losing


async def test_run_shows_what_was_appended_without_being_shown_and_outlives_the_database(
    hub: CitizenHub, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dashboard.citizens, "_RETRY_S", 0.01)
    reader, alert = hub.open("99110", "en"), approved_alert()
    posting = await post(connection, alert, 4)
    monkeypatch.setattr(dashboard.citizens, "available", _losing("after"))
    with pytest.raises(StoreUnavailableError):
        await hub.send(posting, alert, NOW)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(hub.run())
        await asyncio.sleep(0)
        monkeypatch.setattr(dashboard.citizens, "available", available)
        await eventually(lambda: reader.waiting.qsize() == 1)
        running.cancel()
    assert taken(reader) == [2]


async def test_alerts_sent_side_by_side_are_shown_in_the_order_of_the_log(
    hub: CitizenHub, connection: Connection
) -> None:
    reader, alert = hub.open("99110", "ko"), approved_alert()
    postings = [await post(connection, alert, version) for version in range(4, 14)]
    async with asyncio.TaskGroup() as tasks:
        for posting in postings:
            tasks.create_task(hub.send(posting, alert, NOW))
    await hub.catch_up()
    assert taken(reader) == list(range(1, 21, 2))


async def test_a_reader_begins_behind_what_was_shown_and_not_behind_what_was_appended(
    hub: CitizenHub, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    alert = approved_alert()
    await hub.send(await post(connection, alert, 4), alert, NOW)
    monkeypatch.setattr(dashboard.citizens, "available", _losing("after"))
    with pytest.raises(StoreUnavailableError):
        await hub.send(await post(connection, alert, 5), alert, NOW)
    monkeypatch.setattr(dashboard.citizens, "available", available)
    reader = hub.open("99110", "ko")
    assert reader.after == 2
    await hub.catch_up()
    assert taken(reader) == [3]


async def test_words_of_another_mode_never_get_into_the_log(hub: CitizenHub, connection: Connection) -> None:
    alert = msgspec.structs.replace(approved_alert(), mode="test")
    with pytest.raises(WrongModeError):
        await hub.send(await post(connection, alert, 4), alert, NOW)
    assert await logged(connection) == []


async def test_after_a_restart_the_log_goes_on_where_it_was(
    hub: CitizenHub, connection: Connection, database_url: str
) -> None:
    alert = approved_alert()
    await hub.send(await post(connection, alert, 4), alert, NOW)
    database = Database(lambda: database_url)
    again = CitizenHub(database, database, "e1", "exercise")
    await again.begin()
    assert again.shown == 2
    reader = again.open("99110", "ko")
    await again.send(await post(connection, alert, 5), alert, NOW)
    assert taken(reader) == [3]
    missed = await again.recover("e1", 0, "99110", "ko")
    assert [entry.offset for entry in missed.entries] == [1, 3]
    await database.close()


async def test_a_queue_that_is_full_ends_the_subscription_and_closing_twice_does_no_harm() -> None:
    database = Database(lambda: "postgresql://nobody@127.0.0.1:1/none")
    hub = CitizenHub(database, database, "e1", "exercise")
    reader = hub.open("99110", "ko")
    for offset in range(dashboard.citizens.QUEUE):
        reader.offer(offset, b"")
    assert not reader.overrun.is_set()
    reader.offer(101, b"")
    assert reader.overrun.is_set()
    hub.close(reader)
    hub.close(reader)
    assert hub.reader_count == 0
