"""A PostgreSQL server of our own: made, started, watched and stopped with the control system.

The server runs as the child of a small launcher that ends it when this process ends, however that happens. Starting
is the same path after a clean stop, after ``kill -9`` of the server, of this process, or of both.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping
from pathlib import Path

import psycopg
from psycopg import sql

from gwanje.embedded.errors import EmbeddedPostgresError
from gwanje.embedded.lifeline import Child, Stop, spawn
from gwanje.embedded.postgres_binaries import PostgresBinaries, find_binaries
from gwanje.embedded.postgres_cluster import (
    DATABASE,
    Cluster,
    free_port,
    privilege_prefix,
    server_environment,
)
from gwanje.embedded.postmaster import clear_orphans, read_postmaster_pid, wait_for_end

_FIRST_POLL_S = 0.01
_LONGEST_POLL_S = 0.2
_PORT_TAKEN = ("Address already in use", "could not create any TCP/IP sockets")
_STILL_ENDING = ("is still in use", '"postmaster.pid" already exists')


class EmbeddedPostgres:
    """An embedded PostgreSQL on a data folder; a part that a `Supervisor` can run.

    Listens on the loopback address only, on a free port that is kept over restarts when it can be. The role ``gwanje``
    has a random password, kept in the data folder.

    Parameters
    ----------
    data_dir
        Folder of the database; made at the first start.
    start_timeout_s
        How long the server may take until it answers, recovery after a crash included. [s]
    stop_timeout_s
        How long a fast shutdown may take before an immediate one. [s]
    settings
        PostgreSQL settings that win over the embedded ones.
    durable
        False gives up safety against a crash of the machine for speed: tests only.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        start_timeout_s: float = 60.0,
        stop_timeout_s: float = 10.0,
        settings: Mapping[str, str] | None = None,
        durable: bool = True,
    ) -> None:
        self._cluster = Cluster(data_dir)
        self._start_timeout_s = start_timeout_s
        self._stops = (Stop(signal.SIGINT, stop_timeout_s), Stop(signal.SIGQUIT, 5.0))
        self._settings = dict(settings or {})
        self._durable = durable
        self._child: Child | None = None
        self._port: int | None = None
        self._log_start = 0

    @property
    def dsn(self) -> str:
        """Address of the database, password included; valid once started, and after a restart perhaps another.

        Raises
        ------
        EmbeddedPostgresError
            If the server was never started.
        """
        if self._port is None:
            raise EmbeddedPostgresError("the embedded PostgreSQL was not started")
        return self._cluster.dsn(self._port)

    @property
    def pid(self) -> int | None:
        """Process number of the server (its postmaster); None when it does not run."""
        return read_postmaster_pid(self._cluster.data) if self._child is not None and self._child.running else None

    @property
    def log(self) -> Path:
        """The server's log."""
        return self._cluster.log

    async def start(self) -> str:
        """Bring the server up and return its address once it answers.

        Makes the data directory at the first call. A server that an earlier run left on it is stopped first.

        Raises
        ------
        EmbeddedPostgresError
            If it cannot be brought up in time; the text is one line that says what to do.
        """
        if self._child is not None and self._child.running:
            return self.dsn
        if self._child is not None:
            await self._child.wait()
            self._child = None
        self._cluster.take()
        try:
            async with asyncio.timeout(self._start_timeout_s):
                await self._bring_up()
        except TimeoutError:
            tail = self._cluster.log_tail(self._log_start)
            await self.stop()
            raise EmbeddedPostgresError(
                f"the embedded PostgreSQL did not answer within {self._start_timeout_s:g} s; {self._log_hint(tail)}"
            ) from None
        except BaseException:
            await self.stop()
            raise
        return self.dsn

    async def wait(self) -> str:
        """Wait until the server ends, and return how it did.

        Raises
        ------
        EmbeddedPostgresError
            If it does not run.
        """
        if self._child is None:
            raise EmbeddedPostgresError("the embedded PostgreSQL was not started")
        how = await self._child.wait()
        worst = [line for line in self._cluster.log_tail(self._log_start).split(" | ") if "PANIC:" in line]
        return f"{how} ({worst[-1]})" if worst else how

    async def stop(self) -> None:
        """Stop the server: fast shutdown, then immediate, then kill. Harmless when it does not run."""
        child, self._child = self._child, None
        try:
            if child is not None:
                await child.stop()
                await asyncio.to_thread(wait_for_end, self._cluster.data, 5.0)
        finally:
            self._cluster.release()

    async def _bring_up(self) -> None:
        major = self._cluster.major()
        binaries = await asyncio.to_thread(find_binaries, major)
        prefix = await asyncio.to_thread(privilege_prefix)
        self._cluster.password()
        if major is None:
            await self._initialise(binaries, prefix)
        await asyncio.to_thread(clear_orphans, self._cluster.data)
        while True:
            self._port = free_port(self._port)
            self._log_start = self._cluster.log_size()
            arguments = self._cluster.server_arguments(binaries.major, self._port, self._durable, self._settings)
            self._child = await spawn(
                [*prefix, binaries.postgres, *arguments],
                stops=self._stops,
                log=self._cluster.log,
                environment=server_environment(),
            )
            if await self._answers(self._child):
                break
            how, tail = await self._child.wait(), self._cluster.log_tail(self._log_start)
            if any(text in tail for text in _PORT_TAKEN):
                self._port = None
            elif any(text in tail for text in _STILL_ENDING):
                await asyncio.to_thread(clear_orphans, self._cluster.data)
            else:
                raise EmbeddedPostgresError(f"the embedded PostgreSQL {how}; {self._log_hint(tail)}")
            await asyncio.sleep(_FIRST_POLL_S)
        await self._ensure_database()

    async def _initialise(self, binaries: PostgresBinaries, prefix: tuple[str, ...]) -> None:
        await asyncio.to_thread(self._cluster.prepare_initdb)
        self._log_start = self._cluster.log_size()
        child = await spawn(
            [*prefix, binaries.initdb, *self._cluster.initdb_arguments(binaries.major, self._durable)],
            log=self._cluster.log,
            environment=server_environment(),
        )
        try:
            how = await child.wait()
        except BaseException:
            await child.stop()
            raise
        if not child.succeeded:
            raise EmbeddedPostgresError(f"initdb {how}; {self._log_hint(self._cluster.log_tail(self._log_start))}")
        self._cluster.finish_initdb()

    async def _answers(self, child: Child) -> bool:
        """Wait until the server takes connections; False when it ends before."""
        poll_s = _FIRST_POLL_S
        while child.running:
            try:
                connection = await self._connect("postgres")
            except psycopg.OperationalError:
                await asyncio.sleep(poll_s)
                poll_s = min(poll_s * 1.2, _LONGEST_POLL_S)
                continue
            await connection.close()
            # Another server may have taken the port in the meantime; ours then ends at once.
            if read_postmaster_pid(self._cluster.data) is not None:
                return True
        return False

    async def _ensure_database(self) -> None:
        connection = await self._connect("postgres")
        async with connection:
            found = await connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
            if await found.fetchone() is None:
                await connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))

    async def _connect(self, database: str) -> psycopg.AsyncConnection[tuple[object, ...]]:
        assert self._port is not None
        return await psycopg.AsyncConnection.connect(
            self._cluster.dsn(self._port, database), autocommit=True, connect_timeout=2
        )

    def _log_hint(self, tail: str) -> str:
        if "No space left on device" in tail:
            return f"the disk of {self._cluster.folder} is full: make room and start again"
        return f"its log {self._cluster.log} ends: {tail or '(empty)'}"
