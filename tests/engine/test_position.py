from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engine.fire.position import WGS84, Fix, PositionLimits, Refusal, locate, wrap_deg

CASES = Path(__file__).parents[3] / "shared" / "data" / "forest" / "triangulation" / "bearing_cases.csv"
LIMITS = PositionLimits(min_crossing_deg=3.0, min_baseline_m=100.0, max_range_m=35_000.0)
TARGET = (128.8, 37.75)


def _towers(bearings_deg, ranges_m, target=TARGET):
    """Return towers that see the target at the given bearings and ranges, and the exact bearings."""
    lon, lat = (np.full(len(bearings_deg), value) for value in target)
    back = (np.asarray(bearings_deg, float) + 180.0) % 360.0
    tower_lon, tower_lat, _ = WGS84.fwd(lon, lat, back, np.asarray(ranges_m, float))
    azimuth, _, _ = WGS84.inv(tower_lon, tower_lat, lon, lat)
    return np.asarray(tower_lon), np.asarray(tower_lat), np.asarray(azimuth) % 360.0


def _miss_m(fix, target=TARGET):
    return WGS84.inv(fix.lon_deg, fix.lat_deg, *target)[2]


@pytest.mark.field_data
@pytest.mark.skipif(not CASES.exists(), reason="../shared/data is absent")
class TestCases:
    @pytest.fixture
    def case(self, request):
        with CASES.open(encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row["case"] == request.param]
        names = ("tower_lon", "tower_lat", "true_bearing_deg", "observed_bearing_deg", "sigma_deg")
        columns = [np.array([float(row[name]) for row in rows]) for name in names]
        return columns, (float(rows[0]["target_lon"]), float(rows[0]["target_lat"]))

    @pytest.mark.parametrize("case", ["two_orthogonal", "three_noisy"], indirect=True)
    def test_exact_bearings_meet_at_the_target(self, case):
        (lon, lat, true, _, sigma), target = case
        fix = locate(lon, lat, true, sigma, LIMITS)
        assert isinstance(fix, Fix)
        assert _miss_m(fix, target) < 0.01

    @pytest.mark.parametrize("case", ["two_orthogonal"], indirect=True)
    def test_the_ellipse_of_two_towers_at_right_angles(self, case):
        (lon, lat, _, observed, sigma), _ = case
        fix = locate(lon, lat, observed, sigma, LIMITS)
        # 10 km * 0.5 deg = 87.27 m; times √5.991 = 213.6 m
        assert fix.ellipse.semi_major_m == pytest.approx(213.6, abs=0.5)
        assert fix.ellipse.semi_minor_m == pytest.approx(213.6, abs=0.5)
        assert fix.chi2 == pytest.approx(0.0, abs=1e-9)

    @pytest.mark.parametrize("case", ["three_noisy"], indirect=True)
    def test_three_that_err_come_near_and_their_ellipse_holds_the_target(self, case):
        (lon, lat, _, observed, sigma), target = case
        fix = locate(lon, lat, observed, sigma, LIMITS)
        assert 1.0 < _miss_m(fix, target) < fix.ellipse.semi_major_m
        assert 0.0 < fix.chi2 < 3.0

    @pytest.mark.parametrize("case", ["same_mast"], indirect=True)
    def test_two_cameras_on_one_mast_are_refused(self, case):
        (lon, lat, _, observed, sigma), _ = case
        assert locate(lon, lat, observed, sigma, LIMITS) is Refusal.SAME_PLACE


def test_two_that_cross_at_five_degrees_from_fifteen_kilometres():
    lon, lat, azimuth = _towers([0.0, 5.0], [15_000.0, 15_000.0])
    fix = locate(lon, lat, azimuth, np.full(2, 0.5), LIMITS)
    assert _miss_m(fix) < 0.01
    # σ⊥ = 15,000 m * 0.5 deg = 130.9 m; along √(2)·σ⊥/(2 sin 2.5 deg) = 2,122 m, across σ⊥/√2/cos 2.5 deg = 92.65 m;
    # times √5.991: 5,194 m by 227 m
    assert fix.ellipse.semi_major_m == pytest.approx(5194, abs=5)
    assert fix.ellipse.semi_minor_m == pytest.approx(227, abs=1)
    assert fix.ellipse.azimuth_deg == pytest.approx(2.5, abs=0.1)


@pytest.mark.parametrize(
    ("bearings_deg", "ranges_m", "azimuth_deg", "limits", "refusal"),
    [
        ([0.0], [10_000.0], None, LIMITS, Refusal.TOO_FEW),
        ([0.0, 0.3], [10_000.0] * 2, None, LIMITS, Refusal.SAME_PLACE),  # 52 m apart
        ([0.0, 2.0], [10_000.0] * 2, None, LIMITS, Refusal.NEAR_PARALLEL),
        ([0.0, 180.0], [10_000.0] * 2, None, LIMITS, Refusal.NEAR_PARALLEL),  # facing each other
        ([0.0, 90.0], [10_000.0] * 2, [180.0, 270.0], LIMITS, Refusal.DIVERGING),  # both look away
        ([0.0, 90.0], [10_000.0] * 2, [0.0, 270.0], LIMITS, Refusal.DIVERGING),  # one looks away
        ([0.0, 90.0], [10_000.0, 36_000.0], None, LIMITS, Refusal.OUT_OF_RANGE),
        (
            [0.0, 90.0],
            [10_000.0, 12_000.0],
            None,
            PositionLimits(3.0, 100.0, np.array([20_000.0, 11_000.0])),
            Refusal.OUT_OF_RANGE,
        ),
    ],
)
def test_bearings_that_give_no_position_are_refused(bearings_deg, ranges_m, azimuth_deg, limits, refusal):
    lon, lat, exact = _towers(bearings_deg, ranges_m)
    azimuth = exact if azimuth_deg is None else np.array(azimuth_deg)
    assert locate(lon, lat, azimuth, np.full(len(lon), 0.5), limits) is refusal


def test_each_tower_has_its_own_range():
    lon, lat, azimuth = _towers([0.0, 90.0], [10_000.0, 12_000.0])
    limits = PositionLimits(3.0, 100.0, np.array([11_000.0, 13_000.0]))
    assert isinstance(locate(lon, lat, azimuth, np.full(2, 0.5), limits), Fix)


places = st.tuples(st.floats(124, 132), st.floats(33, 43))
sight = st.tuples(st.floats(0, 360), st.floats(500, 30_000), st.floats(0.1, 2))


@settings(max_examples=50)
@given(places, st.lists(sight, min_size=2, max_size=5), st.randoms(use_true_random=False))
def test_exact_bearings_are_inverted_whatever_the_geometry_and_the_order(target, sights, random):
    bearings_deg, ranges_m, sigma = (np.array(column) for column in zip(*sights, strict=True))
    apart = np.abs(np.sin(np.radians(bearings_deg[:, None] - bearings_deg[None, :])))
    assume((apart > np.sin(np.radians(5))).any())
    lon, lat, azimuth = _towers(bearings_deg, ranges_m, target)
    fix = locate(lon, lat, azimuth, sigma, LIMITS)
    assume(fix is not Refusal.SAME_PLACE)
    assert isinstance(fix, Fix), fix
    assert _miss_m(fix, target) < 0.01
    order = list(range(len(sights)))
    random.shuffle(order)
    other = locate(lon[order], lat[order], azimuth[order], sigma[order], LIMITS)
    assert _miss_m(other, (fix.lon_deg, fix.lat_deg)) < 0.01
    assert other.ellipse.semi_major_m == pytest.approx(fix.ellipse.semi_major_m, rel=1e-5)


@pytest.mark.parametrize(
    ("bearings_deg", "ranges_m"),
    [([0, 90], [10_000, 10_000]), ([10, 50, 300], [8_000, 12_000, 15_000]), ([350, 10, 80, 200], [9_000] * 4)],
)
def test_the_ellipse_holds_the_truth_in_95_of_100_cases(bearings_deg, ranges_m):
    """Monte Carlo, 800 draws: the share's standard deviation is 0.8 %.

    Two bearings have to hold 95 % within 2 %; more hold a little more, because their ellipse grows when they disagree.
    """
    random, draws, sigma_deg = np.random.default_rng(77), 800, 0.4
    lon, lat, exact = _towers(bearings_deg, ranges_m)
    sigma = np.full(len(lon), sigma_deg)
    held = 0
    for error in random.normal(0, sigma_deg, (draws, len(lon))):
        fix = locate(lon, lat, exact + error, sigma, LIMITS)
        azimuth, _, miss_m = WGS84.inv(fix.lon_deg, fix.lat_deg, *TARGET)
        slant = np.radians(azimuth - fix.ellipse.azimuth_deg)
        along, across = miss_m * np.cos(slant), miss_m * np.sin(slant)
        held += (along / fix.ellipse.semi_major_m) ** 2 + (across / fix.ellipse.semi_minor_m) ** 2 <= 1
    share = held / draws
    assert 0.93 <= share <= (0.97 if len(lon) == 2 else 0.99)


def test_bearings_that_disagree_give_a_larger_ellipse():
    lon, lat, azimuth = _towers([0, 120, 240], [10_000] * 3)
    agreed = locate(lon, lat, azimuth, np.full(3, 0.1), LIMITS)
    apart = locate(lon, lat, azimuth + np.array([1.0, 1.0, 1.0]), np.full(3, 0.1), LIMITS)
    assert apart.chi2 == pytest.approx(300, rel=0.02)  # three residuals of 10 sigma
    assert apart.ellipse.semi_major_m == pytest.approx(agreed.ellipse.semi_major_m * np.sqrt(apart.chi2), rel=0.02)


@given(st.floats(-1e4, 1e4))
def test_wrapping_keeps_the_direction(angle):
    wrapped = float(wrap_deg(np.array(angle)))
    assert -180.0 <= wrapped < 180.0
    assert np.cos(np.radians(wrapped - angle)) == pytest.approx(1.0, abs=1e-9)


def test_bearings_about_north_meet():
    lon, lat, azimuth = _towers([359.0, 5.0], [10_000.0, 12_000.0])
    assert _miss_m(locate(lon, lat, azimuth, np.full(2, 0.5), LIMITS)) < 0.01
    assert _miss_m(locate(lon, lat, azimuth - np.array([360.0, 0.0]), np.full(2, 0.5), LIMITS)) < 0.01
