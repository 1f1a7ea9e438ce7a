"""``gwanje replay``: recordings and field data through the broker, the engine and the page, on device time."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterator
from pathlib import Path

import aiomqtt
import msgspec

from config.catalogue.digest import catalogue_digest
from config.catalogue.model import Catalogue
from config.catalogue.save import save_region
from config.settings import Settings
from gwanje.commands.up import say, show_change
from gwanje.errors import CommandError, first_of
from gwanje.logs import configure_logs
from gwanje.progress import Progress
from gwanje.regions import region_of
from gwanje.running import data_folder, run_until_signal, settings_from
from gwanje.stack import Stack, begin_anew, only_one, with_port
from simulators.detector_array import KMH_PER_MPH, DetectorArray, load_detector_array
from simulators.errors import SimulatorError
from simulators.recording import Recorded, read_header, read_messages
from simulators.replay import replay

_SPEED_LIMIT_MPH = 70.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("file", type=Path, help="a recording by `gwanje record`, or a detector array (.npz)")
    parser.add_argument("--speed", default="max", help="how many times faster than it happened, or max")
    parser.add_argument("--mqtt-url", help="only send there; without it a whole system is brought up for the replay")
    parser.add_argument("--findings", type=Path, help="file for the findings, one JSON object a line; begun anew")
    parser.add_argument("--exit", action="store_true", help="stop when everything was sent and taken in")
    parser.add_argument("--region", help="name or folder of the region, for a recording")
    parser.add_argument("--speed-limit-kmh", type=float, help="of a detector array; 70 mph without it")
    parser.add_argument("--port", type=int, help="port of the page, 8000 without it")
    parser.add_argument("--host", help="address of the page")
    parser.add_argument("--data-dir", help="folder for the replay's own database; the user's data folder without it")
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    """Replay."""
    findings = None if parsed.findings is None else parsed.findings.resolve()
    del parsed.findings
    settings = settings_from(parsed)
    configure_logs(settings.log_format)
    speed = _speed(parsed.speed)
    source = _Source(parsed.file, settings, parsed.speed_limit_kmh)
    if settings.mqtt_url:
        _send_only(source, settings, speed)
    else:
        _whole_system(source, settings, speed, findings, leave=parsed.exit)
    return 0


class _Source:
    """What is replayed, and the region that it happened in."""

    def __init__(self, path: Path, settings: Settings, speed_limit_kmh: float | None) -> None:
        self.path = path
        self.name = path.name.split(".")[0] or "recording"
        self._array: DetectorArray | None = None
        if not path.is_file():
            raise CommandError(f"{path}: expected a recording or a detector array, was no file")
        try:
            if path.suffix == ".npz":
                self._array = load_detector_array(path)
                limit_kmh = speed_limit_kmh or _SPEED_LIMIT_MPH * KMH_PER_MPH
                self.catalogue: Catalogue = self._array.catalogue(limit_kmh)
                self.total: int | None = len(self._array.times)
                return
            header = read_header(path)
        except SimulatorError as exc:
            raise CommandError(str(exc)) from None
        self.total = None
        self.catalogue = region_of(msgspec.structs.replace(settings, region=header.region))
        if catalogue_digest(self.catalogue) != header.digest:
            raise CommandError(
                f"{path}: it was recorded in another version of region {header.region}; "
                "give the folder of that one with --region"
            )

    def messages(self) -> Iterator[Recorded]:
        if self._array is not None:
            return self._array.messages(self.catalogue)
        return read_messages(self.path)


def _speed(text: str) -> float | None:
    try:
        speed = None if text == "max" else float(text)
    except ValueError:
        speed = 0.0
    if speed is not None and not speed > 0:
        raise CommandError(f"--speed: expected a number above 0, or max, was {text!r}")
    return speed


async def _send(source: _Source, url: str, speed: float | None) -> int:
    with Progress("sent", source.total) as bar:
        return await replay(source.messages(), url, speed=speed, progress=bar.show)


def _send_only(source: _Source, settings: Settings, speed: float | None) -> None:
    async def program(stopping: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as tasks:
            sending = tasks.create_task(_send(source, settings.mqtt_url, speed))
            waiting = tasks.create_task(stopping.wait())
            await asyncio.wait((sending, waiting), return_when=asyncio.FIRST_COMPLETED)
            sending.cancel()
            waiting.cancel()

    try:
        run_until_signal(program)
    except* (SimulatorError, aiomqtt.MqttError) as group:
        raise CommandError(f"{settings.mqtt_url.rpartition('@')[2]}: {first_of(group)}") from None


def _whole_system(
    source: _Source, settings: Settings, speed: float | None, findings: Path | None, *, leave: bool
) -> None:
    """Bring up a system of its own, in test mode, on its own database: a replay never mixes with what is live."""
    folder = data_folder(settings).resolve() / "replay" / source.name
    folder.mkdir(parents=True, exist_ok=True)
    with only_one(folder):
        if findings is not None:
            _begin(findings)
        begin_anew(folder)
        save_region(source.catalogue, folder / "region")
        settings = with_port(
            msgspec.structs.replace(
                settings,
                region=str(folder / "region"),
                data_dir=str(folder),
                mode="test",
                clock="device",
                findings="" if findings is None else str(findings),
            )
        )
        stack = Stack(settings, folder, None, make_region=False)

        async def program(stopping: asyncio.Event) -> None:
            address: asyncio.Future[str] = asyncio.get_running_loop().create_future()

            def ready(mqtt_url: str) -> None:
                say(f"dashboard  {stack.url}")
                address.set_result(mqtt_url)

            async def send() -> None:
                # Every message is acknowledged when it is stored, and stored when the engine has had it.
                await _send(source, await address, speed)
                if leave:
                    stopping.set()
                else:
                    say("everything is sent; the page stays until Ctrl-C")

            async with asyncio.TaskGroup() as tasks:
                sending = tasks.create_task(send())
                await stack.run(stopping, ready, show_change)
                sending.cancel()

        try:
            run_until_signal(program)
        except* CommandError as group:
            raise CommandError(str(first_of(group))) from None
        except* (SimulatorError, aiomqtt.MqttError) as group:
            raise CommandError(str(first_of(group))) from None


def _begin(findings: Path) -> None:
    try:
        findings.write_bytes(b"")
    except OSError as exc:
        problem = (exc.strerror or str(exc)).lower()
        raise CommandError(f"--findings: expected a file that can be written, was {findings} ({problem})") from None
