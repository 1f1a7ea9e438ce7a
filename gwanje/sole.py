"""One control room for one database: two would send every alert twice."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import psycopg
import structlog

from gwanje.errors import CommandError
from storage.database import Connection, connect
from storage.errors import DatabaseUnavailable

log = structlog.get_logger(__name__)
_LOCK = 0x6777616E6A6531
_PATIENCE_S = 10.0
_POLL_S = 0.2
_LOOK_EVERY_S = 2.0


class SoleUse:
    """A lock of the database that ends with its connection, however this process ends.

    Parameters
    ----------
    dsn
        Returns the address of the database.
    """

    def __init__(self, dsn: Callable[[], str]) -> None:
        self._dsn = dsn
        self._connection: Connection | None = None

    @contextlib.asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Hold the lock; one that a killed process still has is waited for a while.

        Raises
        ------
        CommandError
            If another control room works on the database.
        DatabaseUnavailable
            If it cannot be reached.
        """
        try:
            await self._take(_PATIENCE_S)
            yield
        finally:
            if self._connection is not None:
                await self._connection.close()

    async def keep(self) -> None:
        """Take the lock again whenever its connection is lost, until cancelled.

        Raises
        ------
        CommandError
            If another control room has it by then.
        """
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            try:
                if self._connection is None:
                    await self._take(_PATIENCE_S)
                else:
                    await self._connection.execute(b"SELECT 1")
            except (psycopg.Error, DatabaseUnavailable, OSError) as exc:
                if self._connection is not None:
                    log.warning("sole_use.connection_lost", problem=" ".join(str(exc).split()))
                    await self._connection.close()
                    self._connection = None

    async def _take(self, patience_s: float) -> None:
        connection = await connect(self._dsn(), application_name="gwanje lock")
        try:
            deadline_s = asyncio.get_running_loop().time() + patience_s
            while True:
                cursor = await connection.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
                row = await cursor.fetchone()
                if row is not None and row[0]:
                    self._connection = connection
                    return
                if asyncio.get_running_loop().time() >= deadline_s:
                    raise CommandError(
                        "the database is in use by another gwanje: stop it, or give another GWANJE_DATABASE_URL"
                    )
                await asyncio.sleep(_POLL_S)
        finally:
            if self._connection is not connection:
                await connection.close()
