"""What congestion costs: time of people and goods, and carbon dioxide."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.thresholds import Sourced

Floats = NDArray[np.float64]

_LEAST_H = 1e-9
"""Less time than this is none: a speed from it would be beyond every curve. [veh h]"""
CURVE_KMH = (10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120)
"""Speeds at which the emission curves have a value."""


@dataclass(frozen=True)
class CostThresholds:
    """Value of time by class, and CO2 by speed; `CURVE_KMH` are the speeds of the curves."""

    car_business_krw_h: Sourced
    car_other_krw_h: Sourced
    car_business_share: Sourced
    bus_krw_h: Sourced
    truck_krw_h: Sourced
    bus_share_of_heavy: Sourced
    light_010_g_km: Sourced
    light_020_g_km: Sourced
    light_030_g_km: Sourced
    light_040_g_km: Sourced
    light_050_g_km: Sourced
    light_060_g_km: Sourced
    light_070_g_km: Sourced
    light_080_g_km: Sourced
    light_090_g_km: Sourced
    light_100_g_km: Sourced
    light_110_g_km: Sourced
    light_120_g_km: Sourced
    heavy_010_g_km: Sourced
    heavy_020_g_km: Sourced
    heavy_030_g_km: Sourced
    heavy_040_g_km: Sourced
    heavy_050_g_km: Sourced
    heavy_060_g_km: Sourced
    heavy_070_g_km: Sourced
    heavy_080_g_km: Sourced
    heavy_090_g_km: Sourced
    heavy_100_g_km: Sourced
    heavy_110_g_km: Sourced
    heavy_120_g_km: Sourced


@dataclass(frozen=True)
class Cost:
    """Of one period; arrays of the shape that was asked for, float64. NaN = unknown.

    Attributes
    ----------
    time_krw : ndarray
        Value of the vehicle-hours lost. [KRW]
    co2_kg, co2_excess_kg : ndarray
        Of all vehicles, and what of it the same vehicle-kilometres at the reference speed would not have made: negative
        where slower is cleaner. [kg]
    """

    time_krw: Floats
    co2_kg: Floats
    co2_excess_kg: Floats


def value_of_time_krw_h(heavy_share: Floats, thresholds: CostThresholds) -> Floats:
    """Return what an hour of the mean vehicle is worth.

    Parameters
    ----------
    heavy_share : ndarray, float64
        Heavy vehicles over vehicles, 0..1. NaN = unknown. [1]
    thresholds : CostThresholds
    """
    business = thresholds.car_business_share.value
    car = business * thresholds.car_business_krw_h.value + (1.0 - business) * thresholds.car_other_krw_h.value
    bus = thresholds.bus_share_of_heavy.value
    heavy = bus * thresholds.bus_krw_h.value + (1.0 - bus) * thresholds.truck_krw_h.value
    return (1.0 - heavy_share) * car + heavy_share * heavy


def co2_kg(distance_veh_km: Floats, time_veh_h: Floats, heavy_share: Floats, thresholds: CostThresholds) -> Floats:
    """Return the carbon dioxide of vehicles that drove so far in so long.

    Parameters
    ----------
    distance_veh_km, time_veh_h : ndarray, float64
        NaN = unknown. [veh km], [veh h]
    heavy_share : ndarray, float64
        0..1. [1]
    thresholds : CostThresholds

    Returns
    -------
    ndarray, float64
        Below the slowest speed of the curves the rate per hour is that of the slowest: a vehicle that stands burns by
        time, not by distance. Above the fastest, its rate per kilometre. [kg]

    Source
    ------
    Curves of average speed: see the table of thresholds. Engines' rate at a stand: own construction.
    """
    curve = np.array(CURVE_KMH, dtype=np.float64)
    light = np.array([getattr(thresholds, f"light_{speed:03d}_g_km").value for speed in CURVE_KMH])
    heavy = np.array([getattr(thresholds, f"heavy_{speed:03d}_g_km").value for speed in CURVE_KMH])
    known = ~np.isnan(distance_veh_km) & ~np.isnan(time_veh_h)
    speed = np.divide(
        distance_veh_km,
        time_veh_h,
        out=np.full(distance_veh_km.shape, curve[-1]),
        where=known & (time_veh_h > _LEAST_H),
    )
    rate = (1.0 - heavy_share) * np.interp(speed, curve, light) + heavy_share * np.interp(speed, curve, heavy)
    driven_km = np.where(speed < curve[0], time_veh_h * curve[0], distance_veh_km)
    return np.where(known, rate * driven_km / 1000.0, np.nan)


def congestion_cost(
    distance_veh_km: Floats,
    time_veh_h: Floats,
    delay_veh_h: Floats,
    reference_kmh: Floats,
    heavy_share: Floats,
    thresholds: CostThresholds,
) -> Cost:
    """Give delay its price, and congestion its carbon.

    Parameters
    ----------
    distance_veh_km, time_veh_h, delay_veh_h : ndarray, float64
        As in `TrafficState`. NaN = unknown. [veh km], [veh h], [veh h]
    reference_kmh : ndarray, float64
        The speed that the delay is against. [km/h]
    heavy_share : ndarray, float64
        0..1. [1]
    thresholds : CostThresholds

    Returns
    -------
    Cost

    Source
    ------
    Cost = delay · value of time by class, as in the Korean appraisal of road projects (KDI); values in the table.
    """
    emitted = co2_kg(distance_veh_km, time_veh_h, heavy_share, thresholds)
    freely = co2_kg(distance_veh_km, distance_veh_km / reference_kmh, heavy_share, thresholds)
    return Cost(
        time_krw=delay_veh_h * value_of_time_krw_h(heavy_share, thresholds),
        co2_kg=emitted,
        co2_excess_kg=emitted - freely,
    )
