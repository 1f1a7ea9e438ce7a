"""``gwanje sumo``: the loop detectors of a SUMO simulation as detection stations."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

from config.catalogue.model import Name
from config.numbers import NumberError
from config.settings import Settings
from config.words import WordsError
from gwanje.errors import CommandError, first_of
from gwanje.logs import configure_logs
from gwanje.progress import Progress
from gwanje.rehearsal.rehearse import OBSERVE_EVERY_S, Plan, rehearse
from gwanje.running import run_until_signal, settings_from
from simulators.errors import SimulatorError
from simulators.sumo.bridge import FASTER_THAN_KMH, Prepared, SumoSimulation, prepare
from simulators.sumo.example import build_example, example_names
from simulators.sumo.live import send
from simulators.sumo.loops import write_loops
from simulators.sumo.region import PERIOD_S, save_sumo_region
from simulators.truth.folder import RunHeader, begin_run, header_of
from simulators.truth.recorder import TruthRecorder
from simulators.truth.writer import TruthWriter

T = TypeVar("T")
LOOPS_FILE = "loops.add.xml"
_MOST_SEED = 2**31 - 1
_OFFLINE_START = datetime(2026, 4, 8, tzinfo=UTC)
"""Device time at the begin of an offline run unless another is given: a fixed one, for runs to be the same."""
_FOREVER_S = 7 * 86_400.0
"""An offline run of a simulation without an end stops here at the latest [s]."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "configuration", type=Path, metavar="CONFIG.sumocfg",
        help=f"a SUMO configuration, or the example {' or '.join(example_names())}",
    )  # fmt: skip
    parser.add_argument("--region-out", type=Path, metavar="DIR", help="write the region's folder, for --region")
    parser.add_argument("--mqtt-url", help="send to this broker, mqtt://user:password@host:port")
    parser.add_argument(
        "--run", type=Path, dest="folder", metavar="DIR",
        help="write what happened there; without a broker, rehearse the control room and write what it said too",
    )  # fmt: skip
    parser.add_argument("--again", action="store_true", help="begin anew in a folder that holds an earlier run")
    parser.add_argument("--incidents", type=Path, metavar="FILE", help="TOML file of vehicles that stop")
    parser.add_argument("--speed", default="1", help="how many times faster than real time, or max; 1 without it")
    parser.add_argument("--seed", type=int, help="SUMO's random seed; the configuration's own without it")
    parser.add_argument("--start", help="device time at the begin, RFC 3339; now without it, a fixed day offline")
    parser.add_argument("--seconds", type=float, help="end after so much of simulation time")
    parser.add_argument(
        "--loops-every", type=float, metavar="METRES", help="use loops placed this far apart, not the network's own"
    )
    parser.add_argument(
        "--loops-faster-than", type=float, metavar="KMH", default=FASTER_THAN_KMH,
        help=f"place them on edges with a higher limit, {FASTER_THAN_KMH:g} without it",
    )  # fmt: skip
    parser.add_argument("--timezone", default="Asia/Seoul", help="IANA name, of the region")
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    """Write the region, send, rehearse: what the options ask for."""
    folder, given_seed = parsed.folder, parsed.seed
    settings = settings_from(parsed)
    configure_logs(settings.log_format)
    speed = _speed(parsed.speed)
    if given_seed is not None and not 0 <= given_seed <= _MOST_SEED:
        raise CommandError(f"--seed: expected a whole number from 0 to {_MOST_SEED}, was {given_seed}")
    if parsed.seconds is not None and not 0 < parsed.seconds <= _FOREVER_S:
        raise CommandError(f"--seconds: expected a time above 0 and up to {_FOREVER_S:g}, was {parsed.seconds:g}")
    if not (settings.mqtt_url or folder or parsed.region_out):
        raise CommandError("expected --mqtt-url, --run or --region-out, was none of them: there is nothing to do")
    try:
        with _configuration(parsed.configuration) as configuration:
            prepared = prepare(
                configuration,
                incidents=parsed.incidents,
                loops_every_m=parsed.loops_every,
                loops_faster_than_kmh=parsed.loops_faster_than,
                timezone=parsed.timezone,
            )
            _describe(prepared)
            if parsed.region_out is not None:
                _save(prepared, parsed.region_out, placed=parsed.loops_every is not None)
            if settings.mqtt_url:
                _send(prepared, settings, parsed, speed)
            elif folder is not None:
                _rehearse(prepared, settings, parsed)
    except* (SimulatorError, NumberError, WordsError) as group:
        raise CommandError(str(first_of(group))) from None
    return 0


@contextmanager
def _configuration(given: Path) -> Iterator[Path]:
    """Give the configuration; that of an example is built for as long as it is used."""
    if given.exists() or str(given) not in example_names():
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="gwanje-sumo-") as folder:
        yield build_example(str(given), Path(folder))


def _describe(prepared: Prepared) -> None:
    catalogue, region = prepared.catalogue, prepared.region
    print(
        f"{catalogue.id}: {len(catalogue.roads)} roads, {len(catalogue.links)} links, {len(catalogue.vds)} stations "
        f"with {len(prepared.loops)} loops, {len(prepared.incidents)} incidents"
    )
    if region.doubled or region.left_out:
        print(f"not used: {region.doubled} loops beside another, {region.left_out} where no car may go")


def _save(prepared: Prepared, folder: Path, *, placed: bool) -> None:
    try:
        save_sumo_region(prepared.region, folder)
        if placed:
            write_loops(prepared.loops, folder / LOOPS_FILE, PERIOD_S)
    except OSError as exc:
        raise CommandError(
            f"--region-out: expected a folder that can be written, was {folder} ({exc.strerror})"
        ) from None
    print(f"region written to {folder}; use it with --region {folder}")


def _send(prepared: Prepared, settings: Settings, parsed: argparse.Namespace, speed: float | None) -> None:
    start = _start(parsed.start, datetime.now(UTC))
    folder = parsed.folder
    if folder is not None:
        _begin(folder, _header(prepared, settings, parsed, start), again=parsed.again)

    async def program(stopping: asyncio.Event) -> None:
        with (
            SumoSimulation(prepared, start, seed=parsed.seed, qos=1 if speed is None else 0) as simulation,
            Progress("sent", None) as bar,
            _Observer(simulation, folder, start) as observer,
        ):

            def reached(time_s: float) -> None:
                observer.look(time_s)
                bar.show(int(time_s / PERIOD_S) * len(simulation.endpoints))

            async with asyncio.TaskGroup() as tasks:
                sending = tasks.create_task(
                    send(simulation, settings.mqtt_url, speed=speed, reached=reached, until_s=parsed.seconds)
                )
                waiting = tasks.create_task(stopping.wait())
                await asyncio.wait((sending, waiting), return_when=asyncio.FIRST_COMPLETED)
                sending.cancel()
                waiting.cancel()
            _warn(simulation)

    run_until_signal(program)


class _Observer:
    """Writes the truth of a run as it goes, or nothing."""

    def __init__(self, simulation: SumoSimulation, folder: Path | None, start: datetime) -> None:
        self._simulation = simulation
        self._writer = None if folder is None else TruthWriter(folder)
        self._recorder = None if self._writer is None else TruthRecorder(self._writer, start)
        self._next_s = 0.0

    def __enter__(self) -> _Observer:
        return self

    def __exit__(self, *_: object) -> None:
        if self._recorder is not None and self._writer is not None:
            self._recorder.close(self._simulation.time_s)
            self._writer.__exit__(None, None, None)

    def look(self, time_s: float) -> None:
        """Take what is so, every now and then."""
        if self._recorder is not None and time_s >= self._next_s:
            self._recorder.observe(self._simulation.snapshot(time_s), time_s)
            self._next_s = time_s + OBSERVE_EVERY_S


def _rehearse(prepared: Prepared, settings: Settings, parsed: argparse.Namespace) -> None:
    """Run the whole control room in this process, as fast as it goes."""
    start = _start(parsed.start, _OFFLINE_START)
    header = _header(prepared, settings, parsed, start)
    if header.duration_s is None:
        raise CommandError(f"--seconds: expected a time, for {parsed.configuration} has no end; was not given")
    plan = Plan(folder=parsed.folder, header=header, duration_s=header.duration_s, again=parsed.again)
    began_s = time.monotonic()
    with (
        SumoSimulation(prepared, start, seed=parsed.seed) as simulation,
        Progress("rehearsed", int(header.duration_s)) as bar,
    ):
        done = _written(parsed.folder, lambda: asyncio.run(
            rehearse(prepared.catalogue, simulation, simulation, plan, lambda time_s: bar.show(int(time_s)))
        ))  # fmt: skip
        _warn(simulation)
    spent_s = time.monotonic() - began_s
    print(
        f"{parsed.folder}: {header.duration_s / 3_600.0:g} h in {spent_s:.1f} s, {done.messages} messages, "
        f"{done.dead_letters} dead letters, {done.truth_lines} lines of truth, {done.said_lines} said"
    )


def _header(prepared: Prepared, settings: Settings, parsed: argparse.Namespace, start: datetime) -> RunHeader:
    duration_s = prepared.configuration.duration_s
    if parsed.seconds is not None:
        duration_s = parsed.seconds if duration_s is None else min(duration_s, parsed.seconds)
    title = f"SUMO {parsed.configuration.stem}"
    return header_of(
        prepared.catalogue,
        scenario=parsed.configuration.stem,
        title=Name(title, title),
        seed=parsed.seed or 0,
        start=start,
        duration_s=duration_s,
        mode=settings.mode,
        program=version("gwanje"),
    )


def _begin(folder: Path, header: RunHeader, *, again: bool) -> None:
    _written(folder, lambda: begin_run(folder, header, again=again))


def _written(folder: Path, action: Callable[[], T]) -> T:
    try:
        return action()
    except OSError as exc:
        raise CommandError(f"--run: expected a folder that can be written, was {folder} ({exc.strerror})") from None


def _warn(simulation: SumoSimulation) -> None:
    if simulation.teleports:
        print(
            f"SUMO moved {simulation.teleports} vehicles out of jams or collisions (time-to-teleport): "
            "queues were shorter than they should be"
        )


def _start(text: str | None, default: datetime) -> datetime:
    if text is None:
        return default
    try:
        start = datetime.fromisoformat(text)
    except ValueError:
        start = None
    if start is None or start.utcoffset() is None:
        raise CommandError(f"--start: expected an RFC 3339 time with its offset, was {text!r}")
    return start.astimezone(UTC)


def _speed(text: str) -> float | None:
    try:
        speed = None if text == "max" else float(text)
    except ValueError:
        speed = 0.0
    if speed is not None and not 0 < speed < float("inf"):
        raise CommandError(f"--speed: expected a number above 0, or max, was {text!r}")
    return speed
