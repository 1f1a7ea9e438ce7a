"""A link that takes what is sent and passes nothing on: no statement waits for ever, and no row is lost or doubled."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from storage.checkpoints import Checkpoint
from storage.database import Connection, Database, connect
from storage.queries import readings_since
from storage.writer import Writer
from storage.writer_batches import WriteBatch
from tests.gwanje.polling import eventually
from tests.storage.rows import NOW, series_rows

pytestmark = pytest.mark.integration


class Link:
    """Passes bytes between clients and the server; a connection that is deaf stays so, open at both ends."""

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._deaf: set[asyncio.StreamWriter] = set()
        self._open: set[asyncio.StreamWriter] = set()
        self.n_accepted = 0

    def deafen(self) -> None:
        self._deaf |= self._open

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.n_accepted += 1
        far_reader, far_writer = await asyncio.open_connection(*self._server)
        self._open |= {writer, far_writer}
        await asyncio.gather(self._pass(reader, far_writer), self._pass(far_reader, writer))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                if writer not in self._deaf:
                    writer.write(data)
                    await writer.drain()
        if writer not in self._deaf:
            writer.close()


@asynccontextmanager
async def link_to(url: str) -> AsyncIterator[tuple[Link, str]]:
    parts = conninfo_to_dict(url)
    link = Link(str(parts["host"]), int(str(parts["port"])))
    tasks: set[asyncio.Task[None]] = set()

    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.create_task(link.serve(reader, writer)))

    server = await asyncio.start_server(accepted, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield link, make_conninfo(**{**parts, "host": "127.0.0.1", "port": port})
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in link._open:
            writer.close()


async def test_writer_goes_on_by_another_connection_and_writes_once(connection: Connection, database_url: str) -> None:
    durable: list[int] = []
    async with link_to(database_url) as (link, url):
        writer = Writer(lambda: connect(url), now=lambda: NOW, interval_s=0.01, commit_s=0.5)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(writer.run())
            for number in range(1, 5):
                rows = series_rows("vds_lane", 20, device=number)
                batch = WriteBatch(
                    series=(rows,),
                    checkpoint=Checkpoint("j", number),
                    on_durable=lambda number=number: durable.append(number),
                )
                if number == 3:
                    link.deafen()
                await writer.put(batch)
                await eventually(lambda number=number: number in durable)
            writer.close()
        assert writer.status.reconnects >= 1
    assert durable == [1, 2, 3, 4]
    stored = await readings_since(connection, "vds_lane", NOW)
    assert np.bincount(stored["device"].astype(np.int64)).tolist() == [0, 20, 20, 20, 20]


async def test_idle_connection_that_went_deaf_is_replaced(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.database.IDLE_REPLY_S", 0.1)
    async with link_to(database_url) as (link, url):
        database = Database(lambda: url)
        for n_accepted in (1, 2):
            async with asyncio.timeout(10), database.connection() as lent:
                assert await (await lent.execute(b"SELECT 1")).fetchone() == (1,)
            assert link.n_accepted == n_accepted
            link.deafen()
        await database.close()
