"""Fixtures of PostgreSQL: one embedded server for the whole run (of each xdist worker), a fresh database for each test.

With ``GWANJE_TEST_DATABASE_URL`` (a role that may create databases) that server is used instead.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
import uuid
from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import Any, TypeVar

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from gwanje.embedded.postgres import EmbeddedPostgres
from storage.database import Connection, connect
from storage.migrate import migrate

T = TypeVar("T")


class _LoopThread:
    """An event loop that outlives the tests' own loops."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="database fixture", daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout=90)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()


@pytest.fixture(scope="session")
def database_server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a server where databases may be created."""
    given = os.environ.get("GWANJE_TEST_DATABASE_URL")
    if given:
        yield given
        return
    loop = _LoopThread()
    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"), durable=False)
    try:
        yield loop.run(server.start())
    finally:
        loop.run(server.stop())
        loop.close()


@pytest.fixture(scope="session")
def template_database(database_server_url: str) -> Iterator[str]:
    """Name of a database with all migrations, to be copied."""
    name = f"gwanje_template_{uuid.uuid4().hex[:12]}"
    _administer(database_server_url, "CREATE DATABASE {}", name)
    try:
        asyncio.run(_migrated(_address(database_server_url, name)))
        _close_to_others(database_server_url, name)
        yield name
    finally:
        _administer(database_server_url, "DROP DATABASE {} WITH (FORCE)", name)


@pytest.fixture
def database_url(database_server_url: str, template_database: str) -> Iterator[str]:
    """Address of a fresh database with all migrations."""
    name = f"gwanje_test_{uuid.uuid4().hex[:12]}"
    _administer(database_server_url, "CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY", name, template_database)
    yield _address(database_server_url, name)
    _administer(database_server_url, "DROP DATABASE {} WITH (FORCE)", name)


@pytest.fixture
def empty_database_url(database_server_url: str) -> Iterator[str]:
    """Address of a fresh database without anything in it."""
    name = f"gwanje_test_{uuid.uuid4().hex[:12]}"
    _administer(database_server_url, "CREATE DATABASE {} STRATEGY FILE_COPY", name)
    yield _address(database_server_url, name)
    _administer(database_server_url, "DROP DATABASE {} WITH (FORCE)", name)


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[Connection]:
    """A connection to a fresh database with all migrations."""
    async with await connect(database_url) as opened:
        yield opened


def _administer(server_url: str, statement: str, *names: str) -> None:
    with psycopg.connect(server_url, autocommit=True) as administration:
        composed = sql.SQL(statement).format(*(sql.Identifier(name) for name in names))  # type: ignore[arg-type]
        administration.execute(composed)


def _close_to_others(server_url: str, name: str) -> None:
    """Keep everybody off a template: TimescaleDB's scheduler visits every database, and then it cannot be copied."""
    _administer(server_url, "ALTER DATABASE {} ALLOW_CONNECTIONS false", name)
    with psycopg.connect(server_url, autocommit=True) as administration:
        deadline = time.monotonic() + 10.0
        while administration.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
        ).fetchall():
            assert time.monotonic() < deadline, f"{name}: somebody stays connected"
            time.sleep(0.05)


def _address(server_url: str, name: str) -> str:
    return make_conninfo(**{**conninfo_to_dict(server_url), "dbname": name})


async def _migrated(url: str) -> None:
    async with await connect(url) as opened:
        await migrate(opened)
