"""What the calculations on health and state have in common: options, and a corridor watched period by period."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from engine.traffic.health.reasons import HealthThresholds
from engine.traffic.health.substitute import SubstituteThresholds
from engine.traffic.health.watch import Watched, watch
from gwanje.calc.arrays import Corridor, add_direction, corridor_of, read_array
from gwanje.errors import CommandError
from ingest.thresholds import load_group, load_thresholds


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("input", type=Path, metavar="IN.npz", help="detector array")
    parser.add_argument("--speed-limit", type=float, default=110.0, metavar="KMH", help="of the road, 110 without it")
    parser.add_argument(
        "--local-start",
        default="00:00",
        metavar="HH:MM",
        help="local time of day at time_s 0, for the daily rules (05:00-22:00); midnight without it",
    )
    add_direction(parser)


def corridor_from(parsed: argparse.Namespace) -> Corridor:
    """Read the array and put it in the order of travel."""
    if not parsed.speed_limit > 0:
        raise CommandError(f"--speed-limit: expected more than 0, was {parsed.speed_limit}")
    return corridor_of(read_array(parsed.input), parsed.direction, parsed.speed_limit)


def watched(corridor: Corridor, local_start: str) -> Iterator[Watched]:
    """Judge and fill in, period by period."""
    return watch(
        corridor.series,
        corridor.layout,
        load_group(HealthThresholds, "traffic_health"),
        load_group(SubstituteThresholds, "traffic_substitute"),
        load_thresholds().traffic,
        seconds_of(local_start),
    )


def seconds_of(local_start: str) -> float:
    """Return a time of day in seconds.

    Raises
    ------
    CommandError
        If it is none.
    """
    hour, colon, minute = local_start.partition(":")
    if not (colon and hour.isdecimal() and minute.isdecimal() and int(hour) < 24 and int(minute) < 60):
        raise CommandError(f"--local-start: expected a time such as 05:00, was {local_start}")
    return int(hour) * 3600.0 + int(minute) * 60.0


def missing_quantities(corridor: Corridor) -> list[str]:
    """Return what no lane of the file ever measured."""
    series = corridor.series
    named = (("volume", series.volume), ("occupancy", series.occupancy_pct), ("speed", series.speed_kmh))
    return [name for name, values in named if np.isnan(values).all()]
