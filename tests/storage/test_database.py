"""Connections: clear errors without a password, and a small pool."""

from __future__ import annotations

import asyncio
import socket
from datetime import UTC, datetime

import psycopg
import pytest

from storage.database import Database, as_json, connect
from storage.errors import DatabaseUnavailable


@pytest.mark.parametrize("dsn", ["postgresql://u:hunter2@[h/x", "host=h password=hunter2 nonsense", "host='hunter2"])
async def test_malformed_address_is_named_without_the_password(dsn: str) -> None:
    with pytest.raises(DatabaseUnavailable, match="GWANJE_DATABASE_URL: expected postgresql://") as caught:
        await connect(dsn)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__


async def test_unreachable_server_is_one_line_without_the_password() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(DatabaseUnavailable) as caught:
        await connect(f"postgresql://u:hunter2@127.0.0.1:{port}/gw")
    text = str(caught.value)
    assert text.startswith(f"cannot reach the database gw at 127.0.0.1:{port} (")
    assert text.endswith("check GWANJE_DATABASE_URL")
    assert "\n" not in text
    assert "hunter2" not in text


@pytest.mark.integration
async def test_times_are_utc_and_json_goes_through(database_url: str) -> None:
    async with await connect(f"{database_url} options='-c work_mem=1MB -c timezone=Asia/Seoul'") as connection:
        cursor = await connection.execute(
            "SELECT %s::timestamptz, %s::jsonb, current_setting('work_mem')",
            [datetime(2026, 7, 1, 21, tzinfo=UTC), as_json({"a": float("nan"), "b": "산"})],
        )
        row = await cursor.fetchone()
    assert row == (datetime(2026, 7, 1, 21, tzinfo=UTC), {"a": None, "b": "산"}, "1MB")
    assert row[0].utcoffset().total_seconds() == 0


@pytest.mark.integration
async def test_pool_reuses_bounds_and_replaces_connections(database_url: str) -> None:
    database = Database(lambda: database_url, size=2, wait_s=0.05)
    async with database.connection() as one, database.connection() as two:
        with pytest.raises(DatabaseUnavailable, match="busy"):
            async with database.connection():
                pass
        pids = {one.info.backend_pid, two.info.backend_pid}
    async with database.connection() as again:
        assert again.info.backend_pid in pids
        await again.execute("SELECT pg_terminate_backend(unnest(%s::int[]))", [[*pids - {again.info.backend_pid}]])
    async with asyncio.timeout(10), database.connection() as first, database.connection() as second:
        assert first.info.backend_pid != second.info.backend_pid
        await second.execute("SELECT 1")
    await database.close()
    with pytest.raises(DatabaseUnavailable, match="being closed"):
        async with database.connection():
            pass


@pytest.mark.integration
async def test_transaction_is_rolled_back_on_an_exception(database_url: str) -> None:
    database = Database(lambda: database_url)

    async def fail() -> None:
        async with database.transaction() as connection:
            await connection.execute("CREATE TABLE x ()")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    async with database.connection() as connection:
        with pytest.raises(psycopg.errors.UndefinedTable):
            await connection.execute("SELECT FROM x")
    await database.close()
