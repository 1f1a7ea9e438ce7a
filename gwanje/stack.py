"""Everything in one place: the embedded database, the system and a source of devices, as supervised child processes."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from config.settings import PREFIX, Settings
from gwanje.embedded.errors import EmbeddedError, PartFailedError
from gwanje.embedded.lifeline import spawn
from gwanje.embedded.postgres import EmbeddedPostgres
from gwanje.embedded.postgres_cluster import free_port
from gwanje.embedded.postmaster import clear_orphans
from gwanje.embedded.supervise import PartSpec, PartStatus, ProcessPart, Supervisor
from gwanje.errors import CommandError
from gwanje.listener import MQTT_VARIABLE, PAGE_VARIABLE, bind

_POLL_S = 0.1
_READY_S = 60.0
_LOG_TAIL_BYTES = 4_000


@dataclass(frozen=True)
class Stack:
    """What to run.

    Attributes
    ----------
    settings
        Of the system; a database or broker that it names is used instead of the embedded one.
    folder
        Where database and logs live; made already.
    devices
        Name and arguments after ``gwanje`` of the process that brings the devices, or None for none.
    make_region
        Whether the region has to be checked, and perhaps generated, first: beside the start of the database, for
        both take seconds.
    """

    settings: Settings
    folder: Path
    devices: tuple[str, Sequence[str]] | None
    make_region: bool = True
    check: Sequence[str] = ()
    """Arguments after ``gwanje`` of what must succeed, once there is a region, before anything of it runs."""

    @property
    def url(self) -> str:
        """Address of the page."""
        host = self.settings.host
        shown = "127.0.0.1" if host in {"", "0.0.0.0"} else f"[{host}]" if ":" in host else host  # noqa: S104
        return f"http://{shown}:{self.settings.port}"

    async def run(
        self, stopping: asyncio.Event, on_ready: Callable[[str], None], on_change: Callable[[PartStatus], None]
    ) -> None:
        """Bring everything up, keep it up, and stop it when the event is set.

        Raises
        ------
        CommandError
            If a part does not come up.
        """
        with contextlib.ExitStack() as sockets:
            listeners = self._listen(sockets)
            await self._run(stopping, on_ready, on_change, listeners)

    def _listen(self, sockets: contextlib.ExitStack) -> dict[str, socket.socket]:
        """Bind what the system serves on, by the variable under which it gets it."""
        listeners = {PAGE_VARIABLE: sockets.enter_context(bind(self.settings.host, self.settings.port))}
        if not self.settings.mqtt_url:
            mqtt = bind(self.settings.mqtt_host, self.settings.mqtt_port, f"{PREFIX}MQTT_PORT")
            listeners[MQTT_VARIABLE] = sockets.enter_context(mqtt)
        return listeners

    async def _run(
        self,
        stopping: asyncio.Event,
        on_ready: Callable[[str], None],
        on_change: Callable[[PartStatus], None],
        listeners: Mapping[str, socket.socket],
    ) -> None:
        logs = log_folder(self.folder)
        mqtt_url = self.settings.mqtt_url or f"mqtt://127.0.0.1:{listeners[MQTT_VARIABLE].getsockname()[1]}"
        specs: list[PartSpec] = []
        region_made = asyncio.Event()
        database = None
        if not self.settings.database_url:
            database = EmbeddedPostgres(self.folder / "postgresql")
            specs.append(PartSpec("database", database))
        system = _Process(
            ["serve"],
            lambda: {
                f"{PREFIX}DATABASE_URL": self.settings.database_url if database is None else database.dsn,
                f"{PREFIX}JOURNAL_DIR": self.settings.journal_dir or str(self.folder / "journal"),
                **{variable: str(listener.fileno()) for variable, listener in listeners.items()},
            },
            self.settings,
            logs / "system.log",
            after=region_made,
            ready=self._page_answers,
            hand_down=[listener.fileno() for listener in listeners.values()],
        )
        specs.append(PartSpec("system", system))
        if self.devices is not None:
            name, arguments = self.devices
            log = logs / f"{name}.log"
            specs.append(
                PartSpec(name, _Process(arguments, lambda: {f"{PREFIX}MQTT_URL": mqtt_url}, self.settings, log))
            )
        supervisor = Supervisor(specs, on_change=on_change)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._make_region(region_made, stopping))
                running = tasks.create_task(supervisor.run())
                telling = tasks.create_task(self._tell(supervisor, mqtt_url, on_ready))
                waiting = tasks.create_task(stopping.wait())
                await asyncio.wait((running, waiting), return_when=asyncio.FIRST_COMPLETED)
                supervisor.request_stop()
                await asyncio.wait((running,))
                telling.cancel()
                waiting.cancel()
        except* PartFailedError as group:
            raise CommandError(_explain(group.exceptions[0], logs)) from None
        except* EmbeddedError as group:
            raise CommandError(str(group.exceptions[0])) from None
        except* CommandError as group:
            raise group.exceptions[0] from None

    async def _make_region(self, made: asyncio.Event, stopping: asyncio.Event) -> None:
        fine = not self.make_region or await check_region(self.settings, self.folder, stopping)
        if fine and self.check:
            fine = await check_first(self.check, self.settings, self.folder, stopping)
        if fine:
            made.set()

    async def _tell(self, supervisor: Supervisor, mqtt_url: str, on_ready: Callable[[str], None]) -> None:
        await supervisor.wait_started()
        on_ready(mqtt_url)

    async def _page_answers(self) -> None:
        async with asyncio.timeout(_READY_S):
            while not await _answers(self.settings.host, self.settings.port):  # noqa: ASYNC110 - another process
                await asyncio.sleep(_POLL_S)


class _Process:
    """One of our own processes, its environment made anew at each start: the database may have moved."""

    def __init__(
        self,
        arguments: Sequence[str],
        changes: Callable[[], Mapping[str, str]],
        settings: Settings,
        log: Path,
        after: asyncio.Event | None = None,
        ready: Callable[[], object] | None = None,
        hand_down: Sequence[int] = (),
    ) -> None:
        self._arguments = arguments
        self._changes = changes
        self._settings = settings
        self._log = log
        self._after = after
        self._ready = ready
        self._hand_down = hand_down
        self._part: ProcessPart | None = None

    async def start(self) -> None:
        if self._after is not None:
            await self._after.wait()
        self._part = ProcessPart(
            [sys.executable, "-m", "gwanje", *self._arguments],
            ready=self._ready,  # type: ignore[arg-type]
            log=self._log,
            environment={**child_environment(self._settings), **self._changes()},
            hand_down=self._hand_down,
        )
        await self._part.start()

    async def wait(self) -> str:
        return "was not started" if self._part is None else await self._part.wait()

    async def stop(self) -> None:
        if self._part is not None:
            await self._part.stop()


def with_port(settings: Settings) -> Settings:
    """Return settings with a port for the page that is known: a free one in place of 0."""
    return settings if settings.port else msgspec.structs.replace(settings, port=free_port(None))


async def check_region(settings: Settings, folder: Path, stopping: asyncio.Event) -> bool:
    """Load or generate the region in a process of its own; return False when the event was set before it was done.

    Raises
    ------
    CommandError
        If the region is unknown or wrong.
    """
    return await check_first(["region", "--brief"], settings, folder, stopping)


async def check_first(arguments: Sequence[str], settings: Settings, folder: Path, stopping: asyncio.Event) -> bool:
    """Run one of our commands that checks something; return False when the event was set before it was done.

    Raises
    ------
    CommandError
        If it fails, with its own last word.
    """
    log = log_folder(folder) / f"{arguments[0]}-check.log"
    began = log.stat().st_size if log.exists() else 0
    command = [sys.executable, "-m", "gwanje", *arguments]
    child = await spawn(command, log=log, environment=child_environment(settings))
    try:
        async with asyncio.TaskGroup() as tasks:
            ended = tasks.create_task(child.wait())
            stopped = tasks.create_task(stopping.wait())
            await asyncio.wait((ended, stopped), return_when=asyncio.FIRST_COMPLETED)
            ended.cancel()
            stopped.cancel()
    finally:
        await child.stop()
    if stopping.is_set():
        return False
    if not child.succeeded:
        said = _log_tail(log, began)
        name = arguments[0]
        raise CommandError("\n".join(said).removeprefix(f"gwanje {name}: ") or f"the check failed (log: {log})")
    return True


def log_folder(folder: Path) -> Path:
    """Make the folder of the logs and return it.

    Raises
    ------
    CommandError
        If it cannot be made.
    """
    logs = folder / "logs"
    try:
        logs.mkdir(exist_ok=True)
    except OSError as exc:
        raise CommandError(f"{logs}: expected a folder for logs, cannot be made ({exc.strerror})") from None
    return logs


def child_environment(settings: Settings) -> dict[str, str]:
    """Return the environment of a child process: this one's, with every setting written out."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    values = {name: getattr(settings, name) for name in Settings.__struct_fields__} | {"log_format": "json"}
    written = {f"{PREFIX}{name.upper()}": str(value) for name, value in values.items() if value != ""}
    kept = {name: value for name, value in os.environ.items() if name == f"{PREFIX}POSTGRES_BIN"}
    return environment | written | kept


@contextlib.contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold the data folder for this process alone.

    Raises
    ------
    CommandError
        If another process holds it.
    """
    try:
        file = (folder / "lock").open("a+")
    except OSError as exc:
        raise CommandError(f"{folder}: expected a folder that can be written to, was not ({exc.strerror})") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            raise CommandError(
                f"{folder} is in use by another gwanje (process {file.read().strip() or 'unknown'}): "
                "stop it, or choose another folder with --data-dir"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def begin_anew(folder: Path) -> None:
    """Remove the database, journal and region that an earlier replay or rehearsal left in a folder of its own.

    Raises
    ------
    CommandError
        If something still runs on that database and cannot be stopped.
    """
    database = folder / "postgresql"
    try:
        clear_orphans(database / "cluster")
    except EmbeddedError as exc:
        raise CommandError(str(exc)) from None
    shutil.rmtree(database, ignore_errors=True)
    shutil.rmtree(folder / "region", ignore_errors=True)
    shutil.rmtree(folder / "journal", ignore_errors=True)


async def _answers(host: str, port: int) -> bool:
    """Ask for ``/healthz`` once."""
    target = "127.0.0.1" if host in {"", "0.0.0.0"} else host  # noqa: S104
    try:
        reader, writer = await asyncio.open_connection(target, port)
    except OSError:
        return False
    try:
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return b" 200 " in await reader.readline()
    except OSError:
        return False
    finally:
        writer.close()


def _explain(error: BaseException, logs: Path) -> str:
    """Return the error with the last line that the part's own log has."""
    name = getattr(error, "name", "")
    path = logs / f"{name}.log"
    if not path.is_file():
        return str(error)
    lines = _log_tail(path, 0)
    return f"{error}: {lines[-1] if lines else 'its log is empty'} (log: {path})"


def _log_tail(path: Path, began: int) -> list[str]:
    """Return the last lines of a log, of those written since it had a size."""
    with path.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(file.tell() - _LOG_TAIL_BYTES, min(began, file.tell())))
        return file.read().decode("utf-8", "replace").strip().splitlines()
