"""Slopes that wet, dry and, where told, creep; and what their sensor nodes measure. Own construction."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulators.world.demand import DAY_S
from simulators.world.weather import RAIN_TIP_MM

Floats = NDArray[np.float64]

TILT_NOISE_DEG = 0.002
"""Noise of a MEMS tilt sample, standard deviation; a usual figure for buried units [deg]."""
DEPTHS = 3
_WETTING_PER_MM = np.array([0.0018, 0.0010, 0.0005])
_DRAINING_S = np.array([24.0, 60.0, 120.0]) * 3600.0
POROSITY_FRAC = 0.46


@dataclass(frozen=True)
class Nodes:
    """What stays the same of the nodes of a set; shape (node,) unless said otherwise."""

    tilt_deg: Floats
    """Shape (node, 2). How the node was put in [deg]."""
    drift_deg_c: Floats
    """Shape (node, 2). Apparent tilt per degree of warming [deg/°C]."""
    direction: Floats
    """Shape (node, 2). Unit vector of downhill in the node's axes."""
    rain_factor: Floats
    dry_frac: Floats
    """Shape (node, depth). Soil moisture to which the ground drains."""
    pressure_kpa: Floats
    """Pore pressure of the drained ground [kPa]."""
    battery_v: Floats
    rssi_dbm: Floats

    @classmethod
    def draw(cls, count: int, rng: np.random.Generator) -> Nodes:
        """Draw nodes that were put in by hand and differ a little."""
        angle = rng.uniform(0.0, 2 * np.pi, count)
        return cls(
            tilt_deg=rng.normal(0.0, 0.4, (count, 2)),
            drift_deg_c=rng.normal(0.0, 0.0003, (count, 2)),
            direction=np.stack([np.cos(angle), np.sin(angle)], axis=1),
            rain_factor=rng.uniform(0.75, 1.25, count),
            dry_frac=np.sort(rng.uniform(0.16, 0.28, (count, DEPTHS)), axis=1),
            pressure_kpa=rng.uniform(-12.0, -3.0, count),
            battery_v=rng.uniform(3.75, 4.05, count),
            rssi_dbm=rng.uniform(-112.0, -78.0, count),
        )


@dataclass(frozen=True)
class SlopeState:
    """Slopes at one instant.

    Attributes
    ----------
    time_s
        Simulation time. [s]
    rain_mm : ndarray, shape (node,)
        Rain since the start. [mm]
    rain_mm_h : ndarray, shape (node,)
        Rain rate during the last step. [mm/h]
    wetness_frac : ndarray, shape (node, depth)
        Soil moisture above the drained state.
    creep_deg : ndarray, shape (node,)
        Tilt downhill since the start. [deg]
    creep_deg_h : ndarray, shape (node,)
        Its rate during the last step. [deg/h]
    """

    time_s: float
    rain_mm: Floats
    rain_mm_h: Floats
    wetness_frac: Floats
    creep_deg: Floats
    creep_deg_h: Floats


class SlopeReadings(NamedTuple):
    """What nodes measure, shape (n,), soil moisture (n, depth)."""

    rain_mm_total: Floats
    tilt_x_deg: Floats
    tilt_y_deg: Floats
    soil_moisture_frac: Floats
    pore_pressure_kpa: Floats
    battery_v: Floats
    rssi_dbm: Floats


def start(nodes: Nodes) -> SlopeState:
    """Return drained slopes at rest."""
    n = len(nodes.rain_factor)
    return SlopeState(0.0, np.zeros(n), np.zeros(n), np.zeros((n, DEPTHS)), np.zeros(n), np.zeros(n))


def step(state: SlopeState, dt_s: float, nodes: Nodes, rain_mm_h: float, creep_deg_h: Floats) -> SlopeState:
    """Move slopes on by ``dt_s`` seconds under rain [mm/h] and creep of shape (node,) [deg/h]."""
    rate = rain_mm_h * nodes.rain_factor
    fallen_mm = rate * dt_s / 3600.0
    wetness = state.wetness_frac * np.exp(-dt_s / _DRAINING_S) + fallen_mm[:, np.newaxis] * _WETTING_PER_MM
    return replace(
        state,
        time_s=state.time_s + dt_s,
        rain_mm=state.rain_mm + fallen_mm,
        rain_mm_h=rate,
        wetness_frac=np.minimum(wetness, POROSITY_FRAC - nodes.dry_frac),
        creep_deg=state.creep_deg + creep_deg_h * dt_s / 3600.0,
        creep_deg_h=creep_deg_h.copy(),
    )


def read(
    state: SlopeState,
    nodes: Nodes,
    temp_c: float,
    time_of_day_s: float,
    which: NDArray[np.int64],
    rng: np.random.Generator,
) -> SlopeReadings:
    """Return what some nodes measure now; ``temp_c`` is the air temperature, which tilt sensors feel a little."""
    n = len(which)
    moved = state.creep_deg[which, np.newaxis] * nodes.direction[which]
    tilt = nodes.tilt_deg[which] + moved + nodes.drift_deg_c[which] * (temp_c - 13.0)
    tilt = np.clip(tilt + rng.normal(0.0, TILT_NOISE_DEG, (n, 2)), -180.0, 180.0)
    wetness = state.wetness_frac[which]
    moisture = np.clip(nodes.dry_frac[which] + wetness + rng.normal(0.0, 0.001, wetness.shape), 0.0, 1.0)
    sun = np.cos(2 * np.pi * (time_of_day_s / DAY_S - 15 / 24))
    return SlopeReadings(
        rain_mm_total=np.round(np.floor(state.rain_mm[which] / RAIN_TIP_MM + 1e-9) * RAIN_TIP_MM, 1),
        tilt_x_deg=np.round(tilt[:, 0], 4),
        tilt_y_deg=np.round(tilt[:, 1], 4),
        soil_moisture_frac=np.round(moisture, 3),
        pore_pressure_kpa=np.round(nodes.pressure_kpa[which] + 140.0 * wetness[:, -1] + rng.normal(0.0, 0.05, n), 2),
        battery_v=np.round(nodes.battery_v[which] + 0.05 * sun + rng.normal(0.0, 0.004, n), 2),
        rssi_dbm=np.round(nodes.rssi_dbm[which] + rng.normal(0.0, 2.5, n), 0),
    )
