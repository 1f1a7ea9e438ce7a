"""All slopes of a region at one instant."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from config.catalogue.model import SlopeNode
from simulators.world.ground.creep import Movement
from simulators.world.ground.mounting import Mounting
from simulators.world.ground.soil import Soil
from simulators.world.ground.stability import factor_of_safety, pore_pressure_kpa
from simulators.world.ground.water import Water
from simulators.world.happenings import Creep, WeakSlope

Floats = NDArray[np.float64]

LONGEST_STEP_S = 60.0
BURIED_S = 10_800.0
"""Time in which the ground at the depth of the sensors follows the air; own construction."""


class SlopeField:
    """Slopes of a region, moved on by `step`; arrays of shape (node,) in the catalogue's order.

    Attributes
    ----------
    time_s : float
        Simulation time. [s]
    soil, mounting
        What stays the same of the ground and of the sensors in it.
    water, movement
        What changes.
    factor_of_safety : ndarray
        Strength over stress. [-]
    pore_pressure_kpa : ndarray
        At the base of the soil, suction negative. [kPa]
    ground_temp_c : ndarray
        At the sensors; NaN before the first step. [°C]
    """

    def __init__(self, soil: Soil, mounting: Mounting, creeps: Sequence[Creep]) -> None:
        count = len(soil.depth_m)
        for number, creep in enumerate(creeps):
            if not 0 <= creep.node < count:
                raise ValueError(f"creeps[{number}].node: expected 0 to {count - 1}, was {creep.node}")
            if not (math.isfinite(creep.rate_deg_h) and creep.rate_deg_h >= 0):
                raise ValueError(f"creeps[{number}].rate_deg_h: expected at least 0, was {creep.rate_deg_h}")
        self.time_s = 0.0
        self.soil = soil
        self.mounting = mounting
        self._creeps = tuple(creeps)
        self.water = Water.drained(soil)
        self.movement = Movement.at_rest(count)
        self.ground_temp_c: Floats = np.full(count, np.nan)
        self.factor_of_safety = factor_of_safety(soil, self.water, self.movement.softened_frac)
        self.pore_pressure_kpa = pore_pressure_kpa(soil, self.water)

    @classmethod
    def build(
        cls, nodes: Sequence[SlopeNode], weak: Sequence[WeakSlope], creeps: Sequence[Creep], seed: int
    ) -> SlopeField:
        """Return drained slopes at rest at simulation time 0.

        Parameters
        ----------
        nodes
            Slope nodes in the catalogue's order.
        weak, creeps
            What is wrong with some of them.
        seed
            Seed of the run, at least 0.

        Raises
        ------
        ValueError
            If a weak slope or a creep names no node or makes no sense.
        """
        return cls(Soil.draw(nodes, weak, seed), Mounting.draw(nodes, seed), creeps)

    def __len__(self) -> int:
        return len(self.soil.depth_m)

    @property
    def failed_at_s(self) -> Floats:
        """When each slope failed; NaN while it stands [s]."""
        return self.movement.failed_at_s

    @property
    def creep_onset_s(self) -> Floats:
        """When the tertiary creep began that goes on or ended in failure; NaN where there is none [s]."""
        return np.where(np.isnan(self.movement.recovered_at_s), self.movement.onset_s, np.nan)

    @property
    def last_onset_s(self) -> Floats:
        """When tertiary creep began last, even if it is over; NaN while it never did [s]."""
        return self.movement.onset_s

    @property
    def recovered_at_s(self) -> Floats:
        """When the last tertiary creep ended without a failure; NaN while it goes on or never began [s]."""
        return self.movement.recovered_at_s

    @property
    def displacement_mm(self) -> Floats:
        """Movement along the slope since the start, never falling [mm]."""
        return self.movement.displacement_mm

    @property
    def rate_mm_h(self) -> Floats:
        """Rate of creep, what a scenario imposes left out; 0 after failure [mm/h]."""
        return self.movement.rate_mm_h

    @property
    def rain_mm(self) -> Floats:
        """Water that fell since the start [mm]."""
        return self.water.fallen_mm

    @property
    def moisture_frac(self) -> Floats:
        """Volumetric water content at the probes, shape (node, 3), from above [m³/m³]."""
        return self.water.moisture_frac(self.soil)

    @property
    def tilt_deg(self) -> Floats:
        """Tilt downhill since the start: the rod turns about its foot with the ground [deg]."""
        return np.minimum(np.degrees(self.displacement_mm / self.mounting.rod_mm), 90.0)

    def step(self, dt_s: float, rain_mm_h: Floats, temp_c: Floats) -> None:
        """Move the slopes on.

        Parameters
        ----------
        dt_s
            Length of the step, above 0; more than a minute is taken in parts. [s]
        rain_mm_h, temp_c
            Water that falls and temperature of the air during the step, shape (node,). [mm/h], [°C]

        Raises
        ------
        ValueError
            If the step is not above 0, or the weather has another shape, is not a number, or rains upwards.
        """
        if not (math.isfinite(dt_s) and dt_s > 0):
            raise ValueError(f"dt_s: expected a number above 0, was {dt_s}")
        for name, column in (("rain_mm_h", rain_mm_h), ("temp_c", temp_c)):
            if column.shape != self.soil.depth_m.shape:
                raise ValueError(f"{name}: expected shape {self.soil.depth_m.shape}, was {column.shape}")
            if not np.isfinite(column).all():
                raise ValueError(f"{name}: expected numbers, was {column[~np.isfinite(column)][0]}")
        if (rain_mm_h < 0).any():
            raise ValueError(f"rain_mm_h: expected at least 0, was {rain_mm_h.min()}")
        parts = math.ceil(dt_s / LONGEST_STEP_S)
        for _ in range(parts):
            self._advance(dt_s / parts, rain_mm_h, temp_c)

    def _advance(self, dt_s: float, rain_mm_h: Floats, temp_c: Floats) -> None:
        self.water.step(dt_s, rain_mm_h, temp_c, self.soil)
        self.pore_pressure_kpa = pore_pressure_kpa(self.soil, self.water)
        self.factor_of_safety = factor_of_safety(self.soil, self.water, self.movement.softened_frac)
        self.movement.step(dt_s, self.time_s, self.factor_of_safety, self._imposed_mm_h(), self.soil)
        known = np.where(np.isnan(self.ground_temp_c), temp_c, self.ground_temp_c)
        self.ground_temp_c = known + (temp_c - known) * -math.expm1(-dt_s / BURIED_S)
        self.time_s += dt_s

    def _imposed_mm_h(self) -> Floats:
        imposed: Floats = np.zeros(len(self))
        for creep in self._creeps:
            if creep.from_s <= self.time_s < creep.until_s:
                imposed[creep.node] += math.radians(creep.rate_deg_h) * self.mounting.rod_mm[creep.node]
        return imposed
