"""Servers that an earlier run left behind on our data directory: find them, stop them, clear the way.

PostgreSQL guards a data directory with ``postmaster.pid`` and a shared memory segment, and refuses to start beside a
live server. After ``kill -9`` of this process a server may still run, and after a reboot the file may name a process
number that by now belongs to something else, which PostgreSQL takes for a live server. Only processes that are
PostgreSQL *and* work in our directory are ever signalled, and the file is removed only when there is none: shared
memory itself is left to PostgreSQL.
"""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

from gwanje.embedded.errors import EmbeddedPostgresError

_STEPS = ((signal.SIGINT, 10.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))


def read_postmaster_pid(cluster: Path) -> int | None:
    """Return the process number in ``postmaster.pid``; None when there is no such file or no number in it."""
    try:
        text = (cluster / "postmaster.pid").read_text(encoding="utf-8", errors="replace")
        return int(text.split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None


def clear_orphans(cluster: Path) -> int:
    """Stop every PostgreSQL process that works in a data directory and remove a stale ``postmaster.pid``.

    The caller must hold the lock of the data folder, so that no live run owns these processes.

    Parameters
    ----------
    cluster
        The data directory.

    Returns
    -------
    int
        How many processes had to be stopped or waited for.

    Raises
    ------
    EmbeddedPostgresError
        If one of them does not end.
    """
    orphans = _postmaster(cluster)
    if not orphans and not (cluster / "postmaster.pid").exists():
        return 0
    for number, grace_s in _STEPS:
        if not orphans:
            break
        for process in orphans:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)
        psutil.wait_procs(orphans, timeout=grace_s)
        orphans = [process for process in orphans if process.is_running()]
    if orphans:
        raise EmbeddedPostgresError(f"a PostgreSQL server left on {cluster} does not end (process {orphans[0].pid})")
    # The children of a killed postmaster end by themselves; they hold the shared memory until then.
    stragglers = list(_processes_in(cluster))
    _, alive = psutil.wait_procs(stragglers, timeout=10.0)
    if alive:
        raise EmbeddedPostgresError(f"processes of an earlier PostgreSQL on {cluster} do not end ({_pids(alive)})")
    (cluster / "postmaster.pid").unlink(missing_ok=True)
    return len(stragglers)


def wait_for_end(cluster: Path, timeout_s: float) -> bool:
    """Wait, blocking, until no PostgreSQL process works in a data directory; return whether that came true."""
    deadline = time.monotonic() + timeout_s
    while any(True for _ in _processes_in(cluster)):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _postmaster(cluster: Path) -> list[psutil.Process]:
    """Return the postmaster that the file names, if it is one and works in the directory."""
    pid = read_postmaster_pid(cluster)
    if pid is None or pid <= 0:
        return []
    try:
        process = psutil.Process(pid)
        return [process] if _works_in(process, cluster) else []
    except psutil.Error:
        return []


def _processes_in(cluster: Path) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.name().startswith("postgres") and _works_in(process, cluster):
                yield process


def _works_in(process: psutil.Process, cluster: Path) -> bool:
    if not process.name().startswith("postgres") or process.status() == psutil.STATUS_ZOMBIE:
        return False
    return Path(process.cwd()) == cluster.resolve()


def _pids(processes: Sequence[psutil.Process]) -> str:
    return ", ".join(str(process.pid) for process in processes)
