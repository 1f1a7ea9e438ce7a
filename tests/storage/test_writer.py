"""The writer against a real server: group commit, refused rows, lost connections."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gwanje.embedded.postgres import EmbeddedPostgres
from storage.checkpoints import Checkpoint
from storage.database import Connection, connect
from storage.errors import DatabaseUnavailable
from storage.migrate import migrate
from storage.queries import dead_letters, readings_since
from storage.writer import Writer
from storage.writer_batches import DeadLetter, DeviceEvent, Priority, WriteBatch
from tests.storage.rows import NOW, series_rows

pytestmark = pytest.mark.integration


async def eventually(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110  polls a server
            await asyncio.sleep(0.005)


@asynccontextmanager
async def running(connect_to: Callable[[], Any], **options: Any) -> AsyncIterator[Writer]:
    writer = Writer(connect_to, now=lambda: NOW, **{"interval_s": 0.02, **options})
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(writer.run())
        yield writer
        writer.close()


def event(**given: Any) -> DeviceEvent:
    values = {
        "time": NOW,
        "received": NOW,
        "device": 1,
        "kind": "tower",
        "stream": "event",
        "seq": 1,
        "payload": {"a": 1},
    }
    return DeviceEvent(**(values | given))


def letter(**given: Any) -> DeadLetter:
    values = {
        "received": NOW,
        "topic": "t",
        "device": "d",
        "field": "f",
        "problem": "p",
        "size_bytes": 3,
        "payload": b"abc",
    }
    return DeadLetter(**(values | given))


async def rows_of(connection: Connection, query: str) -> list[tuple[Any, ...]]:
    return await (await connection.execute(query.encode())).fetchall()


async def test_rows_are_there_when_the_batch_is_called_durable(connection: Connection, database_url: str) -> None:
    seen: list[int] = []
    slope = series_rows("slope_reading", 4, soil_moisture_frac=np.full((4, 8), 0.25))
    async with running(lambda: connect(database_url)) as writer:
        durable = asyncio.Event()
        await writer.put(
            WriteBatch(
                series=(series_rows("vds_lane", 10), slope, series_rows("weather_reading", 2)),
                events=(event(), event(payload=b'{"b": null}')),
                dead_letters=(letter(),),
                on_durable=lambda: (seen.append(writer.status.rows_written), durable.set()),
            )
        )
        async with asyncio.timeout(10):
            await durable.wait()
        assert await rows_of(connection, "SELECT count(*), sum(speed_kmh) FROM gwanje.vds_lane") == [(10, 45.0)]
        assert await rows_of(connection, "SELECT soil_moisture_frac[8] FROM gwanje.slope_reading LIMIT 1") == [(0.25,)]
        assert await rows_of(connection, "SELECT payload FROM gwanje.device_event") == [({"a": 1},), ({"b": None},)]
        assert await rows_of(connection, "SELECT topic, payload FROM gwanje.dead_letter") == [("t", b"abc")]
        assert (writer.status.state, writer.status.reason) == ("up", None)
    assert seen == [19]


async def test_batches_that_wait_share_a_transaction(database_url: str) -> None:
    async with running(lambda: connect(database_url), interval_s=0.2) as writer:
        for _ in range(50):
            await writer.put(WriteBatch(series=(series_rows("vds_lane", 10),)))
        await eventually(lambda: writer.status.rows_written == 500)
        assert writer.status.transactions <= 2


async def test_full_group_does_not_wait_for_the_interval(database_url: str) -> None:
    async with running(lambda: connect(database_url), interval_s=3600, group_rows=100) as writer:
        await writer.put(WriteBatch(series=(series_rows("vds_lane", 100),)))
        await eventually(lambda: writer.status.rows_written == 100)


async def test_close_writes_what_waits(connection: Connection, database_url: str) -> None:
    async with running(lambda: connect(database_url), interval_s=3600) as writer:
        await writer.put(WriteBatch(series=(series_rows("vds_lane", 7),)))
    assert await rows_of(connection, "SELECT count(*) FROM gwanje.vds_lane") == [(7,)]


async def test_refused_rows_become_dead_letters_and_block_nothing(connection: Connection, database_url: str) -> None:
    durable: list[str] = []
    lanes = np.ones(9, dtype=np.int64)
    lanes[4] = 70_000
    async with running(lambda: connect(database_url)) as writer:
        for name, batch in {
            "good": {"series": (series_rows("vds_lane", 10),)},
            "one row does not fit": {"series": (series_rows("vds_lane", 9, lane=lanes),)},
            "no time": {"series": (series_rows("weather_reading", 1, time=np.array(["NaT"], "datetime64[ns]")),)},
            "events": {
                "events": (
                    event(seq=1),
                    event(seq=2, payload="NUL \x00 in JSON"),
                    event(seq=3, payload=b"not JSON"),
                    event(seq=4, kind="NUL \x00"),
                    event(seq=5, payload=object()),
                    event(seq=6, payload=b"\xff"),
                    event(seq=7),
                )
            },
        }.items():
            await writer.put(WriteBatch(**batch, on_durable=lambda name=name: durable.append(name)))
        await eventually(lambda: len(durable) == 4)
        status = writer.status
    assert await rows_of(connection, "SELECT count(*) FROM gwanje.vds_lane") == [(18,)]
    assert await rows_of(connection, "SELECT seq FROM gwanje.device_event ORDER BY 1") == [(1,), (7,)]
    letters = await dead_letters(connection)
    assert len(letters) == status.rows_refused == 7
    assert status.rows_written == 20
    assert status.state == "up"
    problems = " / ".join(row.problem for row in letters)
    for part in ("lane: expected -32768 to 32767, was 70000", "was NaT", "unsupported Unicode", "invalid input syntax"):
        assert part in problems


@pytest.mark.parametrize("text", ["NUL \x00", "half \ud800 pair", "long " * 10_000, "\x00" * 600])
async def test_dead_letter_can_always_be_stored(connection: Connection, database_url: str, text: str) -> None:
    huge = letter(topic=text, device=text, field=text, problem=text, size_bytes=10**12, payload=b"\x00\xff" * 5_000)
    async with running(lambda: connect(database_url)) as writer:
        await writer.put(WriteBatch(dead_letters=(huge,), priority=Priority.HAZARD))
    assert await rows_of(connection, "SELECT octet_length(payload) FROM gwanje.dead_letter") == [(4096,)]


async def test_lost_connection_loses_no_row(connection: Connection, database_url: str) -> None:
    durable: list[int] = []
    async with running(lambda: connect(database_url)) as writer:
        for number in range(30):
            batch = series_rows("vds_lane", 20, device=number)
            await writer.put(WriteBatch(series=(batch,), on_durable=lambda number=number: durable.append(number)))
            if number % 10 == 5:
                await eventually(lambda: writer.status.state == "up")
                await connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
        await eventually(lambda: len(durable) == 30)
        assert writer.status.reconnects >= 1
    assert durable == list(range(30))
    stored = await readings_since(connection, "vds_lane", NOW)
    assert np.bincount(stored["device"].astype(np.int64)).tolist() == [20] * 30


async def test_idle_writer_notices_a_lost_connection(
    connection: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.writer._PING_INTERVAL_S", 0.02)
    async with running(lambda: connect(database_url)) as writer:
        await eventually(lambda: writer.status.state == "up")
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        await eventually(lambda: writer.status.reconnects == 1 and writer.status.state == "up")


async def test_status_says_why_there_is_no_connection(database_url: str) -> None:
    reachable = asyncio.Event()

    async def connect_later() -> Connection:
        if not reachable.is_set():
            raise DatabaseUnavailable("cannot reach the database: nobody listens")
        return await connect(database_url)

    async with running(connect_later, queue_rows=100) as writer:
        await eventually(lambda: writer.status.reason == "cannot reach the database: nobody listens")
        assert writer.status.state == "down"
        assert await writer.put(WriteBatch(series=(series_rows("vds_lane", 90),)))
        assert writer.status.rows_waiting == 90
        reachable.set()
        await eventually(lambda: writer.status.rows_written == 90)
        assert writer.status.state == "up"


@pytest.mark.parametrize("journal", [False, True])
async def test_killed_server_comes_back_and_every_row_with_it(tmp_path: Path, journal: bool) -> None:
    server = EmbeddedPostgres(tmp_path / "data")
    await server.start()
    try:
        async with await connect(server.dsn) as connection:
            await migrate(connection)
        durable: list[int] = []
        async with running(lambda: connect(server.dsn)) as writer:
            for number in range(40):
                rows = series_rows("vds_lane", 50, device=number)
                await writer.put(
                    WriteBatch(
                        series=(rows,),
                        priority=Priority.HAZARD,
                        checkpoint=Checkpoint("j", number + 1) if journal else None,
                        on_durable=lambda number=number: durable.append(number),
                    )
                )
                if number == 20:
                    await eventually(lambda: bool(durable))
                    assert server.pid is not None
                    os.kill(server.pid, signal.SIGKILL)
                    await server.wait()
                    await server.start()
            await eventually(lambda: len(durable) == 40)
        async with await connect(server.dsn) as connection:
            stored = await readings_since(connection, "vds_lane", NOW)
        counts = np.bincount(stored["device"].astype(np.int64), minlength=40)
        # A commit whose confirmation was lost is repeated where no checkpoint tells what became of it.
        assert (counts == 50).all() if journal else (counts >= 50).all()
    finally:
        await server.stop()
