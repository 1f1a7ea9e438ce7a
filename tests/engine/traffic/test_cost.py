"""What congestion costs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.numbers import load_numbers
from engine.traffic.cost import CURVE_KMH, CostThresholds, co2_kg, congestion_cost, value_of_time_krw_h
from ingest.thresholds import load_group

COST: CostThresholds = load_group(CostThresholds, "traffic_cost")


def _one(value):
    return np.array([value], dtype=np.float64)


def test_value_of_time_by_class():
    assert value_of_time_krw_h(_one(0.0), COST)[0] == pytest.approx(0.25 * 22_000 + 0.75 * 9_700)
    assert value_of_time_krw_h(_one(1.0), COST)[0] == pytest.approx(0.15 * 17_000 + 0.85 * 16_000)


def test_emissions_at_the_points_of_the_curve():
    for speed in CURVE_KMH:
        light = co2_kg(_one(10.0), _one(10.0 / speed), _one(0.0), COST)[0]
        assert light == pytest.approx(getattr(COST, f"light_{speed:03d}_g_km").value / 100.0)


def test_the_curve_agrees_with_an_independent_one():
    # Barth and Boriboonsomsin (2008), "Real-world CO2 impacts of traffic congestion": ln(g/mi) as a polynomial in mph.
    factors = (7.613534994965560, -0.138565467462594, 0.003915102063854, -0.000049451361017, 0.000000238630156)
    for speed in CURVE_KMH:
        mph = speed / 1.609344
        other = np.exp(sum(factor * mph**power for power, factor in enumerate(factors))) / 1.609344
        assert getattr(COST, f"light_{speed:03d}_g_km").value == pytest.approx(other, rel=0.17)


def test_standing_burns_by_time():
    slow = co2_kg(_one(0.001), _one(1.0), _one(0.0), COST)[0]
    assert slow == pytest.approx(COST.light_010_g_km.value * 10.0 / 1000.0)


def test_congestion_has_a_price_and_carbon():
    cost = congestion_cost(_one(100.0), _one(100.0 / 20), _one(4.0), _one(100.0), _one(0.2), COST)
    assert cost.time_krw[0] == pytest.approx(4.0 * value_of_time_krw_h(_one(0.2), COST)[0])
    assert 0 < cost.co2_excess_kg[0] < cost.co2_kg[0]


def test_unknown_stays_unknown_and_nothing_emits_nothing():
    cost = congestion_cost(_one(np.nan), _one(np.nan), _one(np.nan), _one(100.0), _one(0.2), COST)
    assert np.isnan([cost.time_krw[0], cost.co2_kg[0], cost.co2_excess_kg[0]]).all()
    assert co2_kg(_one(0.0), _one(0.0), _one(0.2), COST).tolist() == [0.0]


@given(st.floats(0.0, 1e4), st.floats(0.0, 1e3), st.floats(0.0, 1.0))
def test_emissions_are_never_negative(distance, time, heavy):
    assert co2_kg(_one(distance), _one(time), _one(heavy), COST)[0] >= 0.0


def test_nothing_here_claims_to_be_official():
    assert not any(number.official for number in load_numbers("traffic_cost").values())
