"""The clock of rehearsals."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import Settings, SettingsError, load_settings
from gwanje.errors import CommandError
from gwanje.pace import PacedClock, clock_of, since_now, utc_now

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@given(speed=st.floats(1, 200), waited_s=st.floats(0, 86_400))
def test_time_runs_a_multiple_of_the_walls_from_the_instant_on(speed: float, waited_s: float) -> None:
    clock = PacedClock(START, speed, lambda: START + timedelta(seconds=waited_s))
    # A wait is known to the microsecond.
    assert (clock() - START).total_seconds() == pytest.approx(waited_s * speed, abs=1e-6 * (speed + 1))


def test_two_processes_with_the_same_settings_have_the_same_time() -> None:
    settings = since_now(Settings(clock_speed=100.0))
    one, other = (
        clock_of(settings),
        clock_of(load_settings({"GWANJE_CLOCK_SPEED": "100.0"}, clock_start=settings.clock_start)),
    )
    assert isinstance(one, PacedClock)
    assert isinstance(other, PacedClock)
    assert (one.start, one.speed) == (other.start, other.speed)


def test_without_a_speed_the_clock_is_the_walls() -> None:
    assert clock_of(Settings()) is utc_now
    assert since_now(Settings()).clock_start == ""


@pytest.mark.parametrize("start", ["", "soon", "2026-11-23T09:00:00"])
def test_a_fast_clock_says_which_instant_it_needs(start: str) -> None:
    with pytest.raises(CommandError, match="GWANJE_CLOCK_START: expected an RFC 3339 time"):
        clock_of(Settings(clock_speed=2.0, clock_start=start))


@pytest.mark.parametrize("speed", ["0.5", "201", "fast"])
def test_a_speed_out_of_range_is_refused_by_name(speed: str) -> None:
    with pytest.raises(SettingsError, match="GWANJE_CLOCK_SPEED: expected a number from 1 to 200"):
        load_settings({"GWANJE_CLOCK_SPEED": speed})
