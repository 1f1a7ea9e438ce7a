"""``gwanje record``: write what devices say into a recording."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

import aiomqtt

from gwanje.compose import utc_now
from gwanje.errors import CommandError
from gwanje.progress import Progress
from gwanje.running import region_of, run_until_signal, settings_from
from simulators.errors import SimulatorError
from simulators.record import record
from simulators.recording import FORMAT, VERSION, Header, RecordingWriter, catalogue_digest


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
    if not settings.mqtt_url:
        raise CommandError("GWANJE_MQTT_URL: expected mqtt://host:port, was not set; `gwanje up` prints the address")
    digest = catalogue_digest(region_of(settings))
    header = Header(format=FORMAT, version=VERSION, region=settings.region, digest=digest, started=utc_now())
    counts: list[int] = []

    async def program(stopping: asyncio.Event) -> None:
        if parsed.minutes is not None:
            asyncio.get_running_loop().call_later(parsed.minutes * 60.0, stopping.set)
        with RecordingWriter(parsed.file, header) as writer, Progress("recorded", None) as bar:
            counts.append(await record(writer, settings.mqtt_url, clock=utc_now, stopping=stopping, progress=bar.show))

    try:
        run_until_signal(program)
    except* (SimulatorError, aiomqtt.MqttError, OSError) as group:
        raise CommandError(f"{settings.mqtt_url.rpartition('@')[2]}: {group.exceptions[0]}") from None
    print(f"{counts[0]} messages in {parsed.file}")
    return 0
