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

T = TypeVar("T", TrafficThresholds, SlopeThresholds, FireThresholds, FreshnessThresholds)


def load_thresholds(folder: Path = THRESHOLDS) -> Thresholds:
    """Read all tables that the engine decides by.

    Raises
    ------
    NumberError
        If a table or an entry is missing, unknown or wrong; the message names the file and the entry.
    """
    again = load_numbers("general", folder)["report_every_s"]
    return Thresholds(
        traffic=_group(TrafficThresholds, "traffic", folder),
        slope=_group(SlopeThresholds, "slope", folder),
        fire=_group(FireThresholds, "fire", folder),
        freshness=_group(FreshnessThresholds, "freshness", folder),
        report_every_s=Sourced(again.value, again.source),
    )


def _group(kind: type[T], name: str, folder: Path) -> T:
    numbers = load_numbers(name, folder)
    wanted = {field.name for field in fields(kind)}
    for entry in sorted(wanted ^ numbers.keys()):
        problem = "expected a number, was missing" if entry in wanted else "expected no such entry, was there"
        raise NumberError(f"{folder / name}.toml: {entry}: {problem}")
    return kind(**{entry: Sourced(number.value, number.source) for entry, number in numbers.items()})
