"""Public holidays, on which traffic is that of a Sunday."""

from __future__ import annotations

from calendar import isleap
from datetime import date
from pathlib import Path

import msgspec

HOLIDAYS = Path(__file__).parent / "holidays.toml"


class HolidayError(ValueError):
    """A table of holidays that cannot be used; the message names file and entry."""


class _Days(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    value: list[str]
    source: str


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    every_year: _Days
    dates: _Days


def load_holidays(first: date, last: date, path: Path = HOLIDAYS) -> tuple[date, ...]:
    """Return the holidays from a day to another, both included, in their order.

    Raises
    ------
    HolidayError
        If the file is missing or an entry is no date.
    """
    try:
        table = msgspec.toml.decode(path.read_bytes(), type=_Table)
    except OSError as exc:
        raise HolidayError(f"{path}: expected a file that can be read, was not ({exc.strerror})") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
        raise HolidayError(f"{path}: expected every_year and dates, each with value and source ({exc})") from None
    days = {_date(text, f"{path}: dates", "2026-05-05") for text in table.dates.value}
    for text in table.every_year.value:
        # Checked in a leap year, so that 29 February may be one; in other years there is none.
        leap = _date(f"2024-{text}", f"{path}: every_year", "05-05", shown=text)
        for year in range(first.year, last.year + 1):
            if (leap.month, leap.day) != (2, 29) or isleap(year):
                days.add(leap.replace(year=year))
    return tuple(sorted(day for day in days if first <= day <= last))


def _date(text: str, where: str, example: str, shown: str | None = None) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise HolidayError(f"{where}: expected a date such as {example}, was {shown or text!r}") from None
