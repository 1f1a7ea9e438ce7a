"""Processes that die and databases that go away: nothing that was acknowledged or approved is lost or sent twice."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from config.catalogue.model import Catalogue
from gwanje.embedded.postgres import EmbeddedPostgres
from gwanje.inlets import keepers
from ingest.mqtt.broker import Broker
from storage.database import Connection
from tests.fix_system import Running, Serve, Start
from tests.gwanje.devices import body, now, report_fire, say, sign, topic, vds
from tests.gwanje.polling import eventually

pytestmark = pytest.mark.integration


async def test_killed_between_approval_and_delivery_it_delivers_after_the_restart_once_per_message(
    serve_child: Callable[..., Serve], region: Catalogue, connection: Connection
) -> None:
    broker = Broker("127.0.0.1", 0, keepers=keepers(by_device_time=False))
    await broker.start()
    port = broker.port
    serve = serve_child(f"mqtt://127.0.0.1:{port}")
    running = await serve.start()
    outside = Running(running.port, port)
    async with outside.devices() as client, running.page() as page:
        await report_fire(client, region)
        draft = await eventually(page.draft, "a draft")
    await broker.stop()  # nothing gets to the signs from here on
    assert (await running.approve(draft)).status_code == 200
    assert await serve.end(signal.SIGKILL) == -signal.SIGKILL
    cursor = await connection.execute("SELECT state FROM gwanje.outbox WHERE channel = 'sign'")
    assert await cursor.fetchall() == [("waiting",)]

    broker = Broker("127.0.0.1", port, keepers=keepers(by_device_time=False))
    await broker.start()
    async with sign(outside) as board, asyncio.TaskGroup() as tasks:
        showing = tasks.create_task(board.run())
        await serve.start()
        await eventually(lambda: _states(connection, {"sent", "shown"}), "delivery")
        async with running.page() as page:

            def shown() -> bool:
                return {one["state"] for one in page.rows["alerts"][draft["id"]]["deliveries"]} == {"sent", "shown"}

            await eventually(shown, "deliveries on the page")
        numbers = [command["message"] for command in board.commands]
        assert len(numbers) == len(set(numbers)) == 1
        showing.cancel()
    cursor = await connection.execute("SELECT language FROM gwanje.citizen_log ORDER BY language")
    assert await cursor.fetchall() == [("en",), ("ko",)]
    assert await serve.end(signal.SIGTERM) == 0
    await broker.stop()


async def _states(connection: Connection, wanted: set[str]) -> bool:
    cursor = await connection.execute("SELECT state FROM gwanje.outbox")
    return {state for (state,) in await cursor.fetchall()} == wanted


async def test_killed_at_any_moment_it_comes_back_with_every_acknowledged_reading(
    serve_child: Callable[..., Serve], connection: Connection
) -> None:
    serve = serve_child()
    running = await serve.start()
    acknowledged: list[int] = []

    async def reading(client: object, number: int) -> None:
        await say(client, topic("slope", "SLP-1", "obs"), body("SLP-1", number, tilt_x_deg=0.001))  # type: ignore[arg-type]
        acknowledged.append(number)

    client = running.devices()
    await client.__aenter__()
    sending = [asyncio.ensure_future(reading(client, number)) for number in range(200)]
    await eventually(lambda: len(acknowledged) > 20)
    await serve.end(signal.SIGKILL)
    await asyncio.wait(sending, timeout=0.2)
    for task in sending:
        task.cancel()
    await asyncio.gather(*sending, client.__aexit__(None, None, None), return_exceptions=True)
    before = len(acknowledged)
    assert before > 20
    await serve.start()
    # What was acknowledged is in the journal; what the database did not have of it comes now.
    await eventually(lambda: _slope_rows(connection, before), "the acknowledged readings", 20.0)
    async with running.devices("again") as client:
        await say(client, topic("slope", "SLP-1", "obs"), body("SLP-1", 1_000, tilt_x_deg=0.001))
    assert await serve.end(signal.SIGINT) == 0
    cursor = await connection.execute(
        "SELECT time, count(*) FROM gwanje.slope_reading GROUP BY time HAVING count(*) > 1"
    )
    assert await cursor.fetchall() == []


async def _slope_rows(connection: Connection, least: int) -> bool:
    cursor = await connection.execute("SELECT count(*) FROM gwanje.slope_reading")
    row = await cursor.fetchone()
    return row is not None and row[0] >= least


async def test_the_database_goes_away_and_the_engine_the_page_and_the_readings_do_not(
    system_here: Start, region: Catalogue, tmp_path: Path
) -> None:
    server = EmbeddedPostgres(tmp_path / "postgres", durable=False)
    url = await server.start()
    try:
        async with (
            system_here(database_url=url) as running,
            running.page() as page,
            running.devices() as client,
            running.http() as http,
            asyncio.TaskGroup() as tasks,
        ):
            await say(client, topic("slope", "SLP-1", "obs"), body("SLP-1", 0, tilt_x_deg=0.01))
            await server.stop()

            async def unready() -> bool:
                return (await http.get("/readyz")).status_code == 503

            await eventually(unready, "not ready")
            readings = [
                tasks.create_task(say(client, topic("slope", "SLP-1", "obs"), body("SLP-1", number, tilt_x_deg=0.01)))
                for number in range(1, 21)
            ]
            fire = tasks.create_task(report_fire(client, region))
            await say(client, topic("vds", "VDS-E1up03", "obs"), vds("VDS-E1up03", 1, speed_kmh=71.0), qos=0)
            await eventually(lambda: page.rows["devices"]["VDS-E1up03"]["values"].get("speed_kmh") == 71.0)
            await eventually(lambda: page.rows["parts"]["database"]["state"] == "down", "the page says so")
            assert page.rows["parts"]["database"]["reason"]["en"].startswith("database: ")
            # Safe in the journal, in the engine and on the page, with no database at all.
            await eventually(lambda: all(task.done() for task in (*readings, fire)), "acknowledgements", 30.0)
            draft = await eventually(page.draft, "a draft")
            assert (await http.get("/healthz")).status_code == 200
            assert (await running.approve(draft)).status_code == 503

            assert await server.start() == url
            await eventually(lambda: _ready(running), "ready", 30.0)
            draft = await eventually(page.draft, "the draft")
            assert (await running.approve(draft)).status_code == 200
        with psycopg.connect(url) as connection:
            # The system has ended in good order: everything safe was handed over.
            count = connection.execute("SELECT count(*) FROM gwanje.slope_reading").fetchone()
            assert count == (21,)
            (state,) = connection.execute("SELECT state FROM gwanje.alert").fetchall()
            assert state == ("approved",)
    finally:
        await server.stop()


async def _ready(running: Running) -> bool:
    async with running.http() as client:
        return (await client.get("/readyz")).status_code == 200


async def test_an_approval_while_the_database_is_away_is_not_made_and_can_be_repeated(
    system_here: Start, region: Catalogue, tmp_path: Path
) -> None:
    server = EmbeddedPostgres(tmp_path / "postgres", durable=False)
    url = await server.start()
    try:
        async with (
            system_here(database_url=url) as running,
            running.page() as page,
            running.devices() as client,
            running.citizen("district=99110&lang=en") as citizen,
        ):
            await report_fire(client, region)
            draft = await eventually(page.draft, "a draft")
            await server.stop()
            reply = await running.approve(draft)
            assert reply.status_code == 503
            assert "database is away" in reply.json()["detail"]
            assert page.rows["alerts"][draft["id"]]["state"] == "draft"
            await server.start()
            await eventually(lambda: _ready(running), "ready", 30.0)
            latest = page.draft()
            assert latest is not None
            assert (await running.approve(latest)).status_code == 200
            assert json.loads(await citizen.recv())["type"] == "welcome"
            async with asyncio.timeout(10):
                assert json.loads(await citizen.recv())["id"] == draft["id"]
    finally:
        await server.stop()


def test_times_of_devices_are_utc() -> None:
    assert now().utcoffset() is not None
