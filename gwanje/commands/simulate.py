"""``gwanje simulate``: the devices of a scenario against any broker."""

from __future__ import annotations

import argparse
import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path

from config.catalogue.model import Catalogue
from config.settings import Settings
from gwanje.errors import CommandError, first_of
from gwanje.logs import configure_logs
from gwanje.open_files import SPARE, allow_connections
from gwanje.pace import clock_of, since_now
from gwanje.regions import region_of
from gwanje.running import check_seed, run_until_signal, settings_from
from simulators.causes.files import load_scenario, scenario_names
from simulators.devices.fleet import count_connections
from simulators.errors import SimulatorError
from simulators.placement.places import place_scenario
from simulators.run import run as run_simulation
from simulators.truth.folder import begin_run, header_of
from simulators.truth.recorder import TruthRecorder
from simulators.truth.writer import TruthWriter


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("scenario", nargs="?", default="calm", help=f"one of {', '.join(scenario_names())}")
    parser.add_argument("--region", help="name or folder of the region")
    parser.add_argument("--mqtt-url", help="broker, mqtt://user:password@host:port")
    parser.add_argument("--seed", type=int, help="seed of everything random; the scenario's own without it")
    parser.add_argument(
        "--speed",
        type=float,
        dest="clock_speed",
        help="how many times faster than the wall's the devices' time runs, 1 to 200; whoever listens has to know",
    )
    parser.add_argument("--scale", help="national, or a share of it such as 0.25: a country in place of the region")
    parser.add_argument(
        "--run", type=Path, dest="run_dir", metavar="DIR", help="new or empty folder: write there what really happens"
    )
    parser.add_argument("--check", action="store_true", help="only hold the scenario against the region")
    parser.add_argument("--data-dir", help="folder for generated regions")
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    """Simulate until a signal."""
    folder: Path | None = parsed.run_dir
    del parsed.run_dir
    check_seed(parsed.seed)
    settings = settings_from(parsed)
    configure_logs(settings.log_format)
    if parsed.check:
        return _check(parsed.scenario, settings)
    if not settings.mqtt_url:
        raise CommandError(
            "GWANJE_MQTT_URL: expected mqtt://host:port, was not set; `gwanje up` prints the address of its broker"
        )
    try:
        scenario = load_scenario(parsed.scenario)
        catalogue = region_of(settings)
        _make_room(catalogue)
        clock = clock_of(since_now(settings))
        keep = None if folder is None else partial(_kept, folder, catalogue, parsed, settings)

        async def simulate(stopping: asyncio.Event) -> None:
            started = asyncio.Event()
            async with asyncio.TaskGroup() as tasks:
                devices = tasks.create_task(
                    run_simulation(
                        catalogue,
                        scenario,
                        settings.mqtt_url,
                        seed=parsed.seed,
                        clock=clock,
                        speed=settings.clock_speed,
                        started=started,
                        keep=keep,
                    )
                )
                settling = tasks.create_task(_settle(started))
                await stopping.wait()
                settling.cancel()
                devices.cancel()

        run_until_signal(simulate)
    except* SimulatorError as group:
        raise CommandError(str(first_of(group))) from None
    except* OSError as group:
        raise CommandError(f"--run: expected a folder that can be written, was {folder} ({first_of(group)})") from None
    return 0


def _check(name: str, settings: Settings) -> int:
    """Say what is wrong with a scenario in a region, or that nothing is."""
    try:
        scenario = load_scenario(name)
        place_scenario(scenario, region_of(settings))
    except SimulatorError as exc:
        raise CommandError(str(exc)) from None
    print(f"{name}: {scenario.title.ko} · {scenario.title.en}: every event has its place")
    return 0


async def _settle(started: asyncio.Event) -> None:
    """Spare the garbage collector what stays until the end: a million objects of a country and its connections."""
    await started.wait()
    gc.collect()
    gc.freeze()


def _make_room(catalogue: Catalogue) -> None:
    """See to it that every connection of a region can be open at once."""
    wanted = count_connections(catalogue)
    room = allow_connections(wanted)
    if room < wanted:
        raise CommandError(
            f"open files: expected a limit of at least {wanted + SPARE} for the {wanted} connections of region "
            f"{catalogue.id}, was {room + SPARE}; raise the hard limit (`ulimit -Hn`, LimitNOFILE of a service)"
        )


@contextmanager
def _kept(
    folder: Path, catalogue: Catalogue, parsed: argparse.Namespace, settings: Settings, start: datetime
) -> Iterator[TruthRecorder]:
    """Begin a run in a folder."""
    scenario = load_scenario(parsed.scenario)
    header = header_of(
        catalogue,
        scenario=Path(parsed.scenario).stem,
        title=scenario.title,
        seed=scenario.seed if parsed.seed is None else parsed.seed,
        start=start,
        duration_s=None,
        mode=settings.mode,
        program=version("gwanje"),
    )
    begin_run(folder, header)
    with TruthWriter(folder) as writer:
        yield TruthRecorder(writer, start)
