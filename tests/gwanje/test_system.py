"""The whole system in this process, on a real database and broker: devices in, alerts out."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import psycopg
import pytest

from config.catalogue.model import Catalogue
from gwanje.errors import CommandError
from storage.database import Connection
from tests.fix_system import Page, Start
from tests.gwanje.devices import body, now, report_fire, say, sign, topic, vds
from tests.gwanje.polling import eventually

pytestmark = pytest.mark.integration
DEADLINE_S = 5.0


def device(page: Page, name: str) -> dict[str, Any]:
    row: dict[str, Any] = page.rows["devices"][name]
    return row


async def test_what_devices_say_is_on_the_page_within_the_deadline(system_here: Start) -> None:
    async with system_here() as running, running.page() as page, running.devices() as client:
        assert device(page, "VDS-E1up03")["freshness"] == "unknown"
        await say(client, topic("vds", "VDS-E1up03", "obs"), vds("VDS-E1up03", 1), qos=0)
        await say(client, topic("slope", "SLP-1", "obs"), body("SLP-1", 1, tilt_x_deg=0.1, battery_v=3.6))
        await say(client, topic("tower", "TWR-0", "status"), body("TWR-0", 1, online=True, pan_deg=45.0), retain=True)
        await say(client, topic("sign", "VMS-up4", "status"), body("VMS-up4", 1, online=True, fault="dark"))
        for name in ("VDS-E1up03", "SLP-1", "TWR-0", "VMS-up4"):
            await eventually(lambda row=name: device(page, row)["freshness"] == "fresh", name, DEADLINE_S)  # type: ignore[misc]
        assert device(page, "VDS-E1up03")["values"]["speed_kmh"] == 90.0
        assert device(page, "SLP-1")["values"]["battery_v"] == 3.6
        assert device(page, "TWR-0")["values"]["pan_deg"] == 45.0
        assert device(page, "VMS-up4")["fault"] == "dark"
        await eventually(lambda: page.counters.get("messages") == 4)
        assert {part["state"] for part in page.rows["parts"].values()} <= {"up", "degraded"}


async def test_from_two_bearings_to_a_sign_that_shows_it_and_citizens_who_read_it_once(
    system_here: Start, region: Catalogue, connection: Connection
) -> None:
    async with (
        system_here() as running,
        running.page() as page,
        running.devices() as client,
        sign(running) as board,
        running.citizen("district=99110&lang=ko") as citizen,
        asyncio.TaskGroup() as tasks,
    ):
        showing = tasks.create_task(board.run())
        assert json.loads(await citizen.recv())["type"] == "welcome"
        await report_fire(client, region)
        draft = await eventually(page.draft, "a draft", DEADLINE_S)
        situation = page.rows["situations"][draft["situation"]]
        assert (situation["kind"], situation["active"]) == ("fire", True)
        assert situation["ellipse"]["semi_major_m"] > 0
        assert situation["findings"][0]["receipt"]
        assert board.commands == []
        assert (await running.approve(draft, "system")).status_code == 403
        assert (await running.approve(draft)).status_code == 200
        assert (await running.approve(draft)).status_code == 409

        def shown() -> bool:
            return {one["state"] for one in page.rows["alerts"][draft["id"]]["deliveries"]} == {"sent", "shown"}

        await eventually(shown, "delivery", DEADLINE_S)
        (command,) = board.commands
        assert command["multi"].startswith("[jp3][[훈련]][nl]")
        told = json.loads(await citizen.recv())
        assert (told["id"], told["text"]) == (draft["id"], draft["text"]["ko"])
        await _nothing_more(citizen)
        async with running.citizen(f"district=99110&lang=ko&since={told['epoch']}:0") as again:
            assert json.loads(await again.recv())["recovered"] is True
            assert json.loads(await again.recv()) == told
            await _nothing_more(again)
        async with running.citizen(f"district=99110&lang=ko&since={told['epoch']}:{told['offset']}") as third:
            assert json.loads(await third.recv())["offset"] >= told["offset"]
            await _nothing_more(third)
        assert len(board.commands) == 1
        showing.cancel()
    cursor = await connection.execute("SELECT state, body->>'approved_by' FROM gwanje.alert")
    assert await cursor.fetchall() == [("approved", "Lee")]
    cursor = await connection.execute("SELECT channel, state FROM gwanje.outbox ORDER BY id")
    assert await cursor.fetchall() == [("subscribers", "sent"), ("sign", "shown")]


async def _nothing_more(citizen: Any) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await citizen.recv()


async def test_a_reading_is_acknowledged_when_it_is_safe_whether_or_not_the_database_takes_it(
    system_here: Start, connection: Connection, database_url: str
) -> None:
    async with system_here() as running, running.devices() as client, asyncio.TaskGroup() as tasks:
        async with await psycopg.AsyncConnection.connect(database_url) as blocking:
            await blocking.execute("LOCK TABLE gwanje.slope_reading IN ACCESS EXCLUSIVE MODE")
            reading = body("SLP-1", 7, tilt_x_deg=0.25)
            saying = tasks.create_task(say(client, topic("slope", "SLP-1", "obs"), reading))
            await eventually(saying.done)
            await eventually(lambda: _waits_for_lock(connection))
            await blocking.rollback()
        await eventually(lambda: _tilts(connection, [(0.25,)]))


async def _tilts(connection: Connection, wanted: list[tuple[float]]) -> bool:
    cursor = await connection.execute("SELECT tilt_x_deg FROM gwanje.slope_reading")
    return await cursor.fetchall() == wanted


async def _waits_for_lock(connection: Connection) -> bool:
    cursor = await connection.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    row = await cursor.fetchone()
    return row is not None and row[0] > 0


async def test_all_that_can_be_wrong_with_messages_stops_nothing(system_here: Start, connection: Connection) -> None:
    where = topic("vds", "VDS-E1up03", "obs")
    lanes = [{"lane": 9, "volume": 1, "speed_kmh": 1.0, "occupancy_pct": 1.0}]
    hour_ahead = body("VDS-E1up03", 1, now().replace(year=now().year + 1), period_s=30.0, lanes=lanes)
    wrong: dict[str, tuple[str, Any]] = {
        "payload": (where, b"hello"),
        "payload ": (where, b"\x85\xa6dev"),
        "period_s": (where, vds("VDS-E1up03", 1) | {"period_s": "x"}),
        "device": (topic("vds", "VDS-NOWHERE", "obs"), vds("VDS-NOWHERE", 1)),
        "topic": (topic("vds", "VDS-E1up03", "obs", "99120"), vds("VDS-E1up03", 1)),
        "topic ": ("gwanje/v1/99110/toaster/T-1/obs", b"{}"),
        "time": (where, hour_ahead),
        "lanes[0].lane": (where, vds("VDS-E1up03", 1) | {"lanes": lanes}),
        "[1].seq": (topic("vds", "_gateway/g1", "obs"), [vds("VDS-E1up04", 900), vds("VDS-E1up05", -1)]),
        "detection": (
            topic("tower", "TWR-0", "event"),
            body("TWR-0", 1, detection="\x00", azimuth_deg=1, azimuth_sigma_deg=1, confidence=0.5, source="camera"),
        ),
    }
    async with system_here() as running, running.page() as page, running.devices() as client:
        large = b'{"x": "' + b"y" * 2_000_000 + b'"}'
        async with asyncio.TaskGroup() as tasks:  # one after the other, but without waiting for each answer
            for number, (bad_topic, what) in enumerate([*wrong.values(), (where, large)]):
                tasks.create_task(say(client, bad_topic, what))
                tasks.create_task(say(client, topic("slope", "SLP-1", "obs"), body("SLP-1", number, tilt_x_deg=0.01)))
        taken = [what for _, what in wrong.values() if "/toaster/" not in str(what)]
        await eventually(lambda: page.counters.get("dead_letters", 0) >= len(taken))
        await eventually(lambda: _count(connection, "slope_reading", len(wrong) + 1))
        await eventually(lambda: _count(connection, "vds_lane", 3))
        async with running.http() as http:
            letters = (await http.get("/api/v1/dead-letters")).json()
            assert (await http.get("/readyz")).status_code == 200
    assert {name.strip() for name in wrong} <= {letter["field"] for letter in letters}
    assert max(letter["size_bytes"] for letter in letters) > 2_000_000
    assert all(letter["problem"] for letter in letters)


async def _count(connection: Connection, table: str, wanted: int) -> bool:
    cursor = await connection.execute(f"SELECT count(*) FROM gwanje.{table}")  # type: ignore[arg-type]
    row = await cursor.fetchone()
    return row is not None and row[0] == wanted


async def test_duplicates_are_stored_once_and_acknowledged(system_here: Start, connection: Connection) -> None:
    async with system_here() as running, running.page() as page, running.devices() as client:
        reading = body("SLP-1", 5, tilt_x_deg=0.5)
        async with asyncio.TaskGroup() as tasks:
            for _ in range(3):
                tasks.create_task(say(client, topic("slope", "SLP-1", "obs"), reading))
        await eventually(lambda: page.counters.get("duplicates") == 2)
        await eventually(lambda: _count(connection, "slope_reading", 1))


async def test_a_second_control_room_on_one_database_is_refused(
    system_here: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gwanje.sole._PATIENCE_S", 0.5)
    async with system_here():
        with pytest.RaisesGroup(pytest.RaisesExc(CommandError, match="in use by another gwanje")):
            async with system_here():
                pass


async def test_a_part_that_fails_ends_the_system(system_here: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any) -> None:
        raise RuntimeError("broken on purpose")

    async def until_it_breaks() -> None:
        async with asyncio.timeout(30), system_here():
            monkeypatch.setattr("ingest.pipeline.Pipeline._tick", broken)
            await asyncio.Event().wait()

    with pytest.raises(ExceptionGroup) as caught:
        await until_it_breaks()
    assert caught.group_contains(RuntimeError, match="broken on purpose")


async def test_after_an_orderly_end_the_next_start_has_everything(
    system_here: Start, region: Catalogue, connection: Connection
) -> None:
    async with system_here() as running, running.page() as page, running.devices() as client:
        await report_fire(client, region)
        draft = await eventually(page.draft, "a draft")
        await running.approve(draft)
    async with system_here() as running, running.page() as page:
        kept = page.rows["alerts"][draft["id"]]
        assert (kept["state"], kept["approved_by"]) == ("approved", "Lee")
        assert page.rows["situations"][draft["situation"]]["active"]
        async with running.http() as http:
            public = (await http.get("/api/v1/public/alerts", params={"district": "99110"})).json()
        assert [one["id"] for one in public] == [draft["id"]]
        cursor = await connection.execute("SELECT count(*) FROM gwanje.citizen_log")
        assert await cursor.fetchone() == (2,)
