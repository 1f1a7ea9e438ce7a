"""Numbers with a source: reading the tables under ``config/thresholds``."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import msgspec

THRESHOLDS = Path(__file__).parent / "thresholds"


class Number(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A number, its unit, and where it comes from."""

    value: float
    unit: str
    source: str
    official: bool = False
    """True only where an authority published the value for this very use."""


class NumberError(ValueError):
    """A table of numbers that cannot be used; the message names file and entry."""


def load_numbers(group: str, folder: Path = THRESHOLDS) -> dict[str, Number]:
    """Read one table.

    Parameters
    ----------
    group
        Name of the file without ``.toml``.
    folder
        Where the tables are; a deployment may bring its own, with the same entries as those that come along.

    Raises
    ------
    NumberError
        If the file is missing, an entry is not a finite number with unit and source, or an entry is missing or more
        than there should be.
    """
    numbers = _read(folder / f"{group}.toml")
    if folder != THRESHOLDS:
        wanted = _read(THRESHOLDS / f"{group}.toml").keys()
        for entry in sorted(wanted ^ numbers.keys()):
            problem = "expected a number, was missing" if entry in wanted else "expected no such entry, was there"
            raise NumberError(f"{folder / group}.toml: {entry}: {problem}")
    return numbers


def _read(path: Path) -> dict[str, Number]:
    try:
        table = msgspec.toml.decode(path.read_bytes(), type=dict[str, Any])
    except FileNotFoundError:
        raise NumberError(f"{path}: expected a table of thresholds, was missing") from None
    except OSError as exc:
        raise NumberError(f"{path}: expected a file that can be read ({exc.strerror})") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
        raise NumberError(f"{path}: expected TOML ({exc})") from None
    return {entry: _number(value, f"{path}: {entry}") for entry, value in table.items()}


def _number(value: object, where: str) -> Number:
    try:
        number = msgspec.convert(value, Number)
    except msgspec.ValidationError as exc:
        problem, _, path = str(exc).replace(", got ", ", was ").partition(" - at `$")
        field = path.rstrip("`")
        raise NumberError(f"{where}{field}: {problem[:1].lower()}{problem[1:]}") from None
    if not math.isfinite(number.value):
        raise NumberError(f"{where}.value: expected a finite number, was {number.value}")
    return number
