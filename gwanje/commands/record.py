"""``gwanje record``: write what devices say into a recording."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

import aiomqtt

from config.catalogue.digest import catalogue_digest
from gwanje.errors import CommandError, first_of
from gwanje.logs import configure_logs
from gwanje.pace import utc_now
from gwanje.progress import Progress
from gwanje.regions import region_of
from gwanje.running import run_until_signal, settings_from
from simulators.errors import SimulatorError
from simulators.record import record
from simulators.recording import FORMAT, VERSION, Header, RecordingWriter


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("file", type=Path, help="where to write, by custom NAME.jsonl.gz")
    parser.add_argument("--mqtt-url", help="broker, mqtt://user:password@host:port")
    parser.add_argument("--region", help="name or folder of the region that the devices stand in")
    parser.add_argument("--minutes", type=float, help="stop after so long; until Ctrl-C without it")
    parser.add_argument("--data-dir", help="folder for generated regions")
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    """Record until a signal or the end of the time."""
    settings = settings_from(parsed)
    configure_logs(settings.log_format)
    if not settings.mqtt_url:
        raise CommandError("GWANJE_MQTT_URL: expected mqtt://host:port, was not set; `gwanje up` prints the address")
    if parsed.minutes is not None and not parsed.minutes > 0:
        raise CommandError(f"--minutes: expected a number above 0, was {parsed.minutes:g}")
    digest = catalogue_digest(region_of(settings))
    header = Header(format=FORMAT, version=VERSION, region=settings.region, digest=digest, started=utc_now())
    try:
        writer = RecordingWriter(parsed.file, header)
    except OSError as exc:
        raise CommandError(f"{parsed.file}: expected a file that can be written, was not ({exc.strerror})") from None

    async def program(stopping: asyncio.Event) -> None:
        if parsed.minutes is not None:
            asyncio.get_running_loop().call_later(parsed.minutes * 60.0, stopping.set)
        with Progress("recorded", None) as bar:
            await record(writer, settings.mqtt_url, clock=utc_now, stopping=stopping, progress=bar.show)

    try:
        with writer:
            run_until_signal(program)
    except* (SimulatorError, aiomqtt.MqttError) as group:
        raise CommandError(f"{settings.mqtt_url.rpartition('@')[2]}: {first_of(group)}") from None
    except* OSError as group:
        raise CommandError(f"{parsed.file}: {first_of(group)}") from None
    print(f"{writer.count} messages in {parsed.file}")
    return 0
