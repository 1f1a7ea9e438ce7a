"""The running system of one region: brought up, kept running, and ended in good order."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from collections.abc import Callable, Coroutine

import psycopg
import structlog

from alerts.desk import StoreUnavailableError
from config.catalogue.model import DEVICE_KINDS, Catalogue
from config.settings import Settings
from gwanje.compose import Composed, Outside, compose, utc_now
from gwanje.inlets import keepers
from gwanje.web import WebServer
from ingest.mqtt.broker import Broker
from ingest.mqtt.session import OversizePublish
from ingest.warmup import stored_slopes
from sensors.columns import to_ns
from storage.database import Database
from storage.errors import DatabaseUnavailable
from storage.live import Changes
from storage.migrate import migrate
from storage.partitions import ensure_partitions
from storage.repositories.citizens import open_epoch
from storage.repositories.devices import DeviceRow, register_devices

log = structlog.get_logger(__name__)
_LOOK_EVERY_S = 1.0
_PARTITIONS_EVERY_S = 3600.0
_FLUSH_S = 3.0
_GOODBYE_S = 5.0


class System:
    """One region, from MQTT to the page.

    Parameters
    ----------
    settings
        With ``database_url``; without ``mqtt_url`` the embedded broker is run.
    catalogue
        The region.
    listener
        Bound socket of the page.
    """

    def __init__(self, settings: Settings, catalogue: Catalogue, listener: socket.socket) -> None:
        self._settings = settings
        self._catalogue = catalogue
        self._listener = listener
        self._stopping = asyncio.Event()
        self._skipped: Callable[[str, OversizePublish], None] = lambda _client, _report: None

    def stop(self) -> None:
        """Ask `run` to end in good order."""
        self._stopping.set()

    async def run(self, ready: Callable[[str], None] | None = None) -> None:
        """Run until `stop`.

        Parameters
        ----------
        ready
            Called with the broker's address once everything is made.

        Raises
        ------
        DatabaseUnavailable, MigrationError, MqttUnavailable
            If a part cannot be had at the start.
        """
        database = Database(lambda: self._settings.database_url)
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(database.close)
            parts = compose(self._settings, self._catalogue, await self._outside(database, stack))
            self._skipped = parts.inlets.take_skipped
            await parts.desk.open(parts.clock())
            if self._settings.clock == "wall":
                stored = await stored_slopes(database, parts.registry, self._keys, utc_now())
                parts.pipeline.warm_up(stored, to_ns(parts.clock()))
            if ready is not None:
                ready(str(parts.inlets.sessions[0].address))
            log.info("system.running", region=self._catalogue.id, mode=self._settings.mode)
            await self._run_parts(parts, database)
        log.info("system.stopped")

    async def _outside(self, database: Database, stack: contextlib.AsyncExitStack) -> Outside:
        """Bring the database up to date and start the embedded broker if there is no other."""
        devices = [
            DeviceRow(device.id, kind, device.district)
            for kind in DEVICE_KINDS
            for device in self._catalogue.devices(kind)
        ]
        async with database.connection() as connection:
            await migrate(connection)
            await ensure_partitions(connection, utc_now())
            self._keys = await register_devices(connection, devices)
            epoch = await open_epoch(connection, secrets.token_hex(8), utc_now())
        url = self._settings.mqtt_url or await self._embedded_broker(stack)
        return Outside(database=database, keys=self._keys, epoch=epoch, mqtt_url=url)

    async def _embedded_broker(self, stack: contextlib.AsyncExitStack) -> str:
        host = self._settings.mqtt_host
        plan = keepers(by_device_time=self._settings.clock == "device")
        broker = Broker(
            host,
            self._settings.mqtt_port,
            keepers=plan,
            on_oversize=self._note_skipped,
        )
        await broker.start()
        stack.push_async_callback(broker.stop)
        return f"mqtt://{'127.0.0.1' if host in {'', '0.0.0.0'} else host}:{broker.port}"  # noqa: S104

    def _note_skipped(self, client: str, report: OversizePublish) -> None:
        """Pass on to whoever takes note by now: the broker is there before the inlets are."""
        self._skipped(client, report)

    async def _run_parts(self, parts: Composed, database: Database) -> None:
        web = WebServer(parts.app, self._listener)
        loops: dict[str, Coroutine[None, None, None]] = {
            "pipeline": parts.pipeline.run(),
            "desk": parts.desk.run(),
            "courier": parts.courier.run(),
            "answers": parts.answers.run(),
            "watch": _show_parts(parts),
            "partitions": _keep_partitions(database),
            "mqtt-commands": parts.inlets.commands.run(),
            **{f"mqtt-{lane}": session.run() for lane, session in enumerate(parts.inlets.sessions)},
        }
        async with asyncio.TaskGroup() as tasks:
            writing = tasks.create_task(parts.writer.run(), name="writer")
            serving = tasks.create_task(web.run(), name="web")
            running = [tasks.create_task(loop, name=name) for name, loop in loops.items()]
            await self._stopping.wait()
            for task in running:
                task.cancel()
            await asyncio.wait(running)
            with contextlib.suppress(StoreUnavailableError, TimeoutError):
                async with asyncio.timeout(_FLUSH_S):
                    await parts.desk.flush()
            web.stop()
            parts.writer.close()
            await asyncio.wait([writing, serving], timeout=_GOODBYE_S)
            writing.cancel()
            serving.cancel()


async def _show_parts(parts: Composed) -> None:
    while True:
        states = {part.id: part for part in parts.watch.parts()}
        parts.live.apply(Changes(parts=states, counters=parts.watch.counters()), now=parts.clock())
        await asyncio.sleep(_LOOK_EVERY_S)


async def _keep_partitions(database: Database) -> None:
    while True:
        await asyncio.sleep(_PARTITIONS_EVERY_S)
        try:
            async with database.connection() as connection:
                await ensure_partitions(connection, utc_now())
        except (DatabaseUnavailable, psycopg.Error) as exc:
            log.warning("partitions.not_made", problem=" ".join(str(exc).split()))
