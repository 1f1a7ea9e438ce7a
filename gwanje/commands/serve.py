"""``gwanje serve``: the control system against an outside database, and an outside or the embedded broker."""

from __future__ import annotations

import argparse
import asyncio

from config.catalogue.model import Catalogue
from config.numbers import NumberError
from config.settings import Settings
from config.words import WordsError
from gwanje.errors import CommandError
from gwanje.logs import configure_logs
from gwanje.running import region_of, run_until_signal, settings_from
from gwanje.system import System
from gwanje.web import bind
from ingest.mqtt.address import check_reachable
from ingest.mqtt.errors import MqttUnavailable
from storage.errors import StorageError


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options; each is also a setting in the environment."""
    parser.add_argument("--role", choices=["all"], default="all", help="which parts to run; one process runs all")
    parser.add_argument("--region", help="name or folder of the region")
    parser.add_argument("--host", help="address of the page")
    parser.add_argument("--port", type=int, help="port of the page")
    parser.add_argument("--mqtt-url", help="outside broker; without it the embedded one is run")
    parser.add_argument("--database-url", help="PostgreSQL")
    parser.add_argument("--mode", choices=["live", "exercise", "test"], help="what every text and screen says it is")
    parser.add_argument("--clock", choices=["wall", "device"], help="device: the engine's time is the messages'")
    parser.add_argument("--data-dir", help="folder for generated regions")
    parser.add_argument("--findings", help="file to which every finding is appended")
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    """Serve until a signal."""
    settings = settings_from(parsed)
    configure_logs(settings.log_format)
    if not settings.database_url:
        raise CommandError(
            "GWANJE_DATABASE_URL: expected postgresql://user:password@host:port/database, was not set; "
            "`gwanje up` brings its own database"
        )
    catalogue = region_of(settings)
    try:
        run_until_signal(lambda stopping: _serve(settings, catalogue, stopping))
    except* (StorageError, MqttUnavailable, NumberError, WordsError, ValueError) as group:
        raise CommandError(str(_first(group))) from None
    return 0


async def _serve(settings: Settings, catalogue: Catalogue, stopping: asyncio.Event) -> None:
    if settings.mqtt_url:
        await check_reachable(settings.mqtt_url)
    with bind(settings.host, settings.port) as listener:
        system = System(settings, catalogue, listener)

        async def stop_in_time() -> None:
            await stopping.wait()
            system.stop()

        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(stop_in_time())
            await system.run()
            waiting.cancel()


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
