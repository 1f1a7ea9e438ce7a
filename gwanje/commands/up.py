"""``gwanje up``: everything in one place, on a simulated region.

This process only watches over others: it imports nothing that computes, so that it stays small.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from importlib.resources import files
from pathlib import Path

import msgspec

from config.settings import Settings
from gwanje.embedded.supervise import PartStatus
from gwanje.errors import CommandError
from gwanje.logs import configure_logs
from gwanje.pace import since_now
from gwanje.running import check_seed, data_folder, run_until_signal, settings_from
from gwanje.stack import Stack, begin_anew, only_one, with_port


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--scenario", default="calm", help=f"what happens: {', '.join(scenarios())}, or the path of a .toml file"
    )
    parser.add_argument("--port", type=int, help="port of the page, 8000 without it")
    parser.add_argument("--host", help="address of the page")
    parser.add_argument("--scale", help="national, or a share of it such as 0.25: a country in place of the region")
    parser.add_argument("--data-dir", help="folder for database, regions and logs; the user's data folder without it")
    parser.add_argument("--region", help="name or folder of the region")
    parser.add_argument(
        "--speed",
        type=float,
        dest="clock_speed",
        help="rehearse faster than time passes, 1 to 200 times, on a database of its own that is begun anew",
    )
    parser.add_argument("--seed", type=int, help="seed of everything random; the scenario's own without it")
    parser.add_argument(
        "--run",
        dest="run_dir",
        metavar="DIR",
        help="new or empty folder for what happens and what is said",
    )
    parser.add_argument("--no-devices", action="store_true", help="bring no simulated devices")
    parser.set_defaults(run=run)


def scenarios() -> list[str]:
    """Return the names of the scenarios that come along, without importing the simulators."""
    folder = files("simulators") / "scenarios"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def run(parsed: argparse.Namespace) -> int:
    """Run until Ctrl-C."""
    started_s = time.monotonic()
    check_seed(parsed.seed)
    settings = settings_from(parsed)
    configure_logs(settings.log_format)
    regions = data_folder(settings).resolve()
    fast = settings.clock_speed != 1.0
    folder = regions / "rehearsal" if fast else regions
    folder.mkdir(mode=0o700, exist_ok=True)
    settings = with_port(since_now(msgspec.structs.replace(settings, data_dir=str(regions))))
    parsed.scenario = scenario_of(parsed.scenario)
    if settings.run_dir:
        settings = msgspec.structs.replace(settings, run_dir=str(run_folder(settings.run_dir)))
    devices = None if parsed.no_devices else ("simulators", _devices(parsed, settings))
    own = parsed.scenario.endswith(".toml") and not parsed.no_devices
    stack = Stack(settings, folder, devices, check=["simulate", parsed.scenario, "--check"] if own else ())

    def ready(mqtt_url: str) -> None:
        say(f"ready in {time.monotonic() - started_s:.1f} s")
        say(f"dashboard  {stack.url}")
        say(f"citizens   {stack.url}/citizen.html")
        say(f"MQTT       {mqtt_url}")
        pace = f"   ·   {settings.clock_speed:g} times as fast" if fast else ""
        say(f"scenario   {'none' if devices is None else parsed.scenario}{pace}   ·   stop with Ctrl-C")

    async def program(stopping: asyncio.Event) -> None:
        say(f"region {settings.region} …")
        await stack.run(stopping, ready, show_change)

    with only_one(folder):
        if fast:
            begin_anew(folder)
        run_until_signal(program)
    say("stopped")
    return 0


def _devices(parsed: argparse.Namespace, settings: Settings) -> list[str]:
    """Return the arguments of the process that brings the devices."""
    seed = [] if parsed.seed is None else ["--seed", str(parsed.seed)]
    return ["simulate", parsed.scenario, *seed, *(["--run", settings.run_dir] if settings.run_dir else [])]


def scenario_of(name: str) -> str:
    """Return a scenario's name, or the absolute path of its file.

    Raises
    ------
    CommandError
        If there is none; what is wrong inside a file is told by the process that brings the devices.
    """
    if name.endswith(".toml"):
        if not Path(name).is_file():
            raise CommandError(f"--scenario: expected a file, was {name}")
        return str(Path(name).resolve())
    if name not in scenarios():
        raise CommandError(f"--scenario: expected one of {', '.join(scenarios())}, or a .toml file, was {name!r}")
    return name


def run_folder(path: str) -> Path:
    """Make the folder of a run and return its absolute path.

    Raises
    ------
    CommandError
        If it holds something, or cannot be made.
    """
    folder = Path(path).expanduser().resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        there = sorted(entry.name for entry in folder.iterdir())
    except OSError as exc:
        raise CommandError(f"--run: expected a folder that can be written, was {path} ({exc.strerror})") from None
    if there:
        raise CommandError(f"--run: expected a new or empty folder, was {path}, which holds {there[0]}")
    return folder


def show_change(status: PartStatus) -> None:
    """Print a part's new state."""
    reason = f": {status.reason}" if status.reason and status.state != "up" else ""
    say(f"{status.name:<11}{status.state}{reason}")


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"gwanje  {text}\n")
    sys.stdout.flush()
