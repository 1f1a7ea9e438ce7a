"""How good the traffic is at every station: density, level of service, status, delay, lost productivity."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.thresholds import Sourced, TrafficThresholds
from engine.traffic.frame import StationFrame
from engine.traffic.layout import Layout
from engine.traffic.stations import CongestionLevel, congestion_level

Floats = NDArray[np.float64]

_KM_PER_MILE = 1.609344
_LEAST_KMH = 0.1


class LevelOfService(enum.IntEnum):
    """Of the Highway Capacity Manual, by density, and not known."""

    UNKNOWN = -1
    A = 0
    B = 1
    C = 2
    D = 3
    E = 4
    F = 5


@dataclass(frozen=True)
class StateThresholds:
    """Of level of service, delay and productivity; densities in passenger cars per mile and lane."""

    service_a_pc_mi_lane: Sourced
    service_b_pc_mi_lane: Sourced
    service_c_pc_mi_lane: Sourced
    service_d_pc_mi_lane: Sourced
    service_e_pc_mi_lane: Sourced
    heavy_equivalent: Sourced
    """Passenger cars for one heavy vehicle."""
    heavy_share: Sourced
    """Where it is not measured."""
    reference_ratio: Sourced
    """Reference speed over speed limit."""
    congested_ratio: Sourced
    """Below this ratio to the reference speed, capacity that is not used is lost."""
    capacity_veh_h_lane: Sourced
    reach_m: Sourced
    """A station speaks for no more than so much of the road on either side."""


@dataclass(frozen=True)
class TrafficState:
    """One period, arrays of shape (n_station,), float64 unless said otherwise. NaN = unknown.

    Attributes
    ----------
    time_ns : int
        End of the period. [ns since 1970 UTC]
    flow_veh_h, density_veh_km : ndarray
        Over all lanes of the road. [veh/h], [veh/km]
    density_pc_km_lane : ndarray
        In passenger cars. [pc/km/lane]
    speed_kmh : ndarray
        Space mean. NaN also when nothing moved. [km/h]
    level_of_service : ndarray, int8
        A `LevelOfService` each.
    status : ndarray, int8
        A `CongestionLevel` each: the three colours.
    travel_time_index : ndarray
        Reference speed over speed: 1 at the reference, below 1 above it. [1]
    distance_veh_km, time_veh_h : ndarray
        Vehicle-kilometres and vehicle-hours of the period on the stretch that the station speaks for (VMT and VHT).
        [veh km], [veh h]
    delay_veh_h : ndarray
        Vehicle-hours more than at the reference speed; never negative. [veh h]
    lost_lane_km_h : ndarray
        Lane-kilometre-hours of capacity that congestion takes away. [lane km h]
    substituted : ndarray, bool
    """

    time_ns: int
    flow_veh_h: Floats
    density_veh_km: Floats
    density_pc_km_lane: Floats
    speed_kmh: Floats
    level_of_service: NDArray[np.int8]
    status: NDArray[np.int8]
    travel_time_index: Floats
    distance_veh_km: Floats
    time_veh_h: Floats
    delay_veh_h: Floats
    lost_lane_km_h: Floats
    substituted: NDArray[np.bool_]


def initial_status(n_station: int) -> NDArray[np.int8]:
    """Return the status before the first period: unknown."""
    return np.full(n_station, CongestionLevel.UNKNOWN, dtype=np.int8)


def traffic_state(
    previous: NDArray[np.int8],
    stations: StationFrame,
    layout: Layout,
    thresholds: StateThresholds,
    traffic: TrafficThresholds,
    heavy_share: Floats | None = None,
    reference_kmh: Floats | None = None,
) -> TrafficState:
    """Grade one period.

    Parameters
    ----------
    previous : ndarray, shape (n_station,), int8
        Status of the period before, for hysteresis; `initial_status` at first.
    stations : StationFrame
    layout : Layout
    thresholds : StateThresholds
    traffic : TrafficThresholds
    heavy_share : ndarray, shape (n_station,), float64, optional
        Heavy vehicles over vehicles, 0..1; NaN, and without it, ``thresholds.heavy_share``. [1]
    reference_kmh : ndarray, shape (n_station,), float64, optional
        Without it, the speed limit times ``thresholds.reference_ratio``. [km/h]

    Returns
    -------
    TrafficState
        ``status`` is the ``previous`` of the next call.

    Notes
    -----
    Where means are taken: flow and density add over lanes and average over length, because both are counts; speed is
    never averaged itself but is flow over density, which is the harmonic mean weighted by flow (space-mean speed).
    Vehicle-hours come from density, so that a queue that stands on a detector, without flow or speed, has its delay.

    Source
    ------
    Level of service: HCM, 6th ed., exh. 12-15, passenger cars by f_HV = 1/(1 + P(E − 1)), eq. 12-10. Delay and lost
    productivity: PeMS, delay = F·(L/v − L/v_ref), lost = (1 − flow/capacity)·lane-length·time while congested.
    """
    lanes = layout.lanes.astype(np.float64)
    flow, density = stations.flow_veh_h_lane * lanes, stations.density_veh_km_lane * lanes
    speed = stations.speed_kmh
    heavy = np.full(len(layout), thresholds.heavy_share.value)
    if heavy_share is not None:
        heavy = np.where(np.isnan(heavy_share), heavy, np.clip(heavy_share, 0.0, 1.0))
    reference = layout.speed_limit_kmh * thresholds.reference_ratio.value if reference_kmh is None else reference_kmh
    cars = stations.density_veh_km_lane * (1.0 + heavy * (thresholds.heavy_equivalent.value - 1.0))
    length_km = (np.add(*represented_m(layout, thresholds.reach_m.value))) / 1000.0
    hours = stations.period_s / 3600.0
    distance, time = flow * length_km * hours, density * length_km * hours
    index = np.divide(reference, speed, out=np.full(len(speed), np.nan), where=speed > _LEAST_KMH)
    congested = speed < thresholds.congested_ratio.value * reference
    unused = np.maximum(1.0 - stations.flow_veh_h_lane / thresholds.capacity_veh_h_lane.value, 0.0)
    standing = np.isnan(speed) & (stations.occupancy_pct >= traffic.jam_occupancy_pct.value)
    lost = np.where(congested | standing, unused, 0.0) * lanes * length_km * hours
    lost[np.isnan(flow)] = np.nan
    return TrafficState(
        time_ns=stations.time_ns,
        flow_veh_h=flow,
        density_veh_km=density,
        density_pc_km_lane=cars,
        speed_kmh=speed,
        level_of_service=level_of_service(cars, thresholds),
        status=congestion_level(speed, stations.occupancy_pct, layout.speed_limit_kmh, previous, traffic),
        travel_time_index=index,
        distance_veh_km=distance,
        time_veh_h=time,
        delay_veh_h=np.maximum(time - distance / reference, 0.0),
        lost_lane_km_h=lost,
        substituted=stations.substituted,
    )


def level_of_service(density_pc_km_lane: Floats, thresholds: StateThresholds) -> NDArray[np.int8]:
    """Grade densities.

    Parameters
    ----------
    density_pc_km_lane : ndarray, float64
        NaN = unknown. [pc/km/lane]
    thresholds : StateThresholds

    Returns
    -------
    ndarray, int8
        A `LevelOfService` each; a limit itself still belongs to the better level.

    Source
    ------
    HCM, 6th ed., exh. 12-15.
    """
    limits = np.array(
        [
            thresholds.service_a_pc_mi_lane.value,
            thresholds.service_b_pc_mi_lane.value,
            thresholds.service_c_pc_mi_lane.value,
            thresholds.service_d_pc_mi_lane.value,
            thresholds.service_e_pc_mi_lane.value,
        ]
    )
    level = np.searchsorted(limits, density_pc_km_lane * _KM_PER_MILE, side="left").astype(np.int8)
    level[np.isnan(density_pc_km_lane)] = LevelOfService.UNKNOWN
    return level


def represented_m(layout: Layout, reach_m: float) -> tuple[Floats, Floats]:
    """Return how much of the road up- and downstream each station speaks for.

    Parameters
    ----------
    layout : Layout
    reach_m : float
        At most so much on either side; at the ends of a corridor, as much as on the other side. [m]

    Returns
    -------
    up_m, down_m : ndarray, shape (n_station,), float64
        Half the way to the neighbour. A corridor of one station: the whole reach on both sides. [m]
    """
    half_down = layout.gap_m / 2.0
    half_up = np.full(len(layout), np.nan)
    has_up = layout.up >= 0
    half_up[has_up] = half_down[layout.up[has_up]]
    up = np.where(np.isnan(half_up), half_down, half_up)
    down = np.where(np.isnan(half_down), half_up, half_down)
    return np.minimum(np.nan_to_num(up, nan=np.inf), reach_m), np.minimum(np.nan_to_num(down, nan=np.inf), reach_m)
