"""The database that a command works on: an outside one, or the embedded one of a data folder, started if need be."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from config.settings import Settings
from gwanje.embedded.errors import EmbeddedError
from gwanje.embedded.postgres import EmbeddedPostgres
from gwanje.embedded.postgres_cluster import Cluster
from gwanje.errors import CommandError
from gwanje.stack import only_one

_PORT_LINE = 3
"""Line of ``postmaster.pid``, from 0."""


@contextlib.asynccontextmanager
async def database_of(settings: Settings, *, make: bool) -> AsyncIterator[str]:
    """Give the address of the database; an embedded one that does not run is started, and stopped at the end.

    Parameters
    ----------
    settings
        ``database_url``, or without it ``data_dir``.
    make
        Whether an embedded database that is not there yet is made.

    Raises
    ------
    CommandError
        If there is none, or it cannot be started.
    """
    if settings.database_url:
        yield settings.database_url
        return
    folder = settings.data_path
    cluster = Cluster(folder / "postgresql")
    try:
        if not make and cluster.major() is None:
            raise CommandError(f"{folder}: expected a data folder with a database, was none; give --data-dir")
        running = _running(cluster)
        if running is not None:
            yield running
            return
        with _held(folder):
            server = EmbeddedPostgres(cluster.folder)
            try:
                yield await server.start()
            finally:
                await server.stop()
    except EmbeddedError as exc:
        raise CommandError(str(exc)) from None


def _running(cluster: Cluster) -> str | None:
    """Return the address of the server that another process runs; None when nobody does."""
    try:
        cluster.take()
    except EmbeddedError:
        # The lock is held, so somebody runs it, or is about to.
        with contextlib.suppress(OSError, IndexError, ValueError):
            lines = (cluster.data / "postmaster.pid").read_text(encoding="utf-8", errors="replace").split("\n")
            return cluster.dsn(int(lines[_PORT_LINE]))
        raise
    cluster.release()
    return None


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold the data folder, so that no ``gwanje up`` begins in the middle."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as exc:
        raise CommandError(f"{folder}: expected a folder that can be written to, was not ({exc.strerror})") from None
    with only_one(folder):
        yield
