"""Websockets over a real server: nobody misses an alert, gets it twice, or waits for a slow neighbour."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import websockets
from websockets.asyncio.client import ClientConnection, connect

import dashboard.citizens
import dashboard.sockets
from alerts.desk_store import StoreUnavailableError
from dashboard.citizens import CitizenHub
from storage.database import Connection
from storage.live import Changes
from storage.repositories.citizens import CitizenEntry, CitizenMessage, begin_epoch, open_epoch
from tests.alerts.making import NOW
from tests.dashboard.making import NAME, Room, limits, served
from tests.dashboard.test_citizens import approved_alert, post
from tests.gwanje.polling import eventually


def ws(port: int, path: str, **options: Any) -> connect:
    return connect(f"ws://127.0.0.1:{port}{path}", compression=None, **options)


async def frame(client: ClientConnection, within_s: float = 10.0) -> dict[str, Any]:
    async with asyncio.timeout(within_s):
        found: dict[str, Any] = json.loads(await client.recv())
    return found


async def closing(client: ClientConnection) -> tuple[int, str]:
    """Read to the end and return code and reason."""
    async with asyncio.timeout(20):
        with contextlib.suppress(websockets.ConnectionClosedError):
            async for _ in client:
                pass
        await client.wait_closed()
    assert client.close_code is not None
    return client.close_code, client.close_reason or ""


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    made = Room()
    await made.begin()
    yield made
    await made.close()


async def test_staff_get_a_snapshot_then_deltas_that_build_on_each_other(room: Room) -> None:
    async with served(room) as port, ws(port, "/ws/operations") as client:
        snapshot = await frame(client)
        assert (snapshot["type"], snapshot["mode"]) == ("snapshot", "exercise")
        assert [row["state"] for row in snapshot["alerts"]] == ["draft"]
        await room.desk.approve(NAME, "Lee", 1, NOW)
        delta = await frame(client)
        assert (delta["type"], delta["seq_from"]) == ("delta", snapshot["seq"])
        assert delta["alerts"][-1]["state"] == "approved"
    await eventually(lambda: room.live.subscriber_count == 0)


async def test_silence_is_filled_with_heartbeats(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashboard.sockets, "_HEARTBEAT_S", 0.05)
    async with served(room) as port, ws(port, "/ws/operations") as client:
        snapshot = await frame(client)
        beats = [await frame(client) for _ in range(3)]
        assert {beat["type"] for beat in beats} == {"heartbeat"}
        assert {beat["seq"] for beat in beats} == {snapshot["seq"]}
        await client.send("what a client says means nothing")
        assert (await frame(client))["type"] == "heartbeat"


@pytest.mark.parametrize("path", ["/ws/operations", "/ws/alerts?district=99110"])
async def test_another_sites_page_is_turned_away(room: Room, path: str) -> None:
    async with served(room) as port:
        async with ws(port, path, origin="http://evil.example") as client:
            assert (await closing(client))[0] == 4003
        async with ws(port, path, origin=f"http://127.0.0.1:{port}") as client:
            assert (await frame(client))["type"] in {"snapshot", "welcome"}


async def test_another_host_name_is_refused_before_the_handshake() -> None:
    guarded = Room(hosts=["localhost"])
    async with served(guarded) as port:
        with pytest.raises(websockets.InvalidStatus) as caught:
            async with ws(port, "/ws/operations"):
                pass
        assert caught.value.response.status_code == 403


async def test_too_many_pages_are_told_to_try_later(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashboard.sockets, "MOST_PAGES", 1)
    monkeypatch.setattr(dashboard.citizens, "MOST_READERS", 1)
    async with served(room) as port:
        for path in ("/ws/operations", "/ws/alerts?district=99110"):
            async with ws(port, path) as first:
                await frame(first)
                async with ws(port, path) as second:
                    code, reason = await closing(second)
                assert code == 1013
                assert "expected fewer than 1" in reason


async def test_a_page_that_takes_nothing_is_closed_and_the_others_see_everything() -> None:
    room = Room(history=limits(20))
    await room.begin()
    async with served(room) as port, ws(port, "/ws/operations") as quick:
        await frame(quick)
        with small_buffer(port) as line:
            async with ws(port, "/ws/operations", sock=line, max_queue=1) as slow:
                await eventually(lambda: room.live.subscriber_count == 2)
                for number in range(60):
                    row = {"id": "s", "n": number, "text": "x" * 200_000}
                    room.live.apply(Changes(situations={"s": row}), now=NOW)
                    delta = await frame(quick)
                    assert delta["situations"][-1]["n"] == number
                await eventually(lambda: room.live.subscriber_count == 1)
                assert await closing(slow) == (4008, "too slow")
        room.live.apply(Changes(situations={"s": {"id": "s", "n": -1}}), now=NOW)
        assert (await frame(quick))["situations"][-1]["n"] == -1
    await room.close()


def small_buffer(port: int) -> socket.socket:
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8_192)
    line.connect(("127.0.0.1", port))
    line.setblocking(False)
    return line


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("", "lon: expected a number of degrees up to 180 (or a district)"),
        ("district=1", "district: expected one of the region"),
        ("lat=nan&lon=128", "lat: expected"),
        ("lat=95&lon=128", "lat: expected a number of degrees up to 90"),
        ("lat=37&lon=inf", "lon: expected"),
        ("district=99110&lang=fr", "lang: expected one of ko, en"),
        ("district=99110&since=5", "since: expected EPOCH:OFFSET"),
        ("district=99110&since=e1:-5", "since: expected EPOCH:OFFSET"),
        ("district=99110&since=e1:٣", "since: expected EPOCH:OFFSET"),
        ("district=99110&since=e1:99999999999999999999", "since: expected EPOCH:OFFSET"),
    ],
)
async def test_a_citizen_who_asks_for_something_else_is_told_what_was_expected(
    room: Room, query: str, reason: str
) -> None:
    async with served(room) as port, ws(port, f"/ws/alerts?{query}") as client:
        code, said = await closing(client)
        assert code == 4000
        assert said.startswith(reason)
    assert room.citizens.reader_count == 0


async def test_a_citizen_is_welcomed_by_place_even_while_the_database_is_away(room: Room) -> None:
    async with served(room) as port:
        async with ws(port, "/ws/alerts?lat=37.05&lon=128.3&lang=en") as client:
            welcome = await frame(client)
            assert (welcome["district"], welcome["offset"], welcome["recovered"]) == ("99120", 0, True)
            assert (welcome["mode"], welcome["epoch"]) == ("exercise", "e1")
        async with ws(port, "/ws/alerts?district=99110&since=e1:5") as client:
            assert await closing(client) == (1013, "the log is away, try again")
    await eventually(lambda: room.citizens.reader_count == 0)


async def test_a_citizen_who_takes_nothing_is_closed_and_the_others_are_not(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dashboard.citizens, "QUEUE", 5)
    async with served(room) as port:
        path = "/ws/alerts?district=99110"
        async with ws(port, path) as quick:
            await frame(quick)
            with small_buffer(port) as line:
                async with ws(port, path, sock=line, max_queue=1) as slow:
                    await eventually(lambda: room.citizens.reader_count == 2)
                    for offset in range(1, 61):
                        room.citizens._show([entry(offset, "x" * 200_000)])
                        assert (await frame(quick))["offset"] == offset
                    await eventually(lambda: room.citizens.reader_count == 1)
                    assert await closing(slow) == (4008, "too slow")
            room.citizens._show([entry(61, "x")])
            assert (await frame(quick))["offset"] == 61
    assert room.citizens.readers_overrun == 1


def entry(offset: int, text: str) -> CitizenEntry:
    body = {"level": "caution", "mode": "exercise", "text": text}
    return CitizenEntry(offset, CitizenMessage("a", "99110", "ko", NOW, body))


@pytest.fixture
async def live_room(database_url: str, connection: Connection) -> AsyncIterator[Room]:
    await open_epoch(connection, "e1", NOW)
    room = Room(database_url)
    await room.begin()
    await room.citizens.begin()
    yield room
    await room.close()


@pytest.mark.integration
async def test_who_comes_back_with_an_offset_gets_exactly_what_was_missed(
    live_room: Room, connection: Connection
) -> None:
    hub, alert = live_room.citizens, approved_alert()
    async with served(live_room) as port:
        async with ws(port, "/ws/alerts?district=99110&lang=ko") as client:
            assert (await frame(client))["offset"] == 0
            await hub.send(await post(connection, alert, 1), alert, NOW)
            first = await frame(client)
            assert (first["id"], first["offset"], first["language"]) == (alert.id, 1, "ko")
            assert first["text"].startswith("[훈련]")
        for version in (2, 3):
            await hub.send(await post(connection, alert, version), alert, NOW)
        await hub.send(await post(connection, alert, 4, target="99120"), alert, NOW)
        async with ws(port, f"/ws/alerts?district=99110&lang=ko&since=e1:{first['offset']}") as client:
            welcome = await frame(client)
            assert (welcome["recovered"], welcome["offset"]) == (True, 8)
            assert [(await frame(client))["offset"] for _ in range(2)] == [3, 5]
            await hub.send(await post(connection, alert, 5), alert, NOW)
            assert (await frame(client))["offset"] == 9
        for since in ("e1:99", "other:1"):
            async with ws(port, f"/ws/alerts?district=99110&since={since}") as client:
                welcome = await frame(client)
                assert (welcome["recovered"], welcome["offset"]) == (False, 10)
        await begin_epoch(connection, "e2", NOW)
        async with ws(port, "/ws/alerts?district=99110&since=e1:9") as client:
            assert (await frame(client))["recovered"] is False


@pytest.mark.integration
async def test_nobody_misses_an_alert_or_gets_it_twice_however_often_they_come_and_go(
    live_room: Room, connection: Connection
) -> None:
    hub, alert = live_room.citizens, approved_alert()
    count, chance = 25, random.Random(4)
    done = asyncio.Event()

    async def sender() -> None:
        for version in range(1, count + 1):
            await hub.send(await post(connection, alert, version), alert, NOW)
        done.set()

    async def reader(port: int, seed: int) -> list[int]:
        mine, got = random.Random(seed), list[int]()
        last: int | None = None
        while len(got) < count:
            since = "" if last is None else f"&since=e1:{last}"
            async with ws(port, f"/ws/alerts?district=99110&lang=ko{since}") as client:
                welcome = await frame(client)
                assert welcome["recovered"]
                last = welcome["offset"] if last is None else last
                for _ in range(count if done.is_set() else mine.randint(0, 4)):
                    with contextlib.suppress(TimeoutError):
                        last = (await frame(client, 0.05))["offset"]
                        got.append(last)
        return got

    async with served(live_room) as port, asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        readers = [tasks.create_task(reader(port, chance.randint(0, 99))) for _ in range(4)]
        await eventually(lambda: hub.reader_count == 4)
        tasks.create_task(sender())
    expected = list(range(1, 2 * count, 2))
    assert [task.result() for task in readers] == [expected] * 4


@pytest.mark.integration
async def test_the_log_that_is_away_sends_a_returning_reader_away_for_now(
    live_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any) -> None:
        raise StoreUnavailableError("away")

    monkeypatch.setattr(CitizenHub, "recover", away)
    async with served(live_room) as port, ws(port, "/ws/alerts?district=99110&since=e1:0") as client:
        assert (await closing(client))[0] == 1013
