"""Short-term prediction: the usual, how a deviation fades, and what is learnt of both."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.traffic.frame import StationFrame
from engine.traffic.layout import Layout
from engine.traffic.prediction import HORIZONS_S, PredictionState, PredictionThresholds, follow_prediction, predict
from ingest.thresholds import load_group

NUMBERS = load_group(PredictionThresholds, "traffic_prediction")
DAY = 288


def layout_of(n):
    return Layout.along(np.arange(n) * 500.0, 3, 110.0)


def frame_of(end_s, speed, flow):
    n = len(speed)
    return StationFrame(
        time_ns=int(end_s) * 1_000_000_000,
        period_s=300.0,
        lanes_used=np.full(n, 3),
        flow_veh_h_lane=np.asarray(flow, dtype=np.float64),
        density_veh_km_lane=np.full(n, 10.0),
        speed_kmh=np.asarray(speed, dtype=np.float64),
        occupancy_pct=np.full(n, 5.0),
        substituted=np.zeros(n, dtype=bool),
    )


def run(speeds, flows, period_s=300.0, layout=None):
    """Return what was predicted after each period, shape (time, 3, station), speeds and flows."""
    layout = layout or layout_of(speeds.shape[1])
    state = PredictionState.initial(speeds.shape[1], 1, NUMBERS)
    said = []
    for turn, (speed, flow) in enumerate(zip(speeds, flows, strict=True)):
        state = follow_prediction(state, frame_of((turn + 1) * period_s, speed, flow), 0, 0, 0.0, layout, NUMBERS)
        told = predict(state)
        said.append((told.speed_kmh, told.flow_veh_h_lane))
    speed, flow = zip(*said, strict=True)
    return state, np.array(speed), np.array(flow)


def days(n_day, n_station, noise, seed=0):
    """A morning and an evening dip of every day, and deviations that fade within half an hour."""
    rng = np.random.default_rng(seed)
    hour = np.arange(n_day * DAY) / 12.0 % 24.0
    usual = 100.0 - 40.0 * np.exp(-((hour - 8.0) ** 2)) - 30.0 * np.exp(-(((hour - 18.0) / 1.5) ** 2))
    off = np.zeros((len(hour), n_station))
    for turn in range(1, len(hour)):
        off[turn] = 0.85 * off[turn - 1] + rng.normal(0, noise, n_station)
    return usual[:, None] + off


def test_before_anything_is_learnt_what_is_stays():
    speeds, flows = np.full((6, 4), 80.0), np.full((6, 4), 1_200.0)
    _, speed, flow = run(speeds, flows)
    assert np.isnan(speed[0]).all()
    np.testing.assert_allclose(speed[1:], 80.0)
    np.testing.assert_allclose(flow[1:], 1_200.0)


def test_the_rush_hour_is_known_after_some_days():
    speeds = days(5, 3, 0.0)
    _, speed, _ = run(speeds, speeds * 10)
    for place, horizon_s in enumerate(HORIZONS_S):
        ahead = int(horizon_s // 300)
        turn = np.arange(4 * DAY, 5 * DAY - ahead)
        # Said one period later: an interval is closed by the next one.
        np.testing.assert_allclose(speed[turn + 1, place], speeds[turn + ahead], atol=2.5)


def test_it_beats_persistence_and_the_usual_where_deviations_fade():
    speeds = days(8, 20, 4.0)
    layout = Layout.along(np.arange(20) * 50_000.0, 3, 110.0)
    _, speed, _ = run(speeds, speeds * 10, layout=layout)
    quiet = days(8, 20, 0.0)
    for place, horizon_s in enumerate(HORIZONS_S):
        ahead = int(horizon_s // 300)
        turn = np.arange(6 * DAY, 8 * DAY - ahead)
        came = speeds[turn + ahead]
        predicted = np.abs(speed[turn + 1, place] - came).mean()
        assert predicted < 0.95 * np.abs(speeds[turn] - came).mean()
        assert predicted < 1.1 * np.abs(quiet[turn + ahead] - came).mean()


def test_what_comes_from_downstream_is_learnt():
    """A slowing that wanders upstream: the station before it is told by its neighbour."""
    rng, n_day = np.random.default_rng(3), 6
    source = np.repeat(rng.normal(0, 12, n_day * DAY // 3 + 3), 3)
    speeds = np.stack([90 + source[3:][: n_day * DAY], 90 + source[: n_day * DAY]], axis=1)[:, ::-1]
    # Station 1 is downstream and shows three intervals earlier what station 0 will show.
    alone = Layout.along(np.array([0.0, 50_000.0]), 3, 110.0)
    off = []
    for layout in (layout_of(2), alone):
        _, speed, _ = run(speeds, speeds * 10, layout=layout)
        turn = np.arange(4 * DAY, n_day * DAY - 3)
        off.append(np.abs(speed[turn + 1, 0, 0] - speeds[turn + 3, 0]).mean())
    assert off[0] < 0.5 * off[1]


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_any_input_gives_numbers_or_nothing(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 6))
    layout = Layout.along(np.sort(rng.uniform(0, 4_000, n).round(-3)), 3, 110.0)
    state = PredictionState.initial(n, 2, NUMBERS)
    at = 0.0
    for _ in range(60):
        at += float(rng.choice([30.0, 300.0, 900.0, 7_200.0, -300.0]))
        speed, flow = rng.uniform(-20, 200, n), rng.uniform(-100, 4_000, n)
        speed[rng.random(n) < 0.3] = np.nan
        flow[rng.random(n) < 0.2] = np.inf
        kinds = int(rng.integers(2)), int(rng.integers(2))
        state = follow_prediction(state, frame_of(max(at, 1.0), speed, flow), *kinds, 32_400.0, layout, NUMBERS)
        told = predict(state)
        for values in (told.speed_kmh, told.flow_veh_h_lane):
            assert values.shape == (3, n)
            assert ((values >= 0) | np.isnan(values)).all()
            assert not np.isinf(values).any()


def test_periods_within_an_interval_are_averaged_and_late_ones_left_out():
    layout, state = layout_of(1), PredictionState.initial(1, 1, NUMBERS)
    for end_s, speed in ((30.0, 60.0), (300.0, 100.0), (330.0, 10.0), (90.0, 500.0), (630.0, 10.0)):
        state = follow_prediction(state, frame_of(end_s, [speed], [900.0]), 0, 0, 0.0, layout, NUMBERS)
    assert state.value[1, 0, 0] == pytest.approx(80.0)
    assert state.value[0, 0, 0] == pytest.approx(10.0)
