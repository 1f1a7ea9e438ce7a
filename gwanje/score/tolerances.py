"""How near is near enough: the numbers of ``tolerances.toml``."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal, get_args

import msgspec

from config.numbers import Number, NumberError

Hazard = Literal["incident", "queue", "slope", "fire"]
HAZARDS: tuple[Hazard, ...] = get_args(Hazard)
FILE = Path(__file__).parent / "tolerances.toml"


class Tolerance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of one kind of hazard. Lengths in metres, times in seconds."""

    place_m: float
    early_s: float
    """How long before an event something said may already be of it."""
    late_s: float
    """How long after its end."""
    min_duration_s: float
    """Of an event, to be one that should be found; shorter ones only explain what is said of them."""
    min_length_m: float
    """The same for the greatest length of a queue."""
    decision_s: float
    """Time in which each device of the kind leads to one decision."""


class Tolerances(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of them."""

    incident: Tolerance
    queue: Tolerance
    slope: Tolerance
    fire: Tolerance
    ellipse_max_m: float
    blame_hold_s: float
    warning_level: int

    def of(self, hazard: Hazard) -> Tolerance:
        """Return those of one kind of hazard."""
        tolerance: Tolerance = getattr(self, hazard)
        return tolerance


def load_tolerances(path: Path = FILE) -> Tolerances:
    """Read the tolerances.

    Raises
    ------
    NumberError
        If the file or an entry is missing, unknown, negative or wrong; the message names file and entry.
    """
    try:
        tables = msgspec.toml.decode(path.read_bytes(), type=dict[str, dict[str, Number]])
    except OSError as exc:
        raise NumberError(f"{path}: expected a file that can be read, was not ({exc.strerror})") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
        raise NumberError(f"{path}: expected tables of numbers with unit and source ({exc})") from None
    for table, numbers in tables.items():
        for entry, number in numbers.items():
            if not (math.isfinite(number.value) and number.value >= 0.0):
                raise NumberError(f"{path}: {table}.{entry}: expected a number of 0 or more, was {number.value}")
    values: dict[str, object] = {name: _values(tables.get(name, {})) for name in HAZARDS}
    values |= _values(tables.get("common", {}))
    unknown = tables.keys() - {*HAZARDS, "common"}
    if unknown:
        raise NumberError(f"{path}: {min(unknown)}: expected one of {', '.join(HAZARDS)} or common, was unknown")
    try:
        return msgspec.convert(values, Tolerances)
    except msgspec.ValidationError as exc:
        raise NumberError(f"{path}: {str(exc).replace(', got ', ', was ')}") from None


def _values(numbers: dict[str, Number]) -> dict[str, float]:
    # A level is a whole number; msgspec takes whole numbers for fractions as well, but not the other way round.
    return {entry: int(one.value) if one.value.is_integer() else one.value for entry, one in numbers.items()}
