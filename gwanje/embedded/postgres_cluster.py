"""The folder that holds an embedded PostgreSQL: its lock, its password, its data directory and its settings.

::

    data_dir/            0700
        lock             held (flock) by the one process that runs the server
        password         0600, made with `secrets` at the first start; there is no default password
        cluster/         PostgreSQL's own data directory
        cluster.new/     an initialisation that did not finish; removed at the next start
        postgres.log     bounded by the launcher
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import shutil
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

from gwanje.embedded.errors import EmbeddedPostgresError

USER = "gwanje"
DATABASE = "gwanje"
HOST = "127.0.0.1"
INITDB_FREE_BYTES = 150_000_000

# For one process and no replication. Buffers and WAL are as large as full-rate COPY gains by (own measurement: 10 %).
_SETTINGS: dict[str, str] = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "30",
    "shared_buffers": "128MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "32MB",
    "max_wal_size": "2GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "max_worker_processes": "4",
    "max_parallel_workers_per_gather": "0",
    "autovacuum_max_workers": "1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "off",
    "log_checkpoints": "off",
    "password_encryption": "scram-sha-256",
}
_UNSHARE = ("unshare", "--user", "--map-user=1000", "--map-group=1000")


class Cluster:
    """Paths and preparation of one data folder; nothing here waits for a server.

    Parameters
    ----------
    folder
        The data folder; made when missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self._lock: int | None = None

    @property
    def data(self) -> Path:
        """PostgreSQL's data directory."""
        return self.folder / "cluster"

    @property
    def unfinished(self) -> Path:
        """Where ``initdb`` works until it is done."""
        return self.folder / "cluster.new"

    @property
    def log(self) -> Path:
        """The log of the server and of ``initdb``."""
        return self.folder / "postgres.log"

    @property
    def password_file(self) -> Path:
        """The file with the password of the only role."""
        return self.folder / "password"

    def take(self) -> None:
        """Make the folder and take its lock; a lock held already is kept.

        Raises
        ------
        EmbeddedPostgresError
            If another process runs a server here, or the folder cannot be written.
        """
        if self._lock is not None:
            return
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _unusable(self.folder, error) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 20).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise EmbeddedPostgresError(
                f"{self.folder} is in use by another Gwanje (process {holder}); stop it or give another --data-dir"
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._lock = descriptor

    def release(self) -> None:
        """Give the lock back."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def major(self) -> int | None:
        """Return the major version that the data directory was made with; None when there is none yet.

        Raises
        ------
        EmbeddedPostgresError
            If the data directory is there but not readable as one.
        """
        if not self.data.exists():
            return None
        try:
            return int((self.data / "PG_VERSION").read_text(encoding="ascii"))
        except (OSError, ValueError) as error:
            raise EmbeddedPostgresError(
                f"{self.data} is not a PostgreSQL data directory ({error}); move it away to begin with an empty one"
            ) from None

    def password(self) -> str:
        """Return the password, made at the first call.

        Raises
        ------
        EmbeddedPostgresError
            If it cannot be read or written, or is lost while the data are still there.
        """
        try:
            if self.password_file.exists():
                return self.password_file.read_text(encoding="ascii").strip()
            if self.data.exists():
                raise EmbeddedPostgresError(
                    f"{self.password_file} is missing, so the data beside it cannot be opened; restore the file or "
                    f"move {self.data} away to begin anew"
                )
            password = secrets.token_urlsafe(24)
            temporary = self.password_file.with_suffix(".new")
            temporary.unlink(missing_ok=True)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(password)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self.password_file)
            return password
        except OSError as error:
            raise _unusable(self.folder, error) from None

    def prepare_initdb(self) -> None:
        """Remove an unfinished initialisation and check that there is room for a new one.

        Raises
        ------
        EmbeddedPostgresError
            If the disk is too full or the folder cannot be written.
        """
        try:
            if self.unfinished.exists():
                shutil.rmtree(self.unfinished)
            free_bytes = shutil.disk_usage(self.folder).free
        except OSError as error:
            raise _unusable(self.folder, error) from None
        if free_bytes < INITDB_FREE_BYTES:
            raise EmbeddedPostgresError(
                f"{self.folder}: the disk is full: a new database needs {INITDB_FREE_BYTES // 1_000_000} MB, "
                f"{free_bytes // 1_000_000} MB are free; make room or give another --data-dir"
            )

    def finish_initdb(self) -> None:
        """Put a finished initialisation in its place, in one step."""
        self.unfinished.rename(self.data)

    def initdb_arguments(self, major: int, durable: bool) -> list[str]:
        """Return the arguments of ``initdb``: UTF-8, byte order of characters, passwords only."""
        builtin = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if major >= 17 else []
        return [
            f"--pgdata={self.unfinished}",
            "--encoding=UTF8",
            "--locale=C",
            *builtin,
            "--auth=scram-sha-256",
            f"--username={USER}",
            f"--pwfile={self.password_file}",
            *([] if durable else ["--no-sync"]),
        ]

    def server_arguments(self, major: int, port: int, durable: bool, extra: Mapping[str, str]) -> list[str]:
        """Return the arguments of ``postgres``; settings given here win over ``postgresql.conf``."""
        settings = dict(_SETTINGS)
        if major >= 18:
            settings["io_method"] = "sync"  # no extra worker processes
        if not durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        settings |= {"port": str(port), **extra}
        return ["-D", str(self.data), *(part for item in settings.items() for part in ("-c", "=".join(item)))]

    def dsn(self, port: int, database: str = DATABASE) -> str:
        """Return the address of a database, password included."""
        return f"postgresql://{USER}:{self.password()}@{HOST}:{port}/{database}"

    def log_tail(self, since: int = 0, lines: int = 8) -> str:
        """Return the last lines of the log, of what was written after a position in it."""
        try:
            with self.log.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(since if since <= size else 0, size - 8192))
                text = file.read().decode("utf-8", "replace")
        except OSError:
            return ""
        return " | ".join(text.strip().splitlines()[-lines:])

    def log_size(self) -> int:
        """Return the size of the log in bytes, 0 when there is none."""
        try:
            return self.log.stat().st_size
        except FileNotFoundError:
            return 0


def server_environment() -> dict[str, str]:
    """Return the environment for PostgreSQL's programs: no PG… variable of the user's, messages in English."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return kept | {"LC_ALL": "C"}


def privilege_prefix() -> tuple[str, ...]:
    """Return what to put before PostgreSQL's programs so that they do not see themselves run by root.

    Raises
    ------
    EmbeddedPostgresError
        If this process is root and the machine allows no user namespaces.
    """
    if os.geteuid() != 0:
        return ()
    try:
        subprocess.run([*_UNSHARE, "true"], check=True, capture_output=True, timeout=10)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        raise EmbeddedPostgresError(
            "PostgreSQL refuses to run as root and this machine allows no user namespaces; start gwanje as an ordinary "
            "user, or use a server through GWANJE_DATABASE_URL"
        ) from None
    return _UNSHARE


def free_port(preferred: int | None) -> int:
    """Return a TCP port of the loopback address that is free now: the preferred one if it is."""
    for port in (preferred, 0) if preferred else (0,):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            number: int = probe.getsockname()[1]
            return number
    raise EmbeddedPostgresError(f"no free TCP port on {HOST} for the embedded database")


def _unusable(folder: Path, error: OSError) -> EmbeddedPostgresError:
    if error.errno == errno.ENOSPC:
        return EmbeddedPostgresError(f"{folder}: the disk is full; make room or give another --data-dir")
    return EmbeddedPostgresError(
        f"{folder} cannot be used for the database ({error.strerror}); make it writable or give another --data-dir"
    )
