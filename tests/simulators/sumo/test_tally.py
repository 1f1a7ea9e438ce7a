"""What a loop sees, step by step, adds up whatever the periods."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.sumo.tally import LanePeriod, LoopTally, Passage

STEP_S = 0.5

Visits = list[tuple[float, float, bool]]


@st.composite
def visits(draw: st.DrawFn) -> Visits:
    """Vehicles one after another: when each comes and goes, and whether it leaves sideways."""
    at_s, made = 0.0, []
    for _ in range(draw(st.integers(0, 12))):
        enter_s = at_s + draw(st.floats(0.01, 8.0))
        leave_s = enter_s + draw(st.floats(0.05, 20.0))
        sideways = draw(st.booleans())
        if sideways:
            leave_s = math.ceil(leave_s / STEP_S) * STEP_S
        elif leave_s % STEP_S < 1e-3 or STEP_S - leave_s % STEP_S < 1e-3:
            leave_s += STEP_S / 2
        made.append((enter_s, leave_s, sideways))
        at_s = leave_s
    return made


def seen(made: Visits, now_s: float) -> list[Passage]:
    """What SUMO says after the step that ended at an instant: it names again who left at the last step's end."""
    begin_s = now_s - STEP_S
    rows = []
    for number, (enter_s, leave_s, _) in enumerate(made):
        if enter_s < now_s and leave_s > now_s + 1e-9:
            rows.append(Passage(f"v{number}", 4.5, enter_s, -1.0, "car"))
        elif begin_s <= leave_s <= now_s + 1e-9:
            rows.append(Passage(f"v{number}", 4.5, enter_s, leave_s, "car"))
    return rows


def run(made: Visits, period_steps: int, steps: int) -> list[LanePeriod]:
    tally = LoopTally(0.0)
    periods = []
    for step in range(1, steps + 1):
        now_s = step * STEP_S
        rows = seen(made, now_s)
        tally.step(rows, now_s, [False] * len(rows))
        if step % period_steps == 0:
            periods.append(tally.close(now_s))
    return periods


@given(made=visits(), period_steps=st.sampled_from([1, 7, 60]))
def test_vehicles_and_time_are_conserved(made: Visits, period_steps: int) -> None:
    steps = 840
    periods = run(made, period_steps, steps)
    assert sum(one.volume for one in periods) == sum(1 for visit in made if not visit[2])
    occupied_s = sum(one.occupancy_pct / 100 * period_steps * STEP_S for one in periods)
    rounding_s = len(periods) * 0.0005 / 100 * period_steps * STEP_S
    assert occupied_s == pytest.approx(sum(leave_s - enter_s for enter_s, leave_s, _ in made), abs=rounding_s + 1e-6)
    assert all((one.speed_kmh is None) == (one.volume == 0) for one in periods)


def test_speed_is_that_over_the_loop() -> None:
    tally = LoopTally(0.0, length_m=2.0)
    tally.step([Passage("v", 4.0, 0.1, 0.4, "car"), Passage("w", 12.0, 0.41, 0.48, "lorry")], 0.5, [False, True])
    one = tally.close(30.0)
    assert one.volume == 2
    assert one.heavy == 1
    assert one.speed_kmh == pytest.approx((6.0 / 0.3 + 14.0 / 0.07) / 2 * 3.6, abs=1e-3)
    assert one.occupancy_pct == pytest.approx(0.37 / 30 * 100, abs=1e-3)
    assert tally.close(60.0) == LanePeriod(0, None, 0.0, 0)


def test_a_standing_vehicle_fills_its_loop() -> None:
    tally = LoopTally(0.0)
    for step in range(1, 121):
        tally.step([Passage("v", 4.5, -5.0, -1.0, "car")], step * STEP_S, [False])
        if step == 60:
            assert tally.close(30.0) == LanePeriod(0, None, 100.0, 0)
    assert tally.close(60.0).occupancy_pct == 100.0
