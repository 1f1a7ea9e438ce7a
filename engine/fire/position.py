"""Where the smoke stands: two or more bearings to a position with its 95 % ellipse, on the ellipsoid."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np
from pyproj import Geod

from engine.findings import Ellipse
from sensors.columns import Floats

WGS84 = Geod(ellps="WGS84")
CHI2_95_TWO = 5.991
"""95 % quantile of chi-square with two degrees of freedom."""
_MAX_ITERATIONS = 50
_CONVERGED_M = 1e-3
_SINGULAR = 1e-12
"""Determinant over squared trace of the normal matrix below which it has no inverse to speak of."""


class Refusal(enum.StrEnum):
    """Why bearings give no position."""

    TOO_FEW = "fewer than two towers"
    SAME_PLACE = "the towers stand too close together"
    NEAR_PARALLEL = "the bearings are nearly parallel"
    DIVERGING = "the bearings do not meet in front of the towers"
    OUT_OF_RANGE = "the bearings meet farther than a tower can see"
    NOT_CONVERGED = "the bearings give no stable position"


@dataclass(frozen=True)
class Fix:
    """A position from bearings, WGS84."""

    lon_deg: float
    lat_deg: float
    ellipse: Ellipse
    residual_deg: Floats
    """Observed minus computed azimuth, shape (n,). [deg]"""
    chi2: float
    """Sum of squared residuals over their sigma; n - 2 degrees of freedom."""


@dataclass(frozen=True)
class PositionLimits:
    """When not to give a position."""

    min_crossing_deg: float
    """No pair of bearings crosses at more than this: refused."""
    min_baseline_m: float
    """No pair of towers stands farther apart: refused."""
    max_range_m: float | Floats
    """How far the towers see, one for all or of shape (n,)."""


def wrap_deg(angle_deg: Floats) -> Floats:
    """Bring angles into [-180, 180), so that bearings on both sides of north differ by little."""
    return (angle_deg + 180.0) % 360.0 - 180.0


def locate(
    lon_deg: Floats, lat_deg: Floats, azimuth_deg: Floats, sigma_deg: Floats, limits: PositionLimits
) -> Fix | Refusal:
    """Find the point that fits bearings best, by weighted least squares on geodesics.

    Parameters
    ----------
    lon_deg, lat_deg : ndarray, shape (n,), float64
        The towers. [deg, WGS84]
    azimuth_deg : ndarray, shape (n,), float64
        Bearings from true north, clockwise. No NaN. [deg]
    sigma_deg : ndarray, shape (n,), float64
        Standard error of each, > 0. [deg]
    limits : PositionLimits

    Returns
    -------
    Fix or Refusal

    Notes
    -----
    Gauss-Newton: the residual is r_i = wrap(observed - geodesic azimuth to x), the row of the design matrix
    H = [-sin t_i, cos t_i]/s_i in (north, east), where t_i is the azimuth of the geodesic at the target and s_i its
    length; dx = (HᵀWH)⁻¹HᵀWr with W = diag(1/sigma²). The covariance (HᵀWH)⁻¹ is inflated by max(1, chi²/(n - 2)), so
    that bearings which disagree by more than they claim give a larger ellipse. Start: the two bearings that cross at
    the best angle, met in the plane.

    Source
    ------
    Stansfield (1947), J. IEE 94 (3A), 762-770; geodesics by Karney (2013), J. Geodesy 87, 43-55 (PROJ).
    """
    reach_m = np.broadcast_to(np.asarray(limits.max_range_m, dtype=np.float64), lon_deg.shape)
    start = _first_guess(lon_deg, lat_deg, azimuth_deg, limits, reach_m)
    if isinstance(start, Refusal):
        return start
    lon, lat = start
    weight = 1.0 / np.radians(sigma_deg) ** 2
    longest_step_m = float(reach_m.max())
    for _ in range(_MAX_ITERATIONS):
        azimuth, at_target, range_m = _to(lon_deg, lat_deg, lon, lat)
        residual = np.radians(wrap_deg(azimuth_deg - azimuth))
        theta = np.radians(at_target)
        design = np.column_stack([-np.sin(theta), np.cos(theta)]) / range_m[:, None]
        normal = design.T @ (weight[:, None] * design)
        determinant = normal[0, 0] * normal[1, 1] - normal[0, 1] ** 2
        if determinant <= _SINGULAR * np.trace(normal) ** 2:
            return Refusal.NEAR_PARALLEL
        covariance = np.array([[normal[1, 1], -normal[0, 1]], [-normal[0, 1], normal[0, 0]]]) / determinant
        north, east = covariance @ (design.T @ (weight * residual))
        step_m = float(np.hypot(north, east))
        if step_m > longest_step_m:
            return Refusal.DIVERGING
        lon, lat, _ = WGS84.fwd(lon, lat, np.degrees(np.arctan2(east, north)), step_m)
        if step_m < _CONVERGED_M:
            break
    else:
        return Refusal.NOT_CONVERGED
    azimuth, _, range_m = _to(lon_deg, lat_deg, lon, lat)
    residual_deg = wrap_deg(azimuth_deg - azimuth)
    if (np.abs(residual_deg) > 90.0).any():
        return Refusal.DIVERGING
    if (range_m > reach_m).any():
        return Refusal.OUT_OF_RANGE
    chi2 = float(((residual_deg / sigma_deg) ** 2).sum())
    freedom = len(azimuth_deg) - 2
    inflation = max(1.0, chi2 / freedom) if freedom else 1.0
    return Fix(float(lon), float(lat), _ellipse(covariance * inflation), residual_deg, chi2)


def _to(lon_deg: Floats, lat_deg: Floats, lon: float, lat: float) -> tuple[Floats, Floats, Floats]:
    azimuth, back, range_m = WGS84.inv(lon_deg, lat_deg, np.full_like(lon_deg, lon), np.full_like(lat_deg, lat))
    return np.asarray(azimuth), np.asarray(back) + 180.0, np.maximum(np.asarray(range_m), 1.0)


def _ellipse(covariance: Floats) -> Ellipse:
    """From a covariance in (north, east)."""
    values, vectors = np.linalg.eigh(covariance)
    north, east = vectors[:, 1]
    minor, major = np.sqrt(CHI2_95_TWO * np.maximum(values, 0.0))
    return Ellipse(float(major), float(minor), float(np.degrees(np.arctan2(east, north)) % 180.0))


def _first_guess(
    lon_deg: Floats, lat_deg: Floats, azimuth_deg: Floats, limits: PositionLimits, reach_m: Floats
) -> tuple[float, float] | Refusal:
    """Meet the pair of bearings that crosses best, of those that meet in front of both towers, in the plane."""
    count = len(azimuth_deg)
    if count < 2:
        return Refusal.TOO_FEW
    first, second = np.triu_indices(count, 1)
    to_second, _, baseline = (
        np.asarray(part) for part in WGS84.inv(lon_deg[first], lat_deg[first], lon_deg[second], lat_deg[second])
    )
    apart = baseline >= limits.min_baseline_m
    if not apart.any():
        return Refusal.SAME_PLACE
    crossing = np.abs(wrap_deg(azimuth_deg[second] - azimuth_deg[first]))
    crossing = np.minimum(crossing, 180.0 - crossing)
    open_enough = apart & (crossing >= limits.min_crossing_deg)
    if not open_enough.any():
        return Refusal.NEAR_PARALLEL
    # Sines in the triangle of two towers and target give the range from the first tower.
    inner_first = np.radians(wrap_deg(azimuth_deg[first] - to_second))
    apex = np.radians(wrap_deg(azimuth_deg[second] - azimuth_deg[first]))
    sine = np.where(open_enough, np.sin(apex), 1.0)
    range_first = baseline * np.sin(wrap_rad(apex + inner_first)) / sine
    range_second = baseline * np.sin(inner_first) / sine
    ahead = open_enough & (range_first > 0) & (range_second > 0)
    if not ahead.any():
        return Refusal.DIVERGING
    reachable = ahead & (range_first <= reach_m[first]) & (range_second <= reach_m[second])
    if not reachable.any():
        return Refusal.OUT_OF_RANGE
    best = int(np.argmax(np.where(reachable, crossing, -1.0)))
    tower = first[best]
    lon, lat, _ = WGS84.fwd(lon_deg[tower], lat_deg[tower], azimuth_deg[tower], range_first[best])
    return float(lon), float(lat)


def wrap_rad(angle_rad: Floats) -> Floats:
    """Bring angles into [-pi, pi)."""
    return (angle_rad + np.pi) % (2.0 * np.pi) - np.pi
