"""Numbers with a source: reading the tables under ``config/thresholds``."""

from __future__ import annotations

from pathlib import Path

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
        Where the tables are; a deployment may bring its own.

    Raises
    ------
    NumberError
        If the file is missing or an entry is not a number with unit and source.
    """
    path = folder / f"{group}.toml"
    try:
        return msgspec.toml.decode(path.read_bytes(), type=dict[str, Number])
    except FileNotFoundError:
        raise NumberError(f"{path}: expected a table of thresholds, was missing") from None
    except msgspec.MsgspecError as exc:
        raise NumberError(f"{path}: {exc}") from None
