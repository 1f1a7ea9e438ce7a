"""Connections to PostgreSQL through psycopg 3: UTC, JSON by msgspec, errors in one line without a password."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import msgspec
import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.json import Jsonb, set_json_loads

from storage.errors import DatabaseUnavailable

Connection = psycopg.AsyncConnection[tuple[Any, ...]]
CONNECT_TIMEOUT_S = 5
STATEMENT_TIMEOUT_S = 60
IDLE_REPLY_S = 5.0
"""How long a connection that was idle may take to show that it still is one. [s]"""


async def connect(
    dsn: str, *, application_name: str = "gwanje", statement_timeout_s: float = STATEMENT_TIMEOUT_S
) -> Connection:
    """Open a connection in autocommit mode; use ``async with connection.transaction()`` for more than one statement.

    Parameters
    ----------
    dsn
        ``postgresql://user:password@host:port/database`` or the keyword form.
    application_name
        What the server shows for the connection.
    statement_timeout_s
        Longest time of one statement; 0 for no limit. [s]

    Raises
    ------
    DatabaseUnavailable
        If the address is malformed or the server does not accept the connection.
    """
    try:
        parameters = conninfo_to_dict(dsn)
    except psycopg.Error:
        # The error of the parser quotes the address, password and all.
        raise DatabaseUnavailable(
            "GWANJE_DATABASE_URL: expected postgresql://user:password@host:port/database, was something else"
        ) from None
    given = str(parameters.pop("options", None) or "")
    parameters["options"] = f"{given} -c timezone=UTC -c statement_timeout={int(statement_timeout_s * 1000)}".strip()
    parameters.setdefault("connect_timeout", CONNECT_TIMEOUT_S)
    parameters["application_name"] = application_name
    try:
        connection = await psycopg.AsyncConnection.connect(autocommit=True, **parameters)  # type: ignore[arg-type]
    except psycopg.OperationalError as error:
        raise DatabaseUnavailable(_unreachable(parameters, str(error))) from None
    set_json_loads(msgspec.json.decode, connection)
    return connection


@contextlib.contextmanager
def cut_after(connection: Connection, timeout_s: float) -> Iterator[None]:
    """Cut the connection when what is done inside takes too long; the statement that waits then raises.

    The server's own limit on statements does not help against a link that swallows what is sent, and a cancelled
    statement would wait for the answer to its cancellation.

    Parameters
    ----------
    connection
        Used inside, by this task alone.
    timeout_s
        Longest time. [s]
    """
    cutting = asyncio.get_running_loop().call_later(timeout_s, _cut, connection)
    try:
        yield
    finally:
        cutting.cancel()


def _cut(connection: Connection) -> None:
    with contextlib.suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as duplicate:
        duplicate.shutdown(socket.SHUT_RDWR)


def as_json(body: object) -> Jsonb:
    """Wrap a body for a ``jsonb`` column; NaN becomes null."""
    return Jsonb(body, dumps=msgspec.json.encode)


class Database:
    """A few connections, shared: each use has one to itself, and a broken one is replaced.

    Parameters
    ----------
    dsn
        Returns the address; asked at every new connection, as an embedded server may come back on another port.
    size
        Most connections at a time; further users wait for one.
    wait_s
        How long they wait. [s]
    """

    def __init__(self, dsn: Callable[[], str], *, size: int = 4, wait_s: float = 10.0) -> None:
        self._dsn = dsn
        self._places = asyncio.Semaphore(size)
        self._idle: list[Connection] = []
        self._wait_s = wait_s
        self._closed = False

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection in autocommit mode.

        Raises
        ------
        DatabaseUnavailable
            If there is no connection to be had, or this object is closed.
        """
        try:
            async with asyncio.timeout(self._wait_s):
                await self._places.acquire()
        except TimeoutError:
            raise DatabaseUnavailable(f"all connections to the database were busy for {self._wait_s:g} s") from None
        try:
            connection = await self._take()
            try:
                yield connection
            finally:
                await self._give_back(connection)
        finally:
            self._places.release()

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Lend a connection inside a transaction that is committed at the end and rolled back on an exception.

        Raises
        ------
        DatabaseUnavailable
            As `connection`.
        """
        async with self.connection() as connection, connection.transaction():
            yield connection

    async def close(self) -> None:
        """Close the idle connections; those in use are closed when they are given back."""
        self._closed = True
        idle, self._idle = self._idle, []
        for connection in idle:
            await connection.close()

    async def _take(self) -> Connection:
        if self._closed:
            raise DatabaseUnavailable("the database is being closed")
        while self._idle:
            connection = self._idle.pop()
            try:
                with cut_after(connection, IDLE_REPLY_S):
                    await connection.execute(b"")  # an idle connection does not notice that its server went away
            except psycopg.Error:
                await connection.close()
                continue
            except BaseException:
                await connection.close()
                raise
            return connection
        return await connect(self._dsn())

    async def _give_back(self, connection: Connection) -> None:
        idle = psycopg.pq.TransactionStatus.IDLE
        if self._closed or connection.closed or connection.info.transaction_status != idle:
            await connection.close()
        else:
            self._idle.append(connection)


def _unreachable(parameters: dict[str, Any], text: str) -> str:
    password = parameters.get("password")
    if password:
        text = text.replace(str(password), "***")
    reason = " ".join(text.split())
    where = f"{parameters.get('host', 'the default host')}:{parameters.get('port', 5432)}"
    name = parameters.get("dbname", "the default database")
    return f"cannot reach the database {name} at {where} ({reason}); check GWANJE_DATABASE_URL"
