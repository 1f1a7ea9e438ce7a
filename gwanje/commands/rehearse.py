"""``gwanje rehearse``: a scenario against the whole control room in one process, without network or database."""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path
from zoneinfo import ZoneInfo

from config.catalogue.model import Catalogue
from config.numbers import THRESHOLDS, NumberError
from config.settings import Settings
from config.words import WordsError
from gwanje.errors import CommandError
from gwanje.logs import configure_logs
from gwanje.progress import Progress
from gwanje.regions import region_of
from gwanje.rehearsal.rehearse import Plan, Rehearsable, Rehearsed, rehearse
from gwanje.running import check_seed, settings_from
from simulators.causes.files import load_scenario, scenario_names
from simulators.causes.scenario import Scenario
from simulators.errors import SimulatorError
from simulators.simulation import Simulation
from simulators.truth.folder import header_of
from simulators.truth.recorder import TruthSource

YEAR = 2026
"""Year of a rehearsal unless a day is given; the scenario says month and day. A fixed one, for runs to be the same."""
MOST_HOURS = 168.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("scenario", help=f"one of {', '.join(scenario_names())}, or the path of a .toml file")
    parser.add_argument("--run", type=Path, required=True, dest="folder", help="folder for the run: truth and said")
    parser.add_argument("--again", action="store_true", help="begin anew in a folder that holds an earlier run")
    parser.add_argument("--region", help="name or folder of the region")
    parser.add_argument("--seed", type=int, help="seed of everything random; the scenario's own without it")
    parser.add_argument("--hours", type=float, help="device time to run; as long as the scenario without it")
    parser.add_argument("--date", help=f"day of the run; the scenario's of {YEAR} without it")
    parser.add_argument("--speed", default="max", help="how many times faster than it would happen, or max")
    parser.add_argument(
        "--approve",
        type=float,
        metavar="SECONDS",
        help="approve every draft when it is so old, so that signs and drivers follow; without it nobody approves",
    )
    parser.add_argument("--findings", action="store_true", help="write the engine's findings as well")
    parser.add_argument("--record", action="store_true", help="keep every message as well, for pictures and replays")
    parser.add_argument("--thresholds", help="folder with other tables of thresholds")
    parser.add_argument("--scale", help="national, or a share of it such as 0.25: a country in place of the region")
    parser.add_argument("--data-dir", help="folder for generated regions")
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    """Rehearse and say in one line what came of it."""
    folder, speed = parsed.folder, _speed(parsed.speed)
    scenario = _scenario(parsed.scenario)
    duration_s = scenario.duration_s if parsed.hours is None else _duration_s(parsed.hours)
    if parsed.approve is not None and not parsed.approve >= 0:
        raise CommandError(f"--approve: expected seconds of 0 or more, was {parsed.approve:g}")
    check_seed(parsed.seed)
    settings = settings_from(argparse.Namespace(**{**vars(parsed), "findings": None}))
    configure_logs(settings.log_format)
    started_s = time.monotonic()
    try:
        done = _rehearsed(parsed, settings, scenario, duration_s, speed)
    except (SimulatorError, NumberError, WordsError) as exc:
        raise CommandError(str(exc)) from None
    except OSError as exc:
        raise CommandError(f"--run: expected a folder that can be written, was {folder} ({exc.strerror})") from None
    spent_s = time.monotonic() - started_s
    print(
        f"{folder}: {duration_s / 3600.0:g} h in {spent_s:.1f} s ({duration_s / max(spent_s, 1e-9):.0f} x), "
        f"{done.messages} messages, {done.dead_letters} dead letters, {done.truth_lines} lines of truth, "
        f"{done.said_lines} said, {done.approved} approved"
    )
    return 0


def _rehearsed(
    parsed: argparse.Namespace, settings: Settings, scenario: Scenario, duration_s: float, speed: float | None
) -> Rehearsed:
    catalogue = region_of(settings)
    start = _start(parsed.date or f"{YEAR}-{scenario.date}", scenario.time_of_day, catalogue.timezone)
    seed = scenario.seed if parsed.seed is None else parsed.seed
    simulation, truth = simulated(catalogue, scenario, start, seed)
    header = header_of(
        catalogue,
        scenario=Path(parsed.scenario).stem,
        title=scenario.title,
        seed=seed,
        start=start,
        duration_s=duration_s,
        mode=settings.mode,
        program=version("gwanje"),
    )
    plan = Plan(
        folder=parsed.folder,
        header=header,
        duration_s=duration_s,
        approve_after_s=parsed.approve,
        findings=parsed.findings,
        record=parsed.record,
        thresholds=Path(settings.thresholds) if settings.thresholds else THRESHOLDS,
        again=parsed.again,
    )
    with Progress("rehearsed", int(duration_s)) as bar:
        return asyncio.run(rehearse(catalogue, simulation, truth, plan, _paced(bar.show, speed)))


def simulated(catalogue: Catalogue, scenario: Scenario, start: datetime, seed: int) -> tuple[Rehearsable, TruthSource]:
    """Make a simulation and what knows its truth.

    Raises
    ------
    ScenarioError
        If the region has no place for one of the scenario's events.
    """
    simulation = Simulation(catalogue, scenario, start, seed)
    return simulation, simulation


def _scenario(name: str) -> Scenario:
    try:
        return load_scenario(name)
    except SimulatorError as exc:
        raise CommandError(str(exc)) from None


def _paced(show: Callable[[int], None], speed: float | None) -> Callable[[float], None]:
    """Show progress, and wait when the device time is ahead of what the speed allows."""
    began_s = time.monotonic()

    def reached(time_s: float) -> None:
        show(int(time_s))
        if speed is not None:
            time.sleep(max(began_s + time_s / speed - time.monotonic(), 0.0))

    return reached


def _start(day: str, time_of_day: str, timezone: str) -> datetime:
    try:
        local = datetime.fromisoformat(f"{date.fromisoformat(day)}T{time_of_day}")
    except ValueError:
        raise CommandError(f"--date: expected a day as YYYY-MM-DD, was {day!r}") from None
    return local.replace(tzinfo=ZoneInfo(timezone)).astimezone(UTC)


def _duration_s(hours: float) -> float:
    if not 0 < hours <= MOST_HOURS:
        raise CommandError(f"--hours: expected a number above 0 and at most {MOST_HOURS:g}, was {hours:g}")
    return max(round(hours * 3600.0), 1.0)


def _speed(text: str) -> float | None:
    try:
        speed = None if text == "max" else float(text)
    except ValueError:
        speed = 0.0
    if speed is not None and not 0 < speed < float("inf"):
        raise CommandError(f"--speed: expected a number above 0, or max, was {text!r}")
    return speed
