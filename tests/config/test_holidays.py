"""Public holidays."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from config.holidays import HolidayError, load_holidays


def test_holidays_of_a_year() -> None:
    days = load_holidays(date(2026, 1, 1), date(2026, 12, 31))
    assert date(2026, 1, 1) in days
    assert date(2026, 9, 25) in days  # 추석
    assert date(2026, 3, 2) in days  # in lieu of Sunday 1 March
    assert list(days) == sorted(set(days))
    assert {day.year for day in days} == {2026}


def test_both_ends_count() -> None:
    days = [(3, 1), (5, 5), (6, 6), (8, 15), (10, 3), (10, 9), (12, 25)]
    wanted = (*(date(2030, *day) for day in days), date(2031, 1, 1))
    assert load_holidays(date(2030, 3, 1), date(2031, 1, 1)) == wanted


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[every_year]\nvalue = ["13-01"]\nsource = "s"\n[dates]\nvalue = []\nsource = "s"', "every_year: expected a"),
        ('[every_year]\nvalue = []\nsource = "s"\n[dates]\nvalue = ["2026-2-30"]\nsource = "s"', "was '2026-2-30'"),
        ('[dates]\nvalue = []\nsource = "s"', "expected every_year and dates"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "h.toml").write_text(text)
    with pytest.raises(HolidayError, match=problem):
        load_holidays(date(2026, 1, 1), date(2026, 1, 2), tmp_path / "h.toml")


def test_leap_day_is_one_in_leap_years_only(tmp_path: Path) -> None:
    text = '[every_year]\nvalue = ["02-29"]\nsource = "s"\n[dates]\nvalue = []\nsource = "s"'
    (tmp_path / "h.toml").write_text(text)
    assert load_holidays(date(2026, 1, 1), date(2029, 1, 1), tmp_path / "h.toml") == (date(2028, 2, 29),)
    with pytest.raises(HolidayError, match="expected a file that can be read"):
        load_holidays(date(2026, 1, 1), date(2026, 1, 2), tmp_path / "none.toml")
