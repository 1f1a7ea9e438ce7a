"""The engine's thresholds from the tables of numbers."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TypeVar

from config.numbers import THRESHOLDS, NumberError, load_numbers
from engine.thresholds import (
    FireThresholds,
    FreshnessThresholds,
    SlopeThresholds,
    Sourced,
    Thresholds,
    TrafficThresholds,
)
from engine.traffic.fronts.thresholds import FrontThresholds
from engine.traffic.health.reasons import HealthThresholds
from engine.traffic.incidents.thresholds import IncidentThresholds
from engine.traffic.live import CycleThresholds
from engine.traffic.weather.thresholds import RoadWeatherThresholds

T = TypeVar("T")


def load_thresholds(folder: Path = THRESHOLDS) -> Thresholds:
    """Read all tables that the engine decides by.

    Raises
    ------
    NumberError
        If a table or an entry is missing, unknown or wrong; the message names the file and the entry.
    """
    general = {name: Sourced(number.value, number.source) for name, number in load_numbers("general", folder).items()}
    again = general["report_every_s"]
    traffic = load_group(TrafficThresholds, "traffic", folder)
    return Thresholds(
        traffic=traffic,
        cycle=CycleThresholds(
            traffic=traffic,
            health=load_group(HealthThresholds, "traffic_health", folder),
            fronts=load_group(FrontThresholds, "traffic_fronts", folder),
            incidents=load_group(IncidentThresholds, "traffic_incidents", folder),
            grace_s=general["cycle_grace_s"],
            report_every_s=again,
        ),
        slope=load_group(SlopeThresholds, "slope", folder),
        fire=load_group(FireThresholds, "fire", folder),
        freshness=load_group(FreshnessThresholds, "freshness", folder),
        road_weather=load_group(RoadWeatherThresholds, "traffic_weather", folder),
        report_every_s=again,
    )


def load_group(kind: type[T], name: str, folder: Path = THRESHOLDS) -> T:
    """Read one table into a dataclass whose fields are all `Sourced` numbers of the same names.

    Raises
    ------
    NumberError
        As `load_thresholds`.
    """
    numbers = load_numbers(name, folder)
    wanted = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    for entry in sorted(wanted ^ numbers.keys()):
        problem = "expected a number, was missing" if entry in wanted else "expected no such entry, was there"
        raise NumberError(f"{folder / name}.toml: {entry}: {problem}")
    return kind(**{entry: Sourced(number.value, number.source) for entry, number in numbers.items()})
