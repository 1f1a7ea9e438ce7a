"""``gwanje serve``: the control system against an outside database, and an outside or the embedded broker."""

from __future__ import annotations

import argparse
import asyncio
import contextlib

import structlog

from alerts.desk_store import StoreUnavailableError
from config.catalogue.model import Catalogue
from config.numbers import NumberError
from config.settings import Settings
from config.words import WordsError
from gwanje.collector import settle
from gwanje.errors import CommandError, first_of
from gwanje.listener import MQTT_VARIABLE, PAGE_VARIABLE, bind, inherited
from gwanje.logs import configure_logs
from gwanje.regions import region_of
from gwanje.running import run_until_signal, settings_from
from gwanje.system import System
from ingest.mqtt.address import check_reachable, parse_url
from ingest.mqtt.errors import MqttUnavailable
from storage.errors import StorageError

log = structlog.get_logger(__name__)


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
    parser.add_argument("--scale", help="national, or a share of it such as 0.25: a country in place of the region")
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
    if settings.mqtt_url:
        try:
            parse_url(settings.mqtt_url)
        except ValueError as exc:
            raise CommandError(f"GWANJE_MQTT_URL: {exc}") from None
    catalogue = region_of(settings)
    try:
        run_until_signal(lambda stopping: _serve(settings, catalogue, stopping))
    except (StorageError, StoreUnavailableError, MqttUnavailable, NumberError, WordsError) as exc:
        raise CommandError(str(exc)) from None
    except ExceptionGroup as group:
        log.error("system.failed", exc_info=group)
        problem = first_of(group)
        said = str(problem) if isinstance(problem, CommandError) else f"{type(problem).__name__}: {problem}"
        raise CommandError(f"a part of the system failed: {said}") from None
    return 0


async def _serve(settings: Settings, catalogue: Catalogue, stopping: asyncio.Event) -> None:
    if settings.mqtt_url:
        await check_reachable(settings.mqtt_url)
    with contextlib.ExitStack() as sockets:
        listener = sockets.enter_context(inherited(PAGE_VARIABLE) or bind(settings.host, settings.port))
        mqtt = inherited(MQTT_VARIABLE)
        if mqtt is not None:
            sockets.enter_context(mqtt)
        page = "{}:{}".format(*listener.getsockname()[:2])

        def ready(broker: str) -> None:
            settle()
            log.info("system.ready", page=page, broker=broker)

        await System(settings, catalogue, listener, stopping, mqtt).run(ready)
