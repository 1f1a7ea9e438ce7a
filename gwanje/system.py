"""The running system of one region: brought up, kept running, and ended in good order."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import psycopg
import structlog

from alerts.desk_store import StoreUnavailableError
from config.catalogue.model import DEVICE_KINDS, Catalogue
from config.settings import Settings
from gwanje.compose import Composed, Outside, compose
from gwanje.inlets import keepers
from gwanje.journaling import SystemJournal
from gwanje.open_files import allow_connections
from gwanje.pace import clock_of
from gwanje.sole import SoleUse
from gwanje.web import WebServer
from ingest.lateness import Lateness
from ingest.mqtt.broker import Broker
from ingest.mqtt.limits import BrokerLimits
from ingest.mqtt.session import OversizePublish
from ingest.warmup import stored_slopes
from sensors.columns import to_ns
from storage.database import Connection, Database, connect
from storage.errors import DatabaseUnavailable, JournalError
from storage.live import Changes
from storage.migrate import migrate
from storage.partitions import ensure_partitions
from storage.queries import newest_times
from storage.repositories.citizens import open_epoch
from storage.repositories.devices import DeviceRow, register_devices

log = structlog.get_logger(__name__)
_LOOK_EVERY_S = 1.0
_UPKEEP_EVERY_S = 15.0
_FLUSH_S = 3.0
_GOODBYE_S = 5.0


class PartEndedError(RuntimeError):
    """A part of the running system ended although nobody asked it to."""


class System:
    """One region, from MQTT to the page.

    Parameters
    ----------
    settings
        With ``database_url``; without ``mqtt_url`` the embedded broker is run.
    catalogue
        The region.
    listener
        Listening socket of the page.
    stopping
        Ends `run` when it is set; made anew when None.
    mqtt_listener
        Listening socket of the embedded broker; bound as the settings say when None.
    """

    def __init__(
        self,
        settings: Settings,
        catalogue: Catalogue,
        listener: socket.socket,
        stopping: asyncio.Event | None = None,
        mqtt_listener: socket.socket | None = None,
    ) -> None:
        self._settings = settings
        self._catalogue = catalogue
        self._listener = listener
        self._stopping = stopping or asyncio.Event()
        self._mqtt_listener = mqtt_listener
        self._clock = clock_of(settings)
        self._skipped: Callable[[str, OversizePublish], None] = lambda _client, _report: None

    def stop(self) -> None:
        """Ask `run` to end in good order."""
        self._stopping.set()

    async def run(self, ready: Callable[[str], None] | None = None) -> None:
        """Run until `stop`.

        When any part fails, all end and the error is raised: whoever started the process starts it anew.

        Parameters
        ----------
        ready
            Called with the broker's address once everything is made.

        Raises
        ------
        DatabaseUnavailable, MigrationError, StoreUnavailableError, MqttUnavailable
            If a part cannot be had at the start.
        CommandError
            If another control room works on the database.
        NumberError, WordsError, ValueError
            If thresholds, texts or an address cannot be used.
        ExceptionGroup
            Of what a part raised while running.
        """
        sole = SoleUse(lambda: self._settings.database_url)
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(sole.held())
            database, pages = (Database(lambda: self._settings.database_url) for _ in range(2))
            stack.push_async_callback(database.close)
            stack.push_async_callback(pages.close)
            async with database.connection() as connection:
                epoch = await self._prepare(connection)
            journal = await self._open_journal(stack)
            url = self._settings.mqtt_url or await self._embedded_broker(stack)
            outside = Outside(
                database=database, pages=pages, keys=self._keys, epoch=epoch, mqtt_url=url, journal=journal.journal
            )
            parts = compose(self._settings, self._catalogue, outside)
            self._skipped = parts.inlets.take_skipped
            await parts.citizens.begin()
            await parts.desk.open(parts.clock())
            await self._take_up(parts, journal, database)
            if ready is not None:
                ready(str(parts.inlets.sessions[0].address))
            log.info("system.running", region=self._catalogue.id, mode=self._settings.mode)
            await self._run_parts(parts, sole)
        log.info("system.stopped")

    async def _prepare(self, connection: Connection) -> str:
        """Bring the database up to date; return the epoch of the citizens' log."""
        devices = [
            DeviceRow(device.id, kind, device.district)
            for kind in DEVICE_KINDS
            for device in self._catalogue.devices(kind)
        ]
        await migrate(connection)
        await ensure_partitions(connection, self._clock())
        self._keys = await register_devices(connection, devices)
        return await open_epoch(connection, secrets.token_hex(8), self._clock())

    async def _open_journal(self, stack: contextlib.AsyncExitStack) -> SystemJournal:
        journal = SystemJournal(self._settings, self._catalogue)
        stack.push_async_callback(asyncio.to_thread, journal.close)
        return journal

    async def _take_up(self, parts: Composed, journal: SystemJournal, database: Database) -> None:
        """Bring engine and desk to where they were, and begin to feed the database behind what it has."""

        def on_durable(position: int) -> None:
            parts.keeper.settle(position)
            parts.feed.advanced()

        journal.listen(on_durable)
        async with await connect(self._settings.database_url) as connection:
            position = await journal.position_in(connection)
            parts.feed.begin(position, Lateness(self._keys, await newest_times(connection)))
        recovered = await parts.pipeline.take_up(journal.journal)
        now = parts.clock()
        parts.desk.resume(recovered.findings.values(), now)
        if recovered.now_ns is None and self._settings.clock == "wall":
            stored = await stored_slopes(database, parts.registry, self._keys, self._clock())
            parts.pipeline.warm_up(stored, to_ns(now))

    async def _embedded_broker(self, stack: contextlib.AsyncExitStack) -> str:
        host = self._settings.mqtt_host
        plan = keepers(by_device_time=self._settings.clock == "device")
        broker = Broker(
            host,
            self._settings.mqtt_port,
            keepers=plan,
            limits=BrokerLimits(max_connections=allow_connections(BrokerLimits.max_connections)),
            on_oversize=self._note_skipped,
            listener=self._mqtt_listener,
        )
        await broker.start()
        stack.push_async_callback(broker.stop)
        return f"mqtt://{'127.0.0.1' if host in {'', '0.0.0.0'} else host}:{broker.port}"  # noqa: S104

    def _note_skipped(self, client: str, report: OversizePublish) -> None:
        """Pass on to whoever takes note by now: the broker is there before the inlets are."""
        self._skipped(client, report)

    async def _run_parts(self, parts: Composed, sole: SoleUse) -> None:
        """Run everything; at the end first what takes in and sends, then what saves, last what acknowledges."""
        web = WebServer(parts.app, self._listener)
        working = {
            "feed": parts.feed.run(),
            "pipeline": parts.pipeline.run(),
            "citizens": parts.citizens.run(),
            "answers": parts.answers.run(),
            "desk": parts.desk.run(),
            "watch": _show_parts(parts),
            "upkeep": self._keep_up_store(parts),
            "sole use": sole.keep(),
        }
        speaking = {f"mqtt {name}": session.run() for name, session in parts.inlets.named.items()}
        async with asyncio.TaskGroup() as tasks:

            def begin(loops: dict[str, Coroutine[Any, Any, None]]) -> list[asyncio.Task[None]]:
                return [tasks.create_task(self._unending(name, loop), name=name) for name, loop in loops.items()]

            ending = begin({"writer": parts.writer.run(), "web": web.run()})
            sessions = begin(speaking)
            carrying = begin({"courier": parts.courier.run()})
            workers = begin(working)
            await self._stopping.wait()
            parts.courier.stop()
            await asyncio.wait(carrying, timeout=_FLUSH_S)
            await _cancel([*carrying, *workers])
            with contextlib.suppress(StoreUnavailableError, TimeoutError, JournalError):
                async with asyncio.timeout(_FLUSH_S):
                    await parts.keeper.all_safe()
                    await parts.feed.drain()
                    await parts.desk.flush()
            web.stop()
            parts.writer.close()
            await asyncio.wait(ending, timeout=_GOODBYE_S)
            await _cancel([*ending, *sessions])

    async def _keep_up_store(self, parts: Composed) -> None:
        """Roll up, retain and prepare partitions, whenever the database is there; a replay's own is thrown away."""
        pause_s = _UPKEEP_EVERY_S / self._settings.clock_speed
        async with contextlib.AsyncExitStack() as stack:
            store = Database(lambda: self._settings.database_url, size=1)
            stack.push_async_callback(store.close)
            while True:
                await asyncio.sleep(pause_s)
                if self._settings.clock != "wall":
                    continue
                try:
                    async with store.connection() as connection:
                        await parts.upkeep.step(connection, self._clock())
                except (DatabaseUnavailable, psycopg.Error) as exc:
                    log.warning("upkeep.not_done", problem=" ".join(str(exc).split()))

    async def _unending(self, name: str, loop: Coroutine[Any, Any, None]) -> None:
        """Run a loop that must not end before it is told to.

        Raises
        ------
        PartEndedError
            If it ends all the same.
        """
        await loop
        if not self._stopping.is_set():
            raise PartEndedError(f"{name}: expected to go on until the system stops, was over")


async def _cancel(tasks: Iterable[asyncio.Task[None]]) -> None:
    waiting = [task for task in tasks if not task.done()]
    for task in waiting:
        task.cancel()
    if waiting:
        await asyncio.wait(waiting)


async def _show_parts(parts: Composed) -> None:
    while True:
        states = {part.id: part for part in parts.watch.parts()}
        parts.live.apply(Changes(parts=states, counters=parts.watch.counters()), now=parts.clock())
        await asyncio.sleep(_LOOK_EVERY_S)
