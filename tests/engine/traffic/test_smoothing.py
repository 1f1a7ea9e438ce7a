from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from engine.traffic.layout import Layout
from engine.traffic.smoothing import SmoothingParameters, live_field, live_kernel, smooth
from ingest.thresholds import load_group

LIVE = load_group(SmoothingParameters, "traffic_smoothing")
I24 = load_group(SmoothingParameters, "traffic_smoothing_i24")
LAYOUT = Layout.along(np.array([0.0, 700.0, 1_500.0, 1_900.0, 3_000.0]), lanes=2, speed_limit_kmh=100.0)


def plain(
    speed_kmh: NDArray[np.float64], time_s: NDArray[np.float64], layout: Layout, numbers: SmoothingParameters
) -> NDArray[np.float64]:
    """The formula, cell by cell; looks back only."""
    out = np.full(speed_kmh.shape, np.nan)
    for t, s in np.ndindex(speed_kmh.shape):
        means = []
        for wave_kmh in (numbers.free_wave_kmh.value, numbers.jam_wave_kmh.value):
            total = weights = 0.0
            for u, r in np.ndindex(speed_kmh.shape):
                dx, dt = layout.chainage_m[r] - layout.chainage_m[s], time_s[u] - time_s[t]
                if u > t or abs(dx) > numbers.reach_m.value or abs(dt) > numbers.reach_s.value:
                    continue
                if np.isnan(speed_kmh[u, r]):
                    continue
                late = abs(dt - dx / (wave_kmh / 3.6))
                weight = np.exp(-abs(dx) / numbers.sigma_m.value - late / numbers.tau_s.value)
                total, weights = total + weight * speed_kmh[u, r], weights + weight
            means.append(total / weights if weights else np.nan)
        share = 0.5 * (1 + np.tanh((numbers.threshold_kmh.value - min(means)) / numbers.transition_kmh.value))
        out[t, s] = share * means[1] + (1 - share) * means[0]
    return out


def test_the_live_form_is_the_formula_for_the_past_alone() -> None:
    rng = np.random.default_rng(3)
    speed = rng.uniform(10.0, 110.0, (12, len(LAYOUT)))
    speed[rng.random(speed.shape) < 0.2] = np.nan
    time_s = np.arange(12) * 30.0
    wanted = plain(speed, time_s, LAYOUT, LIVE)
    kernel = live_kernel(LAYOUT, 100.0, 30.0, LIVE)
    n_age = len(kernel.free)
    for now in range(n_age - 1, 12):
        field = live_field(speed[now - n_age + 1 : now + 1][::-1], kernel, LIVE)
        for station, chainage_m in enumerate(LAYOUT.chainage_m):
            exactly = np.flatnonzero(np.abs(kernel.chainage_m - chainage_m) < 1e-6)
            for cell in exactly:
                assert field[cell] == pytest.approx(wanted[now, station], rel=1e-12)
        # Between stations the field lies between what was measured.
        assert np.nanmin(field) >= np.nanmin(speed) - 1e-9
        assert np.nanmax(field) <= np.nanmax(speed) + 1e-9


def test_at_the_stations_cells_of_no_length_would_be_the_same() -> None:
    rng = np.random.default_rng(4)
    speed = rng.uniform(10.0, 110.0, (9, len(LAYOUT)))
    single = Layout.along(np.array([500.0]), 1, 100.0)
    kernel = live_kernel(single, 100.0, 30.0, LIVE)
    assert kernel.chainage_m.tolist() == [500.0]
    column = speed[:, :1]
    field = live_field(column[::-1][: len(kernel.free)], kernel, LIVE)
    assert field[0] == pytest.approx(plain(column, np.arange(9) * 30.0, single, LIVE)[-1, 0], rel=1e-12)


def test_corridors_do_not_see_each_other() -> None:
    rng = np.random.default_rng(5)
    speed = rng.uniform(10.0, 110.0, (12, 5))
    kernel = live_kernel(LAYOUT, 250.0, 30.0, LIVE)
    n_age = len(kernel.free)
    pair = Layout(
        row=np.arange(10),
        corridor=np.repeat([0, 1], 5),
        chainage_m=np.tile(LAYOUT.chainage_m, 2),
        speed_limit_kmh=np.full(10, 100.0),
        lanes=np.full(10, 2),
        up=np.r_[LAYOUT.up, np.where(LAYOUT.up >= 0, LAYOUT.up + 5, -1)],
        down=np.r_[LAYOUT.down, np.where(LAYOUT.down >= 0, LAYOUT.down + 5, -1)],
        gap_m=np.tile(LAYOUT.gap_m, 2),
        starts=np.array([0, 5, 10]),
    )
    both = live_kernel(pair, 250.0, 30.0, LIVE)
    other = np.full((n_age, 5), 5.0)
    alone = live_field(speed[::-1][:n_age], kernel, LIVE)
    together = live_field(np.hstack((speed[::-1][:n_age], other)), both, LIVE)
    assert together[: len(alone)] == pytest.approx(alone)
    assert together[len(alone) :] == pytest.approx(np.full(len(alone), 5.0))


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_smoothed_speed_lies_between_what_was_measured(data: st.DataObject) -> None:
    n_time, n_station = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 5))
    value = st.one_of(st.just(np.nan), st.floats(0.0, 150.0))
    speed = data.draw(arrays(np.float64, (n_time, n_station, 2), elements=value))
    places = data.draw(arrays(np.float64, n_station, elements=st.sampled_from([0.0, 300.0, 300.1, 804.672, 5_000.0])))
    steps = data.draw(arrays(np.float64, n_time, elements=st.sampled_from([20.0, 30.0, 30.5, 400.0])))
    layout = Layout.along(places, 2, 100.0)
    field = smooth(speed[:, layout.row], np.cumsum(steps), layout, I24)
    for lane in range(2):
        measured = speed[..., lane][~np.isnan(speed[..., lane])]
        low = min(measured.min(initial=np.inf), I24.empty_kmh.value)
        high = max(measured.max(initial=0.0), I24.empty_kmh.value)
        assert (field[..., lane] >= low - 1e-9).all()
        assert (field[..., lane] <= high + 1e-9).all()


def test_where_nothing_was_measured_within_reach_the_parameter_speaks() -> None:
    field = smooth(np.full((3, 5, 2), np.nan), np.arange(3) * 30.0, LAYOUT, I24)
    assert (field == I24.empty_kmh.value).all()
