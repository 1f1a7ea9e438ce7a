"""Traffic with a known truth: a triangular diagram and a bottleneck whose queue grows and dissolves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.traffic.frame import StationFrame
from engine.traffic.layout import Layout

FREE_KMH = 100.0
WAVE_KMH = 18.0
JAM_VEH_KM = 140.0
PERIOD_S = 30.0
NS = 1_000_000_000


def queue_density(flow_veh_h_lane: float) -> float:
    """Density of queued traffic that lets so much through. [veh/km/lane]"""
    return JAM_VEH_KM - flow_veh_h_lane / WAVE_KMH


@dataclass(frozen=True)
class Bottleneck:
    """Demand against a capacity at one place; the tail moves by the shock between them."""

    layout: Layout
    place_m: float
    demand_veh_h_lane: float
    relief_veh_h_lane: float
    """Demand from ``relief_s`` on."""
    capacity_veh_h_lane: float
    onset_s: float
    relief_s: float

    def shock_m_s(self, demand: float) -> float:
        """Speed of the tail, negative upstream."""
        density = demand / FREE_KMH
        return (demand - self.capacity_veh_h_lane) / (density - queue_density(self.capacity_veh_h_lane)) / 3.6

    def tail_m(self, time_s: float) -> float:
        """Where the tail is; the place of the bottleneck when there is no queue."""
        grown = self.shock_m_s(self.demand_veh_h_lane) * max(0.0, min(time_s, self.relief_s) - self.onset_s)
        back = self.shock_m_s(self.relief_veh_h_lane) * max(0.0, time_s - self.relief_s)
        return min(self.place_m, self.place_m + grown + back)

    def frame(self, time_s: float, noise: NDArray[np.float64] | None = None) -> StationFrame:
        """What the stations see at the end of a period; noise multiplies the flow."""
        x = self.layout.chainage_m
        demand = self.demand_veh_h_lane if time_s < self.relief_s else self.relief_veh_h_lane
        tail = self.tail_m(time_s)
        congested = tail < self.place_m
        flow = np.where((x >= tail) & congested, self.capacity_veh_h_lane, demand)
        queued = (x >= tail) & (x <= self.place_m) & congested
        density = np.where(queued, queue_density(self.capacity_veh_h_lane), flow / FREE_KMH)
        factor = 1.0 if noise is None else noise
        flow, density = flow * factor, density * factor
        n_station = len(x)
        return StationFrame(
            time_ns=int(time_s) * NS,
            period_s=PERIOD_S,
            lanes_used=np.full(n_station, 3),
            flow_veh_h_lane=flow,
            density_veh_km_lane=density,
            speed_kmh=flow / density,
            occupancy_pct=density * 0.65,
            substituted=np.zeros(n_station, dtype=bool),
        )
